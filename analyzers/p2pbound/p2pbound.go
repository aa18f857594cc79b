// Package p2pbound answers how long the distribution of a file took, by a
// swarm or by one server, beside the least time that the rates of its hosts
// allow for either. It must not say why it took longer.
package p2pbound

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// Question is p2p.bound.
var Question = analyzers.Question{
	Name: "p2p.bound",
	Area: analyzers.PeerToPeer,
	Doc:  "how long a file took to reach all who wanted it, by a swarm or a server, and the least time that their rates allow",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("p2p.bound", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: a swarm spans many host pairs (see btpeers).
type state struct{ *tables }

type tables struct {
	who     *btpeers.Table
	swarms  []*swarm
	peers   []*peer
	objects objects
	do      func(*btpeers.Moment)
	samples int
	stored  int // points of all peers
	most    int
}

func (*fold) Kinds() []events.Kind {
	return append(btpeers.Kinds(), events.KindTrackerRequest, events.KindHTTPBody)
}

func (*fold) Key(e *events.Event) (struct{}, bool) {
	if b, ok := e.Body.(*events.HTTPBody); ok {
		return struct{}{}, b.Of == "response" && b.Bytes >= leastFile && b.Complete
	}
	return struct{}{}, btpeers.Wanted(e)
}

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, emit analyzers.Emit) {
	if s.tables == nil {
		n := max(f.limits.FoldPending, 1)
		t := &tables{who: btpeers.New(f.limits), samples: max(f.limits.FoldSamples, 4) &^ 1, most: 1024 * n}
		t.objects.most = n
		t.do = t.moment
		s.tables = t
	}
	switch b := e.Body.(type) {
	case *events.HTTPBody:
		s.objects.add(e, b, emit)
	case *events.TrackerRequest:
		s.announce(e, b)
	default:
		s.who.Take(e, s.do)
	}
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	s.who.Close(s.do)
	s.objects.close(emit)
	for _, w := range s.who.Swarms {
		if len(w.Conns) > 0 {
			emit(w.Name(), s.row(w))
		}
	}
}

// swarm is what is remembered of a swarm.
type swarm struct {
	pieces  int    // the highest one seen, and one
	length  uint32 // of a piece: the end of the last block asked for
	last    uint32 // of the highest piece
	left    int64  // the most that a peer said to lack
	started events.Time
	frame   uint64
}

// peer is what is remembered of a peer.
type peer struct {
	has      btpeers.Pieces
	all      bool
	stage    stage
	had      int
	said     events.Time // its first bitfield
	fed      bool        // blocks came to it
	gained   events.Time // the last piece
	up, down meter
}

type stage uint8

const (
	silent stage = iota
	told
)

// meter is what went one way.
type meter struct {
	total  int64
	points []point
	every  int
	n      int
}

// point is that so many bytes had gone by then.
type point struct {
	at    events.Time
	total int64
}

func (t *tables) count(m *meter, at events.Time, n uint32) {
	m.total += int64(n)
	m.every = max(m.every, 1)
	if m.n++; m.n%m.every != 0 {
		return
	}
	if len(m.points) >= t.samples || t.stored >= t.most {
		k := len(m.points) / 2
		for i := range k {
			m.points[i] = m.points[2*i+1]
		}
		t.stored -= len(m.points) - k
		m.points = m.points[:k]
		m.every *= 2
	}
	t.stored++
	m.points = append(m.points, point{at, m.total})
}

// peak is the highest rate over a window, or over all where that is shorter,
// in bytes a second. The first block only says when it was over.
func (m *meter) peak(window events.Duration) float64 {
	ps := m.points
	if len(ps) < 2 {
		return 0
	}
	best := 0.0
	j := 0
	for i := range ps {
		for j < len(ps) && ps[j].at.Sub(ps[i].at) < window {
			j++
		}
		if j == len(ps) {
			break
		}
		best = max(best, float64(ps[j].total-ps[i].total)/ps[j].at.Sub(ps[i].at).Std().Seconds())
	}
	if last := ps[len(ps)-1]; best == 0 && last.at > ps[0].at {
		best = float64(last.total-ps[0].total) / last.at.Sub(ps[0].at).Std().Seconds()
	}
	return best
}

func (t *tables) swarm(w *btpeers.Swarm) *swarm {
	return btpeers.Made(&t.swarms, w.At)
}

func (t *tables) peer(p *btpeers.Peer) *peer {
	return btpeers.Made(&t.peers, p.At)
}

// announce tells how much a peer lacks, and when it began.
func (t *tables) announce(e *events.Event, b *events.TrackerRequest) {
	if b.Action != "announce" || b.InfoHash == "" {
		return
	}
	w := t.who.AddSwarm(b.InfoHash)
	if w == nil {
		return
	}
	s := t.swarm(w)
	// Trackers are told 2^63-1 by who does not know yet (magnet links).
	if b.Left != nil && *b.Left > s.left && *b.Left < 1<<50 {
		s.left = *b.Left
	}
	if s.frame == 0 {
		s.started, s.frame = e.Time, e.Pos.Frame
	}
}

func (t *tables) moment(m *btpeers.Moment) {
	if m.Conn.Swarm.Reason() != "" {
		return
	}
	s, p := t.swarm(m.Conn.Swarm), t.peer(m.Peer())
	if !m.Sent {
		p.fed = p.fed || m.What == btpeers.Block
		if m.What == btpeers.Block && !m.Torn {
			t.count(&p.down, m.At, m.Length)
		}
		return
	}
	switch m.What {
	case btpeers.Handshake, btpeers.Closed, btpeers.Other:
	case btpeers.Bitfield:
		bits := btpeers.OfHex(m.Bits)
		s.pieces = max(s.pieces, bits.Top()+1)
		if p.stage == silent {
			p.had, p.has = bits.Count(), bits
			p.said, p.stage = m.At, told
			return
		}
		bits.Each(func(i int) { p.gains(m, i) })
	case btpeers.HaveAll:
		if p.stage == told {
			p.gained = m.At
		}
		p.stage, p.all = told, true
	case btpeers.Have:
		if m.Piece < btpeers.MostPieces {
			s.pieces = max(s.pieces, int(m.Piece)+1)
			p.stage = told
			p.gains(m, int(m.Piece))
		}
	case btpeers.Request, btpeers.Block:
		p.stage = told
		if m.Piece >= btpeers.MostPieces {
			return
		}
		end := m.Begin + m.Length
		s.length = max(s.length, end)
		switch n := int(m.Piece) + 1; {
		case n > s.pieces:
			s.pieces, s.last = n, end
		case n == s.pieces:
			s.last = max(s.last, end)
		}
		if m.What == btpeers.Block && !m.Torn {
			t.count(&p.up, m.At, m.Length)
		}
	default:
		p.stage = told // who has nothing need not say so (BEP 3)
	}
}

func (p *peer) gains(m *btpeers.Moment, i int) {
	if p.has.Has(i) {
		return
	}
	p.has.Set(i)
	p.gained = m.At
	if p.said != 0 && !p.fed && m.At.Sub(p.said) <= btpeers.Lazy {
		p.had++
	}
}
