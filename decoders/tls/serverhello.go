package tls

import (
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// retryRandom is the random of a ServerHello that is a HelloRetryRequest (RFC
// 8446 section 4.1.3): the SHA-256 of "HelloRetryRequest".
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// serverHello is a ServerHello (RFC 8446 section 4.1.3) as it lies in the
// message: all bytes are borrowed.
type serverHello struct {
	version         uint16 // legacy_version
	chosen          uint16 // supported_versions, or legacy_version
	random, session []byte
	suite           uint16
	exts            []byte
	alpn            []byte
	group           uint16 // 0: none was named
	psk, retry      bool
	short           bool // not whole: there is no fingerprint
	fault           string
}

func parseServerHello(body []byte) (h serverHello) {
	c := cursor{b: body}
	h.version = c.u16()
	h.chosen = h.version
	h.random = c.take(32)
	h.retry = string(h.random) == retryRandom
	// The drafts of TLS 1.3 before 22 had neither session nor compression.
	old := h.version>>8 == 0x7f
	if !old {
		h.session = c.vector(1)
	}
	h.suite = c.u16()
	if !old {
		c.take(1) // compression
	}
	h.rest(&c)
	return h
}

// parseRetryDraft reads the HelloRetryRequest of the drafts before 22, which
// had a type of its own; that of draft 18 named no suite.
func parseRetryDraft(body []byte) (h serverHello) {
	c := cursor{b: body}
	h.retry = true
	h.version = c.u16()
	h.chosen = h.version
	if h.version != 0x7f12 {
		h.suite = c.u16()
	}
	h.rest(&c)
	return h
}

func (h *serverHello) rest(c *cursor) {
	if !c.short && c.more() {
		h.exts = c.vector(2)
	}
	switch {
	case c.short:
		h.short, h.fault = true, "server hello: a length reaches beyond its end"
	case c.more():
		h.fault = "server hello: bytes behind its end"
	}
	if !eachExtension(h.exts, h.extension) && h.fault == "" {
		h.fault = "server hello: an extension reaches beyond its end"
	}
}

func (h *serverHello) extension(typ uint16, body []byte) {
	c := cursor{b: body}
	switch typ {
	case extSupportedVersions:
		if v := c.u16(); !c.short {
			h.chosen = v
		}
	case extALPN:
		list := cursor{b: c.vector(2)}
		h.alpn = list.vector(1)
	case extKeyShare, extKeyShareDraft: // a whole entry, or the group alone in a retry
		h.group = c.u16()
	case extPreSharedKey:
		h.psk = true
	}
}

// event is h as it is told. resumed is what the progress makes of it.
func (h *serverHello) event(resumed bool) *events.TLSServerHello {
	e := &events.TLSServerHello{
		Version: Version(h.chosen), CipherSuite: CipherSuite(h.suite), ALPN: string(h.alpn),
		SessionID: hex.EncodeToString(h.session), Random: hex.EncodeToString(h.random),
		Resumed: resumed, Retry: h.retry,
	}
	eachExtension(h.exts, func(typ uint16, _ []byte) { e.Extensions = append(e.Extensions, Extension(typ)) })
	if h.retry && h.suite == 0 {
		e.CipherSuite = ""
	}
	if h.group != 0 {
		e.Group = Group(h.group)
	}
	if !h.short {
		e.JA3SFull = h.ja3s()
		e.JA3S = md5Hex(e.JA3SFull)
	}
	return e
}

// tellServerHello takes a ServerHello into the progress of the handshake and
// tells it.
func (c *call) tellServerHello(h serverHello, first decoders.Mark) {
	p := &c.s.progress
	resumed, sure := p.serverHello(&h)
	if h.fault != "" {
		c.violation(h.fault)
	}
	if !c.s.env.Want.Has(events.KindTLSServerHello) {
		return
	}
	e := h.event(resumed)
	e.FirstFrame, e.RequestFrame = first.Frame, p.helloFrame
	if sure {
		c.out.Emit(c.w.From, e)
	} else {
		c.out.Truncated(c.w.From, e)
	}
}
