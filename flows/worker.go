package flows

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// conv is the Worker's half of a record.
type conv struct {
	start                 events.Time
	end                   events.Time
	firstFrame, lastFrame uint64
	packets               [2]uint32 // by dir (0: from key.lo)
	bytes                 [2]uint64
	second                int64 // the counts below belong to this second
	partPackets           [2]uint32
	partBytes             [2]uint32
	partWire              uint32
	heavy                 uint32 // 1 + index into Worker.tcp or Worker.udp; 0: none
	proto                 uint8  // 1 + index of the detected protocol; 0: not known
	tries                 uint8  // UDP: packets on which detection failed
	flags                 uint8  // cv… bits
}

// bits of conv.flags.
const (
	cvClientHi  = 1 << iota // the client is key.hi
	cvGuessed               // roles are a guess
	cvEncrypted             // recognised, not readable
	cvReset                 // ended by RST
	cvFinished              // ended by FIN
	cvNamed                 // conv.proto is a name that has no decoder: see tcpConn.named
)

// Worker does everything after flow look-up for the flows of its host pairs.
type Worker struct {
	cfg     *Config
	limits  *events.Limits
	records records // of the flows in the Work
	id      int
	protos  []decoders.Proto
	out     *output
	op      *op       // being worked on
	resumed *pastFlow // what op goes on with
	lossy   uint64    // the frame before which the capture lost packets last
	batch   decoders.Batch
	layers  layerNames

	tcp       []*tcpConn
	tcpFree   []uint32
	udp       []*udpConn
	udpFree   []uint32
	shared    []decoders.Datagram // by protocol: one for all flows
	sink      udpSink
	udpLayers []string // by protocol: "udp/dns"
	nodes     []*node  // free
	bufs      [][]byte // free

	expected [shares]expectations
	held     [shares]int // bytes held behind holes

	skipped func(*op, *unacked) // tests: a segment gave no sample
}

func newWorker(c *Config, id int) *Worker {
	w := &Worker{cfg: c, limits: c.Limits, id: id, protos: c.Protos, shared: make([]decoders.Datagram, len(c.Protos))}
	w.layers.init()
	for i := range c.Protos {
		w.udpLayers = append(w.udpLayers, w.layers.join("udp", c.Protos[i].Name))
	}
	return w
}

// env is what every decoder of this worker is born with.
func (w *Worker) env() decoders.Env {
	return decoders.Env{Limits: w.limits, Hash: w.cfg.Hash, ShowSecrets: w.cfg.ShowSecrets, Want: &w.cfg.Want, Batch: &w.batch}
}

// Run does this worker's part of a batch.
func (w *Worker) Run(work *Work) {
	w.out, w.records = &work.out[w.id], work.records
	w.batch.Slot = work.Slot
	w.batch.Number++
	ops := work.ops[w.id]
	for i := range ops {
		o := &ops[i]
		w.op = o
		switch o.kind {
		case opLimit:
			w.out.events = append(w.out.events, events.Event{Pos: events.Pos{Frame: o.frame, Sub: o.ord}, Time: o.time, Body: o.limit})
			continue
		case opLost:
			w.lossy = o.frame
			if w.id == 0 && w.cfg.Want.Has(events.KindFlowDropped) {
				w.out.events = append(w.out.events, events.Event{Pos: events.Pos{Frame: o.frame, Sub: o.ord}, Time: o.time,
					Body: &events.FlowDropped{Packets: o.rec}})
			}
			continue
		case opEnd:
			w.endFlow(o)
			continue
		case opResume:
			w.resumed = &work.resumed[o.rec]
			continue
		}
		r := w.records.at(o.rec)
		w.count(r, o)
		switch o.kind {
		case opTCP:
			w.segment(r, o)
		case opUDP:
			w.datagram(r, o)
		}
	}
	w.out = nil
}

// emit appends an event of flow r at the packet being worked on.
func (w *Worker) emit(r *record, from events.Dir, layer string, truncated bool, b events.Body) {
	if !w.cfg.Want.Has(b.Kind()) {
		return
	}
	o := w.op
	w.out.events = append(w.out.events, events.Event{
		Pos: events.Pos{Frame: o.frame, Sub: o.ord}, Time: o.time, Flow: r.flow(), Stream: r.stream,
		From: from, Truncated: truncated, Layer: layer, Body: b,
	})
}

func (r *record) flow() events.Flow {
	if r.conv.flags&cvClientHi != 0 {
		return events.Flow{Client: r.hi, Server: r.lo, ClientPort: r.hiPort, ServerPort: r.loPort, Proto: r.proto}
	}
	return events.Flow{Client: r.lo, Server: r.hi, ClientPort: r.loPort, ServerPort: r.hiPort, Proto: r.proto}
}

// from is who sent a packet of direction dir.
func (c *conv) from(dir uint8) events.Dir {
	return events.Dir(dir ^ c.flags&cvClientHi)
}

// dir is the direction of what from sends.
func (c *conv) dir(from events.Dir) uint8 { return uint8(from) ^ c.flags&cvClientHi }

