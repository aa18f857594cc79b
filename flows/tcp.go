package flows

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/events"
)

// seqLess reports whether a comes before b in sequence space (RFC 9293
// section 3.4: modulo 2³²).
func seqLess(a, b uint32) bool { return int32(a-b) < 0 }

func seqLE(a, b uint32) bool { return int32(a-b) <= 0 }

// tcpConn is the state of one TCP connection, by direction (0: from key.lo).
type tcpConn struct {
	half     [2]half
	firstRTT events.Duration // SYN to the ACK of the handshake; 0: not seen
	synTime  events.Time     // of the latest SYN
	told     uint8           // limits that were told once: tell… bits
	root     *node           // what reads the stream; nil when nothing does any more
	named    string          // a protocol that was named and has no decoder
}

const (
	tellUnacked = 1 << iota
	tellOutOfOrder
)

// bits of half.state.
const (
	hfBase    = 1 << iota // base is known
	hfNext                // next is known
	hfSYN                 // its SYN was seen
	hfAnchor              // rcv is anchored: order can be told
	hfFIN                 // finSeq is known
	hfOver                // End was told
	hfAckSeen             // it acknowledged something
)

// mark… are Wireshark's names for what a segment is. They are kept of the
// last segment, which the rules for keep-alive and probe ACKs look at.
const (
	markKeepAlive = 1 << iota
	markZeroProbe
)

// half is one side of a connection: what it sent, and what its peer must
// still acknowledge.
type half struct {
	state uint8
	// For the marks (see analysis.go).
	base      uint32 // sequence number that is shown as 0
	next      uint32 // highest sequence number sent, plus one
	nextTime  events.Time
	lastAck   uint32
	lastAckAt events.Time
	window    uint32 // as on the wire
	scale     int8   // window scale; -1: not offered
	dupAcks   uint32
	lastMark  uint8
	hasWindow bool
	unacked   []unacked // a queue by sequence number
	unackedAt int       // its head

	// For the order of bytes (see reassembly.go).
	rcv     uint32 // sequence number of the next byte to deliver
	off     int64  // its stream offset
	finSeq  uint32
	peerAck uint32 // highest acknowledgement seen from the peer
	ooo     []piece
	held    int // bytes in ooo
}

// unacked is a segment that waits for its ACK.
type unacked struct {
	seq, end uint32
	time     events.Time
	frame    uint64
	again    bool // sent more than once: no sample (Karn)
	sacked   bool // its sample was taken from a SACK
}

func (w *Worker) conn(r *record) *tcpConn {
	if r.conv.heavy != 0 {
		return w.tcp[r.conv.heavy-1]
	}
	var c *tcpConn
	if n := len(w.tcpFree); n > 0 {
		r.conv.heavy = w.tcpFree[n-1]
		w.tcpFree = w.tcpFree[:n-1]
		c = w.tcp[r.conv.heavy-1]
	} else {
		c = new(tcpConn)
		w.tcp = append(w.tcp, c)
		r.conv.heavy = uint32(len(w.tcp))
	}
	c.half[0].reset()
	c.half[1].reset()
	w.openTCP(r, c)
	return c
}

// freeTCP gives the connection's memory to the next one.
func (w *Worker) freeTCP(r *record) {
	i := r.conv.heavy
	c := w.tcp[i-1]
	for d := range c.half {
		h := &c.half[d]
		if cap(h.unacked) > 8 { // few need more, and all would come to have it
			h.unacked = nil
		}
		if cap(h.ooo) > 2 {
			h.ooo = nil
		}
		h.reset()
	}
	*c = tcpConn{half: c.half}
	r.conv.heavy = 0
	w.tcpFree = append(w.tcpFree, i)
}

