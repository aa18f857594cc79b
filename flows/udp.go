package flows

import (
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// udpTries is the number of packets of a flow on which detection is tried.
const udpTries = 8

const udpUnknown = 0xff // conv.tries: given up

// udpConn is a UDP flow whose decoders keep something between packets, or
// which more than one protocol uses (peers of BitTorrent speak uTP and DHT
// over the same ports).
type udpConn struct {
	decs []udpDecoder // at most one for each protocol
	said uint64       // protocols that were told as detected, by index
	kids []*node
}

type udpDecoder struct {
	proto int
	dec   decoders.Datagram
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
		if err := w.read(r, int(c.proto-1), "", &win); err != nil && !w.readOther(r, p, &win) {
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
			if x.Trial || slices.Contains(x.UDPPorts, r.loPort) || slices.Contains(x.UDPPorts, r.hiPort) {
				maybe |= 1 << i
			}
		}
	}
	undecided := false
	for i := range w.protos {
		if maybe&(1<<i) == 0 {
			continue
		}
		switch w.try(r, i, "port", &win) {
		case spoke:
			return
		case waits:
			undecided = true
		}
	}
	if undecided {
		return // those on trial give up on their own
	}
	if c.tries++; c.tries >= udpTries {
		c.tries = udpUnknown
		w.dropUDP(r)
	}
}

// outcome is what became of a packet that may be of a protocol.
type outcome uint8

const (
	refused outcome = iota // it is not, or nothing was said
	waits                  // on trial: not certain yet
	spoke                  // it is, and was read
)

// try lets a protocol read a packet of which it is not certain; by is how it
// would be detected, unless it is on trial, which only content decides.
func (w *Worker) try(r *record, i int, by string, win *decoders.Window) outcome {
	x := &w.protos[i]
	if x.Trial && by != "" {
		by = "content"
	}
	err := w.readAs(r, i, by, false, win)
	switch {
	case err == nil && w.sink.said:
		w.detected(r, i)
		return spoke
	case err == nil && x.Trial:
		return waits
	}
	w.dropDecoder(r, i)
	return refused
}

// readOther lets another protocol read a packet of a flow that is not of the
// protocol seen last. It is false where none does, nor may.
func (w *Worker) readOther(r *record, p []byte, win *decoders.Window) bool {
	was := int(r.conv.proto - 1)
	name, layer := w.sink.proto, w.sink.layer
	var said uint64
	if r.conv.heavy != 0 {
		said = w.udp[r.conv.heavy-1].said
	}
	undecided := false
	for i := range w.protos {
		x := &w.protos[i]
		if i == was || x.Datagram == nil {
			continue
		}
		v, _ := x.Probe(win.From, p)
		known := said&(1<<i) != 0
		if v == decoders.No || v == decoders.Maybe && !known && !x.Trial {
			continue
		}
		by := "content"
		if known {
			by = ""
		}
		if v == decoders.Maybe && !known {
			switch w.try(r, i, by, win) {
			case waits:
				undecided = true
				continue
			case refused:
				continue
			}
		} else if w.readAs(r, i, by, false, win) != nil {
			continue
		} else if !w.sink.announced {
			w.sink.announce()
		}
		w.udpConn(r).said |= 1<<was | 1<<i
		w.detected(r, i)
		return true
	}
	w.sink.proto, w.sink.layer = name, layer
	return undecided
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
	return w.readAs(r, i, by, by == "content", win)
}

// readAs is read; aloud: that it was detected is told before, not when the
// decoder has something to say.
func (w *Worker) readAs(r *record, i int, by string, aloud bool, win *decoders.Window) error {
	p := &w.protos[i]
	s := &w.sink
	*s = udpSink{w: w, r: r, proto: i, by: by, announced: by == "", layer: w.udpLayers[i]}
	if aloud {
		s.announce()
	}
	var dec decoders.Datagram
	if p.Shared {
		if w.shared[i] == nil {
			w.shared[i] = p.Datagram(w.env())
		}
		dec = w.shared[i]
	} else {
		dec = w.udpConn(r).decoder(w, r, i)
	}
	return dec.Packet(*win, s)
}

func (w *Worker) udpConn(r *record) *udpConn {
	if r.conv.heavy != 0 {
		return w.udp[r.conv.heavy-1]
	}
	u := &udpConn{}
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

// decoder is the decoder of protocol i on this flow.
func (u *udpConn) decoder(w *Worker, r *record, i int) decoders.Datagram {
	for _, d := range u.decs {
		if d.proto == i {
			return d.dec
		}
	}
	env := w.env()
	env.Flow, env.Stream = r.flow(), r.stream
	dec := w.protos[i].Datagram(env)
	u.decs = append(u.decs, udpDecoder{i, dec})
	return dec
}

// dropDecoder forgets protocol i on this flow.
func (w *Worker) dropDecoder(r *record, i int) {
	if r.conv.heavy == 0 {
		return
	}
	u := w.udp[r.conv.heavy-1]
	u.decs = slices.DeleteFunc(u.decs, func(d udpDecoder) bool { return d.proto == i })
	if len(u.decs) == 0 && len(u.kids) == 0 && u.said == 0 {
		w.dropUDP(r)
	}
}

func (w *Worker) dropUDP(r *record) {
	if r.conv.heavy != 0 {
		w.udp[r.conv.heavy-1] = nil
		w.udpFree = append(w.udpFree, r.conv.heavy)
		r.conv.heavy = 0
	}
}

func (w *Worker) endUDP(r *record, why events.Ending) {
	u := w.udp[r.conv.heavy-1]
	for _, d := range u.decs {
		if e, ok := d.dec.(decoders.DatagramEnder); ok {
			// Who never was certain has nothing to say.
			w.sink = udpSink{w: w, r: r, proto: d.proto, announced: true, layer: w.udpLayers[d.proto]}
			e.End(why, &w.sink)
		}
	}
	for len(u.kids) > 0 { // a kid that is over leaves the list
		k := u.kids[0]
		k.end(events.FromClient, why)
		k.end(events.FromServer, why)
		k.leave()
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
	s.said = true
	if !s.announced {
		s.announce()
	}
	k := &node{w: s.w, r: s.r, path: s.layer, layer: s.layer, depth: 1}
	k.join(&s.w.udpConn(s.r).kids)
	k.start(next, "named")
	return feed{k}
}
