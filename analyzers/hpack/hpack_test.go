package hpack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/hpack"
	"github.com/wiretale/wiretale/events"
)

var talk = foldtest.TCP(5, "10.0.0.1:49152", "10.0.0.2:80").In("tcp/http2")

func block(frame uint64, h *events.HPACKBlock) *events.Event {
	return talk.Client(frame, time.Duration(frame)*time.Millisecond,
		&events.HTTP2Frame{Type: "HEADERS", HTTPStream: 1, Flags: []string{"END_STREAM", "END_HEADERS"}, HPACK: h, Undecodable: h == nil})
}

func end(frame uint64) *events.Event {
	return talk.Client(frame, time.Second, &events.FlowEnd{Why: events.EndFIN})
}

// The worked example of docs/analyses/hpack.md.
var (
	first  = &events.HPACKBlock{Encoded: 20, Decoded: 52, Fields: 4, Static: 3, StaticName: 1, Inserted: 1, Table: 57, TableMax: 4096}
	second = &events.HPACKBlock{Encoded: 14, Decoded: 73, Fields: 5, Static: 3, Dynamic: 1, StaticName: 1, Inserted: 1, Table: 110, TableMax: 4096}
)

func ptr(f float64) *float64 { return &f }

func TestExample(t *testing.T) {
	rows := foldtest.Rows(t, hpack.Question, block(4, first), block(6, second),
		talk.Client(7, 0, &events.HTTP2Frame{Type: "DATA", HTTPStream: 1}), end(9))
	want := &hpack.Value{Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 5, Side: "client", Blocks: 2, Encoded: 34, Decoded: 125, Saved: 91,
		Ratio: ptr(0.272), FirstRatio: ptr(20.0 / 52), LaterRatio: ptr(14.0 / 73), Fields: 9, Static: 6, Dynamic: 1, StaticName: 2,
		HitRate: ptr(7.0 / 9), DynamicRate: ptr(1.0 / 9), Inserted: 2, TablePeak: 110, TableMax: 4096, Frames: []uint64{4, 6},
		Filter: "tcp.stream eq 5 && ip.src == 10.0.0.1 && tcp.srcport == 49152 && http2.header.length"}
	if d := cmp.Diff(want, foldtest.Value[*hpack.Value](t, rows, "tcp:5 client")); d != "" || len(rows) != 1 {
		t.Error(foldtest.Keys(rows), d)
	}
}

// Joined midway: nothing is read, or only what came later.
func TestUnread(t *testing.T) {
	v := foldtest.Value[*hpack.Value](t, foldtest.Rows(t, hpack.Question, block(4, nil), end(9)), "tcp:5 client")
	if !strings.HasPrefix(v.Undecided, "no header block could be read") || v.Unread != 1 || v.Ratio != nil || v.HitRate != nil {
		t.Errorf("%+v", v)
	}
	v = foldtest.Value[*hpack.Value](t, foldtest.Rows(t, hpack.Question, block(4, nil), block(6, second), end(9)), "tcp:5 client")
	if v.Undecided != "" || v.Unread != 1 || v.Blocks != 1 || v.FirstRatio != nil || *v.LaterRatio != 14.0/73 {
		t.Errorf("%+v", v)
	}
}

// A connection without a header block has no row.
func TestNoBlocks(t *testing.T) {
	if rows := foldtest.Rows(t, hpack.Question, talk.Client(4, 0, &events.HTTP2Frame{Type: "SETTINGS"}), end(9)); len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
}

// 20 blocks of 1,000 bytes: one finding where 600 are left of each, none where
// 400 are.
func TestFinding(t *testing.T) {
	for encoded, want := range map[int]int{600: 1, 400: 0} {
		var evs []*events.Event
		for i := range uint64(20) {
			evs = append(evs, block(4+i, &events.HPACKBlock{Encoded: encoded, Decoded: 1000, Fields: 1, Literal: 1}))
		}
		s := hpack.Question.Summary()
		rows := foldtest.Rows(t, hpack.Question, append(evs, end(40))...)
		for i := range rows {
			s.Add(&rows[i])
		}
		if got := s.Section(false); len(got.Findings) != want || len(got.Rows[0]) != len(got.Columns) {
			t.Errorf("%d: %+v", encoded, got)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	evs := []*events.Event{block(4, first), talk.Client(5, 0, &events.HTTP2Frame{Type: "DATA", HTTPStream: 1})}
	l := events.DefaultLimits()
	r := hpack.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for i := range b.N {
		r.Step(evs[i&1], func(analyzers.Row) {})
	}
}
