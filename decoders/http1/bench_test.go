package http1

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

const (
	browserRequest = "GET /images/logo-large.png?v=20261121 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: image/avif,image/webp,image/png,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nReferer: http://www.example.com/\r\nConnection: keep-alive\r\n\r\n"
	serverResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Type: image/png\r\nContent-Length: 100\r\n" +
		"Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"691d6b60-64\"\r\nAccept-Ranges: bytes\r\n\r\n"
)

func newBench() (decoders.Stream, *null) {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	return Proto.Stream(decoders.Env{Limits: &l, Want: &all}), new(null)
}

func BenchmarkRequestHead(b *testing.B) {
	s, out := newBench()
	w := decoders.Window{Bytes: []byte(browserRequest), Frame: 1, Time: 1}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	d := s.(*stream)
	for b.Loop() {
		if used, _, err := s.Data(w, out); used != len(w.Bytes) || err != nil {
			b.Fatal(used, err)
		}
		d.queue.clear()
	}
}

func BenchmarkTransaction(b *testing.B) {
	s, out := newBench()
	req := decoders.Window{Bytes: []byte(browserRequest), Frame: 1, Time: 1}
	res := decoders.Window{From: events.FromServer, Bytes: append([]byte(serverResponse), make([]byte, 100)...), Frame: 2, Time: 2}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(req, out)
		if used, _, err := s.Data(res, out); used != len(res.Bytes) || err != nil {
			b.Fatal(used, err)
		}
	}
	if out.n < 3*b.N {
		b.Fatal(out.n, b.N)
	}
}

func BenchmarkConnection(b *testing.B) {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	out := new(null)
	b.ReportAllocs()
	for b.Loop() {
		Proto.Stream(decoders.Env{Limits: &l, Want: &all}).End(0, events.EndFIN, out)
	}
}

// A body of 250 MiB in segments: the cost of a call must not depend on it.
func benchBody(b *testing.B, head string, body []byte) {
	s, out := newBench()
	s.Data(decoders.Window{Bytes: []byte(get), Frame: 1, Time: 1}, out)
	s.Data(decoders.Window{From: events.FromServer, Bytes: []byte(head), Frame: 2, Time: 2}, out)
	w := decoders.Window{From: events.FromServer, Bytes: body, Frame: 3, Time: 3}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		used, _, err := s.Data(w, out)
		if used != len(body) || err != nil {
			b.Fatal(used, err)
		}
	}
}

func BenchmarkBodyLength(b *testing.B) {
	benchBody(b, "HTTP/1.1 200 OK\r\nContent-Length: 4000000000000000000\r\n\r\n", make([]byte, 1448))
}

func BenchmarkBodyChunk(b *testing.B) {
	benchBody(b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff0\r\n", make([]byte, 1448))
}

func BenchmarkBodyClose(b *testing.B) {
	benchBody(b, "HTTP/1.0 200 OK\r\n\r\n", make([]byte, 1448))
}

func BenchmarkSearch(b *testing.B) {
	s, out := newBench()
	s.(*stream).spoken = true
	w := decoders.Window{From: events.FromServer, Bytes: make([]byte, 1448), Frame: 3, Time: 3}
	b.ReportAllocs()
	for b.Loop() {
		s.Data(w, out)
	}
}

func BenchmarkProbe(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		probe(events.FromClient, []byte(browserRequest))
	}
}
