package dns

import (
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// discard is a Sink that keeps nothing.
type discard struct{ n int }

func (d *discard) Emit(events.Dir, events.Body)      { d.n++ }
func (d *discard) Truncated(events.Dir, events.Body) { d.n++ }
func (*discard) Switch(decoders.Next)                {}
func (*discard) Open(decoders.Next) decoders.Feed    { return nil }
func (*discard) Expect(decoders.Expectation)         {}
func (*discard) Limit(string, int, string, int64)    {}
func pack(t testing.TB, rrs ...string) []byte {
	m := new(mdns.Msg)
	m.SetQuestion("www.example.com.", mdns.TypeA)
	m.Compress = true
	m.Response = len(rrs) > 0
	for _, s := range rrs {
		rr, err := mdns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func benchPacket(b *testing.B, wire []byte) {
	l := events.DefaultLimits()
	want := events.SetOf(events.KindDNSMessage)
	var batch decoders.Batch
	d := Proto.Datagram(decoders.Env{Limits: &l, Want: &want, Batch: &batch})
	out := new(discard)
	w := decoders.Window{Bytes: wire, Frame: 1}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			batch.Number++
		}
		if err := d.Packet(w, out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery(b *testing.B) { benchPacket(b, pack(b)) }

func BenchmarkResponse3(b *testing.B) {
	benchPacket(b, pack(b, "www.example.com. 300 IN CNAME web.cdn.example.net.",
		"web.cdn.example.net. 60 IN A 192.0.2.17", "web.cdn.example.net. 60 IN A 192.0.2.18"))
}

func BenchmarkResponseEDNS(b *testing.B) {
	m := new(mdns.Msg)
	if err := m.Unpack(pack(b, "www.example.com. 300 IN AAAA 2001:db8::17", "www.example.com. 300 IN AAAA 2001:db8::18")); err != nil {
		b.Fatal(err)
	}
	m.SetEdns0(1232, true)
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	benchPacket(b, wire)
}

func BenchmarkProbe(b *testing.B) {
	wire := pack(b, "www.example.com. 300 IN CNAME web.cdn.example.net.", "web.cdn.example.net. 60 IN A 192.0.2.17")
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := probe(events.FromServer, wire); v != decoders.Yes {
			b.Fatal(v)
		}
	}
}
