package p2pbound_test

import (
	"math"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/p2pbound"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks, by what was configured and by the hosts' own clocks: F and
// N exactly; how long it took. u_s of the server and D_cs of it come out as
// configured where nothing is lost and the round trip is short: what TCP's
// windows and losses do not let be sent no capture has.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		checkRates(t, replaytest.Run(t, "p2p-vs-server", p.Options(5)), p, row)
	})
}

func checkRates(t *testing.T, r *replaytest.Recording, p replaytest.Point, row *replaytest.Row) {
	t.Helper()
	f := r.Truth.Facts
	fact := func(name string) float64 { return f[name].(float64) }
	server, swarm := rows(r, nil)
	if server == nil || swarm == nil {
		t.Fatalf("server %v, swarm %v", server, swarm)
	}
	for _, v := range []*p2pbound.Value{server, swarm} {
		off := 0
		if float64(v.File)*8 != fact("F") || v.N != int(fact("N")) || v.Complete != v.N || v.Undecided != "" || v.Took == nil {
			t.Errorf("%+v", v)
			off = 1
		}
		row.Same("F, N", 1, off)
		if v.Took == nil || v.Undecided != "" {
			return
		}
	}
	// The bounds are those of the formulas, from what was seen; and what was
	// seen was not faster.
	least, sum := 8*swarm.LeastDn, 8*swarm.SumUp
	off := 0
	if want := p2pbound.Swarm(swarm.N, fact("F"), 8*swarm.SeedUp, least, sum); math.Abs(*swarm.BoundP2P-want) > 1e-6*want || *swarm.BoundP2P > swarm.Took.Std().Seconds() {
		t.Errorf("D_p2p ≥ %v, want %v; took %s", *swarm.BoundP2P, want, swarm.Took.Std())
		off = 1
	}
	row.Same("bounds", 1, off)
	if !replaytest.Timed() {
		return
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * 1e9) }
	near := func(what string, truth, measured time.Duration, share float64, strict bool) {
		t.Helper()
		row.Time(what, truth, measured)
		if strict && (measured-truth).Abs() > time.Duration(share*float64(truth)) {
			t.Errorf("%s: %s, by the hosts %s", what, measured, truth)
		}
	}
	// The hosts count from before the connection: two round trips more, which
	// a capture of the bytes does not have; where a SYN is lost, a second more.
	near("D_cs took", seconds(fact("D_cs")), server.Took.Std()+2*p.RTT, 0.03, p.Loss == 0)
	// What was captured begins with the first announce, which is a handshake with
	// the tracker later than the hosts' clock.
	began := seconds(fact("swarm_start"))
	announced := time.Duration(1<<63 - 1)
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.Tracker && !m.Wire.Response {
			announced = min(announced, m.Sender.Start.Sub(r.Truth.Epoch))
		}
	}
	near("D_p2p took", seconds(fact("D_p2p"))-(announced-began), swarm.Took.Std(), 0.05, true)
	near("D_cs ≥, configured", seconds(fact("D_cs_bound")), seconds(*server.BoundCS), 0.03, p.Loss == 0 && p.RTT <= 50*time.Millisecond)
	near("D_p2p ≥, configured", seconds(fact("D_p2p_bound")), seconds(*swarm.BoundP2P), 0, false)
}
