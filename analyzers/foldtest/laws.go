package foldtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func sortFrames(evs []*events.Event) {
	slices.SortStableFunc(evs, func(a, b *events.Event) int { return cmp.Compare(a.Pos.Frame, b.Pos.Frame) })
}

// number gives each event its place within its frame.
func number(evs []*events.Event) {
	sortFrames(evs)
	for i, e := range evs {
		e.Pos.Sub = 0
		if i > 0 && evs[i-1].Pos.Frame == e.Pos.Frame {
			e.Pos.Sub = evs[i-1].Pos.Sub + 1
		}
	}
}

// Rows are the answers to a conversation, each packet a batch of its own, at
// the default limits.
func Rows(t testing.TB, q analyzers.Question, evs ...*events.Event) []analyzers.Row {
	t.Helper()
	l := events.DefaultLimits()
	return RowsWithin(t, q, l, evs...)
}

// RowsWithin is Rows under other limits. It checks the laws that every
// question must pass.
func RowsWithin(t testing.TB, q analyzers.Question, l events.Limits, evs ...*events.Event) []analyzers.Row {
	t.Helper()
	o := analyzers.Options{Limits: &l}
	number(evs)
	rows := run(analyzers.NewSerial([]analyzers.Question{q}, o), evs, framesOf(evs))
	sameFromAllEngines(t, q, o, evs)
	stateIsGone(t, q, o, evs)
	checkable(t, rows)
	summaryWithoutOrder(t, q, rows)
	return rows
}

// Value is the value of the only row with that key.
func Value[V any](t testing.TB, rows []analyzers.Row, key string) V {
	t.Helper()
	var found *analyzers.Row
	for i := range rows {
		if rows[i].Key != key {
			continue
		}
		if found != nil {
			t.Fatalf("two rows for %q", key)
		}
		found = &rows[i]
	}
	if found == nil {
		t.Fatalf("no row for %q, only %q", key, Keys(rows))
	}
	v, ok := found.Value.(V)
	if !ok {
		t.Fatalf("row %q holds a %T", key, found.Value)
	}
	return v
}

// Keys are the keys of rows, in order.
func Keys(rows []analyzers.Row) []string {
	var ks []string
	for _, r := range rows {
		ks = append(ks, r.Key)
	}
	return ks
}

// framesOf are the ends of batches that hold one packet each.
func framesOf(evs []*events.Event) []int {
	var ends []int
	for i := range evs {
		if i+1 == len(evs) || evs[i+1].Pos.Frame != evs[i].Pos.Frame {
			ends = append(ends, i+1)
		}
	}
	return ends
}

// run gives evs to an engine in batches that end at ends. Events and pooled
// bodies are destroyed after each batch, as an engine's owner may do.
func run(en analyzers.Engine, evs []*events.Event, ends []int) []analyzers.Row {
	var rows []analyzers.Row
	out := func(rs []analyzers.Row) { rows = append(rows, rs...) }
	start := 0
	var frame uint64
	var now events.Time
	for _, end := range ends {
		batch := copies(evs[start:end])
		start = end
		last := evs[end-1]
		frame, now = last.Pos.Frame, last.Time
		en.Step(batch, frame, out)
		en.Tick(frame, now)
		spoil(batch)
	}
	en.Close(frame, now, out)
	return rows
}

func copies(evs []*events.Event) []*events.Event {
	out := make([]*events.Event, len(evs))
	for i, e := range evs {
		out[i] = e.Keep()
	}
	return out
}

func spoil(evs []*events.Event) {
	for _, e := range evs {
		switch b := e.Body.(type) {
		case *events.TCPRTT:
			*b = events.TCPRTT{RTT: -1 << 60, SegmentFrame: 1 << 60}
		case *events.FlowBytes:
			*b = events.FlowBytes{Second: -1 << 60, Protocol: "spoilt"}
		case *events.FlowEnd:
			*b = events.FlowEnd{Protocol: "spoilt", ClientBytes: 1 << 60, ServerBytes: 1 << 60}
		case *events.DNSMessage:
			for i := range b.Question {
				b.Question[i] = events.DNSQuestion{Name: "spoilt.", Type: "A", Class: "CH"}
			}
			for _, rs := range [...][]events.DNSRecord{b.Answer, b.Authority, b.Additional} {
				for i := range rs {
					rs[i] = events.DNSRecord{Name: "spoilt.", Type: "A", TTL: 1 << 30, Data: "spoilt"}
				}
			}
			if b.EDNS != nil {
				*b.EDNS = events.DNSEDNS{Version: 77}
			}
			*b = events.DNSMessage{ID: 0xdead, Rcode: "SPOILT", Size: -1}
		}
		*e = events.Event{}
	}
}

