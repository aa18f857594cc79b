package httpcachewhatif_test

import (
	"math"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/httpcachewhatif"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// check: the hit rate is the scenario's, exactly; sizes and rate are those of
// the messages that its hosts tell.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	fact := func(name string) float64 { return r.Truth.Facts[name].(float64) }
	link := analyzers.AccessLink{Rate: int64(fact("access_bits_per_second"))}
	q := httpcachewhatif.Question
	q.New = func(o analyzers.Options) analyzers.Runner {
		o.AccessLink = link
		return httpcachewhatif.Question.New(o)
	}
	v := foldtest.Value[*httpcachewhatif.WhatIf](t, foldtest.Rows(t, q, r.Events...), "all clients")
	if float64(v.Requests) != fact("requests") || *v.HitRate != fact("hit_rate") || v.Undecided != "" {
		t.Errorf("%d requests, hit rate %v, undecided %q", v.Requests, *v.HitRate, v.Undecided)
	}
	if math.Abs(*v.Object-fact("mean_object_bytes")) > 1e-6 {
		t.Errorf("an object has %v bytes, want %v", *v.Object, fact("mean_object_bytes"))
	}
	var first, last time.Time
	var revalidated uint64
	origin := map[string]bool{}
	for _, m := range r.Truth.Messages {
		if m.Server.Addr().String() == "198.51.100.80" {
			origin[m.HTTP.URL] = true
			continue
		}
		if m.Kind == truth.HTTPRequest {
			if first.IsZero() {
				first = m.Sender.Start
			}
			last = m.Sender.Start
		}
	}
	for _, d := range r.Truth.Cache {
		if d.Outcome == "revalidated" {
			revalidated++
		}
	}
	if v.Revalidated != revalidated || v.Hits+v.Revalidated+v.Misses != v.Requests {
		t.Errorf("%d hits, %d revalidated, %d misses; want %d revalidated", v.Hits, v.Revalidated, v.Misses, revalidated)
	}
	lambda := (fact("requests") - 1) / last.Sub(first).Seconds()
	t.Logf("λ %.2f (hosts %.2f), L %.0f, ρ %.3f without, %.3f as captured, %.3f by the model", *v.Lambda, lambda, *v.L, *v.None.Rho, *v.Present.Rho, *v.With.Rho)
	if rho := *v.Lambda * *v.L * 8 / float64(link.Rate); math.Abs(rho-*v.None.Rho) > 1e-9 || math.Abs(*v.With.Rho-0.6*rho) > 1e-9 {
		t.Errorf("ρ %v and %v, want %v and %v", *v.None.Rho, *v.With.Rho, rho, 0.6*rho)
	}
	// There is a cache: what crossed is less than all.
	if *v.Present.Rho >= *v.None.Rho {
		t.Errorf("ρ as captured %v, without a cache %v", *v.Present.Rho, *v.None.Rho)
	}
	if v.Clients < 2 {
		t.Errorf("%d clients", v.Clients)
	}
}

func TestKept(t *testing.T) {
	check(t, replaytest.Open(t, "../../pcaps/http-proxy-cache.pcapng", "../../pcaps/http-proxy-cache.json"))
}

func TestProxyCache(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, "http-proxy-cache", replay.Options{RTT: 50 * time.Millisecond, Seed: 3, At: at}))
		})
	}
}
