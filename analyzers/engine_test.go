package analyzers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/events"
)

// count is a question that counts the events of each flow. Every third event
// is a row; Close tells the count and the first frame. FlowEnd ends a key
// where ends is set.
type count struct {
	idle time.Duration
	kind events.Kind
}

type counted struct {
	Events      int
	First, Last uint64
	Closed      bool
}

func (c count) Kinds() []events.Kind { return []events.Kind{c.kind, events.KindFlowEnd} }

func (c count) Key(e *events.Event) (events.StreamKey, bool) { return e.Key(), e.Stream != 3 }

func (c count) Idle() time.Duration { return c.idle }

func (c count) Over(e *events.Event) bool { return e.Body.Kind() == events.KindFlowEnd }

func (c count) Step(k events.StreamKey, s *counted, e *events.Event, emit Emit) {
	if s.Events++; s.First == 0 {
		s.First = e.Pos.Frame
	}
	s.Last = e.Pos.Frame
	if s.Events%3 == 0 {
		emit("all", *s) // the same text for many keys
	}
}

func (c count) Close(k events.StreamKey, s *counted, emit Emit) {
	s.Closed = true
	emit(k.String(), *s)
	emit("all", *s)
}

// restless is a count that tells, every 10 s of silence, how much there was.
type restless struct{ count }

func (restless) Rest() time.Duration { return 10 * time.Second }

func (restless) Rested(k events.StreamKey, s *counted, now events.Time, emit Emit) {
	emit(fmt.Sprint(int64(now)/1e9), *s)
}

// What rests is asked after each Rest of silence until Idle ends it, at the
// first clock after that.
func TestRester(t *testing.T) {
	r := Runs("restless", Options{}, restless{count{idle: 35 * time.Second, kind: events.KindTCPRTT}})
	var told []string
	emit := func(row Row) { told = append(told, fmt.Sprintf("%d %s", row.Frame, row.Key)) }
	e := &events.Event{Flow: events.Flow{Proto: events.ProtoTCP}, Body: &events.TCPRTT{}}
	step := func(sec int) { e.Time, e.Pos.Frame = events.Time(sec)*1e9, uint64(sec); r.Step(e, emit) }
	clock := func(sec int) { r.Expire(uint64(sec), events.Time(sec)*1e9, emit) }
	step(1)
	step(5)
	for _, sec := range []int{11, 15, 16, 25, 27, 31, 36, 38, 40, 41, 60} {
		clock(sec)
	}
	want := []string{"16 16", "27 27", "38 38", "41 tcp:0", "41 all"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func question(name string, c count) Question {
	return Question{Name: name, New: func(o Options) Runner { return Runs(name, o, c) }}
}

// some draws events of a few flows with times that mostly grow, cut into
// batches.
func some(t *rapid.T) [][]*events.Event {
	var batches [][]*events.Event
	var frame uint64
	now := events.Time(0)
	for range rapid.IntRange(1, 12).Draw(t, "batches") {
		var b []*events.Event
		n := rapid.IntRange(0, 30).Draw(t, "events")
		if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
			n += 2 * small
		}
		for range n {
			sub := uint32(0)
			if len(b) > 0 && rapid.Bool().Draw(t, "same frame") {
				sub = b[len(b)-1].Pos.Sub + 1
			} else {
				frame++
				now += events.Time(rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(-20, 200), rapid.Int64Range(0, 1e6)).Draw(t, "step"))
			}
			e := &events.Event{
				Pos: events.Pos{Frame: frame, Sub: sub}, Time: now,
				Stream: rapid.Uint32Range(0, 40).Draw(t, "stream"), Flow: events.Flow{Proto: events.ProtoTCP},
				Body: rapid.SampledFrom([]events.Body{&events.TCPRTT{}, &events.TCPHOL{}, &events.FlowStart{}, &events.FlowEnd{}}).Draw(t, "body"),
			}
			b = append(b, e)
		}
		if len(b) > 0 {
			batches = append(batches, b)
		}
	}
	return batches
}

// answer runs an engine over batches.
func answer(e Engine, batches [][]*events.Event) []Row {
	var rows []Row
	out := func(rs []Row) { rows = append(rows, rs...) }
	var frame uint64
	var now events.Time
	for _, b := range batches {
		last := b[len(b)-1]
		frame, now = last.Pos.Frame, last.Time
		e.Step(b, frame, out)
		e.Tick(frame, now)
	}
	e.Close(frame, now, out)
	return rows
}

// All engines agree, at any limit, on every row and its place.
func TestEnginesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		idle := func(name string) time.Duration {
			return time.Duration(rapid.SampledFrom([]int{0, 1, 100, 1000, 1e5}).Draw(t, name))
		}
		qs := []Question{
			question("b", count{idle("b"), events.KindTCPRTT}),
			question("a", count{idle("a"), events.KindTCPRTT}),
			question("c", count{idle("c"), events.KindTCPHOL}),
		}
		l := events.DefaultLimits()
		l.FoldKeys = rapid.IntRange(1, 60).Draw(t, "fold-keys")
		o := Options{Limits: &l}
		batches := some(t)
		want := answer(NewSerial(qs, o), batches)
		got := answer(NewSharded(qs, o, rapid.IntRange(1, 9).Draw(t, "shards")), batches)
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		got = answer(NewParallel(qs, o, rapid.IntRange(1, 4).Draw(t, "goroutines")), batches)
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if !slices.IsSortedFunc(want, func(a, b Row) int {
			return cmp.Or(cmp.Compare(a.Frame, b.Frame), cmp.Compare(a.Analysis, b.Analysis), cmp.Compare(a.Key, b.Key))
		}) {
			t.Fatal("rows are not in order")
		}
	})
}

