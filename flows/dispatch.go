package flows

import (
	"encoding/binary"
	"strconv"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/flows/link"
)

// How long a flow may be silent, in seconds of capture time.
const (
	idleUDP     = 60   // also other IP protocols
	idleUnheard = 10   // UDP of a few packets, one side: a question and its next try
	idleHeard   = 5    // UDP of a few packets, both sides: a question and its answer
	idleDNS     = 1    // one query and one answer of DNS: a resolver takes another port for the next (RFC 5452)
	idleTCP     = 1800 // open: an IMAP IDLE speaks every 29 minutes (RFC 2177)
	idleOpening = 130  // a SYN that nobody answered: retries are up to 64 s apart
	idleClosing = 2    // after RST or both FINs with their ACKs: late segments still belong here
	idleLastACK = 130  // after both FINs, one not acknowledged: what is not is sent again, up to 64 s apart
)

// shortPackets is how many packets are few.
const shortPackets = 8

// The wheel has one slot a second; it must be longer than the longest idle.
const wheelSlots = 2048

// endsPerPacket bounds the flows whose time-out is over that are ended before
// one packet; no packet begins more than a few. endsPerBatch bounds those that
// one batch of Finish ends.
const (
	endsPerPacket = 16
	endsPerBatch  = 4096
)

// tickFrames: there is a Tick at least once in so many packets.
const tickFrames = 4096

// Dispatcher finds the flow of each packet. It is the only one that touches
// the flow table; it runs in one goroutine.
type Dispatcher struct {
	limits *events.Limits
	table  *table
	dec    *link.Decoder
	pkt    link.Packet
	n      int // workers
	Stats  Stats

	wheel    [wheelSlots]struct{ head, tail uint32 } // lists of records, oldest first
	clock    events.Time                             // latest capture time seen: never goes back
	wheelSec int64                                   // next second to look at
	started  bool

	work    *Work
	frame   uint64
	time    events.Time
	ord     uint32 // of the ops of a batch
	live    int    // flows that are open
	evicted int
	finish  int // next wheel slot of Finish
}

// NewDispatcher makes the Dispatcher and the Workers that share its table.
func NewDispatcher(c *Config) (*Dispatcher, []*Worker) {
	d := &Dispatcher{limits: c.Limits, table: newTable(c.Limits), dec: link.NewDecoder(c.Limits), n: c.Workers}
	d.dec.Outer = d.outer
	d.dec.Also = func(p *link.Packet) { d.packet(p, 0) }
	d.dec.Limit = d.limit
	ws := make([]*Worker, c.Workers)
	for i := range ws {
		ws[i] = newWorker(c, i)
	}
	return d, ws
}

// Close gives memory back. The Workers must be done: their flows are gone.
func (d *Dispatcher) Close() { d.table.close() }

// Dispatch spreads the packets of w.Batch over the workers' queues in w.
func (d *Dispatcher) Dispatch(w *Work) {
	d.begin(w)
	d.ord = 0
	pkts := w.Batch.Packets
	d.Stats.Packets += uint64(len(pkts))
	for i := range pkts {
		p := &pkts[i]
		d.frame, d.time = w.Batch.Frame(i), p.Time
		d.Stats.Bytes += uint64(p.Wire)
		if p.Wire > uint32(len(p.Data)) {
			d.Stats.CutBySnaplen++
		}
		if !d.started {
			d.started, d.Stats.First, d.clock = true, p.Time, p.Time
			d.wheelSec = int64(p.Time)/1e9 + 1
		}
		if p.Dropped > 0 {
			d.dropped(p)
		}
		d.advance(p.Time)
		d.Stats.Last = p.Time
		switch d.dec.Decode(p, &d.pkt) {
		case link.IP:
			d.packet(&d.pkt, p.Wire)
		case link.Fragment:
			d.Stats.Fragments++
		case link.NotIP:
			d.Stats.NotIP++
		case link.Malformed:
			d.Stats.Malformed++
		default:
			d.Stats.UnknownLink++
		}
	}
	w.Frame, w.Time, w.records = d.frame, d.time, d.table.chunks
}

