package smtp

import (
	"bytes"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps nothing, and the feed of a message.
type null struct{ n int }

func (s *null) Emit(events.Dir, events.Body)                { s.n++ }
func (s *null) Truncated(events.Dir, events.Body)           { s.n++ }
func (s *null) Switch(decoders.Next)                        {}
func (s *null) Open(decoders.Next) decoders.Feed            { return nullFeed{} }
func (s *null) Expect(decoders.Expectation)                 {}
func (s *null) Limit(name string, v int, r string, n int64) {}

type nullFeed struct{}

func (nullFeed) Data(events.Dir, []byte)       {}
func (nullFeed) Gap(events.Dir, int64)         {}
func (nullFeed) End(events.Dir, events.Ending) {}

func newBench(kinds ...events.Kind) (decoders.Stream, *null) {
	l := events.DefaultLimits()
	want := events.SetOf(kinds...)
	return Proto.Stream(decoders.Env{Limits: &l, Want: &want}), new(null)
}

func play(b testing.TB, s decoders.Stream, out decoders.Sink, from events.Dir, text string) {
	if used, _, err := s.Data(decoders.Window{From: from, Bytes: []byte(text), Frame: 1}, out); used != len(text) || err != nil {
		b.Fatal(text, used, err)
	}
}

// BenchmarkCommand is a command and its reply.
func BenchmarkCommand(b *testing.B) {
	s, out := newBench(events.Kinds()...)
	play(b, s, out, events.FromServer, "220 mx ESMTP\r\n")
	command := decoders.Window{Bytes: []byte("MAIL FROM:<somebody@example.com> SIZE=12345 BODY=8BITMIME\r\n"), Frame: 2}
	reply := decoders.Window{From: events.FromServer, Bytes: []byte("250 2.1.0 Ok\r\n"), Frame: 3}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(command, out)
		if used, _, err := s.Data(reply, out); used != len(reply.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
}

func bulk(b testing.TB, kinds ...events.Kind) (decoders.Stream, *null, decoders.Window) {
	s, out := newBench(kinds...)
	play(b, s, out, events.FromServer, "220 mx ESMTP\r\n")
	play(b, s, out, events.FromClient, "EHLO c\r\n")
	play(b, s, out, events.FromServer, "250 mx\r\n")
	play(b, s, out, events.FromClient, "MAIL FROM:<a@b>\r\nDATA\r\n")
	play(b, s, out, events.FromServer, "250 ok\r\n354 go\r\n")
	return s, out, decoders.Window{Bytes: bytes.Repeat([]byte("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n"), 19)[:1448], Frame: 9}
}

// BenchmarkData are packets inside a message.
func BenchmarkData(b *testing.B) {
	for name, kinds := range map[string][]events.Kind{"unwanted": {events.KindSMTPCommand}, "fed": {events.KindMailMessage}} {
		b.Run(name, func(b *testing.B) {
			s, out, w := bulk(b, kinds...)
			b.SetBytes(int64(len(w.Bytes)))
			b.ReportAllocs()
			for b.Loop() {
				if used, _, err := s.Data(w, out); used != len(w.Bytes) || err != nil {
					b.Fatal(used, err)
				}
			}
		})
	}
}

// The bytes of a message take no memory.
func TestBulkAllocatesNothing(t *testing.T) {
	s, out, w := bulk(t, events.KindMailMessage)
	if n := testing.AllocsPerRun(100, func() { s.Data(w, out) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
