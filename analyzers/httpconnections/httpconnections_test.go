package httpconnections

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// talk is one client and one server, made by hand. Times are in milliseconds,
// sizes in bytes.
type talk struct {
	evs   []*events.Event
	frame uint64
}

func ms(n float64) events.Duration { return events.Duration(n * 1e6) }
func when(n float64) events.Time   { return events.Time(1e18).Add(ms(n)) }
func ptr(v float64) *float64       { return &v }

func (c *talk) add(stream uint32, at float64, side events.Dir, b events.Body) uint64 {
	c.frame++
	a := func(s string) events.Addr { return events.AddrOf(netip.MustParseAddr(s)) }
	c.evs = append(c.evs, &events.Event{
		Pos: events.Pos{Frame: c.frame}, Time: when(at), Stream: stream, From: side, Layer: "tcp/http1", Body: b,
		Flow: events.Flow{Client: a("10.0.0.5"), Server: a("192.0.2.80"), ClientPort: 4000 + uint16(stream), ServerPort: 80, Proto: events.ProtoTCP},
	})
	return c.frame
}

// open is a handshake: server side s, client side 0 (capture at the client).
func (c *talk) open(stream uint32, at, rtt float64) {
	c.add(stream, at, events.FromClient, &events.FlowStart{})
	c.add(stream, at+rtt, events.FromServer, &events.TCPRTT{Of: events.RTTSynAck, RTT: ms(rtt)})
	c.add(stream, at+rtt, events.FromClient, &events.TCPRTT{Of: events.RTTAck})
}

func (c *talk) get(stream uint32, at float64, hs ...events.Header) uint64 {
	return c.add(stream, at, events.FromClient, &events.HTTPRequest{Method: "GET", Target: "/", Host: "A.example", Version: "1.1", FirstTime: when(at), FirstFrame: c.frame + 1, Headers: hs})
}

// answer is a response of 1000 bytes (head 200) between first and last.
func (c *talk) answer(stream uint32, first, last float64, request uint64, hs ...events.Header) {
	c.add(stream, first, events.FromServer, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: request, FirstTime: when(first), FirstFrame: c.frame + 1, Bytes: 200, HasBody: true, Headers: hs})
	c.add(stream, last, events.FromServer, &events.HTTPBody{Of: "response", RequestFrame: request, WireBytes: 800, Bytes: 800, Complete: true})
}

func (c *talk) end(stream uint32, at float64) {
	c.add(stream, at, events.FromServer, &events.FlowEnd{Why: events.EndFIN})
}

func (c *talk) rows(t testing.TB) []*Usage {
	t.Helper()
	l := events.DefaultLimits()
	var out []*Usage
	for _, r := range foldtest.RowsWithin(t, Question, l, c.evs...) {
		out = append(out, r.Value.(*Usage))
	}
	return out
}

func (c *talk) one(t *testing.T) *Usage {
	t.Helper()
	rows := c.rows(t)
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	return rows[0]
}

// RTT 100 ms. Object 1: SYN at 0, last byte at 210: 2.1 RTTs. Object 2: SYN at
// 300, last byte at 510: 2.1 RTTs. Each 1000 bytes, received in 10 ms: R =
// 100,000 bytes a second, L/R = 10 ms.
func TestNonPersistent(t *testing.T) {
	c := &talk{}
	for i := range 2 {
		at := float64(300 * i)
		s := uint32(i)
		c.open(s, at, 100)
		r := c.get(s, at+100, events.Header{"Connection", "close"})
		c.answer(s, at+200, at+210, r)
		c.end(s, at+211)
	}
	rtt := ms(100)
	want := &Usage{
		Client: "10.0.0.5", Server: "192.0.2.80", Site: "a.example", Mode: NonPersistent, Parallel: 1,
		Objects: 2, Complete: 2, Connections: 2, ObjectsPerConnection: 1, RTT: &rtt, RTTFrom: "handshake",
		RTTsPerObject: &PerObject{Mean: 2.1, Median: 2.1, Min: 2.1, Max: 2.1, Count: 2, Opened: ptr(2.1)},
		Busy:          ms(420), BusyRTTs: 2.1, MeanBytes: 1000, Rate: 100_000,
		Model: []Model{
			{"non-persistent", "N*(2*RTT + L/R)", ms(420), 2.1},
			{"persistent", "2*RTT + L/R + n*(RTT + L/R)", ms(320), 1.6},
			{"pipelined", "3*RTT + L/R + n*L/R", ms(320), 1.6},
			{"non-persistent, k parallel", "2*RTT + L/R + ceil(n/k)*2*RTT + n*L/R", ms(420), 2.1},
			{"persistent, k parallel", "2*RTT + L/R + (ceil(n/k) + 1)*RTT + n*L/R", ms(320), 1.6},
		},
		Frames: []uint64{4, 11}, Filter: "tcp.stream in {0, 1} && http",
	}
	if d := cmp.Diff(want, c.one(t)); d != "" {
		t.Error(d)
	}
}

// Three objects on one connection: 2.1 RTTs, then 1.1 and 1.1.
func TestPersistent(t *testing.T) {
	c := &talk{}
	c.open(0, 0, 100)
	for _, at := range []float64{100, 1000, 2000} {
		r := c.get(0, at)
		c.answer(0, at+100, at+110, r)
	}
	v := c.one(t)
	want := &PerObject{Mean: 4.3 / 3, Median: 1.1, Min: 1.1, Max: 2.1, Count: 3, Opened: ptr(2.1), Reused: ptr(1.1)}
	if d := cmp.Diff(want, v.RTTsPerObject); d != "" {
		t.Error(d)
	}
	if v.Mode != Persistent || v.Busy != ms(430) || v.ConnectionsReused != 1 || v.ObjectsPerConnection != 3 || v.Model[1].Total != ms(430) {
		t.Errorf("%+v", v)
	}
}

