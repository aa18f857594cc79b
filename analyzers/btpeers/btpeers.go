// Package btpeers is what the questions about BitTorrent share: which peer
// speaks at which end of which connection of which swarm, and when each
// message left or reached that peer. It must not judge what peers do.
//
// A swarm spans many host pairs, and its key, the info hash, stands in some
// events only (none in the end of a flow, in a round trip, in a connection
// that is encrypted). So each question holds one Table for the capture.
package btpeers

import (
	"github.com/wiretale/wiretale/events"
)

// Kinds are the events that a Table takes.
func Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT,
		events.KindBitTorrentHandshake, events.KindBitTorrentMessage, events.KindBitTorrentEnd,
	}
}

// Wanted reports whether a Table must look at e: of round trips only those of
// the handshake of TCP, of gaps only those in BitTorrent. The other round trips
// are for Settled.
func Wanted(e *events.Event) bool {
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		return b.Of != events.RTTData
	case *events.FlowGap:
		return b.Protocol == "bittorrent" || b.Protocol == "utp"
	}
	return true
}

// Limits of a Table, in the unit that they bound.
const (
	recent   = 1024                     // TCP handshakes that are remembered until a peer speaks
	mostHalf = events.Duration(2e9)     // s: a round trip of more than twice this is none
	unknown  = "info hash not captured" // name of the swarm of connections joined midway
	sealed   = "encrypted (MSE)"        // name of the swarm of encrypted connections
)

// Swarm is all that is seen of one torrent.
type Swarm struct {
	At    int    // its place in the table
	Hash  string // info hash, hex; empty: not known
	Seal  bool   // the one that stands for all encrypted connections
	Peers []*Peer
	Conns []*Conn
	Stray int // connections beyond the limit
	Gaps  int // holes in what was captured of its connections

	ids map[string]*Peer
}

// Name is the info hash, or why there is none.
func (s *Swarm) Name() string {
	switch {
	case s.Seal:
		return sealed
	case s.Hash == "":
		return unknown
	}
	return s.Hash
}

// Peer is one peer of one swarm: all connections on which it gave the same
// peer id, or that it did not answer where it was known to listen; where no
// handshake of it was captured, the same address.
type Peer struct {
	Swarm  *Swarm
	At     int // its place in the table
	ID     string
	Client string
	Addr   events.Addr
	Port   uint16 // where it listens; 0: not known
	Frame  uint64 // where it was first seen
	First  events.Time
	Last   events.Time
	Conns  []*Conn

	refs int
}

// Name is address and port, without the port where that is not known.
func (p *Peer) Name() string {
	var room [64]byte
	return string(p.AppendName(room[:0]))
}

// Absent: it was known by its address only, until its peer id came.
func (p *Peer) Absent() bool { return p.refs == 0 }

// Heard: something that it sent was captured.
func (p *Peer) Heard() bool {
	for _, c := range p.Conns {
		if c.Sides[c.SideOf(p)].Messages > 0 {
			return true
		}
	}
	return false
}

// Greeted: a handshake of it was captured.
func (p *Peer) Greeted() bool {
	for _, c := range p.Conns {
		if c.Sides[c.SideOf(p)].Greeted {
			return true
		}
	}
	return false
}

// Conn is one connection of two peers.
type Conn struct {
	Swarm  *Swarm
	At     int // its place in the table
	Key    events.StreamKey
	Flow   events.Flow
	Sides  [2]Side
	Opened events.Time
	Frame  uint64 // where it was first seen
	Closed events.Time
	State  State

	next *Conn // of the same flow: over uTP there may be several
}

// State is how far a connection is.
type State uint8

// The states.
const (
	Open State = iota
	Over
)

// Side is one end of a connection.
type Side struct {
	Peer *Peer
	// Half is the time from the capture point to this end, half of the round
	// trip that the handshake of TCP took; 0 where that is not known, and where
	// the capture was made at this end.
	Half     events.Duration
	Greeted  bool // its handshake was captured
	Closed   bool // it says nothing more
	Messages int  // captured, the handshake too
	Gaps     int  // holes in what it sent

	said, heard events.Time // the last moment of each
	causes      causes
	news        [recentNews]news // what came here last; the oldest is overwritten
	newest      uint8
}

// SideOf is the end at which p is.
func (c *Conn) SideOf(p *Peer) events.Dir {
	if c.Sides[events.FromServer].Peer == p {
		return events.FromServer
	}
	return events.FromClient
}

// Other is the peer at the other end.
func (c *Conn) Other(p *Peer) *Peer { return c.Sides[c.SideOf(p).Other()].Peer }

