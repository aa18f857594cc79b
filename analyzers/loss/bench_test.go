package loss_test

import (
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/loss"
	"github.com/wiretale/wiretale/events"
)

// A flow with three marks, and its end.
func BenchmarkFewMarks(b *testing.B) {
	l := events.DefaultLimits()
	r := loss.Question.New(analyzers.Options{Limits: &l})
	f := events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}), ClientPort: 49152, ServerPort: 80, Proto: events.ProtoTCP}
	var evs []*events.Event
	for i := range 3 {
		evs = append(evs, &events.Event{
			Pos: events.Pos{Frame: uint64(2 + i)}, Time: events.Time(i * 1e9), Flow: f, From: events.Dir(i & 1), Layer: "tcp",
			Body: &events.TCPSegment{Mark: events.KindTCPRetransmission, Why: "timeout", Bytes: 100, After: 1e9},
		})
	}
	evs = append(evs, &events.Event{Pos: events.Pos{Frame: 9}, Flow: f, Layer: "tcp", Body: &events.FlowEnd{Why: events.EndFIN, FirstFrame: 1, LastFrame: 9, ClientBytes: 300, ServerBytes: 1000, Duration: 1e9}})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, e := range evs {
			e.Stream = uint32(i)
			r.Step(e, out)
		}
	}
}
