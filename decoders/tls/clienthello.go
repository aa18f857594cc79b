package tls

import (
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// clientHello is a ClientHello (RFC 8446 section 4.1.2) as it lies in the
// message: all bytes are borrowed.
type clientHello struct {
	version            uint16 // legacy_version
	random, session    []byte
	suites             []byte // two bytes each; three in the SSL 2 form
	ssl2               bool   // CLIENT-HELLO of SSL 2 (RFC 5246 appendix E.2)
	exts               []byte
	alpn               []byte // the list
	name               []byte
	groups, signatures []byte
	formats            []byte
	versions           []byte
	ticket             bool // a session ticket (RFC 5077 section 3.2) is offered
	psk, early, ech    bool
	short              bool // the lists are not whole: there is no fingerprint
	fault              string
}

func parseClientHello(body []byte) (h clientHello) {
	c := cursor{b: body}
	h.version = c.u16()
	h.random = c.take(32)
	h.session = c.vector(1)
	h.suites = c.vector(2)
	c.vector(1) // compression
	if !c.short && c.more() {
		h.exts = c.vector(2)
	}
	switch {
	case c.short:
		h.short, h.fault = true, "client hello: a length reaches beyond its end"
	case c.more():
		h.fault = "client hello: bytes behind its end"
	case len(h.suites)%2 != 0:
		h.fault = "client hello: half a cipher suite"
	}
	h.suites = h.suites[:len(h.suites)&^1]
	if !eachExtension(h.exts, h.extension) && h.fault == "" {
		h.fault = "client hello: an extension reaches beyond its end"
	}
	return h
}

// extension reads one extension. Lists that end early give what is there.
func (h *clientHello) extension(typ uint16, body []byte) {
	c := cursor{b: body}
	switch typ {
	case extServerName: // RFC 6066 section 3
		list := cursor{b: c.vector(2)}
		for h.name == nil && list.more() {
			kind := list.num(1)
			if name := list.vector(2); kind == 0 {
				h.name = name
			}
		}
	case extALPN: // RFC 7301 section 3.1
		h.alpn = c.vector(2)
	case extGroups: // RFC 8446 section 4.2.7
		h.groups = even(c.vector(2))
	case extPointFormats: // RFC 8422 section 5.1.2
		h.formats = c.vector(1)
	case extSignatures: // RFC 8446 section 4.2.3
		h.signatures = even(c.vector(2))
	case extSupportedVersions: // RFC 8446 section 4.2.1
		h.versions = even(c.vector(1))
	case extSessionTicket:
		h.ticket = len(body) > 0
	case extPreSharedKey:
		h.psk = true
	case extEarlyData:
		h.early = true
	case extECH, extESNI:
		h.ech = true
	}
}

func even(b []byte) []byte { return b[:len(b)&^1] }

// eachExtension walks a list of extensions; false where one does not fit. The
// one that does not is told by its type alone.
func eachExtension(b []byte, f func(typ uint16, body []byte)) bool {
	c := cursor{b: b}
	for c.more() {
		typ := c.num(2)
		if c.short {
			return false
		}
		body := c.vector(2)
		if c.short {
			body = nil
		}
		f(uint16(typ), body)
	}
	return !c.short
}

// parseSSL2Hello reads the CLIENT-HELLO of SSL 2, its type byte included.
func parseSSL2Hello(msg []byte) (h clientHello) {
	h.ssl2 = true
	c := cursor{b: msg[1:]}
	h.version = c.u16()
	suites, session, challenge := c.num(2), c.num(2), c.num(2)
	h.suites = c.take(suites)
	h.session = c.take(session)
	h.random = c.take(challenge)
	switch {
	case c.short:
		h.fault = "client hello: a length reaches beyond its end"
	case c.more():
		h.fault = "client hello: bytes behind its end"
	case len(h.suites)%3 != 0:
		h.fault = "client hello: half a cipher suite"
	}
	h.suites = h.suites[:len(h.suites)/3*3]
	return h
}

// highest is the highest version that the client offers. Drafts of 1.3 are
// below it.
func (h *clientHello) highest() uint16 {
	best := uint16(0)
	for b := h.versions; len(b) > 0; b = b[2:] {
		if v := u16(b); rank(v) > rank(best) {
			best = v
		}
	}
	if best == 0 {
		return h.version
	}
	return best
}

func rank(v uint16) int {
	switch {
	case isGREASE(v):
		return -1
	case v>>8 == 0x03:
		return int(v) << 8
	case is13(v):
		return 0x0303<<8 | int(v&0xff)
	}
	return int(v & 0xff)
}

// resumes says that the client offers to go on with an earlier session: with
// a ticket, a pre-shared key or, where it cannot mean TLS 1.3's compatibility
// mode (RFC 8446 appendix D.4), a session ID.
func (h *clientHello) resumes() bool {
	return h.ticket || h.psk || len(h.session) > 0 && !is13(h.highest())
}

// event is h as it is told.
func (h *clientHello) event(quic bool) *events.TLSClientHello {
	e := &events.TLSClientHello{
		Version: Version(h.highest()), SNI: string(h.name), CipherSuites: []string{}, Extensions: []string{},
		SessionID: hex.EncodeToString(h.session), Random: hex.EncodeToString(h.random),
		Resumes: h.resumes(), EarlyData: h.early, ECH: h.ech,
	}
	for c := (cursor{b: h.alpn}); c.more(); {
		e.ALPN = append(e.ALPN, string(c.vector(1)))
	}
	if h.ssl2 {
		for b := h.suites; len(b) > 0; b = b[3:] {
			e.CipherSuites = append(e.CipherSuites, ssl2Suite(b))
		}
	} else {
		e.CipherSuites = names(h.suites, CipherSuite)
	}
	eachExtension(h.exts, func(typ uint16, _ []byte) { e.Extensions = append(e.Extensions, Extension(typ)) })
	e.SupportedVersions = names(h.versions, Version)
	e.Groups = names(h.groups, Group)
	if !h.ssl2 && !h.short {
		e.JA3Full = h.ja3()
		e.JA3 = md5Hex(e.JA3Full)
		e.JA4 = h.ja4(quic)
	}
	return e
}

func names(b []byte, name func(uint16) string) []string {
	if len(b) == 0 {
		return nil
	}
	out := make([]string, 0, len(b)/2)
	for ; len(b) > 0; b = b[2:] {
		out = append(out, name(u16(b)))
	}
	return out
}

// ssl2Suite is a cipher of three bytes: a suite of today, or a cipher kind of
// SSL 2 itself.
func ssl2Suite(b []byte) string {
	if b[0] == 0 {
		return CipherSuite(u16(b[1:]))
	}
	switch [3]byte(b) {
	case [3]byte{1, 0, 0x80}:
		return "SSL_CK_RC4_128_WITH_MD5"
	case [3]byte{2, 0, 0x80}:
		return "SSL_CK_RC4_128_EXPORT40_WITH_MD5"
	case [3]byte{3, 0, 0x80}:
		return "SSL_CK_RC2_128_CBC_WITH_MD5"
	case [3]byte{4, 0, 0x80}:
		return "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"
	case [3]byte{5, 0, 0x80}:
		return "SSL_CK_IDEA_128_CBC_WITH_MD5"
	case [3]byte{6, 0, 0x40}:
		return "SSL_CK_DES_64_CBC_WITH_MD5"
	case [3]byte{7, 0, 0xc0}:
		return "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"
	case [3]byte{8, 0, 0x80}:
		return "SSL_CK_RC4_64_WITH_MD5"
	}
	return "0x" + string([]byte{digits[b[0]>>4], digits[b[0]&15]}) + hex16(u16(b[1:]))[2:]
}

// tellClientHello takes a ClientHello into the progress of the handshake and
// tells it.
func (c *call) tellClientHello(h clientHello, first decoders.Mark) {
	s := c.s
	s.progress.clientHello(&h, first, c.w.Frame)
	if h.fault != "" {
		c.violation(h.fault)
	}
	if s.env.Want.Has(events.KindTLSClientHello) {
		e := h.event(s.quic)
		e.FirstFrame = first.Frame
		c.out.Emit(c.w.From, e)
	}
}
