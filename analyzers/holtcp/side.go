package holtcp

import (
	"cmp"
	"math"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// side is what one side of a flow sent.
//
// Bytes are told before their message is whole, and a message is told before
// or after the waits of its frame. So waits are settled when the next frame
// speaks: all that was released in the earlier frame belongs to messages that
// were complete by then, or to the one that HTTP/1 still had open.
type side struct {
	limit int
	frame uint64 // of the last event

	count, unfilled      uint64
	bytes, unfilledBytes int64
	sum, max             events.Duration
	stalled              analyzers.Union
	longest, first       [2]uint64 // frames: arrival, release

	waits []wait    // not settled
	live  []message // open, or completed in this frame
	known int64     // up to this offset it is known which message a byte is of
	seen  bool      // a message was

	messages   uint64
	other, own events.Duration
	worst      *analyzers.Top[Message]
	undecided  string
	limited    uint64
}

// wait is bytes [from, to) that were there at arrived and could be read at
// released, for they lay behind the hole.
type wait struct {
	from, to          int64
	hole, holeEnd     int64
	arrived, released events.Time
}

// name is what tells messages of one flow apart: HTTP/2 has many at once.
type name struct{ httpStream, requestFrame uint64 }

type span struct{ from, to int64 }

type message struct {
	name
	first, last uint64 // frames; last is 0 while it is open
	// Stream offsets of its bytes, as far as known. HTTP/1 messages are one
	// span; more is for those that are sent in pieces.
	span
	more       []span
	other, own analyzers.Union
}

// unclaimed is how many waits are kept for a message to come while none was
// seen: most flows with losses carry something else.
const unclaimed = 64

// keptWorst is how many messages a row lists.
const keptWorst = 16

func (d *side) waited(b *events.TCPHOL, e *events.Event) {
	if d.count+d.unfilled == 0 {
		d.first = [2]uint64{b.ArrivedFrame, e.Pos.Frame}
	}
	if !b.Filled {
		d.unfilled++
		d.unfilledBytes += b.Bytes
		return
	}
	d.count++
	d.bytes += b.Bytes
	d.sum += b.Wait
	if b.Wait > d.max || d.count == 1 {
		d.max = b.Wait
		d.longest = [2]uint64{b.ArrivedFrame, e.Pos.Frame}
	}
	arrived := e.Time.Add(-b.Wait)
	d.stalled.Add(arrived, e.Time)
	if d.undecided != "" {
		return
	}
	if !d.seen && len(d.waits) >= min(unclaimed, d.limit) {
		d.waits = d.waits[:copy(d.waits, d.waits[1:])]
	} else if len(d.waits) >= d.limit {
		d.limited++
		return
	}
	d.waits = append(d.waits, wait{b.Offset, b.Offset + b.Bytes, b.HoleOffset, b.HoleOffset + b.HoleBytes, arrived, e.Time})
}

// placed says whether the messages of e have a place in the TCP stream.
func (d *side) placed(e *events.Event) bool {
	if onTCP(e) {
		return true
	}
	d.undecided = "messages inside " + e.Layer[:max(strings.LastIndexByte(e.Layer, '/'), 0)] + " have no place in the TCP stream"
	d.waits, d.live = nil, nil
	return false
}

func (d *side) response(b *events.HTTPResponse, e *events.Event) {
	if !d.placed(e) {
		return
	}
	m := d.open(name{b.HTTPStream, b.RequestFrame})
	if m == nil {
		m = d.add(message{name: name{b.HTTPStream, b.RequestFrame}, first: b.FirstFrame})
	}
	end := b.Offset + b.Bytes
	if b.HTTPStream == 0 && b.HasBody {
		end = math.MaxInt64 // what follows the head is its body, however long
	}
	m.extend(span{b.Offset, end})
	if !b.HasBody && !b.Interim {
		m.last = e.Pos.Frame
	}
	d.seen, d.known = true, max(d.known, end)
}

func (d *side) body(b *events.HTTPBody, e *events.Event) {
	if !d.placed(e) {
		return
	}
	m := d.open(name{b.HTTPStream, b.RequestFrame})
	if m == nil { // its head was not captured
		m = d.add(message{name: name{b.HTTPStream, b.RequestFrame}, first: b.FirstFrame})
	}
	end := b.Offset + b.WireBytes
	if m.to == math.MaxInt64 { // its end was not known until now
		m.to, d.known = end, end
	} else {
		m.extend(span{b.Offset, end})
	}
	m.last = e.Pos.Frame
	d.seen, d.known = true, max(d.known, end)
}

// open finds the message that has begun and is not over.
func (d *side) open(n name) *message {
	for i := len(d.live) - 1; i >= 0; i-- {
		if m := &d.live[i]; m.name == n && m.last == 0 {
			return m
		}
	}
	return nil
}

func (d *side) add(m message) *message {
	if len(d.live) >= d.limit {
		d.finish(&d.live[0])
		d.live = d.live[:copy(d.live, d.live[1:])]
		d.limited++
	}
	d.live = append(d.live, m)
	return &d.live[len(d.live)-1]
}

// settle gives the waits of earlier frames to the messages that they held up,
// and lets go of the messages that are whole.
func (d *side) settle() {
	if len(d.waits) > 0 && d.seen {
		keep := d.waits[:0]
		for _, w := range d.waits {
			for i := range d.live {
				d.live[i].held(&w)
			}
			// The rest may be of a message whose head is not whole yet.
			if w.from = max(w.from, d.known); w.from < w.to {
				keep = append(keep, w)
			}
		}
		d.waits = keep
	}
	whole := 0
	for i := range d.live {
		if d.live[i].last != 0 {
			d.finish(&d.live[i])
			whole++
		} else if whole > 0 {
			d.live[i-whole] = d.live[i]
		}
	}
	if whole > 0 {
		clear(d.live[len(d.live)-whole:])
		d.live = d.live[:len(d.live)-whole]
	}
}

// held counts w against m if bytes of m waited in it. A hole that took bytes
// of m, whatever else it took, is its own: it would have waited for itself.
func (m *message) held(w *wait) {
	if !m.overlaps(w.from, w.to) {
		return
	}
	if m.overlaps(w.hole, w.holeEnd) {
		m.own.Add(w.arrived, w.released)
	} else {
		m.other.Add(w.arrived, w.released)
	}
}

// extend adds bytes that belong to m.
func (m *message) extend(s span) {
	switch {
	case m.span == span{}:
		m.span = s
	case m.to == s.from:
		m.to = s.to
	default:
		m.more = append(m.more, s)
	}
}

func (m *message) overlaps(from, to int64) bool {
	if from < m.to && m.from < to {
		return true
	}
	for _, s := range m.more {
		if from < s.to && s.from < to {
			return true
		}
	}
	return false
}

// finish counts a message that will wait no more.
func (d *side) finish(m *message) {
	other, own := m.other.Total(), m.own.Total()
	if other+own == 0 {
		return
	}
	d.messages++
	d.other += other
	d.own += own
	if d.worst == nil {
		d.worst = analyzers.NewTop(keptWorst, func(a, b Message) int {
			return cmp.Or(cmp.Compare(b.Other+b.Own, a.Other+a.Own), cmp.Compare(a.FirstFrame, b.FirstFrame), cmp.Compare(a.RequestFrame, b.RequestFrame), cmp.Compare(a.HTTPStream, b.HTTPStream))
		})
	}
	d.worst.Add(Message{HTTPStream: m.httpStream, RequestFrame: m.requestFrame, FirstFrame: m.first, LastFrame: m.last, Other: other, Own: own})
}
