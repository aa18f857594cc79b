package flows

import (
	"bytes"
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// piece is a range of bytes that arrived behind a hole.
type piece struct {
	seq      uint32
	data     []byte // what was captured of it
	cut      int    // bytes after data that the snaplen cut off
	frame    uint64
	time     events.Time
	hole     uint32 // first missing byte when it arrived
	holeSize uint32
}

func (p *piece) end() uint32 { return p.seq + uint32(len(p.data)+p.cut) }

// reassemble puts the bytes of one segment in order and hands on what is in
// order now.
func (w *Worker) reassemble(r *record, c *tcpConn, o *op) {
	snd, peer := &c.half[o.dir], &c.half[o.dir^1]
	if o.flags&flagSYN != 0 {
		if snd.state&hfAnchor == 0 {
			snd.state |= hfAnchor
			snd.rcv = o.seq + 1
		}
		o.seq++ // data of a SYN (RFC 7413) starts after it
	}
	if o.plen > 0 && snd.state&hfOver == 0 {
		if snd.state&hfAnchor == 0 {
			snd.state |= hfAnchor
			snd.rcv = o.seq
			if peer.state&hfAckSeen != 0 && int32(o.seq-snd.peerAck) > 0 && o.seq-snd.peerAck < 1<<20 {
				// The peer had acknowledged up to here: what lies between was
				// on its way when the capture began.
				snd.rcv = snd.peerAck
			}
		}
		w.data(r, c, o, snd)
	}
	if o.flags&flagFIN != 0 && snd.state&(hfFIN|hfAnchor) != hfFIN|hfAnchor {
		snd.state |= hfFIN
		snd.finSeq = o.seq + uint32(o.plen)
		if snd.state&hfAnchor == 0 {
			snd.state |= hfAnchor
			snd.rcv = snd.finSeq
		}
	}
	if o.flags&flagACK != 0 {
		if snd.state&hfAckSeen == 0 || seqLess(peer.peerAck, o.ack) {
			snd.state |= hfAckSeen
			peer.peerAck = o.ack
			if len(peer.ooo) > 0 {
				w.giveUpAcked(r, c, o.dir^1)
			}
			w.closeHalf(r, c, o.dir^1)
		}
	}
	w.closeHalf(r, c, o.dir)
	if o.flags&flagRST != 0 {
		w.reset(r, c, o, snd)
	}
}

// reset ends the connection, unless the RST cannot be meant for it (RFC 9293
// section 3.10.7.4: its sequence number must lie in the window).
func (w *Worker) reset(r *record, c *tcpConn, o *op, snd *half) {
	if snd.state&hfAnchor != 0 {
		if d := int32(o.seq - snd.rcv); d < -1<<16 || d > 1<<24 {
			w.violation(r, "tcp", "RST outside of the window")
			return
		}
	}
	r.conv.flags |= cvReset
	for d := range c.half {
		w.flush(r, c, uint8(d), "end")
	}
	w.endHalf(r, c, o.dir, events.EndReset)
	w.endHalf(r, c, o.dir^1, events.EndReset)
	w.closeNode(c)
}

func (w *Worker) data(r *record, c *tcpConn, o *op, snd *half) {
	p := o.payload()
	cut := int(o.plen) - len(p)
	d := int(int32(o.seq - snd.rcv))
	if d == 0 && len(snd.ooo) == 0 { // in order: almost always
		w.deliver(r, c, o.dir, p, cut, decoders.Mark{Frame: o.frame, Time: o.time})
		return
	}
	if d < 0 {
		if -d >= int(o.plen) {
			return // nothing new
		}
		if -d >= len(p) {
			cut -= -d - len(p)
			p = nil
		} else {
			p = p[-d:]
		}
		d = 0
	}
	if d == 0 && len(snd.ooo) == 0 {
		w.deliver(r, c, o.dir, p, cut, decoders.Mark{Frame: o.frame, Time: o.time})
		return
	}
	if d == 0 { // it fills a hole, perhaps beyond the first piece
		w.behind(r, c, o, snd, snd.rcv, p, cut)
		w.drain(r, c, o.dir, true)
		return
	}
	w.behind(r, c, o, snd, o.seq, p, cut)
	w.giveUpAcked(r, c, o.dir)
}

// compare looks for bytes that differ from those that are held already.
func (w *Worker) compare(r *record, snd *half, seq uint32, p []byte) {
	for i := range snd.ooo {
		q := &snd.ooo[i]
		a, b := p, q.data
		if d := int(int32(q.seq - seq)); d >= 0 {
			if d >= len(a) {
				return
			}
			a = a[d:]
		} else if -d < len(b) {
			b = b[-d:]
		} else {
			continue
		}
		n := min(len(a), len(b))
		if !bytes.Equal(a[:n], b[:n]) {
			w.violation(r, "tcp", "overlapping segments differ")
			return
		}
	}
}

// chunk is a range of bytes of which the last `cut` were not captured.
type chunk struct {
	seq  uint32
	data []byte
	cut  int
}

func (c chunk) len() int { return len(c.data) + c.cut }

// split parts c after its first n bytes.
func (c chunk) split(n int) (front, back chunk) {
	if n <= len(c.data) {
		return chunk{c.seq, c.data[:n], 0}, chunk{c.seq + uint32(n), c.data[n:], c.cut}
	}
	k := n - len(c.data)
	return chunk{c.seq, c.data, k}, chunk{c.seq + uint32(n), nil, c.cut - k}
}

// behind holds a range that cannot be delivered yet, without what is held
// already.
func (w *Worker) behind(r *record, c *tcpConn, o *op, snd *half, seq uint32, p []byte, cut int) {
	w.compare(r, snd, seq, p)
	rest := chunk{seq, p, cut}
	i := len(snd.ooo) // the first piece that ends after rest begins
	for i > 0 && seqLess(rest.seq, snd.ooo[i-1].end()) {
		i--
	}
	for rest.len() > 0 {
		now := rest
		rest = chunk{}
		if i < len(snd.ooo) {
			next := &snd.ooo[i]
			if d := int(int32(next.seq - now.seq)); d <= 0 { // it begins inside a piece
				if n := int(int32(next.end() - now.seq)); n < now.len() {
					_, rest = now.split(n)
				}
				i++
				continue
			} else if d < now.len() {
				now, rest = now.split(d)
			}
		}
		if !w.hold(r, c, o, snd, i, now) {
			return
		}
		i++
	}
}

// hold enters a range in front of piece i; false: the hole was given up for
// want of room, and the range went its way.
func (w *Worker) hold(r *record, c *tcpConn, o *op, snd *half, i int, k chunk) bool {
	n := len(k.data)
	if snd.held+n > w.limits.OutOfOrder || w.held[r.share]+n > w.limits.OutOfOrderTotal/shares {
		name, value := "out-of-order", w.limits.OutOfOrder
		if snd.held+n <= w.limits.OutOfOrder {
			name, value = "out-of-order-total", w.limits.OutOfOrderTotal
		}
		w.limit(r, "tcp", name, value, "a hole was given up", int64(snd.held))
		if len(snd.ooo) > 0 {
			w.flush(r, c, o.dir, "full")
			w.place(r, c, o, snd, k)
			return false
		}
	}
	size := k.seq - snd.rcv
	if i > 0 {
		size = snd.ooo[0].seq - snd.rcv
	}
	snd.ooo = slices.Insert(snd.ooo, i, piece{seq: k.seq, data: append([]byte(nil), k.data...), cut: k.cut,
		frame: o.frame, time: o.time, hole: snd.rcv, holeSize: size})
	snd.held += n
	w.held[r.share] += n
	return true
}

// place puts a range where it belongs after a hole was given up for it.
func (w *Worker) place(r *record, c *tcpConn, o *op, snd *half, k chunk) {
	if k.seq == snd.rcv {
		w.deliver(r, c, o.dir, k.data, k.cut, decoders.Mark{Frame: o.frame, Time: o.time})
	} else if seqLess(snd.rcv, k.seq) {
		w.behind(r, c, o, snd, k.seq, k.data, k.cut)
	}
}

// drain delivers the pieces that are in order now.
func (w *Worker) drain(r *record, c *tcpConn, dir uint8, filled bool) {
	h := &c.half[dir]
	n := 0
	for n < len(h.ooo) && seqLE(h.ooo[n].seq, h.rcv) {
		p := &h.ooo[n]
		if p.frame != w.op.frame && w.cfg.Want.Has(events.KindTCPHOL) {
			at := h.off + int64(int32(p.seq-h.rcv))
			w.emit(r, r.conv.from(dir), "tcp", false, &events.TCPHOL{
				Offset: at, Bytes: int64(len(p.data) + p.cut), Wait: w.op.time.Sub(p.time), ArrivedFrame: p.frame,
				HoleOffset: h.off + int64(int32(p.hole-h.rcv)), HoleBytes: int64(p.holeSize), Filled: filled,
			})
		}
		h.held -= len(p.data)
		w.held[r.share] -= len(p.data)
		w.deliver(r, c, dir, p.data, p.cut, decoders.Mark{Frame: p.frame, Time: p.time})
		n++
	}
	m := copy(h.ooo, h.ooo[n:])
	clear(h.ooo[m:])
	h.ooo = h.ooo[:m]
}

// giveUpAcked gives up holes that the receiver did not miss: it acknowledged
// bytes that the capture does not hold.
func (w *Worker) giveUpAcked(r *record, c *tcpConn, dir uint8) {
	h := &c.half[dir]
	if c.half[dir^1].state&hfAckSeen == 0 {
		return
	}
	for len(h.ooo) > 0 && seqLE(h.ooo[0].seq, h.peerAck) {
		w.gap(r, c, dir, int64(h.ooo[0].seq-h.rcv), "acked")
		w.drain(r, c, dir, false)
	}
}

// flush gives up all holes of one side.
func (w *Worker) flush(r *record, c *tcpConn, dir uint8, reason string) {
	h := &c.half[dir]
	for len(h.ooo) > 0 {
		w.gap(r, c, dir, int64(h.ooo[0].seq-h.rcv), reason)
		w.drain(r, c, dir, false)
	}
}

// closeHalf tells the end of a side whose bytes are all there.
func (w *Worker) closeHalf(r *record, c *tcpConn, dir uint8) {
	h := &c.half[dir]
	if h.state&(hfFIN|hfOver) != hfFIN {
		return
	}
	if h.rcv != h.finSeq {
		// The receiver has it all: the capture has not, and will not.
		if c.half[dir^1].state&hfAckSeen == 0 || !seqLess(h.finSeq, h.peerAck) || !seqLess(h.rcv, h.finSeq) {
			return
		}
		w.flush(r, c, dir, "acked")
		if n := int64(int32(h.finSeq - h.rcv)); n > 0 {
			w.gap(r, c, dir, n, "acked")
		}
	}
	w.endHalf(r, c, dir, events.EndFIN)
	if c.half[dir^1].state&hfOver != 0 {
		r.conv.flags |= cvFinished
		w.closeNode(c)
	}
}

func (w *Worker) endHalf(r *record, c *tcpConn, dir uint8, why events.Ending) {
	h := &c.half[dir]
	if h.state&hfOver != 0 {
		return
	}
	h.state |= hfOver
	if c.root != nil {
		c.root.end(r.conv.from(dir), why)
	}
}

// deliver hands on bytes that are in order, and moves on.
func (w *Worker) deliver(r *record, c *tcpConn, dir uint8, p []byte, cut int, m decoders.Mark) {
	h := &c.half[dir]
	h.rcv += uint32(len(p) + cut)
	h.off += int64(len(p) + cut)
	if len(p) > 0 && c.root != nil {
		c.root.data(r.conv.from(dir), p, h.off-int64(len(p)+cut), m)
	}
	if cut > 0 {
		w.lostBytes(r, c, dir, int64(cut), h.off-int64(cut), "snaplen")
	}
}

// gap moves over bytes that will not come any more.
func (w *Worker) gap(r *record, c *tcpConn, dir uint8, n int64, reason string) {
	h := &c.half[dir]
	h.rcv += uint32(n)
	h.off += n
	w.lostBytes(r, c, dir, n, h.off-n, reason)
}

func (w *Worker) lostBytes(r *record, c *tcpConn, dir uint8, n, at int64, reason string) {
	from := r.conv.from(dir)
	if w.cfg.Want.Has(events.KindFlowGap) {
		w.emit(r, from, "tcp", false, &events.FlowGap{Protocol: w.protocol(r), Reason: reason, Bytes: n, Offset: at})
	}
	if c.root != nil {
		c.root.gap(from, n)
	}
}

func (w *Worker) violation(r *record, protocol, reason string) {
	w.emit(r, events.FromClient, events.TransportName(r.proto), false, &events.FlowViolation{Protocol: protocol, Reason: reason})
}

// endTCP closes what is open of a connection.
func (w *Worker) endTCP(r *record, why events.Ending) {
	c := w.tcp[r.conv.heavy-1]
	for d := range c.half {
		w.flush(r, c, uint8(d), "end")
	}
	client := r.conv.dir(events.FromClient)
	w.endHalf(r, c, client, why)
	w.endHalf(r, c, client^1, why)
	w.closeNode(c)
}
