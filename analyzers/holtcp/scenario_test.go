package holtcp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holtcp"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestLossKept(t *testing.T) {
	v := checkLoss(t, replaytest.Open(t, "../../pcaps/h2-loss.pcapng", "../../pcaps/h2-loss.json"))
	if v.Messages != 4 || v.Other == 0 {
		t.Errorf("%+v", v)
	}
}

func TestLoss(t *testing.T) {
	replaytest.Timing(t)
	for _, rtt := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(rtt.String(), func(t *testing.T) {
			r := replaytest.Run(t, "h2-loss", replay.Options{RTT: rtt, Seed: 3})
			checkLoss(t, r)
			checkWaits(t, r, new(replaytest.Row)) // to the nanosecond
		})
	}
}

// One segment is lost: the stream that it is of waits for bytes of its own,
// others of which bytes came behind it for those. None waits longer than its
// client says that it got nothing of it, and the hole is there for a round trip, and up to a quarter of one
// more while the server waits whether it was only overtaken (RFC 8985 section
// 6.2).
func checkLoss(t *testing.T, r *replaytest.Recording) holtcp.Value {
	t.Helper()
	paths := map[uint64]string{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest { // streams are numbered in the order of asking
			paths[uint64(2*m.HTTP.Ordinal-1)] = m.HTTP.URL
		}
	}
	pauses, _ := r.Truth.Facts["longest_pause"].(map[string]any)
	v := foldtest.Value[holtcp.Value](t, foldtest.Rows(t, holtcp.Question, r.Events...), "tcp:0 server")
	near := func(a, b time.Duration) bool { return (a - b).Abs() <= max(2*time.Millisecond, b*3/100) }
	rtt := r.Truth.RTT.Std()
	if s := v.Stalled.Std(); s < rtt && !near(s, rtt) || s > rtt+rtt/4 && !near(s, rtt+rtt/4) {
		t.Errorf("bytes waited for %s, a round trip is %s", s, rtt)
	}
	own := 0
	for _, m := range v.Worst {
		if m.Own > 0 {
			own++
		}
		seconds, ok := pauses[paths[m.HTTPStream]].(float64)
		pause := time.Duration(seconds * 1e9)
		waited := max(m.Own, m.Other).Std()
		if !ok || waited > pause && !near(waited, pause) || m.RequestFrame == 0 || m.FirstFrame == 0 || m.LastFrame < m.FirstFrame {
			t.Errorf("%s: longest pause %s: %+v", strings.TrimPrefix(paths[m.HTTPStream], "http://"), pause, m)
		}
	}
	if own == 0 {
		t.Errorf("%+v", v)
	}
	return v
}
