package proxycache_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestProxyCache(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, "http-proxy-cache", replay.Options{RTT: 20 * time.Millisecond, Seed: 3, At: at})
			r.Check(t)
			check(t, r.Truth)
		})
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	r := replaytest.Open(t, "../../../pcaps/http-proxy-cache.pcapng", "../../../pcaps/http-proxy-cache.json")
	r.Check(t)
	check(t, r.Truth)
}

// 30 requests: 14 for something new, 12 again; and two each for what must be
// validated and what must not be kept.
func check(t *testing.T, got *truth.Truth) {
	t.Helper()
	outcomes := map[string]int{}
	for _, d := range got.Cache {
		outcomes[d.Outcome]++
		if d.Host != "proxy.example.test" {
			t.Errorf("%s decided on %s", d.Host, d.Key)
		}
	}
	if outcomes["miss"] != 14+1+2 || outcomes["hit"] != 12 || outcomes["revalidated"] != 1 {
		t.Errorf("outcomes: %v", outcomes)
	}
	if rate := got.Facts["hit_rate"]; rate != 0.4 {
		t.Errorf("hit rate %v", rate)
	}

	origin := "198.51.100.80"
	var near, far []truth.Message // answers on either side of the proxy
	for _, m := range got.Messages {
		if m.Kind != truth.HTTPResponse {
			continue
		}
		if m.Server.Addr().String() == origin {
			far = append(far, m)
		} else {
			near = append(near, m)
		}
	}
	// What is no hit goes to the origin.
	if len(near) != 30 || len(far) != 18 {
		t.Errorf("%d answers to clients, %d from the origin; want 30 and 18", len(near), len(far))
	}
	told := map[string]int{}
	for _, m := range near {
		status := m.HTTP.Fields["cache-status"]
		if status == "" || m.HTTP.Fields["via"] != "1.1 proxy.example.test" || m.HTTP.Status != 200 {
			t.Errorf("%s: %d, %v", m.HTTP.URL, m.HTTP.Status, m.HTTP.Fields)
		}
		switch {
		case strings.HasSuffix(status, "; hit"):
			told["hit"]++
		case strings.Contains(status, "fwd-status=304"):
			told["revalidated"]++
		default:
			told["miss"]++
		}
	}
	for _, o := range []string{"hit", "miss", "revalidated"} {
		if told[o] != outcomes[o] {
			t.Errorf("the proxy told clients of %d times %s, and decided it %d times", told[o], o, outcomes[o])
		}
	}
}

// With a cache, the access link has room. Without a queue, an answer from the
// origin takes the round trip; what is more is waiting for the link.
func TestQueueing(t *testing.T) {
	replaytest.Timing(t)
	r := replaytest.Run(t, "http-proxy-cache", replay.Options{Seed: 1})
	var hit, miss, hits, misses float64
	asked := map[[2]int]time.Time{}
	for _, m := range r.Truth.Messages {
		if m.Server.Addr().String() == "198.51.100.80" {
			continue
		}
		k := [2]int{*m.Connection, m.HTTP.Ordinal}
		if m.Kind == truth.HTTPRequest {
			asked[k] = m.Sender.Start
			continue
		}
		took := m.Receiver.End.Sub(asked[k]).Seconds()
		if strings.HasSuffix(m.HTTP.Fields["cache-status"], "; hit") {
			hit, hits = hit+took, hits+1
		} else {
			miss, misses = miss+took, misses+1
		}
	}
	t.Logf("hits take %.1f ms, others %.1f ms", 1000*hit/hits, 1000*miss/misses)
	if miss/misses < 0.075 {
		t.Errorf("others than hits take %.1f ms: round trip and sending take 75", 1000*miss/misses)
	}
	if hit/hits > miss/misses/2 {
		t.Errorf("hits take %.1f ms, others %.1f ms", 1000*hit/hits, 1000*miss/misses)
	}
}
