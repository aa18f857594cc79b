// Package rtt answers how long each side of a TCP flow takes to answer, as
// seen at the capture point. It reads samples (tcp.rtt); it must not decide
// which segments give one.
package rtt

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "rtt".
var Question = analyzers.Question{
	Name: "rtt",
	Area: analyzers.Transport,
	Doc:  "round-trip times of each TCP flow and side, and where the capture was made",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("rtt", o, &fold{samples: o.Limits.FoldSamples})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

// Value is one side of one flow. Times are between the capture point and that
// side.
type Value struct {
	Side   string `json:"side"` // who answered: client, server
	Client string `json:"client"`
	Server string `json:"server"`
	// Handshake is SYN → SYN-ACK for the server, SYN-ACK → ACK for the client;
	// left out where it was not captured or sent twice.
	Handshake   events.Duration `json:"handshake,omitzero"`
	Min         events.Duration `json:"min"`
	Median      events.Duration `json:"median"`
	P95         events.Duration `json:"p95"`
	Max         events.Duration `json:"max"`
	Count       uint64          `json:"count"`
	Approximate bool            `json:"approximate,omitzero"` // median and p95 are within 1 %
	SRTT        events.Duration `json:"srtt"`                 // at the end of the flow (RFC 6298)
	RTTVar      events.Duration `json:"rttvar"`
	RTO         events.Duration `json:"rto"`
	// Total is the smallest round trip from end to end: the sum of both sides'
	// minimum; left out where one side has no sample.
	Total      events.Duration `json:"total,omitzero"`
	Vantage    string          `json:"vantage"` // client, server, middle, undecided
	VantageWhy string          `json:"vantage_why,omitzero"`
	// ClockBackwards counts samples below zero, left out of all figures.
	ClockBackwards uint64   `json:"clock_backwards,omitzero"`
	Frames         []uint64 `json:"frames"` // handshake, smallest and largest sample
	Filter         string   `json:"filter"`
}

type fold struct {
	samples int
	scratch [2]side // of the flow being closed
}

func (*fold) Kinds() []events.Kind { return []events.Kind{events.KindTCPRTT, events.KindFlowEnd} }

func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	return e.Key(), e.Flow.Proto == events.ProtoTCP
}

func (*fold) Idle() time.Duration { return analyzers.Never }

func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	b, ok := e.Body.(*events.TCPRTT)
	if !ok {
		return
	}
	if s.flow.Proto == 0 {
		s.flow = e.Flow
	}
	m := sample{pair{b.SegmentFrame, e.Pos.Frame}, b.RTT, e.From & 1, b.Of}
	if s.sides == nil {
		if s.note(m) {
			return
		}
		s.sides = &[2]side{}
		s.replay(s.sides, f.samples)
	}
	s.sides[m.side].add(m, f.samples)
}

// minRTO is RFC 6298 section 2.4.
const minRTO = events.Duration(time.Second)

const filterTail = " && tcp.analysis.ack_rtt"

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	sides := s.sides
	if sides == nil {
		if s.noted == 0 {
			return
		}
		sides = &f.scratch
		*sides = [2]side{}
		s.replay(sides, f.samples)
	}
	c, v := &sides[events.FromClient], &sides[events.FromServer]
	if c.sketch.Count() == 0 && v.sketch.Count() == 0 {
		return
	}
	where, why := vantage(sides)
	var total events.Duration
	if c.sketch.Count() > 0 && v.sketch.Count() > 0 {
		total = events.Duration(c.sketch.Min() + v.sketch.Min())
	}

	// All texts of a flow are in one string, all frames in one slice.
	var room [512]byte
	client, server := s.flow.Ends()
	b := client.AppendTo(room[:0])
	n := len(b)
	b = server.AppendTo(b)
	ends := len(b)
	var keys, filters [2]int // where they end
	for dir := range sides {
		if sides[dir].sketch.Count() == 0 {
			continue
		}
		b = analyzers.AppendSideKey(b, k, events.Dir(dir))
		keys[dir] = len(b)
		b = analyzers.AppendSideFilter(b, k, &s.flow, events.Dir(dir))
		b = append(b, filterTail...)
		filters[dir] = len(b)
	}
	text, frames := string(b), make([]uint64, 0, 12)
	at := ends
	for dir := range sides {
		d := &sides[dir]
		if d.sketch.Count() == 0 {
			continue
		}
		from := len(frames)
		frames = append(frames, d.shaken.segment, d.shaken.ack, d.fastest.segment, d.fastest.ack, d.slowest.segment, d.slowest.ack)
		emit(text[at:keys[dir]], Value{
			Side: events.Dir(dir).String(), Client: text[:n], Server: text[n:ends],
			Handshake:   d.handshake,
			Min:         events.Duration(d.sketch.Min()),
			Median:      events.Duration(d.sketch.Median()),
			P95:         events.Duration(d.sketch.Percentile(95)),
			Max:         events.Duration(d.sketch.Max()),
			Count:       d.sketch.Count(),
			Approximate: d.sketch.Approximate(),
			SRTT:        d.srtt, RTTVar: d.rttvar, RTO: max(minRTO, d.srtt+4*d.rttvar),
			Total: total, Vantage: where, VantageWhy: why,
			ClockBackwards: uint64(d.backwards),
			Frames:         analyzers.ArrangeFrames(frames[from:]),
			Filter:         text[keys[dir]:filters[dir]],
		})
		at = filters[dir]
	}
}