// advance moves the clock to t, the time of the packet that comes next. What
// the clock brings about, it does before that packet and by its time alone, so
// that it does not matter how packets came in batches: a file gives the events
// that the wire gave.
func (d *Dispatcher) advance(t events.Time) {
	second := int64(d.clock) / 1e9
	d.clock = max(d.clock, t)
	now := int64(d.clock) / 1e9
	if now > second || d.frame%tickFrames == 0 {
		d.work.Ticks = append(d.work.Ticks, Tick{Frame: d.frame, Time: d.time})
		d.tellEvicted()
	}
	if now >= d.wheelSec {
		d.expire(now)
	}
}

// dropped tells everybody that the capture lost packets before p: no decoder
// can know it where no bytes are numbered.
func (d *Dispatcher) dropped(p *capture.Packet) {
	d.work.Ticks = append(d.work.Ticks, Tick{Frame: d.frame, Time: d.time, Dropped: p.Dropped, Since: min(d.Stats.Last, d.time)})
	d.ord++
	for i := range d.work.ops {
		d.work.ops[i] = append(d.work.ops[i], op{kind: opLost, frame: d.frame, time: d.time, ord: d.ord, rec: p.Dropped})
	}
}

func (d *Dispatcher) tellEvicted() {
	if d.evicted > 0 {
		d.limit("flows", d.limits.Flows, strconv.Itoa(d.evicted)+" conversations ended early", 0)
		d.evicted = 0
	}
}

// begin takes a Work that all are done with: the flows that it ended are free
// now.
func (d *Dispatcher) begin(w *Work) {
	for _, n := range w.ended {
		d.table.release(n)
	}
	w.reset()
	d.work = w
}

// Finish ends all flows that are left, a part at each call; false: none are.
func (d *Dispatcher) Finish(w *Work) bool {
	d.begin(w)
	w.Batch.Release()
	w.Frame, w.Time, w.records = d.frame, d.time, d.table.chunks
	incomplete, _ := d.dec.Incomplete()
	d.Stats.Incomplete = uint64(incomplete)
	d.tellEvicted()
	n := 0
	for ; d.finish < wheelSlots; d.finish++ {
		for s := &d.wheel[(int(d.wheelSec)+d.finish)&(wheelSlots-1)]; s.head != 0; {
			if n == endsPerBatch {
				return true
			}
			d.end(s.head, events.EndCaptureOver)
			n++
		}
	}
	return n > 0
}

func (d *Dispatcher) limit(name string, value int, reason string, bytes int64) {
	d.ord++
	d.work.ops[0] = append(d.work.ops[0], op{kind: opLimit, frame: d.frame, time: d.time, ord: d.ord,
		limit: &events.FlowLimit{Limit: name, Value: int64(value), Reason: reason, Bytes: bytes}})
}

// outer numbers a flow that carries a tunnel, or is quoted.
func (d *Dispatcher) outer(p *link.Packet) {
	if len(p.Payload) < 8 || p.Proto != events.ProtoUDP && (p.Proto != events.ProtoTCP || len(p.Payload) < 20) {
		return
	}
	k, _ := makeKey(&p.Src, &p.Dst, binary.BigEndian.Uint16(p.Payload), binary.BigEndian.Uint16(p.Payload[2:]), p.Proto, p.V6)
	n, _ := d.lookup(&k, &op{})
	r := d.table.at(n)
	r.state |= stTunnel
	r.last = d.clock
}

