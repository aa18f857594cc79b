package rtt

import (
	"math"

	"github.com/wiretale/wiretale/events"
)

// state of a flow. Most flows are short and there may be very many of them, so
// the first samples are only noted; sides are made when there is no more room.
type state struct {
	flow  events.Flow
	noted uint8
	from  [maxNotes]uint8 // of each note: side, and above it what it was taken from
	base  uint64          // frames of notes count from it
	notes [maxNotes]note
	sides *[2]side
}

const maxNotes = 8

// note is a sample in 12 bytes: 32 bits are 4.29 s, and 4 thousand million
// packets.
type note struct {
	ack  uint32 // from base to the ACK's frame
	back uint32 // from the ACK's frame back to the segment's
	rtt  uint32 // nanoseconds
}

// note keeps m if there is room and it fits.
func (s *state) note(m sample) bool {
	if s.noted == 0 {
		s.base = m.ack
	}
	ack, back := m.ack-s.base, m.ack-m.segment // a frame after comes out huge
	if s.noted == maxNotes || max(ack, back) > math.MaxUint32 || m.rtt < 0 || m.rtt > math.MaxUint32 {
		return false
	}
	s.notes[s.noted] = note{uint32(ack), uint32(back), uint32(m.rtt)}
	s.from[s.noted] = uint8(m.side) | uint8(m.of)<<1
	s.noted++
	return true
}

// replay gives to the sides what was noted, in order.
func (s *state) replay(to *[2]side, limit int) {
	for i, n := range s.notes[:s.noted] {
		ack := s.base + uint64(n.ack)
		from := s.from[i]
		to[from&1].add(sample{pair{ack - uint64(n.back), ack}, events.Duration(n.rtt), events.Dir(from & 1), events.RTTOf(from >> 1)}, limit)
	}
}
