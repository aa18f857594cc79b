package dnsopen

import (
	"encoding/binary"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd6e8feb86659fd93
)

// Mix makes one hash of two.
func Mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^mixA, mixB)
	return hi ^ lo
}

// HashName is the same for names that differ in ASCII case (RFC 4343). Setting
// 0x20 in every byte folds some other bytes too, which no host's name has.
func HashName[T string | []byte](seed uint64, name T) uint64 {
	h, i := seed, 0
	for ; i+8 <= len(name); i += 8 {
		v := uint64(name[i]) | uint64(name[i+1])<<8 | uint64(name[i+2])<<16 | uint64(name[i+3])<<24 |
			uint64(name[i+4])<<32 | uint64(name[i+5])<<40 | uint64(name[i+6])<<48 | uint64(name[i+7])<<56
		h = Mix(h, v|0x2020202020202020)
	}
	var v uint64
	for ; i < len(name); i++ {
		v = v<<8 | uint64(name[i]) | 0x20
	}
	return Mix(h, v^uint64(len(name))<<56)
}

// pack is a type or class as a number: different for all that DNS has.
func pack(s string) uint64 {
	var v uint64
	for i := range min(len(s), 8) {
		v = v<<8 | uint64(s[i])
	}
	for i := 8; i < len(s); i++ { // TYPE65280, CLASS32769
		v = v*mixA + uint64(s[i])
	}
	return v
}

// HashAddr is that of an address.
func HashAddr(seed uint64, a *events.Addr) uint64 {
	return Mix(Mix(seed, binary.LittleEndian.Uint64(a[:8])), binary.LittleEndian.Uint64(a[8:]))
}

// index finds places by a hash: open addressing with linear probing; what is
// taken out is filled by moving its followers back. Several may bear one tag.
// It has no pointers for the garbage collector to follow.
type index struct {
	slots []slot // a power of two
	used  int
}

// slot is vacant where at is None.
type slot struct {
	tag uint32
	at  int32
}

func tagOf(hash uint64) uint32 { return uint32(hash >> 32) }

func (x *index) put(tag uint32, at int32) {
	if x.used*8 >= len(x.slots)*5 {
		old := x.slots
		x.slots, x.used = make([]slot, max(2*len(old), 64)), 0
		for _, s := range old {
			if s.at != None {
				x.insert(s)
			}
		}
	}
	x.insert(slot{tag, at})
}

func (x *index) insert(s slot) {
	mask := uint32(len(x.slots) - 1)
	p := s.tag & mask
	for x.slots[p].at != None {
		p = (p + 1) & mask
	}
	x.slots[p] = s
	x.used++
}

// find gives the first place of that tag that is fits.
func (x *index) find(tag uint32, fits func(at int32) bool) int32 {
	if x.used == 0 {
		return None
	}
	mask := uint32(len(x.slots) - 1)
	for p := tag & mask; x.slots[p].at != None; p = (p + 1) & mask {
		if x.slots[p].tag == tag && fits(x.slots[p].at) {
			return x.slots[p].at
		}
	}
	return None
}

func (x *index) drop(tag uint32, at int32) {
	if x.used == 0 {
		return
	}
	mask := uint32(len(x.slots) - 1)
	p := tag & mask
	for ; x.slots[p] != (slot{tag, at}); p = (p + 1) & mask {
		if x.slots[p].at == None {
			return
		}
	}
	x.used--
	hole := p
	for p = (p + 1) & mask; x.slots[p].at != None; p = (p + 1) & mask {
		// It may fill the hole unless its home lies behind the hole.
		if home := x.slots[p].tag & mask; (p-home)&mask >= (p-hole)&mask {
			x.slots[hole] = x.slots[p]
			hole = p
		}
	}
	x.slots[hole] = slot{}
}
