package session

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// Conn is the connection of a session. The zero value is ready.
type Conn struct {
	Trips Trips

	Flow  events.Flow
	Start events.Time // the SYN, or the first event
	Last  events.Time // the last event
	First uint64      // frame of the SYN, or of the first event
	// Spoken: an event of the protocol itself was seen in clear.
	Spoken bool
	// Heard says which sides said something of the protocol.
	Heard [2]bool
	// Lost says of which sides bytes are missing.
	Lost [2]bool
	TLS  TLS

	seen   bool
	shaken [2]bool // the handshake sample of that side is there
	rtt    [2]events.Duration
	// Greeting is the frame of what the server said first, unasked.
	Greeting uint64
	tlsTrips int
	guessed  bool
	end      ending
}

// TLS says how much of a session is encrypted.
type TLS uint8

// The ways of a session with TLS.
const (
	Clear    TLS = iota // nothing is
	Upgraded            // the rest, after words in clear
	Implicit            // all of it
)

// ending is what flow.end said; Why 0: there was none.
type ending struct {
	why            events.Ending
	took           events.Duration // first packet to last
	client, server int64           // payload
}

// Step takes an event of FlowKinds and says whether it was one. Events of the
// protocol itself are noted as well: their side has spoken.
func (c *Conn) Step(e *events.Event) (flow bool) {
	if !c.seen {
		c.seen, c.Flow, c.Start, c.First = true, e.Flow, e.Time, e.Pos.Frame
	}
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		c.sample(e, b)
		return true
	case *events.FlowGap:
		c.Lost[e.From] = true
		c.Trips.Forget()
		return true
	case *events.FlowDetected:
		c.detected(e, b)
		return true
	case *events.TLSHandshake:
		c.tlsTrips += b.RoundTrips
		c.Last = e.Time
		return true
	case *events.FlowEnd:
		// The event may come long after the last packet.
		c.end = ending{b.Why, b.Duration, int64(b.ClientBytes), int64(b.ServerBytes)}
		if c.shaken[events.FromServer] {
			c.Last = c.Start.Add(b.Duration)
		} else if b.FirstFrame != 0 {
			c.First = b.FirstFrame
		}
		return true
	}
	c.Last = e.Time
	c.Spoken = true
	c.Heard[e.From] = true
	return false
}

func (c *Conn) sample(e *events.Event, b *events.TCPRTT) {
	side := e.From
	if c.shaken[side] || b.RTT < 0 {
		return
	}
	c.shaken[side], c.rtt[side] = true, b.RTT
	if side == events.FromServer {
		c.Start, c.First = e.Time.Add(-b.RTT), b.SegmentFrame
	}
}

func (c *Conn) detected(e *events.Event, b *events.FlowDetected) {
	if b.Roles == "guessed" {
		c.guessed = true
	}
	if b.Protocol == "tls" {
		c.TLS = Implicit
		if c.Spoken {
			c.TLS = Upgraded
		}
		c.Last = e.Time
	}
}

// InClear reports whether anybody on the way could read the event.
func InClear(e *events.Event) bool { return !strings.Contains(e.Layer, "/tls") }

// Midway: the handshake was not captured, as far as that can be told.
func (c *Conn) Midway() bool { return c.Greeting == 0 && !c.shaken[events.FromServer] }

// Ending is how the connection ended; 0 while that is not known.
func (c *Conn) Ending() events.Ending { return c.end.why }

// Undecided says why round trips and pipelining cannot be told; "" where they
// can.
func (c *Conn) Undecided() string {
	switch {
	case c.TLS == Implicit:
		return "the session is encrypted from its first byte"
	case !c.Heard[events.FromServer]:
		return "nothing that the server said was captured"
	case !c.Heard[events.FromClient] && c.TLS != Upgraded:
		return "nothing that the client said was captured"
	case c.Midway():
		return "the beginning of the session was not captured"
	case c.Lost[events.FromClient], c.Lost[events.FromServer]:
		return "bytes of the session were not captured"
	case c.TLS == Upgraded:
		return "the rest of the session is encrypted"
	}
	return ""
}

// Ends are the two ends as text.
func (c *Conn) Ends() (client, server string) {
	a, b := c.Flow.Ends()
	return a.String(), b.String()
}

// RTT is the round trip from client to server by the handshake; false: it was
// not captured, or not looked at.
func (c *Conn) RTT() (events.Duration, bool) {
	return c.rtt[events.FromClient] + c.rtt[events.FromServer], c.shaken[events.FromClient] && c.shaken[events.FromServer]
}
