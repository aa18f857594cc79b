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

// hosts is the hash of the two addresses, which picks the worker.
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
	worker uint8
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
	chunks []*[1 << chunkBits]record
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

func (t *table) at(i uint32) *record { return &t.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

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
// never forgets. Two generations of fixed size bound it.
type past struct {
	tag    []uint64
	stream []uint32
	mask   uint64
}

func (p *past) init(limit int) {
	n := 1
	for n*2 <= limit {
		n *= 2
	}
	p.mask = uint64(n - 1)
}

func (p *past) put(h uint64, stream uint32) {
	if p.tag == nil {
		p.tag, p.stream = make([]uint64, p.mask+1), make([]uint32, p.mask+1)
	}
	// Two ways: the older entry of the pair goes.
	i := (h >> 20) & p.mask
	if j := i ^ 1; p.tag[i] != 0 && p.tag[i] != h && j <= p.mask {
		p.tag[j], p.stream[j] = p.tag[i], p.stream[i]
	}
	p.tag[i], p.stream[i] = h, stream
}

func (p *past) get(h uint64) (uint32, bool) {
	if p.tag == nil {
		return 0, false
	}
	i := (h >> 20) & p.mask
	if p.tag[i] == h {
		return p.stream[i], true
	}
	if j := i ^ 1; j <= p.mask && p.tag[j] == h {
		return p.stream[j], true
	}
	return 0, false
}
