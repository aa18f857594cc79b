package httptransaction

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// talk is one connection made by hand. Times are in milliseconds.
type talk struct {
	evs   []*events.Event
	frame uint64
	flow  events.Flow
}

func newTalk() *talk {
	a := func(s string) events.Addr { return events.AddrOf(netip.MustParseAddr(s)) }
	return &talk{flow: events.Flow{Client: a("10.0.0.5"), Server: a("192.0.2.80"), ClientPort: 4000, ServerPort: 80, Proto: events.ProtoTCP}}
}

func ms(n float64) events.Duration   { return events.Duration(n * 1e6) }
func dur(n float64) *events.Duration { d := ms(n); return &d }
func when(n float64) events.Time     { return events.Time(1e18).Add(ms(n)) }

func (c *talk) add(at float64, from events.Dir, b events.Body) uint64 {
	c.frame++
	c.evs = append(c.evs, &events.Event{Pos: events.Pos{Frame: c.frame}, Time: when(at), Flow: c.flow, Stream: 5, From: from, Layer: "tcp/http1", Body: b})
	return c.frame
}

// open is the handshake, rtt long: frames 1 to 3.
func (c *talk) open(at, rtt float64) {
	c.add(at, events.FromClient, &events.FlowStart{})
	c.add(at+rtt, events.FromServer, &events.TCPRTT{Of: events.RTTSynAck, RTT: ms(rtt)})
	c.add(at+rtt, events.FromClient, &events.TCPRTT{Of: events.RTTAck})
}

func (c *talk) get(first, last float64, target string) uint64 {
	f := c.add(last, events.FromClient, &events.HTTPRequest{Method: "GET", Target: target, Host: "a.example", Version: "1.1", FirstFrame: c.frame + 1, FirstTime: when(first), Bytes: 100})
	return f
}

// head of a response to the request of that frame.
func (c *talk) head(first, last float64, request uint64, status int, body bool) uint64 {
	return c.add(last, events.FromServer, &events.HTTPResponse{Status: status, Version: "1.1", RequestFrame: request, FirstFrame: c.frame + 1, FirstTime: when(first), Bytes: 200, HasBody: body,
		Headers: []events.Header{{"Content-Type", "image/png"}}})
}

func (c *talk) body(at float64, request uint64, n int64) uint64 {
	return c.add(at, events.FromServer, &events.HTTPBody{Of: "response", WireBytes: n, Bytes: n, Complete: true, FirstFrame: c.frame, RequestFrame: request})
}

func (c *talk) end(at float64, why events.Ending) {
	c.add(at, events.FromServer, &events.FlowEnd{Why: why, ClientPackets: 3, ServerPackets: 3})
}

func (c *talk) rows(t testing.TB, change ...func(*events.Limits)) []*Transaction {
	t.Helper()
	l := events.DefaultLimits()
	for _, f := range change {
		f(&l)
	}
	var out []*Transaction
	for _, r := range foldtest.RowsWithin(t, Question, l, c.evs...) {
		out = append(out, r.Value.(*Transaction))
	}
	return out
}

func want(t *testing.T, got []*Transaction, want ...*Transaction) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Transaction{}, "Store")); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// SYN at 0, handshake done at 40, request 41 to 43, response 90 to 130.
func TestFirstRequestOfAConnection(t *testing.T) {
	c := newTalk()
	c.open(0, 40)
	r := c.get(41, 43, "/a.png")
	c.head(90, 91, r, 200, true)
	c.body(130, r, 5000)
	want(t, c.rows(t), &Transaction{
		Outcome: Complete, Client: "10.0.0.5:4000", Server: "192.0.2.80:80", Stream: 5, Method: "GET", URL: "http://a.example/a.png", Host: "a.example",
		Version: "1.1", Status: 200, Connection: ConnectionNew, Number: 1,
		Phases: Phases{Connect: dur(40), Idle: dur(1), Send: dur(2), Wait: dur(47), Receive: dur(40)},
		Total:  dur(130), ResponseTime: dur(87),
		RequestHeadBytes: 100, ResponseHeadBytes: 200, ResponseWireBytes: 5000, ResponseBodyBytes: 5000, ContentType: "image/png",
		RequestFirstFrame: 4, RequestFrame: 4, ResponseFirstFrame: 5, ResponseFrame: 5, ResponseEndFrame: 6,
		Frames: []uint64{1, 4, 5, 6}, Filter: "tcp.stream eq 5 && frame.number in {1..6}",
	})
}

