package pop3

import (
	"bytes"
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
func newBench() decoders.Stream {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	return Proto.Stream(decoders.Env{Limits: &l, Want: &all})
}

type nullFeed struct{}

func (nullFeed) Data(events.Dir, []byte)       {}
func (nullFeed) Gap(events.Dir, int64)         {}
func (nullFeed) End(events.Dir, events.Ending) {}

func BenchmarkExchange(b *testing.B) {
	s := newBench()
	c := decoders.Window{Bytes: []byte("DELE 12\r\n"), Frame: 1, Time: 1}
	r := decoders.Window{From: events.FromServer, Bytes: []byte("+OK message 12 deleted\r\n"), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(c, null{})
		if used, _, err := s.Data(r, null{}); used != len(r.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
}

// BenchmarkMessage is a segment inside a message: it must not allocate.
func BenchmarkMessage(b *testing.B) {
	s := newBench()
	s.Data(decoders.Window{Bytes: []byte("RETR 1\r\n"), Frame: 1, Time: 1}, null{})
	s.Data(decoders.Window{From: events.FromServer, Bytes: []byte("+OK\r\n"), Frame: 2, Time: 2}, null{})
	w := decoders.Window{From: events.FromServer, Bytes: bytes.Repeat([]byte("JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0\r\n"), 19), Frame: 3, Time: 3}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		s.Data(w, null{})
	}
}
