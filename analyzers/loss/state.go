package loss

import (
	"math"

	"github.com/wiretale/wiretale/events"
)

// state of a flow that has marks. A bad network gives very many flows a few
// marks each, so the first are only noted; sides are made when there are more.
type state struct {
	flow  events.Flow
	base  uint64 // frame of the first note
	notes []note
	sides *[2]side
}

// maxNotes is from where on two sides take less memory.
const maxNotes = 16

// note is a mark in 24 bytes.
type note struct {
	time  events.Time
	after events.Duration
	frame uint32 // from base
	rest  uint32 // from the low end: side (1 bit), what (4 bits), bytes
}

const bytesAt = 5

func (f *fold) add(s *state, m mark, from events.Dir) {
	if s.sides == nil {
		if f.note(s, &m, from) {
			return
		}
		s.sides = &[2]side{}
		s.replay(s.sides)
		f.release(s)
	}
	s.sides[from].add(&m)
}

// note keeps m if there is room and it fits.
func (f *fold) note(s *state, m *mark, from events.Dir) bool {
	if s.notes == nil {
		s.base = m.frame
		if n := len(f.free); n > 0 {
			s.notes, f.free = f.free[n-1], f.free[:n-1]
		}
	}
	frame := m.frame - s.base
	if len(s.notes) == maxNotes || frame > math.MaxUint32 || m.bytes < 0 || m.bytes > math.MaxUint32>>bytesAt {
		return false
	}
	if s.notes == nil {
		s.notes = make([]note, 0, 4)
	}
	s.notes = append(s.notes, note{m.time, m.after, uint32(frame), uint32(m.bytes)<<bytesAt | uint32(m.what)<<1 | uint32(from)})
	return true
}

// replay gives to the sides what was noted, in order.
func (s *state) replay(to *[2]side) {
	for i := range s.notes {
		n := &s.notes[i]
		to[n.rest&1].add(&mark{what(n.rest >> 1 & (1<<(bytesAt-1) - 1)), int64(n.rest >> bytesAt), s.base + uint64(n.frame), n.time, n.after})
	}
}

// keptFree is how many slices of notes are kept to be used again.
const keptFree = 1024

func (f *fold) release(s *state) {
	if s.notes != nil && len(f.free) < keptFree {
		f.free = append(f.free, s.notes[:0])
	}
	s.notes = nil
}
