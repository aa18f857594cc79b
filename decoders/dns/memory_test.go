package dns

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

type gathered struct {
	discard
	messages []*events.DNSMessage
}

func (g *gathered) Emit(_ events.Dir, b events.Body) {
	g.messages = append(g.messages, b.(*events.DNSMessage))
}

// A message stays as it is until its slot comes again; then its memory is that
// of another, and its texts are still what they were.
func TestPooled(t *testing.T) {
	l := events.DefaultLimits()
	want := events.SetOf(events.KindDNSMessage)
	batch := &decoders.Batch{}
	d := Proto.Datagram(decoders.Env{Limits: &l, Want: &want, Batch: batch})
	run := func(slot int, host string) (ms, kept []*events.DNSMessage) {
		batch.Slot = slot
		batch.Number++
		var g gathered
		for i := range 600 {
			var rrs []string
			for j := range i % (2 * fewRecords) {
				rrs = append(rrs, fmt.Sprintf("%s. %d IN A 192.0.2.%d", host, i, j))
			}
			if err := d.Packet(decoders.Window{Bytes: pack(t, rrs...)}, &g); err != nil {
				t.Fatal(err)
			}
			e := events.Event{Body: g.messages[i]}
			kept = append(kept, e.Keep().Body.(*events.DNSMessage))
		}
		return g.messages, kept
	}
	first, firstKept := run(0, "first.example.com")
	second, secondKept := run(1, "second.example.com")
	if d := cmp.Diff(firstKept, first) + cmp.Diff(secondKept, second); d != "" {
		t.Errorf("changed in their batch or by another slot (-were +are):\n%s", d)
	}
	text := firstKept[9].Answer[3].Name
	again, _ := run(0, "again.example.com")
	if again[0] != first[0] || &again[9].Answer[0] != &first[9].Answer[0] {
		t.Error("the memory of a batch that is over was not used again")
	}
	if text != "first.example.com." || firstKept[9].Answer[3].TTL != 9 {
		t.Errorf("what was kept became %q, TTL %d", text, firstKept[9].Answer[3].TTL)
	}
}
