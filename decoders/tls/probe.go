package tls

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// leastSealed is the least length of what is encrypted: a tag or MAC, if
// nothing else (RFC 5246 section 6.2.3, RFC 8446 section 5.2).
const leastSealed = 16

// probe: a hello in a record is certain. Without a hello (a connection joined
// midway) two records in a row are, and one that ends where the bytes do.
func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return probeSSL2(from, b)
	}
	size, ok := recordHeader(b)
	if !ok || len(b) > 0 && b[0] == typeHeartbeat {
		return decoders.No, from
	}
	if len(b) < 5 {
		return decoders.Maybe, from
	}
	if b[0] == typeHandshake {
		if v, who := probeHello(from, b[5:], size); v != decoders.No {
			return v, who
		}
	}
	if b[0] == typeAlert && size == 2 && len(b) >= 7 {
		if b[5] != 1 && b[5] != 2 || !knownAlert(b[6]) {
			return decoders.No, from
		}
		return decoders.Yes, from
	}
	if b[0] == typeChangeCipherSpec && len(b) > 5 && b[5] != 1 {
		return decoders.No, from
	}
	// One whole record and nothing else: a long idle connection.
	if size == len(b)-5 && b[1] == 3 && (size >= leastSealed || b[0] == typeChangeCipherSpec) {
		return decoders.Yes, from
	}
	// A second record behind the first.
	if rest := b[min(5+size, len(b)):]; len(rest) >= 5 {
		if _, ok := recordHeader(rest); ok && rest[1] == b[1] && rest[2] == b[2] {
			return decoders.Yes, from
		}
		return decoders.No, from
	}
	return decoders.Maybe, from
}

// probeHello looks at the body of a handshake record. No: it is another
// message.
func probeHello(from events.Dir, m []byte, record int) (decoders.Verdict, events.Dir) {
	switch {
	case len(m) == 0:
		return decoders.Maybe, from
	case m[0] != typeClientHello && m[0] != typeServerHello || record < 38:
		// The shortest hello: 4 of header, 2 of version, 32 of random.
		return decoders.No, from
	case len(m) < 6:
		return decoders.Maybe, from
	}
	// A post-quantum ClientHello is about 2 KB; one that fills several
	// records has been seen in tests only.
	if size := u24(m[1:]); size < 34 || size > 1<<17 || m[4] != 3 && m[4] != 0x7f || m[4] == 3 && m[5] > 4 {
		return decoders.No, from
	}
	if m[0] == typeClientHello {
		return decoders.Yes, events.FromClient
	}
	return decoders.Yes, events.FromServer
}

// probeSSL2: a CLIENT-HELLO of SSL 2, mostly one for SSL 3 or TLS in the old
// form (RFC 5246 appendix E.2). Its lengths must fit exactly.
func probeSSL2(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	switch {
	case len(b) > 2 && b[2] != typeClientHello, len(b) >= 5 && !ssl2Front(b):
		return decoders.No, from
	case len(b) < 11:
		return decoders.Maybe, from
	}
	size := int(u16(b) & 0x7fff)
	ciphers, session, challenge := int(u16(b[5:])), int(u16(b[7:])), int(u16(b[9:]))
	if ciphers == 0 || ciphers%3 != 0 || session != 0 && session != 16 || challenge < 16 || challenge > 32 || size != 9+ciphers+session+challenge {
		return decoders.No, from
	}
	return decoders.Yes, events.FromClient
}
