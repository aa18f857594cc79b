package httpfresh

// Store keeps a value for each of the latest keys: two generations, of which
// the older goes when the younger is full. What is used moves to the younger.
//
// Values live in blocks, and are used again: a value without pointers costs the
// garbage collector nothing.
type Store[V any] struct {
	young, old map[uint64]uint32 // the place of each key's value
	blocks     []*[blockSize]V
	made       uint32
	free       []uint32
	most       int
	// Forgotten counts the keys that went.
	Forgotten uint64
}

const blockSize = 64

// NewStore makes a Store that holds most keys at least, and twice as many at
// most.
func NewStore[V any](most int) *Store[V] {
	return &Store[V]{young: map[uint64]uint32{}, old: map[uint64]uint32{}, most: most}
}

func (s *Store[V]) at(i uint32) *V { return &s.blocks[i/blockSize][i%blockSize] }

// Get is the value of a key, or nil. It is borrowed: good while it is in the
// store, and another's after that.
func (s *Store[V]) Get(key uint64) *V {
	if i, ok := s.young[key]; ok {
		return s.at(i)
	}
	if i, ok := s.old[key]; ok {
		delete(s.old, key)
		s.put(key, i)
		return s.at(i)
	}
	return nil
}

// Put is Get, with a new value where there is none.
func (s *Store[V]) Put(key uint64) *V {
	if v := s.Get(key); v != nil {
		return v
	}
	i := s.take()
	s.put(key, i)
	return s.at(i)
}

// Drop forgets a key.
func (s *Store[V]) Drop(key uint64) {
	for _, g := range [...]map[uint64]uint32{s.young, s.old} {
		if i, ok := g[key]; ok {
			delete(g, key)
			s.release(i)
		}
	}
}

func (s *Store[V]) put(key uint64, i uint32) {
	if len(s.young) >= s.most {
		s.Forgotten += uint64(len(s.old))
		for _, i := range s.old { // which place is used next does not matter
			s.release(i)
		}
		clear(s.old)
		s.old, s.young = s.young, s.old
	}
	s.young[key] = i
}

// take is the place of a zero value.
func (s *Store[V]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if s.made%blockSize == 0 {
		s.blocks = append(s.blocks, new([blockSize]V))
	}
	s.made++
	return s.made - 1
}

func (s *Store[V]) release(i uint32) {
	var zero V
	*s.at(i) = zero
	s.free = append(s.free, i)
}

// All are the values, in no order.
func (s *Store[V]) All() []*V {
	out := make([]*V, 0, len(s.young)+len(s.old))
	for _, i := range s.young {
		out = append(out, s.at(i))
	}
	for _, i := range s.old {
		out = append(out, s.at(i))
	}
	return out
}
