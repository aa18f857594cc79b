package peer

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// picker chooses what to ask for. It keeps which blocks are here, which are
// asked for, and how many neighbours have each piece.
type picker struct {
	t      *Torrent
	rnd    *rand.Rand
	have   Bitfield
	copies []int         // of each piece, among the neighbours
	here   map[block]int // blocks that came, of pieces that are not whole
	asked  map[block]int // by how many neighbours a block is owed
	begun  []int         // pieces of which a block was asked for, not whole, oldest first
}

func newPicker(t *Torrent, rnd *rand.Rand, have Bitfield) *picker {
	return &picker{t: t, rnd: rnd, have: have, copies: make([]int, len(t.Pieces)), here: map[block]int{}, asked: map[block]int{}}
}

// count adds d copies of each piece of has.
func (p *picker) count(has Bitfield, d int) {
	for i := range p.copies {
		if has.Has(i) {
			p.copies[i] += d
		}
	}
}

func (p *picker) complete() bool { return p.have.Count() == len(p.t.Pieces) }

// interesting: has holds a piece that is missing here.
func (p *picker) interesting(has Bitfield) bool {
	for i := range p.t.Pieces {
		if has.Has(i) && !p.have.Has(i) {
			return true
		}
	}
	return false
}

// pick says why a block was chosen.
type pick struct {
	block  block
	why    reason
	copies string // what a new piece was chosen by
	ties   int    // pieces as rare as it, itself included
}

type reason uint8

const (
	begunBefore reason = iota // the rest of a piece goes before a new piece
	rarestFirst
	endGame // all that is missing is asked for: it is asked for again
)

// free is the first block of piece i that is neither here nor asked for.
func (p *picker) free(i int) (block, bool) {
	for n := range p.t.blocks(i) {
		b := block{i, n}
		if p.here[b] == 0 && p.asked[b] == 0 {
			return b, true
		}
	}
	return block{}, false
}

// next chooses a block to ask a neighbour for that has has; mine says which
// blocks it owes already.
func (p *picker) next(has Bitfield, mine func(block) bool) (pick, bool) {
	for _, i := range p.begun {
		if b, ok := p.free(i); ok && has.Has(i) {
			return pick{block: b, why: begunBefore}, true
		}
	}
	var rarest []int
	words := make([]string, len(p.copies))
	missing := false
	for i, c := range p.copies {
		words[i] = "-"
		if _, free := p.free(i); p.have.Has(i) || !free {
			continue
		}
		missing = true
		if !has.Has(i) {
			continue
		}
		words[i] = strconv.Itoa(c)
		switch {
		case len(rarest) == 0 || c < p.copies[rarest[0]]:
			rarest = append(rarest[:0], i)
		case c == p.copies[rarest[0]]:
			rarest = append(rarest, i)
		}
	}
	if len(rarest) > 0 {
		i := rarest[p.rnd.IntN(len(rarest))]
		p.begun = append(p.begun, i)
		return pick{block: block{i, 0}, why: rarestFirst, copies: strings.Join(words, " "), ties: len(rarest)}, true
	}
	if missing {
		return pick{}, false // someone else has it, and was not asked yet
	}
	var again []block
	for _, i := range p.begun {
		for n := range p.t.blocks(i) {
			if b := (block{i, n}); has.Has(i) && p.here[b] == 0 && !mine(b) {
				again = append(again, b)
			}
		}
	}
	if len(again) == 0 {
		return pick{}, false
	}
	return pick{block: again[p.rnd.IntN(len(again))], why: endGame}, true
}

// arrived notes a block; whole: its piece is complete now.
func (p *picker) arrived(b block) (whole bool) {
	p.here[b] = 1
	for n := range p.t.blocks(b.piece) {
		if p.here[block{b.piece, n}] == 0 {
			return false
		}
	}
	return true
}

// done: piece i was checked. If it is good it is had, otherwise it is asked
// for again.
func (p *picker) done(i int, good bool) {
	for n := range p.t.blocks(i) {
		delete(p.here, block{i, n})
	}
	if !good {
		return
	}
	p.have.Set(i)
	for k, x := range p.begun {
		if x == i {
			p.begun = append(p.begun[:k:k], p.begun[k+1:]...)
			break
		}
	}
}

// owed notes that one neighbour more (or less, d = -1) owes b.
func (p *picker) owed(b block, d int) {
	if p.asked[b] += d; p.asked[b] <= 0 {
		delete(p.asked, b)
	}
}
