package btchoke_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btchoke"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func hostOf(r *replaytest.Recording, name string) string {
	addr, _, _ := strings.Cut(name, ":")
	for _, h := range r.Truth.Hosts {
		if h.Addrs[0].String() == addr {
			return h.Name
		}
	}
	return name
}

// nothingHeard is why nothing is told of an end of a connection that never
// spoke: where the network loses packets, a last one of a connection may be sent
// again when it is over.
const nothingHeard = "one direction only"

func rows(r *replaytest.Recording, keep func(*events.Event) bool) map[string]*btchoke.Value {
	l := events.DefaultLimits()
	run := btchoke.Question.New(analyzers.Options{Limits: &l})
	want := events.SetOf(run.Kinds()...)
	out := map[string]*btchoke.Value{}
	add := func(row analyzers.Row) {
		v := row.Value.(*btchoke.Value)
		if strings.HasPrefix(v.Undecided, nothingHeard) {
			return
		}
		out[hostOf(r, v.Peer)] = v
	}
	for _, e := range r.Events {
		if want.Has(e.Body.Kind()) && (keep == nil || keep(e)) {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out
}

// check compares every choke and unchoke with the log of the peer that made
// it, exactly: to each neighbour in order, and all of them in order but for
// those made in one moment. A slot that is told must be the peer's own.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	got := rows(r, nil)
	want := map[string][]truth.Choice{}
	hosts := map[string]bool{}
	for _, p := range r.Truth.Peers {
		hosts[p.Host] = true
	}
	for _, c := range r.Truth.Choices {
		switch c.What {
		case "choke", "unchoke", "optimistic_unchoke":
			want[c.Host] = append(want[c.Host], c)
		}
	}
	if len(got) != len(hosts) {
		t.Errorf("%d rows, want %d", len(got), len(hosts))
	}
	told, undecided := 0, 0
	for host := range hosts {
		v := got[host]
		if v == nil {
			t.Errorf("no row for %s", host)
			continue
		}
		if v.Undecided != "" {
			t.Errorf("%s is undecided: %s", host, v.Undecided)
		}
		list, logged := slices.Clone(v.Decisions), want[host]
		if len(list) != len(logged) {
			t.Errorf("%s: %d decisions, by its own log %d", host, len(list), len(logged))
			continue
		}
		for i := 0; i < len(logged); {
			n := i + 1
			for n < len(logged) && logged[n].Time.Sub(logged[n-1].Time) < 5*time.Millisecond {
				n++
			}
			slices.SortStableFunc(logged[i:n], func(a, b truth.Choice) int { return strings.Compare(a.Of, b.Of) })
			slices.SortStableFunc(list[i:n], func(a, b btchoke.Decision) int { return strings.Compare(hostOf(r, a.Of), hostOf(r, b.Of)) })
			i = n
		}
		for i, c := range logged {
			d := list[i]
			if what := strings.TrimPrefix(c.What, "optimistic_"); d.What != what || hostOf(r, d.Of) != c.Of {
				t.Errorf("%s: decision %d is %s %s, by its own log %s %s", host, i, d.What, hostOf(r, d.Of), what, c.Of)
				continue
			}
			slot := map[string]btchoke.Slot{"unchoke": btchoke.Regular, "optimistic_unchoke": btchoke.Optimistic}[c.What]
			switch d.Slot {
			case "", btchoke.Seeding:
			case btchoke.Undecided:
				undecided++
			default:
				told++
				if d.Slot != slot {
					t.Errorf("%s: decision %d, frame %d, of %s gives the slot %s (%s; rank %d of %d, %.0f B/s), by its own log %s: %s", host, i, d.Frame, c.Of, d.Slot, d.Why, d.Rank, d.Rivals, d.Rate, c.What, c.Why)
				}
			}
		}
		// Bytes of blocks, both ways.
		for fact, n := range map[string]int64{"bytes_sent": v.Gave, "bytes_received": v.Took} {
			sum := int64(0)
			for _, x := range r.Truth.Facts[fact].(map[string]any)[host].(map[string]any) {
				sum += int64(x.(float64))
			}
			if sum != n {
				t.Errorf("%s: %s %d, by its own account %d", host, fact, n, sum)
			}
		}
		rider := btchoke.No
		if host == "rider" {
			rider = btchoke.Yes
		}
		if v.FreeRider != rider && !(v.FreeRider == btchoke.Unknown && v.Gave == 0 && host != "rider") {
			t.Errorf("%s: free rider %s", host, v.FreeRider)
		}
	}
	t.Logf("slots of unchokes: %d told, %d undecided", told, undecided)
	checkRounds(t, r, got)
}

// checkRounds compares rates of rounds with those that the peers ranked by.
func checkRounds(t *testing.T, r *replaytest.Recording, got map[string]*btchoke.Value) {
	t.Helper()
	block := r.Truth.Facts["block_bytes"].(float64)
	period := r.Truth.Facts["round_seconds"].(float64)
	seen, equal, blurred, missed := 0, 0, 0, 0
	for _, c := range r.Truth.Choices {
		v := got[c.Host]
		if c.What != "round" || v == nil || v.SeedSince != nil && !c.Time.Before(v.SeedSince.Std()) {
			continue
		}
		if v.Period == nil {
			missed++
			continue
		}
		if p := v.Period.Std().Seconds(); math.Abs(p-period) > 0.02*period {
			t.Errorf("%s: a period of %.3f s, it is %.3f s", c.Host, p, period)
		}
		i := slices.IndexFunc(v.Rounds, func(x btchoke.Round) bool {
			return math.Abs(x.Time.Std().Sub(c.Time).Seconds()) < period/4
		})
		if i < 0 {
			missed++
			t.Logf("%s: no round at %s", c.Host, c.Time)
			continue
		}
		rates := map[string]float64{}
		for _, x := range v.Rounds[i].Ranked {
			rates[hostOf(r, x.Peer)] = x.Rate
		}
		for _, x := range c.Rates {
			rate, ok := rates[x.Host]
			if !ok {
				blurred++
				continue
			}
			seen++
			// A block more or less may lie at the edge of the window.
			switch diff := math.Abs(rate-float64(x.Bits)/8) * 2 * period / block; {
			case diff < 0.01:
				equal++
			case diff > 1.01:
				t.Errorf("%s at %s: %.0f B/s from %s, by its own log %.0f", c.Host, c.Time, rate, x.Host, float64(x.Bits)/8)
			}
		}
	}
	t.Logf("rates: %d compared, %d equal, the others within a block at the edge; %d not interested by the capture, %d rounds without a period", seen, equal, blurred, missed)
	if seen > 0 && equal*100 < seen*75 {
		t.Errorf("only %d of %d rates are equal", equal, seen)
	}
}

var names = []string{"bt-swarm", "bt-free-rider", "bt-dht", "bt-udp-tracker", "p2p-vs-server"}

// The recordings that are kept.
func TestKept(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
		})
	}
}

