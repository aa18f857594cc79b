package tls

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps nothing.
type null struct{ n int }

func (s *null) Emit(events.Dir, events.Body)                { s.n++ }
func (s *null) Truncated(events.Dir, events.Body)           { s.n++ }
func (s *null) Switch(decoders.Next)                        {}
func (s *null) Open(decoders.Next) decoders.Feed            { return nil }
func (s *null) Expect(decoders.Expectation)                 {}
func (s *null) Limit(name string, v int, r string, n int64) {}

func benchEnv() decoders.Env {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	return decoders.Env{Limits: &l, Want: &all}
}

func feed(b *testing.B, s decoders.Stream, from events.Dir, p []byte, out decoders.Sink) {
	if used, _, err := s.Data(decoders.Window{From: from, Bytes: p, Frame: 1, Time: 1}, out); used != len(p) || err != nil {
		b.Fatal(used, err)
	}
}

func BenchmarkClientHello(b *testing.B) {
	env, out, p := benchEnv(), new(null), full12(b).Chunks[0].Bytes
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		feed(b, newStream(env), events.FromClient, p, out)
	}
}

func BenchmarkHandshake(b *testing.B) {
	env, out, c := benchEnv(), new(null), full12(b)
	b.ReportAllocs()
	for b.Loop() {
		s := newStream(env)
		for _, ch := range c.Chunks {
			feed(b, s, ch.From, ch.Bytes, out)
		}
	}
	if out.n < 6*b.N {
		b.Fatal(out.n)
	}
}

// The same when nobody listens: state is kept, nothing is made.
func BenchmarkHandshakeUnwanted(b *testing.B) {
	env, out, c := benchEnv(), new(null), full12(b)
	env.Want = new(events.KindSet)
	b.ReportAllocs()
	for b.Loop() {
		s := newStream(env)
		for _, ch := range c.Chunks {
			feed(b, s, ch.From, ch.Bytes, out)
		}
	}
}

// Records of 16 KiB in segments of 1,448 bytes.
func BenchmarkBulk(b *testing.B) {
	s, out := newStream(benchEnv()), new(null)
	for _, ch := range full12(b).Chunks[:5] {
		feed(b, s, ch.From, ch.Bytes, out)
	}
	p := []byte(record(23, string(make([]byte, 1<<14))))
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := p; len(rest) > 0; {
			n := min(1448, len(rest))
			feed(b, s, events.FromServer, rest[:n], out)
			rest = rest[n:]
		}
	}
}

func BenchmarkBulkSmallRecords(b *testing.B) {
	s, out := newStream(benchEnv()), new(null)
	p := []byte(data)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		feed(b, s, events.FromServer, p, out)
	}
}
