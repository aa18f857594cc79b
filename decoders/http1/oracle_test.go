package http1

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// tap records what each side of a net.Pipe writes, in order.
type tap struct {
	net.Conn
	from   events.Dir
	mu     *sync.Mutex
	chunks *[]dt.Chunk
}

func (t tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	*t.chunks = append(*t.chunks, dt.Chunk{From: t.from, Bytes: bytes.Clone(b)})
	t.mu.Unlock()
	return t.Conn.Write(b)
}

// oneConn is a listener of one connection.
type oneConn struct {
	conns chan net.Conn
	net.Listener
}

func (l oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, io.EOF
	}
	return c, nil
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// said is one message as one who took part in the conversation knows it.
type said struct {
	start string
	size  int64
	sum   string
}

// TestNetHTTP lets net/http talk to itself and compares what it meant with
// what the decoder saw.
func TestNetHTTP(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 8 {
		var mu sync.Mutex
		var chunks []dt.Chunk
		a, b := net.Pipe()
		l := oneConn{conns: make(chan net.Conn, 1)}
		l.conns <- tap{b, events.FromServer, &mu, &chunks}
		var want []said
		body := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
			return p
		}
		type plan struct {
			method, target string
			up, down       []byte
			code           int
			chunked        bool
		}
		var plans []plan
		for i := range 12 {
			p := plan{method: []string{"GET", "HEAD", "POST", "PUT", "BREW"}[rnd.IntN(5)], target: fmt.Sprintf("/%d?x=%d", round, i), code: []int{200, 404, 204, 304, 302}[rnd.IntN(5)], chunked: rnd.IntN(2) == 0}
			if p.method == "POST" || p.method == "PUT" {
				p.up = body(rnd.IntN(4000))
			}
			if p.code != 204 && p.code != 304 {
				p.down = body(rnd.IntN(8000))
			}
			plans = append(plans, p)
		}
		at := 0
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p := plans[at]
			io.Copy(io.Discard, r.Body)
			if !p.chunked {
				w.Header().Set("Content-Length", fmt.Sprint(len(p.down)))
			}
			if p.code == 204 || p.code == 304 {
				w.Header().Del("Content-Length")
			}
			if p.chunked && p.code == 200 {
				w.Header().Set("Trailer", "X-Sum")
			}
			w.WriteHeader(p.code)
			for rest := p.down; len(rest) > 0; {
				n := min(len(rest), 1+rnd.IntN(5000))
				w.Write(rest[:n])
				if p.chunked {
					w.(http.Flusher).Flush()
				}
				rest = rest[n:]
			}
			w.Header().Set("X-Sum", "done")
		})}
		go srv.Serve(l)
		conn := tap{a, events.FromClient, &mu, &chunks}
		tr := &http.Transport{DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
		for i, p := range plans {
			at = i
			var up io.Reader
			if p.up != nil {
				up = bytes.NewReader(p.up)
				if p.chunked {
					up = io.MultiReader(up) // hides the length
				}
			}
			req, err := http.NewRequest(p.method, "http://example.com"+p.target, up)
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, said{start: p.method + " " + p.target})
			if len(p.up) > 0 {
				want = append(want, told("request", p.up))
			}
			want = append(want, said{start: fmt.Sprint(res.StatusCode)})
			if p.method != "HEAD" && (len(got) > 0 || len(res.TransferEncoding) > 0) {
				want = append(want, told("response", got))
			}
		}
		tr.CloseIdleConnections()
		a.Close()
		close(l.conns)
		srv.Close()

		c := dt.Talk("net/http", chunks...)
		c.Env.Hash = true
		dt.Laws(t, Proto, c)
		tape := dt.Run(t, Proto, c)
		var got []said
		for _, r := range tape.Records {
			switch e := r.Body.(type) {
			case *events.HTTPRequest:
				got = append(got, said{start: e.Method + " " + e.Target})
				if e.Host != "example.com" {
					t.Errorf("host %q", e.Host)
				}
			case *events.HTTPResponse:
				got = append(got, said{start: fmt.Sprint(e.Status)})
			case *events.HTTPBody:
				if !e.Complete {
					t.Errorf("incomplete: %+v", e)
				}
				got = append(got, said{e.Of, e.DecodedBytes, e.SHA256})
			default:
				t.Errorf("%s", r)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("round %d\n got %v\nwant %v", round, got, want)
		}
	}
}

func told(of string, b []byte) said {
	sum := sha256.Sum256(b)
	return said{of, int64(len(b)), hex.EncodeToString(sum[:])}
}

// TestHeadsAsNetHTTP compares heads with net/http's reader where it accepts.
func TestHeadsAsNetHTTP(t *testing.T) {
	for _, head := range []string{
		get, browserRequest, post,
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://x/y HTTP/1.1\r\nHost: z\r\n\r\n",
		"GET / HTTP/1.0\r\nA: 1\r\na:2\r\nB:\t x y \t\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\nX: \xe4\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n two\r\n\tthree\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
		"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n",
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			t.Errorf("%q: net/http: %v", head, err)
			continue
		}
		e := dt.Of[*events.HTTPRequest](dt.Run(t, Proto, dt.Talk("", client(head))))
		if len(e) != 1 || e[0].Method != r.Method || e[0].Target != r.RequestURI || "HTTP/"+e[0].Version != r.Proto || e[0].Host != r.Host || e[0].HasBody != (r.ContentLength != 0) {
			t.Errorf("%q: %+v", head, e)
			continue
		}
		mine := http.Header{}
		for _, h := range e[0].Headers {
			if !strings.EqualFold(h[0], "Host") {
				mine.Add(h[0], h[1])
			}
		}
		if v := mine["Content-Length"]; len(v) == 2 {
			mine["Content-Length"] = v[:1] // net/http joins equal ones
		}
		if fmt.Sprint(mine) != fmt.Sprint(r.Header) {
			t.Errorf("%q: %v, net/http %v", head, mine, r.Header)
		}
	}
}
