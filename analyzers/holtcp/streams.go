package holtcp

import (
	"maps"
	"slices"

	"github.com/wiretale/wiretale/analyzers/holes"
	"github.com/wiretale/wiretale/events"
)

// streams is what one side of an HTTP/2 connection sent: its frames say of
// which stream each byte is. Heads and bodies only name the streams.
type streams struct {
	tracker holes.Tracker
	frame   uint64 // of the last event
	limit   int
	limited uint64
	held    map[uint64]*message // streams that waited
	begun   map[uint64]label    // streams whose body has no end yet
	named   []label             // of this frame
}

// label is what a head or a body says of its stream.
type label struct {
	stream, requestFrame, first, last uint64
}

// headers says whether a frame holds a part of a header block.
func headers(b *events.HTTP2Frame) bool {
	return b.Type == "HEADERS" || b.Type == "CONTINUATION" || b.Type == "PUSH_PROMISE"
}

// frameHeader is the length of a frame without its payload (RFC 9113 section
// 4.1).
const frameHeader = 9

// at settles what earlier frames said.
func (d *streams) at(e *events.Event) {
	if d.frame == e.Pos.Frame {
		return
	}
	d.settle()
	d.frame = e.Pos.Frame
}

func (d *streams) settle() {
	if d.tracker.Busy() {
		d.tracker.Settle(d.waited)
	}
	for _, l := range d.named {
		d.name(l)
	}
	d.named = d.named[:0]
}

func (d *streams) waited(w holes.Wait) {
	if w.Owner == 0 { // of the connection, no stream's
		return
	}
	m := d.held[w.Owner]
	if m == nil {
		if len(d.held) >= d.limit {
			d.limited++
			return
		}
		if d.held == nil {
			d.held = map[uint64]*message{}
		}
		m = &message{name: name{httpStream: w.Owner}}
		d.held[w.Owner] = m
	}
	if w.Own {
		m.own.Add(w.Arrived, w.Released)
	} else {
		m.other.Add(w.Arrived, w.Released)
	}
}

// name puts on a stream that waited what its head or its body says.
func (d *streams) name(l label) {
	if m := d.held[l.stream]; m != nil {
		m.requestFrame, m.first, m.last = l.requestFrame, l.first, l.last
	}
}

// head and body say what they do once the waits of their frame are told.
func (d *streams) head(b *events.HTTPResponse, e *events.Event) {
	l := label{b.HTTPStream, b.RequestFrame, b.FirstFrame, e.Pos.Frame}
	if old, ok := d.begun[l.stream]; ok {
		l.first = old.first // an interim response came before
	}
	d.named = append(d.named, l)
	if !b.HasBody && !b.Interim {
		delete(d.begun, l.stream)
	} else if len(d.begun) < d.limit {
		if d.begun == nil {
			d.begun = map[uint64]label{}
		}
		d.begun[l.stream] = l
	}
}

func (d *streams) body(b *events.HTTPBody, e *events.Event) {
	l := label{b.HTTPStream, b.RequestFrame, b.FirstFrame, e.Pos.Frame}
	if old, ok := d.begun[l.stream]; ok {
		l.first = old.first
		delete(d.begun, l.stream)
	}
	d.named = append(d.named, l)
}

// finish counts the streams that waited in d.
func (s *streams) finish(d *side) {
	s.settle()
	for _, id := range slices.Sorted(maps.Keys(s.held)) {
		m := s.held[id]
		if l, ok := s.begun[id]; ok && m.last == 0 { // its end was not seen
			m.requestFrame, m.first, m.last = l.requestFrame, l.first, l.last
		}
		d.finish(m)
	}
	d.limited += s.limited + s.tracker.Limited
}

// onStreams takes what is said of streams of HTTP/2; false: it is not of
// them, or they have no place in the TCP stream.
func (f *fold) onStreams(s *state, e *events.Event) bool {
	switch b := e.Body.(type) {
	case *events.HTTP2Frame:
		if onTCP(e) {
			f.streams(s, e).tracker.Piece(b.Offset, frameHeader+int64(b.Length), b.HTTPStream, headers(b))
		}
		return true
	case *events.TCPHOL:
		if s.streams[0] != nil || s.streams[1] != nil { // it is HTTP/2
			f.streams(s, e).tracker.Hole(b, e.Time)
		}
		return false // side counts it
	case *events.HTTPResponse:
		if b.HTTPStream == 0 || !onTCP(e) {
			return false
		}
		f.streams(s, e).head(b, e)
		return true
	case *events.HTTPBody:
		if b.HTTPStream == 0 || !onTCP(e) {
			return false
		}
		f.streams(s, e).body(b, e)
		return true
	}
	return false
}

func (f *fold) streams(s *state, e *events.Event) *streams {
	d := s.streams[e.From&1]
	if d == nil {
		d = &streams{limit: f.pending, tracker: holes.Tracker{Limit: f.pending}}
		s.streams[e.From&1] = d
	}
	d.at(e)
	return d
}
