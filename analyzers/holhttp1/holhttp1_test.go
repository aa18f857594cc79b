package holhttp1_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp1"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

var (
	flow = foldtest.TCP(2, "10.0.0.1:49152", "10.0.0.2:80")
	http = flow.In("tcp/http1")
)

func at(d time.Duration) events.Time      { return foldtest.Start.Add(events.Duration(d)) }
func dur(d time.Duration) events.Duration { return events.Duration(d) }

func rtt(frame uint64, when, rtt time.Duration) *events.Event {
	return flow.Server(frame, when, &events.TCPRTT{Of: events.RTTSynAck, RTT: dur(rtt)})
}

func get(frame uint64, when time.Duration, target string) *events.Event {
	return http.Client(frame, when, &events.HTTPRequest{Method: "GET", Target: target, Version: "1.1", FirstFrame: frame, FirstTime: at(when)})
}

// answer is a response of bytes, from its first byte in one frame to its last
// in another.
func answer(request, firstFrame, lastFrame uint64, first, last time.Duration, bytes int64) []*events.Event {
	return []*events.Event{
		http.Server(firstFrame, first, &events.HTTPResponse{Status: 200, RequestFrame: request, FirstFrame: firstFrame, FirstTime: at(first), Bytes: 100, HasBody: true,
			Headers: []events.Header{{"Content-Length", "100"}}}),
		http.Server(lastFrame, last, &events.HTTPBody{Of: "response", RequestFrame: request, FirstFrame: firstFrame, FirstTime: at(first), WireBytes: bytes - 100, Complete: true}),
	}
}

func end(frame uint64, when time.Duration) *events.Event {
	return flow.Client(frame, when, &events.FlowEnd{Why: events.EndFIN})
}

func join(parts ...any) (out []*events.Event) {
	for _, p := range parts {
		switch p := p.(type) {
		case *events.Event:
			out = append(out, p)
		case []*events.Event:
			out = append(out, p...)
		}
	}
	return out
}

func values(rows []analyzers.Row, what holhttp1.What) map[uint32]*holhttp1.Value {
	out := map[uint32]*holhttp1.Value{}
	for _, r := range rows {
		if v, ok := r.Value.(*holhttp1.Value); ok && v.What == what {
			out[v.Number] = v
		}
	}
	return out
}

// The worked example of docs/analyses/hol.http1.md: O1 of 100 kB, O2 and O3 of 10 kB,
// asked for in one packet, 1 MB/s, the server 20 ms away. In order, they are
// whole after 100, 110 and 120 ms. Sharing the line, O2 and O3 have their
// 10 kB when all three have: after 30 ms.
func largeBeforeSmall() []*events.Event {
	return join(
		rtt(2, 20*ms, 20*ms),
		get(4, 100*ms, "/video.mp4"), get(4, 100*ms, "/b.css"), get(4, 100*ms, "/c.js"),
		answer(4, 5, 50, 120*ms, 220*ms, 100_000),
		answer(4, 50, 55, 220*ms, 230*ms, 10_000),
		answer(4, 55, 60, 230*ms, 240*ms, 10_000),
		end(70, time.Second))
}

