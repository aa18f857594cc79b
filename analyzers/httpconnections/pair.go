package httpconnections

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// pair is a client and a server: their open connections, and the sites that
// the client asked for.
type pair struct {
	// conns are in the order of their streams: new ones are put at the end.
	conns   []entry
	last    *conn // and its key: events come in runs
	lastKey events.StreamKey
	sites   []named          // in the order of their first requests
	byHost  map[string]*site // from fewSites on
	limited int              // connections, requests and sites beyond fold-pending
}

// fewSites are looked for one by one.
const fewSites = 8

// entry is what is needed of a connection for most events, without a look at
// the connection itself.
type entry struct {
	key  events.StreamKey
	done bool // no further sample is of use
	*conn
}

// named is a site and a hash of its name.
type named struct {
	hash uint32
	*site
}

// conn is one connection, as long as it is open.
type conn struct {
	start       events.Time
	synAck, ack events.Duration
	data        [2]events.Duration // least, by the side that answered; 0: none
	objects     int32
	startSeen   bool // the SYN was captured
	single      bool // somebody said that it closes after one object
	multiplexed bool
	torn        bool     // bytes of the server were lost since its last message
	sampled     [3]bool  // by RTTOf: there was one
	queue       []object // not over, in order of request
	first       use      // what its first site does with it: most have one
	more        []use
}

// use is what one site does with a connection.
type use struct {
	site    *site
	objects int32
	open    int32 // not over
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

	frames  evidence[[analyzers.MaxFrames]uint64]
	streams evidence[[analyzers.MaxFrames + 1]uint32] // one more says that there are more
}

// evidence is the first few of something.
type evidence[A any] struct {
	n    int
	kept A
}

// mean of thousandths.
type mean struct {
	n   int64
	sum int64
}

func (m *mean) add(v int64) { m.n++; m.sum += v }

// seek is where k is among the open connections, or would be.
func (p *pair) seek(k events.StreamKey) (int, bool) {
	// Most often it is one of the last.
	for i := len(p.conns) - 1; i >= max(len(p.conns)-8, 0); i-- {
		if c := compareKeys(p.conns[i].key, k); c <= 0 {
			if c == 0 {
				return i, true
			}
			return i + 1, false
		}
	}
	return slices.BinarySearchFunc(p.conns, k, func(e entry, k events.StreamKey) int { return compareKeys(e.key, k) })
}

func compareKeys(a, b events.StreamKey) int {
	if a.Stream != b.Stream {
		return cmp.Compare(a.Stream, b.Stream)
	}
	return cmp.Compare(a.Proto, b.Proto)
}

func (p *pair) conn(f *fold, k events.StreamKey, add bool) *conn {
	if p.last != nil && p.lastKey == k {
		return p.last
	}
	i, ok := p.seek(k)
	if !ok {
		if !add {
			return nil
		}
		if len(p.conns) >= f.pending {
			p.limited++
			return nil
		}
		p.conns = slices.Insert(p.conns, i, entry{k, false, f.conns.take()})
	}
	p.last, p.lastKey = p.conns[i].conn, k
	return p.last
}

