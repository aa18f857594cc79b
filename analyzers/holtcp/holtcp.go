// Package holtcp answers how long bytes of a TCP flow waited behind a hole
// (head-of-line blocking), and whether a response waited for bytes of its own
// or for another's. It must not decide when a hole is filled.
package holtcp

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "hol.tcp".
var Question = analyzers.Question{
	Name: "hol.tcp",
	Area: analyzers.Transport,
	Doc:  "head-of-line blocking in TCP: how long bytes and responses waited behind lost ones",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("hol.tcp", o, &fold{pending: o.Limits.FoldPending})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

// Value is one side of one flow, as the sender of the bytes that waited.
type Value struct {
	Side   string `json:"side"`
	Client string `json:"client"`
	Server string `json:"server"`

	Count uint64          `json:"count"` // ranges of bytes that waited until their hole was filled
	Bytes int64           `json:"bytes"`
	Sum   events.Duration `json:"sum"` // of the waits of all ranges
	Max   events.Duration `json:"max"`
	// Stalled is the time in which at least one range waited.
	Stalled events.Duration `json:"stalled"`
	// Unfilled ranges lay behind a hole that the capture never saw filled; how
	// long the receiver waited is not known, and they are in no other figure.
	Unfilled      uint64 `json:"unfilled,omitzero"`
	UnfilledBytes int64  `json:"unfilled_bytes,omitzero"`

	// Responses, and streams of HTTP/2, that waited: how many, and for how long
	// altogether behind a hole in other bytes, and in their own.
	Messages uint64          `json:"messages,omitzero"`
	Other    events.Duration `json:"other,omitzero"`
	Own      events.Duration `json:"own,omitzero"`
	Worst    []Message       `json:"worst,omitzero"` // those that waited longest
	// Undecided says why responses of this flow are not in messages.
	Undecided string `json:"undecided,omitzero"`
	// Limited counts the open messages and ranges given up for fold-pending.
	Limited uint64 `json:"limited,omitzero"`

	Frames []uint64 `json:"frames"` // the longest wait (arrival, release), then the first
	Filter string   `json:"filter"`
}

// Message is one response, or stream of HTTP/2, that waited.
type Message struct {
	HTTPStream   uint64          `json:"http_stream"`
	RequestFrame uint64          `json:"request_frame,omitzero"`
	FirstFrame   uint64          `json:"first_frame,omitzero"`
	LastFrame    uint64          `json:"last_frame,omitzero"`
	Other        events.Duration `json:"other"` // behind a hole in other bytes
	Own          events.Duration `json:"own"`   // behind a hole in its own
}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return []events.Kind{events.KindTCPHOL, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTP2Frame, events.KindFlowEnd}
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
	if f.onStreams(s, e) {
		return
	}
	switch b := e.Body.(type) {
	case *events.TCPHOL:
		f.side(s, e).waited(b, e)
	case *events.HTTPResponse:
		if s.loud != nil || !s.quiet.response(b, e) {
			f.side(s, e).response(b, e)
		}
	case *events.HTTPBody:
		if b.Of == "response" && (s.loud != nil || !s.quiet.body(b, e)) {
			f.side(s, e).body(b, e)
		}
	}
}

// side is the sender's, with all that its earlier packets settled.
func (f *fold) side(s *state, e *events.Event) *side {
	if s.loud == nil {
		s.loud = &loud{flow: e.Flow}
		if s.quiet.state != silent {
			s.loud.sides[s.quiet.side] = s.quiet.wake(f.pending)
		}
	}
	d := s.loud.sides[e.From&1]
	if d == nil {
		d = &side{limit: f.pending}
		s.loud.sides[e.From&1] = d
	}
	if d.frame != e.Pos.Frame {
		d.settle()
		d.frame = e.Pos.Frame
	}
	return d
}

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.loud == nil {
		return
	}
	flow := s.loud.flow
	client, server := flow.Ends()
	for dir := events.FromClient; dir <= events.FromServer; dir++ {
		d := s.loud.sides[dir]
		if d == nil || d.count+d.unfilled == 0 {
			continue
		}
		d.settle()
		for i := range d.live {
			d.finish(&d.live[i])
		}
		if h := s.streams[dir]; h != nil {
			h.finish(d)
		}
		v := Value{
			Side: dir.String(), Client: client.String(), Server: server.String(),
			Count: d.count, Bytes: d.bytes, Sum: d.sum, Max: d.max, Stalled: d.stalled.Total(),
			Unfilled: d.unfilled, UnfilledBytes: d.unfilledBytes,
			Messages: d.messages, Other: d.other, Own: d.own,
			Undecided: d.undecided, Limited: d.limited,
			Frames: analyzers.Frames(d.longest[0], d.longest[1], d.first[0], d.first[1]),
			Filter: analyzers.SideFilter(k, flow, dir) + " && (tcp.analysis.lost_segment || tcp.analysis.out_of_order || tcp.analysis.retransmission)",
		}
		if d.worst != nil {
			v.Worst = append(v.Worst, d.worst.Kept()...)
		}
		emit(analyzers.SideKey(k, dir), v)
	}
}
