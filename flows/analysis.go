package flows

import (
	"github.com/wiretale/wiretale/events"
)

// The marks of a segment follow the definitions of the Wireshark User's
// Guide, section "TCP Analysis", so that they can be compared frame by frame.

// Two bounds of these definitions.
const (
	fastWithin     = 20_000_000 // ns after the last duplicate ACK: fast retransmission
	reorderDefault = 3_000_000  // ns: out of order rather than sent again, where no RTT is known
)

// analyse marks one segment and takes RTT samples.
func (w *Worker) analyse(r *record, c *tcpConn, o *op) {
	snd, peer := &c.half[o.dir], &c.half[o.dir^1]
	from := r.conv.from(o.dir)
	plen, win := uint32(o.plen), uint32(o.win)
	ctl := o.flags & (flagSYN | flagFIN | flagRST)
	var mark uint8

	known := snd.state&hfNext != 0 // some sequence number of this side was seen
	if plen == 1 && known && o.seq == snd.next && peer.hasWindow && peer.window == 0 {
		mark = markZeroProbe
		w.mark(r, c, o, events.KindTCPZeroWindow, from, "probe", 0)
	} else {
		if win == 0 && ctl == 0 {
			w.mark(r, c, o, events.KindTCPZeroWindow, from, "window", 0)
		}
		if known && seqLess(snd.next, o.seq) && o.flags&flagRST == 0 {
			w.lost(r, o, from, o.seq-snd.next)
		}
		if plen <= 1 && known && o.seq == snd.next-1 && ctl == 0 {
			mark = markKeepAlive
			w.mark(r, c, o, events.KindTCPKeepAlive, from, "probe", 0)
		}
	}
	if mark != markZeroProbe && plen == 0 && snd.hasWindow && win == snd.window && known && o.seq == snd.next && ctl == 0 {
		switch {
		case win != 0 && o.ack == snd.lastAck && peer.lastMark == markKeepAlive:
			w.mark(r, c, o, events.KindTCPKeepAlive, from, "ack", 0)
		case win == 0 && (o.ack == snd.lastAck || o.ack == snd.lastAck+1) && peer.lastMark == markZeroProbe:
			w.mark(r, c, o, events.KindTCPZeroWindow, from, "probe_ack", 0)
		case win != 0 && o.ack == snd.lastAck:
			snd.dupAcks++
			w.mark(r, c, o, events.KindTCPDuplicateACK, from, "", snd.dupAcks)
		}
	}
	if o.ack != snd.lastAck {
		snd.dupAcks = 0
	}

	retransmitted := false
	if known && mark == 0 && (plen > 0 || o.flags&(flagSYN|flagFIN) != 0) {
		switch {
		case seqLess(o.seq, snd.next):
			retransmitted = w.again(r, c, o, from)
		case plen > 0 && peer.lastAck != 0 && seqLE(o.seq+plen, peer.lastAck):
			// Acknowledged before it was seen: it lies behind its ACK in the
			// capture, or was sent again for nothing.
			w.mark(r, c, o, events.KindTCPRetransmission, from, "spurious", 0)
		}
	}

	end := o.end()
	if end != o.seq && mark != markZeroProbe {
		// A SYN that its peer never answered since a RST opens the connection
		// anew, though with the number of the try before: its ACK is its own.
		anew := o.flags&flagSYN != 0 && peer.state&hfNext == 0 && len(snd.unacked) == snd.unackedAt
		w.sent(r, c, o, snd, end, !anew && (retransmitted || mark == markKeepAlive))
	}
	if mark != markZeroProbe && (!known || seqLess(snd.next, end)) {
		snd.state |= hfNext
		snd.next, snd.nextTime = end, o.time
	}
	snd.window, snd.hasWindow = win, true
	snd.lastMark = mark
	snd.lastAck, snd.lastAckAt = o.ack, o.time
	if o.flags&flagACK != 0 {
		w.acked(r, o, snd, peer, from)
	}
}

// again marks a segment that does not advance the sequence number, and tells
// whether it was sent before (rather than overtaken on its way).
func (w *Worker) again(r *record, c *tcpConn, o *op, from events.Dir) bool {
	snd, peer := &c.half[o.dir], &c.half[o.dir^1]
	if peer.dupAcks >= 2 && peer.lastAck == o.seq && o.time.Sub(peer.lastAckAt) < fastWithin {
		w.mark(r, c, o, events.KindTCPRetransmission, from, "fast", 0)
		return true
	}
	if o.plen > 0 && peer.lastAck != 0 && seqLE(o.seq+uint32(o.plen), peer.lastAck) {
		w.mark(r, c, o, events.KindTCPRetransmission, from, "spurious", 0)
		return true
	}
	within := events.Duration(reorderDefault)
	if c.firstRTT > 0 {
		within = c.firstRTT
	}
	if t := o.time.Sub(snd.nextTime); t >= 0 && t < within && snd.next != o.end() {
		w.mark(r, c, o, events.KindTCPOutOfOrder, from, "", 0)
		return false
	}
	w.mark(r, c, o, events.KindTCPRetransmission, from, "timeout", 0)
	return true
}

