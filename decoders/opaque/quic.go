package opaque

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probeQUIC: a long header with a known version whose lengths fit (RFC 8999
// section 5.1, RFC 9000 section 17.2). A short header says nothing about
// itself: it is decided by port.
func probeQUIC(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) == 0 {
		return decoders.No, from
	}
	if b[0]&0x80 == 0 {
		return probeShort(from, b)
	}
	if len(b) < 7 {
		return decoders.No, from
	}
	version := binary.BigEndian.Uint32(b[1:])
	if isGoogleOld(version) {
		// Q044 to Q046: one byte with both lengths (4 bits each, 0 or 3+n).
		n := 0
		for _, l := range []int{int(b[5] >> 4), int(b[5] & 15)} {
			if l > 0 {
				n += 3 + l
			}
		}
		return verdict(len(b) >= 6+n+16), from
	}
	dcid := int(b[5])
	if dcid > 20 || len(b) < 7+dcid {
		return decoders.No, from
	}
	scid := int(b[6+dcid])
	at := 7 + dcid + scid
	if scid > 20 || len(b) < at {
		return decoders.No, from
	}
	b1, rest := b[0], b[at:]
	if version == 0 {
		// Version Negotiation (RFC 9000 section 17.2.1), from the server.
		if len(rest) == 0 || len(rest)%4 != 0 {
			return decoders.No, from
		}
		for ; len(rest) > 0; rest = rest[4:] {
			if v := binary.BigEndian.Uint32(rest); isQUIC(v) || isGoogleOld(v) {
				return decoders.Yes, events.FromServer
			}
		}
		return decoders.No, from
	}
	if !isQUIC(version) || b1&0x40 == 0 {
		return decoders.No, from
	}
	kind := b1 >> 4 & 3
	if version == 0x6b3343cf {
		kind = (kind + 3) & 3 // version 2 counts from Retry (RFC 9369 section 3.2)
	}
	switch kind {
	case 0: // Initial: a token
		n, size := varint(rest)
		if size == 0 || uint64(len(rest)-size) < n {
			return decoders.No, from
		}
		rest = rest[size+int(n):]
	case 3: // Retry: a token and 16 bytes of tag
		return verdict(len(rest) >= 16), events.FromServer
	}
	n, size := varint(rest)
	return verdict(size > 0 && n >= 17 && n <= uint64(len(rest)-size)), from
}

func verdict(ok bool) decoders.Verdict {
	if ok {
		return decoders.Yes
	}
	return decoders.No
}

// probeShort: 1-RTT packets, and the packets of Google's first versions,
// which bear their version in the client's first ones.
func probeShort(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	// Flags: version present, 8 bytes of connection ID.
	if b[0]&0x09 == 0x09 && b[0]&0x40 == 0 && len(b) >= 9+4+1 {
		v := b[9:13]
		if v[0] == 'Q' && v[1] == '0' && isDigit(v[2]) && isDigit(v[3]) {
			return decoders.Yes, events.FromClient
		}
	}
	// The fixed bit, and room for header protection to sample (RFC 9001
	// section 5.4.2).
	if b[0]&0x40 != 0 && len(b) >= 21 {
		return decoders.Maybe, from
	}
	return decoders.No, from
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isQUIC knows the versions whose headers are those of RFC 8999.
func isQUIC(v uint32) bool {
	switch {
	case v == 1, v == 0x6b3343cf, v == 0x709a50c4: // RFC 9000, RFC 9369, its draft
		return true
	case v>>8 == 0xff0000 && v&0xff >= 17 && v&0xff <= 34: // IETF drafts
		return true
	case v>>4 == 0xfaceb00: // mvfst
		return true
	}
	switch v {
	case 0x51303438, 0x51303530, 0x54303438, 0x54303439, 0x54303530, 0x54303531: // Q048, Q050, T048 … T051
		return true
	}
	return false
}

// isGoogleOld: Q044, Q046: a long header of its own.
func isGoogleOld(v uint32) bool { return v == 0x51303434 || v == 0x51303436 }

// varint reads a variable-length integer (RFC 9000 section 16); size 0: not
// all there.
func varint(b []byte) (n uint64, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	size = 1 << (b[0] >> 6)
	if len(b) < size {
		return 0, 0
	}
	n = uint64(b[0] & 0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | uint64(c)
	}
	return n, size
}
