package http1

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/andybalholm/brotli"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

var (
	client = dt.Client
	server = dt.Server
)

const (
	fromClient = events.FromClient
	fromServer = events.FromServer
)

// lines are the events of a tape, one short line each: what a reader of the
// RFC would say happened.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d ", r.Frame)
		switch e := r.Body.(type) {
		case *events.HTTPRequest:
			fmt.Fprintf(&b, "> %s %s %s", e.Method, e.Target, e.Version)
			if e.HasBody {
				b.WriteString(" +body")
			}
		case *events.HTTPResponse:
			fmt.Fprintf(&b, "< %d %s for %d", e.Status, e.Version, e.RequestFrame)
			if e.Interim {
				b.WriteString(" interim")
			}
			if e.HasBody {
				b.WriteString(" +body")
			}
		case *events.HTTPBody:
			fmt.Fprintf(&b, "body of %s for %d: %d/%d", e.Of, e.RequestFrame, e.Bytes, e.WireBytes)
			if !e.Complete {
				b.WriteString(" incomplete")
			}
			if e.Missing > 0 {
				fmt.Fprintf(&b, " missing %d", e.Missing)
			}
			for _, t := range e.Trailers {
				fmt.Fprintf(&b, " %s=%s", t[0], t[1])
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		default:
			fmt.Fprintf(&b, "%s", r.Kind)
			if n, ok := r.What.(decoders.Next); ok {
				fmt.Fprintf(&b, " %q", n.Protocol)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type talk struct {
	name   string
	chunks []dt.Chunk
	want   string
}

const (
	get  = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	ok2  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	ok0  = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
)

func over(from events.Dir, why events.Ending) dt.Chunk { return dt.Over(from, why) }

// talks: what must come out follows from the section named.
var talks = []talk{
	{"content-length 6.2", []dt.Chunk{client(get), server(ok2), client(get), server(ok2)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2
3 > GET / 1.1
4 < 200 1.1 for 3 +body
4 body of response for 3: 2/2`},
	{"request with a body", []dt.Chunk{client(post), client("ab"), client("cd" + get), server(ok0 + ok0)}, `
1 > POST / 1.1 +body
3 body of request for 1: 4/4
3 > GET / 1.1
4 < 200 1.1 for 1
4 < 200 1.1 for 3`},
	{"chunked 7.1", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), server("5\r\nhello\r\n"), server("6;x=\"y\"\r\n world\r\n0\r\n\r\n"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
4 body of response for 1: 11/32
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"trailers 7.1.2", []dt.Chunk{client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X\r\n\r\nA \r\n0123456789\r\n00;e\r\nX: y\r\nZ:\r\n\r\n"), server(ok0)}, `
1 > POST / 1.1 +body
1 body of request for 1: 10/34 X=y Z=
2 < 200 1.1 for 1`},
	{"close-delimited 6.3 rule 8", []dt.Chunk{client(get), server("HTTP/1.0 200\r\n\r\n"), server("abc"), over(fromServer, events.EndFIN)}, `
1 > GET / 1.1
2 < 200 1.0 for 1 +body
4 body of response for 1: 3/3`},
	{"close-delimited by reset 8", []dt.Chunk{client(get), server("HTTP/1.0 200\r\n\r\nabc"), over(fromServer, events.EndReset)}, `
1 > GET / 1.1
2 < 200 1.0 for 1 +body
3 body of response for 1: 3/3 incomplete`},
	{"length cut short 8", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), over(fromServer, events.EndFIN)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 body of response for 1: 3/3 incomplete`},
	{"HEAD 204 304 6.3 rule 1", []dt.Chunk{
		client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
		client(get), server("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
		client(get), server("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
		client(get), server(ok2)}, `
1 > HEAD / 1.1
2 < 200 1.1 for 1
3 > GET / 1.1
4 < 304 1.1 for 3
5 > GET / 1.1
6 < 204 1.1 for 5
7 > GET / 1.1
8 < 200 1.1 for 7 +body
8 body of response for 7: 2/2`},
	{"pipelining 9.3.2", []dt.Chunk{client(get + "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + "\r\n" + get), server(ok2 + "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"), client(get), server(ok2), server(ok0)}, `
1 > GET / 1.1
1 > HEAD / 1.1
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2
2 < 200 1.1 for 1
3 > GET / 1.1
4 < 200 1.1 for 1 +body
4 body of response for 1: 2/2
5 < 200 1.1 for 3`},
	{"100 continue", []dt.Chunk{client("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"), server("HTTP/1.1 100 Continue\r\n\r\n"), client("ab"), server(ok0)}, `
1 > PUT / 1.1 +body
2 < 100 1.1 for 1 interim
3 body of request for 1: 2/2
4 < 200 1.1 for 1`},
	{"answer before the body's end 9.5", []dt.Chunk{client(post + "ab"), server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), client("cd"), client(get), server(ok0)}, `
1 > POST / 1.1 +body
2 < 413 1.1 for 1
3 body of request for 1: 4/4
4 > GET / 1.1
5 < 200 1.1 for 4`},
	{"answer inside a head", []dt.Chunk{client("GET / HT"), server("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), client("TP/1.1\r\nHost: a\r\n\r\n"), client(get), server(ok0)}, `
2 < 408 1.1 for 0
3 > GET / 1.1
4 > GET / 1.1
5 < 200 1.1 for 4`},
	{"CONNECT 6.3 rule 2", []dt.Chunk{client("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"), client("\x16\x03\x01"), server("HTTP/1.1 200 Connection established\r\n\r\n\x16")}, `
1 > CONNECT b:443 1.1
3 < 200 1.1 for 1
3 switch ""`},
	{"CONNECT turned down", []dt.Chunk{client("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"), server("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"), client(get), server(ok0)}, `
1 > CONNECT b:443 1.1
2 < 407 1.1 for 1 +body
2 body of response for 1: 2/2
3 > GET / 1.1
4 < 200 1.1 for 3`},
	{"upgrade 7.8", []dt.Chunk{client("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"), server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01x"), client("\x81\x81")}, `
1 > GET /chat 1.1
2 < 101 1.1 for 1
2 switch "websocket"`},
	{"upgrade ignored", []dt.Chunk{client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"), server(ok2), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2
3 > GET / 1.1
4 < 200 1.1 for 3`},
	{"upgrade and pipelined on", []dt.Chunk{client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), client(get), server(ok2), server(ok0)}, `
1 > GET / 1.1
2 > GET / 1.1
3 < 200 1.1 for 1 +body
3 body of response for 1: 2/2
4 < 200 1.1 for 2`},
	{"HTTP/0.9", []dt.Chunk{client("GET /x\r\n"), server("<html>"), server("hello"), over(fromServer, events.EndFIN)}, `
1 > GET /x 0.9
4 body of response for 1: 11/11`},
	{"HTTP/0.9 answered like 1.0", []dt.Chunk{client("GET /x\r\n"), server("HTTP/1.1 400 Bad\r\n"), server("Content-Length: 2\r\n\r\nno"), over(fromServer, events.EndFIN)}, `
1 > GET /x 0.9
3 < 400 1.1 for 1 +body
3 body of response for 1: 2/2`},
	{"HTTP/0.9 short answer", []dt.Chunk{client("GET /x\r\n"), server("HT"), over(fromServer, events.EndFIN)}, `
1 > GET /x 0.9
3 body of response for 1: 2/2`},
	{"bare LF 2.2", []dt.Chunk{client("\r\n\nGET / HTTP/1.1\nHost: a\n\n"), server("HTTP/1.1 200\nContent-Length: 2\n\nhi")}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2`},
	{"ICY", []dt.Chunk{client("GET / HTTP/1.0\r\n\r\n"), server("ICY 200 OK\r\nicy-name: x\r\n\r\nmp3"), over(fromServer, events.EndFIN)}, `
1 > GET / 1.0
2 < 200 ICY for 1 +body
3 body of response for 1: 3/3`},
	{"smuggling 6.3 rule 3", []dt.Chunk{client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get), server(ok0 + ok0)}, `
1 > POST / 1.1 +body
1 ! both Transfer-Encoding and Content-Length (RFC 9112 section 6.3)
1 body of request for 1: 0/5
1 > GET / 1.1
2 < 200 1.1 for 1
2 < 200 1.1 for 1`},
	{"equal lengths 6.3 rule 5", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length:2\r\n\r\nhi")}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2`},
	{"two lengths 6.3 rule 5", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi")}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 ! Content-Length fields differ (RFC 9112 section 6.3)
2 body of response for 1: 2/2`},
	{"bad length", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhi"), over(fromServer, events.EndFIN)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 ! Content-Length is not a number (RFC 9112 section 6.3)
3 body of response for 1: 2/2`},
	{"odd fields 5.1 5.2", []dt.Chunk{client("GET / HTTP/1.1\r\nHost : a\r\nX: one\r\n\ttwo \r\nnothing\r\nB\x00d: \xff\r\n\r\n"), server(ok0)}, `
1 > GET / 1.1
1 ! white space before the colon of a field (RFC 9112 section 5.1)
1 ! folded field line (RFC 9112 section 5.2)
1 ! field line without a colon (RFC 9112 section 5)
1 ! field name is not a token (RFC 9110 section 5.1)
1 ! NUL in a head (RFC 9110 section 5.5)
2 < 200 1.1 for 1`},
	{"spaces in the target", []dt.Chunk{client("GET /a b HTTP/1.0\r\n\r\n"), server(ok0)}, `
1 > GET /a b 1.0
1 ! white space inside the start line (RFC 9112 section 3.2)
2 < 200 1.1 for 1`},
	{"no length on a living connection", []dt.Chunk{client(get), server("HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n"), client(get), server(ok2)}, `
1 > GET / 1.1
2 < 302 1.1 for 1 +body
3 > GET / 1.1
4 body of response for 1: 0/0
4 ! response without a length on a connection that goes on (RFC 9112 section 6.3)
4 < 200 1.1 for 3 +body
4 body of response for 3: 2/2`},
	{"body longer than told", []dt.Chunk{client(get), server(ok2 + " there, this is more"), client(get), server(ok2)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2
2 ! bytes that begin no response
3 > GET / 1.1
4 < 200 1.1 for 3 +body
4 body of response for 3: 2/2`},
	{"bad chunk", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/5 incomplete
2 ! chunk data is longer than its size (RFC 9112 section 7.1)
3 > GET / 1.1
4 < 200 1.1 for 3`},
	{"unknown coding last in a request", []dt.Chunk{client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc"), server(ok0)}, `
1 > POST / 1.1 +body
1 ! chunked is not the final transfer coding (RFC 9112 section 6.3)
2 < 200 1.1 for 1
2 body of request for 1: 3/3 incomplete`},
	{"identity", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi")}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
2 body of response for 1: 2/2`},
	{"only the server was captured", []dt.Chunk{server(ok2 + ok2), server(ok0)}, `
1 < 200 1.1 for 0 +body
1 body of response for 0: 2/2
1 < 200 1.1 for 0 +body
1 body of response for 0: 2/2
2 < 200 1.1 for 0`},
	{"answer to an unseen HEAD", []dt.Chunk{server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), server(ok2)}, `
1 < 200 1.1 for 0 +body
2 body of response for 0: 0/0 incomplete
2 < 200 1.1 for 0 +body
2 body of response for 0: 2/2`},
	{"only the client was captured", []dt.Chunk{client(get), client(post + "abcd"), client(get)}, `
1 > GET / 1.1
2 > POST / 1.1 +body
2 body of request for 2: 4/4
3 > GET / 1.1`},
	{"joined midway", []dt.Chunk{server("\x00\xffthe end of some body"), client("a=b&c=d" + get), server(ok2), server("junk"), client(get), server(ok0)}, `
2 > GET / 1.1
3 < 200 1.1 for 2 +body
3 body of response for 2: 2/2
4 ! bytes that begin no response
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap inside a body", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), dt.Lost(fromServer, 5), server("hij"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 gap 5
4 body of response for 1: 10/10 incomplete missing 5
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap to the end of a body", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), dt.Lost(fromServer, 8), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 gap 8
3 body of response for 1: 10/10 incomplete missing 8
4 > GET / 1.1
5 < 200 1.1 for 4`},
	{"gap inside a chunk", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nh"), dt.Lost(fromServer, 3), server("o\r\n0\r\n\r\n"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 gap 3
4 body of response for 1: 5/15 incomplete missing 3
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap over a chunk's end", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nh"), dt.Lost(fromServer, 30), server("ello HTTP/1.1 is\r\n0\r\n\r\n"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 gap 30
3 body of response for 1: 5/8 incomplete missing 4
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap in a request head", []dt.Chunk{client("GET /1 HTTP/1.1\r\nHo"), dt.Lost(fromClient, 6), client("X: y\r\n\r\n"), server(ok2), client(get), server(ok0)}, `
2 gap 6
4 < 200 1.1 for 0 +body
4 body of response for 0: 2/2
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap in a response head", []dt.Chunk{client(get), server("HTTP/1.1 20"), dt.Lost(fromServer, 6), server("Content-Length: 4\r\n\r\nhiho"), client(get), server(ok0)}, `
1 > GET / 1.1
3 gap 6
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"gap among pipelined requests", []dt.Chunk{client(get), dt.Lost(fromClient, 27), client(get), server(ok0 + ok0 + ok0), client(get), server(ok0)}, `
1 > GET / 1.1
2 gap 27
3 > GET / 1.1
4 < 200 1.1 for 1
4 < 200 1.1 for 0
4 < 200 1.1 for 0
5 > GET / 1.1
6 < 200 1.1 for 5`},
	{"CONNECT whose answer was lost", []dt.Chunk{client("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"), dt.Lost(fromServer, 30), client("\x16\x03\x01")}, `
1 > CONNECT b:443 1.1
2 gap 30
3 switch ""`},
	{"closed inside a head", []dt.Chunk{client(get), server(ok0), client("GET / HTT"), over(fromClient, events.EndFIN)}, `
1 > GET / 1.1
2 < 200 1.1 for 1
4 ! connection closed inside a head`},
	{"chunked without its last line end", []dt.Chunk{client(get), server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"), client(get), server(ok0)}, `
1 > GET / 1.1
2 < 200 1.1 for 1 +body
3 > GET / 1.1
4 body of response for 1: 2/10
4 ! chunked body without its last line end (RFC 9112 section 7.1)
4 < 200 1.1 for 3`},
}

func conversations() (cs []dt.Conversation) {
	for _, c := range talks {
		cs = append(cs, dt.Talk(c.name, c.chunks...))
	}
	return cs
}

func TestConversations(t *testing.T) {
	for i, c := range conversations() {
		t.Run(c.Name, func(t *testing.T) {
			got, want := lines(dt.Run(t, Proto, c)), strings.TrimPrefix(talks[i].want, "\n")+"\n"
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestLaws(t *testing.T) {
	cs := conversations()
	dt.Laws(t, Proto, cs...)
	for _, c := range cs {
		c.Name += " hashed"
		c.Env.Hash = true
		dt.Laws(t, Proto, c)
	}
}

func FuzzHTTP1(f *testing.F) {
	dt.Seed(f, conversations()...)
	f.Fuzz(func(t *testing.T, b []byte) {
		// An empty packet moves the frame of what a side's end completes.
		chunks := slices.DeleteFunc(dt.Decode(b), func(c dt.Chunk) bool { return len(c.Bytes) == 0 && c.Lost == 0 && c.End == 0 })
		if err := dt.Check(Proto, chunks); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHead(t *testing.T) {
	tape := dt.Run(t, Proto, dt.Talk("",
		client("\r\nGET http://u:p@Example.com:81/p?q HTTP/1.1\r\n"),
		client("Host: other\r\nCookie: a=b; c=d\r\nAuthorization: Basic eHg=\r\nX-Long:  one\r\n  two\t\r\n\r\n"),
		server("HTTP/1.0 404 \r\nSet-Cookie: a=b; Path=/\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n."),
	))
	req := dt.Of[*events.HTTPRequest](tape)[0]
	if req.Scheme != "http" || req.Host != "Example.com:81" || req.FirstFrame != 1 || req.FirstTime != 1e6 || req.Offset != 2 || req.Bytes != 126 || req.Target != "http://u:p@Example.com:81/p?q" {
		t.Errorf("request %+v", req)
	}
	want := []events.Header{{"Host", "other"}, {"Cookie", "a=<redacted:3e23e816>; c=<redacted:18ac3e73>"}, {"Authorization", "<redacted>"}, {"X-Long", "one two"}}
	if fmt.Sprint(req.Headers) != fmt.Sprint(want) {
		t.Errorf("headers %q", req.Headers)
	}
	res := dt.Of[*events.HTTPResponse](tape)[0]
	if res.Reason != "" || res.Status != 404 || res.Headers[0][1] != "a=<redacted:3e23e816>; Path=/" || !res.HasBody || res.Offset != 0 {
		t.Errorf("response %+v", res)
	}
	body := dt.Of[*events.HTTPBody](tape)[0]
	if body.ContentType != "text/html" || body.ContentEncoding != "gzip" || body.Offset != res.Bytes || body.FirstFrame != 3 || body.FirstTime != 3e6 {
		t.Errorf("body %+v", body)
	}

	c := dt.Talk("", client("GET / HTTP/1.0\r\nCookie: a=b\r\nAuthorization: Basic eHg=\r\n\r\n"))
	c.Env.ShowSecrets = true
	req = dt.Of[*events.HTTPRequest](dt.Run(t, Proto, c))[0]
	if req.Headers[0][1] != "a=b" || req.Headers[1][1] != "Basic eHg=" {
		t.Errorf("shown: %q", req.Headers)
	}
}

func TestUpgradeHint(t *testing.T) {
	tape := dt.Run(t, Proto, dt.Talk("",
		client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
		server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: H2C\r\n\r\nframes"),
		client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	h := tape.Switched.Hint.(decoders.HintUpgrade)
	if tape.Switched.Protocol != "http2" || h.Protocol != "h2c" || h.Request.Target != "/" || h.RequestFrame != 1 {
		t.Errorf("hint %+v", h)
	}
	if string(tape.Rest[fromServer]) != "frames" || !strings.HasPrefix(string(tape.Rest[fromClient]), "PRI") {
		t.Errorf("rest %q", tape.Rest)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.PendingRequests, l.HTTPHead, l.HTTPHeaders = 2, 100, 3
	play := func(chunks ...dt.Chunk) string {
		c := dt.Talk("", chunks...)
		c.Env.Limits = &l
		dt.Laws(t, Proto, c)
		return lines(dt.Run(t, Proto, c))
	}
	for _, c := range []struct{ got, want string }{
		{play(client(get+get+get+get), server(ok0+ok0+ok0), client(get), server(ok0)), `1 > GET / 1.1
1 > GET / 1.1
1 > GET / 1.1
1 limit pending-requests
1 > GET / 1.1
2 < 200 1.1 for 1
2 < 200 1.1 for 0
2 < 200 1.1 for 0
3 > GET / 1.1
4 < 200 1.1 for 3
`},
		{play(client("GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 100)+"\r\n\r\n"), client(get)), "1 limit http-head\n2 > GET / 1.1\n"},
		{play(client("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nContent-Length: 1\r\n\r\n.")), "1 > GET / 1.1 +body\n1 limit http-headers\n1 body of request for 1: 1/1\n"},
	} {
		if c.got != c.want {
			t.Errorf("got\n%swant\n%s", c.got, c.want)
		}
	}
}

func pack(t testing.TB, coding string, b []byte) []byte {
	var buf bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&buf)
	case "deflate":
		w = zlib.NewWriter(&buf)
	case "raw":
		w, _ = flate.NewWriter(&buf, 6)
	case "br":
		w = brotli.NewWriter(&buf)
	case "zstd":
		w, _ = zstd.NewWriter(&buf)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func hashed(coding string, body []byte, l *events.Limits) dt.Conversation {
	c := dt.Talk("coding "+coding, client(get), server(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", coding, len(body), body)))
	c.Env.Hash = true
	c.Env.Limits = l
	return c
}

func TestHash(t *testing.T) {
	// SHA-256 of "hello world\n" 100 times, by sha256sum.
	plain := bytes.Repeat([]byte("hello world\n"), 100)
	const sum = "ceebb2a573b5e0e36b9d7ddc62b93c353f302dbff63674b72f12478d142da651"
	for _, c := range []struct {
		coding string
		body   []byte
	}{
		{"identity", plain},
		{"", plain},
		{"gzip", pack(t, "gzip", plain)},
		{"X-GZIP", pack(t, "gzip", plain)},
		{"deflate", pack(t, "deflate", plain)},
		{"deflate", pack(t, "raw", plain)},
		{"br", pack(t, "br", plain)},
		{"zstd", pack(t, "zstd", plain)},
		{"gzip, br", pack(t, "br", pack(t, "gzip", plain))},
	} {
		conv := hashed(c.coding, c.body, nil)
		dt.Laws(t, Proto, conv)
		b := dt.Of[*events.HTTPBody](dt.Run(t, Proto, conv))[0]
		if b.SHA256 != sum || b.DecodedBytes != 1200 || b.Bytes != int64(len(c.body)) || !b.Complete {
			t.Errorf("%s: %+v", c.coding, b)
		}
	}
	// Chunked, with gzip as a transfer coding.
	g := pack(t, "gzip", plain)
	c := dt.Talk("", client(get), server(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(g), g)))
	c.Env.Hash = true
	if b := dt.Of[*events.HTTPBody](dt.Run(t, Proto, c))[0]; b.SHA256 != sum || b.Bytes != int64(len(g)) {
		t.Errorf("transfer coding: %+v", b)
	}
}

func TestBadCodings(t *testing.T) {
	zeros := make([]byte, 1<<20)
	small := events.DefaultLimits()
	small.DecodedBytes = 1 << 16
	ratio := events.DefaultLimits()
	ratio.DecodedRatio = 100
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		g := pack(t, coding, []byte(strings.Repeat("some text, and more of it. ", 99)))
		bomb := pack(t, coding, zeros)
		for _, c := range []struct {
			what string
			conv dt.Conversation
			want string
		}{
			{"truncated", hashed(coding, g[:len(g)-6], nil), fmt.Sprintf("! body ends inside its coding %q", coding)},
			{"corrupt", hashed(coding, []byte("\x01this is not what it says"), nil), fmt.Sprintf("! body is not of its coding %q", coding)},
			{"too large", hashed(coding, bomb, &small), "limit decoded-bytes"},
			{"ratio", hashed(coding, bomb, &ratio), "limit decoded-ratio"},
		} {
			dt.Laws(t, Proto, c.conv)
			tape := dt.Run(t, Proto, c.conv)
			b := dt.Of[*events.HTTPBody](tape)
			if !strings.Contains(lines(tape), c.want) || len(b) != 1 || b[0].SHA256 != "" || b[0].DecodedBytes != 0 || !b[0].Complete {
				t.Errorf("%s %s:\n%s", coding, c.what, lines(tape))
			}
		}
	}
	tape := dt.Run(t, Proto, hashed("compress", []byte("x"), nil))
	if b := dt.Of[*events.HTTPBody](tape)[0]; b.SHA256 != "" || !b.Complete {
		t.Errorf("unknown coding: %+v", b)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		head string
		from events.Dir
		v    decoders.Verdict
		who  events.Dir
	}{
		{get, fromServer, decoders.Yes, fromClient},
		{"\r\n" + get, fromClient, decoders.Yes, fromClient},
		{"BREW /pot HTTP/1.0\n", fromClient, decoders.Yes, fromClient},
		{"HTTP/1.1 200 OK\r\n", fromClient, decoders.Yes, fromServer},
		{"ICY 200 OK\r\n", fromServer, decoders.Yes, fromServer},
		{"GET /old\r\n", fromClient, decoders.Yes, fromClient},
		{"GET key\r\n", fromClient, decoders.No, fromClient},
		{"GET", fromClient, decoders.Maybe, fromClient},
		{"HTTP/1", fromServer, decoders.Maybe, fromServer},
		{"HTTP/1.1 2", fromServer, decoders.Maybe, fromServer},
		{"HTTP/2 200\r\n", fromServer, decoders.No, fromServer},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", fromClient, decoders.No, fromClient},
		{"INVITE sip:a@b SIP/2.0\r\n", fromClient, decoders.No, fromClient},
		{"SIP/2.0 200 OK\r\n", fromServer, decoders.No, fromServer},
		{"RTSP/1.0 200 OK\r\n", fromServer, decoders.No, fromServer},
		{"EHLO there\r\n", fromClient, decoders.No, fromClient},
		{"220 ready\r\n", fromServer, decoders.No, fromServer},
		{"\x16\x03\x01\x02\x00\x01", fromClient, decoders.No, fromClient},
		{"tail of a body" + get, fromClient, decoders.Maybe, fromClient},
		{"tail of a body" + ok0, fromServer, decoders.Maybe, fromServer},
		{"", fromClient, decoders.Maybe, fromClient},
	} {
		v, who := Proto.Probe(c.from, []byte(c.head))
		if v != c.v || who != c.who {
			t.Errorf("%q from %s: %d %s, want %d %s", c.head, c.from, v, who, c.v, c.who)
		}
	}
}
