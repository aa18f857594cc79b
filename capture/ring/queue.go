package ring

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// chunkSize is how much memory is taken at a time, and spare how many of these
// are kept for later.
const (
	chunkSize = 1 << 20
	spare     = 4
)

// record is the head of a packet in a chunk: time, bytes on the wire, bytes
// here, interface, packets lost before it.
const record = 8 + 4 + 4 + 2 + 4

// chunk is a run of packets, one behind the other.
type chunk struct {
	rotate bool        // another file begins before it
	at     events.Time // when that was asked for
	b      []byte
	cost   int // in the file
}

// queue is what waits to be written. It is for one goroutine at a time.
type queue struct {
	limit   int // bytes
	waiting int // bytes, those that were taken and not given back included
	fresh   int // bytes, those not included
	chunks  []*chunk
	free    []*chunk
	closed  bool
	lost    uint32 // packets for which there was no room, since the last one put
}

func newQueue(limit int) queue { return queue{limit: limit} }

// blockSize is what a packet of n bytes takes in the file: an Enhanced Packet
// Block (pcapng, section 4.3), with the option epb_dropcount where packets were
// lost before it.
func blockSize(n int, dropped uint32) int {
	if dropped > 0 {
		n = (n+3)&^3 + 4 + 8 + 4 // and the end of the options
	}
	return 32 + (n+3)&^3
}

// put copies a packet, cut to snaplen (0: not cut); false: there is no room.
func (q *queue) put(p *capture.Packet, snaplen uint32) bool {
	data := p.Data
	if snaplen > 0 {
		data = data[:min(uint32(len(data)), snaplen)]
	}
	dropped := p.Dropped + q.lost
	cost := blockSize(len(data), dropped)
	if q.closed || cost > q.limit-q.waiting {
		q.lost = dropped + 1
		return false
	}
	q.lost = 0
	c := q.last(record + len(data))
	b := binary.LittleEndian.AppendUint64(c.b, uint64(p.Time))
	b = binary.LittleEndian.AppendUint32(b, max(p.Wire, uint32(len(p.Data))))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint16(b, p.Iface)
	b = binary.LittleEndian.AppendUint32(b, dropped)
	c.b = append(b, data...)
	c.cost += cost
	q.waiting += cost
	q.fresh += cost
	return true
}

// last is a chunk with room for n bytes, at the end of the queue.
func (q *queue) last(n int) *chunk {
	if len(q.chunks) > 0 {
		c := q.chunks[len(q.chunks)-1]
		if c.b == nil {
			c.b = make([]byte, 0, max(chunkSize, n))
		}
		if cap(c.b)-len(c.b) >= n {
			return c
		}
	}
	c := &chunk{}
	if k := len(q.free); k > 0 && n <= chunkSize {
		c, q.free = q.free[k-1], q.free[:k-1]
	} else {
		c.b = make([]byte, 0, max(chunkSize, n))
	}
	q.chunks = append(q.chunks, c)
	return c
}

// rotate puts the end of a file into the queue. Two in a row are one.
func (q *queue) rotate(at events.Time) {
	if k := len(q.chunks); !q.closed && (k == 0 || len(q.chunks[k-1].b) > 0) {
		q.chunks = append(q.chunks, &chunk{rotate: true, at: at})
	}
}

// ready reports whether it is worth to wake who writes before the next flush.
func (q *queue) ready() bool { return q.fresh >= min(chunkSize, q.limit/2) }

// take gives all that waits, and false when no more can come.
func (q *queue) take() (chunks []*chunk, more bool) {
	chunks, q.chunks, q.fresh = q.chunks, nil, 0
	return chunks, !q.closed
}

// give takes a chunk back that is written.
func (q *queue) give(c *chunk) {
	q.waiting -= c.cost
	if cap(c.b) == chunkSize && len(q.free) < spare {
		*c = chunk{b: c.b[:0]}
		q.free = append(q.free, c)
	}
}

// each calls f with the packets of c; their bytes are those of c.
func (c *chunk) each(f func(capture.Packet)) {
	for b := c.b; len(b) > 0; {
		n := int(binary.LittleEndian.Uint32(b[12:]))
		f(capture.Packet{
			Time:  events.Time(binary.LittleEndian.Uint64(b)),
			Wire:  binary.LittleEndian.Uint32(b[8:]),
			Iface: binary.LittleEndian.Uint16(b[16:]),
			Data:  b[record : record+n],

			Dropped: binary.LittleEndian.Uint32(b[18:]),
		})
		b = b[record+n:]
	}
}
