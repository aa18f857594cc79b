// Package btchoke answers, for each peer of BitTorrent, whom it lets ask for
// blocks, and whether it goes by what they send: tit for tat. It must not say
// which pieces are asked for: that is bt.rarity.
package btchoke

import (
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// Question is bt.choke.
var Question = analyzers.Question{
	Name: "bt.choke",
	Area: analyzers.PeerToPeer,
	Doc:  "per peer: whom it unchokes and chokes, against the four that send most; optimistic unchokes, free riders, snubbing",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("bt.choke", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: a swarm spans many host pairs (see btpeers).
type state struct{ *tables }

type tables struct {
	who     *btpeers.Table
	peers   []*peer
	ends    []*[2]end // of connections
	pieces  []int     // of swarms: the highest one seen, and one
	do      func(*btpeers.Moment)
	samples int
	waiting int
	stored  int // samples of all ends
	most    int
}

func (*fold) Kinds() []events.Kind { return btpeers.Kinds() }

func (*fold) Key(e *events.Event) (struct{}, bool) { return struct{}{}, btpeers.Wanted(e) }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.tables == nil {
		n := max(f.limits.FoldSamples, 2) &^ 1
		t := &tables{who: btpeers.New(f.limits), samples: n, waiting: max(f.limits.FoldPending, 1), most: 1024 * max(f.limits.FoldPending, 1)}
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
		switch {
		case len(w.Conns) == 0:
		case w.Seal:
			emit(w.Name(), &Value{Undecided: w.Reason(), Connections: len(w.Conns), FreeRider: Unknown, Frames: w.Frames(), Filter: w.Filter("")})
		default:
			period, known := s.period(w)
			for _, p := range w.Peers {
				if !p.Absent() {
					emit(w.Name()+" "+p.Name(), s.row(p, period, known))
				}
			}
		}
	}
}

// peer is what is remembered of a peer.
type peer struct {
	has     btpeers.Pieces
	all     bool
	last    events.Time // when it came to have a piece
	limited string
}

// end is one end of a connection, as the peer there sees it.
type end struct {
	opened, closed events.Time
	stage          stage
	chosen         []flip  // chokes and unchokes that it sent
	wanted         []flip  // that the other came to be interested, or not
	came           []point // blocks of the other
	every          int     // a point stands for so many blocks
	blocks         int
	gave, took     int64
	torn           int64               // blocks
	owed           map[uint64]struct{} // blocks that it asked for
	since          events.Time         // the last block, or when the first was asked for
	sinceFrame     uint64
	wait           events.Duration // the longest
	waitFrame      uint64
}

type stage uint8

const (
	unseen stage = iota
	open
	over
)

// flip is a change.
type flip struct {
	at    events.Time
	frame uint64
	on    bool // unchoked; interested
}

// point is that so many bytes had come by then.
type point struct {
	at    events.Time
	total int64
}

func (t *tables) peer(p *btpeers.Peer) *peer {
	return btpeers.Made(&t.peers, p.At)
}

func (t *tables) end(c *btpeers.Conn, d events.Dir) *end {
	return &btpeers.Made(&t.ends, c.At)[d]
}

func (t *tables) moment(m *btpeers.Moment) {
	if m.Conn.Swarm.Seal {
		return
	}
	x := t.end(m.Conn, m.Side)
	if x.stage == unseen {
		x.stage, x.opened, x.every = open, m.At, 1
	}
	if x.stage == over {
		return
	}
	x.closed = m.At
	if m.Sent {
		t.sent(m, x)
	} else {
		t.heard(m, x)
	}
}

func (t *tables) sent(m *btpeers.Moment, x *end) {
	switch m.What {
	case btpeers.Choke, btpeers.Unchoke:
		t.flip(m, &x.chosen, m.What == btpeers.Unchoke)
	case btpeers.Bitfield:
		p := t.peer(m.Peer())
		bits := btpeers.OfHex(m.Bits)
		bits.Each(func(i int) { t.has(m, p, i) })
	case btpeers.HaveAll:
		p := t.peer(m.Peer())
		if !p.all {
			p.all, p.last = true, m.At
		}
	case btpeers.Have:
		t.has(m, t.peer(m.Peer()), int(m.Piece))
	case btpeers.Request:
		if len(x.owed) == 0 {
			x.since, x.sinceFrame = m.At, m.Frame
		}
		if len(x.owed) >= t.waiting {
			return
		}
		if x.owed == nil {
			x.owed = map[uint64]struct{}{}
		}
		x.owed[block(m)] = struct{}{}
	case btpeers.Cancel:
		delete(x.owed, block(m))
	case btpeers.Block:
		if m.Torn {
			x.torn++
			return
		}
		x.gave += int64(m.Length)
	case btpeers.Closed:
		t.over(m, x)
	}
}

func (t *tables) heard(m *btpeers.Moment, x *end) {
	switch m.What {
	case btpeers.Interested, btpeers.NotInterested:
		t.flip(m, &x.wanted, m.What == btpeers.Interested)
	case btpeers.Choke:
		x.waited(m)
		clear(x.owed)
	case btpeers.Reject:
		delete(x.owed, block(m))
	case btpeers.Block:
		x.waited(m)
		delete(x.owed, block(m))
		if !m.Torn {
			x.took += int64(m.Length)
			t.point(m, x)
		} else {
			x.torn++
		}
	case btpeers.Closed:
		t.over(m, x)
	}
}

func (t *tables) over(m *btpeers.Moment, x *end) {
	if !m.Cut {
		x.waited(m)
	}
	x.owed = nil
	x.stage = over
}

func block(m *btpeers.Moment) uint64 { return uint64(m.Piece)<<32 | uint64(m.Begin) }

// has: the peer has piece i.
func (t *tables) has(m *btpeers.Moment, p *peer, i int) {
	s := m.Conn.Swarm.At
	for len(t.pieces) <= s {
		t.pieces = append(t.pieces, 0)
	}
	if i >= btpeers.MostPieces || p.has.Has(i) {
		return
	}
	t.pieces[s] = max(t.pieces[s], i+1)
	p.has.Set(i)
	p.last = m.At
}

// waited: a block came, or will not come any more.
func (x *end) waited(m *btpeers.Moment) {
	if len(x.owed) == 0 {
		return
	}
	// What is torn may be told long after it came.
	if d := m.At.Sub(x.since); d > x.wait && !m.Torn {
		x.wait, x.waitFrame = d, x.sinceFrame
	}
	x.since, x.sinceFrame = m.At, m.Frame
}

// flip notes a change; what changes nothing is none, but the first.
func (t *tables) flip(m *btpeers.Moment, to *[]flip, on bool) {
	n := len(*to)
	if n > 0 && (*to)[n-1].on == on {
		return
	}
	if n >= t.samples || t.stored >= t.most {
		t.peer(m.Peer()).limited = "fold-samples: later changes of a connection are not looked at"
		return
	}
	t.stored++
	*to = append(*to, flip{m.At, m.Frame, on})
}

// point notes what had come by now. Where there are too many points, every
// second one goes.
func (t *tables) point(m *btpeers.Moment, x *end) {
	x.blocks++
	if x.blocks%x.every != 0 {
		return
	}
	if len(x.came) >= t.samples || t.stored >= t.most {
		n := len(x.came) / 2
		for i := range n {
			x.came[i] = x.came[2*i+1]
		}
		t.stored -= len(x.came) - n
		x.came = x.came[:n]
		x.every *= 2
	}
	t.stored++
	x.came = append(x.came, point{m.At, x.took})
}

// by is how many bytes had come by time at.
func (x *end) by(at events.Time) int64 {
	i, _ := slices.BinarySearchFunc(x.came, at, func(p point, at events.Time) int {
		if p.at <= at {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0
	}
	return x.came[i-1].total
}

// within is how many bytes came after from, up to to.
func (x *end) within(from, to events.Time) int64 { return x.by(to) - x.by(from) }

// was is the state that a change made, at time at.
func was(fs []flip, at events.Time) bool {
	on := false
	for _, f := range fs {
		if f.at > at {
			break
		}
		on = f.on
	}
	return on
}
