package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	tlsdecoder "github.com/wiretale/wiretale/decoders/tls"
	"github.com/wiretale/wiretale/events"
)

// tls is what TLS shows in clear over TCP, and inside QUIC.
var tls = protocol{
	name:    "tls",
	kinds:   []events.Kind{events.KindTLSClientHello, events.KindTLSServerHello, events.KindTLSCertificate, events.KindTLSAlert},
	reader:  func() reader { return &tlsReader{told: map[hello]uint64{}, heard: map[events.StreamKey]bool{}} },
	decoded: true,
	outside: noTLS,
	extra:   []string{"tcp.segment"},
	later:   "tcp.segment",
	fields: []field{
		// Of the other messages wiretale tells nothing by themselves; of a
		// Certificate, its certificates.
		{name: "tls.handshake.type", wire: oneOf("1", "2"), of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				add("1")
			} else {
				add("2")
			}
		})},
		{name: "tls.handshake.version", of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				add(legacyVersion(c.JA3Full, c.Version))
			} else {
				add(legacyVersion(s.JA3SFull, s.Version))
			}
		})},
		{name: "tls.handshake.random", wire: plainHex, of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil && c.JA3 != "" { // the challenge of the old form is another field
				add(c.Random)
			} else if s != nil {
				add(s.Random)
			}
		})},
		{name: "tls.handshake.session_id", wire: plainHex, of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				add(c.SessionID)
			} else {
				add(s.SessionID)
			}
		})},
		{name: "tls.handshake.ciphersuite", wire: named(tlsdecoder.CipherSuite), of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			switch {
			case s != nil:
				add(s.CipherSuite)
			case c.JA3 != "":
				each(c.CipherSuites, add)
			}
		})},
		{name: "tls.handshake.extension.type", wire: named(tlsdecoder.Extension), of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				each(c.Extensions, add)
			} else {
				each(s.Extensions, add)
			}
		})},
		{name: "tls.handshake.extensions_server_name", of: clientHello(func(c *events.TLSClientHello, add func(string)) { add(shownASCII(c.SNI)) })},
		{name: "tls.handshake.extensions_alpn_str", of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				for _, p := range c.ALPN {
					add(shownASCII(p))
				}
			} else {
				add(shownASCII(s.ALPN))
			}
		})},
		{name: "tls.handshake.extensions_supported_group", wire: named(tlsdecoder.Group), of: clientHello(func(c *events.TLSClientHello, add func(string)) { each(c.Groups, add) })},
		{name: "tls.handshake.extensions.supported_version", wire: named(tlsdecoder.Version), of: hellos(func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if c != nil {
				each(c.SupportedVersions, add)
			} else if slices.Contains(s.Extensions, "supported_versions") {
				add(s.Version)
			}
		})},
		{name: "tls.handshake.extensions_key_share_selected_group", wire: named(tlsdecoder.Group), of: hellos(func(_ *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if s != nil && s.Retry {
				add(s.Group)
			}
		})},
		{name: "tls.handshake.ja3_full", of: clientHello(func(c *events.TLSClientHello, add func(string)) { add(c.JA3Full) })},
		{name: "tls.handshake.ja3", of: clientHello(func(c *events.TLSClientHello, add func(string)) { add(c.JA3) })},
		{name: "tls.handshake.ja3s_full", of: hellos(func(_ *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if s != nil {
				add(s.JA3SFull)
			}
		})},
		{name: "tls.handshake.ja3s", of: hellos(func(_ *events.TLSClientHello, s *events.TLSServerHello, add func(string)) {
			if s != nil {
				add(s.JA3S)
			}
		})},
		{name: "tls.handshake.certificate", wire: hashOfHex, of: certificate(func(c *events.TLSCertificate, add func(string)) { add(c.SHA256) })},
		{name: "tls.handshake.certificate_length", of: certificate(func(c *events.TLSCertificate, add func(string)) { add(strconv.Itoa(c.Bytes)) })},
		{name: "x509af.serialNumber", wire: serialNumber, of: certificate(func(c *events.TLSCertificate, add func(string)) { add(c.Serial) })},
		{name: "x509ce.dNSName", of: certificate(func(c *events.TLSCertificate, add func(string)) {
			for _, n := range c.Names {
				if _, err := netip.ParseAddr(n); err != nil && !strings.ContainsAny(n, "@:") {
					add(n)
				}
			}
		})},
		{name: "tls.alert_message.level", of: clearAlert(func(a *events.TLSAlert) string { return map[string]string{"warning": "1", "fatal": "2"}[a.Level] })},
		{name: "tls.alert_message.desc", wire: func(v string) string {
			n, err := strconv.ParseUint(v, 10, 8)
			if err != nil {
				return v
			}
			return tlsdecoder.Alert(byte(n))
		}, of: clearAlert(func(a *events.TLSAlert) string { return a.Description })},
	},
}

