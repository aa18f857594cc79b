package btrarity_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btrarity"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// nothingHeard is why nothing is told of an end of a connection that never
// spoke: where the network loses packets, a last one of a connection may be sent
// again when it is over.
const nothingHeard = "one direction only"

// rows are those of the events that keep lets through.
func rows(r *replaytest.Recording, keep func(*events.Event) bool) (swarms []*btrarity.Value, peers map[string]*btrarity.Value) {
	l := events.DefaultLimits()
	run := btrarity.Question.New(analyzers.Options{Limits: &l})
	want := events.SetOf(run.Kinds()...)
	names := map[string]string{}
	for _, h := range r.Truth.Hosts {
		for _, a := range h.Addrs {
			names[a.String()] = h.Name
		}
	}
	peers = map[string]*btrarity.Value{}
	add := func(row analyzers.Row) {
		v := row.Value.(*btrarity.Value)
		if v.What == btrarity.Swarm {
			swarms = append(swarms, v)
			return
		}
		if strings.HasPrefix(v.Undecided, nothingHeard) {
			return
		}
		host, _, _ := strings.Cut(v.Peer, ":")
		peers[names[host]] = v
	}
	for _, e := range r.Events {
		if want.Has(e.Body.Kind()) && (keep == nil || keep(e)) {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return swarms, peers
}

// bitfields are what a peer had, one after the other, by its row.
func bitfields(v *btrarity.Value, pieces int) []string {
	has := make([]bool, (pieces+7)/8*8)
	for i := range len(v.Start) {
		x, _ := strconv.ParseUint(v.Start[i:i+1], 16, 8)
		for k := range 4 {
			has[i*4+k] = x&(8>>k) != 0
		}
	}
	hex := func() string {
		var b strings.Builder
		for i := 0; i < len(has); i += 4 {
			x := 0
			for k := range 4 {
				x <<= 1
				if has[i+k] {
					x++
				}
			}
			fmt.Fprintf(&b, "%x", x)
		}
		return b.String()
	}
	out := []string{hex()}
	for _, g := range v.Gained {
		has[g.Piece] = true
		out = append(out, hex())
	}
	return out
}

func hostOf(r *replaytest.Recording, name string) string {
	addr, _, _ := strings.Cut(name, ":")
	for _, h := range r.Truth.Hosts {
		if h.Addrs[0].String() == addr {
			return h.Name
		}
	}
	return name
}

// check compares what each peer had, in its order, and what it asked for
// first, with its own log: exactly. Copies are compared too, and how many of
// them differ is told, and where the machine may be busy (not strict) the order
// of requests to several is not asserted: what was under way to a peer at the very moment when it
// asked cannot be told from what had come.
func check(t *testing.T, r *replaytest.Recording, strict bool) (asked, off int) {
	t.Helper()
	pieces := int(r.Truth.Facts["pieces"].(float64))
	swarms, peers := rows(r, nil)
	if len(swarms) != 1 || swarms[0].Pieces != pieces || swarms[0].PiecesAtMost != 0 || swarms[0].InfoHash != r.Truth.Facts["info_hash"] || swarms[0].Undecided != "" {
		t.Fatalf("swarms: %+v", swarms)
	}
	hosts := map[string][]string{}
	at := map[string][]time.Time{}
	for _, p := range r.Truth.Peers {
		hosts[p.Host] = append(hosts[p.Host], p.Pieces)
		at[p.Host] = append(at[p.Host], p.Time)
	}
	if len(hosts) != len(peers) || swarms[0].Peers != len(hosts) {
		t.Errorf("%d peers, want %d", len(peers), len(hosts))
	}
	for host, want := range hosts {
		v := peers[host]
		if v == nil {
			t.Errorf("no row for %s", host)
			continue
		}
		if got := bitfields(v, pieces); !slices.Equal(got, want) {
			t.Errorf("%s had %v, by its own log %v", host, got, want)
		}
		var choices []truth.Choice
		again := 0
		for _, c := range r.Truth.Choices {
			switch {
			case c.Host == host && c.What == "request":
				choices = append(choices, c)
			case c.Host == host && c.What == "request_again":
				again++
			}
		}
		// A block that comes in the very moment in which it is asked for again
		// may have been owed still, or not any more: a few in a hundred.
		got := 0
		if v.Endgame != nil {
			got = v.Endgame.Again
		}
		if strict && max(got-again, again-got) > 1+again/20 {
			t.Errorf("%s: end game %+v, by its own log %d requests", host, v.Endgame, again)
		}
		if len(choices) != len(v.Requests) {
			t.Errorf("%s: %d first requests, by its own log %d", host, len(v.Requests), len(choices))
			continue
		}
		// Requests to several within a millisecond are in an order that only a
		// capture at the peer itself shows; to one of them it is certain.
		for i := 0; i < len(choices); {
			n := i + 1
			for n < len(choices) && choices[n].Time.Sub(choices[n-1].Time) < time.Millisecond {
				n++
			}
			slices.SortStableFunc(choices[i:n], func(a, b truth.Choice) int { return strings.Compare(a.Of, b.Of) })
			slices.SortStableFunc(v.Requests[i:n], func(a, b btrarity.Request) int {
				return strings.Compare(hostOf(r, a.Of), hostOf(r, b.Of))
			})
			i = n
		}
		for i, c := range choices {
			q := v.Requests[i]
			if of := hostOf(r, q.Of); q.Piece != *c.Piece || of != c.Of {
				tell := t.Errorf
				if !strict {
					tell = t.Logf
				}
				tell("%s: request %d is for piece %d of %s, by its own log %d of %s", host, i, q.Piece, of, *c.Piece, c.Of)
				continue
			}
			var candidates, copies, rarer, equal int
			words := strings.Fields(c.Copies)
			own, _ := strconv.Atoi(words[q.Piece])
			for _, w := range words {
				if k, err := strconv.Atoi(w); err == nil {
					candidates++
					if k < own {
						rarer++
					}
					if k == own {
						equal++
					}
				}
			}
			copies = own
			asked++
			if q.Candidates != candidates || q.Copies != copies || q.Rarer != rarer || q.Equal != equal {
				off++
				t.Logf("%s: request %d, frame %d, piece %d: of %d candidates with %d copies, %d rarer and %d equal; by its own log of %d with %d, %d and %d", host, i, q.Frame, q.Piece,
					q.Candidates, q.Copies, q.Rarer, q.Equal, candidates, copies, rarer, equal)
			}
		}
		t.Logf("%s: %s %s, %d first, %d weighed, %d rarest, z %v", host, v.Verdict, v.Undecided, v.Firsts, v.Weighed, v.Rarest, v.Z)
	}
	return asked, off
}

var names = []string{"bt-swarm", "bt-free-rider", "bt-dht", "bt-udp-tracker", "p2p-vs-server"}

// The recordings that are kept.
func TestKept(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			r := replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json")
			asked, off := check(t, r, true)
			t.Logf("%d of %d first requests are ranked as the peer ranked them", asked-off, asked)
			if off > 0 {
				t.Errorf("%d of %d first requests are not ranked as the peer ranked them", off, asked)
			}
		})
	}
}

// Anew, from other places.
func TestPlayed(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	places := []string{"middle"}
	if os.Getenv("WIRETALE_TIMING") == "1" {
		places = []string{"client", "middle", "server"}
	}
	for _, at := range places {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, "bt-swarm", replay.Options{Seed: 11, At: at})
			asked, off := check(t, r, false)
			t.Logf("%d of %d first requests are ranked as the peer ranked them", asked-off, asked)
		})
	}
}