// When keys close, against a model that looks at every key after each batch.
func TestIdleAndLimit(t *testing.T) {
	type life struct {
		counted
		last events.Time
		pos  events.Pos
	}
	rapid.Check(t, func(t *rapid.T) {
		c := count{time.Duration(rapid.SampledFrom([]int{0, 1, 50, 3000, 1e6}).Draw(t, "idle")), events.KindTCPRTT}
		l := events.DefaultLimits()
		l.FoldKeys = rapid.IntRange(1, 50).Draw(t, "fold-keys")
		batches := some(t)

		var want []string
		keys := map[uint32]*life{}
		closeKey := func(s uint32, frame uint64) {
			x := keys[s]
			want = append(want, fmt.Sprint(frame, " tcp:", s, " ", x.Events, x.First, x.Last))
			delete(keys, s)
		}
		clock := events.Time(-1 << 62)
		var frame uint64
		for _, b := range batches {
			for _, e := range b {
				k := e.Body.Kind()
				if e.Stream == 3 || k != events.KindTCPRTT && k != events.KindFlowEnd {
					continue
				}
				x := keys[e.Stream]
				if x == nil {
					x = &life{last: e.Time}
					keys[e.Stream] = x
				}
				if x.Events++; x.First == 0 {
					x.First = e.Pos.Frame
				}
				x.Last = e.Pos.Frame
				x.last, x.pos = max(x.last, e.Time), e.Pos
				if k == events.KindFlowEnd {
					closeKey(e.Stream, e.Pos.Frame)
				}
			}
			frame = b[len(b)-1].Pos.Frame
			clock = max(clock, b[len(b)-1].Time)
			for s := range uint32(50) {
				if x := keys[s]; x != nil && c.idle > 0 && clock.Sub(x.last) > events.Duration(c.idle) {
					closeKey(s, frame)
				}
			}
			if len(keys) > l.FoldKeys {
				for len(keys) > l.FoldKeys-l.FoldKeys/16 {
					old := uint32(1000)
					for s, x := range keys {
						if old == 1000 || x.pos.Less(keys[old].pos) {
							old = s
						}
					}
					closeKey(old, frame)
				}
			}
		}
		for s := range uint32(50) {
			if keys[s] != nil {
				closeKey(s, frame)
			}
		}

		var got []string
		for _, r := range answer(NewSerial([]Question{question("q", c)}, Options{Limits: &l}), batches) {
			if v, ok := r.Value.(counted); ok && v.Closed && r.Key != "all" {
				got = append(got, fmt.Sprint(r.Frame, " ", r.Key, " ", v.Events, v.First, v.Last))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// A limit that is reached is told.
func TestLimitIsTold(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldKeys = 10
	var evs []*events.Event
	for i := range 15 {
		evs = append(evs, &events.Event{Pos: events.Pos{Frame: uint64(i + 1)}, Stream: uint32(i + 10), Flow: events.Flow{Proto: events.ProtoTCP}, Body: &events.TCPRTT{}})
	}
	rows := answer(NewSerial([]Question{question("q", count{kind: events.KindTCPRTT})}, Options{Limits: &l}), [][]*events.Event{evs})
	for _, r := range rows {
		if r.Analysis == "limit" {
			if v := r.Value.(LimitReached); r.Key != "q" || v.Limit != "fold-keys" || v.Value != 10 || v.Count != 5 || v.FirstFrame != 15 {
				t.Errorf("%+v", r)
			}
			return
		}
	}
	t.Fatal("not told")
}

// Keys that end make room: memory follows the keys that are alive.
func TestKeysEnd(t *testing.T) {
	r := Runs("q", Options{}, count{time.Hour, events.KindTCPRTT}).(*runner[events.StreamKey, counted])
	for i := range 200_000 {
		e := &events.Event{Pos: events.Pos{Frame: uint64(i + 1)}, Time: events.Time(i), Stream: uint32(i + 10), Flow: events.Flow{Proto: events.ProtoTCP}, Body: &events.TCPRTT{}}
		r.step(e)
		e.Body = &events.FlowEnd{}
		r.step(e)
		r.give(func(Row) {})
	}
	if r.nodes > 1 || r.wheel.len > 2048 {
		t.Errorf("%d nodes, %d entries in the wheel", r.nodes, r.wheel.len)
	}
}

// A fault of one question, on whichever goroutine, is a panic of the caller.
func TestParallelFault(t *testing.T) {
	broken := func(o Options) Runner {
		f := faulty{count{kind: events.KindTCPRTT}}
		return Runs("faulty", o, f)
	}
	var qs []Question
	for range 4 {
		qs = append(qs, question("count", count{kind: events.KindTCPRTT}), Question{Name: "faulty", New: broken})
	}
	var evs []*events.Event
	for i := range 2 * small {
		evs = append(evs, &events.Event{Pos: events.Pos{Frame: uint64(i + 1)}, Body: &events.TCPRTT{}})
	}
	defer func() {
		if x := fmt.Sprint(recover()); !strings.Contains(x, "frame 200") || !strings.Contains(x, "faulty.Step(") {
			t.Errorf("the caller got %.2000q, not the fault and its place", x)
		}
	}()
	NewParallel(qs, Options{}, 3).Step(evs, 2*small, func([]Row) {})
	t.Error("no panic")
}

type faulty struct{ count }

func (f faulty) Step(k events.StreamKey, s *counted, e *events.Event, emit Emit) {
	if e.Pos.Frame == 200 {
		panic("frame 200")
	}
	f.count.Step(k, s, e, emit)
}