func (w *Worker) mark(r *record, c *tcpConn, o *op, kind events.Kind, from events.Dir, why string, number uint32) {
	if !w.cfg.Want.Has(kind) {
		return
	}
	snd, peer := &c.half[o.dir], &c.half[o.dir^1]
	s := &events.TCPSegment{Mark: kind, Seq: o.seq - snd.base, SeqRaw: o.seq, Bytes: int64(o.plen), Why: why, Number: number, Offset: -1}
	if kind == events.KindTCPRetransmission {
		s.After = max(0, o.time.Sub(snd.nextTime))
	}
	if kind == events.KindTCPDuplicateACK {
		s.Ack = o.ack - peer.base
	}
	if o.plen > 0 && snd.state&hfAnchor != 0 {
		s.Offset = snd.off + int64(int32(o.seq-snd.rcv))
	}
	w.emit(r, from, "tcp", false, s)
}

// lost marks the hole in front of a segment.
func (w *Worker) lost(r *record, o *op, from events.Dir, n uint32) {
	if !w.cfg.Want.Has(events.KindTCPLost) {
		return
	}
	snd := &w.tcp[r.conv.heavy-1].half[o.dir]
	w.emit(r, from, "tcp", false, &events.TCPSegment{Mark: events.KindTCPLost,
		Seq: snd.next - snd.base, SeqRaw: snd.next, Bytes: int64(n), Offset: -1})
}

// sent enters a segment into the queue of those that wait for an ACK.
func (w *Worker) sent(r *record, c *tcpConn, o *op, snd *half, end uint32, again bool) {
	q := snd.unacked
	if n := len(q); n == snd.unackedAt || seqLE(q[n-1].end, o.seq) { // in order: almost always
		if again {
			return // of a segment that is acknowledged already, or was not seen
		}
		if n-snd.unackedAt >= w.limits.Unacked {
			snd.unackedAt++
			if c.told&tellUnacked == 0 {
				c.told |= tellUnacked
				w.limit(r, "tcp", "unacked", w.limits.Unacked, "round trips are not measured for all segments", 0)
			}
		}
		if n == cap(q) && snd.unackedAt > n/2 { // move up rather than grow
			q = q[:copy(q, q[snd.unackedAt:])]
			snd.unackedAt = 0
		}
		snd.unacked = append(q, unacked{seq: o.seq, end: end, time: o.time, frame: o.frame})
		return
	}
	// Behind one that is there: whoever overlaps was sent more than once;
	// what fills a hole takes its place in the queue.
	at := len(q)
	for i := len(q) - 1; i >= snd.unackedAt; i-- {
		u := &q[i]
		if seqLess(u.seq, end) && seqLess(o.seq, u.end) {
			u.again = true
			again = true
		}
		if seqLess(o.seq, u.seq) {
			at = i
		} else {
			break
		}
	}
	if again {
		return
	}
	snd.unacked = append(q, unacked{})
	copy(snd.unacked[at+1:], snd.unacked[at:])
	snd.unacked[at] = unacked{seq: o.seq, end: end, time: o.time, frame: o.frame}
}

// acked takes samples from the segments of peer that this ACK covers first.
func (w *Worker) acked(r *record, o *op, snd, peer *half, from events.Dir) {
	q := peer.unacked
	i := peer.unackedAt
	for ; i < len(q) && seqLE(q[i].end, o.ack); i++ {
		w.sample(r, o, &q[i], from, q[i].end == o.ack, false)
	}
	if i == len(q) {
		peer.unacked, peer.unackedAt = q[:0], 0
		return
	}
	peer.unackedAt = i
	if o.hl > 20 {
		sackBlocks(o.options(), func(left, right uint32) {
			if seqLE(left, o.ack) {
				return // D-SACK (RFC 2883): tells of a duplicate
			}
			for j := i; j < len(q); j++ {
				if u := &q[j]; seqLE(left, u.seq) && seqLE(u.end, right) && !u.sacked {
					w.sample(r, o, u, from, u.end == right, true)
					u.sacked = true
				}
			}
		})
	}
}

func (w *Worker) sample(r *record, o *op, u *unacked, from events.Dir, exact, sack bool) {
	if u.again || u.sacked || o.time < u.time || !w.cfg.Want.Has(events.KindTCPRTT) {
		if w.skipped != nil {
			w.skipped(o, u)
		}
		return
	}
	s := w.out.rtt.Get()
	*s = events.TCPRTT{Of: events.RTTData, RTT: o.time.Sub(u.time), SegmentFrame: u.frame, Exact: exact, SACK: sack}
	if u.frame == r.conv.firstFrame || u.end == u.seq+1 {
		c := w.tcp[r.conv.heavy-1]
		if h := &c.half[o.dir^1]; h.state&hfSYN != 0 && u.seq == h.base {
			s.Of = events.RTTSynAck
			if from == events.FromClient {
				s.Of = events.RTTAck
			}
		}
	}
	w.emit(r, from, "tcp", false, s)
}

// limit tells that a limit was reached on flow r.
func (w *Worker) limit(r *record, protocol, name string, value int, reason string, bytes int64) {
	w.emit(r, events.FromClient, events.TransportName(r.proto), false,
		&events.FlowLimit{Protocol: protocol, Limit: name, Value: int64(value), Reason: reason, Bytes: bytes})
}
