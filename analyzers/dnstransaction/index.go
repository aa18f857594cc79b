package dnstransaction

// hashIndex finds entries by 32 bits of a hash: open addressing with linear
// probing; what is taken out is filled by moving its followers back, so that
// there are no tombstones. It has no pointers for the garbage collector to
// follow, and a look-up is one cache miss, mostly.
type hashIndex struct {
	slots []slot // a power of two
	used  int
}

// slot is vacant where head is none.
type slot struct {
	tag     uint32
	head    int32
	pending int32 // of questions: head of the chain of that name
}

func tagOf(hash uint64) uint32 { return uint32(hash >> 32) }

func (x *hashIndex) mask() uint32 { return uint32(len(x.slots) - 1) }

func (x *hashIndex) home(tag uint32) uint32 {
	if len(x.slots) == 0 {
		x.slots = make([]slot, 16)
	}
	return tag & x.mask()
}

func (x *hashIndex) next(p uint32) uint32 { return (p + 1) & x.mask() }

// grow makes room for one more, at 5/8 full.
func (x *hashIndex) grow() {
	if x.used*8 < len(x.slots)*5 {
		return
	}
	old := x.slots
	x.slots = make([]slot, max(2*len(old), 16))
	for _, sl := range old {
		if sl.head != none {
			*x.vacant(sl.tag) = sl
		}
	}
}

func (x *hashIndex) vacant(tag uint32) *slot {
	p := x.home(tag)
	for x.slots[p].head != none {
		p = x.next(p)
	}
	return &x.slots[p]
}

// find is the slot of tag, or nil. It is good until the next change.
func (x *hashIndex) find(tag uint32) *slot {
	for p := x.home(tag); x.slots[p].head != none; p = x.next(p) {
		if x.slots[p].tag == tag {
			return &x.slots[p]
		}
	}
	return nil
}

// put is the slot of tag, a new one where there is none, whose head the caller
// sets at once.
func (x *hashIndex) put(tag uint32) *slot {
	x.grow()
	p := x.home(tag)
	for x.slots[p].head != none {
		if x.slots[p].tag == tag {
			return &x.slots[p]
		}
		p = x.next(p)
	}
	x.used++
	x.slots[p].tag = tag
	return &x.slots[p]
}

// insert is a new slot, whether or not there is one of that tag. There is room
// after grow.
func (x *hashIndex) insert(tag uint32) *slot {
	x.used++
	sl := x.vacant(tag)
	sl.tag = tag
	return sl
}

// drop takes out the slot of tag and head, if it is there.
func (x *hashIndex) drop(tag uint32, head int32) {
	p := x.home(tag)
	for x.slots[p].tag != tag || x.slots[p].head != head {
		if x.slots[p].head == none {
			return
		}
		p = x.next(p)
	}
	x.used--
	for q := x.next(p); x.slots[q].head != none; q = x.next(q) {
		// The one at q may stand at p if that is no further than its home.
		if (q-x.home(x.slots[q].tag))&x.mask() >= (q-p)&x.mask() {
			x.slots[p] = x.slots[q]
			p = q
		}
	}
	x.slots[p] = slot{}
}
