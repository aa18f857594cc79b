package dns

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// DNS over TCP: each message behind its length in two bytes (RFC 1035 section
// 4.2.2, RFC 7766 section 8).

// errLost ends a stream in which no message begins where bytes were lost.
var errLost = errors.New("dns: no message begins after the lost bytes")

// stream decodes both sides; they share nothing but scratch memory.
type stream struct {
	u    unpacker
	side [2]side
}

// place says where in its messages a side is.
type place uint8

const (
	atLength place = iota // a length comes next
	inBody                // a message of side.size bytes comes next
	inTorn                // bytes of a message up to stream offset side.end are skipped
	isLost                // a gap went past the end of a message: find a length again
)

type side struct {
	place place
	size  int   // inBody: length of the message
	end   int64 // stream offset where the next length is
	first uint64
	told  bool // a message was decoded
}

func newStream(env decoders.Env) decoders.Stream {
	return &stream{u: unpacker{limits: env.Limits}}
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.side[w.From]
	for {
		b := w.Bytes[used:]
		at := w.Offset + int64(used)
		switch d.place {
		case inTorn:
			n := min(int64(len(b)), d.end-at)
			if n < 0 {
				d.place = isLost // the gap was longer than the message
				continue
			}
			used += int(n)
			if at+n < d.end {
				return used, 0, nil
			}
			d.place = atLength
		case isLost:
			if want, err = s.find(b); err != nil {
				return used, 0, err
			}
			if want > 0 {
				return used, s.enough(want, len(b)), nil
			}
			d.place = atLength
		case atLength:
			if len(b) < 2 {
				if len(b) == 0 {
					return used, 0, nil
				}
				return used, 2, nil
			}
			n := int(be16(b))
			if n < headerLen {
				return used, 0, errShort
			}
			d.first = w.At(used).Frame
			d.size, d.end = n, at+2+int64(n)
			d.place = inBody
			used += 2
			if n > s.u.limits.Waiting {
				out.Limit("waiting", s.u.limits.Waiting, "a DNS message was not read", int64(n))
				d.place = inTorn
			}
		case inBody:
			if len(b) < d.size {
				return used, d.size, nil
			}
			s.u.unpack(b[:d.size:d.size], 0)
			if !d.told && s.u.nonsense() {
				return used, 0, errHeader
			}
			d.told = true
			first := d.first
			if first == w.Frame {
				first = 0
			}
			s.u.tell(w.From, first, out)
			used += d.size
			d.place = atLength
		}
	}
}

// find says whether a whole well-formed message with its length begins at b:
// (0, nil) if so, how many bytes are needed to tell, or that it does not.
func (s *stream) find(b []byte) (want int, err error) {
	if len(b) < 2+headerLen {
		return 2 + headerLen, nil
	}
	n := int(be16(b))
	if n < headerLen || 2+n > s.u.limits.Waiting || !plausible(b[2:], n) {
		return 0, errLost
	}
	if len(b) < 2+n {
		return 2 + n, nil
	}
	if !wellFormed(b[2 : 2+n]) {
		return 0, errLost
	}
	return 0, nil
}

// enough is want, or 0 where there is nothing yet.
func (s *stream) enough(want, have int) int {
	if have == 0 {
		return 0
	}
	return want
}

// Gap implements decoders.Stream. Lengths are known, so that a gap within a
// message costs only that message.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.side[from]
	switch d.place {
	case atLength:
		d.place = isLost
	case inBody:
		d.place = inTorn // Data compares offsets
	}
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if d := &s.side[from]; d.place == inBody && why == events.EndFIN {
		out.Emit(from, &events.FlowViolation{Protocol: "dns", Reason: "the stream ended within a message"})
	}
}