func TestLargeBeforeSmall(t *testing.T) {
	rows := foldtest.Rows(t, holhttp1.Question, largeBeforeSmall()...)
	got := values(rows, holhttp1.Response)
	if len(got) != 2 {
		t.Fatal(foldtest.Keys(rows))
	}
	saved := []events.Duration{dur(80 * ms), dur(90 * ms)}
	video := holhttp1.Behind{Number: 1, Target: "/video.mp4", Waited: dur(100 * ms), Sending: dur(100 * ms), RequestFrame: 4, FirstFrame: 5, LastFrame: 50}
	want := map[uint32]*holhttp1.Value{
		2: {What: holhttp1.Response, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 2, Number: 2, Method: "GET", Target: "/b.css", Status: 200, Bytes: 10_000,
			Waited: dur(100 * ms), Sending: dur(100 * ms), RoundTrip: dur(20 * ms), Behind: []holhttp1.Behind{video}, Saved: &saved[0], Rate: 1e6,
			RequestFrame: 4, FirstFrame: 50, LastFrame: 55, Frames: []uint64{4, 5, 50, 55}, Filter: "tcp.stream eq 2 && frame.number in {4..55}"},
		3: {What: holhttp1.Response, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 2, Number: 3, Method: "GET", Target: "/c.js", Status: 200, Bytes: 10_000,
			Waited: dur(110 * ms), Sending: dur(110 * ms), RoundTrip: dur(20 * ms), Saved: &saved[1], Rate: 1e6,
			Behind:       []holhttp1.Behind{video, {Number: 2, Target: "/b.css", Waited: dur(10 * ms), Sending: dur(10 * ms), RequestFrame: 4, FirstFrame: 50, LastFrame: 55}},
			RequestFrame: 4, FirstFrame: 55, LastFrame: 60, Frames: []uint64{4, 5, 50, 55, 60}, Filter: "tcp.stream eq 2 && frame.number in {4..60}"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b := values(rows, holhttp1.Blocker)
	if v := b[1]; v == nil || v.Waited != dur(100*ms) || v.Responses != 2 || !cmp.Equal(v.Numbers, []uint32{2, 3}) || v.Saved == nil || *v.Saved != dur(90*ms) {
		t.Errorf("%+v", v)
	}
	if v := b[2]; v == nil || v.Waited != dur(10*ms) || v.Responses != 1 || v.Saved != nil {
		t.Errorf("%+v", v)
	}
}

func TestFinding(t *testing.T) {
	s := holhttp1.Question.Summary()
	rows := foldtest.Rows(t, holhttp1.Question, largeBeforeSmall()...)
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(true)
	if len(got.Findings) != 2 || len(got.Rows) != 2 || len(got.Rows[0]) != len(got.Columns) {
		t.Fatalf("%+v", got)
	}
	f := got.Findings[0]
	if f.Text != "objects 2, 3 of stream 2 waited 100 ms behind /video.mp4: HTTP/1.1 order; HTTP/2 would have saved 90.0 ms" ||
		f.Filter != "tcp.stream eq 2 && http" || f.Severity != analyzers.Warn {
		t.Errorf("%+v", f)
	}
}

// O1 takes the server 60 ms to make: O2 waits for that, too. It could have
// begun 20 ms after its request, as seen here.
func TestSlowToMake(t *testing.T) {
	rows := foldtest.Rows(t, holhttp1.Question, join(
		rtt(2, 20*ms, 20*ms),
		get(4, 100*ms, "/slow"), get(5, 110*ms, "/b"),
		answer(4, 6, 7, 180*ms, 190*ms, 10_000),
		answer(5, 7, 8, 190*ms, 200*ms, 10_000),
		end(9, time.Second))...)
	v := values(rows, holhttp1.Response)[2]
	if v == nil || v.Waited != dur(60*ms) || v.Making != dur(50*ms) || v.Sending != dur(10*ms) || v.Turn != 0 {
		t.Fatalf("%+v", v)
	}
	// Sharing, O2 would be sent from 130 on, at 1 MB/s, while O1 is made.
	if *v.Saved != dur(60*ms) {
		t.Errorf("saved %v", v.Saved.Std())
	}
}

// O2 has its turn at 190 and comes at 390: it was not ready. It did wait by
// the definition, but nothing says that another order would have helped.
func TestNotReady(t *testing.T) {
	rows := foldtest.Rows(t, holhttp1.Question, join(
		rtt(2, 20*ms, 20*ms),
		get(4, 100*ms, "/slow"), get(4, 100*ms, "/b"),
		answer(4, 6, 7, 180*ms, 190*ms, 10_000),
		answer(4, 8, 9, 390*ms, 400*ms, 10_000),
		end(10, time.Second))...)
	v := values(rows, holhttp1.Response)[2]
	if v == nil || v.Waited != dur(70*ms) || v.Making != dur(60*ms) || v.Turn != dur(200*ms) || *v.Saved != 0 {
		t.Errorf("%+v", v)
	}
}

// Requests one after the other never wait; neither do streams of HTTP/2.
func TestNoPipelining(t *testing.T) {
	h2 := get(11, 300*ms, "/a")
	h2.Body.(*events.HTTPRequest).HTTPStream = 1
	rows := foldtest.Rows(t, holhttp1.Question, join(
		rtt(2, 20*ms, 20*ms),
		get(4, 100*ms, "/a"), answer(4, 5, 6, 120*ms, 200*ms, 10_000),
		get(7, 210*ms, "/b"), answer(7, 8, 9, 230*ms, 240*ms, 10_000),
		h2, end(12, time.Second))...)
	if len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
}

// The request for O2 is seen while O1 is being sent: it can have begun only a
// round trip later, and without that waited nothing.
func TestRoundTripCovers(t *testing.T) {
	evs := join(get(4, 100*ms, "/a"), get(6, 190*ms, "/b"),
		answer(4, 5, 7, 120*ms, 200*ms, 10_000),
		answer(6, 8, 9, 210*ms, 220*ms, 10_000), end(10, time.Second))
	rows := foldtest.Rows(t, holhttp1.Question, join(rtt(2, 20*ms, 20*ms), evs)...)
	if len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
	// Joined midway, the round trip is not known: 10 ms at most.
	rows = foldtest.Rows(t, holhttp1.Question, evs...)
	if v := values(rows, holhttp1.Response)[2]; v == nil || v.Waited != dur(10*ms) || !v.AtMost {
		t.Errorf("%+v", v)
	}
}

// Of a connection with one direction captured nothing is said but that.
func TestServerOnly(t *testing.T) {
	rows := foldtest.Rows(t, holhttp1.Question, join(
		answer(0, 5, 50, 120*ms, 220*ms, 100_000), answer(0, 50, 55, 220*ms, 230*ms, 10_000), end(70, time.Second))...)
	v := foldtest.Value[*holhttp1.Value](t, rows, "tcp:2")
	if len(rows) != 1 || v.What != holhttp1.Connection || v.Responses != 2 || !strings.HasPrefix(v.Undecided, "requests were not captured") {
		t.Errorf("%+v", v)
	}
	rows = foldtest.Rows(t, holhttp1.Question, get(4, 100*ms, "/a"), get(4, 100*ms, "/b"), end(70, time.Second))
	if len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
}

// Nothing says how long O1 is, and O2 follows it all the same.
func TestWithoutLength(t *testing.T) {
	evs := largeBeforeSmall()
	evs[4].Body.(*events.HTTPResponse).Headers = nil
	rows := foldtest.Rows(t, holhttp1.Question, evs...)
	v := foldtest.Value[*holhttp1.Value](t, rows, "tcp:2")
	if len(rows) != 1 || v.Responses != 1 || !strings.HasPrefix(v.Undecided, "responses without a length") || !cmp.Equal(v.Frames, []uint64{5, 50}) {
		t.Errorf("%+v", v)
	}
}

func TestEncrypted(t *testing.T) {
	tls := flow.In("tcp/tls")
	for name, c := range map[string]struct {
		hello *events.Event
		rows  int
	}{
		"client offers HTTP/1.1 only": {tls.Client(4, 10*ms, &events.TLSClientHello{ALPN: []string{"http/1.1"}}), 1},
		"client offers both":          {tls.Client(4, 10*ms, &events.TLSClientHello{ALPN: []string{"h2", "http/1.1"}}), 0},
		"server chooses HTTP/1.1":     {tls.Server(5, 10*ms, &events.TLSServerHello{ALPN: "http/1.1"}), 1},
		"server chooses HTTP/2":       {tls.Server(5, 10*ms, &events.TLSServerHello{ALPN: "h2"}), 0},
	} {
		rows := foldtest.Rows(t, holhttp1.Question, c.hello, end(9, time.Second))
		if len(rows) != c.rows {
			t.Errorf("%s: %q", name, foldtest.Keys(rows))
		}
		if c.rows == 1 && !strings.HasPrefix(rows[0].Value.(*holhttp1.Value).Undecided, "encrypted") {
			t.Errorf("%s: %+v", name, rows[0].Value)
		}
	}
}

// A response that was lost does not stop those behind it, and with a limit of
// two the third is not followed.
func TestLostAndLimit(t *testing.T) {
	rows := foldtest.Rows(t, holhttp1.Question, join(
		rtt(2, 20*ms, 20*ms),
		get(4, 100*ms, "/a"), get(5, 100*ms, "/b"), get(6, 100*ms, "/c"),
		answer(4, 7, 8, 120*ms, 150*ms, 10_000),
		answer(6, 9, 10, 170*ms, 180*ms, 10_000), end(11, time.Second))...)
	if v := values(rows, holhttp1.Response); len(v) != 1 || v[3].Waited != dur(30*ms) || v[3].Turn != dur(20*ms) {
		t.Errorf("%+v", v)
	}
	l := events.DefaultLimits()
	l.FoldPending = 2
	rows = foldtest.RowsWithin(t, holhttp1.Question, l, largeBeforeSmall()...)
	v := values(rows, holhttp1.Response)
	if len(v) != 1 || v[2] == nil || !v[2].Limited {
		t.Errorf("%+v", v)
	}
}

// A connection with ten exchanges, pipelined and not.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name string
		ask  func(i int) time.Duration
	}{
		{"one after the other", func(i int) time.Duration { return time.Duration(100*i) * ms }},
		{"pipelined", func(int) time.Duration { return 0 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			evs := []*events.Event{rtt(1, ms, ms)}
			for i := range 10 {
				evs = append(evs, get(uint64(10+i), c.ask(i), "/a"))
				if c.ask(1) > 0 {
					evs = append(evs, answer(uint64(10+i), uint64(100+i), uint64(101+i), time.Duration(100*i+10)*ms, time.Duration(100*i+20)*ms, 10_000)...)
				}
			}
			for i := 0; c.ask(1) == 0 && i < 10; i++ {
				evs = append(evs, answer(uint64(10+i), uint64(100+i), uint64(101+i), time.Duration(100*i+10)*ms, time.Duration(100*i+110)*ms, 10_000)...)
			}
			l := events.DefaultLimits()
			r := holhttp1.Question.New(analyzers.Options{Limits: &l})
			out := func(analyzers.Row) {}
			b.ReportAllocs()
			for i := 0; i < b.N; i += len(evs) {
				for _, e := range evs {
					r.Step(e, out)
				}
			}
		})
	}
}
