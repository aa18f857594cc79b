package loss

import (
	"math"

	"github.com/wiretale/wiretale/events"
)

// state of a flow that has marks. A bad network gives very many flows a mark
// or two each, so the first are only noted; sides are made when there is no
// more room.
type state struct {
	flow  events.Flow
	noted uint8
	notes [4]note
	sides *[2]side
}

// note is a mark in 32 bytes.
type note struct {
	frame uint64
	time  events.Time
	after events.Duration
	bytes uint32
	what  what
	side  events.Dir
}

func (s *state) add(m mark, from events.Dir) {
	if s.sides == nil {
		if int(s.noted) < len(s.notes) && m.bytes >= 0 && m.bytes <= math.MaxUint32 {
			s.notes[s.noted] = note{m.frame, m.time, m.after, uint32(m.bytes), m.what, from}
			s.noted++
			return
		}
		s.sides = &[2]side{}
		s.replay(s.sides)
	}
	s.sides[from].add(&m)
}

// replay gives to the sides what was noted, in order.
func (s *state) replay(to *[2]side) {
	for i := range s.notes[:s.noted] {
		n := &s.notes[i]
		to[n.side].add(&mark{n.what, int64(n.bytes), n.frame, n.time, n.after})
	}
}
