package rtt_test

import (
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/rtt"
	"github.com/wiretale/wiretale/events"
)

// A flow as most are: a handshake, one exchange, the end.
func BenchmarkShortFlow(b *testing.B) {
	l := events.DefaultLimits()
	r := rtt.Question.New(analyzers.Options{Limits: &l})
	f := events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}), ClientPort: 49152, ServerPort: 80, Proto: events.ProtoTCP}
	var evs []*events.Event
	for i := range 6 {
		evs = append(evs, &events.Event{
			Pos: events.Pos{Frame: uint64(2 + i)}, Flow: f, From: events.Dir(1 - i&1), Layer: "tcp",
			Body: &events.TCPRTT{Of: [...]events.RTTOf{events.RTTSynAck, events.RTTAck, events.RTTData, events.RTTData, events.RTTData, events.RTTData}[i], RTT: events.Duration(20e6 + 1000*i), SegmentFrame: uint64(1 + i)},
		})
	}
	evs = append(evs, &events.Event{Pos: events.Pos{Frame: 9}, Flow: f, Layer: "tcp", Body: &events.FlowEnd{Why: events.EndFIN, FirstFrame: 1, LastFrame: 9}})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, e := range evs {
			e.Stream = uint32(i)
			r.Step(e, out)
		}
	}
}
