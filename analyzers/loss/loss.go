// Package loss answers what each side of a TCP flow had to send again, what
// came in the wrong order, what was never seen, and what that left of its
// rate. It counts marks (tcp.segment.*); it must not decide what a segment is.
package loss

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "loss".
var Question = analyzers.Question{
	Name:    "loss",
	Doc:     "retransmissions, reordering, lost bytes and goodput of each TCP flow and side",
	New:     func(o analyzers.Options) analyzers.Runner { return analyzers.Runs("loss", o, fold{}) },
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

// Tally counts segments and their payload.
type Tally struct {
	Segments uint64 `json:"segments"`
	Bytes    int64  `json:"bytes"`
}

func (t *Tally) add(bytes int64) {
	t.Segments++
	t.Bytes += bytes
}

// Value is what one side of one flow sent.
type Value struct {
	Side   string `json:"side"` // who sent
	Client string `json:"client"`
	Server string `json:"server"`

	Packets uint64 `json:"packets"`
	// Bytes is the payload that the side put on the wire, repetitions too;
	// Goodput is without what was sent again.
	Bytes   int64 `json:"bytes"`
	Goodput int64 `json:"goodput"`
	// Rates are bytes a second over the whole flow, first packet to last; left
	// out for a flow of one packet.
	Rate        float64         `json:"rate,omitzero"`
	GoodputRate float64         `json:"goodput_rate,omitzero"`
	Duration    events.Duration `json:"duration"`

	Retransmitted Tally `json:"retransmitted"` // all kinds
	Fast          Tally `json:"fast,omitzero"`
	Timeout       Tally `json:"timeout,omitzero"`
	Spurious      Tally `json:"spurious,omitzero"`
	// TimeoutWait is the time in which the side sent nothing new before a
	// time-out, counted once where time-outs overlap.
	TimeoutWait events.Duration `json:"timeout_wait,omitzero"`
	// Share is Retransmitted.Bytes of Bytes, 0 to 1.
	Share float64 `json:"share,omitzero"`

	OutOfOrder Tally `json:"out_of_order,omitzero"`
	// Holes are jumps in the sequence: bytes not seen when the segment behind
	// them came. Segments counts the jumps.
	Holes Tally `json:"holes,omitzero"`
	// NeverSeen are the holes that nothing filled. Acknowledged is the part of
	// it that the other side has received: the capture missed those.
	NeverSeen    Tally `json:"never_seen,omitzero"`
	Acknowledged int64 `json:"acknowledged,omitzero"`

	// What this side said as a receiver.
	DuplicateACKs uint64 `json:"duplicate_acks,omitzero"`
	ZeroWindows   uint64 `json:"zero_windows,omitzero"`

	Incomplete bool     `json:"incomplete,omitzero"` // the flow's end was not seen: packets, bytes and rates are not known
	Frames     []uint64 `json:"frames"`              // the first marks; without any, the flow's first and last
	Filter     string   `json:"filter"`
}

type side struct {
	fast, timeout, spurious, other Tally
	outOfOrder, holes, never       Tally
	acked                          int64
	duplicates, zeroWindows        uint64
	wait                           analyzers.Union
	frames                         [analyzers.MaxFrames]uint64
	marks                          uint64
}

// mark remembers the frames of the first marks.
func (d *side) mark(frame uint64) {
	if d.marks < uint64(len(d.frames)) {
		d.frames[d.marks] = frame
	}
	d.marks++
}

// state of a flow: most lose nothing, so sides are made when needed.
type state struct {
	flow  events.Flow
	end   endOf
	sides [2]*side
}

// endOf is what is needed of flow.end.
type endOf struct {
	seen        bool
	packets     [2]uint64
	bytes       [2]uint64
	first, last uint64
	duration    events.Duration
}

type fold struct{}

func (fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPLost,
		events.KindTCPDuplicateACK, events.KindTCPZeroWindow, events.KindFlowGap, events.KindFlowEnd,
	}
}

func (fold) Key(e *events.Event) (events.StreamKey, bool) {
	return e.Key(), e.Flow.Proto == events.ProtoTCP
}

func (fold) Idle() time.Duration { return analyzers.Never }

