package btrarity

import (
	"math"

	"github.com/wiretale/wiretale/analyzers/btpeers"
)

// What a verdict takes.
const (
	fewFirsts = 8    // first requests with a choice, at least
	sure      = 3.0  // standard deviations that drawing would hardly give
	near      = 2.0  // and those that it often gives
	manyFirst = 12   // to say that there is no order
	inOrder   = 0.75 // share that takes the lowest number
)

func (t *tables) swarmRow(w *btpeers.Swarm, s *swarm) *Value {
	v := &Value{What: Swarm, InfoHash: w.Hash, Undecided: w.Reason(), Gaps: w.Gaps, Connections: len(w.Conns), Frames: w.Frames(), Filter: w.Filter("bittorrent")}
	for _, p := range w.Peers {
		if !p.Absent() {
			v.Peers++
		}
	}
	if p := w.Viewpoint(); p != nil {
		v.Viewpoint = p.Name()
	}
	if w.Stray > 0 {
		v.Limited = "fold-pending: some connections are not looked at"
	}
	if v.Undecided != "" {
		return v
	}
	v.Pieces = len(s.copies)
	if !s.whole && s.bits > v.Pieces {
		v.PiecesAtMost = s.bits
	}
	if s.fresh || s.best == nil {
		for _, c := range s.copies[:min(len(s.copies), mostCopies)] {
			v.Copies = append(v.Copies, int(c+s.alls))
		}
	} else {
		v.Copies = s.best
	}
	v.Series = s.series
	if s.every > 1 {
		v.SeriesEvery = s.every
	}
	if v.Pieces == 0 {
		v.Undecided = "no peer said what it has"
	}
	return v
}

func (t *tables) peerRow(w *btpeers.Peer, p *peer, s *swarm) *Value {
	v := &Value{
		What: Peer, InfoHash: w.Swarm.Hash, Peer: w.Name(), PeerID: w.ID, Client: w.Client, Connections: len(w.Conns),
		Pieces: len(s.copies), Limited: p.limited,
		Had: p.had, Has: p.has.Count(), Gained: p.gained,
		Requests: p.firsts, Firsts: p.ordered.firsts,
		Frames: w.Frames(), Filter: w.Filter("bittorrent"),
	}
	for _, c := range w.Conns {
		v.Gaps += c.Sides[0].Gaps + c.Sides[1].Gaps
	}
	if p.all {
		v.Has = v.Pieces
		if len(p.gained) == 0 && p.had == 0 {
			v.Had = v.Pieces
		}
	}
	if p.stage == told {
		v.Start = p.start.Hex(max(len(s.copies), s.bits*b2i(s.whole)))
	}
	if p.again.Again > 0 {
		again := p.again
		v.Endgame = &again
	}
	v.judge(w, p)
	return v
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// judge says in which order p asked.
func (v *Value) judge(w *btpeers.Peer, p *peer) {
	o := &p.ordered
	if o.firsts == 0 {
		if why := w.Sight(); why != "" && !w.Greeted() {
			v.Undecided = why
		}
		return
	}
	share := func(part, of int) *float64 {
		if of == 0 {
			return nil
		}
		x := float64(part) / float64(of)
		return &x
	}
	v.Verdict = Undecided
	v.InOrder = share(o.lowest, o.choices)
	sight := w.Sight()
	if sight == "" && len(w.Conns) == 1 {
		sight = "only one of its connections is seen: copies cannot be ranked"
	}
	if sight == "" {
		v.Weighed, v.Rarest = o.weighed, o.rarest
		v.RarestThird = share(o.third, o.weighed)
		if o.weighed > 0 {
			chance := o.chance / float64(o.weighed)
			v.ByChance = &chance
		}
		if o.spread > 0 {
			z := o.rank / math.Sqrt(o.spread)
			v.Z = &z
		}
	}
	ordered := o.vary > 0 && (float64(o.lowest)-o.lucky)/math.Sqrt(o.vary) >= sure && float64(o.lowest) >= inOrder*float64(o.choices)
	rare := v.Z != nil && *v.Z <= -sure
	switch {
	case !w.Greeted():
		v.Undecided = sight
	case o.choices < fewFirsts:
		v.Undecided = "too few requests with a choice"
	case ordered && !(rare && o.rarest*o.choices > o.lowest*o.weighed):
		v.Verdict = Sequential
	case sight != "":
		v.Undecided = sight
	case rare:
		v.Verdict = RarestFirst
	case o.weighed == 0:
		v.Undecided = "all pieces that it could choose from were equally rare"
	case o.weighed < manyFirst || math.Abs(*v.Z) > near:
		v.Undecided = "the requests fit more than one order"
	case o.vary > 0 && math.Abs(float64(o.lowest)-o.lucky)/math.Sqrt(o.vary) <= near:
		v.Verdict = Random
	default:
		v.Undecided = "the requests fit none of the orders"
	}
}
