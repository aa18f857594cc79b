package httpopen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// log is a Watcher that writes down what it is told: the URL's path, with what
// became of it.
type log struct{ lines []string }

func (l *log) Opened(x *Exchange[int]) {
	x.User = 7
	l.lines = append(l.lines, "open "+x.Path())
}

func (l *log) Answered(x *Exchange[int]) {
	l.lines = append(l.lines, fmt.Sprint("answer ", x.Path(), " ", x.Response.Status))
}

func (l *log) Over(x *Exchange[int]) {
	text := fmt.Sprint("over ", x.Path(), " ", [...]string{"open", "complete", "incomplete", "unanswered"}[x.Ending])
	switch x.Account {
	case ForProxy:
		text += " for-proxy"
	case ForReverse:
		text += " for-reverse"
	}
	switch f := x.Forward; f.Progress {
	case Answered:
		text += fmt.Sprint(" forwarded ", f.Frame, " ", f.Status)
	case Late, Sent:
		text += fmt.Sprint(" late ", f.Frame)
	}
	if x.Joined {
		text += " joined"
	}
	if x.User != 7 {
		text += " with the data of another"
	}
	l.lines = append(l.lines, text)
}

// talk is a conversation: events of one millisecond each.
type talk struct {
	log
	table *Table[int]
	frame uint64
}

func newTalk(change ...func(*events.Limits)) *talk {
	l := events.DefaultLimits()
	for _, c := range change {
		c(&l)
	}
	t := &talk{}
	t.table = New(&l, &t.log)
	return t
}

func (t *talk) event(stream int, client, server string, from events.Dir, b events.Body) {
	t.frame++
	f := foldtest.TCP(uint32(stream), client+":4000", server+":80").In("tcp/http1")
	e := f.Client(t.frame, time.Duration(t.frame)*time.Millisecond, b)
	e.From = from
	t.table.Step(e)
}

func (t *talk) ask(stream int, client, server, host, target string) uint64 {
	t.event(stream, client, server, events.FromClient, &events.HTTPRequest{Method: "GET", Target: target, Host: host, Version: "1.1"})
	return t.frame
}

func (t *talk) answer(stream int, client, server string, request uint64, status int, body bool) {
	t.event(stream, client, server, events.FromServer, &events.HTTPResponse{Status: status, RequestFrame: request, HasBody: body})
}

func (t *talk) body(stream int, client, server string, request uint64, complete bool) {
	t.event(stream, client, server, events.FromServer, &events.HTTPBody{Of: "response", RequestFrame: request, Complete: complete, WireBytes: 5})
}

func (t *talk) want(tt *testing.T, want ...string) {
	tt.Helper()
	t.table.Close()
	if !slices.Equal(t.lines, want) {
		tt.Errorf("told\n%s\nwant\n%s", strings.Join(t.lines, "\n"), strings.Join(want, "\n"))
	}
	if t.table.open != 0 || len(t.table.conns) != 0 || len(t.table.servers) != 0 || t.table.oldest != nil || t.table.newest != nil {
		tt.Errorf("%d open, %d connections, %d servers at the end", t.table.open, len(t.table.conns), len(t.table.servers))
	}
}

const (
	c = "10.0.0.1"
	d = "10.0.0.2"
	p = "10.0.0.3"
	o = "192.0.2.1"
)

func TestPairs(t *testing.T) {
	k := newTalk()
	a := k.ask(0, c, o, "h", "/a")
	k.answer(0, c, o, a, 200, true)
	k.body(0, c, o, a, true)
	b := k.ask(0, c, o, "h", "/b")
	k.answer(0, c, o, b, 304, false)
	k.ask(0, c, o, "h", "/c")
	k.event(0, c, o, events.FromServer, &events.FlowEnd{Why: events.EndReset})
	e := k.ask(1, c, o, "h", "/e")
	k.answer(1, c, o, e, 200, true)
	k.body(1, c, o, e, false)
	k.ask(1, c, o, "h", "/f")
	k.want(t, "open /a", "answer /a 200", "over /a complete", "open /b", "answer /b 304", "over /b complete", "open /c", "over /c unanswered",
		"open /e", "answer /e 200", "over /e incomplete", "open /f", "over /f unanswered")
}

// Pipelined: the response to /b says that none to /a will come. Interim ones do
// not answer.
func TestOrder(t *testing.T) {
	k := newTalk()
	k.ask(0, c, o, "h", "/a")
	b := k.ask(0, c, o, "h", "/b")
	k.event(0, c, o, events.FromServer, &events.HTTPResponse{Status: 103, Interim: true, RequestFrame: b})
	k.answer(0, c, o, b, 200, false)
	k.want(t, "open /a", "open /b", "over /a unanswered", "answer /b 200", "over /b complete")
}

// A response alone is an exchange without a request.
func TestNoRequest(t *testing.T) {
	k := newTalk()
	k.answer(0, c, o, 0, 200, true)
	k.body(0, c, o, 0, true)
	k.want(t, "open ", "answer  200", "over  complete")
}

