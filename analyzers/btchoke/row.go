package btchoke

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRanks  = 16
	shownPeers  = 64
	mostRounds  = 256
	blur        = events.Duration(2e6) // s: what happened so close to a decision may be before or after it
	soon        = events.Duration(5e6) // s: whose interest came so soon after a decision may have been known
	lateForTurn = 20                   // what is so small a part of a period after a round is the round's doing
	nearTurn    = 100                  // and a decision is of a round if it is so near
)

// chooser is one peer, at the end.
type chooser struct {
	t      *tables
	p      *btpeers.Peer
	ends   []*end
	names  []string
	period events.Duration
	rounds events.Time // one of them
	known  bool        // when rounds are
	seed   events.Time
	sight  string

	changes []events.Time // of the neighbours' interest
}

func (t *tables) row(p *btpeers.Peer, period events.Duration, known bool) *Value {
	c := &chooser{t: t, p: p, period: period, seed: math.MaxInt64, sight: p.Swarm.Reason()}
	if c.sight == "" {
		c.sight = p.Sight()
	}
	v := &Value{
		InfoHash: p.Swarm.Hash, Peer: p.Name(), PeerID: p.ID, Client: p.Client, Undecided: c.sight,
		Connections: len(p.Conns), FreeRider: Unknown, Frames: p.Frames(), Filter: p.Filter("bittorrent"),
	}
	if known {
		v.Period = &period
		c.rounds, c.known = t.phase(p, period)
	}
	for _, conn := range p.Conns {
		d := conn.SideOf(p)
		c.ends = append(c.ends, t.end(conn, d))
		c.names = append(c.names, conn.Sides[d.Other()].Peer.Name())
		for _, f := range c.ends[len(c.ends)-1].wanted {
			c.changes = append(c.changes, f.at)
		}
		v.Gaps += conn.Sides[0].Gaps + conn.Sides[1].Gaps
	}
	slices.Sort(c.changes)
	x := t.peer(p)
	v.Limited = x.limited
	if s := p.Swarm.At; x.all || s < len(t.pieces) && t.pieces[s] > 0 && x.has.Count() == t.pieces[s] {
		c.seed = x.last
		v.SeedSince = &c.seed
	}
	c.decisions(v)
	if c.sight == "" {
		c.turns(v)
	}
	c.exchange(v)
	c.ride(v)
	return v
}

// interested reports whether the neighbour at i is connected and wants blocks
// at that time.
func (c *chooser) interested(i int, at events.Time) bool {
	x := c.ends[i]
	return x.stage != unseen && x.opened <= at && (x.stage == open || at < x.closed) && was(x.wanted, at)
}

// bounds are the least and the most that came from i up to at, for it is not
// known what the peer had read in the very moment.
func (c *chooser) bounds(i int, at events.Time) (least, most int64) {
	x, w := c.ends[i], window*c.period
	return x.within(at.Add(blur-w), at.Add(-blur)), x.within(at.Add(-blur-w), at.Add(blur))
}

func (c *chooser) rate(i int, at events.Time) float64 {
	w := window * c.period
	return float64(c.ends[i].within(at.Add(-w), at)) / w.Std().Seconds()
}

// atRound reports whether at is a round.
func (c *chooser) atRound(at events.Time) bool {
	d := float64(at.Sub(c.rounds))
	d -= math.Round(d/float64(c.period)) * float64(c.period)
	return math.Abs(d) <= float64(max(c.period/nearTurn, 2*blur))
}

