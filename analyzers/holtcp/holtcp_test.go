package holtcp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holtcp"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

func hol(offset, bytes int64, wait time.Duration, arrived uint64, hole, holeBytes int64) *events.TCPHOL {
	return &events.TCPHOL{Offset: offset, Bytes: bytes, Wait: events.Duration(wait), ArrivedFrame: arrived, HoleOffset: hole, HoleBytes: holeBytes, Filled: true}
}

func head(request uint64, first uint64, offset, bytes int64, body bool) *events.HTTPResponse {
	return &events.HTTPResponse{Status: 200, RequestFrame: request, FirstFrame: first, Offset: offset, Bytes: bytes, HasBody: body}
}

func body(request uint64, first uint64, offset, bytes int64) *events.HTTPBody {
	return &events.HTTPBody{Of: "response", RequestFrame: request, FirstFrame: first, Offset: offset, WireBytes: bytes, Complete: true}
}

var (
	flow = foldtest.TCP(3, "10.0.0.1:49152", "10.0.0.2:80")
	http = flow.In("tcp/http1")
	end  = &events.FlowEnd{Why: events.EndFIN}
)

// The hole at 1000 holds up three ranges. They wait 30, 20 and 10 ms, all of
// them within the same 30 ms.
func TestRanges(t *testing.T) {
	rows := foldtest.Rows(t, holtcp.Question,
		flow.Server(9, 100*ms, hol(2000, 1000, 30*ms, 5, 1000, 1000)),
		flow.Server(9, 100*ms, hol(3000, 1000, 20*ms, 6, 1000, 1000)),
		flow.Server(9, 100*ms, hol(4000, 500, 10*ms, 7, 1000, 1000)),
		flow.Server(12, 300*ms, &events.TCPHOL{Offset: 9000, Bytes: 77, Wait: events.Duration(time.Hour), ArrivedFrame: 11}),
		flow.Client(20, 400*ms, end))
	want := holtcp.Value{
		Side: "server", Client: "10.0.0.1:49152", Server: "10.0.0.2:80",
		Count: 3, Bytes: 2500, Sum: events.Duration(60 * ms), Max: events.Duration(30 * ms), Stalled: events.Duration(30 * ms),
		Unfilled: 1, UnfilledBytes: 77,
		Frames: []uint64{5, 9},
		Filter: "tcp.stream eq 3 && ip.src == 10.0.0.2 && tcp.srcport == 80 && (tcp.analysis.lost_segment || tcp.analysis.out_of_order || tcp.analysis.retransmission)",
	}
	if d := cmp.Diff(want, foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")); d != "" {
		t.Error(d)
	}
	if len(rows) != 1 {
		t.Error(foldtest.Keys(rows))
	}
}

// Two pipelined responses: A is bytes 0–2999, B 3000–5999. Bytes 1000–1999 of A
// are lost and come 50 ms later; the end of A and all of B wait. The frame of
// the release says waits and messages in either order.
func TestOwnAndOther(t *testing.T) {
	waits := []*events.Event{
		flow.Server(8, 100*ms, hol(2000, 1000, 50*ms, 5, 1000, 1000)), // the end of A: behind its own
		flow.Server(8, 100*ms, hol(3000, 1500, 45*ms, 6, 1000, 1000)), // B: behind A's
		flow.Server(8, 100*ms, hol(4500, 1500, 40*ms, 7, 1000, 1000)), // B, within the same time
	}
	messages := []*events.Event{
		http.Server(8, 100*ms, body(1, 4, 200, 2800)),
		http.Server(8, 100*ms, head(2, 6, 3000, 200, true)),
		http.Server(8, 100*ms, body(2, 6, 3200, 2800)),
	}
	for name, order := range map[string][]*events.Event{
		"waits first":    append(append([]*events.Event{}, waits...), messages...),
		"messages first": append(append([]*events.Event{}, messages...), waits...),
	} {
		evs := append([]*events.Event{http.Server(4, 10*ms, head(1, 4, 0, 200, true))}, order...)
		rows := foldtest.Rows(t, holtcp.Question, append(evs, flow.Client(20, 400*ms, end))...)
		v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")
		want := []holtcp.Message{
			{RequestFrame: 1, FirstFrame: 4, LastFrame: 8, Own: events.Duration(50 * ms)},
			{RequestFrame: 2, FirstFrame: 6, LastFrame: 8, Other: events.Duration(45 * ms)},
		}
		if d := cmp.Diff(want, v.Worst); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if v.Messages != 2 || v.Own != events.Duration(50*ms) || v.Other != events.Duration(45*ms) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// A long body with two holes, told in frames before its end is known; then a
// response whose head waits half received behind the end of the first.
func TestLongBodyAndSplitHead(t *testing.T) {
	rows := foldtest.Rows(t, holtcp.Question,
		http.Server(4, 10*ms, head(1, 4, 0, 200, true)),
		flow.Server(10, 100*ms, hol(2000, 1000, 20*ms, 9, 1000, 1000)),
		flow.Server(20, 200*ms, hol(6000, 1000, 30*ms, 19, 5000, 1000)),
		// 8000–8999 is lost, 9000–9099 is the end of the body, 9100–9199 the
		// first part of the next head, 9200–9299 its second part.
		flow.Server(30, 300*ms, hol(9000, 200, 40*ms, 29, 8000, 1000)),
		http.Server(30, 300*ms, body(1, 4, 200, 8900)),
		http.Server(31, 310*ms, head(2, 29, 9100, 200, false)),
		flow.Client(40, 400*ms, end))
	v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")
	want := []holtcp.Message{
		{RequestFrame: 1, FirstFrame: 4, LastFrame: 30, Own: events.Duration(90 * ms)},
		{RequestFrame: 2, FirstFrame: 29, LastFrame: 31, Other: events.Duration(40 * ms)},
	}
	if d := cmp.Diff(want, v.Worst); d != "" {
		t.Error(d)
	}
}

// Offsets inside TLS are not those of TCP: no guess.
func TestUndecidedInTLS(t *testing.T) {
	rows := foldtest.Rows(t, holtcp.Question,
		flow.In("tcp/tls/http1").Server(4, 10*ms, head(1, 4, 0, 200, true)),
		flow.Server(10, 100*ms, hol(2000, 1000, 20*ms, 9, 1000, 1000)),
		flow.Client(40, 400*ms, end))
	v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")
	if v.Messages != 0 || v.Undecided != "messages inside tcp/tls have no place in the TCP stream" || v.Count != 1 {
		t.Errorf("%+v", v)
	}
}

func TestLimit(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldPending = 2
	evs := []*events.Event{http.Server(4, 10*ms, head(1, 4, 0, 200, true))}
	for i := range 5 {
		evs = append(evs, flow.Server(10, 100*ms, hol(int64(2000+i*1000), 1000, 20*ms, 9, 1000, 1000)))
	}
	rows := foldtest.RowsWithin(t, holtcp.Question, l, append(evs, flow.Client(20, 110*ms, end))...)
	v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")
	if v.Count != 5 || v.Limited != 3 || v.Own != events.Duration(20*ms) {
		t.Errorf("%+v", v)
	}
}

func TestFinding(t *testing.T) {
	rows := foldtest.Rows(t, holtcp.Question, flow.Server(9, 3*time.Second, hol(2000, 1000, 1500*ms, 5, 1000, 1000)))
	s := holtcp.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(true)
	if len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Text, "waited behind lost ones for 1.50 s") || len(got.Rows[0]) != len(got.Columns) {
		t.Errorf("%+v", got)
	}
}
