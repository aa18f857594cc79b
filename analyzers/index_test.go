package analyzers

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/events"
)

// An index against a map.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index[events.StreamKey]
		model := map[events.StreamKey]uint32{}
		for n := range rapid.Uint32Range(0, 200).Draw(t, "steps") {
			k := events.StreamKey{
				Stream: rapid.SampledFrom([]uint32{0, 1, 255, 256, 5000, 1 << 20, farStream, 1<<32 - 1}).Draw(t, "stream"),
				Proto:  rapid.SampledFrom([]uint8{0, 6, 17, 255}).Draw(t, "proto"),
			}
			if _, ok := model[k]; !ok {
				x.put(&k, n)
				model[k] = n
			} else if rapid.Bool().Draw(t, "drop") {
				x.drop(&k)
				delete(model, k)
			}
			got, ok := x.get(&k)
			if want, there := model[k]; ok != there || ok && got != want {
				t.Fatalf("%v: %d %v, want %d %v", k, got, ok, want, there)
			}
			if x.len != len(model) {
				t.Fatalf("%d keys, want %d", x.len, len(model))
			}
		}
	})
}

// A flow after another, none alive for long: nothing is allocated for them.
func TestShortFlowsAllocateNothing(t *testing.T) {
	r := Runs("q", Options{}, count{0, events.KindTCPRTT}).(*runner[events.StreamKey, counted])
	start, end := &events.TCPRTT{}, &events.FlowEnd{}
	e := &events.Event{Flow: events.Flow{Proto: events.ProtoTCP}}
	var stream uint32 = 10
	r.emit = func(string, any) {} // rows are the fold's business
	n := testing.AllocsPerRun(10_000, func() {
		e.Stream = stream
		stream++
		e.Body = start
		r.step(e)
		e.Body = end
		r.step(e)
	})
	// A conversion of the fold's state to a row is all that is left.
	if n > 3 {
		t.Errorf("%v allocations a flow", n)
	}
}
