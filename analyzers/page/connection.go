package page

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
)

func transport(e *events.Event) int {
	if e.Flow.Proto == events.ProtoTCP {
		return 0
	}
	return 1
}

// start is the beginning of a flow that may turn out to speak HTTP.
type start struct {
	stream uint32
	frame  uint64
	at     events.Time // of its first packet
	ready  events.Time // the handshake of TCP was over; 0: not seen
}

// starts are those of the flows that are open, the latest, in the order of their
// numbers.
type starts struct {
	list []start
	next uint32 // above all numbers so far
}

func (s *starts) add(e *events.Event, most int) {
	if e.Stream < s.next {
		return // a number that was used before: it cannot be told apart
	}
	s.next = e.Stream + 1
	if len(s.list) >= 2*most {
		s.list = s.list[:copy(s.list, s.list[most:])]
	}
	s.list = append(s.list, start{stream: e.Stream, frame: e.Pos.Frame, at: e.Time})
}

func (s *starts) find(stream uint32) *start {
	if i, ok := s.index(stream); ok {
		return &s.list[i]
	}
	return nil
}

func (s *starts) index(stream uint32) (int, bool) {
	return slices.BinarySearchFunc(s.list, stream, func(a start, n uint32) int {
		return int(int64(a.stream) - int64(n))
	})
}

// end forgets a flow that is over.
func (s *starts) end(stream uint32) {
	if i, ok := s.index(stream); ok {
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// conn is a connection that spoke HTTP, or TLS.
type conn struct {
	key   events.StreamKey
	start start // at 0: not captured
	// tlsFrom and tlsTo are the handshake of TLS, or of QUIC.
	tlsFrom, tlsTo events.Time
	queue          []*object // not over, in the order of their requests
	lastEnd        events.Time
	latest         *object // of HTTP/1
	sni            string
	hello          uint64 // frame
	asked          int    // requests
}

func (c *client) conn(f *fold, e *events.Event, make bool) *conn {
	k := e.Key()
	if c.last != nil && c.last.key == k {
		return c.last
	}
	n := c.conns[k]
	if n == nil {
		if !make {
			return nil
		}
		if len(c.conns) >= f.pending {
			c.limited++
			return nil
		}
		if c.conns == nil {
			c.conns = map[events.StreamKey]*conn{}
		}
		n = &conn{key: k}
		if s := c.starts[transport(e)].find(e.Stream); s != nil {
			n.start = *s
		}
		c.conns[k] = n
	}
	c.last = n
	return n
}

// hello notes a connection whose requests may stay unseen.
func (c *client) hello(f *fold, e *events.Event, b *events.TLSClientHello) {
	web := e.Flow.ServerPort == 443 || e.Flow.ServerPort == 8443
	for _, p := range b.ALPN {
		web = web || p == "h2" || p == "h3" || strings.HasPrefix(p, "http/1")
	}
	if !web {
		return
	}
	if n := c.conn(f, e, true); n != nil && n.hello == 0 {
		n.sni, n.hello = strings.ToLower(b.SNI), e.Pos.Frame
	}
}

// hangUp ends a connection: what was under way on it stays unfinished.
func (c *client) hangUp(k events.StreamKey, now events.Time) {
	n := c.conns[k]
	if n == nil {
		return
	}
	c.seal(n)
	for _, o := range n.queue {
		o.gone = now
	}
	c.underWay -= len(n.queue)
	delete(c.conns, k)
	if c.last == n {
		c.last = nil
	}
}

// seal counts a connection on which no request could be read.
func (c *client) seal(n *conn) {
	if n.hello == 0 || n.asked > 0 {
		return
	}
	s := &c.sealed
	s.connections++
	s.first(n.hello, n.key)
	if n.sni != "" {
		s.host(n.sni, n.hello)
	}
}

// find is the first object of that request in that phase: HTTP/1 may send
// several requests in one packet, and answers them in order.
func (n *conn) find(httpStream, frame uint64, ph phase) *object {
	for _, o := range n.queue {
		if o.requestFrame == frame && o.httpStream == httpStream && o.phase == ph {
			return o
		}
	}
	return nil
}

func (c *client) finish(n *conn, o *object, e *events.Event, whole bool) {
	o.phase = broken
	if whole {
		o.phase = whole_
	}
	o.end, o.endFrame = e.Time, e.Pos.Frame
	n.lastEnd = max(n.lastEnd, e.Time)
	if i := slices.Index(n.queue, o); i >= 0 {
		n.queue = slices.Delete(n.queue, i, i+1)
		c.underWay--
	}
}

// lookup is a question of DNS about where a host is.
type lookup struct {
	name     []byte // without its last dot, in lower case
	stream   events.StreamKey
	used     bool
	frame    uint64
	asked    events.Time
	answered events.Time // 0: not
}

// question tells one from another, by its number and its flow. It is not 0.
func question(e *events.Event, m *events.DNSMessage) uint64 {
	return 1<<63 | uint64(e.Flow.Proto)<<48 | uint64(m.ID)<<32 | uint64(e.Stream)
}

// maxLookups is how many are remembered of a client: browsers ask at once for
// all hosts of a page.
const maxLookups = 64

func (c *client) look(e *events.Event, m *events.DNSMessage) {
	q := question(e, m)
	i := slices.Index(c.waiting[:len(c.looks)], q)
	if m.Response {
		if i >= 0 {
			c.looks[i].answered = e.Time
			c.waiting[i] = 0
		}
		return
	}
	if i >= 0 {
		return // sent again: the first one counts
	}
	if len(c.looks) < maxLookups {
		c.looks = append(c.looks, lookup{})
		c.nextLook = len(c.looks) - 1
	}
	c.waiting[c.nextLook] = q
	l := &c.looks[c.nextLook]
	c.nextLook = (c.nextLook + 1) % maxLookups
	*l = lookup{name: l.name[:0], stream: e.Key(), frame: e.Pos.Frame, asked: e.Time}
	name := strings.TrimSuffix(m.Question[0].Name, ".")
	for i := range len(name) {
		b := name[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		l.name = append(l.name, b)
	}
}

// lookedUp takes the look-ups of host that were answered before at, and not
// long before.
func (c *client) lookedUp(host string, at events.Time, o *object) {
	if host == "" {
		return
	}
	for i := range c.looks {
		l := &c.looks[i]
		if l.used || l.answered == 0 || l.answered > at || at.Sub(l.answered) > patience || string(l.name) != host {
			continue
		}
		l.used = true
		if o.dnsFrom == 0 || l.asked < o.dnsFrom {
			o.dnsFrom, o.dnsFrame, o.dnsKey = l.asked, l.frame, l.stream
		}
		o.dnsTo = max(o.dnsTo, l.answered)
	}
}
