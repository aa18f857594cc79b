// Package btswarm answers who was in a swarm of BitTorrent, when, how they
// came to know each other, and what each gave and took. It must not ask in
// which order pieces went (bt.rarity), nor to whom (bt.choke).
package btswarm

import (
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/events"
)

// Question is bt.swarm.
var Question = analyzers.Question{
	Name: "bt.swarm",
	Area: analyzers.PeerToPeer,
	Doc:  "per swarm and peer: who came and went, seeds, share ratios, where peers came from, rates",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("bt.swarm", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: a swarm spans many host pairs (see btpeers).
type state struct{ *tables }

type tables struct {
	who    *btpeers.Table
	swarms []*swarm
	peers  []*peer
	ends   [][2]bool // of connections: that end is there
	hints  hints
	asked  asked
	do     func(*btpeers.Moment)
	now    events.Time
	most   int
}

func (*fold) Kinds() []events.Kind {
	return append(btpeers.Kinds(), events.KindTrackerRequest, events.KindTrackerResponse, events.KindDHTMessage, events.KindBitTorrentLSD)
}

func (*fold) Key(e *events.Event) (struct{}, bool) { return struct{}{}, btpeers.Wanted(e) }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.tables == nil {
		n := max(f.limits.FoldPending, 1)
		t := &tables{who: btpeers.New(f.limits), hints: hints{most: 16 * n}, asked: asked{most: n}, most: 16 * n}
		t.do = t.moment
		s.tables = t
	}
	s.now = max(s.now, e.Time)
	switch b := e.Body.(type) {
	case *events.TrackerRequest:
		s.request(e, b)
		return
	case *events.TrackerResponse:
		s.response(e, b)
		return
	case *events.DHTMessage:
		s.dht(e, b)
		return
	case *events.BitTorrentLSD:
		for _, h := range b.InfoHashes {
			s.hints.add(h, netip.AddrPortFrom(e.Flow.Client.IP(), b.Port), netip.Addr{}, ByLSD, e.Pos.Frame)
		}
		return
	case *events.BitTorrentMessage:
		for _, a := range b.Peers {
			if x, err := netip.ParseAddrPort(a); err == nil {
				s.hints.add(b.InfoHash, x, hearer(e), ByPEX, e.Pos.Frame)
			}
		}
	case *events.BitTorrentHandshake:
		s.sealed(e, b)
	}
	s.who.Take(e, s.do)
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	s.who.Close(s.do)
	for _, w := range s.who.Swarms {
		x := s.swarm(w)
		if len(w.Conns) == 0 && x.tracker.Announces == 0 {
			continue
		}
		emit(w.Name(), s.swarmRow(w, x))
		if w.Seal {
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
	pieces  int // the highest one seen, and one
	whole   bool
	there   int
	crowd   int
	joins   int
	leaves  int
	sealed  int
	tracker Tracker
	frames  []uint64 // of what was said to trackers
	keys    []events.StreamKey
}

// peer is what is remembered of a peer.
type peer struct {
	has          btpeers.Pieces
	all          bool
	stage        stage
	had          int
	said         events.Time // its first bitfield
	fed          bool        // blocks came to it
	open         int
	joined, left events.Time
	last         events.Time // when it came to have its last piece
	up, down     meter
	torn         int64
}

type stage uint8

const (
	silent stage = iota // what it has is not known
	told
)

// meter counts bytes, and looks for the best second.
type meter struct {
	total       int64
	first, last events.Time
	lead        int64 // bytes of the first block: its time is when it was over
	second      int64
	inSecond    int64
	best        int64
}

func (m *meter) add(at events.Time, n int64) {
	if m.total == 0 {
		m.first, m.lead = at, n
	}
	m.total += n
	m.last = at
	if s := int64(at) / 1e9; s != m.second {
		m.second, m.inSecond = s, 0
	}
	m.inSecond += n
	m.best = max(m.best, m.inSecond)
}

// rate is that between the first block and the last.
func (m *meter) rate() float64 {
	if d := m.last.Sub(m.first); d > 0 {
		return float64(m.total-m.lead) / d.Std().Seconds()
	}
	return 0
}

func (t *tables) swarm(w *btpeers.Swarm) *swarm {
	return btpeers.Made(&t.swarms, w.At)
}

func (t *tables) peer(p *btpeers.Peer) *peer {
	return btpeers.Made(&t.peers, p.At)
}

func (t *tables) moment(m *btpeers.Moment) {
	if m.Conn.Swarm.Seal {
		return
	}
	s, p := t.swarm(m.Conn.Swarm), t.peer(m.Peer())
	there := &btpeers.At(&t.ends, m.Conn.At)[m.Side]
	if !m.Sent {
		if m.What != btpeers.Block {
			return
		}
		p.fed = true
		if m.Torn {
			p.torn++
		} else {
			p.down.add(m.At, int64(m.Length))
		}
		return
	}
	if m.What == btpeers.Closed {
		if *there && !m.Cut {
			*there = false
			t.leaves(m, s, p)
		}
		return
	}
	if !*there && m.Conn.Sides[m.Side].Greeted == (m.What == btpeers.Handshake) {
		*there = true
		if p.open++; p.open == 1 {
			s.joins++
			s.there++
			s.crowd = max(s.crowd, s.there)
			if p.joined == 0 {
				p.joined = m.At
			}
			p.left = 0
		}
	}
	switch m.What {
	case btpeers.Handshake, btpeers.Other:
	case btpeers.Bitfield:
		bits := btpeers.OfHex(m.Bits)
		n := bits.Top() + 1
		s.pieces = max(s.pieces, n)
		s.whole = s.whole || n > len(m.Bits)*4-8 && bits.Count() == n
		if p.stage == silent {
			p.had = bits.Count()
			p.stage, p.has, p.last, p.said = told, bits, m.At, m.At
			return
		}
		bits.Each(func(i int) { p.gains(m, s, i) })
	case btpeers.HaveAll:
		p.stage, p.all, p.last = told, true, m.At
	case btpeers.Have:
		if m.Conn.Sides[m.Side].Greeted {
			p.stage = told
		}
		p.gains(m, s, int(m.Piece))
	case btpeers.Block:
		if m.Torn {
			p.torn++
			return
		}
		p.up.add(m.At, int64(m.Length))
	default:
		if m.Conn.Sides[m.Side].Greeted {
			p.stage = told // who has nothing need not say so (BEP 3)
		}
	}
}

func (p *peer) gains(m *btpeers.Moment, s *swarm, i int) {
	if i >= btpeers.MostPieces || p.has.Has(i) {
		return
	}
	s.pieces = max(s.pieces, i+1)
	p.has.Set(i)
	p.last = m.At
	if p.said != 0 && !p.fed && m.At.Sub(p.said) <= btpeers.Lazy {
		p.had++
	}
}

func (t *tables) leaves(m *btpeers.Moment, s *swarm, p *peer) {
	if p.open--; p.open == 0 {
		p.left = m.At
		s.there--
		s.leaves++
	}
}