// On whose behalf, and what became of it.
func TestBehalf(t *testing.T) {
	for _, x := range []struct {
		name           string
		down, host, up string
		upHost         string
		want           string // of the one asked for by the client
		account        string
	}{
		{"a proxy", "http://h/x", "h", "/x", "h", " forwarded 2 200", " for-proxy"},
		{"the same URL", "/x", "h", "/x", "h", " forwarded 2 200", " for-reverse"},
		{"the same path at another host", "/x", "edge", "/x", "h", " forwarded 2 200", " for-reverse"},
		{"a rewritten URL", "/h/x/1", "edge", "/x/1", "h", " forwarded 2 200", " for-reverse"},
		{"something else", "/x", "h", "/y", "h", "", ""},
		{"a path that says nothing", "/", "a", "/", "b", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := newTalk()
			a := k.ask(0, c, p, x.host, x.down)
			u := k.ask(1, p, o, x.upHost, x.up)
			k.answer(1, p, o, u, 200, false)
			k.answer(0, c, p, a, 200, false)
			down := strings.TrimPrefix(x.down, "http://h")
			k.want(t, "open "+down, "open "+x.up, "answer "+x.up+" 200", "over "+x.up+" complete"+x.account, "answer "+down+" 200", "over "+down+" complete"+x.want)
		})
	}
}

// What is answered before the server's own request is was not for that.
func TestLate(t *testing.T) {
	k := newTalk()
	a := k.ask(0, c, p, "h", "/x")
	u := k.ask(1, p, o, "h", "/x")
	k.answer(0, c, p, a, 200, false)
	k.answer(1, p, o, u, 200, false)
	k.want(t, "open /x", "open /x", "answer /x 200", "over /x complete late 2", "answer /x 200", "over /x complete for-reverse")
}

// Two wait for one request upstream, and the later one is answered first; one
// that comes while it is under way is joined.
func TestJoined(t *testing.T) {
	k := newTalk()
	a := k.ask(0, c, p, "h", "/x")
	b := k.ask(1, d, p, "h", "/x")
	u := k.ask(2, p, o, "h", "/x") // frame 3
	e := k.ask(3, c, p, "h", "/x")
	k.answer(2, p, o, u, 200, false)
	k.answer(1, d, p, b, 200, false)
	k.answer(0, c, p, a, 200, false)
	k.answer(3, c, p, e, 200, false)
	k.want(t, "open /x", "open /x", "open /x", "open /x", "answer /x 200", "over /x complete for-reverse",
		"answer /x 200", "over /x complete forwarded 3 200", "answer /x 200", "over /x complete joined", "answer /x 200", "over /x complete joined")
}

// The same, but the first answer is told to be from the cache: it was not for
// that one that the server asked.
func TestToldHit(t *testing.T) {
	k := newTalk()
	a := k.ask(0, c, p, "h", "/x")
	b := k.ask(1, d, p, "h", "/x")
	u := k.ask(2, p, o, "h", "/x") // frame 3, taken for that of a
	k.answer(2, p, o, u, 200, false)
	k.event(0, c, p, events.FromServer, &events.HTTPResponse{Status: 200, RequestFrame: a, Headers: []events.Header{{"Cache-Status", "p; hit"}}})
	k.answer(1, d, p, b, 200, false)
	k.want(t, "open /x", "open /x", "open /x", "answer /x 200", "over /x complete for-reverse",
		"answer /x 200", "over /x complete joined", "answer /x 200", "over /x complete forwarded 3 200")
}

// Asked again upstream, for it was lost: the frame is that of the first time.
func TestAgain(t *testing.T) {
	k := newTalk()
	a := k.ask(0, c, p, "h", "/x")
	k.ask(1, p, o, "h", "/x")
	k.event(1, p, o, events.FromServer, &events.FlowEnd{Why: events.EndReset})
	u := k.ask(2, p, o, "h", "/x")
	k.answer(2, p, o, u, 304, false)
	k.answer(0, c, p, a, 200, false)
	k.want(t, "open /x", "open /x", "over /x unanswered for-reverse", "open /x", "answer /x 304", "over /x complete for-reverse", "answer /x 200", "over /x complete forwarded 2 304")
}

// Limits: of one connection, and of all. Nothing is left without its end.
func TestLimits(t *testing.T) {
	k := newTalk(func(l *events.Limits) { l.FoldPending = 2 })
	for i := range 100 {
		k.ask(i%40, c, o, fmt.Sprint("h", i), fmt.Sprint("/", i))
	}
	k.table.Close()
	opened, over := 0, 0
	for _, l := range k.lines {
		if strings.HasPrefix(l, "open") {
			opened++
		} else {
			over++
		}
	}
	if opened != 100 || over != 100 || k.table.Limited == 0 || k.table.rest == nil || len(k.table.sites) != 32 {
		t.Errorf("%d opened, %d over, %d limited, %d sites", opened, over, k.table.Limited, len(k.table.sites))
	}
}

func TestForms(t *testing.T) {
	for target, want := range map[string]string{
		"/a?u=http://b/c":         "0 http /a?u=http://b/c",
		"http://h/a?u=http://b/c": "1 http /a?u=http://b/c",
		"HTTPS://h":               "1 https /",
		"*":                       "0 http *",
		"a:b":                     "0 http a:b",
	} {
		k := newTalk()
		var got string
		k.ask(0, c, o, "h", target)
		for _, list := range k.table.conns {
			got = fmt.Sprint(list[0].Form, " ", list[0].Scheme(), " ", list[0].Path())
		}
		if got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for url, want := range map[string]string{
		"http://www.A.test:80/x?y#z": "http www.a.test /x?y",
		"https://u:p@a.test:8443":    "https a.test:8443 /",
		"http://a.test?q":            "http a.test /?q",
		"http://[2001:db8::1]:80/":   "http [2001:db8::1] /",
	} {
		scheme, host, path, ok := Split(url)
		if got := strings.Join([]string{scheme, host, path}, " "); got != want || !ok {
			t.Errorf("%s: %s, %v; want %s", url, got, ok, want)
		}
	}
	for _, url := range []string{"", "/x", "about:blank", "ftp://a.test/", "http:///x"} {
		if _, _, _, ok := Split(url); ok {
			t.Errorf("%q is split", url)
		}
	}
}
