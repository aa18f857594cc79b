package peer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// The customs of choking (BEP 3, "choking and optimistic unchoking"), in the
// scenario's own time.
const (
	slots           = 4 // neighbours that are unchoked for their rate
	round           = 10 * time.Second
	optimisticEvery = 3                // rounds
	rateWindow      = 20 * time.Second // over which rates are measured
	snubbedAfter    = 60 * time.Second // without a block that was asked for
	newFor          = 60 * time.Second // so long a connection is new
	newWeight       = 3                // and so many times as likely the optimistic one
)

// slot is why a neighbour may ask for blocks.
type slot uint8

const (
	choked slot = iota
	regular
	optimistic
)

// ranked is a neighbour and what it was ranked by.
type ranked struct {
	n    *neighbour
	rate int64 // bit/s
}

// rechoke is what happens each round, and when a neighbour comes to be
// interested while there is a free slot.
func (p *Peer) rechoke(now time.Time, atRound bool) {
	if p.state != running || p.cfg.FreeRider {
		return
	}
	if atRound {
		p.rounds++
	}
	rotate := atRound && p.rounds%optimisticEvery == 0

	var list []ranked
	for _, n := range p.neighbours {
		if n.stage == open && n.interested {
			list = append(list, ranked{n, p.rateOf(n, now)})
		}
	}
	p.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	seeding := p.picker.complete()
	slices.SortStableFunc(list, func(a, b ranked) int {
		if !atRound {
			// Between rounds nobody loses a slot: free ones are given.
			if c := compare(a.n.slot != regular, b.n.slot != regular); c != 0 {
				return c
			}
		}
		if !seeding {
			// Those who send most, and do not owe blocks for too long.
			if c := compare(p.snubbed(a.n, now), p.snubbed(b.n, now)); c != 0 {
				return c
			}
			if c := cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(b.n.down.total, a.n.down.total)); c != 0 {
				return c
			}
		} else if rotate {
			// A seed is given nothing that it could go by: the slots go round.
			if c := cmp.Compare(a.n.up.total, b.n.up.total); c != 0 {
				return c
			}
		}
		return cmp.Compare(b.n.slot, a.n.slot) // no change without a reason
	})
	want := map[*neighbour]slot{}
	left := slots
	for _, r := range list {
		switch {
		case left == 0, !seeding && p.snubbed(r.n, now):
		case !atRound && r.n.slot == optimistic: // its turn is not over
		default:
			want[r.n] = regular
			left--
		}
	}
	lucky, why := p.lucky(list, want, now, atRound, rotate)
	if lucky != nil {
		want[lucky] = optimistic
	}

	if atRound && len(list) > 0 {
		rates := make([]truth.Rate, len(list))
		for i, r := range list {
			rates[i] = truth.Rate{Host: r.n.name, Bits: r.rate}
		}
		p.choose(truth.Choice{Time: now, What: "round", Why: p.tell(list, want, now), Rates: rates}, nil)
	}
	for i, r := range list {
		p.settle(r.n, want[r.n], p.reason(r, i, len(list), want[r.n], why, seeding, now), now)
	}
	for _, n := range p.neighbours {
		if atRound && n.stage == open && !n.interested {
			p.settle(n, choked, "not interested", now)
		}
	}
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// rateOf is what counts of n: what it sends here, or, where nothing is missing
// here any more, what is sent to it.
func (p *Peer) rateOf(n *neighbour, now time.Time) int64 {
	if p.picker.complete() {
		return n.up.rate(now)
	}
	return n.down.rate(now)
}

// snubbed: n owes blocks and has sent none for a minute.
func (p *Peer) snubbed(n *neighbour, now time.Time) bool {
	return len(n.owes) > 0 && now.Sub(n.lastBlock) > p.scaled(snubbedAfter)
}

// lucky is the optimistic unchoke: someone outside of the top, whatever it
// sends, so that better ones can be found.
func (p *Peer) lucky(list []ranked, want map[*neighbour]slot, now time.Time, atRound, rotate bool) (*neighbour, string) {
	var current *neighbour
	var hat []*neighbour
	for _, r := range list {
		if want[r.n] == regular {
			continue
		}
		if r.n.slot == optimistic {
			current = r.n
			continue
		}
		weight := 1
		if now.Sub(r.n.ready) < p.scaled(newFor) {
			weight = newWeight
		}
		for range weight {
			hat = append(hat, r.n)
		}
	}
	if !atRound && slices.ContainsFunc(p.neighbours, func(n *neighbour) bool { return n.slot == optimistic }) {
		return current, "still the optimistic one"
	}
	if current != nil && (!rotate || len(hat) == 0) {
		return current, "still the optimistic one"
	}
	if len(hat) == 0 {
		return nil, ""
	}
	why := "drawn: its turn of three rounds begins"
	if !rotate {
		why = "drawn: there was no optimistic one"
	}
	return hat[p.rnd.IntN(len(hat))], why
}

// reason puts into words why a neighbour has the slot that it gets.
func (p *Peer) reason(r ranked, rank, of int, s slot, lucky string, seeding bool, now time.Time) string {
	place := fmt.Sprintf("rank %d of %d, %d bit/s received", rank+1, of, r.rate)
	if seeding {
		place = fmt.Sprintf("a seed's slots go round: rank %d of %d, %d bytes sent so far", rank+1, of, r.n.up.total)
	}
	switch {
	case s == optimistic:
		return lucky + "; " + place
	case s == regular || seeding || !p.snubbed(r.n, now):
		return place
	}
	return "snubbed: it owes blocks; " + place
}

// tell is a round in words.
func (p *Peer) tell(list []ranked, want map[*neighbour]slot, now time.Time) string {
	var parts [3][]string
	var snubbed []string
	for _, r := range list {
		parts[want[r.n]] = append(parts[want[r.n]], r.n.name)
		if !p.picker.complete() && p.snubbed(r.n, now) {
			snubbed = append(snubbed, r.n.name)
		}
	}
	why := "unchoked: " + strings.Join(parts[regular], ", ") +
		"; optimistic: " + strings.Join(parts[optimistic], ", ") +
		"; choked: " + strings.Join(parts[choked], ", ")
	if len(snubbed) > 0 {
		why += "; snubbed by: " + strings.Join(snubbed, ", ")
	}
	return why
}

// settle gives n a slot, and says so where it changes.
func (p *Peer) settle(n *neighbour, s slot, why string, now time.Time) {
	was := n.slot
	if was == s {
		return
	}
	n.slot = s
	what := [...]string{choked: "choke", regular: "unchoke", optimistic: "optimistic_unchoke"}[s]
	switch {
	case was == optimistic && s == regular:
		what = "promote" // no message: it is unchoked already
	case was == regular && s == optimistic:
		what = "demote"
	}
	p.choose(truth.Choice{Time: now, What: what, Of: n.name, Why: why}, n.link)
	switch {
	case s == choked:
		n.wants = nil // BEP 3: requests that were not answered are forgotten
		p.send(n, &message{kind: choke})
	case was == choked:
		p.send(n, &message{kind: unchoke})
	}
}
