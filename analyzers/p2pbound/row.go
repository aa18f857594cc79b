package p2pbound

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

const (
	usualWindow = events.Duration(1e9)   // s
	leastWindow = events.Duration(100e6) // s
	shownPeers  = 64
	mostCurve   = 1000
	leastCurve  = 30
)

func (t *tables) row(w *btpeers.Swarm) *Value {
	s := t.swarm(w)
	v := &Value{What: BySwarm, InfoHash: w.Hash, Undecided: w.Reason(), Gaps: w.Gaps, Frames: w.Frames(), Filter: w.Filter("bittorrent")}
	if w.Stray > 0 {
		v.Limited = "fold-pending: some connections are not looked at"
	}
	if v.Undecided != "" {
		return v
	}
	s.file(v)
	start := w.Conns[0].Opened
	for _, c := range w.Conns {
		start = min(start, c.Opened)
	}
	if s.frame != 0 {
		start = min(start, s.started)
	}
	end := start
	unheard := ""
	for _, p := range w.Peers {
		if !p.Absent() {
			x := t.peer(p)
			for _, m := range []*meter{&x.up, &x.down} {
				if n := len(m.points); n > 0 {
					end = max(end, m.points[n-1].at)
				}
			}
			if why := p.Sight(); why != "" && unheard == "" {
				unheard = why
			}
		}
	}
	v.Window = max(min(usualWindow, end.Sub(start)/8), leastWindow)
	t.rates(v, w, s, start)
	switch {
	case v.FileBy == "":
		v.Undecided = "how long the file is does not show"
	case v.N == 0:
		v.Undecided = "no peer was seen that lacked a piece"
	case unheard != "":
		v.Undecided = unheard
	case t.begun(w):
		v.Undecided = "some peers had pieces at the start: the bounds are for those that have nothing"
	case v.SeedUp == 0:
		v.Undecided = "no peer that had the whole file at the start was seen to send"
	case v.LeastDn == 0:
		v.Undecided = "some peers that lacked pieces received nothing"
	}
	if v.Undecided == "" {
		v.bounds()
	}
	return v
}

// begun reports whether a peer that lacked pieces had others at the start.
func (t *tables) begun(w *btpeers.Swarm) bool {
	s := t.swarm(w)
	for _, p := range w.Peers {
		if x := t.peer(p); !p.Absent() && x.had > 0 && x.had < s.pieces {
			return true
		}
	}
	return false
}

// file says how long it is.
func (s *swarm) file(v *Value) {
	switch {
	case s.left > 0 && s.length > 0 && s.pieces > 0 && s.left > int64(s.pieces-1)*int64(s.length) || s.left > 0 && s.length == 0:
		// Who said this had nothing: it is no less than all pieces but one.
		v.File, v.FileBy = s.left, "tracker_left"
	case s.pieces > 0 && s.length > 0:
		v.FileBy = "blocks"
		last := s.last
		if last == 0 {
			last, v.FileMost = s.length, true
		}
		v.File = int64(s.pieces-1)*int64(s.length) + int64(last)
	}
}

// rates measures all peers.
func (t *tables) rates(v *Value, w *btpeers.Swarm, s *swarm, start events.Time) {
	var last, first events.Duration
	for _, p := range w.Peers {
		if p.Absent() {
			continue
		}
		x := t.peer(p)
		k := Peer{Peer: p.Name(), Up: x.up.peak(v.Window), Down: x.down.peak(v.Window)}
		k.Seed = x.all && x.gained == 0 || s.pieces > 0 && x.had == s.pieces
		whole := x.all || s.pieces > 0 && x.has.Count() == s.pieces
		switch {
		case k.Seed:
			v.SeedUp += k.Up
		default:
			if v.N++; v.N == 1 || k.Down < v.LeastDn {
				v.LeastDn = k.Down
			}
			v.SumUp += k.Up
			if whole {
				d := x.gained.Sub(start)
				k.Took = &d
				last = max(last, d)
				if v.Complete++; v.Complete == 1 || d < first {
					first = d
				}
			}
		}
		v.Peers = append(v.Peers, k)
	}
	if v.Complete > 0 {
		v.First = &first
		if v.Complete == v.N {
			v.Took = &last
		}
	}
	slices.SortStableFunc(v.Peers, func(a, b Peer) int {
		slow := func(p Peer) events.Duration {
			if p.Took == nil {
				return -1
			}
			return *p.Took
		}
		return cmp.Or(cmp.Compare(slow(b), slow(a)), strings.Compare(a.Peer, b.Peer))
	})
	v.PeersLess = max(len(v.Peers)-shownPeers, 0)
	v.Peers = v.Peers[:min(len(v.Peers), shownPeers)]
}

// bounds are those of the figures in v.
func (v *Value) bounds() {
	f, n := float64(v.File), float64(v.N)
	cs, p2p := Server(v.N, f, v.SeedUp, v.LeastDn), Swarm(v.N, f, v.SeedUp, v.LeastDn, v.SumUp)
	v.BoundCS = &cs
	v.CSLimit = "F/d_min"
	if cs == n*f/v.SeedUp {
		v.CSLimit = "N·F/u_s"
	}
	if v.What == BySwarm {
		v.BoundP2P = &p2p
		switch p2p {
		case n * f / (v.SeedUp + v.SumUp):
			v.P2PLimit = "N·F/(u_s+Σu_i)"
		case f / v.SeedUp:
			v.P2PLimit = "F/u_s"
		default:
			v.P2PLimit = "F/d_min"
		}
		v.Curve = Curve(min(max(leastCurve, 2*v.N), mostCurve), f, v.SeedUp, v.LeastDn, v.SumUp/n)
	}
	// Of a server u_s is an average over the time that it took, so that the
	// bound is that time: it says nothing.
	if v.Took != nil && v.What == BySwarm {
		took := v.Took.Std().Seconds()
		stretch, saved := took/p2p, cs-took
		v.Stretch, v.Saved = &stretch, &saved
	}
}
