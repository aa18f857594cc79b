package opaque

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Content types of TLS records (RFC 8446 section 5.1).
const (
	changeCipherSpec = 20
	alert            = 21
	handshake        = 22
	applicationData  = 23
)

// Handshake types (RFC 8446 section 4).
const (
	clientHello        = 1
	serverHello        = 2
	helloVerifyRequest = 3 // DTLS only (RFC 6347 section 4.3.2)
)

// maxRecord is the largest length of a TLS record: 2^14 and what TLS 1.2
// allows compression and encryption to add (RFC 5246 section 6.2.3).
const maxRecord = 1<<14 + 2048

// probeTLS: a hello in a record is certain. Without a hello (a connection
// joined midway) two records in a row are.
func probeTLS(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return probeSSL2(from, b)
	}
	size, ok := tlsRecord(b)
	if !ok {
		return decoders.No, from
	}
	if len(b) < 5 {
		return decoders.Maybe, from
	}
	if b[0] == handshake {
		if v, who := hello(from, b[5:], size); v != decoders.No {
			return v, who
		}
	}
	if b[0] == alert && size == 2 && len(b) >= 7 && (b[5] == 1 || b[5] == 2) {
		return decoders.Yes, from
	}
	if b[0] == changeCipherSpec && (size != 1 || len(b) > 5 && b[5] != 1) {
		return decoders.No, from
	}
	// A second record behind the first.
	if rest := b[min(5+size, len(b)):]; len(rest) >= 5 {
		if _, ok := tlsRecord(rest); ok && rest[1] == b[1] && rest[2] == b[2] {
			return decoders.Yes, from
		}
		return decoders.No, from
	}
	return decoders.Maybe, from
}

// tlsRecord checks as much of a record header as is there.
func tlsRecord(b []byte) (size int, ok bool) {
	switch {
	case len(b) > 0 && (b[0] < changeCipherSpec || b[0] > applicationData),
		len(b) > 1 && b[1] != 3,
		len(b) > 2 && b[2] > 4:
		return 0, false
	case len(b) < 5:
		return 0, true
	}
	size = int(binary.BigEndian.Uint16(b[3:]))
	return size, size > 0 && size <= maxRecord
}

// hello looks at the body of a handshake record. No: it is another message.
func hello(from events.Dir, m []byte, record int) (decoders.Verdict, events.Dir) {
	switch {
	case len(m) == 0:
		return decoders.Maybe, from
	case m[0] != clientHello && m[0] != serverHello || record < 38:
		// The shortest hello: 4 of header, 2 of version, 32 of random.
		return decoders.No, from
	case len(m) < 6:
		return decoders.Maybe, from
	}
	size := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
	// A post-quantum ClientHello is about 2 KB; one that fills several
	// records has been seen in tests only.
	if size < 34 || size > 1<<17 || m[4] != 3 || m[5] > 4 {
		return decoders.No, from
	}
	if m[0] == clientHello {
		return decoders.Yes, events.FromClient
	}
	return decoders.Yes, events.FromServer
}

// probeSSL2: a ClientHello for SSL 3 or TLS in the old form (RFC 5246
// appendix E.2).
func probeSSL2(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	switch {
	case len(b) > 2 && b[2] != clientHello, len(b) > 3 && b[3] != 3, len(b) > 4 && b[4] > 3:
		return decoders.No, from
	case len(b) < 11:
		return decoders.Maybe, from
	}
	size := int(b[0]&0x7f)<<8 | int(b[1])
	ciphers, session, challenge := int(b[5])<<8|int(b[6]), int(b[7])<<8|int(b[8]), int(b[9])<<8|int(b[10])
	if ciphers == 0 || ciphers%3 != 0 || session != 0 || challenge < 16 || challenge > 32 || size != 9+ciphers+session+challenge {
		return decoders.No, from
	}
	return decoders.Yes, events.FromClient
}

// probeDTLS: a hello in the first record (RFC 6347 section 4.3.1, RFC 9147
// section 5.2), in epoch 0.
func probeDTLS(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) < 13+12 || b[0] != handshake {
		return decoders.No, from
	}
	version, epoch, size := binary.BigEndian.Uint16(b[1:]), binary.BigEndian.Uint16(b[3:]), int(binary.BigEndian.Uint16(b[11:]))
	switch version {
	case 0xfeff, 0xfefd, 0x0100: // 1.0, 1.2 (and 1.3), and OpenSSL's before the RFC
	default:
		return decoders.No, from
	}
	m := b[13:]
	fragment, offset, total := u24(m[9:]), u24(m[6:]), u24(m[1:])
	if epoch != 0 || size > len(m) || size < 12+fragment || offset+fragment > total || fragment == 0 {
		return decoders.No, from
	}
	switch m[0] {
	case clientHello:
		return decoders.Yes, events.FromClient
	case serverHello, helloVerifyRequest:
		return decoders.Yes, events.FromServer
	}
	return decoders.No, from
}

func u24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
