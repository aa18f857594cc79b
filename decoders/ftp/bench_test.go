package ftp

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps the last thing said.
type null struct {
	n    int
	last events.Body
}

func (s *null) Emit(_ events.Dir, b events.Body)         { s.n++; s.last = b }
func (s *null) Truncated(_ events.Dir, b events.Body)    { s.n++; s.last = b }
func (s *null) Switch(decoders.Next)                     {}
func (s *null) Open(decoders.Next) decoders.Feed         { return nil }
func (s *null) Expect(decoders.Expectation)              {}
func (s *null) Limit(_ string, _ int, _ string, _ int64) {}

func newBench(p decoders.Proto) (decoders.Stream, *null) {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	return p.Stream(decoders.Env{Limits: &l, Want: &all}), new(null)
}

func BenchmarkCommandAndReply(b *testing.B) {
	s, out := newBench(Proto)
	cmd := decoders.Window{Bytes: []byte("CWD /pub/some/folder\r\n"), Frame: 1, Time: 1}
	rep := decoders.Window{From: events.FromServer, Bytes: []byte("250 CWD command successful.\r\n"), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(cmd, out)
		s.Data(rep, out)
	}
	if out.n != 2*b.N {
		b.Fatal(out.n, b.N)
	}
}

func BenchmarkPassive(b *testing.B) {
	s, out := newBench(Proto)
	cmd := decoders.Window{Bytes: []byte("PASV\r\n"), Frame: 1, Time: 1}
	rep := decoders.Window{From: events.FromServer, Bytes: []byte("227 Entering Passive Mode (0,0,0,0,28,86)\r\n"), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(cmd, out)
		s.Data(rep, out)
	}
}

func benchData(b *testing.B, hash bool) {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	s, out := Data.Stream(decoders.Env{Limits: &l, Want: &all, Hash: hash, Hint: &decoders.HintFTPData{}}), new(null)
	w := decoders.Window{From: events.FromServer, Bytes: make([]byte, 1448), Frame: 1, Time: 1}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		s.Data(w, out)
	}
}

func BenchmarkData(b *testing.B)       { benchData(b, false) }
func BenchmarkDataHashed(b *testing.B) { benchData(b, true) }

func BenchmarkProbe(b *testing.B) {
	head := []byte("220 Chris Sanders FTP Server\r\n")
	b.ReportAllocs()
	for b.Loop() {
		probe(events.FromServer, head)
	}
}

func BenchmarkProbeOther(b *testing.B) {
	head := []byte("GET /images/logo-large.png?v=20261121 HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		probe(events.FromClient, head)
	}
}

// TestBulkAllocatesNothing: a packet of data costs no allocation.
func TestBulkAllocatesNothing(t *testing.T) {
	s, out := newBench(Data)
	w := decoders.Window{From: events.FromServer, Bytes: make([]byte, 1448), Frame: 1, Time: 1}
	s.Data(w, out)
	if n := testing.AllocsPerRun(100, func() { s.Data(w, out) }); n != 0 {
		t.Error(n)
	}
}
