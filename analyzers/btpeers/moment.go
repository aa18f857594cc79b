package btpeers

import "github.com/wiretale/wiretale/events"

// What is said in a message, as far as it matters here.
type What uint8

// The messages, and the end of a connection.
const (
	Handshake What = iota
	Choke
	Unchoke
	Interested
	NotInterested
	Have
	Bitfield
	HaveAll
	HaveNone
	Request
	Block
	Cancel
	Reject
	Other
	Closed
)

// Moment is a message at one of its ends. Both ends have one for each message:
// when it was sent, and when it came.
//
// A capture point sees a message some time after it left, and some time before
// it came. Half of the round trip of the handshake of TCP is this time, so
// that what a peer knew when it decided can be told from a capture made far
// from it.
type Moment struct {
	At    events.Time // at that end
	Time  events.Time // at the capture point
	Frame uint64
	Conn  *Conn
	Side  events.Dir // at whose end
	Sent  bool
	What  What

	Piece, Begin, Length uint32 // Have, Request, Block, Cancel, Reject
	Bits                 string // Bitfield: hex
	Torn                 bool   // some of its bytes were lost
	Cut                  bool   // Closed: by silence, a limit or the end of the capture, not by a peer

	seq uint64
}

// Lazy is how long after its bitfield a peer may go on to tell what it had
// before: some leave pieces out of the bitfield and say have at once, so that
// nobody on the way knows them for a seed.
const Lazy = events.Duration(1e9)

// Peer is who is at that end.
func (m *Moment) Peer() *Peer { return m.Conn.Sides[m.Side].Peer }

// Other is who is at the other end.
func (m *Moment) Other() *Peer { return m.Conn.Sides[m.Side.Other()].Peer }

var whats = map[string]What{
	"choke": Choke, "unchoke": Unchoke, "interested": Interested, "not_interested": NotInterested,
	"have": Have, "bitfield": Bitfield, "have_all": HaveAll, "have_none": HaveNone,
	"request": Request, "piece": Block, "cancel": Cancel, "reject": Reject,
}

func (t *Table) message(e *events.Event, c *Conn, b *events.BitTorrentMessage) {
	w, ok := whats[b.Type]
	if !ok {
		w = Other
	}
	m := Moment{What: w, Bits: b.Pieces, Torn: !b.Complete}
	if b.Piece != nil {
		m.Piece = *b.Piece
	}
	if b.Begin != nil {
		m.Begin = *b.Begin
	}
	if b.Length != nil {
		m.Length = *b.Length
	}
	switch {
	case w == Have && b.Piece == nil, w == Bitfield && b.Pieces == "", w >= Request && w <= Reject && b.Begin == nil:
		m.What = Other // torn: what it says is not known
	}
	t.both(e, c, e.From, m)
}

// haste is how much earlier a message is taken to have come than the round trip
// says. That is half the round trip plus the time in which the handshake was
// answered, and what peers do mostly follows at once from what just came: so
// what came at the same moment goes first. An end that is no further away than
// this is where the capture was made.
const haste = events.Duration(1e6)

// both makes the moments of a message.
func (t *Table) both(e *events.Event, c *Conn, from events.Dir, m Moment) {
	m.Time, m.Frame, m.Conn = e.Time, e.Pos.Frame, c
	m.Side, m.Sent = from, true
	m.At = c.Sides[from].says(e.Time, &m)
	t.heap.push(m)
	m.Side, m.Sent = from.Other(), false
	m.At = c.Sides[from.Other()].hears(e.Time, &m)
	t.heap.push(m)
	switch m.What {
	case Have, Bitfield, HaveAll:
		s := &c.Sides[from.Other()]
		n := news{frame: m.Frame, piece: m.Piece, what: m.What, at: m.At}
		if c.Flow.Proto != events.ProtoTCP {
			n.acked = m.At // the ACKs of uTP are not looked at
		}
		s.news[s.newest] = n
		s.newest = (s.newest + 1) % recentNews
	}
}

// news is what a peer said that it has, as it came to the other end.
type news struct {
	frame uint64
	piece uint32
	what  What
	at    events.Time
	acked events.Time // when the ACK left that end; 0: none was seen
}

const (
	recentNews = 8
	// slowAck is how long an ACK may take that comes late on purpose (RFC 9293
	// section 3.8.6.3: less than 500 ms; stacks wait 40 ms or less).
	slowAck = events.Duration(60e6)
)

