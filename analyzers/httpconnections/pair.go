package httpconnections

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// pair is a client and a server: their open connections, and the sites that
// the client asked for.
type pair struct {
	conns   map[events.StreamKey]*conn
	last    *conn // and its key: events come in runs
	lastKey events.StreamKey
	byHost  map[string]*site
	sites   []*site // in the order of their first requests
	limited int     // connections, requests and sites beyond fold-pending
}

// conn is one connection, as long as it is open.
type conn struct {
	start       events.Time
	startSeen   bool // the SYN was captured
	single      bool // somebody said that it closes after one object
	multiplexed bool
	torn        bool    // bytes of the server were lost since its last message
	sampled     [3]bool // by RTTOf: there was one
	synAck, ack events.Duration
	data        [2]events.Duration // least, by the side that answered; 0: none
	objects     int
	queue       []object // not over, in order of request
	uses        []use    // most have one
	room        [1]use
}

// use is what one site does with a connection.
type use struct {
	site    *site
	objects int
	open    int // not over
}

// object is one request and its response under way.
type object struct {
	site       *site
	frame      uint64 // of its request
	httpStream uint64
	start      events.Time
	firstByte  events.Time
	bytes      int64
	opened     bool // its start is the SYN
	answered   bool
}

// from says what an RTT was taken from.
type from uint8

const (
	fromHandshake from = 1 << iota
	fromData
)

// site is one host name under which the client asked this server.
type site struct {
	host        string
	objects     int
	complete    int
	connections int
	persistent  int // connections that had two or more objects
	single      int // that had one, and were said to close after it
	multiplexed bool
	pipelined   int
	parallel    int // most connections with an object under way at once
	active      int // connections with an object under way now
	open        int // objects under way
	bytes       int64

	receiveTime  events.Duration
	receiveBytes int64

	rtts           analyzers.Sketch // thousandths of an RTT per object
	opened, reused mean
	rttSum         events.Duration // one for each object measured
	rttFrom        from

	busy      events.Duration // some object was under way
	busyStart events.Time
	busyEnd   events.Time // of the time before
	end       events.Time // of the last object that came whole

	frames  []uint64
	streams []uint32
}

// mean of thousandths.
type mean struct {
	n   int64
	sum int64
}

func (m *mean) add(v int64) { m.n++; m.sum += v }

func (p *pair) conn(f fold, k events.StreamKey, add bool) *conn {
	if p.last != nil && p.lastKey == k {
		return p.last
	}
	c := p.conns[k]
	if c == nil {
		if !add {
			return nil
		}
		if len(p.conns) >= f.pending {
			p.limited++
			return nil
		}
		c = &conn{}
		p.conns[k] = c
	}
	p.last, p.lastKey = c, k
	return c
}

// close forgets a connection that is over.
func (p *pair) close(k events.StreamKey, c *conn) {
	c.settle()
	delete(p.conns, k)
	p.last = nil
}

func (p *pair) site(f fold, host string) *site {
	host = strings.ToLower(host) // RFC 9110 section 4.2.3
	if n := len(p.sites); n > 0 && p.sites[n-1].host == host {
		return p.sites[n-1]
	}
	if u := p.byHost[host]; u != nil {
		return u
	}
	if len(p.sites) >= f.pending {
		p.limited++
		return nil
	}
	u := &site{host: host}
	p.sites = append(p.sites, u)
	p.byHost[host] = u
	return u
}

func (c *conn) sample(side events.Dir, r *events.TCPRTT) {
	switch r.Of {
	case events.RTTSynAck:
		c.synAck = r.RTT
	case events.RTTAck:
		c.ack = r.RTT
	default:
		if c.sampled[events.RTTSynAck] && c.sampled[events.RTTAck] {
			return
		}
		if c.data[side] == 0 || r.RTT < c.data[side] {
			c.data[side] = max(r.RTT, 1)
		}
	}
	c.sampled[r.Of] = true
}

// rtt is the round trip between client and server, whatever the vantage: the
// sum of both sides' samples. 0: it cannot be told.
func (c *conn) rtt() (events.Duration, from) {
	switch {
	case c.sampled[events.RTTSynAck] && c.sampled[events.RTTAck]:
		return c.synAck + c.ack, fromHandshake
	case c.data[0] > 0 && c.data[1] > 0:
		return c.data[0] + c.data[1], fromData
	}
	return 0, 0
}

func (c *conn) use(u *site) *use {
	for i := range c.uses {
		if c.uses[i].site == u {
			return &c.uses[i]
		}
	}
	if c.uses == nil {
		c.uses = c.room[:0]
	}
	c.uses = append(c.uses, use{site: u})
	return &c.uses[len(c.uses)-1]
}

func (c *conn) find(httpStream, frame uint64, answered bool) int {
	if frame == 0 {
		return -1
	}
	for i := range c.queue {
		if o := &c.queue[i]; o.frame == frame && o.httpStream == httpStream && o.answered == answered {
			return i
		}
	}
	return -1
}

// drop takes object i, over or given up, out of the queue.
func (c *conn) drop(i int) {
	u := c.queue[i].site
	c.queue = slices.Delete(c.queue, i, i+1)
	use := c.use(u)
	if use.open--; use.open == 0 {
		u.active--
	}
	if u.open--; u.open == 0 {
		if u.end > u.busyStart {
			u.busy += u.end.Sub(u.busyStart)
			u.busyEnd = u.end
		}
	}
}

// begin counts an object that started at t.
func (u *site) begin(t events.Time) {
	t = max(t, u.busyEnd)
	if u.open == 0 || t < u.busyStart {
		u.busyStart = t
	}
	u.open++
}

// settle gives up what is under way and adds what the connection was to the
// sites that used it.
func (c *conn) settle() {
	for len(c.queue) > 0 {
		c.drop(len(c.queue) - 1)
	}
	for i := range c.uses {
		u := c.uses[i].site
		u.multiplexed = u.multiplexed || c.multiplexed
		switch {
		case c.objects >= 2:
			u.persistent++
		case c.single:
			u.single++
		}
	}
	c.uses = nil
}

func (u *site) frame(f uint64) {
	if n := len(u.frames); n < analyzers.MaxFrames && (n == 0 || u.frames[n-1] != f) {
		u.frames = append(u.frames, f)
	}
}

// stream notes a connection for the filter: one more than fits says that
// there are more.
func (u *site) stream(s uint32) {
	if len(u.streams) <= analyzers.MaxFrames && !slices.Contains(u.streams, s) {
		u.streams = append(u.streams, s)
	}
}
