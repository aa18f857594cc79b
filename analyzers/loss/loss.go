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
	Area:    analyzers.Transport,
	Doc:     "retransmissions, reordering, lost bytes and goodput of each TCP flow and side",
	New:     func(o analyzers.Options) analyzers.Runner { return analyzers.Runs("loss", o, &fold{}) },
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

type fold struct {
	scratch [2]side // of the flow being closed
	end     endOf   // of the flow being closed, where it had one
	free    [][]note
}

// endOf is what is needed of flow.end. The key is closed right after it, so
// that no flow keeps one.
type endOf struct {
	seen        bool
	packets     [2]uint64
	bytes       [2]uint64
	first, last uint64
	duration    events.Duration
}

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPLost,
		events.KindTCPDuplicateACK, events.KindTCPZeroWindow, events.KindFlowGap, events.KindFlowEnd,
	}
}

func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	return e.Key(), e.Flow.Proto == events.ProtoTCP
}

func (*fold) Idle() time.Duration { return analyzers.Never }

func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if s.flow.Proto == 0 {
		s.flow = e.Flow
	}
	switch b := e.Body.(type) {
	case *events.FlowEnd:
		f.end = endOf{
			seen: true, packets: [2]uint64{b.ClientPackets, b.ServerPackets}, bytes: [2]uint64{b.ClientBytes, b.ServerBytes},
			first: b.FirstFrame, last: b.LastFrame, duration: b.Duration,
		}
	case *events.FlowGap:
		// Bytes that a snaplen cut off were there.
		if b.Reason == "snaplen" {
			return
		}
		w := neverSeen
		if b.Reason == "acked" {
			w = acknowledged
		}
		f.add(s, mark{what: w, bytes: b.Bytes, frame: e.Pos.Frame}, e.From&1)
	case *events.TCPSegment:
		f.add(s, mark{what: of(b), bytes: b.Bytes, frame: e.Pos.Frame, time: e.Time, after: b.After}, e.From&1)
	}
}

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	sides := s.sides
	if sides == nil {
		sides = &f.scratch
		*sides = [2]side{}
		s.replay(sides)
		f.release(s)
	}
	end := &f.end

	// All texts of a flow are in one string, all frames in one slice.
	var room [1024]byte
	client, server := s.flow.Ends()
	b := client.AppendTo(room[:0])
	n := len(b)
	b = server.AppendTo(b)
	ends := len(b)
	var keys, filters [2]int // where they end
	for dir := range sides {
		if sides[dir].marks == 0 && end.bytes[dir] == 0 {
			continue
		}
		b = analyzers.AppendSideKey(b, k, events.Dir(dir))
		keys[dir] = len(b)
		b = analyzers.AppendSideFilter(b, k, &s.flow, events.Dir(dir))
		b = sides[dir].appendFilter(b)
		filters[dir] = len(b)
	}
	if len(b) > ends {
		text, at := string(b), ends
		for dir := range sides {
			if keys[dir] == 0 {
				continue
			}
			v := sides[dir].value(end, events.Dir(dir))
			v.Client, v.Server, v.Filter = text[:n], text[n:ends], text[keys[dir]:filters[dir]]
			emit(text[at:keys[dir]], v)
			at = filters[dir]
		}
	}
	f.end = endOf{}
}

func (d *side) value(end *endOf, dir events.Dir) Value {
	v := Value{
		Side:    dir.String(),
		Packets: end.packets[dir], Bytes: int64(end.bytes[dir]), Duration: end.duration,
		Fast: d.tallies[fast], Timeout: d.tallies[timeout], Spurious: d.tallies[spurious], TimeoutWait: d.wait.Total(),
		OutOfOrder: d.tallies[outOfOrder], Holes: d.tallies[hole], NeverSeen: d.tallies[neverSeen], Acknowledged: d.acked,
		DuplicateACKs: d.tallies[duplicate].Segments, ZeroWindows: d.tallies[zeroWindow].Segments,
		Incomplete: !end.seen,
	}
	for _, w := range [...]what{fast, timeout, spurious, other} {
		v.Retransmitted.Segments += d.tallies[w].Segments
		v.Retransmitted.Bytes += d.tallies[w].Bytes
	}
	if end.seen {
		v.Goodput = max(v.Bytes-v.Retransmitted.Bytes, 0)
	}
	if v.Bytes > 0 {
		v.Share = float64(v.Retransmitted.Bytes) / float64(v.Bytes)
	}
	if sec := end.duration.Std().Seconds(); sec > 0 {
		v.Rate, v.GoodputRate = float64(v.Bytes)/sec, float64(v.Goodput)/sec
	}
	if d.marks > 0 {
		v.Frames = analyzers.Frames(d.frames[:min(d.marks, analyzers.MaxFrames)]...)
	} else {
		v.Frames = analyzers.Frames(end.first, end.last)
	}
	return v
}

// appendFilter narrows the filter of a side to the marks that it has.
func (d *side) appendFilter(b []byte) []byte {
	from := len(b)
	add := func(n uint64, field string) {
		if n == 0 {
			return
		}
		if len(b) == from {
			b = append(b, " && ("...)
		} else {
			b = append(b, " || "...)
		}
		b = append(b, "tcp.analysis."...)
		b = append(b, field...)
	}
	t := &d.tallies
	add(t[timeout].Segments+t[other].Segments+t[fast].Segments+t[spurious].Segments, "retransmission")
	add(t[fast].Segments, "fast_retransmission")
	add(t[spurious].Segments, "spurious_retransmission")
	add(t[outOfOrder].Segments, "out_of_order")
	add(t[hole].Segments, "lost_segment")
	add(t[duplicate].Segments, "duplicate_ack")
	add(t[zeroWindow].Segments, "zero_window")
	if len(b) == from {
		return append(b, " && tcp.len > 0"...)
	}
	return append(b, ')')
}
