package btrarity

import (
	"github.com/wiretale/wiretale/analyzers/btpeers"
)

// rarity is how many of the peers that are there have each piece. What is had
// by one more of them costs one step, whatever the number of pieces.
type rarity struct {
	present int
	copies  []int32 // of each piece, without those of peers that have all
	alls    int32   // peers that said that they have all
	with    []int32 // how many pieces have so many copies
	sum     int64
	min     int
}

func (r *rarity) grow(n int) {
	for len(r.copies) < n {
		r.copies = append(r.copies, 0)
		r.put(0)
	}
}

func (r *rarity) put(c int32) {
	for len(r.with) <= int(c) {
		r.with = append(r.with, 0)
	}
	r.with[c]++
	r.min = min(r.min, int(c))
}

// one: a peer that is there has, or has not any more, piece i.
func (s *swarm) one(i int, p *peer, d int32) {
	s.grow(i + 1)
	if p.open > 0 && !p.all {
		s.step(i, d)
	}
}

func (r *rarity) step(i int, d int32) {
	c := r.copies[i]
	r.with[c]--
	r.copies[i] += d
	r.put(c + d)
	r.sum += int64(d)
}

// add: a peer comes (d = 1) or goes (d = -1).
func (r *rarity) add(has btpeers.Pieces, all bool, d int32) {
	if all {
		r.alls += d
		return
	}
	has.Each(func(i int) {
		r.grow(i + 1)
		r.step(i, d)
	})
}

// everywhere: a peer that had some has all now.
func (r *rarity) everywhere(had btpeers.Pieces, d int32) {
	r.alls += d
	had.Each(func(i int) {
		r.grow(i + 1)
		r.step(i, -d)
	})
}

// sample is how rare pieces are now.
func (s *swarm) sample(m *btpeers.Moment) Sample {
	v := Sample{Time: m.At, Frame: m.Frame, Peers: s.present}
	v.Min, v.Mean, v.Distributed = s.figures()
	return v
}

// figures are the copies of the rarest piece, the mean, and distributed
// copies: the first, and the share of pieces that have more.
func (r *rarity) figures() (least int, mean, distributed float64) {
	n := len(r.copies)
	if n == 0 {
		return int(r.alls), float64(r.alls), float64(r.alls)
	}
	for r.min < len(r.with)-1 && r.with[r.min] == 0 {
		r.min++
	}
	least = r.min + int(r.alls)
	mean = float64(r.sum)/float64(n) + float64(r.alls)
	return least, mean, float64(least) + float64(n-int(r.with[r.min]))/float64(n)
}