// segment works on one TCP segment.
func (w *Worker) segment(r *record, o *op) {
	c := w.conn(r)
	if w.resumed != nil {
		c.resume(w.resumed, o)
		w.resumed = nil
	}
	if o.flags&flagSYN != 0 {
		w.startAgain(r, c, o)
	}
	snd, peer := &c.half[o.dir], &c.half[o.dir^1]

	// Where sequence numbers start (as Wireshark shows them: a segment that
	// is not a SYN starts at 1).
	if snd.state&hfBase == 0 {
		snd.state |= hfBase
		snd.base = o.seq
		if o.flags&flagSYN == 0 {
			snd.base--
		}
	}
	if peer.state&hfBase == 0 && o.flags&flagACK != 0 {
		peer.state |= hfBase
		peer.base = o.ack - 1
	}
	if o.flags&flagSYN != 0 {
		snd.state |= hfSYN
		if o.flags&flagACK == 0 {
			c.synTime = o.time
		}
		snd.scale = windowScale(o.options())
	} else if o.flags&flagACK != 0 && c.firstRTT == 0 && snd.state&peer.state&hfSYN != 0 && r.conv.from(o.dir) == events.FromClient {
		c.firstRTT = o.time.Sub(c.synTime)
	}

	w.analyse(r, c, o)
	w.reassemble(r, c, o)
}

// resume goes on where p, the same connection, ended before segment o. A SYN
// opens it anew: of its peer nothing is known.
func (c *tcpConn) resume(p *pastFlow, o *op) {
	syn := o.flags&(flagSYN|flagACK) == flagSYN
	for d := range c.half {
		if h := &c.half[d]; p.sent[d] != 0 && (!syn || d == int(o.dir)) {
			h.state = hfBase | hfNext
			h.base, h.next, h.nextTime = p.base[d], p.sent[d], p.last
			if !syn {
				h.state |= hfAnchor
				h.rcv, h.lastAck = p.sent[d], p.ack[d]
			}
		}
	}
}

// startAgain forgets a connection that was refused and is tried again on the
// same sequence number.
func (w *Worker) startAgain(r *record, c *tcpConn, o *op) {
	h := &c.half[o.dir]
	if r.conv.flags&cvReset != 0 {
		r.conv.flags &^= cvReset
		first := c.half[o.dir]
		for d := range c.half {
			c.half[d].reset()
		}
		w.closeNode(c)
		w.openTCP(r, c)
		if first.state&hfNext != 0 && first.base == o.seq { // its SYN again
			h.state, h.base, h.next, h.nextTime = hfBase|hfNext, first.base, first.next, first.nextTime
		}
	}
}

// reset forgets all but the memory.
func (h *half) reset() {
	*h = half{scale: -1, unacked: h.unacked[:0], ooo: h.ooo[:0]}
}

// options are the TCP options of the segment, as far as they were captured.
func (o *op) options() []byte {
	if int(o.hl) > len(o.seg) {
		return o.seg[20:]
	}
	return o.seg[20:o.hl]
}

// end is the sequence number behind the segment.
func (o *op) end() uint32 {
	end := o.seq + uint32(o.plen)
	if o.flags&(flagSYN|flagFIN) != 0 {
		end++
	}
	return end
}

// payload is the captured part of the payload.
func (o *op) payload() []byte {
	if int(o.hl) >= len(o.seg) {
		return nil
	}
	p := o.seg[o.hl:]
	if len(p) > int(o.plen) {
		p = p[:o.plen]
	}
	return p
}

const (
	optEnd    = 0
	optNOP    = 1
	optWScale = 3 // RFC 7323 section 2.2
	optSACK   = 5 // RFC 2018 section 3
)

// option finds one TCP option (RFC 9293 section 3.1), without its kind and
// length bytes; nil when it is not there.
func option(opts []byte, kind byte) []byte {
	for len(opts) > 0 {
		switch opts[0] {
		case optEnd:
			return nil
		case optNOP:
			opts = opts[1:]
			continue
		}
		if len(opts) < 2 || opts[1] < 2 || int(opts[1]) > len(opts) {
			return nil
		}
		if opts[0] == kind {
			return opts[2:opts[1]]
		}
		opts = opts[opts[1]:]
	}
	return nil
}

func windowScale(opts []byte) int8 {
	if b := option(opts, optWScale); len(b) == 1 {
		return int8(min(b[0], 14))
	}
	return -1
}

// sackBlocks calls f with each block of a SACK option (RFC 2018 section 3).
func sackBlocks(opts []byte, f func(left, right uint32)) {
	// Most segments bear time stamps only, padded in one of two ways.
	if len(opts) == 12 && (opts[0] == optNOP && opts[1] == optNOP && opts[2] == 8 || opts[0] == 8) {
		return
	}
	b := option(opts, optSACK)
	for len(b) >= 8 {
		f(binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]))
		b = b[8:]
	}
}
