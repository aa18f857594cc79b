package rerun

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
)

// turn is an exchange made by hand.
type turn struct {
	method, target, host string
	fields               []events.Header
	content              int64
	status               int
	answer               []events.Header
	body                 int64
}

// turns are of all the forms that HTTP has.
var turns = []turn{
	{"GET", "/", "www.example", nil, 0, 200, []events.Header{{"Content-Type", "text/html"}, {"Content-Length", "3000"}}, 3000},
	{"POST", "/form?a=b%20c", "www.example", []events.Header{{"content-type", "text/plain"}, {"Content-Length", "70000"}}, 70000, 204, nil, 0},
	{"PUT", "/chunked", "www.example", []events.Header{{"Transfer-Encoding", "chunked"}, {"Expect", "100-continue"}}, 500, 201, []events.Header{{"Transfer-Encoding", "chunked"}}, 900},
	{"HEAD", "/", "www.example", nil, 0, 200, []events.Header{{"Content-Length", "3000"}}, 0},
	{"GET", "/old", "www.example", nil, 0, 301, []events.Header{{"Location", "/new"}, {"Content-Length", "0"}}, 0},
	{"GET", "/same", "www.example", []events.Header{{"If-None-Match", `"x"`}}, 0, 304, []events.Header{{"ETag", `"x"`}}, 0},
	{"GET", "http://other.example/whole?x", "other.example", nil, 0, 200, []events.Header{{"Connection", "close"}}, 20},
	{"OPTIONS", "*", "www.example", nil, 0, 200, []events.Header{{"Allow", "GET"}, {"Content-Length", "0"}}, 0},
	{"GET", "/gzip", "", []events.Header{{"Accept-Encoding", "gzip"}, {"Cookie", "id=secret"}}, 0, 200, []events.Header{{"Content-Encoding", "gzip"}}, 400},
	{"PROPFIND", "/%7Euser/ä", "10.0.0.2:80", nil, 0, 207, []events.Header{{"Content-Length", "10"}}, 10},
}

// talk is a script of these turns, one after the other on one connection.
func talk(as web.Version) *Script {
	b := builder{as: as, of: map[events.StreamKey]*Conversation{}}
	f := events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}), ClientPort: 4000, ServerPort: 80, Proto: 6}
	frame := uint64(0)
	event := func(from events.Dir, x events.Body) {
		frame++
		b.event(&events.Event{Pos: events.Pos{Frame: frame}, Time: events.Time(frame) * events.Time(time.Millisecond), Flow: f, From: from, Layer: "tcp/http1", Body: x})
	}
	event(0, &events.FlowStart{})
	for _, x := range turns {
		at := events.Time(frame+1) * events.Time(time.Millisecond)
		event(0, &events.HTTPRequest{Method: x.method, Target: x.target, Host: x.host, Version: "1.1", Headers: x.fields, FirstTime: at, HasBody: x.content > 0})
		asked := frame
		if x.content > 0 {
			event(0, &events.HTTPBody{Of: "request", Bytes: x.content, WireBytes: x.content, Complete: true, RequestFrame: asked})
		}
		event(1, &events.HTTPResponse{Status: 100, Version: "1.1", Interim: true, RequestFrame: asked})
		event(1, &events.HTTPResponse{Status: x.status, Version: "1.1", Headers: x.answer, FirstTime: at, HasBody: x.body > 0, RequestFrame: asked})
		if x.body > 0 {
			event(1, &events.HTTPBody{Of: "response", Bytes: x.body, WireBytes: x.body, Complete: true, RequestFrame: asked, ContentEncoding: events.Get(x.answer, "Content-Encoding")})
		}
	}
	// Those that are not played: of each reason one.
	event(0, &events.HTTPRequest{Method: "CONNECT", Target: "x:443", Host: "x:443", Version: "1.1"})
	event(1, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: frame})
	event(0, &events.HTTPRequest{Method: "GET", Target: "/a b", Host: "x", Version: "1.1"})
	event(1, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: frame})
	event(1, &events.HTTPResponse{Status: 200, Version: "1.1"})
	event(0, &events.HTTPRequest{Method: "GET", Target: "/cut", Host: "x", Version: "1.1"})
	event(1, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: frame, HasBody: true})
	event(0, &events.HTTPRequest{Method: "GET", Target: "/unanswered", Host: "x", Version: "1.1"})
	return b.script()
}

