package link

import (
	"slices"

	"github.com/wiretale/wiretale/events"
)

// fragKey names a datagram: RFC 791 section 3.2 (addresses, protocol,
// identification), RFC 8200 section 4.5 (addresses, identification). The same
// private addresses may be in use in several VLANs.
type fragKey struct {
	src, dst events.Addr
	id       uint32
	vlan     uint16
	proto    uint8 // IPv4 only
	v6       bool
}

// piece is a run of bytes of a datagram.
type piece struct {
	off  int
	data []byte
}

// pieceCost is what a piece costs beside its bytes, counted so that many tiny
// fragments stay within Limits.FragmentBytes.
const pieceCost = 64

// datagram is one that is being put together.
type datagram struct {
	key          fragKey
	first        events.Time // when its first fragment arrived
	total        int         // its length, -1 until the last fragment was seen
	have         int         // bytes in pieces
	cost         int
	proto        uint8   // of the fragment at offset 0
	pieces       []piece // sorted, without overlap
	older, newer *datagram
}

// fragments holds all datagrams that are not whole, in order of their first
// fragment.
type fragments struct {
	open           map[fragKey]*datagram
	oldest, newest *datagram
	cost           int
}

// Incomplete tells how many datagrams wait for fragments, and how many bytes
// of them are held.
func (d *Decoder) Incomplete() (datagrams int, bytes int64) {
	for g := d.frags.oldest; g != nil; g = g.newer {
		datagrams++
		bytes += int64(g.have)
	}
	return datagrams, bytes
}

// fragment takes the fragment p.Payload at offset off of datagram k. IP: p
// holds the whole datagram now. Of bytes that come twice the first seen win.
// proto is the protocol that this fragment names.
func (d *Decoder) fragment(k fragKey, off int, more bool, proto uint8, p *Packet) Verdict {
	n := p.Wire
	if off+n > 65535 {
		return Malformed // the "ping of death"
	}
	f := &d.frags
	d.expire()
	if len(p.Payload) < n {
		// The snaplen cut it: the datagram cannot become whole. The first
		// fragment is of use even so, for the ports are in it.
		if off == 0 {
			return IP
		}
		return Fragment
	}
	if n == 0 {
		return Malformed
	}
	g := f.open[k]
	if g == nil {
		if len(f.open) >= d.limits.Fragments && f.oldest != nil {
			d.giveUp(f.oldest, "fragments", d.limits.Fragments, "oldest IP datagram given up")
		}
		g = &datagram{key: k, first: d.now, total: -1, proto: proto}
		f.add(g)
	}
	if off == 0 {
		g.proto = proto
	}
	if !more && g.total < 0 {
		g.total = off + n
		f.clip(g)
	}
	for f.cost+n+pieceCost > d.limits.FragmentBytes {
		o := f.oldest
		d.giveUp(o, "fragment-bytes", d.limits.FragmentBytes, "oldest IP datagram given up")
		if o == g {
			return Fragment
		}
	}
	f.insert(g, off, p.Payload)
	if g.have != g.total {
		return Fragment
	}
	f.remove(g)
	whole := make([]byte, g.total)
	for _, q := range g.pieces {
		copy(whole[q.off:], q.data)
	}
	p.Payload, p.Wire, p.Proto = whole, g.total, g.proto
	return IP
}

// expire gives up what waited too long since its first fragment (RFC 791
// section 3.2, RFC 8200 section 4.5: 60 seconds).
func (d *Decoder) expire() {
	age := events.Duration(d.limits.FragmentSeconds) * 1e9
	for g := d.frags.oldest; g != nil && d.now.Sub(g.first) > age; g = d.frags.oldest {
		d.giveUp(g, "fragment-seconds", d.limits.FragmentSeconds, "fragments of an IP datagram did not come in time")
	}
}

func (d *Decoder) giveUp(g *datagram, name string, value int, reason string) {
	d.frags.remove(g)
	d.limit(name, value, reason, int64(g.have))
}

func (f *fragments) add(g *datagram) {
	if f.open == nil {
		f.open = make(map[fragKey]*datagram)
	}
	f.open[g.key] = g
	g.older = f.newest
	if f.newest != nil {
		f.newest.newer = g
	} else {
		f.oldest = g
	}
	f.newest = g
}

func (f *fragments) remove(g *datagram) {
	delete(f.open, g.key)
	f.cost -= g.cost
	if g.older != nil {
		g.older.newer = g.newer
	} else {
		f.oldest = g.newer
	}
	if g.newer != nil {
		g.newer.older = g.older
	} else {
		f.newest = g.older
	}
}

// clip drops what lies behind the end of g, now that it is known.
func (f *fragments) clip(g *datagram) {
	for i := len(g.pieces) - 1; i >= 0; i-- {
		q := &g.pieces[i]
		over := q.off + len(q.data) - g.total
		if over <= 0 {
			return
		}
		over = min(over, len(q.data))
		q.data = q.data[:len(q.data)-over]
		g.have -= over
		if len(q.data) == 0 {
			g.pieces = g.pieces[:i]
		}
	}
}

// insert keeps those bytes of b, which stand at off, that are new.
func (f *fragments) insert(g *datagram, off int, b []byte) {
	if g.total >= 0 {
		b = b[:max(0, min(len(b), g.total-off))]
	}
	i, _ := slices.BinarySearchFunc(g.pieces, off, func(q piece, off int) int { return q.off - off })
	if i > 0 {
		if prev := g.pieces[i-1]; prev.off+len(prev.data) > off {
			b = b[min(len(b), prev.off+len(prev.data)-off):]
			off = prev.off + len(prev.data)
		}
	}
	for len(b) > 0 {
		n := len(b)
		if i < len(g.pieces) {
			n = min(n, g.pieces[i].off-off)
		}
		if n > 0 {
			g.pieces = slices.Insert(g.pieces, i, piece{off, slices.Clone(b[:n])})
			i++
			g.have += n
			g.cost += n + pieceCost
			f.cost += n + pieceCost
		}
		if i < len(g.pieces) && n < len(b) {
			n += len(g.pieces[i].data)
			i++
		}
		n = min(n, len(b))
		b, off = b[n:], off+n
	}
}