// sameFromAllEngines: serial and sharded give the same rows, for any number of
// shards and any cut into batches.
func sameFromAllEngines(t testing.TB, q analyzers.Question, o analyzers.Options, evs []*events.Event) {
	t.Helper()
	check := func(t interface {
		Fatalf(string, ...any)
		Helper()
	}, ends []int, n int) {
		t.Helper()
		qs := []analyzers.Question{q}
		want := run(analyzers.NewSerial(qs, o), evs, ends)
		got := run(analyzers.NewSharded(qs, o, n), evs, ends)
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatalf("%d shards, batches end at %v (-serial +sharded):\n%s", n, ends, d)
		}
		for i := 1; i < len(want); i++ {
			a, b := &want[i-1], &want[i]
			if cmp.Or(cmp.Compare(a.Frame, b.Frame), cmp.Compare(a.Analysis, b.Analysis), cmp.Compare(a.Key, b.Key)) > 0 {
				t.Fatalf("row %d %q of frame %d comes before %q of frame %d", i, a.Key, a.Frame, b.Key, b.Frame)
			}
		}
	}
	if tt, ok := t.(*testing.T); ok && len(evs) < 1000 {
		rapid.Check(tt, func(rt *rapid.T) {
			var ends []int
			for _, f := range framesOf(evs) {
				if f == len(evs) || rapid.Bool().Draw(rt, "cut") {
					ends = append(ends, f)
				}
			}
			check(rt, ends, rapid.IntRange(1, 9).Draw(rt, "shards"))
		})
		return
	}
	check(t, []int{len(evs)}, 3)
	check(t, framesOf(evs), 2)
}

// stateIsGone: after Close a runner holds no key, and answers a second time as
// it did the first.
func stateIsGone(t testing.TB, q analyzers.Question, o analyzers.Options, evs []*events.Event) {
	t.Helper()
	r := q.New(o)
	want := events.SetOf(r.Kinds()...)
	var runs [2][]analyzers.Row
	for i := range runs {
		add := func(row analyzers.Row) { runs[i] = append(runs[i], row) }
		for _, e := range copies(evs) {
			if want.Has(e.Body.Kind()) {
				r.Step(e, add)
			}
		}
		last := evs[len(evs)-1]
		r.Close(last.Pos.Frame, last.Time, add)
		if r.Len() != 0 {
			t.Fatalf("%s holds %d keys after Close", q.Name, r.Len())
		}
	}
	if d := gocmp.Diff(runs[0], runs[1]); d != "" {
		t.Fatalf("%s answers the second time (-first +second):\n%s", q.Name, d)
	}
}

// checkable: each row is JSON, and names its frames and a filter.
func checkable(t testing.TB, rows []analyzers.Row) {
	t.Helper()
	for _, r := range rows {
		line := events.AppendJSON(nil, r.Value)
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s %q: %v in %s", r.Analysis, r.Key, err, line)
		}
		if _, ok := r.Value.(analyzers.LimitReached); ok {
			continue
		}
		if f, _ := v["frames"].([]any); len(f) == 0 {
			t.Errorf("%s %q names no frames: %s", r.Analysis, r.Key, line)
		}
		if f, _ := v["filter"].(string); f == "" {
			t.Errorf("%s %q has no filter: %s", r.Analysis, r.Key, line)
		}
	}
}

// summaryWithoutOrder: a summary does not depend on the order of rows.
func summaryWithoutOrder(t testing.TB, q analyzers.Question, rows []analyzers.Row) {
	t.Helper()
	if q.Summary == nil {
		t.Fatalf("%s has no summary", q.Name)
	}
	section := func(rows []analyzers.Row, full bool) []byte {
		s := q.Summary()
		for i := range rows {
			s.Add(&rows[i])
		}
		b, err := json.Marshal(s.Section(full))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	mixed := slices.Clone(rows)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, full := range []bool{false, true} {
		if a, b := section(rows, full), section(mixed, full); !bytes.Equal(a, b) {
			t.Fatalf("%s: the summary depends on the order of rows:\n%s\n%s", q.Name, a, b)
		}
	}
}
