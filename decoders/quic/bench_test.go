package quic

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// discard is a Sink that keeps nothing.
type discard struct{}

func (discard) Emit(events.Dir, events.Body)      {}
func (discard) Truncated(events.Dir, events.Body) {}
func (discard) Switch(decoders.Next)              {}
func (discard) Open(decoders.Next) decoders.Feed  { return discard{} }
func (discard) Expect(decoders.Expectation)       {}
func (discard) Limit(string, int, string, int64)  {}
func (discard) Data(events.Dir, []byte)           {}
func (discard) Gap(events.Dir, int64)             {}
func (discard) End(events.Dir, events.Ending)     {}

func play(tb testing.TB, d decoders.Datagram, from events.Dir, b string) {
	if err := d.Packet(decoders.Window{From: from, Bytes: []byte(b)}, discard{}); err != nil {
		tb.Fatal(err)
	}
}

func born(kinds ...events.Kind) decoders.Datagram {
	l := events.DefaultLimits()
	want := events.SetOf(kinds...)
	return Proto.Datagram(decoders.Env{Limits: &l, Want: &want})
}

// BenchmarkHandshake is a connection up to its first data: two Initials
// opened, four packets more.
func BenchmarkHandshake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := born(events.KindTLSClientHello)
		for _, ch := range ordinary.Chunks[:4] {
			if err := d.Packet(decoders.Window{From: ch.From, Bytes: ch.Bytes}, discard{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchBulk(b *testing.B, kinds ...events.Kind) {
	d := born(kinds...)
	for _, ch := range ordinary.Chunks[:4] {
		play(b, d, ch.From, string(ch.Bytes))
	}
	w := decoders.Window{From: events.FromServer, Bytes: []byte(shortPacket(false, clientID, 1250))}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Packet(w, discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBulk is a 1-RTT datagram that nobody listens to.
func BenchmarkBulk(b *testing.B) { benchBulk(b, events.KindTLSClientHello) }

// BenchmarkBulkTold is one that is told.
func BenchmarkBulkTold(b *testing.B) { benchBulk(b, events.KindQUICPacket) }

func BenchmarkProbe(b *testing.B) {
	p := vectors["RFC 9001"].clientPacket()
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := probe(events.FromClient, p); v != decoders.Yes {
			b.Fatal(v)
		}
	}
}

// Bulk costs no memory when nobody listens.
func TestBulkAllocatesNothing(t *testing.T) {
	d := born(events.KindTLSClientHello)
	for _, ch := range ordinary.Chunks[:4] {
		play(t, d, ch.From, string(ch.Bytes))
	}
	w := decoders.Window{From: events.FromServer, Bytes: []byte(shortPacket(false, clientID, 1250))}
	var out decoders.Sink = discard{}
	if n := testing.AllocsPerRun(100, func() { _ = d.Packet(w, out) }); n != 0 {
		t.Errorf("%v allocations a datagram", n)
	}
}
