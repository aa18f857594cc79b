package utp

import (
	"bytes"
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// far is how many packets a number may be ahead of the next one, or behind.
// More means that we lost sight of the connection.
const far = 4096

const (
	retransmission = "retransmission"
	outOfOrder     = "out_of_order"
)

// side is what one speaker of a connection sent. Packets are counted, not
// bytes, in 16 bits that wrap.
type side struct {
	place     place
	first     uint16 // the first number that we know of
	next      uint16 // the lowest number not handed on
	high      uint16 // behind the highest number seen
	held      []held // behind a hole, in order
	heldBytes int
}

// place is what we know of the numbers of a side.
type place uint8

const (
	nowhere place = iota
	// supposed: known from the answer to a SYN alone. BEP 29 gives that answer
	// a number of its own; libutp, and all that do as it does, give its number
	// again to the first data. The first ack shows which it is.
	supposed
	placed
	finished // FIN was handed on, or the connection is over
)

// held is a packet that waits for those before it.
type held struct {
	seq     uint16
	typ     kind
	payload []byte
	missing int
}

// size is what a held packet counts for: its bytes and what keeps them.
func (x *held) size() int { return len(x.payload) + 64 }

func (s *side) put(seq uint16, p place) {
	s.place, s.first, s.next, s.high = p, seq, seq, seq
}

// placeOf says how number seq stands to what was seen before: "" (in order, or
// nothing can be said), retransmission, out_of_order.
func (s *side) placeOf(seq uint16) string {
	switch d := int16(seq - s.next); {
	case s.place == nowhere, d < -far, d > far, int16(seq-s.first) < 0:
		return ""
	case d < 0, s.holds(seq):
		return retransmission
	case int16(seq-s.high) < 0:
		return outOfOrder
	}
	return ""
}

func (s *side) holds(seq uint16) bool {
	return slices.ContainsFunc(s.held, func(x held) bool { return x.seq == seq })
}

// delivery hands the bytes of one side on, in order.
type delivery struct {
	c      *conn
	from   events.Dir
	limits *events.Limits
	out    decoders.Sink
}

// add takes a packet that has a place in the stream.
func (d *delivery) add(s *side, h *header) {
	if s.place == finished {
		return
	}
	if s.place == nowhere {
		s.put(h.seq, placed)
		d.gap(s, "midway", 0)
	}
	ahead := int16(h.seq - s.next)
	if ahead > far || ahead < -far {
		// Nothing between is known, not even how much it was.
		d.flush(s, "acked")
		d.gap(s, "acked", int64(h.seq-s.next))
		s.put(h.seq, placed)
		ahead = 0
	}
	if s.place == supposed && ahead == 0 {
		s.place = placed
	}
	if int16(h.seq+1-s.high) > 0 {
		s.high = h.seq + 1
	}
	switch {
	case ahead < 0:
		return
	case ahead == 0:
		d.deliver(s, h.typ, h.payload, h.missing)
		d.release(s)
		return
	}
	if s.holds(h.seq) {
		return
	}
	x := held{h.seq, h.typ, bytes.Clone(h.payload), h.missing}
	i, _ := slices.BinarySearchFunc(s.held, x, func(a, b held) int { return int(int16(a.seq - b.seq)) })
	s.held = slices.Insert(s.held, i, x)
	if s.heldBytes += x.size(); s.heldBytes > d.limits.OutOfOrder {
		d.out.Limit("out-of-order", d.limits.OutOfOrder, "the packets before are given up", int64(s.heldBytes))
		d.skip(s, s.held[0].seq, "full")
		d.release(s)
	}
}

// acked: the receiver has all packets up to number n. Those that we have not
// were never captured.
func (d *delivery) acked(s *side, n uint16) {
	if s.place == nowhere || s.place == finished {
		return
	}
	ahead := int16(n + 1 - s.next)
	if s.place == supposed && ahead >= 0 {
		s.place = placed
		if ahead > 0 && !s.holds(s.next) {
			s.next++ // the answer to the SYN had a number of its own
			if int16(s.next-s.high) > 0 {
				s.high = s.next
			}
			d.release(s)
			ahead = int16(n + 1 - s.next)
		}
	}
	if ahead <= 0 || ahead > far {
		return
	}
	for s.place != finished && s.next != n+1 {
		to := n + 1
		if len(s.held) > 0 && int16(s.held[0].seq-to) < 0 {
			to = s.held[0].seq
		}
		d.skip(s, to, "acked")
		d.release(s)
		if int16(s.next-(n+1)) > 0 {
			break // what was held went further
		}
	}
	if int16(s.next-s.high) > 0 {
		s.high = s.next
	}
}

// flush hands on all that waits, with the holes between.
func (d *delivery) flush(s *side, why string) {
	for len(s.held) > 0 && s.place != finished {
		d.skip(s, s.held[0].seq, why)
		d.release(s)
	}
}

// release hands on what waits and is next now.
func (d *delivery) release(s *side) {
	for len(s.held) > 0 && s.held[0].seq == s.next && s.place != finished {
		x := s.held[0]
		s.held = s.held[1:]
		s.heldBytes -= x.size()
		d.deliver(s, x.typ, x.payload, x.missing)
	}
	if len(s.held) == 0 {
		s.held, s.heldBytes = nil, 0
	}
}

// skip passes over packets that were never captured.
func (d *delivery) skip(s *side, to uint16, why string) {
	if n := to - s.next; n > 0 {
		d.gap(s, why, int64(n))
		s.next = to
	}
}

// gap tells of n packets that were never captured (0: nobody knows how many).
// uTP counts packets, so how many bytes they had cannot be known.
func (d *delivery) gap(s *side, why string, n int64) {
	d.out.Emit(d.from, &events.FlowGap{Protocol: Proto.Name, Reason: why, Packets: n})
	d.c.open(d.out).Gap(d.from, decoders.GapUnknown)
}

// deliver hands on the packet s.next.
func (d *delivery) deliver(s *side, typ kind, payload []byte, missing int) {
	s.next++
	s.place = placed
	if len(payload) > 0 {
		d.c.open(d.out).Data(d.from, payload)
	}
	if missing > 0 {
		d.out.Emit(d.from, &events.FlowGap{Protocol: Proto.Name, Reason: "snaplen", Bytes: int64(missing)})
		d.c.open(d.out).Gap(d.from, int64(missing))
	}
	if typ == typeFIN {
		if d.c.feed != nil {
			d.c.feed.End(d.from, events.EndFIN)
		}
		s.place, s.held = finished, nil
	}
}