// acked notes which news have come for certain: those that this ACK covers.
func (t *Table) acked(e *events.Event, b *events.TCPRTT) {
	if len(t.byFlow) == 0 || b.SACK {
		return
	}
	for c := t.byFlow[e.Key()]; c != nil; c = c.next {
		s := &c.Sides[e.From]
		for i := range s.news {
			if n := &s.news[i]; n.frame != 0 && n.frame <= b.SegmentFrame && n.acked == 0 {
				n.acked = e.Time.Add(-s.Half)
			}
		}
	}
}

// Settled reports whether it is certain what the peer at this end knew of the
// other's pieces at that moment. It is not where news came so close to it that
// it may have read them before or after, or where they may have been lost on
// the way, and have come later than they seemed to. News of piece but are
// certain: they are why it acts.
func (s *Side) Settled(at events.Time, but int) bool {
	for i := range s.news {
		n := &s.news[i]
		if n.frame == 0 || n.what == Have && int(n.piece) == but {
			continue
		}
		if near := at.Sub(n.at); near < -haste {
			continue // later than that
		} else if near <= haste || n.acked == 0 || n.acked.Sub(n.at) > slowAck && n.acked > at {
			return false
		}
	}
	return true
}

// cause is what came to an end, and lets it ask.
type cause struct {
	piece    uint32
	seen, at events.Time // by the capture, at that end
}

// causes are the last of them, the oldest is overwritten.
type causes struct {
	unchoke cause
	haves   [8]cause
	next    uint8
}

// hears is when a message that was seen at time t came to this end.
func (s *Side) hears(t events.Time, m *Moment) events.Time {
	at := t
	if s.Half > 0 {
		at = t.Add(s.Half - haste)
	}
	at = max(at, s.heard)
	s.heard = at
	if s.Half > 0 {
		switch m.What {
		case Unchoke:
			s.causes.unchoke = cause{0, t, at}
		case Have:
			s.causes.haves[s.causes.next%8] = cause{m.Piece, t, at}
			s.causes.next++
		}
	}
	return at
}

// says is when a message that was seen at time t left this end: not before
// what it answers came. Where it seems so, the end is nearer than its handshake
// said: the machine was slow to answer that.
func (s *Side) says(t events.Time, m *Moment) events.Time {
	at := t.Add(-s.Half)
	if m.What == Request && s.Half > 0 {
		at = s.after(at, t, &s.causes.unchoke)
		for i := range s.causes.haves {
			if h := &s.causes.haves[i]; h.piece == m.Piece {
				at = s.after(at, t, h)
			}
		}
	}
	at = max(at, s.said)
	s.said = at
	return at
}

func (s *Side) after(at, t events.Time, c *cause) events.Time {
	if c.seen == 0 || at > c.at {
		return at
	}
	s.Half = min(s.Half, t.Sub(c.seen)/2)
	return c.at + 1
}

// heap gives moments in the order of At, those of one time as they came.
type heap struct {
	list []Moment
	out  Moment // what is being told
	seq  uint64
}

func (h *heap) len() int { return len(h.list) }

func (h *heap) less(i, j int) bool {
	a, b := &h.list[i], &h.list[j]
	return a.At < b.At || a.At == b.At && a.seq < b.seq
}

func (h *heap) push(m Moment) {
	h.seq++
	m.seq = h.seq
	h.list = append(h.list, m)
	for i := len(h.list) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h.list[i], h.list[up] = h.list[up], h.list[i]
		i = up
	}
}

// until tells all moments before t.
func (h *heap) until(t events.Time, do func(*Moment)) {
	for len(h.list) > 0 && h.list[0].At < t {
		h.pop(do)
	}
}

func (h *heap) pop(do func(*Moment)) {
	h.out = h.list[0]
	n := len(h.list) - 1
	h.list[0] = h.list[n]
	h.list[n].Conn, h.list[n].Bits = nil, ""
	h.list = h.list[:n]
	for i := 0; ; {
		least := i
		for k := 2*i + 1; k <= 2*i+2 && k < n; k++ {
			if h.less(k, least) {
				least = k
			}
		}
		if least == i {
			break
		}
		h.list[i], h.list[least] = h.list[least], h.list[i]
		i = least
	}
	do(&h.out)
}