// quoted numbers the flow of the packet that an ICMP error quotes (RFC 792,
// RFC 4443 section 2.4), as Wireshark does; it belongs to the flow no more
// than that.
func (d *Dispatcher) quoted(p *link.Packet) {
	b := p.Payload
	if len(b) < 8+20 {
		return
	}
	var q link.Packet
	if p.Proto == events.ProtoICMP {
		switch b[0] {
		case 3, 4, 5, 11, 12: // unreachable, quench, redirect, time exceeded, parameter problem
		default:
			return
		}
		b = b[8:]
		hl := int(b[0]&15) * 4
		if b[0]>>4 != 4 || hl < 20 || len(b) < hl+8 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return
		}
		q = link.Packet{Src: events.Addr4([4]byte(b[12:])), Dst: events.Addr4([4]byte(b[16:])), Proto: b[9], Payload: b[hl:]}
	} else {
		if b[0] < 1 || b[0] > 4 || len(b) < 8+40+8 || b[8]>>4 != 6 {
			return
		}
		b = b[8:]
		q = link.Packet{Src: events.Addr(b[8:24]), Dst: events.Addr(b[24:40]), Proto: b[6], V6: true, Payload: b[40:]}
	}
	d.outer(&q)
}

// lookup finds the flow k of packet o, or opens it; a flow of the past goes on
// under its number, unless o is a SYN that opens another. resumed: o goes on
// where that flow ended.
func (d *Dispatcher) lookup(k *key, o *op) (n uint32, resumed *pastFlow) {
	t := d.table
	h := t.seeds.flow(k, t.seeds.hosts(k))
	if n := t.find(k, h); n != 0 {
		return n, nil
	}
	if p := t.past.get(h); p != nil && !p.another(o) {
		p := *p // opening a flow may end another
		if k.proto == events.ProtoTCP && p.continues(o) {
			resumed = &p
			if o.plen > 0 && int32(o.end()-p.sent[o.dir]) > 0 {
				p.state &= stBase0 | stBase1 // it lives: the RST was none of its own
			}
		}
		return d.open(k, h, &p, resumed != nil), resumed
	}
	stream := t.stream[k.proto]
	t.stream[k.proto]++
	return d.open(k, h, &pastFlow{stream: stream}, false), nil
}

// open begins the flow k with what is known of it from before: its stream
// number, where the numbers of TCP start, and with goesOn also how far they
// came.
func (d *Dispatcher) open(k *key, h uint64, p *pastFlow, goesOn bool) uint32 {
	t := d.table
	if d.live >= d.limits.Flows {
		d.evict()
	}
	d.live++
	n := t.alloc()
	r := t.at(n)
	*r = record{key: *k, share: k.share(), hash: h, stream: p.stream, last: d.clock}
	if k.proto == events.ProtoTCP {
		r.state, r.base = p.state&(stBase0|stBase1), p.base
		if goesOn {
			r.state, r.sent, r.ack = p.state, p.sent, p.ack
		}
	}
	t.insert(n, h)
	wait := idle(r)
	if wait == idleUnheard { // most are answered; the rest is looked at again
		wait = idleHeard
		if k.loPort == 53 || k.hiPort == 53 {
			wait = idleDNS
		}
	}
	d.arm(n, r, wait)
	return n
}

// idle is the time-out of r in seconds.
func idle(r *record) int64 {
	switch {
	case r.proto != events.ProtoTCP:
		switch {
		case r.few >= shortPackets:
			return idleUDP
		case r.state&(stFrom0|stFrom1) == stFrom0|stFrom1:
			if r.few == 2 && (r.loPort == 53) != (r.hiPort == 53) {
				return idleDNS
			}
			return idleHeard
		}
		return idleUnheard
	case r.state&stClosing != 0:
		if r.state&(stFIN0|stFIN1) != 0 {
			return idleLastACK
		}
		return idleClosing
	case r.state&(stBase0|stBase1) != stBase0|stBase1:
		return idleOpening
	}
	return idleTCP
}