// Table is all swarms of a capture.
type Table struct {
	Swarms  []*Swarm
	Limited int // connections that a limit left out

	limits *events.Limits
	byHash map[string]*Swarm
	byFlow map[events.StreamKey]*Conn
	trips  []trip
	conns  int
	peers  int
	heap   heap
	slack  events.Duration
	last   *Conn
}

// trip are the round trips of a TCP handshake, to each end.
type trip struct {
	stream uint32
	known  bool
	half   [2]events.Duration
}

// New makes a Table within limits: 16 times fold-pending peers and connections,
// fold-pending swarms, fold-pending messages that wait for their turn.
func New(l *events.Limits) *Table {
	return &Table{limits: l, byHash: map[string]*Swarm{}, byFlow: map[events.StreamKey]*Conn{}}
}

func (t *Table) most() int { return 16 * max(t.limits.FoldPending, 1) }

// Take takes an event, and calls do for what happened at both ends of the
// connection, in the order in which it happened there (see Moment): not
// always at once. Close tells the rest. A Moment is borrowed until do returns.
func (t *Table) Take(e *events.Event, do func(*Moment)) {
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		if b.Of == events.RTTData {
			t.acked(e, b)
			return
		}
		t.trip(e, b)
	case *events.FlowGap:
		for c := t.byFlow[e.Key()]; c != nil; c = c.next {
			c.Sides[e.From].Gaps++
			c.Swarm.Gaps++
		}
	case *events.FlowEnd:
		if len(t.byFlow) == 0 {
			return
		}
		for c := t.byFlow[e.Key()]; c != nil; c = c.next {
			t.end(c, e, b.Why)
		}
		delete(t.byFlow, e.Key())
		if t.last != nil && t.last.Key == e.Key() {
			t.last = nil
		}
	case *events.BitTorrentHandshake:
		t.greet(e, b)
	case *events.BitTorrentEnd:
		for c := t.byFlow[e.Key()]; c != nil; c = c.next {
			if c.Swarm.Hash == b.InfoHash && !c.Swarm.Seal {
				t.half(c, e, e.From, b.Why)
			}
		}
	case *events.BitTorrentMessage:
		c := t.conn(e, b.InfoHash, false)
		if c == nil {
			return
		}
		c.Sides[e.From].Messages++
		p := c.Sides[e.From].Peer
		if b.Complete { // what is torn may be told long after it came
			p.Last = max(p.Last, e.Time)
		}
		if b.Port != 0 && b.Extension == "handshake" {
			p.Port = b.Port
		}
		t.message(e, c, b)
	default:
		return
	}
	t.heap.until(e.Time.Add(-t.slack), do)
	for t.heap.len() > t.most() {
		t.heap.pop(do)
	}
}

// Close tells what is left.
func (t *Table) Close(do func(*Moment)) {
	for t.heap.len() > 0 {
		t.heap.pop(do)
	}
}

func (t *Table) trip(e *events.Event, b *events.TCPRTT) {
	if t.trips == nil {
		t.trips = make([]trip, recent)
	}
	x := &t.trips[e.Stream%recent]
	if !x.known || x.stream != e.Stream {
		*x = trip{stream: e.Stream, known: true}
	}
	if half := b.RTT / 2; half > 0 && half <= mostHalf {
		x.half[e.From] = half
	}
}

// Swarm is the swarm with that info hash; nil: none.
func (t *Table) Swarm(hash string) *Swarm { return t.byHash[hash] }

// AddSwarm is Swarm, made where there is none; nil: a limit.
func (t *Table) AddSwarm(hash string) *Swarm { return t.swarm(hash, hash) }

func (t *Table) swarm(key, hash string) *Swarm {
	s := t.byHash[key]
	if s == nil && len(t.Swarms) < max(t.limits.FoldPending, 1) {
		s = &Swarm{At: len(t.Swarms), Hash: hash, Seal: key == sealed, ids: map[string]*Peer{}}
		t.Swarms = append(t.Swarms, s)
		t.byHash[key] = s
	}
	return s
}

// conn is the connection of e; a new one where there is none, or where begins
// says that another begins on the same ports.
func (t *Table) conn(e *events.Event, hash string, begins bool) *Conn {
	k := e.Key()
	if c := t.last; c != nil && c.Key == k && c.Swarm.Hash == hash && !begins {
		return c
	}
	head := t.byFlow[k]
	for c := head; c != nil; c = c.next {
		if c.Swarm.Hash == hash && !c.Swarm.Seal && c.State == Open && !(begins && c.Sides[e.From].Greeted) {
			t.last = c
			return c
		}
	}
	s := t.swarm(hash, hash)
	if s == nil {
		t.Limited++
		return nil
	}
	return t.open(e, s, head, begins)
}

