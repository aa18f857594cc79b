package httpfresh

// Store keeps a value for each of the latest keys: two generations, of which
// the older goes when the younger is full. What is used moves to the younger.
type Store[V any] struct {
	young, old map[uint64]*V
	most       int
	// Forgotten counts the keys that went.
	Forgotten uint64
}

// NewStore makes a Store that holds most keys at least, and twice as many at
// most.
func NewStore[V any](most int) *Store[V] {
	return &Store[V]{young: map[uint64]*V{}, old: map[uint64]*V{}, most: most}
}

// Get is the value of a key, or nil. It stays good while it is in the store.
func (s *Store[V]) Get(key uint64) *V {
	if v := s.young[key]; v != nil {
		return v
	}
	if v := s.old[key]; v != nil {
		delete(s.old, key)
		s.put(key, v)
		return v
	}
	return nil
}

// Put is Get, with a new value where there is none.
func (s *Store[V]) Put(key uint64) *V {
	if v := s.Get(key); v != nil {
		return v
	}
	v := new(V)
	s.put(key, v)
	return v
}

// Drop forgets a key.
func (s *Store[V]) Drop(key uint64) {
	delete(s.young, key)
	delete(s.old, key)
}

func (s *Store[V]) put(key uint64, v *V) {
	if len(s.young) >= s.most {
		s.Forgotten += uint64(len(s.old))
		clear(s.old)
		s.old, s.young = s.young, s.old
	}
	s.young[key] = v
}

// All are the values, in no order.
func (s *Store[V]) All() []*V {
	out := make([]*V, 0, len(s.young)+len(s.old))
	for _, v := range s.young {
		out = append(out, v)
	}
	for _, v := range s.old {
		out = append(out, v)
	}
	return out
}
