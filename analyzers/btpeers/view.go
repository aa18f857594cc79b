package btpeers

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Viewpoint is the peer whose connections are all that is seen of the swarm,
// where there are more than one; nil: there is no such peer. What the others
// have of each other is not captured then.
func (s *Swarm) Viewpoint() *Peer {
	if len(s.Conns) < 2 {
		return nil
	}
	a, b := s.Conns[0].Sides[0].Peer, s.Conns[0].Sides[1].Peer
	for _, c := range s.Conns[1:] {
		x, y := c.Sides[0].Peer, c.Sides[1].Peer
		if a != x && a != y {
			a = nil
		}
		if b != x && b != y {
			b = nil
		}
	}
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return nil // two peers alone
}

// Sight is why nothing can be said of what p does; empty: nothing is in the
// way. what p does to others needs those connections that are not captured.
func (p *Peer) Sight() string {
	switch v := p.Swarm.Viewpoint(); {
	case !p.Heard():
		return "one direction only: nothing that it sent was captured"
	case !p.Greeted():
		return "joined midway: its handshake was not captured"
	case v != nil && v != p:
		return "captured at " + v.Name() + ": its other connections are not seen"
	}
	return ""
}

// Reason is why nothing can be said of a swarm; empty: nothing is in the way.
func (s *Swarm) Reason() string {
	switch {
	case s.Seal:
		return "encrypted (MSE): neither the info hash nor a message can be read"
	case s.Hash == "":
		return "joined midway: no handshake was captured, so neither the info hash nor who has what is known"
	}
	return ""
}

// Filter is a display filter for the connections of the swarm, the first few
// of them, and what.
func (s *Swarm) Filter(what string) string { return filterOf(s.Conns, what) }

// Filter is a display filter for the connections of the peer.
func (p *Peer) Filter(what string) string { return filterOf(p.Conns, what) }

// mostFiltered connections are named one by one.
const mostFiltered = 12

func filterOf(cs []*Conn, what string) string {
	for _, c := range cs {
		if c.Key.Proto != events.ProtoTCP || c.Swarm.Seal {
			what = "" // Wireshark reads uTP only when told so, and nothing that is encrypted
		}
	}
	if len(cs) > mostFiltered && what != "" {
		return what // all of them
	}
	var b strings.Builder
	var keys []events.StreamKey // over uTP several may be of one flow
	for _, c := range cs[:min(len(cs), mostFiltered)] {
		if slices.Contains(keys, c.Key) {
			continue
		}
		if len(keys) > 0 {
			b.WriteString(" || ")
		}
		keys = append(keys, c.Key)
		b.WriteString(c.Key.Filter())
	}
	switch {
	case what == "":
		return b.String()
	case len(keys) == 1:
		return b.String() + " && " + what
	}
	return "(" + b.String() + ") && " + what
}

// Frames are those where the connections were first seen.
func (s *Swarm) Frames() []uint64 { return framesOf(s.Conns) }

// Frames are those where the connections of the peer were first seen.
func (p *Peer) Frames() []uint64 { return framesOf(p.Conns) }

func framesOf(cs []*Conn) []uint64 {
	fs := make([]uint64, 0, analyzers.MaxFrames)
	for _, c := range cs[:min(len(cs), analyzers.MaxFrames)] {
		fs = append(fs, c.Frame)
	}
	return analyzers.ArrangeFrames(fs)
}
