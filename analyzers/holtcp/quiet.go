package holtcp

import (
	"math"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// state of a flow. Almost no flow has a byte that waits, but any may yet have
// one; so until the first wait only what a wait would need is kept: the
// response that is open, or was completed in the frame of the last event.
type state struct {
	quiet   quiet
	loud    *loud       // from the first wait on, and where quiet does not suffice
	streams [2]*streams // of HTTP/2
}

// loud is a flow with a wait.
type loud struct {
	flow  events.Flow
	sides [2]*side
}

// quiet stands for a side without waits and with at most one message, of
// HTTP/1 right on TCP.
type quiet struct {
	state        quietState
	side         events.Dir
	requestFrame uint64
	first, last  uint64 // as in message
	span
	known int64
}

// quietState says what quiet holds.
type quietState uint8

const (
	silent  quietState = iota // no message was seen
	between                   // none is open
	within                    // one is open
	ended                     // the last one was completed in the frame of the last event
)

// onTCP says whether offsets of e are those of the TCP stream: they are not
// where another protocol (TLS) lies between.
func onTCP(e *events.Event) bool { return strings.Count(e.Layer, "/") == 1 }

// fits says whether quiet can hold what e says of a message; open is whether
// the message is the one that is open.
func (q *quiet) fits(e *events.Event, httpStream, requestFrame uint64) (open, ok bool) {
	if httpStream != 0 || !onTCP(e) || q.state != silent && q.side != e.From&1 {
		return false, false
	}
	if q.state == ended && q.last != e.Pos.Frame {
		q.state = between
	}
	switch q.state {
	case within:
		return true, q.requestFrame == requestFrame
	case ended:
		return false, false // it would be the second
	}
	return false, true
}

// begin takes the first bytes of a message.
func (q *quiet) begin(e *events.Event, requestFrame, first uint64, s span) {
	q.state, q.side, q.requestFrame, q.first, q.last, q.span = within, e.From&1, requestFrame, first, 0, s
}

// response takes a head; false: quiet does not suffice.
func (q *quiet) response(b *events.HTTPResponse, e *events.Event) bool {
	open, ok := q.fits(e, b.HTTPStream, b.RequestFrame)
	end := b.Offset + b.Bytes
	if b.HasBody {
		end = math.MaxInt64
	}
	switch {
	case !ok, open && q.to != b.Offset:
		return false
	case open:
		q.to = end
	default:
		q.begin(e, b.RequestFrame, b.FirstFrame, span{b.Offset, end})
	}
	q.known = max(q.known, end)
	if !b.HasBody && !b.Interim {
		q.state, q.last = ended, e.Pos.Frame
	}
	return true
}

// body takes the end of a body; false: quiet does not suffice.
func (q *quiet) body(b *events.HTTPBody, e *events.Event) bool {
	open, ok := q.fits(e, b.HTTPStream, b.RequestFrame)
	end := b.Offset + b.WireBytes
	switch {
	case !ok, open && q.to != math.MaxInt64 && q.to != b.Offset:
		return false
	case open && q.to == math.MaxInt64:
		q.to, q.known = end, end
	case open:
		q.to = end
	default: // its head was not captured
		q.begin(e, b.RequestFrame, b.FirstFrame, span{b.Offset, end})
	}
	q.known = max(q.known, end)
	q.state, q.last = ended, e.Pos.Frame
	return true
}

// wake is the side that q stands for.
func (q *quiet) wake(limit int) *side {
	d := &side{limit: limit, frame: q.last, known: q.known, seen: true}
	if q.state == within || q.state == ended {
		d.live = append(d.live, message{name: name{requestFrame: q.requestFrame}, first: q.first, last: q.last, span: q.span})
	}
	return d
}
