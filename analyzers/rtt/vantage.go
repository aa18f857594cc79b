package rtt

import (
	"time"

	"github.com/wiretale/wiretale/events"
)

// The rule of vantage. A host answers its own capture within the time that its
// kernel takes, so the near side of a capture made at an end is fast by itself
// and by far the faster one.
const (
	hostAnswers = events.Duration(time.Millisecond)       // an end answers itself within this
	farTimes    = 10                                      // and the other side takes this many times longer
	tooNear     = events.Duration(200 * time.Microsecond) // below this both sides are mostly kernel time
)

// vantage says where the capture was made: at the client, at the server, or
// between them.
func vantage(sides *[2]side) (where, why string) {
	c, v := &sides[events.FromClient], &sides[events.FromServer]
	if !c.hasHandshake || !v.hasHandshake {
		return "undecided", "the handshake was not captured whole, or repeated"
	}
	near, far, end := c.handshake, v.handshake, "client"
	if near > far {
		near, far, end = far, near, "server"
	}
	switch {
	case far < tooNear:
		return "undecided", "both sides answer within 200 µs, as a host does on its own"
	case near <= hostAnswers && farTimes*near <= far:
		return end, ""
	}
	return "middle", ""
}