// The second request is sent at 50, while the first response comes until 100:
// it is blocked for 50 and waits 20 more.
func TestPipelined(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	a := c.get(11, 11, "/a")
	b := c.get(50, 50, "/b")
	c.head(40, 60, a, 200, true)
	c.body(100, a, 10)
	c.head(120, 120, b, 304, false)
	got := c.rows(t)
	if len(got) != 2 || got[0].Status != 200 || got[1].Status != 304 {
		t.Fatalf("%+v", got)
	}
	v := got[1]
	if d := cmp.Diff(Phases{Send: dur(0), Blocked: dur(50), Wait: dur(20), Receive: dur(0)}, v.Phases); d != "" {
		t.Error(d)
	}
	if !v.Pipelined || v.Connection != ConnectionReused || v.Number != 2 || *v.Total != ms(70) || *v.ResponseTime != ms(70) {
		t.Errorf("%+v", v)
	}
	if got[0].Pipelined || got[0].Phases.Blocked != nil {
		t.Errorf("%+v", got[0])
	}
}

// Both requests end in one frame, both answers too.
func TestPipelinedInOneFrame(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	a := c.get(11, 11, "/a")
	c.frame--
	c.get(11, 11, "/b")
	c.head(40, 40, a, 304, false)
	c.head(41, 41, a, 304, false)
	got := c.rows(t)
	if len(got) != 2 || got[0].URL != "http://a.example/a" || got[1].URL != "http://a.example/b" || *got[1].Total != ms(30) {
		t.Fatalf("%+v", got)
	}
}

func TestReusedAfterAPause(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	a := c.get(11, 11, "/a")
	c.head(40, 40, a, 304, false)
	b := c.get(5000, 5000, "/b")
	c.head(5030, 5030, b, 304, false)
	v := c.rows(t)[1]
	if d := cmp.Diff(Phases{Send: dur(0), Blocked: dur(0), Wait: dur(30), Receive: dur(0)}, v.Phases); d != "" || v.Pipelined {
		t.Error(d)
	}
}

// Head at 20, 100 Continue at 60, body until 80, final answer at 110:
// http.time counts from the end of the request.
func TestContinue(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	r := c.add(20, events.FromClient, &events.HTTPRequest{Method: "PUT", Target: "/u", Host: "a.example", Version: "1.1", FirstFrame: 4, FirstTime: when(20), Bytes: 90, HasBody: true})
	c.add(60, events.FromServer, &events.HTTPResponse{Status: 100, Interim: true, Version: "1.1", RequestFrame: r, FirstFrame: 5, FirstTime: when(60)})
	c.add(80, events.FromClient, &events.HTTPBody{Of: "request", WireBytes: 7, Bytes: 7, Complete: true, RequestFrame: r, FirstFrame: 6})
	c.head(110, 110, r, 204, false)
	v := c.rows(t)[0]
	if d := cmp.Diff([]Interim{{Status: 100, Frame: 5, After: ms(40)}}, v.Interim); d != "" {
		t.Error(d)
	}
	if *v.Phases.Send != ms(60) || *v.Phases.Wait != ms(30) || *v.ResponseTime != ms(30) || v.RequestBodyBytes != 7 || v.RequestEndFrame != 6 || *v.Total != ms(110) || v.Early {
		t.Errorf("%+v", v)
	}
}

func TestNotAnswered(t *testing.T) {
	for _, x := range []struct {
		name    string
		end     func(*talk)
		outcome Outcome
		reason  string
	}{
		{"reset", func(c *talk) { c.end(50, events.EndReset) }, Unanswered, "the connection was reset"},
		{"capture over", func(c *talk) { c.end(50, events.EndCaptureOver) }, Undecided, "the capture ended"},
		{"lost", func(c *talk) {
			c.add(45, events.FromServer, &events.FlowGap{Bytes: 100})
			c.end(50, events.EndFIN)
		}, Undecided, "bytes of the server were not captured"},
		{"one side", func(c *talk) { c.add(50, events.FromClient, &events.FlowEnd{Why: events.EndFIN}) }, Undecided, "no packet of the server was captured"},
		{"half a response", func(c *talk) {
			c.head(30, 30, 4, 200, true)
			c.end(50, events.EndReset)
		}, Incomplete, "the response body has no end: the connection was reset"},
		{"no end", func(*talk) {}, Undecided, "the connection was still open when its row was made"},
	} {
		c := newTalk()
		c.open(0, 10)
		c.get(11, 11, "/a")
		x.end(c)
		got := c.rows(t)
		if len(got) != 1 || got[0].Outcome != x.outcome || got[0].Reason != x.reason || got[0].Total != nil || got[0].ResponseTime != nil {
			t.Errorf("%s: %+v", x.name, got)
		}
	}
}