func (fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

func (fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if s.flow.Proto == 0 {
		s.flow = e.Flow
	}
	switch b := e.Body.(type) {
	case *events.FlowEnd:
		s.end = endOf{
			seen: true, packets: [2]uint64{b.ClientPackets, b.ServerPackets}, bytes: [2]uint64{b.ClientBytes, b.ServerBytes},
			first: b.FirstFrame, last: b.LastFrame, duration: b.Duration,
		}
	case *events.FlowGap:
		// Bytes that a snaplen cut off were there.
		if b.Reason == "snaplen" {
			return
		}
		d := s.side(e)
		d.never.add(b.Bytes)
		if b.Reason == "acked" {
			d.acked += b.Bytes
		}
	case *events.TCPSegment:
		s.side(e).segment(b, e.Time)
	}
}

func (s *state) side(e *events.Event) *side {
	d := s.sides[e.From&1]
	if d == nil {
		d = &side{}
		s.sides[e.From&1] = d
	}
	d.mark(e.Pos.Frame)
	return d
}

func (d *side) segment(b *events.TCPSegment, t events.Time) {
	switch b.Mark {
	case events.KindTCPRetransmission:
		switch b.Why {
		case "fast":
			d.fast.add(b.Bytes)
		case "spurious":
			d.spurious.add(b.Bytes)
		case "timeout":
			d.timeout.add(b.Bytes)
			d.wait.Add(t.Add(-b.After), t)
		default:
			d.other.add(b.Bytes)
		}
	case events.KindTCPOutOfOrder:
		d.outOfOrder.add(b.Bytes)
	case events.KindTCPLost:
		d.holes.add(b.Bytes)
	case events.KindTCPDuplicateACK:
		d.duplicates++
	case events.KindTCPZeroWindow:
		if b.Why == "window" {
			d.zeroWindows++
		}
	}
}

func (fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	for dir := events.FromClient; dir <= events.FromServer; dir++ {
		if s.sides[dir] != nil || s.end.bytes[dir] > 0 {
			emit(analyzers.SideKey(k, dir), s.value(k, dir))
		}
	}
}

func (s *state) value(k events.StreamKey, dir events.Dir) Value {
	client, server := s.flow.Ends()
	d := s.sides[dir]
	if d == nil {
		d = &side{}
	}
	v := Value{
		Side: dir.String(), Client: client.String(), Server: server.String(),
		Packets: s.end.packets[dir], Bytes: int64(s.end.bytes[dir]), Duration: s.end.duration,
		Fast: d.fast, Timeout: d.timeout, Spurious: d.spurious, TimeoutWait: d.wait.Total(),
		OutOfOrder: d.outOfOrder, Holes: d.holes, NeverSeen: d.never, Acknowledged: d.acked,
		DuplicateACKs: d.duplicates, ZeroWindows: d.zeroWindows,
		Incomplete: !s.end.seen,
		Filter:     analyzers.SideFilter(k, s.flow, dir) + d.shows(),
	}
	for _, t := range [...]Tally{d.fast, d.timeout, d.spurious, d.other} {
		v.Retransmitted.Segments += t.Segments
		v.Retransmitted.Bytes += t.Bytes
	}
	if s.end.seen {
		v.Goodput = max(v.Bytes-v.Retransmitted.Bytes, 0)
	}
	if v.Bytes > 0 {
		v.Share = float64(v.Retransmitted.Bytes) / float64(v.Bytes)
	}
	if sec := s.end.duration.Std().Seconds(); sec > 0 {
		v.Rate, v.GoodputRate = float64(v.Bytes)/sec, float64(v.Goodput)/sec
	}
	if d.marks > 0 {
		v.Frames = analyzers.Frames(d.frames[:]...)
	} else {
		v.Frames = analyzers.Frames(s.end.first, s.end.last)
	}
	return v
}

// shows narrows the filter of a side to the marks that it has.
func (d *side) shows() string {
	var f string
	add := func(n uint64, field string) {
		if n > 0 {
			if f != "" {
				f += " || "
			}
			f += "tcp.analysis." + field
		}
	}
	add(d.timeout.Segments+d.other.Segments+d.fast.Segments+d.spurious.Segments, "retransmission")
	add(d.fast.Segments, "fast_retransmission")
	add(d.spurious.Segments, "spurious_retransmission")
	add(d.outOfOrder.Segments, "out_of_order")
	add(d.holes.Segments, "lost_segment")
	add(d.duplicates, "duplicate_ack")
	add(d.zeroWindows, "zero_window")
	if f == "" {
		return " && tcp.len > 0"
	}
	return " && (" + f + ")"
}
