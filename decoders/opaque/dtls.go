package opaque

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// handshake is a content type of DTLS records (RFC 9147 section 4).
const handshake = 22

// Handshake types (RFC 9147 section 5.2).
const (
	clientHello        = 1
	serverHello        = 2
	helloVerifyRequest = 3 // RFC 6347 section 4.3.2
)

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
