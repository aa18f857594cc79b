// Package httpconnections answers how a client uses its connections to a
// site: one object each, many one after another, pipelined, several
// connections at once; what an object costs in round trips; and what the
// textbook's model says that it should.
package httpconnections

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is http.connections.
var Question = analyzers.Question{
	Name: "http.connections",
	Area: analyzers.Web,
	Doc:  "how each client uses its connections to a site, and the round trips an object costs, beside the model's",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.connections", o, newFold(o))
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Usage{},
}

// key is client and server address: all their connections are seen together.
type key struct{ client, server events.Addr }

type fold struct {
	pending int
	samples int
	// Connections come and go: their memory is used again.
	conns  spares[*conn]
	queues spares[[]object]
}

func newFold(o analyzers.Options) *fold {
	f := &fold{pending: max(o.Limits.FoldPending, 1), samples: max(o.Limits.FoldSamples, 1)}
	f.conns.make = func() *conn { return &conn{} }
	f.conns.reset = func(c *conn) *conn { *c = conn{}; return c }
	f.queues.make = func() []object { return make([]object, 0, 1) }
	f.queues.reset = func(q []object) []object { return q[:0] }
	return f
}

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowStart, events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody,
	}
}

func (*fold) Key(e *events.Event) (key, bool) {
	switch e.Body.(type) {
	case *events.FlowStart, *events.FlowEnd, *events.FlowGap:
		if e.Flow.Proto != events.ProtoTCP {
			return key{}, false
		}
	}
	return key{e.Flow.Client, e.Flow.Server}, true
}

// Idle is longer than browsers and servers keep idle connections.
func (*fold) Idle() time.Duration { return 10 * time.Minute }

type state struct{ *pair }

func (f *fold) Step(_ key, s *state, e *events.Event, _ analyzers.Emit) {
	if s.pair == nil {
		s.pair = &pair{}
	}
	p := s.pair
	switch b := e.Body.(type) {
	case *events.FlowStart:
		if c := p.conn(f, e.Key(), true); c != nil {
			c.start, c.startSeen = e.Time, !b.Midway
		}
	case *events.TCPRTT:
		p.sample(e.Key(), e.From, b)
	case *events.FlowEnd:
		if c := p.conn(f, e.Key(), false); c != nil {
			p.close(f, e.Key(), c)
		}
	case *events.HTTPRequest:
		if c := p.conn(f, e.Key(), true); c != nil {
			f.request(p, c, e, b)
		}
	case *events.FlowGap:
		if c := p.conn(f, e.Key(), false); c != nil && e.From == events.FromServer {
			c.torn = true
		}
	case *events.HTTPResponse:
		if c := p.conn(f, e.Key(), false); c != nil && (!b.Interim || b.Status == 101) {
			f.response(c, e, b)
		}
	case *events.HTTPBody:
		if c := p.conn(f, e.Key(), false); c != nil && b.Of == "response" {
			if i := c.find(b.HTTPStream, b.RequestFrame, true); i >= 0 {
				if b.Complete && b.Missing == 0 {
					f.finish(c, i, e, b.WireBytes)
				} else {
					f.drop(c, i)
				}
			}
		}
	}
}

func (f *fold) Close(k key, s *state, emit analyzers.Emit) {
	p := s.pair
	if p == nil {
		return
	}
	for _, c := range p.conns {
		f.settle(c.conn)
		f.conns.give(c.conn)
	}
	p.conns, p.last = nil, nil
	for _, u := range p.sites {
		u.row(k, p, emit)
	}
}

func (f *fold) request(p *pair, c *conn, e *events.Event, r *events.HTTPRequest) {
	u := p.site(f, r.Host)
	if u == nil {
		return
	}
	if len(c.queue) >= f.pending {
		p.limited++
		f.drop(c, 0)
	}
	o := object{site: u, frame: e.Pos.Frame, httpStream: r.HTTPStream, start: r.FirstTime, bytes: 0}
	if c.objects == 0 && c.startSeen {
		o.opened, o.start = true, c.start
	}
	c.objects++
	c.multiplexed = c.multiplexed || r.HTTPStream != 0
	if r.HTTPStream == 0 && len(c.queue) > 0 && !c.torn {
		u.pipelined++
	}
	if says(r.Headers, "close") || r.Version == "1.0" && !says(r.Headers, "keep-alive") || r.Version == "0.9" {
		c.single = true
	}
	u.frame(e.Pos.Frame)
	u.objects++
	use := c.use(u)
	if use.objects == 0 {
		u.connections++
		u.stream(e.Stream)
	}
	use.objects++
	if use.open == 0 {
		u.active++
		u.parallel = max(u.parallel, u.active)
	}
	use.open++
	u.begin(o.start)
	if c.queue == nil {
		c.queue = f.queues.take()
	}
	c.queue = append(c.queue, o)
}

func (f *fold) response(c *conn, e *events.Event, r *events.HTTPResponse) {
	c.torn = false
	i := c.find(r.HTTPStream, r.RequestFrame, false)
	if i < 0 {
		return
	}
	for ; i > 0 && r.HTTPStream == 0; i-- {
		f.drop(c, 0) // its response was lost: HTTP/1 answers in order
	}
	if says(r.Headers, "close") || r.Version == "1.0" && !says(r.Headers, "keep-alive") {
		c.single = true
	}
	o := &c.queue[i]
	o.answered, o.firstByte, o.bytes = true, r.FirstTime, r.Bytes
	if !r.HasBody {
		f.finish(c, i, e, 0)
	}
}

// finish takes the end of object i of c.
func (f *fold) finish(c *conn, i int, e *events.Event, body int64) {
	o := c.queue[i]
	u := o.site
	u.complete++
	bytes := o.bytes + body
	u.bytes += bytes
	if d := e.Time.Sub(o.firstByte); d > 0 {
		u.receiveTime += d
		u.receiveBytes += bytes
	}
	if rtt, from := c.rtt(); rtt > 0 {
		// In thousandths of a round trip, to keep sums exact.
		took := e.Time.Sub(o.start)
		milli := int64(float64(took)*1000/float64(rtt) + 0.5)
		u.rtts.Add(milli, f.samples)
		u.rttSum += rtt
		u.rttFrom |= from
		if o.opened {
			u.opened.add(milli)
		} else {
			u.reused.add(milli)
		}
	}
	u.end = max(u.end, e.Time)
	f.drop(c, i)
}

// says reports whether a Connection field has the option (RFC 9110 section
// 7.6.1).
func says(hs []events.Header, option string) bool {
	v := events.Get(hs, "Connection")
	return v != "" && hasToken(v, option)
}

func hasToken(list, token string) bool {
	for len(list) > 0 {
		i := 0
		for i < len(list) && list[i] != ',' {
			i++
		}
		if equalFold(trim(list[:i]), token) {
			return true
		}
		list = list[min(i+1, len(list)):]
	}
	return false
}

func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares ASCII without case; lower is in lower case.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
