package flows

import (
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// openTCP prepares the reading of a new connection.
func (w *Worker) openTCP(r *record, c *tcpConn) {
	n := w.node()
	n.r, n.path, n.layer, n.root = r, "tcp", "tcp", true
	c.root = n
	if x, ok := w.expected[r.share].take(r, w.op.time); ok {
		n.start(x, "expected")
	}
}

// node takes a node from the pool.
func (w *Worker) node() *node {
	if k := len(w.nodes); k > 0 {
		n := w.nodes[k-1]
		w.nodes = w.nodes[:k-1]
		return n
	}
	return &node{w: w}
}

// closeNode ends the reading of a connection, and gives its memory to others.
func (w *Worker) closeNode(c *tcpConn) {
	n := c.root
	if n == nil {
		return
	}
	c.root = nil
	n.deafen()
	*n = node{w: w}
	w.nodes = append(w.nodes, n)
}

// start begins with a protocol that is known by name, or searches for it.
func (n *node) start(x decoders.Next, by string) {
	n.phase, n.stream, n.announced, n.tried, n.hint = searching, nil, false, 0, x.Hint
	for i := range n.side {
		n.side[i].no, n.side[i].mute = 0, false
	}
	if x.Protocol == "" {
		return
	}
	i := slices.IndexFunc(n.w.protos, func(p decoders.Proto) bool { return p.Name == x.Protocol && p.Stream != nil })
	if i < 0 {
		// Named, and nobody here reads it: say so, and read no more.
		n.w.emit(n.r, events.FromClient, n.w.layers.join(n.path, x.Protocol), false, &events.FlowDetected{Protocol: x.Protocol, By: by, Roles: n.roles()})
		if n.root {
			n.r.conv.flags |= cvNamed
			n.w.tcp[n.r.conv.heavy-1].named = x.Protocol
		}
		n.deafen()
		return
	}
	n.choose(i, by, reading)
	n.announce()
}

// become follows a Switch: what was not taken belongs to the next protocol.
func (n *node) become() {
	next := *n.next
	n.next = nil
	if n.depth++; n.depth > n.w.limits.Nesting {
		n.w.emit(n.r, events.FromClient, n.layer, false, &events.FlowLimit{Protocol: next.Protocol, Limit: "nesting", Value: int64(n.w.limits.Nesting), Reason: "what follows is not read"})
		n.deafen()
		return
	}
	for i := range n.side {
		s := &n.side[i]
		s.drop(n.w, s.taken)
		s.taken, s.want, s.stalled, s.told = 0, 0, false, false
	}
	n.start(next, "named")
	n.resume()
}

// resume offers what is kept to a decoder that has just begun.
func (n *node) resume() {
	if n.phase == searching {
		if len(n.side[0].buf)+len(n.side[1].buf) > 0 {
			n.search(n.side[0].over && n.side[1].over)
		}
		return
	}
	// Who spoke first is heard first.
	first := events.FromClient
	if c, s := n.side[0].spans, n.side[1].spans; len(s) > 0 && (len(c) == 0 || s[0].Frame < c[0].Frame) {
		first = events.FromServer
	}
	if n.tellMissed(); n.phase == deaf {
		return
	}
	for _, from := range [2]events.Dir{first, first.Other()} {
		if n.phase == reading || n.phase == trial {
			n.offer(from)
		}
	}
	n.tellEnds()
}

// choose makes protocol i the reader of this node.
func (n *node) choose(i int, by string, ph phase) {
	p := &n.w.protos[i]
	n.proto, n.by, n.phase = i, by, ph
	n.layer = n.w.layers.join(n.path, p.Name)
	env := n.w.env()
	env.Flow, env.Stream, env.Hint = n.r.flow(), n.r.stream, n.hint
	if ph == trial {
		// What it is must not depend on what somebody wants to hear of it.
		n.want = onTrial
		env.Want = &n.want
	}
	n.stream = p.Stream(env)
}

// onTrial are all kinds but those that carry what was carried: they cost as
// much as it is long.
var onTrial = func() (s events.KindSet) {
	for _, k := range events.Kinds() {
		if k != events.KindContentPart && k != events.KindContentEnd {
			s = s.Or(events.SetOf(k))
		}
	}
	return s
}()

// confirm looks at the content of a stream whose protocol is on trial: bytes
// that came since may show it, or another one.
func (n *node) confirm(from events.Dir) {
	s := &n.side[from]
	for i := range n.w.protos {
		p := &n.w.protos[i]
		if p.Stream == nil || n.tried&(1<<i) != 0 || s.no&(1<<i) != 0 {
			continue
		}
		switch v, who := p.Probe(from, s.buf); {
		case v == decoders.No:
			s.no |= 1 << i
		case v == decoders.Maybe:
		case i != n.proto:
			n.reject()
			return
		case who != from && n.root && n.r.conv.flags&cvGuessed != 0:
			n.reject() // it was told the wrong speakers: from the start again
			n.tried &^= 1 << i
			return
		default:
			n.by = "content"
			n.accept()
			return
		}
	}
}

func (n *node) roles() string {
	if n.r.conv.flags&cvGuessed != 0 {
		return "guessed"
	}
	return ""
}

// announce says which protocol speaks; done before its first event.
func (n *node) announce() {
	if n.announced {
		return
	}
	n.announced = true
	p := &n.w.protos[n.proto]
	if n.root {
		n.w.detected(n.r, n.proto)
	}
	n.w.emit(n.r, events.FromClient, n.layer, false, &events.FlowDetected{Protocol: p.Name, By: n.by, Roles: n.roles(), Encrypted: p.Encrypted})
}

func (w *Worker) detected(r *record, proto int) {
	r.conv.proto = uint8(proto + 1)
	r.conv.flags &^= cvNamed
	if w.protos[proto].Encrypted {
		r.conv.flags |= cvEncrypted
	}
}

// search looks for the protocol in the bytes that are kept. last: nothing
// more will be added to them.
func (n *node) search(last bool) {
	byPort := -1
	var open [2]bool // something may still come of this side
	for i := range n.w.protos {
		p := &n.w.protos[i]
		if p.Stream == nil || n.tried&(1<<i) != 0 {
			continue
		}
		for d := range n.side {
			s := &n.side[d]
			if len(s.buf) == 0 || s.no&(1<<i) != 0 {
				continue
			}
			switch v, _ := p.Probe(events.Dir(d), s.buf); v {
			case decoders.Yes:
				n.found(i, events.Dir(d), s.buf)
				n.resume()
				return
			case decoders.No:
				s.no |= 1 << i
			default:
				open[d] = true
				if byPort < 0 && n.side[d^1].no&(1<<i) == 0 && n.portOf(p.TCPPorts) {
					byPort = i
				}
			}
		}
	}
	if byPort >= 0 {
		n.choose(byPort, "port", trial)
		n.resume()
		return
	}
	for d := range n.side {
		s := &n.side[d]
		if len(s.buf) > n.w.limits.Unknown && open[d] {
			n.w.emit(n.r, events.Dir(d), n.path, false, &events.FlowLimit{Limit: "unknown", Value: int64(n.w.limits.Unknown), Reason: "the protocol stays unknown", Bytes: int64(len(s.buf))})
			open[d] = false
		}
		if len(s.buf) > 0 && !open[d] {
			s.mute = true
			s.missed += int64(len(s.buf))
			s.clear(n.w)
		}
	}
	if n.side[0].mute && n.side[1].mute || last && n.side[0].over && n.side[1].over {
		n.deafen()
	}
}

// found begins with protocol i, whose content showed in the bytes of from; it
// returns who really sent them.
func (n *node) found(i int, from events.Dir, head []byte) events.Dir {
	if n.root && n.r.conv.flags&cvGuessed != 0 {
		if who, ok := shows(&n.w.protos[i], head); ok && who != from {
			n.r.conv.flags ^= cvClientHi
			n.side[0], n.side[1] = n.side[1], n.side[0]
			from = who
		}
	}
	n.choose(i, "content", reading)
	n.announce()
	return from
}

// glance looks for the protocol in the very first bytes of a stream, which
// mostly show it: then nothing needs to be kept.
func (n *node) glance(from events.Dir, p []byte) (events.Dir, bool) {
	for i := range n.w.protos {
		x := &n.w.protos[i]
		if x.Stream == nil || n.tried&(1<<i) != 0 {
			continue
		}
		if v, _ := x.Probe(from, p); v == decoders.Yes {
			from = n.found(i, from, p)
			n.tellMissed()
			return from, n.phase == reading
		}
	}
	return from, false
}

// tellMissed tells a new decoder of the bytes that were lost before it.
func (n *node) tellMissed() {
	for i := range n.side {
		s := &n.side[i]
		if s.missed == 0 || n.phase == deaf {
			continue
		}
		k := s.missed
		s.missed = 0
		if err := n.stream.Gap(events.Dir(i), k, n); err != nil {
			n.fail(err)
		}
	}
}

// shows tells who speaks where the content shows it.
func shows(p *decoders.Proto, head []byte) (events.Dir, bool) {
	v1, a := p.Probe(events.FromClient, head)
	v2, b := p.Probe(events.FromServer, head)
	return a, v1 == decoders.Yes && v2 == decoders.Yes && a == b
}

func (n *node) portOf(ports []uint16) bool {
	return slices.Contains(ports, n.r.loPort) || slices.Contains(ports, n.r.hiPort)
}

// speaker tells from the first payload of a flow joined midway who sent it.
func (w *Worker) speaker(r *record, o *op) (ok bool, who events.Dir) {
	head := o.payload()
	if len(head) == 0 {
		return false, 0
	}
	for i := range w.protos {
		if p := &w.protos[i]; p.Stream != nil {
			if who, ok := shows(p, head); ok {
				return true, who
			}
		}
	}
	return false, 0
}

// portKnown reports whether a protocol of the list lives on this port.
func (w *Worker) portKnown(proto uint8, port uint16) bool {
	for i := range w.protos {
		ports := w.protos[i].TCPPorts
		if proto == events.ProtoUDP {
			ports = w.protos[i].UDPPorts
		}
		if slices.Contains(ports, port) {
			return true
		}
	}
	return false
}

// expectations are announced flows that were not seen yet.
type expectations struct {
	list []expectation
}

type expectation struct {
	host, peer events.Addr // the flow goes to host:port, from peer
	port       uint16
	proto      uint8
	until      events.Time
	next       decoders.Next
}

func (w *Worker) expect(r *record, x decoders.Expectation) {
	f := r.flow()
	e := expectation{host: f.Client, peer: f.Server, port: x.Port, proto: x.Proto, until: w.op.time.Add(x.TTL), next: x.Next}
	if x.ToServer {
		e.host, e.peer = f.Server, f.Client
	}
	l := &w.expected[r.share]
	l.list = slices.DeleteFunc(l.list, func(o expectation) bool { return o.until < w.op.time })
	if len(l.list) > w.limits.Expectations/shares {
		w.limit(r, x.Protocol, "expectations", w.limits.Expectations, "the oldest announced flow is forgotten", 0)
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, e)
}

// take finds and removes the announcement of flow r.
func (l *expectations) take(r *record, now events.Time) (decoders.Next, bool) {
	for i := len(l.list) - 1; i >= 0; i-- {
		e := &l.list[i]
		if e.proto != r.proto || e.until < now {
			continue
		}
		if e.port == r.loPort && e.host == r.lo && e.peer == r.hi || e.port == r.hiPort && e.host == r.hi && e.peer == r.lo {
			next := e.next
			l.list = slices.Delete(l.list, i, i+1)
			return next, true
		}
	}
	return decoders.Next{}, false
}