// noTLS leaves out TLS in carriers that wiretale does not read, and what is
// no TLS at all but has certificates.
func noTLS(path []string) string {
	if why := quoted(path); why != "" {
		return why
	}
	for _, p := range path {
		switch p {
		case "openvpn", "rdpudp", "socks", "eap", "sctp", "dtls", "tds":
			return "TLS in " + p
		}
	}
	if !slices.Contains(path, "tls") {
		return "certificates without TLS"
	}
	return ""
}

// tlsRandom is the place of tls.handshake.random among the fields.
const tlsRandom = 2

// hello is a hello on a stream, by its random.
type hello struct {
	stream events.StreamKey
	random string
}

// tlsReader tells messages where they end.
type tlsReader struct {
	plain
	told  map[hello]uint64 // the frame
	heard map[events.StreamKey]bool
}

func (r *tlsReader) event(e *events.Event, tell func(message)) {
	r.heard[e.Key()] = true
	switch b := e.Body.(type) {
	case *events.TLSClientHello:
		r.told[hello{e.Key(), b.Random}] = e.Pos.Frame
	case *events.TLSServerHello:
		r.told[hello{e.Key(), b.Random}] = e.Pos.Frame
	}
	r.plain.event(e, tell)
}

// startTLS are protocols behind which TLS begins, and which are not read.
var startTLS = []string{"pgsql", "mysql", "ldap", "pcp", "adb"}

func (r *tlsReader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	path := strings.Split(f.path, ":")
	if d.Side != OnlyTshark || !f.ok {
		return ""
	}
	if d.Field == "x509af.serialNumber" && slices.Contains(path, "ocsp") {
		// What a server staples to its certificate has numbers too.
		return "serial numbers in OCSP responses"
	}
	if slices.Contains(path, "quic") {
		for i := range its.decoded {
			for _, random := range its.values[cell{d.Frame, i, tlsRandom}] {
				if at, ok := r.told[hello{f.stream, random}]; ok && at < d.Frame {
					return "hellos that were sent again in QUIC"
				}
			}
		}
		return ""
	}
	if r.heard[f.stream] {
		return ""
	}
	for _, g := range its.frames {
		if last := g.path[strings.LastIndexByte(g.path, ':')+1:]; g.ok && g.stream == f.stream && slices.Contains(startTLS, last) {
			return "TLS behind a protocol that wiretale does not read"
		}
	}
	return ""
}

func hellos(f func(c *events.TLSClientHello, s *events.TLSServerHello, add func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event == nil {
			return
		}
		switch b := m.event.Body.(type) {
		case *events.TLSClientHello:
			f(b, nil, add)
		case *events.TLSServerHello:
			f(nil, b, add)
		}
	}
}

func clientHello(f func(*events.TLSClientHello, func(string))) func(*message, func(string)) {
	return hellos(func(c *events.TLSClientHello, _ *events.TLSServerHello, add func(string)) {
		if c != nil {
			f(c, add)
		}
	})
}

func certificate(f func(*events.TLSCertificate, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event != nil {
			if c, ok := m.event.Body.(*events.TLSCertificate); ok {
				f(c, add)
			}
		}
	}
}

func clearAlert(f func(*events.TLSAlert) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event != nil {
			if a, ok := m.event.Body.(*events.TLSAlert); ok && !a.Encrypted {
				add(f(a))
			}
		}
	}
}

func each(vs []string, add func(string)) {
	for _, v := range vs {
		add(v)
	}
}

// legacyVersion is the version in the hello itself: the first number of a
// JA3, or where there is none the version's own.
func legacyVersion(ja3, version string) string {
	first, _, _ := strings.Cut(ja3, ",")
	if n, err := strconv.ParseUint(first, 10, 16); err == nil {
		return fmt.Sprintf("0x%04x", n)
	}
	for v := range uint16(5) {
		if tlsdecoder.Version(0x0300+v) == version {
			return fmt.Sprintf("0x%04x", 0x0300+v)
		}
	}
	return "0x0002"
}

func oneOf(values ...string) func(string) string {
	return func(v string) string {
		if slices.Contains(values, v) {
			return v
		}
		return ""
	}
}

// named is a number of tshark's by its name.
func named(name func(uint16) string) func(string) string {
	return func(v string) string {
		n, err := strconv.ParseUint(v, 0, 16)
		if err != nil {
			return v
		}
		return name(uint16(n))
	}
}

func plainHex(v string) string { return strings.ReplaceAll(v, ":", "") }

// hashOfHex is the SHA-256 of bytes in hexadecimal.
func hashOfHex(v string) string {
	b, err := hex.DecodeString(plainHex(v))
	if err != nil {
		return v
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// serialNumber is a number in hexadecimal without leading zero bytes.
func serialNumber(v string) string {
	v = strings.TrimPrefix(plainHex(v), "0x")
	for len(v) > 2 && v[:2] == "00" {
		v = v[2:]
	}
	return v
}
