package btswarm

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// met is how who opened c knew the other side.
func (t *tables) met(c *btpeers.Conn) How {
	if !c.Sides[events.FromClient].Greeted {
		return ByNothing // joined midway
	}
	return t.hints.of(c.Swarm.Hash, netip.AddrPortFrom(c.Flow.Server.IP(), c.Flow.ServerPort), c.Flow.Client.IP(), c.Frame)
}

func overUTP(cs []*btpeers.Conn) (n int) {
	for _, c := range cs {
		if c.Key.Proto == events.ProtoUDP {
			n++
		}
	}
	return n
}

func (t *tables) swarmRow(w *btpeers.Swarm, s *swarm) *Value {
	v := &Value{
		What: Swarm, InfoHash: w.Hash, Undecided: w.Reason(), Gaps: w.Gaps, Connections: len(w.Conns), UTP: overUTP(w.Conns), Sealed: s.sealed,
		Most: s.crowd, Joins: s.joins, Leaves: s.leaves, Pieces: s.pieces,
		Frames: w.Frames(), Filter: w.Filter("bittorrent"),
	}
	if len(w.Conns) == 0 {
		v.Frames = analyzers.Frames(s.frames...)
		v.Filter = ""
		for i, k := range s.keys {
			if i > 0 {
				v.Filter += " || "
			}
			v.Filter += k.Filter()
		}
		v.Undecided = "no connection of its peers was captured"
	}
	if p := w.Viewpoint(); p != nil {
		v.Viewpoint = p.Name()
	}
	switch {
	case w.Stray > 0:
		v.Limited = "fold-pending: some connections are not looked at"
	case t.hints.lost > 0:
		v.Limited = "fold-pending: some of the addresses that were told are forgotten"
	}
	if s.tracker.Announces > 0 {
		tr := s.tracker
		v.Tracker = &tr
	}
	var by [5]int
	all := [...]How{ByTracker, ByDHT, ByPEX, ByLSD, ByNothing}
	var first, last events.Time
	for i, c := range w.Conns {
		by[slices.Index(all[:], t.met(c))]++
		if i == 0 || c.Opened < first {
			first = c.Opened
		}
	}
	for i, n := range by {
		if n > 0 && !w.Seal {
			v.ByHow = append(v.ByHow, Source{all[i], n})
		}
	}
	seen := map[netip.AddrPort]bool{}
	for _, h := range t.hints.order {
		if h.hash == w.Hash && w.Hash != "" {
			seen[h.addr] = true
		}
	}
	v.Told = len(seen)
	for _, p := range w.Peers {
		if p.Absent() {
			continue
		}
		v.Peers++
		last = max(last, p.Last)
		if w.Seal {
			continue
		}
		x := t.peer(p)
		switch role(x, s) {
		case Seed:
			v.Seeds++
		case Finished:
			v.Finished++
		}
		v.Gave += x.up.total
		v.Torn += x.torn
	}
	v.Took = v.Gave // what one sends another receives
	if len(w.Conns) > 0 {
		v.Lasted = max(last.Sub(first), 0)
	}
	if m := v.Lasted.Std().Minutes(); m > 0 && v.Undecided == "" {
		churn := float64(s.joins+s.leaves) / m
		v.Churn = &churn
	}
	return v
}

func role(p *peer, s *swarm) Role {
	switch {
	case p.stage == silent:
		return Unknown
	case p.all, s.pieces > 0 && p.had == s.pieces:
		return Seed
	case s.pieces > 0 && p.has.Count() == s.pieces:
		return Finished
	}
	return Leecher
}

func (t *tables) peerRow(w *btpeers.Peer, p *peer, s *swarm) *Value {
	v := &Value{
		What: Peer, InfoHash: w.Swarm.Hash, Peer: w.Name(), PeerID: w.ID, Client: w.Client,
		Connections: len(w.Conns), UTP: overUTP(w.Conns), Role: role(p, s), Had: p.had, Has: p.has.Count(), Pieces: s.pieces,
		Gave: p.up.total, Took: p.down.total, Torn: p.torn,
		UpRate: p.up.rate(), DownRate: p.down.rate(), UpPeak: float64(p.up.best), DownPeak: float64(p.down.best),
		Frames: w.Frames(), Filter: w.Filter("bittorrent"),
	}
	switch {
	case w.Swarm.Reason() != "":
		v.Undecided = w.Swarm.Reason()
	case !w.Heard(), !w.Greeted():
		v.Undecided = w.Sight()
	}
	if x := w.Swarm.Viewpoint(); x != nil {
		v.Viewpoint = x.Name()
	}
	if p.all {
		v.Had, v.Has = v.Pieces, v.Pieces
	}
	for _, c := range w.Conns {
		v.Gaps += c.Sides[0].Gaps + c.Sides[1].Gaps
		if c.SideOf(w) == events.FromServer {
			if how := t.met(c); v.FoundBy == "" || v.FoundBy == ByNothing {
				v.FoundBy = how
			}
		}
	}
	if p.joined != 0 {
		joined := p.joined
		v.Joined = &joined
		until := cmp.Or(p.left, w.Last)
		v.Lasted = max(until.Sub(joined), 0)
		if p.left != 0 {
			left := p.left
			v.Left = &left
		}
		if v.Role == Finished {
			d := p.last.Sub(joined)
			v.Finishes = &d
		}
	}
	if p.down.total > 0 {
		r := float64(p.up.total) / float64(p.down.total)
		v.Ratio = &r
	}
	return v
}
