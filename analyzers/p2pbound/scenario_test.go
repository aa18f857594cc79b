package p2pbound_test

import (
	"math"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/p2pbound"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func rows(r *replaytest.Recording, keep func(*events.Event) bool) (server, swarm *p2pbound.Value) {
	l := events.DefaultLimits()
	run := p2pbound.Question.New(analyzers.Options{Limits: &l})
	want := events.SetOf(run.Kinds()...)
	add := func(row analyzers.Row) {
		if v := row.Value.(*p2pbound.Value); v.What == p2pbound.ByServer {
			server = v
		} else {
			swarm = v
		}
	}
	for _, e := range r.Events {
		if k := e.Body.Kind(); !want.Has(k) || keep != nil && !keep(e) {
			continue
		}
		run.Step(e, add)
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return server, swarm
}

func numbers(v any) (sum, least float64, byHost map[string]float64) {
	byHost = map[string]float64{}
	for k, x := range v.(map[string]any) {
		f := x.(float64)
		sum += f
		if least == 0 || f < least {
			least = f
		}
		byHost[k] = f
	}
	return sum, least, byHost
}

// check compares both halves of p2p-vs-server with what was configured and
// with what the hosts measured. times: also how long it took.
func check(t *testing.T, r *replaytest.Recording, times bool) {
	t.Helper()
	f := r.Truth.Facts
	fact := func(name string) float64 { return f[name].(float64) }
	sum, _, _ := numbers(f["u_i"])
	_, least, _ := numbers(f["d_i"])

	// The bounds of the configured rates.
	if got := p2pbound.Server(int(fact("N")), fact("F"), fact("u_s"), least); math.Abs(got-fact("D_cs_bound")) > 1e-9 {
		t.Errorf("D_cs ≥ %v, want %v", got, fact("D_cs_bound"))
	}
	if got := p2pbound.Swarm(int(fact("N")), fact("F"), fact("u_s"), least, sum); math.Abs(got-fact("D_p2p_bound")) > 1e-9 {
		t.Errorf("D_p2p ≥ %v, want %v", got, fact("D_p2p_bound"))
	}

	server, swarm := rows(r, nil)
	if server == nil || swarm == nil {
		t.Fatalf("server %v, swarm %v", server, swarm)
	}
	for _, v := range []*p2pbound.Value{server, swarm} {
		if float64(v.File)*8 != fact("F") || v.N != int(fact("N")) || v.Complete != v.N || v.Undecided != "" || v.Took == nil {
			t.Errorf("%+v", v)
		}
	}
	near := func(what string, got, want, share float64) {
		t.Helper()
		if math.Abs(got-want) > share*want {
			t.Errorf("%s: %.4g, want %.4g within %.0f %%", what, got, want, 100*share)
		}
	}
	t.Logf("server: u_s %.0f bit/s, d_min %.0f, took %s, at least %.3f s", 8*server.SeedUp, 8*server.LeastDn, server.Took.Std(), *server.BoundCS)
	t.Logf("swarm: window %s, u_s %.0f bit/s, Σu_i %.0f of %.0f, d_min %.0f, took %s, at least %.3f s, by a server %.3f s; %s %s",
		swarm.Window.Std(), 8*swarm.SeedUp, 8*swarm.SumUp, sum, 8*swarm.LeastDn, swarm.Took.Std(), *swarm.BoundP2P, *swarm.BoundCS, swarm.P2PLimit, swarm.CSLimit)
	if !times {
		return
	}
	near("u_s of the server", 8*server.SeedUp, fact("u_s"), 0.03)
	near("D_cs ≥", *server.BoundCS, fact("D_cs_bound"), 0.03)
	// The hosts count from before the connection: two round trips more, which
	// a capture of the bytes does not have.
	near("D_cs", server.Took.Std().Seconds()+2*r.Truth.RTT.Std().Seconds(), fact("D_cs"), 0.03)
	near("u_s of the swarm", 8*swarm.SeedUp, fact("u_s"), 0.05)
	near("D_p2p", swarm.Took.Std().Seconds(), fact("D_p2p"), 0.05)
	// No peer sends more than it was told to; what it never sent nobody sees.
	if 8*swarm.SumUp > 1.05*sum {
		t.Errorf("Σu_i %.0f bit/s, configured %.0f", 8*swarm.SumUp, sum)
	}
	// The bounds of what was seen hold for what was seen.
	if *swarm.BoundP2P > swarm.Took.Std().Seconds() || *server.BoundCS > 1.0001*server.Took.Std().Seconds() {
		t.Errorf("faster than the bound: swarm %s, %v; server %s, %v", swarm.Took.Std(), *swarm.BoundP2P, server.Took.Std(), *server.BoundCS)
	}
	if *swarm.BoundCS < swarm.Took.Std().Seconds() {
		t.Errorf("the server alone is faster: %v", *swarm.BoundCS)
	}
}

// The recording that is kept.
func TestKept(t *testing.T) {
	check(t, replaytest.Open(t, "../../pcaps/p2p-vs-server.pcapng", "../../pcaps/p2p-vs-server.json"), true)
}

// A swarm that begins in the middle: less than N·F was to be sent.
func TestBegun(t *testing.T) {
	_, v := rows(replaytest.Open(t, "../../pcaps/bt-free-rider.pcapng", "../../pcaps/bt-free-rider.json"), nil)
	if v == nil || v.Undecided != "some peers had pieces at the start: the bounds are for those that have nothing" || v.BoundP2P != nil || v.Took == nil {
		t.Errorf("%+v", v)
	}
}

// Anew, from another place.
func TestPlayed(t *testing.T) {
	replaytest.Timing(t)
	for _, at := range []string{"client", "middle", "server"} {
		check(t, replaytest.Run(t, "p2p-vs-server", replay.Options{Seed: 21, At: at}), false)
	}
}

// From the place of one client, the others' exchanges are not seen.
func TestViewpoint(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/p2p-vs-server.pcapng", "../../pcaps/p2p-vs-server.json")
	addr := ""
	for _, h := range r.Truth.Hosts {
		if h.Name == "client2" {
			addr = h.Addrs[0].String()
		}
	}
	server, swarm := rows(r, func(e *events.Event) bool { return e.Flow.Client.String() == addr || e.Flow.Server.String() == addr })
	if server != nil {
		t.Errorf("one client alone: %+v", server)
	}
	if swarm == nil || !strings.HasPrefix(swarm.Undecided, "captured at "+addr) || swarm.BoundP2P != nil {
		t.Errorf("%+v", swarm)
	}
}