func TestRequestNotCaptured(t *testing.T) {
	c := newTalk()
	c.add(0, events.FromClient, &events.FlowStart{Midway: true})
	c.head(30, 30, 0, 200, true)
	c.body(50, 0, 10)
	want(t, c.rows(t), &Transaction{
		Outcome: Undecided, Reason: "its request was not captured", Client: "10.0.0.5:4000", Server: "192.0.2.80:80", Stream: 5, Version: "1.1", Status: 200,
		Connection: ConnectionUndecided, Phases: Phases{Receive: dur(20)},
		ResponseHeadBytes: 200, ResponseWireBytes: 10, ResponseBodyBytes: 10, ContentType: "image/png",
		ResponseFirstFrame: 2, ResponseFrame: 2, ResponseEndFrame: 3, Frames: []uint64{2, 3}, Filter: "tcp.stream eq 5 && frame.number in {2..3}",
	})
}

// The response to /a was lost; /b is answered.
func TestResponseLostBetween(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	c.get(11, 11, "/a")
	b := c.get(12, 12, "/b")
	c.head(50, 50, b, 204, false)
	got := c.rows(t)
	if len(got) != 2 || got[0].Outcome != Undecided || got[0].URL != "http://a.example/a" || got[1].Outcome != Complete || got[1].URL != "http://a.example/b" {
		t.Fatalf("%+v", got)
	}
}

func TestStreamsInterleave(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	req := func(at float64, id uint64) uint64 {
		return c.add(at, events.FromClient, &events.HTTPRequest{HTTPStream: id, Method: "GET", Scheme: "https", Target: "/" + string(rune('a'+id)), Host: "h", Version: "2", FirstFrame: c.frame + 1, FirstTime: when(at)})
	}
	a, b := req(20, 1), req(21, 3)
	c.add(50, events.FromServer, &events.HTTPResponse{HTTPStream: 3, Status: 200, Version: "2", RequestFrame: b, FirstFrame: 6, FirstTime: when(50), HasBody: true})
	c.add(60, events.FromServer, &events.HTTPResponse{HTTPStream: 1, Status: 200, Version: "2", RequestFrame: a, FirstFrame: 7, FirstTime: when(60), HasBody: true})
	c.add(70, events.FromServer, &events.HTTPBody{HTTPStream: 3, Of: "response", RequestFrame: b, FirstFrame: 6, Complete: true})
	c.add(90, events.FromServer, &events.HTTPBody{HTTPStream: 1, Of: "response", RequestFrame: a, FirstFrame: 7, Complete: true})
	got := c.rows(t)
	if len(got) != 2 || got[0].HTTPStream != 3 || *got[0].Phases.Wait != ms(29) || *got[0].Phases.Receive != ms(20) ||
		got[1].HTTPStream != 1 || *got[1].Phases.Wait != ms(40) || got[1].Phases.Blocked != nil || *got[1].Total != ms(90) {
		t.Fatalf("%+v", got)
	}
}

func TestPendingLimit(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	for i := range 4 {
		c.get(float64(20+i), float64(20+i), "/a")
	}
	got := c.rows(t, func(l *events.Limits) { l.FoldPending = 3 })
	if len(got) != 4 || got[0].Reason != "limit fold-pending reached before its response" {
		t.Fatalf("%+v", got)
	}
}

func TestSummary(t *testing.T) {
	c := newTalk()
	c.open(0, 10)
	a := c.get(11, 11, "/slow")
	c.head(2011, 2011, a, 503, false)
	c.get(2100, 2100, "/never")
	c.end(2200, events.EndFIN)
	s := newSummary()
	for _, v := range c.rows(t) {
		s.Add(&analyzers.Row{Value: v})
	}
	sec := s.Section(false)
	if sec.Lead != "1 of 2 HTTP requests complete, 0 B of bodies; first byte after 2.00 s (median), 2.00 s (p95)." {
		t.Error(sec.Lead)
	}
	var texts []string
	for _, f := range sec.Findings {
		texts = append(texts, f.Text)
	}
	if d := cmp.Diff([]string{
		"1 HTTP request ended in a server error; slowest: GET http://a.example/slow, status 503",
		"1 of 2 HTTP requests got no response; one: GET http://a.example/never, the connection was closed",
		"1 of 2 HTTP requests waited more than 1.00 s for their first byte; longest: GET http://a.example/slow, 2.00 s",
	}, texts); d != "" {
		t.Error(d)
	}
}

func BenchmarkTransaction(b *testing.B) {
	c := newTalk()
	c.open(0, 10)
	r := c.get(11, 11, "/images/a.png")
	c.head(40, 40, r, 200, true)
	c.body(50, r, 5000)
	c.end(60, events.EndFIN)
	l := events.DefaultLimits()
	f := Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range c.evs {
			if _, ok := f.Hash(e); ok {
				f.Step(e, emit)
			}
		}
	}
}
