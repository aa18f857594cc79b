package dns

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe is decoders.Proto.Probe. It is not told the transport, so that it
// tries both: a message, and a message behind its length.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	v, speaker := probeMessage(from, head)
	if v == decoders.Yes || len(head) < 2 {
		return v, speaker
	}
	n := int(be16(head))
	if n < headerLen {
		return v, speaker
	}
	body := head[2:]
	if len(body) >= n {
		// A whole message, of which not a byte may be left.
		if w, s := probeMessage(from, body[:n]); w == decoders.Yes {
			return w, s
		} else if w > v {
			return w, s
		}
		return v, speaker
	}
	if len(body) < headerLen {
		if v == decoders.No {
			v, speaker = decoders.Maybe, from // not enough seen
		}
		return v, speaker
	}
	if plausible(body, n) && v == decoders.No {
		return decoders.Maybe, speakerOf(from, body)
	}
	return v, speaker
}

// probeMessage is Yes when msg is one whole message and nothing about it is
// strange, Maybe when only its header looks like one.
func probeMessage(from events.Dir, msg []byte) (decoders.Verdict, events.Dir) {
	if len(msg) < headerLen {
		return decoders.No, from
	}
	if !plausible(msg, len(msg)) || netbios(msg) {
		return decoders.No, from
	}
	if wellFormed(msg) {
		return decoders.Yes, speakerOf(from, msg)
	}
	return decoders.Maybe, speakerOf(from, msg)
}

// netbios says that msg is of the NetBIOS Name Service, which has the format
// of DNS and is none: its first name begins with 16 bytes written as 32 of the
// letters A to P (RFC 1001 section 14.1, RFC 1002 section 4.2).
func netbios(msg []byte) bool {
	const label = 32
	if len(msg) <= headerLen+label || msg[headerLen] != label {
		return false
	}
	for _, b := range msg[headerLen+1 : headerLen+1+label] {
		if b < 'A' || b > 'P' {
			return false
		}
	}
	return true
}

// speakerOf: queries come from clients. Multicast DNS (id 0) has neither.
func speakerOf(from events.Dir, msg []byte) events.Dir {
	switch {
	case be16(msg) == 0:
		return from
	case msg[2]&0x80 != 0:
		return events.FromServer
	}
	return events.FromClient
}

// plausible says whether the header of msg, which is size bytes long, could
// be one of DNS. Where the snaplen cut a datagram size is too small, so that
// small counts are believed.
func plausible(msg []byte, size int) bool {
	const z = 0x40 // must be zero (RFC 1035 section 4.1.1)
	if !assigned(be16(msg[2:])>>11&15) || msg[3]&z != 0 {
		return false
	}
	qd, an, ns, ar := int(be16(msg[4:])), int(be16(msg[6:])), int(be16(msg[8:])), int(be16(msg[10:]))
	if qd > 1 && be16(msg) != 0 && qd > 16 {
		return false
	}
	if qd+an+ns+ar == 0 && size > headerLen {
		return be16(msg[2:])>>11&15 == opDSO
	}
	if 5*qd+11*(an+ns+ar) <= size-headerLen {
		return true
	}
	return qd <= 1 && an <= 64 && ns <= 64 && ar <= 64
}

// wellFormed walks msg, whose header is plausible, to its last byte without
// reading its texts.
func wellFormed(msg []byte) bool {
	flags := be16(msg[2:])
	switch flags >> 11 & 15 {
	case opQuery, opNotify, opUpdate:
	default:
		return false
	}
	qd, an := int(be16(msg[4:])), int(be16(msg[6:]))
	if flags&0x8000 == 0 && flags&0x000f != 0 || qd+an == 0 || qd > 1 && be16(msg) != 0 {
		return false // a query with a response code, or a message about nothing
	}
	off := headerLen
	for ; qd > 0; qd-- {
		if off = skipName(msg, off); off < 0 || off+4 > len(msg) {
			return false
		}
		if be16(msg[off:]) == 0 || !plausibleClass(be16(msg[off+2:])) {
			return false
		}
		off += 4
	}
	for n := an + int(be16(msg[8:])) + int(be16(msg[10:])); n > 0; n-- {
		if off = skipName(msg, off); off < 0 || off+10 > len(msg) {
			return false
		}
		typ, class, rdlen := be16(msg[off:]), be16(msg[off+2:]), int(be16(msg[off+8:]))
		if typ == 0 || typ != typeOPT && !plausibleClass(class) {
			return false
		}
		if off += 10; off+rdlen > len(msg) {
			return false
		}
		if rdlen > 0 && (typ == typeA && rdlen != 4 || typ == typeAAAA && rdlen != 16) {
			return false
		}
		off += rdlen
	}
	return off == len(msg)
}

func plausibleClass(c uint16) bool {
	switch c &^ classFlag {
	case classIN, 3, 4, 254, classANY:
		return true
	}
	return false
}

// skipName is where the name at off ends, -1 where it is broken. A pointer
// must point backwards (RFC 1035 section 4.1.4: a prior occurrence).
func skipName(msg []byte, off int) int {
	start := off
	for off < len(msg) {
		c := int(msg[off])
		switch c & 0xc0 {
		case 0x00:
			off += 1 + c
			if c == 0 {
				return off
			}
			if off-start > maxName {
				return -1
			}
		case 0xc0:
			if off+2 > len(msg) {
				return -1
			}
			if to := c&0x3f<<8 | int(msg[off+1]); to < headerLen || to >= off {
				return -1
			}
			return off + 2
		default:
			return -1
		}
	}
	return -1
}