// arm puts r into the wheel slot of wait seconds after its last packet.
func (d *Dispatcher) arm(n uint32, r *record, wait int64) {
	at := max(int64(r.last)/1e9+wait+1, d.wheelSec)
	at = min(at, d.wheelSec+wheelSlots-1)
	r.due = int32(at & (wheelSlots - 1))
	s := &d.wheel[r.due]
	r.prev, r.next = s.tail, 0
	if s.tail != 0 {
		d.table.at(s.tail).next = n
	} else {
		s.head = n
	}
	s.tail = n
}

func (d *Dispatcher) disarm(r *record) {
	if r.prev != 0 {
		d.table.at(r.prev).next = r.next
	} else {
		d.wheel[r.due].head = r.next
	}
	if r.next != 0 {
		d.table.at(r.next).prev = r.prev
	} else {
		d.wheel[r.due].tail = r.prev
	}
}

// expire ends flows whose time-out is over in second now; where they are many,
// the next packet goes on with it.
func (d *Dispatcher) expire(now int64) {
	if now-d.wheelSec > wheelSlots { // a long silence: one turn looks at all
		d.wheelSec = now - wheelSlots
	}
	for n := 0; d.wheelSec <= now; d.wheelSec++ {
		for s := &d.wheel[d.wheelSec&(wheelSlots-1)]; s.head != 0; {
			i := s.head
			r := d.table.at(i)
			if int64(r.last)/1e9+idle(r) >= now {
				d.disarm(r)
				d.arm(i, r, idle(r)) // after now: not into this slot again
				continue
			}
			if n++; n > endsPerPacket {
				return
			}
			why := events.EndIdle
			if r.state&stClosing != 0 {
				why = 0 // the worker knows: fin or reset
			}
			d.end(i, why)
		}
	}
}

// evict ends the flow that is nearest to its time-out.
func (d *Dispatcher) evict() {
	for i := int64(0); i < wheelSlots; i++ {
		if n := d.wheel[(d.wheelSec+i)&(wheelSlots-1)].head; n != 0 {
			d.end(n, events.EndEvicted)
			d.evicted++
			return
		}
	}
}

func (d *Dispatcher) end(n uint32, why events.Ending) {
	r := d.table.at(n)
	d.disarm(r)
	d.table.remove(n)
	d.table.past.put(r, d.limits.PastFlows)
	d.work.ended = append(d.work.ended, n)
	d.live--
	if r.state&(stTunnel|stPushed) == stTunnel {
		return
	}
	d.ord++
	w := int(r.share) % d.n
	d.work.ops[w] = append(d.work.ops[w], op{kind: opEnd, why: why, rec: n, ord: d.ord, frame: d.frame, time: d.time})
}

const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// packet finds the flow of one transport packet and queues it.
func (d *Dispatcher) packet(p *link.Packet, wire uint32) {
	o := op{frame: d.frame, time: d.time, seg: p.Payload, wire: wire}
	var k key
	switch p.Proto {
	case events.ProtoTCP:
		b := p.Payload
		if len(b) < 20 {
			d.Stats.Malformed++
			return
		}
		hl := int(b[12]>>4) * 4
		if hl < 20 || hl > p.Wire {
			d.Stats.Malformed++
			return
		}
		k, o.dir = makeKey(&p.Src, &p.Dst, binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), p.Proto, p.V6)
		o.seq, o.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		o.flags, o.win, o.hl = b[13], binary.BigEndian.Uint16(b[14:]), uint8(hl)
		o.plen = int32(p.Wire - hl)
		d.tcp(&k, &o)
		return
	case events.ProtoUDP:
		b := p.Payload
		if len(b) < 8 {
			d.Stats.Malformed++
			return
		}
		n := int(binary.BigEndian.Uint16(b[4:]))
		if n < 8 || n > p.Wire {
			n = p.Wire // 0: jumbogram or offload (RFC 2675); other lies: what the IP header says
		}
		o.kind, o.hl, o.plen = opUDP, 8, int32(n-8)
		if n < len(b) {
			o.seg = b[:n]
		}
		k, o.dir = makeKey(&p.Src, &p.Dst, binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), p.Proto, p.V6)
	default:
		if p.Proto == events.ProtoICMP || p.Proto == events.ProtoICMPv6 {
			d.quoted(p)
		}
		o.kind, o.plen = opOther, int32(p.Wire)
		k, o.dir = makeKey(&p.Src, &p.Dst, 0, 0, p.Proto, p.V6)
	}
	n, _ := d.lookup(&k, &o)
	d.push(n, d.table.at(n), &o)
}

