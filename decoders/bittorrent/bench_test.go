package bittorrent

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

func newBench(b *testing.B) (decoders.Stream, *null) {
	l := events.DefaultLimits()
	want := events.SetOf(events.KindBitTorrentHandshake, events.KindBitTorrentMessage)
	s, out := Proto.Stream(decoders.Env{Limits: &l, Want: &want}), new(null)
	for _, from := range []events.Dir{fromClient, fromServer} {
		s.Data(decoders.Window{From: from, Bytes: []byte(hello(clientID)), Frame: 1, Time: 1}, out)
	}
	b.ReportAllocs()
	return s, out
}

// A packet in the middle of a block.
func BenchmarkBulk(b *testing.B) {
	s, out := newBench(b)
	head := []byte(msg(7, u32(1, 0)+noise(1, 1)))
	head[1] = 0x20 // a block of 2 MiB
	s.Data(decoders.Window{From: fromServer, Bytes: head, Frame: 2, Time: 2}, out)
	d := &s.(*stream).sides[fromServer]
	w := decoders.Window{From: fromServer, Bytes: []byte(noise(1448, 2)), Frame: 3, Time: 3}
	b.SetBytes(int64(len(w.Bytes)))
	for b.Loop() {
		if d.left < 1<<16 {
			d.left = 1 << 20
		}
		if used, _, err := s.Data(w, out); used != len(w.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
}

// Blocks of 16 KiB in segments of 1,448 bytes, with their headers and events.
func BenchmarkPieces(b *testing.B) {
	s, out := newBench(b)
	var all []byte
	for i := range uint32(16) {
		all = append(all, msg(7, u32(1, i*block)+noise(block, i))...)
	}
	b.SetBytes(int64(len(all)))
	for b.Loop() {
		for rest := all; len(rest) > 0; {
			n := min(1448, len(rest))
			s.Data(decoders.Window{From: fromServer, Bytes: rest[:n], Frame: 3, Time: 3}, out)
			rest = rest[n:]
		}
	}
	if out.n < 16*b.N {
		b.Fatal(out.n)
	}
}

func BenchmarkRequest(b *testing.B) {
	s, out := newBench(b)
	w := decoders.Window{Bytes: []byte(msg(6, u32(1, 0, block))), Frame: 3, Time: 3}
	for b.Loop() {
		s.Data(w, out)
	}
	if out.n < b.N {
		b.Fatal(out.n)
	}
}

// A search that finds nothing.
func BenchmarkSearch(b *testing.B) {
	s, out := newBench(b)
	s.Gap(fromServer, 100000, out)
	w := decoders.Window{From: fromServer, Bytes: []byte(noise(1448, 2)), Frame: 3, Time: 3}
	b.SetBytes(int64(len(w.Bytes)))
	d := &s.(*stream).sides[fromServer]
	for b.Loop() {
		d.searched = 0
		s.Data(w, out)
	}
}

func BenchmarkProbe(b *testing.B) {
	b.ReportAllocs()
	head := []byte("GET /index.html HTTP/1.1\r\n")
	for b.Loop() {
		probe(fromClient, head)
		probeMSE(fromClient, head)
	}
}