// count does the bookkeeping of one packet and opens the flow at its first.
func (w *Worker) count(r *record, o *op) {
	c := &r.conv
	if o.fresh {
		c.start, c.firstFrame = o.time, o.frame
		c.second = int64(o.time) / 1e9
		midway := w.roles(r, o)
		if w.cfg.Want.Has(events.KindFlowStart) {
			w.emit(r, c.from(o.dir), events.TransportName(r.proto), false, &events.FlowStart{Midway: midway})
		}
	} else if s := int64(o.time) / 1e9; s != c.second || c.partBytes[0]|c.partBytes[1] >= 1<<31 || c.partWire >= 1<<31 {
		w.part(r)
		c.second = s
	}
	c.end, c.lastFrame = o.time, o.frame
	c.packets[o.dir]++
	c.bytes[o.dir] += uint64(o.plen)
	c.partPackets[o.dir]++
	c.partBytes[o.dir] += uint32(o.plen)
	c.partWire += o.wire
}

// part tells what the flow carried since it last told.
func (w *Worker) part(r *record) {
	c := &r.conv
	if c.partPackets[0]|c.partPackets[1] == 0 {
		return
	}
	if w.cfg.Want.Has(events.KindFlowBytes) {
		b := w.out.bytes.Get()
		cl, sv := c.dir(events.FromClient), c.dir(events.FromServer)
		*b = events.FlowBytes{Second: c.second, Protocol: w.protocol(r), WireBytes: uint64(c.partWire),
			ClientPackets: c.partPackets[cl], ClientBytes: uint64(c.partBytes[cl]),
			ServerPackets: c.partPackets[sv], ServerBytes: uint64(c.partBytes[sv])}
		w.emit(r, events.FromClient, events.TransportName(r.proto), false, b)
	}
	c.partPackets, c.partBytes, c.partWire = [2]uint32{}, [2]uint32{}, 0
}

// protocol is the name of what the flow speaks, "" where unknown.
func (w *Worker) protocol(r *record) string {
	c := &r.conv
	if c.flags&cvNamed != 0 {
		return w.tcp[c.heavy-1].named
	}
	if c.proto != 0 {
		return w.protos[c.proto-1].Name
	}
	return ""
}

// roles decides who is the client at the first packet; midway: TCP that did
// not start with a SYN.
func (w *Worker) roles(r *record, o *op) (midway bool) {
	c := &r.conv
	client := o.dir // who speaks first, as a rule
	switch {
	case r.proto == events.ProtoTCP && o.flags&(flagSYN|flagACK) == flagSYN:
	case r.proto == events.ProtoTCP && o.flags&(flagSYN|flagACK) == flagSYN|flagACK:
		client = o.dir ^ 1
		midway = true
	case r.proto == events.ProtoTCP:
		c.flags |= cvGuessed
		midway = true
		if v, speaker := w.speaker(r, o); v {
			client = o.dir ^ uint8(speaker)
			break
		}
		fallthrough
	case r.proto == events.ProtoUDP:
		src, dst := r.loPort, r.hiPort
		if o.dir == 1 {
			src, dst = dst, src
		}
		known := func(port uint16) bool { return w.portKnown(r.proto, port) }
		switch {
		case known(dst) && !known(src) || known(src) && known(dst):
		case known(src):
			client = o.dir ^ 1
		case r.proto == events.ProtoTCP && src < dst:
			client = o.dir ^ 1
		}
	}
	if client == 1 {
		c.flags |= cvClientHi
	}
	return midway
}

// endFlow closes everything that is open of a flow.
func (w *Worker) endFlow(o *op) {
	r := w.records.at(o.rec)
	c := &r.conv
	why := o.why
	switch {
	case c.flags&cvReset != 0:
		why = events.EndReset
	case c.flags&cvFinished != 0:
		why = events.EndFIN
	case why == 0:
		why = events.EndIdle
	}
	if c.heavy != 0 {
		if r.proto == events.ProtoTCP {
			w.endTCP(r, why)
		} else {
			w.endUDP(r, why)
		}
	}
	w.part(r)
	if w.cfg.Want.Has(events.KindFlowEnd) {
		cl, sv := c.dir(events.FromClient), c.dir(events.FromServer)
		b := w.out.ends.Get()
		*b = events.FlowEnd{
			Why: why, Protocol: w.protocol(r), Encrypted: c.flags&cvEncrypted != 0,
			ClientPackets: uint64(c.packets[cl]), ClientBytes: c.bytes[cl],
			ServerPackets: uint64(c.packets[sv]), ServerBytes: c.bytes[sv],
			FirstFrame: c.firstFrame, LastFrame: c.lastFrame, Duration: c.end.Sub(c.start),
		}
		// The gaps of TCP are known; of others anything may have been lost.
		lossy := r.proto != events.ProtoTCP && c.firstFrame < w.lossy
		w.emit(r, events.FromClient, events.TransportName(r.proto), lossy, b)
	}
	if c.heavy != 0 && r.proto == events.ProtoTCP {
		w.freeTCP(r)
	}
}

// layerNames builds "tcp/http1" once for each path.
type layerNames map[[2]string]string

func (l *layerNames) init() { *l = layerNames{} }

func (l layerNames) join(parent, name string) string {
	k := [2]string{parent, name}
	s, ok := l[k]
	if !ok {
		s = parent + "/" + name
		if len(l) < 4096 { // names come from Switch, so from the wire
			l[k] = s
		}
	}
	return s
}
