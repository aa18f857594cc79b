package analyzers_test

import (
	"fmt"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/rtt"
	"github.com/wiretale/wiretale/events"
)

// samples are batches of RTT samples, spread over flows as packets are: in
// runs of a few, in an order without pattern.
func samples(flows, n int) []*events.Event {
	evs := make([]*events.Event, n)
	bodies := make([]events.TCPRTT, n)
	all := make([]events.Event, n)
	x := uint64(1)
	var stream uint32
	for i := range evs {
		if i%2 == 0 {
			x = x*6364136223846793005 + 1442695040888963407
			stream = uint32((x >> 33) % uint64(flows))
		}
		bodies[i] = events.TCPRTT{Of: events.RTTData, RTT: events.Duration(20e6 + x>>44), SegmentFrame: uint64(i)}
		all[i] = events.Event{
			Pos: events.Pos{Frame: uint64(i + 1)}, Time: events.Time(i * 1000), Stream: stream, From: events.Dir(i & 1),
			Flow: events.Flow{Proto: events.ProtoTCP}, Body: &bodies[i],
		}
		evs[i] = &all[i]
	}
	return evs
}

func BenchmarkEngine(b *testing.B) {
	l := events.DefaultLimits()
	o := analyzers.Options{Limits: &l}
	qs := []analyzers.Question{rtt.Question}
	for _, e := range []struct {
		name string
		make func() analyzers.Engine
	}{
		{"serial", func() analyzers.Engine { return analyzers.NewSerial(qs, o) }},
		{"sharded2", func() analyzers.Engine { return analyzers.NewSharded(qs, o, 2) }},
	} {
		for _, flows := range []int{4, 1000, 100_000} {
			b.Run(fmt.Sprintf("%s/flows=%d", e.name, flows), func(b *testing.B) {
				const batch = 4096
				evs := samples(flows, max(1<<14, (flows*4)/batch*batch)) // hot, as from flows
				en := e.make()
				out := func([]analyzers.Row) {}
				frame := uint64(0)
				step := func(n int) {
					for i := 0; i < n; i += batch {
						part := evs[i%len(evs):][:min(batch, n-i)]
						frame += batch
						en.Step(part, frame, out)
						en.Tick(frame, part[len(part)-1].Time)
					}
				}
				// The steady state: with few flows, each has a histogram; with
				// many, each has a handful of samples and is still growing.
				for range max(5, 1<<17/len(evs)) {
					step(len(evs))
				}
				b.ReportAllocs()
				b.ResetTimer()
				step(b.N)
			})
		}
	}
}
