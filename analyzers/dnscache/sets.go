package dnscache

import "github.com/wiretale/wiretale/events"

// set is what is known of one set of records (owner and type) in one cache,
// or of a name that is not there.
type set struct {
	key      uint64
	fetched  events.Time // the resolver got it; 0: not seen
	told     events.Time // last time to a user; 0: never
	expires  events.Time // at the latest, by what was told
	ttl      uint32      // when fetched, seconds
	life     uint32      // the same; of "no" it is shorter
	largest  uint32      // TTL told to a user
	original uint32      // told by an authority, to whomever; only where fromAA
	fromAA   bool
}

// sets hold the latest of them: two generations, of which the older one goes
// when the younger one is full. What is used moves to the younger.
type sets struct {
	young, old generation
	most       int
}

type generation struct {
	slots []uint32 // one more than a place in list; a power of two
	list  []set
}

func (g *generation) find(key uint64) *set {
	if len(g.list) == 0 {
		return nil
	}
	mask := uint64(len(g.slots) - 1)
	for p := key >> 20 & mask; g.slots[p] != 0; p = (p + 1) & mask {
		if s := &g.list[g.slots[p]-1]; s.key == key {
			return s
		}
	}
	return nil
}

func (g *generation) add(s set) *set {
	if len(g.list)*2 >= len(g.slots) {
		g.slots = make([]uint32, max(64, 2*len(g.slots)))
		for i := range g.list {
			g.place(g.list[i].key, uint32(i+1))
		}
	}
	g.list = append(g.list, s)
	g.place(s.key, uint32(len(g.list)))
	return &g.list[len(g.list)-1]
}

func (g *generation) place(key uint64, at uint32) {
	mask := uint64(len(g.slots) - 1)
	p := key >> 20 & mask
	for g.slots[p] != 0 {
		p = (p + 1) & mask
	}
	g.slots[p] = at
}

// find is the set of that key, or nil. It is good until the next call.
func (x *sets) find(key uint64) *set {
	if s := x.young.find(key); s != nil {
		return s
	}
	if s := x.old.find(key); s != nil {
		return x.add(*s)
	}
	return nil
}

// get is the set of that key, a new one where there is none.
func (x *sets) get(key uint64) *set {
	if s := x.find(key); s != nil {
		return s
	}
	return x.add(set{key: key})
}

func (x *sets) add(s set) *set {
	if len(x.young.list) >= x.most {
		// The old slots and list are used again.
		g := x.old
		clear(g.slots)
		g.list = g.list[:0]
		x.old, x.young = x.young, g
	}
	return x.young.add(s)
}
