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
	key
	state  uint8 // st… bits
	share  uint8 // of the host pair; it picks the worker
	few    uint8 // packets seen, up to shortPackets
	hash   uint64
	last   events.Time // of the latest packet
	stream uint32
	next   uint32 // wheel list, or free list
	prev   uint32
	due    int32 // second at which the wheel looks again
	base   [2]uint32

	conv conv
}

// bits of record.state.
const (
	stBase0   = 1 << iota // base[0] is known
	stBase1               // base[1] is known
	stFIN0                // lo sent FIN
	stFIN1                // hi sent FIN
	stClosing             // RST, or FIN both ways
	stTunnel              // carries a tunnel: numbered, not followed
	stPushed              // its Worker knows it

	stFrom0 = stBase0 // not TCP: lo spoke
	stFrom1 = stBase1 // not TCP: hi spoke
)

const chunkBits = 10

// table finds records by key. Record 0 is never used.
type table struct {
	seeds  seeds
	chunks records
	index  []uint32 // open addressing: record numbers
	mask   uint64
	used   int // live records
	fill   uint32
	free   uint32
	past   past
	stream [256]uint32 // next stream number by IP protocol
}

func newTable(l *events.Limits) *table {
	t := &table{seeds: newSeeds(), index: make([]uint32, 1<<12), mask: 1<<12 - 1, fill: 1}
	t.past.init(l.PastFlows)
	return t
}

func (t *table) at(i uint32) *record { return t.chunks.at(i) }

// records are the records of a table. The Dispatcher appends chunks, so a
// Worker reads the slice that came with its Work, not the table's.
type records []*[1 << chunkBits]record

func (rs records) at(i uint32) *record { return &rs[i>>chunkBits][i&(1<<chunkBits-1)] }

// find is the number of k's record, or 0.
func (t *table) find(k *key, h uint64) uint32 {
	for i := h & t.mask; ; i = (i + 1) & t.mask {
		n := t.index[i]
		if n == 0 {
			return 0
		}
		if r := t.at(n); r.hash == h && r.key == *k {
			return n
		}
	}
}

// alloc takes a record off the free list without entering it in the index.
func (t *table) alloc() uint32 {
	n := t.free
	if n != 0 {
		t.free = t.at(n).next
	} else {
		n = t.fill
		if int(n>>chunkBits) == len(t.chunks) {
			t.chunks = append(t.chunks, new([1 << chunkBits]record))
		}
		t.fill++
	}
	t.used++
	return n
}

func (t *table) insert(n uint32, h uint64) {
	if uint64(t.used)*4 > uint64(len(t.index))*3 {
		old := t.index
		t.index = make([]uint32, 2*len(old))
		t.mask = uint64(len(t.index) - 1)
		for _, m := range old {
			if m != 0 {
				t.place(m, t.at(m).hash)
			}
		}
	}
	t.place(n, h)
}

func (t *table) place(n uint32, h uint64) {
	i := h & t.mask
	for t.index[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.index[i] = n
}

// remove takes n out of the index; its record stays readable until release.
func (t *table) remove(n uint32) {
	i := t.at(n).hash & t.mask
	for t.index[i] != n {
		i = (i + 1) & t.mask
	}
	// Close the hole: move back those that would be found no more.
	for j := i; ; {
		j = (j + 1) & t.mask
		m := t.index[j]
		if m == 0 {
			break
		}
		if home := t.at(m).hash & t.mask; (j-home)&t.mask >= (j-i)&t.mask {
			t.index[i] = m
			i = j
		}
	}
	t.index[i] = 0
}

// release gives a removed record back.
func (t *table) release(n uint32) {
	r := t.at(n)
	*r = record{next: t.free}
	t.free = n
	t.used--
}

// past remembers the stream numbers of flows that are over, so that a flow
// which speaks again after its idle time-out keeps its number: Wireshark
// never forgets. The one that ended first is forgotten first.
type past struct {
	tag    []uint64 // a ring, in order of ending
	stream []uint32
	at     int      // the next place of the ring
	index  []uint32 // open addressing: 1 + place in the ring
	mask   uint64
}

func (p *past) init(limit int) {
	n := 2
	for n < 2*limit {
		n *= 2
	}
	p.tag, p.stream = make([]uint64, 0, min(limit, 1024)), make([]uint32, 0, min(limit, 1024))
	p.index, p.mask = make([]uint32, n), uint64(n-1)
}

// slot is where tag h is in the index, or would be.
func (p *past) slot(h uint64) uint64 {
	i := h & p.mask
	for p.index[i] != 0 && p.tag[p.index[i]-1] != h {
		i = (i + 1) & p.mask
	}
	return i
}

func (p *past) get(h uint64) (uint32, bool) {
	if n := p.index[p.slot(h)]; n != 0 {
		return p.stream[n-1], true
	}
	return 0, false
}

func (p *past) put(h uint64, stream uint32, limit int) {
	if n := p.index[p.slot(h)]; n != 0 {
		p.stream[n-1] = stream
		return
	}
	if len(p.tag) < limit {
		p.tag, p.stream = append(p.tag, h), append(p.stream, stream)
		p.index[p.slot(h)] = uint32(len(p.tag))
		return
	}
	p.forget(p.tag[p.at])
	i := p.slot(h)
	p.tag[p.at], p.stream[p.at] = h, stream
	p.index[i] = uint32(p.at + 1)
	p.at = (p.at + 1) % limit
}

// forget takes a tag out of the index.
func (p *past) forget(h uint64) {
	i := p.slot(h)
	for j := i; ; {
		j = (j + 1) & p.mask
		if p.index[j] == 0 {
			break
		}
		if home := p.tag[p.index[j]-1] & p.mask; (j-home)&p.mask >= (j-i)&p.mask {
			p.index[i] = p.index[j]
			i = j
		}
	}
	p.index[i] = 0
}
