package flows

import (
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// udpTries is the number of packets of a flow on which detection is tried.
const udpTries = 8

const udpUnknown = 0xff // conv.tries: given up

// udpConn is a UDP flow whose decoder keeps something between packets.
type udpConn struct {
	dec  decoders.Datagram
	kids []*node
}

// udpSink is the Sink of datagram decoders; one at a time is at work.
type udpSink struct {
	w         *Worker
	r         *record
	proto     int
	by        string
	announced bool
	said      bool
	layer     string
}

// datagram works on one UDP packet.
func (w *Worker) datagram(r *record, o *op) {
	c := &r.conv
	if c.tries == udpUnknown {
		return
	}
	p := o.payload()
	win := decoders.Window{From: c.from(o.dir), Bytes: p, Frame: o.frame, Time: o.time, Missing: int(o.plen) - len(p)}
	if c.proto != 0 {
		if err := w.read(r, int(c.proto-1), "", &win); err != nil {
			w.emit(r, win.From, w.sink.layer, false, &events.FlowViolation{Protocol: w.sink.name(), Reason: err.Error(), Bytes: int64(o.plen)})
		}
		return
	}
	if len(p) == 0 {
		return
	}
	var maybe uint64
	for i := range w.protos {
		x := &w.protos[i]
		if x.Datagram == nil {
			continue
		}
		switch v, who := x.Probe(win.From, p); v {
		case decoders.Yes:
			if c.packets[0]+c.packets[1] == 1 && who != win.From && !w.portKnown(events.ProtoUDP, r.serverPort()) {
				if s, ok := shows(x, p); ok && s != win.From {
					c.flags ^= cvClientHi
					win.From = s
				}
			}
			w.detected(r, i)
			if err := w.read(r, i, "content", &win); err != nil {
				w.emit(r, win.From, w.sink.layer, false, &events.FlowViolation{Protocol: x.Name, Reason: err.Error(), Bytes: int64(o.plen)})
			}
			return
		case decoders.Maybe:
			if slices.Contains(x.UDPPorts, r.loPort) || slices.Contains(x.UDPPorts, r.hiPort) {
				maybe |= 1 << i
			}
		}
	}
	for i := range w.protos {
		if maybe&(1<<i) == 0 {
			continue
		}
		if err := w.read(r, i, "port", &win); err == nil && w.sink.said {
			w.detected(r, i)
			return
		}
		w.dropUDP(r)
	}
	if c.tries++; c.tries >= udpTries {
		c.tries = udpUnknown
	}
}

func (r *record) serverPort() uint16 {
	if r.conv.flags&cvClientHi != 0 {
		return r.loPort
	}
	return r.hiPort
}

// read lets protocol i read one packet. by: how it was detected just now, ""
// if that was told before.
func (w *Worker) read(r *record, i int, by string, win *decoders.Window) error {
	p := &w.protos[i]
	s := &w.sink
	*s = udpSink{w: w, r: r, proto: i, by: by, announced: by == "", layer: w.layers.join("udp", p.Name)}
	if by == "content" {
		s.announce()
	}
	var dec decoders.Datagram
	if p.Shared {
		if w.shared[i] == nil {
			w.shared[i] = p.Datagram(decoders.Env{Limits: w.limits, Hash: w.cfg.Hash, ShowSecrets: w.cfg.ShowSecrets, Want: &w.cfg.Want})
		}
		dec = w.shared[i]
	} else {
		dec = w.udpConn(r, p).dec
	}
	return dec.Packet(*win, s)
}

func (w *Worker) udpConn(r *record, p *decoders.Proto) *udpConn {
	if r.conv.heavy != 0 {
		return w.udp[r.conv.heavy-1]
	}
	u := &udpConn{dec: p.Datagram(decoders.Env{Limits: w.limits, Hash: w.cfg.Hash, ShowSecrets: w.cfg.ShowSecrets, Flow: r.flow(), Want: &w.cfg.Want})}
	if n := len(w.udpFree); n > 0 {
		r.conv.heavy = w.udpFree[n-1]
		w.udpFree = w.udpFree[:n-1]
		w.udp[r.conv.heavy-1] = u
	} else {
		w.udp = append(w.udp, u)
		r.conv.heavy = uint32(len(w.udp))
	}
	return u
}

func (w *Worker) dropUDP(r *record) {
	if r.conv.heavy != 0 {
		w.udp[r.conv.heavy-1] = nil
		w.udpFree = append(w.udpFree, r.conv.heavy)
		r.conv.heavy = 0
	}
}

func (w *Worker) endUDP(r *record) {
	for _, k := range w.udp[r.conv.heavy-1].kids {
		k.deafen()
	}
	w.dropUDP(r)
}

func (s *udpSink) name() string { return s.w.protos[s.proto].Name }

func (s *udpSink) announce() {
	s.announced = true
	p := &s.w.protos[s.proto]
	if s.w.cfg.Want.Has(events.KindFlowDetected) {
		s.w.emit(s.r, events.FromClient, s.layer, false, &events.FlowDetected{Protocol: p.Name, By: s.by, Encrypted: p.Encrypted})
	}
}

// Emit implements decoders.Sink.
func (s *udpSink) Emit(from events.Dir, b events.Body) { s.emit(from, b, false) }

// Truncated implements decoders.Sink.
func (s *udpSink) Truncated(from events.Dir, b events.Body) { s.emit(from, b, true) }

func (s *udpSink) emit(from events.Dir, b events.Body, truncated bool) {
	s.said = true
	if !s.announced {
		s.announce()
	}
	s.w.emit(s.r, from, s.layer, truncated, b)
}

// Switch implements decoders.Sink: a datagram flow keeps its protocol.
func (s *udpSink) Switch(decoders.Next) {}

// Expect implements decoders.Sink.
func (s *udpSink) Expect(e decoders.Expectation) { s.w.expect(s.r, e) }

// Limit implements decoders.Sink.
func (s *udpSink) Limit(name string, value int, reason string, b int64) {
	s.w.emit(s.r, events.FromClient, s.layer, false, &events.FlowLimit{Protocol: s.name(), Limit: name, Value: int64(value), Reason: reason, Bytes: b})
}

// Open implements decoders.Sink.
func (s *udpSink) Open(next decoders.Next) decoders.Feed {
	k := &node{w: s.w, r: s.r, path: s.layer, layer: s.layer, depth: 1}
	if s.r.conv.heavy != 0 {
		u := s.w.udp[s.r.conv.heavy-1]
		u.kids = append(u.kids, k)
	}
	k.start(next, "named")
	return feed{k}
}
