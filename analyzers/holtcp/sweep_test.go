package holtcp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holtcp"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
)

// Over all networks: what waited, by when the network delivered each byte to
// the client, and which streams these bytes and those of the holes were of, by
// what the server says that it wrote. In h2-loss without further loss one
// segment is lost.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"h2-loss", "h2-multiplex"} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
					replaytest.Beside(t)
					checkWaits(t, replaytest.Run(t, name, p.Options(5+seed)), row)
				})
			}
		}
	})
}

func checkWaits(t *testing.T, r *replaytest.Recording, row *replaytest.Row) {
	t.Helper()
	if len(r.Truth.Connections) != 1 {
		t.Fatalf("%d connections", len(r.Truth.Connections))
	}
	c := r.Truth.Connections[0]
	waits := r.Arrivals(t, c.Server, c.Client).Waits
	type pair struct{ other, own []replaytest.Wait }
	streams := map[uint64]*pair{}
	var bytes int64
	var sum, longest time.Duration
	for _, w := range waits {
		bytes += w.To - w.From
		sum += w.Released.Sub(w.Arrived)
		longest = max(longest, w.Released.Sub(w.Arrived))
		waited, took := map[uint64]bool{}, map[uint64]bool{}
		for _, f := range r.Frames(t) {
			if f.In(w.From, w.To) {
				waited[f.Stream] = true
			}
			if f.In(w.Hole, w.HoleEnd) {
				took[f.Stream] = true
			}
		}
		for stream := range waited {
			if stream == 0 {
				continue
			}
			s := streams[stream]
			if s == nil {
				s = &pair{}
				streams[stream] = s
			}
			if took[stream] {
				s.own = append(s.own, w)
			} else {
				s.other = append(s.other, w)
			}
		}
	}
	var v holtcp.Value
	for _, x := range foldtest.Rows(t, holtcp.Question, r.Events...) {
		if got, ok := x.Value.(holtcp.Value); ok && got.Side == "server" {
			v = got
		}
	}
	if int(v.Count) != len(waits) || v.Bytes != bytes || v.Unfilled != 0 || v.Undecided != "" || v.Limited != 0 || int(v.Messages) != len(streams) || len(v.Worst) != len(streams) {
		t.Errorf("%s: %d ranges of %d bytes, %d streams; want %d of %d, %d: %+v", r.Name, v.Count, v.Bytes, v.Messages, len(waits), bytes, len(streams), v)
	}
	if v.Count > 0 {
		off := 0
		if int(v.Count) != len(waits) {
			off = len(waits)
		}
		row.Same("ranges", len(waits), off)
	}
	same := func(what string, measured events.Duration, truth time.Duration) {
		t.Helper()
		if len(waits) > 0 {
			row.Time(what, truth, measured.Std())
		}
		if measured.Std() != truth {
			t.Errorf("%s: %s is %s, by the network %s", r.Name, what, measured.Std(), truth)
		}
	}
	same("sum", v.Sum, sum)
	same("max", v.Max, longest)
	same("stalled", v.Stalled, replaytest.Union(waits))
	for _, m := range v.Worst {
		s := streams[m.HTTPStream]
		if s == nil {
			t.Errorf("%s: stream %d did not wait: %+v", r.Name, m.HTTPStream, m)
			continue
		}
		same("behind others", m.Other, replaytest.Union(s.other))
		same("behind own", m.Own, replaytest.Union(s.own))
	}
}
