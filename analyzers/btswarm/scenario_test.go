package btswarm_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btswarm"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func hostOf(r *replaytest.Recording, addr netip.Addr) string {
	for _, h := range r.Truth.Hosts {
		if slices.Contains(h.Addrs, addr) {
			return h.Name
		}
	}
	return addr.String()
}

// nothingHeard is why nothing is told of an end of a connection that never
// spoke: where the network loses packets, a last one of a connection may be sent
// again when it is over.
const nothingHeard = "one direction only"

func rows(r *replaytest.Recording, keep func(*events.Event) bool) (swarms []*btswarm.Value, peers map[string]*btswarm.Value) {
	l := events.DefaultLimits()
	run := btswarm.Question.New(analyzers.Options{Limits: &l})
	want := events.SetOf(run.Kinds()...)
	peers = map[string]*btswarm.Value{}
	add := func(row analyzers.Row) {
		v := row.Value.(*btswarm.Value)
		if v.What == btswarm.Swarm {
			swarms = append(swarms, v)
			return
		}
		if strings.HasPrefix(v.Undecided, nothingHeard) {
			return
		}
		host, _, _ := strings.Cut(v.Peer, ":")
		peers[hostOf(r, netip.MustParseAddr(host))] = v
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

// check compares a swarm with the accounts of its peers.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	swarms, peers := rows(r, nil)
	if len(swarms) != 1 {
		t.Fatalf("%d swarms", len(swarms))
	}
	s := swarms[0]
	hosts := map[string][]truth.Peer{}
	for _, p := range r.Truth.Peers {
		hosts[p.Host] = append(hosts[p.Host], p)
	}
	pieces := int(r.Truth.Facts["pieces"].(float64))
	if s.InfoHash != r.Truth.Facts["info_hash"] || s.Peers != len(hosts) || s.Pieces != pieces || s.Seeds != 1 || s.Finished != len(hosts)-1 || s.Undecided != "" {
		t.Errorf("%+v, want %d peers, %d pieces, one seed, and the others finished", s, len(hosts), pieces)
	}
	if s.Joins != len(hosts) || s.Leaves != len(hosts) || s.Most > len(hosts) {
		t.Errorf("%d joins, %d leaves, %d at a time: want each of %d peers to come and go once", s.Joins, s.Leaves, s.Most, len(hosts))
	}
	// Who was told of whom, by what, in time.
	sources := map[btswarm.How]int{}
	for _, c := range r.Truth.Connections {
		if c.Server.Port() != 6881 {
			continue
		}
		by := btswarm.ByNothing
		var first string
		for _, m := range r.Truth.Messages {
			w := m.Wire
			if w == nil || m.Receiver.Host != hostOf(r, c.Client.Addr()) || m.Receiver.End.After(c.ConnectStart) || m.Lost {
				continue
			}
			at := m.Receiver.End.String()
			if first != "" && at >= first {
				continue
			}
			switch {
			case m.Kind == truth.Tracker && slices.Contains(w.Peers, c.Server.String()):
				by, first = btswarm.ByTracker, at
			case w.Extension == "ut_pex" && slices.Contains(w.Peers, c.Server.String()):
				by, first = btswarm.ByPEX, at
			case m.Kind == truth.DHT && slices.Contains(w.Values, c.Server.String()):
				by, first = btswarm.ByDHT, at
			}
		}
		sources[by]++
	}
	for _, x := range s.ByHow {
		if sources[x.By] != x.Connections {
			t.Errorf("%d connections by %s, want %d", x.Connections, x.By, sources[x.By])
		}
		delete(sources, x.By)
	}
	if len(sources) > 0 {
		t.Errorf("no connections by %v", sources)
	}
	// Trackers.
	want := announces(r, false)
	got := btswarm.Tracker{}
	if s.Tracker != nil {
		got = *s.Tracker
		got.Seeders, got.Leechers, got.Interval = nil, nil, 0
	}
	if got != want {
		t.Errorf("trackers: %+v, want %+v", got, want)
	}
	complete := r.Truth.Facts["complete_at"].(map[string]any)
	for host, list := range hosts {
		v := peers[host]
		if v == nil {
			t.Errorf("no row for %s", host)
			continue
		}
		for fact, n := range map[string]int64{"bytes_sent": v.Gave, "bytes_received": v.Took} {
			sum := int64(0)
			for _, x := range r.Truth.Facts[fact].(map[string]any)[host].(map[string]any) {
				sum += int64(x.(float64))
			}
			if sum != n {
				t.Errorf("%s: %s %d, by its own account %d", host, fact, n, sum)
			}
		}
		_, finished := complete[host]
		if role := map[bool]btswarm.Role{true: btswarm.Finished, false: btswarm.Seed}[finished]; v.Role != role {
			t.Errorf("%s is %s, want %s", host, v.Role, role)
		}
		if had := count(list[0].Pieces); v.Had != had || v.Has != pieces {
			t.Errorf("%s had %d and has %d pieces, by its own log %d and %d", host, v.Had, v.Has, had, pieces)
		}
	}
}

func count(hex string) (n int) {
	for _, c := range hex {
		var x int
		fmt.Sscanf(string(c), "%x", &x)
		for ; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}

// The recordings that are kept.
func TestKept(t *testing.T) {
	for _, name := range []string{"bt-swarm", "bt-free-rider", "bt-dht", "bt-udp-tracker", "p2p-vs-server"} {
		t.Run(name, func(t *testing.T) {
			check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
		})
	}
}

// Anew, from another place.
func TestPlayed(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	check(t, replaytest.Run(t, "bt-udp-tracker", replay.Options{Seed: 12, At: "middle"}))
}

// announces is what peers told their tracker, by the hosts; lost: also what was
// lost on its way.
func announces(r *replaytest.Recording, lost bool) (n btswarm.Tracker) {
	for _, m := range r.Truth.Messages {
		if m.Kind != truth.Tracker || m.Wire.Type != "announce" || m.Wire.Response || m.Lost && !lost {
			continue
		}
		n.Announces++
		switch m.Wire.Event {
		case "started":
			n.Started++
		case "completed":
			n.Completed++
		case "stopped":
			n.Stopped++
		}
	}
	return n
}
