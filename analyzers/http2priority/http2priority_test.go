package http2priority_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/http2priority"
	"github.com/wiretale/wiretale/events"
)

// conn is a connection made by hand: each call is one packet, 10 ms after the
// one before.
type conn struct {
	talk  foldtest.Talk
	evs   []*events.Event
	frame uint64
}

func newConn() *conn {
	return &conn{talk: foldtest.TCP(5, "10.0.0.1:49152", "10.0.0.2:80").In("tcp/http2")}
}

func (c *conn) say(from events.Dir, bs ...events.Body) {
	c.frame++
	at := time.Duration(c.frame) * 10 * time.Millisecond
	for _, b := range bs {
		if f, ok := b.(*events.HTTP2Frame); ok {
			f.FirstTime = foldtest.Start.Add(events.Duration(at))
		}
		if from == events.FromServer {
			c.evs = append(c.evs, c.talk.Server(c.frame, at, b))
		} else {
			c.evs = append(c.evs, c.talk.Client(c.frame, at, b))
		}
	}
}

// tree asks with a dependency, weight 0: without.
func (c *conn) tree(id uint64, target string, parent uint64, weight int) {
	c.say(events.FromClient, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: id, DependsOn: parent, Weight: weight},
		&events.HTTPRequest{HTTPStream: id, Method: "GET", Target: target})
}

func (c *conn) field(id uint64, v string) {
	r := &events.HTTPRequest{HTTPStream: id, Method: "GET", Target: "/"}
	if v != "" {
		r.Headers = []events.Header{{"priority", v}}
	}
	c.say(events.FromClient, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: id}, r)
}

func (c *conn) head(id uint64) {
	c.say(events.FromServer, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: id, Flags: []string{"END_HEADERS"}})
}

func (c *conn) data(id uint64, n uint32, flags ...string) {
	c.say(events.FromServer, &events.HTTP2Frame{Type: "DATA", HTTPStream: id, Length: n, Flags: flags, WindowsKnown: true, StreamWindow: 1 << 20, ConnectionWindow: 1 << 20})
}

func (c *conn) value(t *testing.T) *http2priority.Value {
	t.Helper()
	c.say(events.FromServer, &events.FlowEnd{Why: events.EndFIN})
	rows := foldtest.Rows(t, http2priority.Question, c.evs...)
	if len(rows) == 0 {
		return nil
	}
	return foldtest.Value[*http2priority.Value](t, rows, "tcp:5")
}

const end = "END_STREAM"

// The worked example of docs/analyses/http2.priority.md.
func example() *conn {
	c := newConn()
	c.tree(1, "/large", 3, 16) // 1
	c.tree(3, "/style", 0, 256)
	c.head(1)
	c.data(1, 10_000) // alone
	c.head(3)
	c.data(1, 10_000) // 6: unsure
	c.data(3, 5_000)  // kept
	c.data(1, 10_000) // 8: against
	c.data(3, 5_000)  // kept
	c.data(3, 0, end)
	c.data(1, 20_000) // alone
	c.data(1, 0, end)
	return c
}

func TestExample(t *testing.T) {
	half := 0.5
	want := &http2priority.Value{Verdict: http2priority.Ignored, Share: &half, Scheme: http2priority.RFC7540, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 5,
		Signals: 2, Kept: 10_000, Against: 10_000, Unsure: 10_000, Count: 2, Frames: []uint64{1, 2, 8}, Filter: "tcp.stream eq 5 && http2",
		Responses: []http2priority.Response{
			{HTTPStream: 3, Target: "/style", Priority: "weight 256, depends on 0", Bytes: 10_000, Complete: true},
			{HTTPStream: 1, Target: "/large", Priority: "weight 16, depends on 3", Bytes: 50_000, Complete: true}}}
	if d := cmp.Diff(want, example().value(t)); d != "" {
		t.Error(d)
	}
}