func TestPipelined(t *testing.T) {
	c := &talk{}
	c.open(0, 0, 100)
	a := c.get(0, 100)
	b := c.get(0, 101)
	c.answer(0, 200, 210, a)
	c.answer(0, 210, 220, b)
	v := c.one(t)
	if v.Mode != Pipelined || v.PipelinedRequests != 1 || v.Busy != ms(220) || v.Parallel != 1 {
		t.Errorf("%+v", v)
	}
}

// Two connections, opened at once, two objects each.
func TestParallel(t *testing.T) {
	c := &talk{}
	c.open(0, 0, 100)
	c.open(1, 0, 100)
	for _, at := range []float64{100, 220} {
		a := c.get(0, at)
		b := c.get(1, at)
		c.answer(0, at+100, at+110, a)
		c.answer(1, at+100, at+120, b)
	}
	v := c.one(t)
	// 0 to 340: the second round begins when the first is over.
	if v.Mode != Persistent || v.Parallel != 2 || v.Busy != ms(340) || v.ConnectionsReused != 2 {
		t.Errorf("%+v", v)
	}
}

func TestOneObjectShowsNothing(t *testing.T) {
	c := &talk{}
	c.open(0, 0, 100)
	r := c.get(0, 100)
	c.answer(0, 200, 210, r)
	if v := c.one(t); v.Mode != ModeUndecided || v.Reason == "" || v.RTTsPerObject.Mean != 2.1 {
		t.Errorf("%+v", v)
	}
}

// Joined midway: the RTT is the sum of the least samples of both sides.
func TestRTTFromData(t *testing.T) {
	for _, both := range []bool{true, false} {
		c := &talk{}
		c.add(0, 0, events.FromClient, &events.FlowStart{Midway: true})
		c.add(0, 10, events.FromServer, &events.TCPRTT{Of: events.RTTData, RTT: ms(90)})
		c.add(0, 10, events.FromServer, &events.TCPRTT{Of: events.RTTData, RTT: ms(95)})
		if both {
			c.add(0, 11, events.FromClient, &events.TCPRTT{Of: events.RTTData, RTT: ms(10)})
		}
		r := c.get(0, 100)
		c.answer(0, 200, 210, r)
		v := c.one(t)
		if both {
			if v.RTTFrom != "data" || *v.RTT != ms(100) || v.RTTsPerObject.Mean != 1.1 || v.RTTsPerObject.Opened != nil {
				t.Errorf("%+v", v)
			}
		} else if v.RTTFrom != "undecided" || v.RTT != nil || v.RTTsPerObject != nil || v.Model != nil {
			t.Errorf("%+v", v)
		}
	}
}

// A response that was lost in a gap does not make the next request pipelined.
func TestLostResponse(t *testing.T) {
	c := &talk{}
	c.open(0, 0, 100)
	c.get(0, 100)
	c.add(0, 200, events.FromServer, &events.FlowGap{Bytes: 1000})
	b := c.get(0, 300)
	c.answer(0, 400, 410, b)
	if v := c.one(t); v.Mode != Persistent || v.Complete != 1 || v.Objects != 2 || v.Busy != ms(410) {
		t.Errorf("%+v", v)
	}
}

// The book's figures for the models: RTT 1 s, L/R 0.1 s, 11 objects (a page
// and ten images), 5 connections.
func TestModels(t *testing.T) {
	want := []float64{11 * 2.1, 2.1 + 10*1.1, 2.1 + 1 + 10*0.1, 2.1 + 2*2 + 10*0.1, 2.1 + 3 + 10*0.1}
	for i, m := range models(11, 5, 1, 100, 1000) {
		if m.Total != ms(want[i]*1000) {
			t.Errorf("%s: %v, want %v s", m.Mode, m.Total.Std(), want[i])
		}
	}
	for _, m := range models(1, 1, 1, 100, 0) { // one object costs the same in every mode
		if m.Total != ms(2000) {
			t.Errorf("%s: %v", m.Mode, m.Total.Std())
		}
	}
}

func TestSummary(t *testing.T) {
	c := &talk{}
	for i := range 4 {
		at := float64(300 * i)
		s := uint32(i)
		c.open(s, at, 100)
		r := c.get(s, at+100, events.Header{"Connection", "keep-alive, Close"})
		c.answer(s, at+200, at+210, r)
		c.end(s, at+211)
	}
	s := newSummary()
	for _, v := range c.rows(t) {
		s.Add(&analyzers.Row{Key: "k", Value: v})
	}
	sec := s.Section(false)
	if sec.Lead != "4 objects on 4 connections; non-persistent: 1 (client and site)." {
		t.Error(sec.Lead)
	}
	want := "10.0.0.5 fetched 4 objects from a.example on 4 connections, one each: about 300 ms of handshakes that a persistent connection would save"
	if len(sec.Findings) != 1 || sec.Findings[0].Text != want || sec.Findings[0].Weight != 0.3 {
		t.Errorf("%+v", sec.Findings)
	}
}

func BenchmarkStep(b *testing.B) {
	c := &talk{}
	c.open(0, 0, 100)
	r := c.get(0, 100)
	c.answer(0, 200, 210, r)
	c.end(0, 211)
	l := events.DefaultLimits()
	f := Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range c.evs {
			f.Step(e, emit)
		}
	}
}
