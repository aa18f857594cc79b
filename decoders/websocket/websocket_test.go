package websocket

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

var (
	client = dt.Client
	server = dt.Server
)

// frame is a frame of RFC 6455 section 5.2: its first byte, and its payload,
// masked where key is not "".
func frame(first byte, key, payload string) string {
	b := []byte{first}
	mask := byte(0)
	if key != "" {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	b = append(b, key...)
	for i := range len(payload) {
		c := payload[i]
		if key != "" {
			c ^= key[i&3]
		}
		b = append(b, c)
	}
	return string(b)
}

func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d %s ", r.Frame, r.From)
		switch e := r.Body.(type) {
		case *events.WebSocketFrame:
			fmt.Fprintf(&b, "%s %d", e.Opcode, e.Length)
			for _, f := range []struct {
				on   bool
				text string
			}{{e.Fin, " fin"}, {e.Masked, " masked"}, {e.Compressed, " compressed"}, {!e.Complete, " incomplete"}} {
				if f.on {
					b.WriteString(f.text)
				}
			}
			if e.CloseCode != 0 {
				fmt.Fprintf(&b, " %d %q", e.CloseCode, e.Reason)
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
			if e.Bytes > 0 {
				fmt.Fprintf(&b, " %d", e.Bytes)
			}
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}

const key = "\x37\xfa\x21\x3d" // of the examples in RFC 6455 section 5.7

var (
	plain    = decoders.HintUpgrade{Protocol: name, Response: &events.HTTPResponse{Headers: []events.Header{{"Upgrade", "websocket"}}}}
	deflated = decoders.HintUpgrade{Protocol: name, Response: &events.HTTPResponse{Headers: []events.Header{{"sec-websocket-extensions", "permessage-deflate; client_no_context_takeover"}}}}
)

var talks = []struct {
	name   string
	hint   any
	chunks []dt.Chunk
	want   string
}{
	{"examples of section 5.7", plain, []dt.Chunk{
		server("\x81\x05\x48\x65\x6c\x6c\x6f"), client("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
		server("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"), server("\x89\x05\x48\x65\x6c\x6c\x6f"), client("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
		server("\x82\x7e\x01\x00" + strings.Repeat("x", 256)), server("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536))}, `
1 server text 5 fin
2 client text 5 fin masked
3 server text 3
3 server continuation 2 fin
4 server ping 5 fin
5 client pong 5 fin masked
6 server binary 256 fin
7 server binary 65536 fin`},
	{"control frames between fragments 5.4", plain, []dt.Chunk{server(frame(0x02, "", "ab")), server(frame(0x89, "", "")), server(frame(0x00, "", "c") + frame(0x80, "", ""))}, `
1 server binary 2
2 server ping 0 fin
3 server continuation 1
3 server continuation 0 fin`},
	{"close 5.5.1", plain, []dt.Chunk{client(frame(0x88, key, "\x03\xe8bye")), server(frame(0x88, "", "\x03\xe8")), server("more"), dt.Over(events.FromServer, events.EndFIN)}, `
1 client close 5 fin masked 1000 "bye"
2 server close 2 fin 1000 ""
4 server ! bytes behind a close frame (RFC 6455 section 5.5.1) 4`},
	{"closes that break the rules 7.4", plain, []dt.Chunk{client(frame(0x88, key, "\x03\xed")), server(frame(0x88, "", "\x03"))}, `
1 client close 2 fin masked 1005 ""
1 client ! close code 1005 must not be sent (RFC 6455 section 7.4)
2 server close 1 fin
2 server ! a close frame with half a code`},
	{"permessage-deflate RFC 7692", deflated, []dt.Chunk{client(frame(0x41, key, "zip") + frame(0x80, key, "ped")), server(frame(0xc1, "", "zip")), server(frame(0xc9, "", "x"))}, `
1 client text 3 masked compressed
1 client continuation 3 fin masked
2 server text 3 fin compressed
3 server ! RSV1 on a ping frame (RFC 7692 section 6.1)
3 server ping 1 fin compressed`},
	{"RSV1 without the extension", plain, []dt.Chunk{server(frame(0xc1, "", "zip"))}, `
1 server ! reserved bits without an extension (RFC 6455 section 5.2)
1 server text 3 fin`},
	{"RSV1, and the answer was not captured", nil, []dt.Chunk{server(frame(0xc1, "", "zip"))}, `
1 server text 3 fin compressed`},
	{"violations", plain, []dt.Chunk{
		client(frame(0x81, "", "a")), server(frame(0x81, key, "a")), server(frame(0x80, "", "a")), server(frame(0x01, "", "a") + frame(0x82, "", "b")),
		server(frame(0x83, "", "a")), server(frame(0x09, "", "a")), server(frame(0x8a, "", strings.Repeat("x", 126))), server("\x82\x7e\x00\x01x")}, `
1 client ! a frame of the client is not masked (RFC 6455 section 5.1)
1 client text 1 fin
2 server ! a frame of the server is masked (RFC 6455 section 5.1)
2 server text 1 fin masked
3 server ! a continuation of nothing (RFC 6455 section 5.4)
3 server continuation 1 fin
4 server text 1
4 server ! a message inside a fragmented one (RFC 6455 section 5.4)
4 server binary 1 fin
5 server ! reserved opcode 0x3
5 server 0x3 1 fin
6 server ! a control frame in fragments (RFC 6455 section 5.5)
6 server ping 1
7 server ! a control frame of more than 125 bytes (RFC 6455 section 5.5)
7 server pong 126 fin
8 server ! a length in more bytes than it needs (RFC 6455 section 5.2)
8 server binary 1 fin`},
	{"a gap inside a payload", plain, []dt.Chunk{server("\x82\x0aabc"), dt.Lost(events.FromServer, 5), server("xy\x81\x01z"), client(frame(0x81, key, "a"))}, `
2 server gap 5
3 server binary 10 fin incomplete
3 server text 1 fin
4 client text 1 fin masked`},
	{"a gap to the end of a payload", plain, []dt.Chunk{server("\x82\x0aabc"), dt.Lost(events.FromServer, 7), server("\x81\x01z")}, `
2 server gap 7
2 server binary 10 fin incomplete
3 server text 1 fin`},
	{"a gap over a header", plain, []dt.Chunk{server("\x82\x0aabc"), dt.Lost(events.FromServer, 8), server("\x81\x01z"), client(frame(0x81, key, "a"))}, `
2 server gap 8
2 server binary 10 fin incomplete
4 client text 1 fin masked
4 server ! not read: a gap took the place where a frame begins 3`},
	{"a gap between frames", plain, []dt.Chunk{server("\x82\x01a"), dt.Lost(events.FromServer, 3), server("\x81\x01z")}, `
1 server binary 1 fin
2 server gap 3
3 server ! not read: a gap took the place where a frame begins 3`},
	{"closed inside a frame", plain, []dt.Chunk{server("\x82\x0aabc"), dt.Over(events.FromServer, events.EndFIN), client("\x81"), dt.Over(events.FromClient, events.EndReset)}, `
2 server binary 10 fin incomplete
4 client ! connection closed inside the header of a frame`},
	{"a length beyond all", plain, []dt.Chunk{server("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc")}, `
1 server ! a length of 2⁶³ bytes or more (RFC 6455 section 5.2)
1 server binary 18446744073709551615 fin incomplete`},
}

func TestTalks(t *testing.T) {
	for _, x := range talks {
		c := dt.Conversation{Name: x.name, Chunks: x.chunks, Env: decoders.Env{Hint: x.hint}}
		t.Run(x.name, func(t *testing.T) {
			if got, want := lines(dt.Run(t, Proto, c)), strings.TrimSpace(x.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
		if len(x.chunks) == 7 {
			continue // 64 KiB byte by byte
		}
		dt.Laws(t, Proto, c)
		dt.StrictLoss(t, Proto, c)
	}
}

func TestGolden(t *testing.T) {
	for _, i := range []int{2, 4, 8} {
		x := talks[i]
		dt.Golden(t, strings.ReplaceAll(strings.ReplaceAll(x.name, " ", "_"), ".", ""), dt.Run(t, Proto, dt.Conversation{Chunks: x.chunks, Env: decoders.Env{Hint: x.hint}}))
	}
}

func FuzzWebSocket(f *testing.F) {
	var seeds []dt.Conversation
	for _, x := range talks {
		if len(x.chunks) != 7 {
			seeds = append(seeds, dt.Conversation{Chunks: x.chunks})
		}
	}
	dt.Fuzz(f, Proto, seeds...)
}

// null is a sink that keeps nothing.
type null struct{ n int }

func (s *null) Emit(events.Dir, events.Body)      { s.n++ }
func (s *null) Truncated(events.Dir, events.Body) { s.n++ }
func (s *null) Switch(decoders.Next)              {}
func (s *null) Open(decoders.Next) decoders.Feed  { return nil }
func (s *null) Expect(decoders.Expectation)       {}
func (s *null) Limit(string, int, string, int64)  {}

func BenchmarkFrame(b *testing.B) {
	s, out := newStream(decoders.Env{Hint: plain}), new(null)
	w := decoders.Window{Bytes: []byte(frame(0x81, key, strings.Repeat("x", 100))), Frame: 1}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		s.Data(w, out)
	}
	if out.n != b.N {
		b.Fatal(out.n, b.N)
	}
}

func BenchmarkPayload(b *testing.B) {
	s, out := newStream(decoders.Env{Hint: plain}), new(null)
	s.Data(decoders.Window{From: events.FromServer, Bytes: []byte("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), Frame: 1}, out)
	w := decoders.Window{From: events.FromServer, Bytes: make([]byte, 1448), Frame: 2}
	b.SetBytes(int64(len(w.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		s.Data(w, out)
	}
}
