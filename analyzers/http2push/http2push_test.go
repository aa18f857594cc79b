package http2push_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/http2push"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

// conn is a connection made by hand: each call is one packet, 10 ms after the
// one before.
type conn struct {
	talk   foldtest.Talk
	evs    []*events.Event
	frame  uint64
	asked  map[uint64]uint64 // frame of the request, by stream
	silent bool              // the client's side is not captured
}

func newConn() *conn {
	return &conn{talk: foldtest.TCP(5, "10.0.0.1:49152", "10.0.0.2:80").In("tcp/http2"), asked: map[uint64]uint64{}}
}

func (c *conn) say(from events.Dir, bs ...events.Body) {
	c.frame++
	for _, b := range bs {
		at := time.Duration(c.frame) * 10 * ms
		switch {
		case from == events.FromServer:
			c.evs = append(c.evs, c.talk.Server(c.frame, at, b))
		case !c.silent:
			c.evs = append(c.evs, c.talk.Client(c.frame, at, b))
		}
	}
}

func request(id uint64, target string, hs ...events.Header) *events.HTTPRequest {
	return &events.HTTPRequest{HTTPStream: id, Method: "GET", Target: target, Scheme: "http", Host: "a.test", Version: "2", Headers: hs}
}

func (c *conn) get(id uint64, target string, hs ...events.Header) {
	c.say(events.FromClient, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: id, Flags: []string{"END_STREAM", "END_HEADERS"}}, request(id, target, hs...))
	c.asked[id] = c.frame
}

func (c *conn) promise(parent, id uint64, target string) {
	c.say(events.FromServer, &events.HTTP2Frame{Type: "PUSH_PROMISE", HTTPStream: parent, PromisedStream: id, Flags: []string{"END_HEADERS"}}, request(id, target))
	c.asked[id] = c.frame
}

func (c *conn) head(id uint64, hs ...events.Header) {
	c.say(events.FromServer, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: id, Flags: []string{"END_HEADERS"}},
		&events.HTTPResponse{HTTPStream: id, Status: 200, Version: "2", Headers: hs, HasBody: true, RequestFrame: c.asked[id]})
}

func (c *conn) data(id uint64, n uint32) {
	c.say(events.FromServer, &events.HTTP2Frame{Type: "DATA", HTTPStream: id, Length: n})
}

// end is the last DATA of a stream; a document: what a page or style sheet says.
func (c *conn) end(id uint64, n uint32, document ...string) {
	bs := []events.Body{&events.HTTP2Frame{Type: "DATA", HTTPStream: id, Length: n, Flags: []string{"END_STREAM"}}}
	if len(document) > 0 {
		bs = append(bs, &events.HTTPDocument{HTTPStream: id, ContentType: document[0], Bytes: []byte(document[1]), Whole: true})
	}
	c.say(events.FromServer, append(bs, &events.HTTPBody{HTTPStream: id, Of: "response", Complete: true})...)
}

func (c *conn) rows(t *testing.T) []analyzers.Row {
	t.Helper()
	c.say(events.FromServer, &events.FlowEnd{Why: events.EndFIN})
	return foldtest.Rows(t, http2push.Question, c.evs...)
}

func byStream(rows []analyzers.Row) map[uint64]*http2push.Value {
	out := map[uint64]*http2push.Value{}
	for _, r := range rows {
		if v, ok := r.Value.(*http2push.Value); ok {
			out[v.HTTPStream] = v
		}
	}
	return out
}

const nextPage = `<link rel=stylesheet href=/a.css><img src=/c.png>`

var hour = events.Header{"cache-control", "max-age=3600"}

// The worked example of docs/analyses/http2.push.md.
func example() *conn {
	c := newConn()
	c.get(1, "/")                                                                                        // 1
	c.promise(1, 2, "/a.css")                                                                            // 2
	c.promise(1, 4, "/b.js")                                                                             // 3
	c.promise(1, 6, "/c.png")                                                                            // 4
	c.head(1)                                                                                            // 5
	c.end(1, 300, "text/html; charset=utf-8", nextPage)                                                  // 6
	c.head(2, hour)                                                                                      // 7
	c.end(2, 1000, "text/css", "p{}")                                                                    // 8
	c.head(4)                                                                                            // 9
	c.end(4, 2000)                                                                                       // 10
	c.head(6)                                                                                            // 11
	c.data(6, 500)                                                                                       // 12
	c.say(events.FromClient, &events.HTTP2Frame{Type: "RST_STREAM", HTTPStream: 6, ErrorCode: "CANCEL"}) // 13
	c.get(3, "/next")                                                                                    // 14
	c.promise(3, 8, "/a.css")                                                                            // 15
	c.head(8, hour)                                                                                      // 16
	c.end(8, 1000)                                                                                       // 17
	return c
}

