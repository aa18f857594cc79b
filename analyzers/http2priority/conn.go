package http2priority

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// conn is a connection of HTTP/2.
type conn struct {
	flow    events.Flow
	limit   int
	scheme  Scheme
	signals int64
	frames  []uint64 // of the first signals
	gap     bool
	limited bool
	client  bool // a request was seen

	streams map[uint64]*stream
	order   []*stream // as they came
	open    []*stream // begun, not ended
	done    []*stream // in the order of ending
	changes []change  // that the server does not know yet
	sent    []sent
}

// stream is a request and its response, or only a place in the tree.
type stream struct {
	id     uint64
	target string
	asked  priority
	placed bool // it is in the tree by its own word or as a request

	phase  phase
	bytes  int64
	since  int  // index in sent of what followed its last frame
	closed bool // its window, or the connection's
}

type phase uint8

const (
	idle phase = iota
	head
	content
	ended
	reset
)

// change is a priority that was told after its request.
type change struct {
	at     events.Time
	stream uint64
	tree   *priority // RFC 7540
	value  string    // RFC 9218
}

// sent is a DATA frame with bytes.
type sent struct {
	stream                *stream
	bytes                 int64
	frame                 uint64
	against, kept, unsure bool
}

func (c *conn) stream(id uint64) *stream {
	if s := c.streams[id]; s != nil {
		return s
	}
	if len(c.streams) >= c.limit {
		c.limited = true
		return nil
	}
	s := &stream{id: id, asked: standard}
	c.streams[id] = s
	c.order = append(c.order, s)
	return s
}

func (c *conn) signal(s Scheme, e *events.Event) {
	c.signals++
	if c.scheme != RFC9218 {
		c.scheme = s
	}
	if len(c.frames) < analyzers.MaxFrames/2 {
		c.frames = append(c.frames, e.Pos.Frame)
	}
}

func (c *conn) request(b *events.HTTPRequest, e *events.Event) {
	s := c.stream(b.HTTPStream)
	if s == nil {
		return
	}
	s.target = b.Target
	if e.From == events.FromServer {
		return
	}
	c.client, s.placed = true, true
	if v := events.Get(b.Headers, "Priority"); v != "" {
		c.signal(RFC9218, e)
		s.asked.read(v)
	}
}

// response: what the server says of a priority counts (RFC 9218 section 8).
func (c *conn) response(b *events.HTTPResponse) {
	if s := c.streams[b.HTTPStream]; s != nil && !b.Interim {
		if v := events.Get(b.Headers, "Priority"); v != "" {
			s.asked.read(v)
		}
	}
}

// clientFrame takes what the client says; the server knows it, as seen here,
// at known.
func (c *conn) clientFrame(b *events.HTTP2Frame, e *events.Event, known events.Time) {
	switch b.Type {
	case "HEADERS":
		s := c.stream(b.HTTPStream)
		if s == nil || b.Weight == 0 {
			return
		}
		c.signal(RFC7540, e)
		c.place(s, tree(b))
	case "PRIORITY":
		if b.Weight == 0 {
			return
		}
		c.signal(RFC7540, e)
		p := tree(b)
		c.change(change{at: known, stream: b.HTTPStream, tree: &p})
	case "PRIORITY_UPDATE":
		c.signal(RFC9218, e)
		c.change(change{at: known, stream: b.PrioritizedStream, value: b.Value})
	case "RST_STREAM":
		c.end(c.streams[b.HTTPStream], reset)
	case "WINDOW_UPDATE":
		if s := c.streams[b.HTTPStream]; s != nil && b.StreamWindow > 0 {
			s.closed = false
		}
	}
}

func tree(b *events.HTTP2Frame) priority {
	return priority{parent: b.DependsOn, weight: b.Weight, exclusive: b.Exclusive}
}

func (c *conn) change(ch change) {
	if len(c.changes) >= c.limit {
		c.limited = true
		return
	}
	c.changes = append(c.changes, ch)
}

// learn applies what the server knows by now. What was sent between two frames
// of a response meanwhile is not judged for it.
func (c *conn) learn(now events.Time) {
	n := 0
	for n < len(c.changes) && c.changes[n].at <= now {
		ch := &c.changes[n]
		n++
		s := c.stream(ch.stream)
		switch {
		case s == nil:
		case ch.tree != nil:
			c.place(s, *ch.tree)
		default:
			i, u := standard.incremental, standard.urgency
			s.asked.incremental, s.asked.urgency = i, u
			s.asked.read(ch.value)
		}
	}
	if n == 0 {
		return
	}
	c.changes = c.changes[n:]
	for _, s := range c.open {
		s.since = len(c.sent)
	}
}

func (c *conn) serverFrame(b *events.HTTP2Frame, e *events.Event) {
	c.learn(b.FirstTime)
	s := c.streams[b.HTTPStream]
	if s == nil {
		return
	}
	switch b.Type {
	case "RST_STREAM":
		c.end(s, reset)
		return
	case "HEADERS":
		if s.phase == idle {
			s.phase, s.since = head, len(c.sent)
			c.open = append(c.open, s)
		}
	case "DATA":
		c.data(s, b, e)
	default:
		return
	}
	if len(b.Flags) > 0 && b.Flags[0] == "END_STREAM" {
		c.end(s, ended)
	}
}

func (c *conn) data(s *stream, b *events.HTTP2Frame, e *events.Event) {
	if b.Length == 0 || s.phase != head && s.phase != content {
		return
	}
	s.bytes += int64(b.Length)
	c.waited(s)
	s.phase = content
	s.closed = b.WindowsKnown && (b.StreamWindow <= 0 || b.ConnectionWindow <= 0)
	if len(c.sent) >= c.limit {
		c.limited = true
		s.since = len(c.sent)
		return
	}
	if len(c.open) > 1 && c.signals > 0 {
		c.sent = append(c.sent, sent{stream: s, bytes: int64(b.Length), frame: e.Pos.Frame})
	}
	s.since = len(c.sent)
}

// waited: s goes on, and so it waited for what was sent since its last frame.
func (c *conn) waited(s *stream) {
	for i := s.since; i < len(c.sent); i++ {
		x := &c.sent[i]
		switch {
		case c.preferred(s, x.stream):
			if s.phase == head {
				x.unsure = true
			} else if !s.closed {
				x.against = true
			}
		case s.phase == content && c.preferred(x.stream, s):
			x.kept = true
		}
	}
}

func (c *conn) end(s *stream, how phase) {
	if s == nil || s.phase != head && s.phase != content {
		return
	}
	s.phase = how
	for i, o := range c.open {
		if o == s {
			c.open = append(c.open[:i], c.open[i+1:]...)
			break
		}
	}
	c.done = append(c.done, s)
}
