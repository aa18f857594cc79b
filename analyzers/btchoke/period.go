package btchoke

import (
	"math"
	"slices"

	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// The customs of choking (BEP 3).
const (
	slots    = 4
	usual    = events.Duration(10e9) // s between rounds
	window   = 2                     // rounds over which rates are measured
	snubbing = 6                     // rounds without a block that is owed
)

const (
	together  = events.Duration(20e6)  // s: chokes so close are of one round
	shortest  = events.Duration(100e6) // s between rounds, at least
	steps     = 12                     // rounds that may go by without a choke, when the period is looked for
	off       = 0.05                   // of a period that a choke may be early or late
	coherent  = 0.7                    // share of chokes that must lie on the rounds: some are made between them
	fewChokes = 4
	rare      = 0.01 // a period that chokes made at any time would show as often, of those tried until then, is none
	mostPeers = 16   // that are looked at for the period
	mostLooks = 32   // chokes of each
)

// chokes are the moments at which p choked someone, each round once; without
// those that came right after a neighbour came to be interested, or ceased to
// be, which are made between rounds.
func (t *tables) chokes(p *btpeers.Peer) []events.Time {
	var at, changes []events.Time
	for _, c := range p.Conns {
		x := t.end(c, c.SideOf(p))
		for i, f := range x.chosen {
			if !f.on && i > 0 {
				at = append(at, f.at)
			}
		}
		for _, f := range x.wanted {
			changes = append(changes, f.at)
		}
	}
	slices.Sort(at)
	slices.Sort(changes)
	out := at[:0]
	for _, x := range at {
		if n := len(out); n > 0 && x.Sub(out[n-1]) <= together {
			continue
		}
		if i, _ := slices.BinarySearch(changes, x.Add(-2*blur)); i < len(changes) && changes[i] <= x.Add(blur) {
			continue
		}
		out = append(out, x)
	}
	return out
}

// period is the time between the rounds of the peers of a swarm. Most chokes
// are made in rounds, so that the time between two of one peer is a multiple of
// it; it is the longest for which seven in ten are, and more than by chance. known is false where chokes
// do not show it.
func (t *tables) period(w *btpeers.Swarm) (d events.Duration, known bool) {
	var all [][]events.Time
	var tries []float64
	for _, p := range w.Peers {
		at := t.chokes(p)
		if len(at) < 2 || len(all) >= mostPeers {
			continue
		}
		at = at[:min(len(at), mostLooks)]
		all = append(all, at)
		for i := 1; i < len(at); i++ {
			for k := 1; k <= steps; k++ {
				if x := float64(at[i].Sub(at[i-1])) / float64(k); x >= float64(shortest) {
					tries = append(tries, x)
				}
			}
		}
	}
	slices.Sort(tries)
	slices.Reverse(tries)
	last, tried := math.Inf(1), 0.0
	for _, x := range tries {
		if x > last*0.999 {
			continue // as good as the one before
		}
		last = x
		tried++
		on, of := 0, 0
		var dn, nn float64
		for _, at := range all {
			anchor, n := aligned(at, x)
			on += n - 1
			of += len(at) - 1
			for _, c := range at {
				if d, k, ok := onGrid(c, anchor, x); ok {
					dn += d * k
					nn += k * k
				}
			}
		}
		if on >= fewChokes && float64(on) >= coherent*float64(of) && nn > 0 && byChance(on-1, of-1)*tried < rare {
			return events.Duration(dn / nn), true
		}
	}
	return usual, false
}

// byChance is how likely it is that of n chokes made at any time k or more lie
// on the rounds of one period: the tail of the binomial distribution.
func byChance(k, n int) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(2*off) + float64(n-i)*math.Log(1-2*off))
	}
	return sum
}

// onGrid reports whether c is a multiple k of the period away from anchor.
func onGrid(c, anchor events.Time, period float64) (d, k float64, ok bool) {
	d = float64(c.Sub(anchor))
	k = math.Round(d / period)
	return d, k, math.Abs(d/period-k) <= off
}

// aligned is the choke with which most of the others are in step, and how many
// are, itself included.
func aligned(at []events.Time, period float64) (anchor events.Time, n int) {
	for _, a := range at {
		k := 0
		for _, c := range at {
			if _, _, ok := onGrid(c, a, period); ok {
				k++
			}
		}
		if k > n {
			anchor, n = a, k
		}
	}
	return anchor, n
}

// phase is when one of the rounds of p was; false: its chokes do not show it.
func (t *tables) phase(p *btpeers.Peer, period events.Duration) (events.Time, bool) {
	at := t.chokes(p)
	at = at[:min(len(at), 8*mostLooks)]
	anchor, n := aligned(at, float64(period))
	if n == 0 || n == 1 && len(at) > 1 {
		return 0, false
	}
	var sum float64
	for _, c := range at {
		if d, k, ok := onGrid(c, anchor, float64(period)); ok {
			sum += d - k*float64(period)
		}
	}
	return anchor.Add(events.Duration(sum / float64(n))), true
}
