package imap

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps nothing.
type null struct{}

func (null) Emit(events.Dir, events.Body)      {}
func (null) Truncated(events.Dir, events.Body) {}
func (null) Switch(decoders.Next)              {}
func (null) Open(decoders.Next) decoders.Feed  { return nullFeed{} }
func (null) Expect(decoders.Expectation)       {}
func (null) Limit(string, int, string, int64)  {}

type nullFeed struct{}

func (nullFeed) Data(events.Dir, []byte)       {}
func (nullFeed) Gap(events.Dir, int64)         {}
func (nullFeed) End(events.Dir, events.Ending) {}

func newBench() decoders.Stream {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	s := Proto.Stream(decoders.Env{Limits: &l, Want: &all})
	s.Data(decoders.Window{From: events.FromServer, Bytes: []byte("* OK ready\r\n"), Frame: 1, Time: 1}, null{})
	return s
}

func BenchmarkExchange(b *testing.B) {
	s := newBench()
	c := decoders.Window{Bytes: []byte("a1 UID STORE 12 +FLAGS (\\Seen)\r\n"), Frame: 1, Time: 1}
	r := decoders.Window{From: events.FromServer, Bytes: []byte("a1 OK STORE completed\r\n"), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(c, null{})
		if used, _, err := s.Data(r, null{}); used != len(r.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
}

func BenchmarkFetchFlags(b *testing.B) {
	s := newBench()
	r := decoders.Window{From: events.FromServer, Bytes: []byte("* 7878 FETCH (FLAGS (\\Seen) UID 59459)\r\n"), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(r, null{})
	}
}

func benchLiteral(b *testing.B, w decoders.Window, announce decoders.Window) {
	s := newBench()
	s.Data(announce, null{})
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		if used, _, err := s.Data(w, null{}); used != len(w.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
}

// BenchmarkLiteral is a segment inside a literal: it must not allocate.
func BenchmarkLiteral(b *testing.B) {
	benchLiteral(b, decoders.Window{From: events.FromServer, Bytes: make([]byte, 1448), Frame: 3, Time: 3},
		decoders.Window{From: events.FromServer, Bytes: []byte("* 1 FETCH (BODY[] {400000000000000000}\r\n"), Frame: 2, Time: 2})
}

func BenchmarkAppend(b *testing.B) {
	benchLiteral(b, decoders.Window{Bytes: make([]byte, 1448), Frame: 3, Time: 3},
		decoders.Window{Bytes: []byte("a1 APPEND x {400000000000000000}\r\n"), Frame: 2, Time: 2})
}