func (c *chooser) decisions(v *Value) {
	type choice struct {
		flip
		end int
	}
	var all []choice
	for i, x := range c.ends {
		for k, f := range x.chosen {
			if k > 0 || f.on { // the first choke changes nothing
				all = append(all, choice{f, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.frame, b.frame), cmp.Compare(a.end, b.end))
	})
	var lucky []events.Time
	for _, k := range all {
		d := Decision{Time: k.at, Frame: k.frame, What: "choke", Of: c.names[k.end], Rate: c.rate(k.end, k.at)}
		if k.on {
			d.What = "unchoke"
			v.Unchokes++
			c.slot(&d, k.end)
		} else {
			v.Chokes++
		}
		switch d.Slot {
		case Regular:
			v.ByRate++
		case Optimistic:
			v.ByLuck++
			lucky = append(lucky, k.at)
		}
		if len(v.Decisions) < c.t.samples {
			v.Decisions = append(v.Decisions, d)
		} else {
			v.Limited = "fold-samples: not all decisions are listed"
		}
	}
	if len(lucky) > 1 {
		var spans []events.Duration
		for i := 1; i < len(lucky); i++ {
			spans = append(spans, lucky[i].Sub(lucky[i-1]))
		}
		slices.Sort(spans)
		m := (spans[(len(spans)-1)/2] + spans[len(spans)/2]) / 2
		v.OptimisticEvery = &m
	}
}

// slot says what an unchoke of end i gives.
func (c *chooser) slot(d *Decision, i int) {
	at := d.Time
	// What made it decide came just before.
	n, better, equal, unchoked := 1, 0, 0, 0
	d.Rank = 1
	least, most := c.bounds(i, at)
	for k, x := range c.ends {
		if k == i || !c.interested(k, at) && !c.interested(k, at.Add(soon)) {
			continue
		}
		n++
		lo, hi := c.bounds(k, at)
		switch {
		case lo > most:
			better++
		case hi >= least:
			equal++
		}
		if c.rate(k, at) > d.Rate {
			d.Rank++
		}
		if was(x.chosen, at.Add(-soon)) || was(x.chosen, at.Add(soon)) {
			unchoked++
		}
	}
	d.Rivals = n
	// Who comes to be interested, or ceases to be, has slots given between
	// rounds.
	k, _ := slices.BinarySearch(c.changes, at.Add(-2*blur))
	asked := k < len(c.changes) && c.changes[k] <= at.Add(blur)
	d.Slot = Undecided
	switch {
	case c.sight != "":
		d.Why = c.sight
	case at >= c.seed:
		d.Slot, d.Why = Seeding, "it lacks nothing: there are no rates to go by"
	case n <= slots:
		d.Slot, d.Why = Regular, "no more are interested than there are slots"
	case !c.known:
		d.Why = "when its rounds are does not show"
	case c.atRound(at) && asked:
		d.Why = "in the moment of a round, but some neighbour's interest changed too"
	case c.atRound(at) && better+equal < slots:
		d.Slot, d.Why = Regular, "among the four that sent most"
	case c.atRound(at) && better >= slots:
		d.Slot, d.Why = Optimistic, "four sent more"
	case c.atRound(at):
		d.Why = "as many bytes came from others: who is among the four is not known"
	case unchoked < slots:
		d.Slot, d.Why = Regular, "between rounds, and a slot was free"
	default:
		d.Why = "between rounds, and whether the slot that was free is the optimistic one does not show"
	}
}

// turns ranks the interested neighbours at each round.
func (c *chooser) turns(v *Value) {
	if !c.known {
		return
	}
	var first, last events.Time = math.MaxInt64, math.MinInt64
	for _, x := range c.ends {
		if x.stage != unseen {
			first, last = min(first, x.opened), max(last, x.closed)
		}
	}
	last = min(last, c.seed)
	k := math.Ceil(float64(first.Sub(c.rounds)) / float64(c.period))
	var top, topUnchoked, outside int
	for n := 0; ; n++ {
		at := c.rounds.Add(events.Duration((k + float64(n)) * float64(c.period)))
		if at > last {
			break
		}
		if n >= mostRounds {
			v.Limited = "only the first 256 rounds are looked at"
			break
		}
		ranks := c.ranking(at)
		if len(ranks) == 0 {
			continue
		}
		if len(ranks) > slots && ranks[0].Rate > 0 {
			v.Ranked++
			// Of equals at the edge none is expected.
			edge := ranks[slots].Rate
			for _, r := range ranks {
				best := r.Rate > edge
				if best {
					top++
					if r.Unchoked {
						topUnchoked++
					}
				}
				if r.Unchoked && r.Rate < ranks[slots-1].Rate {
					outside++
				}
			}
		}
		v.Rounds = append(v.Rounds, Round{Time: at, Ranked: ranks[:min(len(ranks), shownRanks)]})
	}
	if top > 0 {
		s := float64(topUnchoked) / float64(top)
		v.TopShare = &s
	}
	if v.Ranked > 0 {
		s := float64(outside) / float64(v.Ranked)
		v.Outside = &s
	}
}

// ranking is who is interested at a round, best first.
func (c *chooser) ranking(at events.Time) []Rank {
	var out []Rank
	after := at.Add(max(c.period/lateForTurn, together))
	for i, x := range c.ends {
		if c.interested(i, at) {
			out = append(out, Rank{c.names[i], c.rate(i, at), was(x.chosen, after)})
		}
	}
	slices.SortStableFunc(out, func(a, b Rank) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), strings.Compare(a.Peer, b.Peer))
	})
	return out
}

