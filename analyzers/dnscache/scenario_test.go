package dnscache_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnscache"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// outcomes are those of the questions to one cache, in the order of answers,
// as the cache itself tells: a miss if it missed the name or an alias of it.
func outcomes(tr *truth.Truth, host string) []string {
	addr := ""
	for _, h := range tr.Hosts {
		if h.Name == host {
			addr = h.Addrs[0].String()
		}
	}
	var out []string
	for i := range tr.Messages {
		a := &tr.Messages[i]
		if a.Kind != truth.DNSResponse || a.Server.Addr().String() != addr || slices.Contains(a.DNS.Flags, "tc") || a.DNS.Rcode == "SERVFAIL" {
			continue
		}
		var from time.Time
		for j := range tr.Messages {
			q := &tr.Messages[j]
			if q.Kind == truth.DNSQuery && q.Client == a.Client && q.Server == a.Server && q.DNS.ID == a.DNS.ID && q.Receiver.Start.Before(a.Sender.Start) {
				from = q.Receiver.Start
			}
		}
		outcome := ""
		for _, d := range tr.Cache {
			if d.Host != host || d.Time.Before(from) || d.Time.After(a.Sender.Start) {
				continue
			}
			if outcome != "miss" {
				outcome = d.Outcome
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s", a.DNS.Question[0].Name, a.DNS.Question[0].Type, outcome))
	}
	return out
}

func rows(r *replaytest.Recording, keep func(*events.Event) bool) map[string]*dnscache.Cache {
	l := events.DefaultLimits()
	run := dnscache.Question.New(analyzers.Options{Limits: &l})
	out := map[string]*dnscache.Cache{}
	add := func(r analyzers.Row) { out[r.Key] = r.Value.(*dnscache.Cache) }
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindDNSMessage && keep(e) {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out
}

// Each question's outcome is that of the truth: all of them where both sides
// of the resolver are captured, and no wrong one from the users' side.
func TestScenarios(t *testing.T) {
	for _, name := range names {
		for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%s", name, rtt), func(t *testing.T) {
				t.Parallel()
				check(t, replaytest.Run(t, name, replay.Options{RTT: rtt, Seed: 7, At: "client"}), new(replaytest.Row))
			})
		}
	}
}

var names = []string{"dns-cache", "dns-roundrobin", "dns-mx-alias", "dns-cdn", "dns-iterative"}

// Over all networks. A question that is sent again is the same question.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				check(t, replaytest.Run(t, name, p.Options(7)), row)
			})
		}
	})
}

func check(t *testing.T, r *replaytest.Recording, row *replaytest.Row) {
	t.Helper()
	caches := map[string]string{} // by address
	for _, d := range r.Truth.Cache {
		for _, h := range r.Truth.Hosts {
			if h.Name == d.Host {
				caches[h.Addrs[0].String()] = h.Name
			}
		}
	}
	upstream := func(e *events.Event) bool { return caches[e.Flow.Client.String()] != "" }
	for _, side := range []struct {
		name string
		keep func(*events.Event) bool
	}{
		{"both", func(*events.Event) bool { return true }},
		{"users", func(e *events.Event) bool { return !upstream(e) }},
	} {
		var right, claimed, true_, undecided, told, off int
		got := rows(r, side.keep)
		for addr, host := range caches {
			want := outcomes(r.Truth, host)
			v := got[addr]
			if v == nil || len(v.Decisions) != len(want) {
				t.Fatalf("%s: %s: %+v, want %v", side.name, host, v, want)
			}
			for i, d := range v.Decisions {
				line := fmt.Sprintf("%s %s %s", d.Name, d.Type, d.Outcome)
				ok := line == want[i]
				if want[i] == fmt.Sprintf("%s %s hit", d.Name, d.Type) {
					true_++
					if ok {
						right++
					}
				}
				if d.Outcome == dnscache.Hit {
					claimed++
				}
				if d.Outcome == dnscache.Undecided {
					undecided++
				}
				if d.Outcome != dnscache.Undecided {
					told++
				}
				if !ok && (side.name == "both" || d.Outcome != dnscache.Undecided) {
					off++
					t.Errorf("%s: decision %d: %s by %s (ttl %v, %s), want %s", side.name, i, line, d.Evidence, d.TTL, d.Latency.Std(), want[i])
				}
			}
			if side.name == "both" && (v.Stale != 0 || v.TTLHigh != 0 || v.TTLLow != 0) {
				t.Errorf("%s: stale %d, high %d, low %d", host, v.Stale, v.TTLHigh, v.TTLLow)
			}
		}
		row.Same(side.name+": decisions", told, off)
		row.Same(side.name+": hits", claimed, claimed-right)
		row.Same(side.name+": hits found", true_, true_-right)
		t.Logf("%s: hits %d of %d found, %d claimed, %d undecided", side.name, right, true_, claimed, undecided)
	}
}
