package btchoke_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers/btchoke"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks: every choke and unchoke, to each neighbour in order, by
// the log of the peer that made it, on each connection. A last one that its
// neighbour did not read before it gave the connection up may be missing; all
// others must be there. Slots and rates hang on when blocks came: exact where
// nothing is lost.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"bt-swarm", "bt-free-rider"} {
			t.Run(name, func(t *testing.T) {
				replaytest.Beside(t)
				checkDecisions(t, replaytest.Run(t, name, p.Options(5)), row, p.Loss == 0 && replaytest.Timed())
			})
		}
	})
}

func addrOf(r *replaytest.Recording, host string) netip.Addr {
	for _, h := range r.Truth.Hosts {
		if h.Name == host {
			return h.Addrs[0]
		}
	}
	return netip.Addr{}
}

// pair is a peer and one of its neighbours, on one of their connections: they
// have two until they know of it.
type pair struct {
	host, of   string
	connection int
}

// connections are those of the truth, by the frames that say choke or unchoke.
func connections(r *replaytest.Recording) map[uint64]int {
	type ends struct{ client, server netip.AddrPort }
	number, at := map[ends]int{}, map[uint64]int{}
	for _, c := range r.Truth.Connections {
		number[ends{c.Client, c.Server}] = c.ID
	}
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindBitTorrentMessage {
			client, server := e.Flow.Ends()
			if id, ok := number[ends{client, server}]; ok {
				at[e.Pos.Frame] = id
			}
		}
	}
	return at
}

func checkDecisions(t *testing.T, r *replaytest.Recording, row *replaytest.Row, strict bool) {
	t.Helper()
	made, read := map[pair][]truth.Choice{}, map[pair]int{}
	for _, c := range r.Truth.Choices {
		switch c.What {
		case "choke", "unchoke", "optimistic_unchoke":
			k := pair{c.Host, c.Of, *c.Connection}
			made[k] = append(made[k], c)
		}
	}
	for _, m := range r.Truth.Messages {
		if m.Kind != truth.BitTorrent || m.Wire.Type != "choke" && m.Wire.Type != "unchoke" || m.Lost || m.Receiver.End.IsZero() {
			continue
		}
		c := r.Truth.Connections[*m.Connection]
		gone := c.ClientClosed
		if c.Server.Addr() == addrOf(r, m.Receiver.Host) {
			gone = c.ServerClosed
		}
		if !gone.IsZero() && gone.Before(m.Receiver.End) {
			continue
		}
		read[pair{m.Sender.Host, m.Receiver.Host, *m.Connection}]++
	}
	got := rows(r, nil)
	told, on := map[pair][]btchoke.Decision{}, connections(r)
	for host, v := range got {
		for _, d := range v.Decisions {
			k := pair{host, hostOf(r, d.Of), on[d.Frame]}
			told[k] = append(told[k], d)
		}
	}
	for k, list := range told {
		if len(list) > len(made[k]) {
			t.Errorf("%s: %d decisions about %s, by its own log %d", k.host, len(list), k.of, len(made[k]))
		}
	}
	for k, list := range made {
		off := 0
		if n := len(told[k]); n < read[k] || n > len(list) {
			t.Errorf("%s: %d decisions about %s, it made %d, of which %d were read", k.host, n, k.of, len(list), read[k])
			off += max(read[k]-n, n-len(list))
		}
		for i, d := range told[k][:min(len(told[k]), len(list))] {
			c := list[i]
			if d.What != strings.TrimPrefix(c.What, "optimistic_") {
				t.Errorf("%s: decision %d about %s is %s, by its own log %s", k.host, i, k.of, d.What, c.What)
				off++
				continue
			}
			if d.Slot != btchoke.Regular && d.Slot != btchoke.Optimistic {
				continue
			}
			wrong := 0
			if (d.Slot == btchoke.Optimistic) != (c.What == "optimistic_unchoke") {
				wrong = 1
				if strict {
					t.Errorf("%s: frame %d gives %s the slot %s, by its own log %s: %s", k.host, d.Frame, k.of, d.Slot, c.What, c.Why)
				}
			}
			row.Same("slots told", 1, wrong)
		}
		row.Same("decisions", max(len(told[k]), read[k]), off)
	}
	period := r.Truth.Facts["round_seconds"].(float64)
	block := r.Truth.Facts["block_bytes"].(float64)
	for host, v := range got {
		if v.Period != nil {
			off := 0
			if math.Abs(v.Period.Std().Seconds()-period) > 0.02*period {
				off = 1
				if strict {
					t.Errorf("%s: a period of %s, it is %.3f s", host, v.Period.Std(), period)
				}
			}
			row.Same("periods told", 1, off)
		}
	}
	for _, c := range r.Truth.Choices {
		v := got[c.Host]
		if c.What != "round" || v == nil || v.Period == nil || v.SeedSince != nil && !c.Time.Before(v.SeedSince.Std()) {
			continue
		}
		for _, x := range v.Rounds {
			if math.Abs(x.Time.Std().Sub(c.Time).Seconds()) >= period/4 {
				continue
			}
			rates := map[string]float64{}
			for _, p := range x.Ranked {
				rates[hostOf(r, p.Peer)] = p.Rate
			}
			for _, p := range c.Rates {
				rate, ok := rates[p.Host]
				if !ok {
					continue // not interested, as the capture has it
				}
				off := 0
				// A block more or less may lie at the edge of the window.
				if diff := math.Abs(rate-float64(p.Bits)/8) * 2 * period / block; diff > 1.01 {
					off = 1
					if strict {
						t.Errorf("%s at %s: %.0f B/s from %s, by its own log %.0f", c.Host, c.Time, rate, p.Host, float64(p.Bits)/8)
					}
				}
				row.Same("rates within a block", 1, off)
			}
			break
		}
	}
}