func (d *Dispatcher) push(n uint32, r *record, o *op) {
	d.ord++
	o.rec, o.ord, o.fresh = n, d.ord, r.state&stPushed == 0
	r.state |= stPushed
	if o.kind != opTCP {
		r.state |= stFrom0 << o.dir
	}
	if r.few < shortPackets {
		r.few++
	}
	r.last = d.clock
	w := int(r.share) % d.n
	d.work.ops[w] = append(d.work.ops[w], *o)
}

// closing notes FINs, their ACKs, and RST; true: the time-out of r is another
// now. Once both FINs were seen, their bits stay until they are acknowledged.
func (d *Dispatcher) closing(r *record, o *op) bool {
	before := r.state & (stClosing | stFIN0 | stFIN1)
	if before == 0 && o.flags&(flagFIN|flagRST) == 0 {
		return false
	}
	if o.flags&flagFIN != 0 && before&stClosing == 0 {
		r.state |= stFIN0 << o.dir
	}
	switch {
	case o.flags&flagRST != 0:
		r.state = r.state&^(stFIN0|stFIN1) | stClosing
	case r.state&(stFIN0|stFIN1) == stFIN0|stFIN1:
		r.state |= stClosing
	}
	if r.state&stClosing == 0 {
		return false
	}
	if other := o.dir ^ 1; o.flags&flagACK != 0 && int32(o.ack-r.sent[other]) >= 0 {
		r.state &^= stFIN0 << other
	}
	return r.state&(stClosing|stFIN0|stFIN1) != before
}

// tcp applies Wireshark's rule for a new tcp.stream: a SYN whose sequence
// number is not that of the stream's start opens another one on the same
// ports.
func (d *Dispatcher) tcp(k *key, o *op) {
	n, resumed := d.lookup(k, o)
	r := d.table.at(n)
	base := uint8(stBase0) << o.dir
	if o.flags&(flagSYN|flagACK) == flagSYN && r.state&base != 0 {
		if r.base[o.dir] != o.seq {
			h := r.hash
			d.end(n, 0) // as it was: the worker knows how far it came
			stream := d.table.stream[k.proto]
			d.table.stream[k.proto]++
			n = d.open(k, h, &pastFlow{stream: stream}, false)
			r = d.table.at(n)
		} else if r.state&stClosing != 0 { // it was refused and is tried again
			r.state &^= stClosing | stFIN0 | stFIN1
			r.sent[o.dir^1], r.ack = 0, [2]uint32{} // its peer begins elsewhere
			d.disarm(r)
			d.arm(n, r, idle(r))
		}
	}
	if r.state&base == 0 {
		r.state |= base
		r.base[o.dir] = o.seq
		if o.flags&flagSYN == 0 {
			r.base[o.dir]--
		}
	}
	if other := uint8(stBase0) << (o.dir ^ 1); r.state&other == 0 && o.flags&flagACK != 0 {
		r.state |= other
		r.base[o.dir^1] = o.ack - 1
	}
	r.advance(o)
	if d.closing(r, o) {
		r.last = d.clock
		d.disarm(r)
		d.arm(n, r, idle(r))
	}
	if resumed != nil {
		d.ord++
		w := int(r.share) % d.n
		d.work.ops[w] = append(d.work.ops[w], op{kind: opResume, rec: uint32(len(d.work.resumed))})
		d.work.resumed = append(d.work.resumed, *resumed)
	}
	d.push(n, r, o)
}
