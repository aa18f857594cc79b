package rtt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/rtt"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

func dur(d time.Duration) events.Duration { return events.Duration(d) }

func sample(of events.RTTOf, segment uint64, d time.Duration) *events.TCPRTT {
	return &events.TCPRTT{Of: of, SegmentFrame: segment, RTT: dur(d), Exact: true}
}

func end(first, last uint64) *events.FlowEnd {
	return &events.FlowEnd{Why: events.EndFIN, FirstFrame: first, LastFrame: last}
}

// A capture at the client: the server is 40 ms away.
func TestHandshakeAndData(t *testing.T) {
	f := foldtest.TCP(5, "10.0.0.1:49152", "10.0.0.2:80")
	rows := foldtest.Rows(t, rtt.Question,
		f.Server(2, 40*ms, sample(events.RTTSynAck, 1, 40*ms)),
		f.Client(3, 40*ms+50*time.Microsecond, sample(events.RTTAck, 2, 50*time.Microsecond)),
		f.Server(5, 100*ms, sample(events.RTTData, 4, 60*ms)),
		f.Client(7, 110*ms, sample(events.RTTData, 6, 1*ms)),
		f.Server(9, 300*ms, sample(events.RTTData, 8, 50*ms)),
		f.Client(10, 310*ms, end(1, 10)),
	)
	if d := cmp.Diff([]string{"tcp:5 client", "tcp:5 server"}, foldtest.Keys(rows)); d != "" {
		t.Fatal(d)
	}
	// SRTT (RFC 6298): 40; RTTVAR 20. Then 60: RTTVAR 3/4·20+1/4·20 = 20,
	// SRTT 7/8·40+1/8·60 = 42.5. Then 50: RTTVAR 3/4·20+1/4·7.5 = 16.875,
	// SRTT 7/8·42.5+1/8·50 = 43.4375. RTO = 43.4375+67.5 < 1 s.
	want := rtt.Value{
		Side: "server", Client: "10.0.0.1:49152", Server: "10.0.0.2:80",
		Handshake: dur(40 * ms), Min: dur(40 * ms), Median: dur(50 * ms), P95: dur(60 * ms), Max: dur(60 * ms), Count: 3,
		SRTT: 43437500, RTTVar: 16875000, RTO: dur(time.Second),
		Total:   dur(40*ms + 50*time.Microsecond),
		Vantage: "client",
		Frames:  []uint64{1, 2, 4, 5},
		Filter:  "tcp.stream eq 5 && ip.src == 10.0.0.2 && tcp.srcport == 80 && tcp.analysis.ack_rtt",
	}
	if d := cmp.Diff(want, foldtest.Value[rtt.Value](t, rows, "tcp:5 server")); d != "" {
		t.Error(d)
	}
	c := foldtest.Value[rtt.Value](t, rows, "tcp:5 client")
	if c.Count != 2 || c.Median != dur(525*time.Microsecond) || c.Frames[0] != 2 {
		t.Errorf("%+v", c)
	}
	if rows[0].Frame != 10 {
		t.Errorf("known at frame %d, not at the flow's end", rows[0].Frame)
	}
}

func TestVantage(t *testing.T) {
	for _, c := range []struct {
		client, server time.Duration
		want           string
	}{
		{50 * time.Microsecond, 40 * ms, "client"},
		{40 * ms, 50 * time.Microsecond, "server"},
		{20 * ms, 30 * ms, "middle"},
		{5 * ms, 150 * ms, "middle"}, // no host takes 5 ms to answer itself
		{800 * time.Microsecond, 5 * ms, "middle"},
		{10 * time.Microsecond, 150 * time.Microsecond, "undecided"}, // loopback
	} {
		f := foldtest.TCP(0, "[2001:db8::1]:1000", "[2001:db8::2]:443")
		rows := foldtest.Rows(t, rtt.Question,
			f.Server(2, 40*ms, sample(events.RTTSynAck, 1, c.server)),
			f.Client(3, 50*ms, sample(events.RTTAck, 2, c.client)),
			f.Client(4, 60*ms, end(1, 4)))
		v := foldtest.Value[rtt.Value](t, rows, "tcp:0 server")
		if v.Vantage != c.want || (v.VantageWhy != "") != (c.want == "undecided") {
			t.Errorf("client %v, server %v: %s (%s), want %s", c.client, c.server, v.Vantage, v.VantageWhy, c.want)
		}
		if !strings.HasPrefix(v.Filter, "tcp.stream eq 0 && ipv6.src == 2001:db8::2 &&") {
			t.Error(v.Filter)
		}
	}
}