// All forms of exchanges go over each version.
func TestForms(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, as := range []web.Version{web.HTTP1, web.HTTP2, web.HTTP3} {
		t.Run(string(as), func(t *testing.T) {
			t.Parallel()
			s := talk(as)
			if len(s.exchanges) != len(turns) {
				t.Fatalf("%d exchanges, want %d; left out %v, the first: %s", len(s.exchanges), len(turns), s.LeftExchanges, s.refused)
			}
			want := map[Reason]int{Inside: 1, Refused: 1, NoRequest: 1, CutOff: 1, NoResponse: 1}
			if fmt.Sprint(s.LeftExchanges) != fmt.Sprint(want) {
				t.Errorf("left out %v, want %v", s.LeftExchanges, want)
			}
			var out bytes.Buffer
			if err := s.Run(t.Context(), "by hand", replay.Options{Out: &out, RTT: 4 * time.Millisecond}, time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for i, n := range s.exchanges {
				x, x0 := n.played, turns[i]
				if x.Told.Err != nil || x.Told.Status != x0.status || x.Told.Bytes != x0.body || x.Told.GotBytes != x0.content {
					t.Errorf("%s %s: %+v", x.Method, x.Target, x.Told)
				}
			}
			name := filepath.Join(t.TempDir(), "again.pcapng")
			if err := os.WriteFile(name, out.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			after, err := Read(t.Context(), as, name)
			if err != nil {
				t.Fatal(err)
			}
			if f := Compare(s, after)[0]; f.F1() != 1 || f.Agreed != 2*len(turns) {
				t.Errorf("%+v", f)
			}
			if bytes.Contains(out.Bytes(), []byte("id=secret")) {
				t.Error("a secret left the capture")
			}
		})
	}
}

// Equal requests at once get each its own answer.
func TestEqualRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, as := range []web.Version{web.HTTP1, web.HTTP2, web.HTTP3} {
		t.Run(string(as), func(t *testing.T) {
			t.Parallel()
			var v visit
			for i := range 12 {
				n := v.get(i+1, 100, 120+i, "/same", "image/png", "")
				if _, err := n.build(as); err != nil {
					t.Fatal(err)
				}
				n.played.Body = make([]byte, 100+i)
			}
			s := &Script{As: as, exchanges: v.exchanges}
			for _, n := range v.exchanges {
				s.talks = append(s.talks, n.c)
			}
			lanes(s.exchanges, as)
			depend(s.exchanges)
			if err := s.Run(t.Context(), "by hand", replay.Options{RTT: 4 * time.Millisecond}, time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for i, n := range s.exchanges {
				if told := n.played.Told; told.Err != nil || told.Bytes != int64(100+i) {
					t.Errorf("exchange %d: %d bytes, %v", i, told.Bytes, told.Err)
				}
			}
		})
	}
}

// A run leaves nothing behind, neither at its end nor when it is given up.
func TestLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	before := runtime.NumGoroutine()
	for _, as := range []web.Version{web.HTTP1, web.HTTP2, web.HTTP3} {
		for _, limit := range []time.Duration{time.Minute, 150 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			rtt := 4 * time.Millisecond
			if limit < time.Second {
				rtt = time.Second // the first answer is further away than that
			}
			err := talk(as).Run(ctx, "by hand", replay.Options{RTT: rtt}, time.Millisecond)
			if (err == nil) != (limit > time.Second) {
				t.Errorf("%s, limit %s: %v", as, limit, err)
			}
			cancel()
			for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					buf := make([]byte, 1<<20)
					t.Fatalf("%s, limit %s: %d goroutines, %d before:\n%s", as, limit, runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
				}
			}
		}
	}
}
