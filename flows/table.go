package flows

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// key is a conversation without direction: lo is the smaller of the two ends.
type key struct {
	lo, hi         events.Addr
	loPort, hiPort uint16
	proto          uint8
	v6             bool
}

// makeKey orders the ends; dir is 0 when src became lo.
func makeKey(src, dst *events.Addr, sport, dport uint16, proto uint8, v6 bool) (k key, dir uint8) {
	a0, a1 := binary.BigEndian.Uint64(src[:8]), binary.BigEndian.Uint64(src[8:])
	b0, b1 := binary.BigEndian.Uint64(dst[:8]), binary.BigEndian.Uint64(dst[8:])
	if a0 > b0 || a0 == b0 && (a1 > b1 || a1 == b1 && sport > dport) {
		return key{*dst, *src, dport, sport, proto, v6}, 1
	}
	return key{*src, *dst, sport, dport, proto, v6}, 0
}

// seeds differ from process to process, so that nobody can aim at one bucket.
// They never show in the output.
type seeds [6]uint64

func newSeeds() (s seeds) {
	var h maphash.Hash
	for i := range s {
		h.WriteByte(byte(i))
		s[i] = h.Sum64() | 1
	}
	return s
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// shares is into how many parts host pairs are divided: the limits that all
// flows have in common hold for each part, so that what is given up does not
// depend on the number of workers.
const shares = 64

// share is the part of a host pair, the same on every run.
func (k *key) share() uint8 {
	le := binary.LittleEndian
	h := mix(le.Uint64(k.lo[8:])^0x9e3779b97f4a7c15, le.Uint64(k.hi[8:])^0xd1b54a32d192ed03)
	if k.v6 {
		h ^= mix(le.Uint64(k.lo[:8])^0x8cb92ba72f3d8dd7, le.Uint64(k.hi[:8])^0xaef17502108ef2d9)
	}
	return uint8(h >> 32 % shares)
}

// hosts is the hash of the two addresses.
func (s *seeds) hosts(k *key) uint64 {
	le := binary.LittleEndian
	h := mix(le.Uint64(k.lo[8:])^s[0], le.Uint64(k.hi[8:])^s[1])
	if k.v6 {
		h ^= mix(le.Uint64(k.lo[:8])^s[2], le.Uint64(k.hi[:8])^s[3])
	}
	return mix(h, s[5])
}

// flow is the hash of the whole key.
func (s *seeds) flow(k *key, hosts uint64) uint64 {
	p := uint64(k.loPort)<<32 | uint64(k.hiPort)<<16 | uint64(k.proto)
	if k.v6 {
		p |= 1 << 8
	}
	return mix(hosts^p, s[4])
}

// record is what is known of one flow: pointer-free, so that a million of
// them cost the garbage collector nothing. The first half belongs to the
// Dispatcher, conv to the flow's Worker.
type record struct {
	// What every look-up needs fills one cache line.
	key
	state  uint8  // st… bits
	share  uint8  // of the host pair; it picks the worker
	few    uint8  // packets seen, up to shortPackets
	stream uint32 // as Wireshark's
	hash   uint64
	last   events.Time // of the latest packet

	next uint32 // wheel list, or free list
	prev uint32
	due  int32 // second at which the wheel looks again
	base [2]uint32
	sent [2]uint32 // highest sequence number sent, plus one; 0: none was seen
	ack  [2]uint32 // latest acknowledgement number sent

	conv conv
}

// bits of record.state.
const (
	stBase0   = 1 << iota // base[0] is known
	stBase1               // base[1] is known
	stFIN0                // lo sent FIN; with stClosing: and it is not acknowledged
	stFIN1                // hi sent FIN; likewise
	stClosing             // RST, or FIN both ways
	stTunnel              // carries a tunnel: numbered, not followed
	stPushed              // its Worker knows it

	stFrom0 = stBase0 // not TCP: lo spoke
	stFrom1 = stBase1 // not TCP: hi spoke
)

// advance notes how far the sender of segment o came. A RST may bear any
// number.
func (r *record) advance(o *op) {
	if end := o.end(); o.flags&flagRST == 0 && (r.sent[o.dir] == 0 || int32(end-r.sent[o.dir]) > 0) {
		r.sent[o.dir] = end
	}
	if o.flags&flagACK != 0 {
		r.ack[o.dir] = o.ack
	}
}

const chunkBits = 10

// table finds records by key. Record 0 is never used.
type table struct {
	seeds  seeds
	chunks records
	memory memory
	index  index
	used   int // live records
	fill   uint32
	free   uint32
	past   past
	stream [256]uint32 // next stream number by IP protocol
}

func newTable(l *events.Limits) *table {
	t := &table{seeds: newSeeds(), fill: 1}
	t.index = newIndex(t.memory.words(1 << 12))
	t.past.init(l.PastFlows, &t.memory)
	return t
}

func (t *table) at(i uint32) *record { return t.chunks.at(i) }

// records are the records of a table. The Dispatcher appends chunks, so a
// Worker reads the slice that came with its Work, not the table's.
type records []*chunkOfRecords

type chunkOfRecords [1 << chunkBits]record

func (rs records) at(i uint32) *record { return &rs[i>>chunkBits][i&(1<<chunkBits-1)] }

// find is the number of k's record, or 0.
func (t *table) find(k *key, h uint64) uint32 {
	for i, n := t.index.first(h); n != 0; i, n = t.index.next(i, h) {
		if t.at(n).key.equal(k) {
			return n
		}
	}
	return 0
}

// equal is ==, word by word.
func (k *key) equal(o *key) bool {
	le := binary.LittleEndian
	return le.Uint64(k.lo[8:]) == le.Uint64(o.lo[8:]) && le.Uint64(k.hi[8:]) == le.Uint64(o.hi[8:]) &&
		k.loPort == o.loPort && k.hiPort == o.hiPort && k.proto == o.proto && k.v6 == o.v6 &&
		le.Uint64(k.lo[:8]) == le.Uint64(o.lo[:8]) && le.Uint64(k.hi[:8]) == le.Uint64(o.hi[:8])
}

// close gives the memory back that is not the heap's.
func (t *table) close() {
	t.chunks, t.index, t.past.index = nil, index{}, index{}
	t.memory.close()
}

// alloc takes a record off the free list without entering it in the index.
func (t *table) alloc() uint32 {
	n := t.free
	if n != 0 {
		t.free = t.at(n).next
	} else {
		n = t.fill
		if int(n>>chunkBits) == len(t.chunks) {
			t.chunks = append(t.chunks, t.memory.chunk())
		}
		t.fill++
	}
	t.used++
	return n
}

func (t *table) insert(n uint32, h uint64) {
	if uint64(t.used)*4 > uint64(len(t.index.slots))*3 {
		old := t.index.slots
		t.index = newIndex(t.memory.words(2 * len(old)))
		for _, e := range old {
			if m := uint32(e); m != 0 {
				t.index.put(m, t.at(m).hash)
			}
		}
	}
	t.index.put(n, h)
}

// remove takes n out of the index; its record stays readable until release.
func (t *table) remove(n uint32) { t.index.drop(n, t.at(n).hash) }

// release gives a removed record back.
func (t *table) release(n uint32) {
	r := t.at(n)
	*r = record{next: t.free}
	t.free = n
	t.used--
}

// past remembers flows that are over, so that one which speaks again keeps its
// number: Wireshark never forgets. Of TCP it remembers how far it came, so that
// what is sent again (seconds after a RST, by back-off) is told as that and not
// read twice. The one that ended first is forgotten first.
type past struct {
	tag   []uint64 // a ring, in order of ending
	flow  []pastFlow
	at    int // the next place of the ring
	index index
}

// pastFlow is what is remembered of a record.
type pastFlow struct {
	last            events.Time
	base, sent, ack [2]uint32
	stream          uint32
	state           uint8 // TCP: stBase0, stBase1, stFIN0, stFIN1, stClosing
}

// another: a TCP segment with the flags and seq of o opens another connection.
func (p *pastFlow) another(o *op) bool {
	return o.flags&(flagSYN|flagACK) == flagSYN && p.state&(stBase0<<o.dir) != 0 && p.base[o.dir] != o.seq
}

// farAhead is how many bytes behind the last one that was seen a segment may
// begin and still go on with its flow.
const farAhead = 1 << 24

// continues: the numbers of o, a TCP segment, are where those of the flow were.
func (p *pastFlow) continues(o *op) bool {
	return p.near(o.dir, o.seq) && (o.flags&flagACK == 0 || p.near(o.dir^1, o.ack))
}

func (p *pastFlow) near(dir uint8, seq uint32) bool {
	sent := p.sent[dir]
	bytes := max(sent-p.base[dir], 1<<20) // numbers may have gone round
	return sent == 0 || seq-(sent-bytes) <= bytes+farAhead
}

func (p *past) init(limit int, m *memory) {
	n := 2
	for n < 2*limit {
		n *= 2
	}
	p.index = newIndex(m.words(n))
}

// place is 1 + where tag h is in the ring, or 0.
func (p *past) place(h uint64) uint32 {
	i, n := p.index.first(h)
	for n != 0 && p.tag[n-1] != h {
		i, n = p.index.next(i, h)
	}
	return n
}

// get is the flow with tag h, good until the next put; nil: it is not known.
func (p *past) get(h uint64) *pastFlow {
	if n := p.place(h); n != 0 {
		return &p.flow[n-1]
	}
	return nil
}

func (p *past) put(r *record, limit int) {
	h, f := r.hash, pastFlow{r.last, r.base, r.sent, r.ack, r.stream, r.state & (stBase0 | stBase1 | stFIN0 | stFIN1 | stClosing)}
	if n := p.place(h); n != 0 {
		p.flow[n-1] = f
		return
	}
	if len(p.tag) < limit {
		p.tag, p.flow = append(p.tag, h), append(p.flow, f)
		p.index.put(uint32(len(p.tag)), h)
		return
	}
	p.index.drop(uint32(p.at+1), p.tag[p.at])
	p.tag[p.at], p.flow[p.at] = h, f
	p.index.put(uint32(p.at+1), h)
	if p.at++; p.at == limit {
		p.at = 0
	}
}

// index finds numbers by hash: open addressing in slots that hold the upper
// half of the hash above the number, so that a look at one slot mostly
// settles it without a look at what the number stands for. 0 is no number.
type index struct {
	slots []uint64
	mask  uint64
}

// newIndex is an index in slots, of which there are a power of two, all zero.
func newIndex(slots []uint64) index { return index{slots, uint64(len(slots) - 1)} }

// home is where a slot's search begins: bits of the upper half, which the slot
// itself holds.
func (x *index) home(slot uint64) uint64 { return slot >> 32 & x.mask }

// first is the first number under h, and its place; 0: none.
func (x *index) first(h uint64) (at uint64, n uint32) { return x.scan(x.home(h), h) }

// next is the one after place at.
func (x *index) next(at, h uint64) (uint64, uint32) { return x.scan((at+1)&x.mask, h) }

func (x *index) scan(i, h uint64) (uint64, uint32) {
	for ; ; i = (i + 1) & x.mask {
		s := x.slots[i]
		if s == 0 || s>>32 == h>>32 {
			return i, uint32(s)
		}
	}
}

func (x *index) put(n uint32, h uint64) {
	i := x.home(h)
	for x.slots[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.slots[i] = h>>32<<32 | uint64(n)
}

// drop removes n, which is under h.
func (x *index) drop(n uint32, h uint64) {
	i := x.home(h)
	for uint32(x.slots[i]) != n {
		i = (i + 1) & x.mask
	}
	// Close the hole: move back those that would be found no more.
	for j := i; ; {
		j = (j + 1) & x.mask
		s := x.slots[j]
		if s == 0 {
			break
		}
		if (j-x.home(s))&x.mask >= (j-i)&x.mask {
			x.slots[i] = s
			i = j
		}
	}
	x.slots[i] = 0
}