// open makes a connection of s.
func (t *Table) open(e *events.Event, s *Swarm, head *Conn, begins bool) *Conn {
	k := e.Key()
	if t.conns >= t.most() || t.peers+2 > t.most() {
		s.Stray++
		t.Limited++
		return nil
	}
	if begins {
		for c := head; c != nil; c = c.next {
			if c.Swarm == s && c.State == Open {
				t.end(c, e, events.EndIdle) // over uTP another connection took its ports
			}
		}
	}
	c := &Conn{Swarm: s, At: t.conns, Key: k, Flow: e.Flow, Opened: e.Time, Frame: e.Pos.Frame, next: head}
	t.conns++
	if e.Flow.Proto == events.ProtoTCP && t.trips != nil {
		if x := &t.trips[e.Stream%recent]; x.known && x.stream == e.Stream {
			for d := range c.Sides {
				if x.half[d] > haste {
					c.Sides[d].Half = x.half[d]
					t.slack = max(t.slack, x.half[d]+slowAck)
				}
			}
		}
	}
	s.Conns = append(s.Conns, c)
	t.byFlow[k] = c
	t.last = c
	t.seat(c, events.FromClient, e, "", "")
	t.seat(c, events.FromServer, e, "", "")
	return c
}

func (t *Table) end(c *Conn, e *events.Event, why events.Ending) {
	if c.State == Over {
		return
	}
	t.half(c, e, events.FromClient, why)
	t.half(c, e, events.FromServer, why)
}

// half: one side of c says nothing more.
func (t *Table) half(c *Conn, e *events.Event, from events.Dir, why events.Ending) {
	s := &c.Sides[from]
	if s.Closed {
		return
	}
	s.Closed = true
	if c.Sides[from.Other()].Closed {
		c.State, c.Closed = Over, e.Time
	}
	cut := why != events.EndFIN && why != events.EndReset
	if !cut {
		s.Peer.Last = max(s.Peer.Last, e.Time)
	}
	t.both(e, c, from, Moment{What: Closed, Cut: cut})
}

// seat says who is at one end of c: by peer id, or by address.
func (t *Table) seat(c *Conn, d events.Dir, e *events.Event, id, client string) {
	addr, port := c.Flow.Client, uint16(0)
	if d == events.FromServer {
		addr, port = c.Flow.Server, c.Flow.ServerPort
	}
	var room [80]byte
	b := addr.IP().AppendTo(room[:0])
	place := string(append(b, ' ', byte(port>>8), byte(port)))
	key := id
	if key == "" {
		key = place
	}
	s := c.Swarm
	p := s.ids[key]
	if p == nil {
		p = &Peer{Swarm: s, At: t.peers, ID: id, Client: client, Addr: addr, Frame: e.Pos.Frame, First: e.Time}
		t.peers++
		s.ids[key] = p
		s.Peers = append(s.Peers, p)
	}
	if port != 0 {
		p.Port = port
		// Who listens there is known from now on, also where it ends a
		// connection without a word.
		s.ids[place] = p
	}
	p.Last = max(p.Last, e.Time)
	side := &c.Sides[d]
	if old := side.Peer; old != nil && old != p {
		old.drop(c)
	}
	if side.Peer != p {
		side.Peer = p
		p.refs++
		p.Conns = append(p.Conns, c)
	}
}

func (p *Peer) drop(c *Conn) {
	p.refs--
	for i, x := range p.Conns {
		if x == c {
			p.Conns = append(p.Conns[:i:i], p.Conns[i+1:]...)
			return
		}
	}
}

func (t *Table) greet(e *events.Event, b *events.BitTorrentHandshake) {
	if b.Encryption != "" {
		s := t.swarm(sealed, "")
		if s == nil {
			t.Limited++
			return
		}
		if c := t.open(e, s, t.byFlow[e.Key()], false); c != nil {
			c.Sides[e.From].Messages++
		}
		return
	}
	c := t.conn(e, b.InfoHash, true)
	if c == nil {
		return
	}
	side := &c.Sides[e.From]
	side.Greeted = true
	side.Messages++
	if b.PeerID != "" {
		t.seat(c, e.From, e, b.PeerID, b.Client)
	}
	t.both(e, c, e.From, Moment{What: Handshake})
}