// close forgets a connection that is over.
func (p *pair) close(f *fold, k events.StreamKey, c *conn) {
	f.settle(c)
	if i, ok := p.seek(k); ok {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
	f.conns.give(c)
	p.last = nil
}

func (p *pair) site(f *fold, host string) *site {
	host, hash := lower(host) // RFC 9110 section 4.2.3
	n := len(p.sites)
	for i := n - 1; i >= max(n-fewSites, 0); i-- {
		if p.sites[i].hash == hash && p.sites[i].host == host {
			return p.sites[i].site
		}
	}
	if n >= fewSites {
		if u := p.byHost[host]; u != nil {
			return u
		}
	}
	if n >= f.pending {
		p.limited++
		return nil
	}
	host = strings.Clone(host) // it is a piece of a whole head
	u := &site{host: host}
	p.sites = append(p.sites, named{hash, u})
	switch {
	case n+1 == fewSites:
		p.byHost = make(map[string]*site, 2*fewSites)
		for _, u := range p.sites {
			p.byHost[u.host] = u.site
		}
	case n >= fewSites:
		p.byHost[host] = u
	}
	return u
}

// FNV-1a.
const fnvStart = 2166136261

func fnv(h uint32, c byte) uint32 { return (h ^ uint32(c)) * 16777619 }

func hashOf(s string) uint32 {
	h := uint32(fnvStart)
	for i := range len(s) {
		h = fnv(h, s[i])
	}
	return h
}

// lower is host in lower case, and a hash of that.
func lower(host string) (string, uint32) {
	h := uint32(fnvStart)
	for i := range len(host) {
		c := host[i]
		if 'A' <= c && c <= 'Z' || c >= 0x80 {
			host = strings.ToLower(host)
			return host, hashOf(host)
		}
		h = fnv(h, c)
	}
	return host, h
}

// sample takes a round trip to side.
func (p *pair) sample(k events.StreamKey, side events.Dir, r *events.TCPRTT) {
	i, ok := p.seek(k)
	if !ok || p.conns[i].done && r.Of == events.RTTData {
		return
	}
	c := p.conns[i].conn
	c.sample(side, r)
	p.conns[i].done = c.shaken()
}

func (c *conn) sample(side events.Dir, r *events.TCPRTT) {
	switch r.Of {
	case events.RTTSynAck:
		c.synAck = r.RTT
	case events.RTTAck:
		c.ack = r.RTT
	default:
		if c.shaken() {
			return
		}
		if c.data[side] == 0 || r.RTT < c.data[side] {
			c.data[side] = max(r.RTT, 1)
		}
	}
	c.sampled[r.Of] = true
}

// shaken says that the handshake gave the round trip.
func (c *conn) shaken() bool { return c.sampled[events.RTTSynAck] && c.sampled[events.RTTAck] }

// rtt is the round trip between client and server, whatever the vantage: the
// sum of both sides' samples. 0: it cannot be told.
func (c *conn) rtt() (events.Duration, from) {
	switch {
	case c.shaken():
		return c.synAck + c.ack, fromHandshake
	case c.data[0] > 0 && c.data[1] > 0:
		return c.data[0] + c.data[1], fromData
	}
	return 0, 0
}

func (c *conn) use(u *site) *use {
	if c.first.site == nil {
		c.first.site = u
	}
	if c.first.site == u {
		return &c.first
	}
	for i := range c.more {
		if c.more[i].site == u {
			return &c.more[i]
		}
	}
	c.more = append(c.more, use{site: u})
	return &c.more[len(c.more)-1]
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

// shortQueue is the longest that is worth keeping to be used again.
const shortQueue = 8

// drop takes object i, over or given up, out of the queue.
func (f *fold) drop(c *conn, i int) {
	u := c.queue[i].site
	c.queue = slices.Delete(c.queue, i, i+1)
	if len(c.queue) == 0 { // connections are idle most of the time
		if cap(c.queue) <= shortQueue {
			f.queues.give(c.queue)
		}
		c.queue = nil
	}
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
func (f *fold) settle(c *conn) {
	for len(c.queue) > 0 {
		f.drop(c, len(c.queue)-1)
	}
	if c.first.site != nil {
		c.usedBy(c.first.site)
	}
	for i := range c.more {
		c.usedBy(c.more[i].site)
	}
	c.first, c.more = use{}, nil
}

func (c *conn) usedBy(u *site) {
	u.multiplexed = u.multiplexed || c.multiplexed
	switch {
	case c.objects >= 2:
		u.persistent++
	case c.single:
		u.single++
	}
}

func (u *site) frame(f uint64) {
	e := &u.frames
	if e.n < len(e.kept) && (e.n == 0 || e.kept[e.n-1] != f) {
		e.kept[e.n] = f
		e.n++
	}
}

// stream notes a connection for the filter.
func (u *site) stream(s uint32) {
	e := &u.streams
	if e.n < len(e.kept) && !slices.Contains(e.kept[:e.n], s) {
		e.kept[e.n] = s
		e.n++
	}
}