// Joined midway, one direction: no handshake, one side, no total.
func TestOneSide(t *testing.T) {
	f := foldtest.TCP(1, "10.0.0.1:1000", "10.0.0.2:22")
	rows := foldtest.Rows(t, rtt.Question,
		f.Server(7, 40*ms, sample(events.RTTData, 3, 30*ms)),
		f.Server(8, 41*ms, sample(events.RTTData, 9, -30*ms)), // the clock was set back
	)
	if len(rows) != 1 {
		t.Fatal(foldtest.Keys(rows))
	}
	v := foldtest.Value[rtt.Value](t, rows, "tcp:1 server")
	if v.Total != 0 || v.Vantage != "undecided" || v.Handshake != 0 || v.Count != 1 || v.ClockBackwards != 1 {
		t.Errorf("%+v", v)
	}
}

// Beyond fold-samples the median is within 1 %.
func TestManySamples(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldSamples = 100
	f := foldtest.TCP(1, "10.0.0.1:1000", "10.0.0.2:22")
	var evs []*events.Event
	for i := range 2001 { // 10.00, 10.01 … 30.00 ms
		evs = append(evs, f.Server(uint64(i+2), 0, sample(events.RTTData, 1, 10*ms+time.Duration(i)*10*time.Microsecond)))
	}
	v := foldtest.Value[rtt.Value](t, foldtest.RowsWithin(t, rtt.Question, l, evs...), "tcp:1 server")
	within := func(name string, got, want events.Duration) {
		if d := got - want; d < -want/100 || d > want/100 {
			t.Errorf("%s: %v, want %v", name, got.Std(), want.Std())
		}
	}
	within("median", v.Median, dur(20*ms))
	within("p95", v.P95, dur(29*ms))
	if !v.Approximate || v.Min != dur(10*ms) || v.Max != dur(30*ms) || v.Count != 2001 {
		t.Errorf("%+v", v)
	}
}

func TestNoSamplesNoRow(t *testing.T) {
	f := foldtest.TCP(1, "10.0.0.1:1000", "10.0.0.2:22")
	if rows := foldtest.Rows(t, rtt.Question, f.Client(3, ms, end(1, 3))); len(rows) != 0 {
		t.Fatal(rows)
	}
}

func TestFindings(t *testing.T) {
	f := foldtest.TCP(7, "10.0.0.1:1000", "10.0.0.2:80")
	evs := []*events.Event{}
	for i := range 40 {
		d := 20 * ms
		if i >= 20 {
			d = 900 * ms
		}
		evs = append(evs, f.Server(uint64(i+2), 0, sample(events.RTTData, 1, d)))
	}
	rows := foldtest.Rows(t, rtt.Question, evs...)
	s := rtt.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(false)
	if len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Text, "tcp:7 server: round trips rise from 20.0 ms to 900 ms") {
		t.Errorf("%+v", got.Findings)
	}
	if len(got.Rows) != 1 || len(got.Rows[0]) != len(got.Columns) {
		t.Errorf("%+v", got.Rows)
	}
}

// A server that answers late on three connections is one finding, a client of
// its own another.
func TestSlowServerIsOneFinding(t *testing.T) {
	var evs []*events.Event
	frame := uint64(2)
	for i, d := range []time.Duration{400 * ms, 600 * ms, 500 * ms} {
		f := foldtest.TCP(uint32(i), fmt.Sprintf("10.0.0.1:%d", 1000+i), "10.0.0.2:80")
		for range 3 {
			evs = append(evs, f.Server(frame, 0, sample(events.RTTData, 1, d)))
			frame++
		}
	}
	other := foldtest.TCP(9, "10.0.0.1:2000", "10.0.0.3:80")
	for range 3 {
		evs = append(evs, other.Server(frame, 0, sample(events.RTTData, 1, 350*ms)))
		frame++
	}
	s := rtt.Question.Summary()
	rows := foldtest.Rows(t, rtt.Question, evs...)
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(false).Findings
	if len(got) != 2 || got[0].Text != "10.0.0.2:80 answers late on 3 connections: after 400 ms to 600 ms (medians)" ||
		got[0].Filter != "ip.src == 10.0.0.2 && tcp.srcport == 80 && tcp.analysis.ack_rtt" || len(got[0].Frames) != 3 ||
		got[1].Text != "tcp:9 server: answers after 350 ms (median of 3)" {
		t.Errorf("%+v", got)
	}
}
