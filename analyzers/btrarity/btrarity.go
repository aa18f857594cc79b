// Package btrarity answers, for each swarm, how many copies of each piece
// there were, and for each peer in which order it asked for pieces: rarest
// first, by number, or drawn. It must not say who is given what: that is
// bt.choke.
package btrarity

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// Question is bt.rarity.
var Question = analyzers.Question{
	Name: "bt.rarity",
	Area: analyzers.PeerToPeer,
	Doc:  "per swarm: copies of each piece over time; per peer: whether it asks for the rarest pieces first, and its end game",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("bt.rarity", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: a swarm spans many host pairs (see btpeers).
type state struct{ *tables }

type tables struct {
	limits *events.Limits
	who    *btpeers.Table
	swarms []*swarm
	peers  []*peer
	ends   [][2]end // of connections
	held   int      // bytes in sets of pieces
	do     func(*btpeers.Moment)
	samples,
	waiting int
}

func (*fold) Kinds() []events.Kind { return btpeers.Kinds() }

func (*fold) Key(e *events.Event) (struct{}, bool) {
	_, ack := e.Body.(*events.TCPRTT) // it settles what had come
	return struct{}{}, ack || btpeers.Wanted(e)
}

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.tables == nil {
		t := &tables{limits: f.limits, who: btpeers.New(f.limits), samples: max(f.limits.FoldSamples, 2), waiting: max(f.limits.FoldPending, 1)}
		t.do = t.moment
		s.tables = t
	}
	s.who.Take(e, s.do)
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	s.who.Close(s.do)
	for _, w := range s.who.Swarms {
		if len(w.Conns) == 0 {
			continue
		}
		x := s.swarm(w)
		emit(w.Name(), s.swarmRow(w, x))
		if w.Reason() != "" {
			continue
		}
		for _, p := range w.Peers {
			if !p.Absent() {
				emit(w.Name()+" "+p.Name(), s.peerRow(p, s.peer(p), x))
			}
		}
	}
}

// swarm is what is remembered of a swarm.
type swarm struct {
	rarity
	bits     int // of the longest bitfield
	whole    bool
	series   []Sample
	every    int
	changes  int
	unsettle bool // the last sample is not of the last change
	// The copies of each piece when most peers were there, at the end of that.
	best  []int
	crowd int
	fresh bool // as many are there, or more
}

// peer is what is remembered of a peer.
type peer struct {
	stage   stage
	has     btpeers.Pieces
	all     bool // it said have_all
	start   btpeers.Pieces
	had     int
	said    events.Time // its first bitfield
	fed     bool        // blocks came to it
	open    int
	gained  []Gain
	limited string
	asking
}

// stage is how much is known of what a peer has.
type stage uint8

const (
	silent stage = iota // it has not said
	told                // it has: a bitfield, or something else first, which means nothing
)

// end is one end of a connection.
type end struct {
	stage endStage
	of    *neighbour          // what the peer there heard of the other; nil: nothing
	owed  map[uint64]struct{} // blocks that it asked for
}

// neighbour is what a peer heard of another, on all connections to it: for a
// moment there may be two.
type neighbour struct {
	heard btpeers.Pieces
	all   bool
	ends  int
}

type endStage uint8

const (
	closed endStage = iota
	open
	over
)

func (t *tables) swarm(w *btpeers.Swarm) *swarm {
	s := btpeers.At(&t.swarms, w.At)
	if *s == nil {
		*s = &swarm{every: 1}
	}
	return *s
}

func (t *tables) peer(p *btpeers.Peer) *peer {
	return btpeers.Made(&t.peers, p.At)
}

func (t *tables) end(c *btpeers.Conn, d events.Dir) *end {
	return &btpeers.At(&t.ends, c.At)[d]
}

// mostHeld bounds the bytes of all sets of pieces, in units of fold-pending.
const mostHeld = 16 << 10

// room reports whether a set of n pieces may be kept.
func (t *tables) room(n int) bool {
	if t.held+n/8 > mostHeld*t.waiting {
		return false
	}
	t.held += n / 8
	return true
}

func (t *tables) moment(m *btpeers.Moment) {
	w := m.Conn.Swarm
	if w.Reason() != "" || m.Cut {
		return
	}
	if m.Sent {
		t.sent(m, t.swarm(w), t.peer(m.Peer()))
	} else {
		t.came(m, t.swarm(w), t.peer(m.Peer()))
	}
}

// sent is what a peer does, at the moment at which it does it.
func (t *tables) sent(m *btpeers.Moment, s *swarm, p *peer) {
	greeted := m.Conn.Sides[m.Side].Greeted
	if m.What == btpeers.Handshake {
		if x := t.end(m.Conn, m.Side); x.stage == closed {
			x.stage = open
			t.joins(m, s, p)
		}
		return
	}
	switch m.What {
	case btpeers.Closed:
		x := t.end(m.Conn, m.Side)
		if x.stage == open {
			t.leaves(m, s, p)
		}
		p.part(x)
	case btpeers.Bitfield:
		t.has(m, s, p)
	case btpeers.HaveAll:
		p.declare()
		if !p.all {
			p.all = true
			if p.open > 0 {
				s.everywhere(p.has, 1)
				t.changed(m, s)
			}
		}
	case btpeers.Have:
		if greeted {
			p.declare()
		}
		if int(m.Piece) < btpeers.MostPieces && !p.all {
			t.gains(m, s, p, int(m.Piece))
		}
	case btpeers.Request:
		p.declare()
		t.asks(m, s, p)
	case btpeers.Cancel:
		t.unask(m, p, true)
	default:
		if greeted && m.What != btpeers.Other && m.What != btpeers.Block {
			p.declare() // who has nothing need not say so
		}
	}
}

func (p *peer) declare() { p.stage = told }

// joins: p is there.
func (t *tables) joins(m *btpeers.Moment, s *swarm, p *peer) {
	if p.open++; p.open > 1 {
		return
	}
	s.present++
	s.fresh = s.present >= s.crowd
	s.add(p.has, p.all, 1)
	t.changed(m, s)
}

// has is a bitfield: at first what a peer begins with; later what it has come
// to have meanwhile.
func (t *tables) has(m *btpeers.Moment, s *swarm, p *peer) {
	bits := btpeers.OfHex(m.Bits)
	s.bits = max(s.bits, len(m.Bits)*4)
	if n := bits.Top() + 1; n > len(m.Bits)*4-8 && bits.Count() == n {
		s.whole = true
	}
	if p.stage == silent {
		if !t.room(3 * len(m.Bits) * 4) {
			p.limited = "fold-pending: what it had is not kept"
			return
		}
		p.declare()
		p.start, p.had, p.said = bits, bits.Count(), m.At
		bits.Each(func(i int) {
			if !p.has.Has(i) {
				p.has.Set(i)
				s.one(i, p, 1)
			}
		})
		t.changed(m, s)
		return
	}
	bits.Each(func(i int) { t.gains(m, s, p, i) })
}

// gains: p has a piece more.
func (t *tables) gains(m *btpeers.Moment, s *swarm, p *peer, i int) {
	if p.has.Has(i) {
		return
	}
	if i>>6 >= len(p.has) && !t.room(i+1-len(p.has)*64) {
		p.limited = "fold-pending: what it has is not kept"
		return
	}
	p.has.Set(i)
	p.whole(i)
	s.one(i, p, 1)
	if p.said != 0 && !p.fed && m.At.Sub(p.said) <= btpeers.Lazy {
		p.start.Set(i)
		p.had++
		t.changed(m, s)
		return
	}
	if len(p.gained) < t.samples {
		p.gained = append(p.gained, Gain{i, m.At, m.Frame})
	} else {
		p.limited = "fold-samples: not all pieces that it came to have are listed"
	}
	t.changed(m, s)
}

// came is what a peer hears, at the moment at which it does.
func (t *tables) came(m *btpeers.Moment, s *swarm, p *peer) {
	x := t.end(m.Conn, m.Side)
	switch m.What {
	case btpeers.Closed:
		p.part(x)
	case btpeers.Bitfield, btpeers.HaveAll, btpeers.Have:
		if x.stage != over {
			t.hears(m, p, x)
		}
	case btpeers.Choke:
		p.forget(x) // BEP 3: what was asked for is forgotten
	case btpeers.Reject:
		t.unask(m, p, false)
	case btpeers.Block:
		t.block(m, p, x)
	}
}

// hears: a neighbour of p has more.
func (t *tables) hears(m *btpeers.Moment, p *peer, x *end) {
	n := p.meet(x, m.Other())
	if n.all {
		return
	}
	switch m.What {
	case btpeers.HaveAll:
		p.count(n.heard, false, -1)
		n.heard, n.all = nil, true
		p.count(nil, true, 1)
	case btpeers.Bitfield:
		if !t.room(5 * len(m.Bits) * 4) {
			p.limited = noRoom
			return
		}
		btpeers.OfHex(m.Bits).Each(func(i int) {
			if !n.heard.Has(i) {
				n.heard.Set(i)
				p.one(i, 1)
			}
		})
	case btpeers.Have:
		i := int(m.Piece)
		if i >= btpeers.MostPieces || n.heard.Has(i) {
			return
		}
		if i>>6 >= len(n.heard) && !t.room(i+1-len(n.heard)*64) {
			p.limited = noRoom
			return
		}
		n.heard.Set(i)
		p.one(i, 1)
	}
}

const noRoom = "fold-pending: what its neighbours have is not kept"

// leaves: p ended a connection, perhaps its last one.
func (t *tables) leaves(m *btpeers.Moment, s *swarm, p *peer) {
	if p.open--; p.open > 0 {
		return
	}
	if s.present > s.crowd || s.fresh {
		s.crowd, s.fresh = s.present, false
		s.best = s.best[:0]
		for _, c := range s.copies[:min(len(s.copies), mostCopies)] {
			s.best = append(s.best, int(c+s.alls))
		}
	}
	s.present--
	s.add(p.has, p.all, -1)
	t.changed(m, s)
}

// mostSamples of a series; beyond it has every second, fourth, … change.
const mostSamples = 256

// mostCopies are listed of a swarm.
const mostCopies = 1024

// changed takes a sample.
func (t *tables) changed(m *btpeers.Moment, s *swarm) {
	if n := len(s.series); n > 0 && s.series[n-1].Frame == m.Frame {
		s.series[n-1] = s.sample(m)
		return
	}
	s.changes++
	if s.changes%s.every != 0 {
		s.unsettle = true
		return
	}
	if len(s.series) >= min(t.samples, mostSamples)&^1 {
		for i := range len(s.series) / 2 {
			s.series[i] = s.series[2*i+1]
		}
		s.series = s.series[:len(s.series)/2]
		s.every *= 2
		s.unsettle = true
		return
	}
	s.unsettle = false
	s.series = append(s.series, s.sample(m))
}
