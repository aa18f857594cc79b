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

// pair is the two packets of a sample.
type pair struct{ segment, ack uint64 }

type side struct {
	sketch                   analyzers.Sketch
	srtt, rttvar             events.Duration
	handshake                events.Duration
	hasHandshake             bool
	backwards                uint32
	shaken, fastest, slowest pair
}

type state struct {
	flow  events.Flow
	sides [2]side
}

type fold struct{ samples int }

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
	d := &s.sides[e.From&1]
	if b.RTT < 0 {
		d.backwards++
		return
	}
	this := pair{b.SegmentFrame, e.Pos.Frame}
	if n := d.sketch.Count(); n == 0 {
		d.fastest, d.slowest = this, this
	} else {
		if int64(b.RTT) < d.sketch.Min() {
			d.fastest = this
		}
		if int64(b.RTT) > d.sketch.Max() {
			d.slowest = this
		}
	}
	d.smooth(b.RTT)
	d.sketch.Add(int64(b.RTT), f.samples)
	if b.Of != events.RTTData && !d.hasHandshake {
		d.handshake, d.hasHandshake, d.shaken = b.RTT, true, this
	}
}

// smooth is RFC 6298 section 2, with alpha 1/8 and beta 1/4; it comes before
// the sample is counted.
func (d *side) smooth(r events.Duration) {
	if d.sketch.Count() == 0 {
		d.srtt, d.rttvar = r, r/2
		return
	}
	diff := d.srtt - r
	if diff < 0 {
		diff = -diff
	}
	d.rttvar += (diff - d.rttvar) / 4
	d.srtt += (r - d.srtt) / 8
}

// minRTO is RFC 6298 section 2.4.
const minRTO = events.Duration(time.Second)

func (*fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	c, v := &s.sides[events.FromClient], &s.sides[events.FromServer]
	if c.sketch.Count() == 0 && v.sketch.Count() == 0 {
		return
	}
	client, server := s.flow.Ends()
	where, why := vantage(s)
	var total events.Duration
	if c.sketch.Count() > 0 && v.sketch.Count() > 0 {
		total = events.Duration(c.sketch.Min() + v.sketch.Min())
	}
	for dir := events.FromClient; dir <= events.FromServer; dir++ {
		d := &s.sides[dir]
		if d.sketch.Count() == 0 {
			continue
		}
		emit(analyzers.SideKey(k, dir), Value{
			Side: dir.String(), Client: client.String(), Server: server.String(),
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
			Frames:         analyzers.Frames(d.shaken.segment, d.shaken.ack, d.fastest.segment, d.fastest.ack, d.slowest.segment, d.slowest.ack),
			Filter:         analyzers.SideFilter(k, s.flow, dir) + " && tcp.analysis.ack_rtt",
		})
	}
}
