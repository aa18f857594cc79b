package utp

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// headerLen is the length of the header without extensions.
const headerLen = 20

// kind is the type of a packet (BEP 29, "type").
type kind uint8

const (
	typeData kind = iota
	typeFIN
	typeState
	typeReset
	typeSYN
)

var kinds = [...]string{"data", "fin", "state", "reset", "syn"}

// Extensions. BEP 29 has the first; the second was sent by early clients, the
// third tells why a connection is closed (libtorrent).
const (
	extSACK  = 1
	extBits  = 2
	extClose = 3
)

// header is what one packet says. Bytes are borrowed.
type header struct {
	typ        kind
	extension  uint8 // the first one
	id         uint16
	timestamp  uint32 // µs, clock of the sender
	diff       uint32 // µs
	window     uint32 // bytes
	seq, ack   uint16
	extensions []byte // the chain: type of the next, length, bytes
	payload    []byte
	missing    int    // bytes of the payload that the snaplen cut off
	cut        bool   // the snaplen cut within the extensions
	wrong      string // a rule that is broken, not badly enough to doubt the packet
}

// parse reads the header and walks the extensions to the end of their chain.
func (h *header) parse(b []byte, missing int) error {
	if len(b) < headerLen {
		return errShort
	}
	h.typ = kind(b[0] >> 4)
	if b[0]&0x0f != 1 || h.typ > typeSYN {
		return errHeader
	}
	h.extension = b[1]
	h.id = binary.BigEndian.Uint16(b[2:])
	h.timestamp = binary.BigEndian.Uint32(b[4:])
	h.diff = binary.BigEndian.Uint32(b[8:])
	h.window = binary.BigEndian.Uint32(b[12:])
	h.seq = binary.BigEndian.Uint16(b[16:])
	h.ack = binary.BigEndian.Uint16(b[18:])
	at := headerLen
	for ext := b[1]; ext != 0; {
		if len(b) < at+2 || len(b) < at+2+int(b[at+1]) {
			if missing == 0 {
				return errHeader
			}
			h.cut, h.extensions = true, b[headerLen:at]
			return nil
		}
		n := int(b[at+1])
		// BEP 29 wants selective acks of at least 4 bytes, in multiples of 4;
		// libtorrent sends as many as it needs.
		if ext == extSACK && n == 0 {
			h.wrong = "a selective ack of no bytes"
		}
		ext = b[at]
		at += 2 + n
	}
	h.extensions, h.payload, h.missing = b[headerLen:at], b[at:], missing
	if size := len(h.payload) + missing; size > 0 && h.typ >= typeState {
		h.wrong = "payload in a packet that has none"
	}
	return nil
}

// each calls f for each extension, in order.
func (h *header) each(f func(typ uint8, b []byte)) {
	ext := h.extension
	for b := h.extensions; len(b) >= 2; {
		n := int(b[1])
		f(ext, b[2:2+n])
		ext = b[0]
		b = b[2+n:]
	}
}

// carries reports whether the packet takes a place in the stream.
func (h *header) carries() bool { return h.typ == typeData || h.typ == typeFIN }

// first reports whether this can only be the first packet of a connection:
// nothing was received that could be acknowledged or measured. 100 bits are
// as they must be.
func (h *header) first() bool {
	return h.typ == typeSYN && h.strict() && h.diff == 0 && h.ack == 0 && h.timestamp != 0 && (h.id != 0 || h.seq != 0)
}

// strict reports whether nothing at all is unusual.
func (h *header) strict() bool {
	if h.wrong != "" || h.cut || h.window >= 1<<28 {
		return false
	}
	if size := len(h.payload) + h.missing; h.typ == typeData && size == 0 {
		return false
	}
	ok := true
	h.each(func(typ uint8, b []byte) {
		switch typ {
		case extSACK:
			ok = ok && h.typ != typeSYN
		case extBits:
			ok = ok && len(b) == 8
		case extClose:
			ok = ok && len(b) == 4
		default:
			ok = false
		}
	})
	return ok
}

// probe: the header is weak (12 bits and the chain of extensions), so that
// only a SYN is certain. What else may be uTP is decided by two packets that
// belong together.
func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	var h header
	// Cut packets cannot be told from wrong ones here; a cut payload can.
	if len(b) < headerLen || h.parse(b, 0) != nil || !h.strict() {
		return decoders.No, from
	}
	if h.first() {
		return decoders.Yes, events.FromClient
	}
	return decoders.Maybe, from
}

// segment is the packet as an event.
func (h *header) segment(why string) *events.UTPSegment {
	s := &events.UTPSegment{Type: kinds[h.typ], ConnectionID: h.id, Seq: h.seq, Ack: h.ack, Window: h.window,
		TimestampUS: h.timestamp, TimestampDiff: h.diff, Bytes: len(h.payload) + h.missing, Why: why}
	h.each(func(typ uint8, b []byte) {
		s.Extensions = append(s.Extensions, int(typ))
		if typ == extSACK {
			s.SACK = hex.EncodeToString(b)
		}
	})
	return s
}
