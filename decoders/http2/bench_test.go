package http2

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps nothing.
type null struct{ n, limits int }

func (s *null) Emit(events.Dir, events.Body)      { s.n++ }
func (s *null) Truncated(events.Dir, events.Body) { s.n++ }
func (s *null) Switch(decoders.Next)              {}
func (s *null) Open(decoders.Next) decoders.Feed  { return nil }
func (s *null) Expect(decoders.Expectation)       {}
func (s *null) Limit(string, int, string, int64)  { s.limits++ }
func play(c *conn, out *null, chunks ...dt.Chunk) {
	for _, ch := range chunks {
		c.Data(decoders.Window{From: ch.From, Bytes: ch.Bytes, Frame: 1, Time: 1}, out)
	}
}

var browser = []string{
	":method: GET", ":scheme: https", ":authority: www.example.com", ":path: /images/logo-large.png?v=20261121",
	"user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "accept: image/avif,image/webp,image/png,*/*;q=0.8",
	"accept-language: en-GB,en;q=0.5", "accept-encoding: gzip, deflate, br, zstd", "referer: https://www.example.com/",
}

var answer = []string{
	":status: 200", "server: nginx/1.26.3", "date: Sat, 21 Nov 2026 10:00:00 GMT", "content-type: image/png", "content-length: 100",
	"last-modified: Fri, 20 Nov 2026 10:00:00 GMT", "etag: \"691d6b60-64\"", "accept-ranges: bytes",
}

// A request and its response with a body, the tables warm.
func BenchmarkTransaction(b *testing.B) {
	c, s, hello := both()
	conn, out := newConn(limitsOf(limits())), new(null)
	play(conn, out, hello...)
	play(conn, out, c.says(c.headers(1, true, browser...)), s.says(s.headers(1, false, answer...), s.data(1, true, strings.Repeat("x", 100))))
	req, res := c.says(c.headers(3, true, browser...)), s.says(s.headers(3, false, answer...), s.data(3, true, strings.Repeat("x", 100)))
	b.ReportAllocs()
	for b.Loop() {
		conn.opened[0] = 1
		play(conn, out, req, res)
	}
	if out.n < 6*b.N || len(conn.streams) > 0 {
		b.Fatal(out.n, b.N)
	}
}

func BenchmarkConnection(b *testing.B) {
	env, out := limitsOf(limits()), new(null)
	b.ReportAllocs()
	for b.Loop() {
		newConn(env).End(0, events.EndFIN, out)
	}
}

// Segments inside DATA frames as long as may be.
func BenchmarkBody(b *testing.B) {
	c, s, hello := both()
	conn, out := newConn(limitsOf(limits())), new(null)
	play(conn, out, hello...)
	play(conn, out, c.says(c.headers(1, true, get...)), s.says(s.headers(1, false, ":status: 200")), dt.Server("\x00\x40\x00\x00\x00\x00\x00\x00\x01x"))
	w := decoders.Window{From: fromServer, Bytes: make([]byte, 1448), Frame: 3, Time: 3}
	d := &conn.sides[fromServer]
	b.SetBytes(1448)
	b.ReportAllocs()
	for b.Loop() {
		d.left = 1 << 30
		if used, _, err := conn.Data(w, out); used != 1448 || err != nil {
			b.Fatal(used, err)
		}
	}
}

// DATA frames of 16 KiB in segments: one event a frame.
func BenchmarkDataFrame(b *testing.B) {
	c, s, hello := both()
	conn, out := newConn(limitsOf(limits())), new(null)
	play(conn, out, hello...)
	play(conn, out, c.says(c.headers(1, true, get...)), s.says(s.headers(1, false, ":status: 200")))
	frame := s.says(s.data(1, false, strings.Repeat("x", 16384))).Bytes
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		for p := frame; len(p) > 0; p = p[min(1448, len(p)):] {
			conn.Data(decoders.Window{From: fromServer, Bytes: p[:min(1448, len(p))], Frame: 3, Time: 3}, out)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	conn, out := newConn(limitsOf(limits())), new(null)
	conn.spoken = true
	w := decoders.Window{From: fromServer, Bytes: []byte(strings.Repeat("content of all kinds ", 69)), Frame: 3, Time: 3}
	conn.Gap(fromServer, 1, out)
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		conn.Data(w, out)
	}
}

func BenchmarkProbe(b *testing.B) {
	head := []byte("GET /images/logo-large.png?v=20261121 HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		probe(fromClient, head)
	}
}

// The bulk path takes nothing from the heap.
func TestBulkAllocatesNothing(t *testing.T) {
	c, s, hello := both()
	conn, out := newConn(limitsOf(limits())), new(null)
	play(conn, out, hello...)
	play(conn, out, c.says(c.headers(1, true, get...)), s.says(s.headers(1, false, ":status: 200")), dt.Server("\x00\x40\x00\x00\x00\x00\x00\x00\x01x"))
	w := decoders.Window{From: fromServer, Bytes: make([]byte, 10), Frame: 3, Time: 3}
	if n := testing.AllocsPerRun(100, func() { conn.Data(w, out) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