// Two streams under way take turns: 1 1000, 3 1000, 1 1000, 3 1000, and both
// end. Of the frames between, 3's first is followed by one of 1, and 1's
// second by one of 3.
func turns(ask func(*conn)) *conn {
	c := newConn()
	ask(c)
	c.head(1)
	c.head(3)
	for range 2 {
		c.data(1, 1000)
		c.data(3, 1000)
	}
	c.data(1, 0, end)
	c.data(3, 0, end)
	return c
}

func TestSchemes(t *testing.T) {
	for name, x := range map[string]struct {
		ask                   func(*conn)
		kept, against, unsure int64
		scheme                http2priority.Scheme
		none                  bool
	}{
		"nothing told": {ask: func(c *conn) { c.tree(1, "/", 0, 0); c.tree(3, "/", 0, 0) }, none: true},
		"by weight":    {ask: func(c *conn) { c.tree(1, "/", 0, 1); c.tree(3, "/", 0, 256) }, scheme: http2priority.RFC7540},
		// 3 first: 1's first is unsure, 3's first was kept, 1's second against.
		"urgency": {ask: func(c *conn) { c.field(1, ""); c.field(3, "u=1") }, kept: 1000, against: 1000, unsure: 1000, scheme: http2priority.RFC9218},
		// 1 first, by number: 3's first against, 1's second kept.
		"same urgency":     {ask: func(c *conn) { c.field(1, "u=2"); c.field(3, "u=2") }, kept: 1000, against: 1000, scheme: http2priority.RFC9218},
		"both incremental": {ask: func(c *conn) { c.field(1, "u=2, i"); c.field(3, "i;x=1 , u=2") }, scheme: http2priority.RFC9218},
		"update": {ask: func(c *conn) {
			c.field(1, "u=2, i")
			c.field(3, "u=2, i")
			c.say(events.FromClient, &events.HTTP2Frame{Type: "PRIORITY_UPDATE", PrioritizedStream: 3, Value: "u=0"})
		}, kept: 1000, against: 1000, unsure: 1000, scheme: http2priority.RFC9218},
		"exclusive": {ask: func(c *conn) {
			c.tree(1, "/", 0, 16)
			c.say(events.FromClient, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: 3, Weight: 16, Exclusive: true}, &events.HTTPRequest{HTTPStream: 3})
		}, kept: 1000, against: 1000, unsure: 1000, scheme: http2priority.RFC7540},
	} {
		t.Run(name, func(t *testing.T) {
			v := turns(x.ask).value(t)
			if x.none {
				if v != nil {
					t.Errorf("%+v", v)
				}
				return
			}
			if v == nil || v.Scheme != x.scheme || v.Kept != x.kept || v.Against != x.against || v.Unsure != x.unsure || (v.Undecided != "") != (x.kept == 0) {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestGapAndServerMissing(t *testing.T) {
	c := example()
	c.say(events.FromServer, &events.FlowGap{})
	if v := c.value(t); v.Undecided != "bytes of the connection were not captured" || v.Verdict != "" {
		t.Errorf("%+v", v)
	}
	c = newConn()
	c.tree(1, "/", 0, 16)
	if v := c.value(t); v.Undecided != "no response was captured" {
		t.Errorf("%+v", v)
	}
}

func TestFinding(t *testing.T) {
	rows := foldtest.Rows(t, http2priority.Question, example().evs...)
	s := http2priority.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(false)
	if len(got.Findings) != 1 || got.Findings[0].Severity != analyzers.Note || len(got.Rows[0]) != len(got.Columns) {
		t.Errorf("%+v", got)
	}
}

func BenchmarkStep(b *testing.B) {
	c := example()
	l := events.DefaultLimits()
	b.ReportAllocs()
	for i := 0; i < b.N; {
		r := http2priority.Question.New(analyzers.Options{Limits: &l})
		for _, e := range c.evs {
			r.Step(e, func(analyzers.Row) {})
			i++
		}
	}
}
