package session

import "github.com/wiretale/wiretale/events"

// Phase is a part of a session.
type Phase struct {
	Duration   events.Duration `json:"duration" doc:"seconds"`
	RoundTrips int             `json:"round_trips"`
}

// Mark is a point of a session: when it was, and the round trips spent until
// then. The zero Mark is none.
type Mark struct {
	Time  events.Time
	Trips int
	Set   bool
}

// Phases cuts a session into phases, first to last.
type Phases struct{ at Mark }

// Cut begins to cut c, at the SYN.
func (c *Conn) Cut() Phases { return Phases{Mark{c.Start, -c.Opening(), true}} }

// To is the phase from the last cut to m.
func (p *Phases) To(m Mark) *Phase {
	from := p.at
	p.at = m
	return &Phase{Duration: m.Time.Sub(from.Time), RoundTrips: m.Trips - from.Trips}
}

// End is the mark at the end of c.
func (c *Conn) End() Mark { return Mark{c.Last, c.Trips.Done, true} }