// Anew, from other places.
func TestPlayed(t *testing.T) {
	replaytest.Timing(t)
	for _, at := range []string{"client", "middle", "server"} {
		t.Run(at, func(t *testing.T) {
			r := replaytest.Run(t, "bt-free-rider", replay.Options{Seed: 11, At: at})
			check(t, r)
		})
	}
}

// From one peer's place: what others do to each other is not seen.
func TestViewpoint(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/bt-swarm.pcapng", "../../pcaps/bt-swarm.json")
	addr := ""
	for _, h := range r.Truth.Hosts {
		if h.Name == "leecher2" {
			addr = h.Addrs[0].String()
		}
	}
	for host, v := range rows(r, func(e *events.Event) bool { return e.Flow.Client.String() == addr || e.Flow.Server.String() == addr }) {
		if host == "leecher2" {
			if v.Undecided != "" || len(v.Decisions) == 0 {
				t.Errorf("the one whose connections are all seen: %+v", v)
			}
			continue
		}
		if want := fmt.Sprintf("captured at %s:6881: its other connections are not seen", addr); v.Undecided != want {
			t.Errorf("%s is undecided by %q, want %q", host, v.Undecided, want)
		}
		for _, d := range v.Decisions {
			if d.What == "unchoke" && d.Slot != btchoke.Undecided {
				t.Errorf("%s: the slot of an unchoke is told: %+v", host, d)
			}
		}
		if v.FreeRider == btchoke.Yes {
			t.Errorf("%s is said to be a free rider", host)
		}
	}
}
