package btrarity

import (
	"math"
	"slices"

	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// asking is what a peer asks for, and what it could choose from: what its
// neighbours told it.
type asking struct {
	near    map[*btpeers.Peer]*neighbour
	copies  []uint16 // of each piece, among its neighbours; without those that have all
	alls    uint16
	begun   btpeers.Pieces
	owed    map[uint64]uint8    // blocks, and by how many they are owed
	came    map[uint32][]uint32 // blocks of pieces that are not whole
	parts   int                 // how many these are
	again   Endgame
	firsts  []Request
	ordered order
}

// order is what the first requests show.
type order struct {
	firsts  int
	weighed int // not all candidates equally rare
	rarest  int
	third   int
	chance  float64 // expected of third, when drawn
	rank    float64 // sum of ranks, 0 (rarest) to 1, above those of drawing
	spread  float64 // variance of that, when drawn
	choices int     // with more than one candidate
	lowest  int
	lucky   float64 // expected of lowest, when drawn
	vary    float64 // variance of that
}

func blockKey(m *btpeers.Moment) uint64 { return uint64(m.Piece)<<32 | uint64(m.Begin) }

// meet is what p heard of the other end's peer.
func (p *peer) meet(x *end, other *btpeers.Peer) *neighbour {
	if x.of != nil {
		return x.of
	}
	if p.near == nil {
		p.near = map[*btpeers.Peer]*neighbour{}
	}
	n := p.near[other]
	if n == nil || n.ends == 0 {
		n = &neighbour{}
		p.near[other] = n
	}
	n.ends++
	x.of = n
	return n
}

// part: a connection of p is over, on either side: what it asked for will not
// come, and unless there is another, the neighbour is none any more.
func (p *peer) part(x *end) {
	x.stage = over
	p.forget(x)
	n := x.of
	if n == nil {
		return
	}
	x.of = nil
	if n.ends--; n.ends == 0 {
		p.count(n.heard, n.all, -1)
	}
}

// count adds d copies of each piece of has.
func (a *asking) count(has btpeers.Pieces, all bool, d int) {
	if all {
		a.alls = uint16(int(a.alls) + d)
		return
	}
	has.Each(func(i int) { a.one(i, d) })
}

func (a *asking) one(i, d int) {
	for len(a.copies) <= i {
		a.copies = append(a.copies, 0)
	}
	a.copies[i] = uint16(int(a.copies[i]) + d)
}

// thorough is up to how many pieces each first request is weighed; of larger
// torrents only some are, so that the work for a piece stays the same.
const thorough = 4096

// asks takes a request.
func (t *tables) asks(m *btpeers.Moment, s *swarm, p *peer) {
	i := int(m.Piece)
	if i >= btpeers.MostPieces {
		return
	}
	s.grow(i + 1)
	x := t.end(m.Conn, m.Side)
	switch {
	case p.has.Has(i):
	case !p.begun.Has(i):
		t.first(m, p, x, i)
	default:
		p.rather(m, i)
	}
	k := blockKey(m)
	if p.owed[k] > 0 {
		if _, same := x.owed[k]; !same {
			if p.again.Again == 0 {
				p.again.Time, p.again.Frame = m.At, m.Frame
				p.again.Missing = len(s.copies) - p.has.Count()
			}
			p.again.Again++
		}
	}
	if len(p.owed) >= t.waiting {
		p.limited = "fold-pending: not all blocks that it asked for are remembered"
		return
	}
	if _, same := x.owed[k]; !same {
		if x.owed == nil {
			x.owed = map[uint64]struct{}{}
		}
		if p.owed == nil {
			p.owed = map[uint64]uint8{}
		}
		x.owed[k] = struct{}{}
		p.owed[k] = min(p.owed[k]+1, math.MaxUint8)
	}
}

// first weighs the first request of piece i.
func (t *tables) first(m *btpeers.Moment, p *peer, x *end, i int) {
	if i>>6 >= len(p.begun) && !t.room(i+1-len(p.begun)*64) {
		p.limited = "fold-pending: what it asked for is not kept"
		return
	}
	n := p.ordered.firsts
	p.ordered.firsts++
	r := Request{Piece: i, Of: m.Other().Name(), Time: m.At, Frame: m.Frame, Begin: m.Begin}
	if !x.has(i) {
		// It was not told: the have or the bitfield was not captured.
		r.Candidates = 0
	} else if every := 1 + len(p.copies)/thorough; n%every == 0 {
		p.weigh(&r, x)
		r.Unsure = !settled(m)
	}
	p.begun.Set(i)
	if len(p.firsts) < t.samples {
		p.firsts = append(p.firsts, r)
	} else {
		p.limited = "fold-samples: not all first requests are listed"
	}
}

// settled: what the neighbours of who asks in m had told it then is certain.
func settled(m *btpeers.Moment) bool {
	for _, c := range m.Peer().Conns {
		but := -1
		if c == m.Conn {
			but = int(m.Piece)
		}
		if s := &c.Sides[c.SideOf(m.Peer())]; !s.Settled(m.At, but) {
			return false
		}
	}
	return true
}

// atOnce is how far apart requests to several may leave whose order cannot be
// seen.
const atOnce = events.Duration(1e6)

// rather: a request for an earlier block of the same piece left at the same
// moment; it was the first.
func (p *peer) rather(m *btpeers.Moment, i int) {
	for k := len(p.firsts) - 1; k >= 0 && m.At.Sub(p.firsts[k].Time) <= atOnce; k-- {
		if r := &p.firsts[k]; r.Piece == i && m.Begin < r.Begin {
			r.Of, r.Frame, r.Time, r.Begin = m.Other().Name(), m.Frame, m.At, m.Begin
			return
		}
	}
}

// has: the neighbour there said that it has piece i.
func (x *end) has(i int) bool { return x.of != nil && (x.of.all || x.of.heard.Has(i)) }

// weigh ranks piece r.Piece among those that could be chosen.
func (p *peer) weigh(r *Request, x *end) {
	own := p.of(r.Piece)
	lowest := true
	n, rarer, equal := 0, 0, 0
	var groups [64]int32 // candidates by copies; more are as common as 63
	last := max(len(p.copies), r.Piece+1)
	for i := range last {
		if p.has.Has(i) || p.begun.Has(i) || !x.has(i) {
			continue
		}
		n++
		c := p.of(i)
		groups[min(c, len(groups)-1)]++
		switch {
		case c < own:
			rarer++
		case c == own:
			equal++
		}
		if i < r.Piece {
			lowest = false
		}
	}
	r.Candidates, r.Copies, r.Rarer, r.Equal, r.Lowest = n, own+int(p.alls), rarer, equal, lowest
	if n < 2 {
		return
	}
	o := &p.ordered
	o.choices++
	if lowest {
		o.lowest++
	}
	o.lucky += 1 / float64(n)
	o.vary += 1 / float64(n) * (1 - 1/float64(n))
	if equal == n {
		return
	}
	o.weighed++
	if rarer == 0 {
		o.rarest++
	}
	if 3*rarer < n {
		o.third++
	}
	// Drawn, each candidate is as likely as the others: the mean of midranks
	// is (n-1)/2, and ties take from their variance (t³-t)/(12n) each.
	before, within, ties := 0, 0, 0.0
	for _, g := range groups {
		if g == 0 {
			continue
		}
		if 3*before < n {
			within += int(g)
		}
		before += int(g)
		ties += float64(g) * (float64(g)*float64(g) - 1)
	}
	o.chance += float64(within) / float64(n)
	of := float64(n - 1)
	o.rank += (float64(rarer)+float64(equal-1)/2)/of - 0.5
	o.spread += ((float64(n)*float64(n)-1)/12 - ties/12/float64(n)) / (of * of)
}

func (a *asking) of(i int) int {
	if i < len(a.copies) {
		return int(a.copies[i])
	}
	return 0
}

// unask takes back a request.
func (t *tables) unask(m *btpeers.Moment, p *peer, cancelled bool) {
	x := t.end(m.Conn, m.Side)
	if cancelled {
		p.again.Cancels++
	}
	p.settle(x, blockKey(m))
}

// settle: the block is not owed any more on that connection.
func (p *peer) settle(x *end, k uint64) {
	if _, ok := x.owed[k]; !ok {
		return
	}
	delete(x.owed, k)
	if p.owed[k]--; p.owed[k] == 0 {
		delete(p.owed, k)
	}
}

// forget: nothing that was asked for on that connection will come.
func (p *peer) forget(x *end) {
	for k := range x.owed { // their order does not matter
		if p.owed[k]--; p.owed[k] == 0 {
			delete(p.owed, k)
		}
	}
	clear(x.owed)
}

// block takes a block that came. Those of a piece that is had came before.
func (t *tables) block(m *btpeers.Moment, p *peer, x *end) {
	p.settle(x, blockKey(m))
	p.fed = true
	if m.Torn {
		return
	}
	if p.has.Has(int(m.Piece)) || slices.Contains(p.came[m.Piece], m.Begin) {
		p.again.Twice += int64(m.Length)
		return
	}
	if p.parts < t.waiting && len(p.came[m.Piece]) < mostBlocks {
		if p.came == nil {
			p.came = map[uint32][]uint32{}
		}
		p.came[m.Piece] = append(p.came[m.Piece], m.Begin)
		p.parts++
	}
}

// mostBlocks of one piece are remembered, so that looking for one is quick.
const mostBlocks = 64

// whole: piece i is had, its blocks need not be remembered.
func (a *asking) whole(i int) {
	if bs, ok := a.came[uint32(i)]; ok {
		a.parts -= len(bs)
		delete(a.came, uint32(i))
	}
}