// exchange is what went each way.
func (c *chooser) exchange(v *Value) {
	by := map[*btpeers.Peer]int{}
	var list []Partner
	var gave, took []float64 // while it lacked something
	var all, back float64
	for i, conn := range c.p.Conns {
		x := c.ends[i]
		v.Gave += x.gave
		v.Took += x.took
		v.Torn += x.torn
		if x.wait >= snubbing*c.period {
			v.Snubbed = append(v.Snubbed, Snub{By: c.names[i], For: x.wait, Frame: x.waitFrame})
		}
		other := conn.Other(c.p)
		k, ok := by[other]
		if !ok {
			k = len(list)
			by[other] = k
			list = append(list, Partner{Peer: c.names[i]})
			gave, took = append(gave, 0), append(took, 0)
		}
		list[k].Gave += x.gave
		list[k].Took += x.took
		// What it gave is what came to the other end.
		y := c.t.end(conn, conn.SideOf(c.p).Other())
		g := float64(y.by(c.seed))
		gave[k] += g
		took[k] += float64(x.took)
	}
	for k := range list {
		all += gave[k]
		if took[k] > 0 {
			back += gave[k]
		}
	}
	if all > 0 && v.Took > 0 {
		s := back / all
		v.Returned = &s
	}
	if c.sight == "" {
		v.Correlation = pearson(gave, took)
	}
	slices.SortStableFunc(list, func(a, b Partner) int {
		return cmp.Or(cmp.Compare(b.Took, a.Took), cmp.Compare(b.Gave, a.Gave), strings.Compare(a.Peer, b.Peer))
	})
	v.Given = list[:min(len(list), shownPeers)]
}

// pearson is the correlation of x and y; nil where one of them does not vary.
func pearson(x, y []float64) *float64 {
	n := float64(len(x))
	if n < 3 {
		return nil
	}
	var sx, sy float64
	for i := range x {
		sx += x[i]
		sy += y[i]
	}
	var xx, yy, xy float64
	for i := range x {
		a, b := x[i]-sx/n, y[i]-sy/n
		xx += a * a
		yy += b * b
		xy += a * b
	}
	if xx == 0 || yy == 0 {
		return nil
	}
	r := xy / math.Sqrt(xx*yy)
	return &r
}

// opportunity is for how many rounds, over all neighbours, a peer must have
// been wanted before it is said to give nothing.
const opportunity = 3

// ride says whether the peer takes and never gives.
func (c *chooser) ride(v *Value) {
	var wanted events.Duration
	for _, x := range c.ends {
		for k, f := range x.wanted {
			if !f.on {
				continue
			}
			until := x.closed
			if k+1 < len(x.wanted) {
				until = x.wanted[k+1].at
			}
			wanted += max(until.Sub(f.at), 0)
		}
	}
	if wanted > 0 {
		v.Opportunity = &wanted
	}
	switch {
	case v.Gave > 0:
		v.FreeRider = No
	case c.sight != "":
	case v.Took > 0 && v.Unchokes == 0 && wanted >= opportunity*c.period:
		v.FreeRider = Yes
	}
}