func TestExample(t *testing.T) {
	rows := example().rows(t)
	got := byStream(rows)
	if len(got) != 4 {
		t.Fatal(foldtest.Keys(rows))
	}
	want := &http2push.Value{Outcome: http2push.Used, Evidence: http2push.Named, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 5, HTTPStream: 2,
		ForStream: 1, ForTarget: "/", Method: "GET", URL: "http://a.test/a.css", Status: 200, Bytes: 1000, Complete: true, Duration: events.Duration(60 * ms),
		PromiseFrame: 2, LastFrame: 8, Frames: []uint64{2, 6, 8}, Filter: "tcp.stream eq 5 && (http2.streamid == 2 || http2.push_promise.promised_stream_id == 2)"}
	if d := cmp.Diff(want, got[2]); d != "" {
		t.Error(d)
	}
	if v := got[4]; v.Outcome != "" || v.Undecided != "nothing that was seen names it: a script may have used it" || v.Wasted != 0 {
		t.Errorf("%+v", v)
	}
	if v := got[6]; v.Outcome != http2push.Unused || v.Evidence != http2push.Refused || v.Refused != "CANCEL" || v.Wasted != 500 || !cmp.Equal(v.Frames, []uint64{4, 12, 13}) {
		t.Errorf("%+v", v)
	}
	if v := got[8]; v.Outcome != http2push.Cached || v.Evidence != http2push.HadIt || v.Wasted != 1000 || v.ForTarget != "/next" || !cmp.Equal(v.Frames, []uint64{8, 15, 17}) {
		t.Errorf("%+v", v)
	}
	s := http2push.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	sec := s.Section(true)
	if len(sec.Findings) != 1 || sec.Findings[0].Text != "10.0.0.2:80 pushed 1.50 kB in vain on stream 5; the largest, http://a.test/a.css, was already there" || sec.Findings[0].Severity != analyzers.Note {
		t.Errorf("%+v", sec.Findings)
	}
	if len(sec.Rows) != 4 || sec.Lead != "4 pushes over HTTP/2 (4.50 kB): 1 used, 1 unused, 1 of what the client had already; 1.50 kB in vain; 1 undecided." {
		t.Errorf("%q", sec.Lead)
	}
}

// One push of /a.css, that may be kept for no time, and what happens then.
func TestOutcomes(t *testing.T) {
	whole := func(c *conn) { c.head(2); c.end(2, 1000) }
	for name, x := range map[string]struct {
		before, then func(*conn)
		silent       bool
		outcome      http2push.Outcome
		evidence     http2push.Evidence
		undecided    bool
	}{
		"asked again":                   {then: func(c *conn) { whole(c); c.get(3, "/a.css") }, outcome: http2push.Unused, evidence: http2push.AskedAgain},
		"asked again, with a condition": {then: func(c *conn) { whole(c); c.get(3, "/a.css", events.Header{"if-none-match", `"x"`}) }, undecided: true},
		"referer":                       {then: func(c *conn) { whole(c); c.get(3, "/font", events.Header{"referer", "http://a.test/a.css"}) }, outcome: http2push.Used, evidence: http2push.Referer},
		"not whole":                     {then: func(c *conn) { c.head(2); c.data(2, 10) }, undecided: true},
		"client not captured":           {then: whole, silent: true, undecided: true},
		"had it, not to be kept":        {before: func(c *conn) { c.get(7, "/a.css"); c.head(7); c.end(7, 1000) }, then: whole, undecided: true},
		"had it, and refused": {before: func(c *conn) { c.get(7, "/a.css"); c.head(7, hour); c.end(7, 1000) }, then: func(c *conn) {
			c.say(events.FromClient, &events.HTTP2Frame{Type: "RST_STREAM", HTTPStream: 2, ErrorCode: "REFUSED_STREAM"})
		}, outcome: http2push.Cached, evidence: http2push.HadIt},
		"had it no longer": {before: func(c *conn) {
			c.get(7, "/a.css")
			c.head(7, events.Header{"cache-control", "max-age=1"})
			c.end(7, 1000)
			c.frame += 200 // 2 s
		}, then: whole, undecided: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConn()
			c.silent = x.silent
			c.get(1, "/")
			if x.before != nil {
				x.before(c)
			}
			c.promise(1, 2, "/a.css")
			x.then(c)
			v := byStream(c.rows(t))[2]
			if v == nil || v.Outcome != x.outcome || v.Evidence != x.evidence || (v.Undecided != "") != x.undecided {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A promise whose header block could not be read, a client that takes no
// pushes, and a limit.
func TestUnreadOffAndLimit(t *testing.T) {
	c := newConn()
	c.get(1, "/")
	c.say(events.FromServer, &events.HTTP2Frame{Type: "PUSH_PROMISE", HTTPStream: 1, PromisedStream: 2, Undecodable: true})
	c.end(2, 10)
	if v := byStream(c.rows(t))[2]; v == nil || v.Undecided != "what was promised could not be read" {
		t.Errorf("%+v", v)
	}
	c = newConn()
	c.say(events.FromClient, &events.HTTP2Frame{Type: "SETTINGS", Settings: []events.HTTP2Setting{{Name: "ENABLE_PUSH"}}})
	c.get(1, "/")
	c.end(1, 10)
	if rows := c.rows(t); len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
	l := events.DefaultLimits()
	l.FoldPending = 2
	c = example()
	c.say(events.FromServer, &events.FlowEnd{Why: events.EndFIN})
	got := byStream(foldtest.RowsWithin(t, http2push.Question, l, c.evs...))
	if len(got) != 2 || !got[2].Limited {
		t.Errorf("%+v", got)
	}
}

func BenchmarkStep(b *testing.B) {
	c := newConn()
	c.get(1, "/")
	c.head(1)
	for range 4096 {
		c.data(1, 1000)
	}
	l := events.DefaultLimits()
	b.ReportAllocs()
	for i := 0; i < b.N; {
		r := http2push.Question.New(analyzers.Options{Limits: &l})
		for _, e := range c.evs {
			r.Step(e, func(analyzers.Row) {})
			i++
		}
	}
}
