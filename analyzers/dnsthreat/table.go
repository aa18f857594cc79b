package dnsthreat

// table holds the latest of what is known under a hash, in two generations:
// the older one goes when the younger one is full. What is used moves to the
// younger.
type table[T any] struct {
	young, old map[uint64]*T
	most       int
}

func newTable[T any](most int) table[T] { return table[T]{young: map[uint64]*T{}, most: max(most, 1)} }

func (t *table[T]) find(key uint64) *T {
	x := t.young[key]
	if x == nil {
		if x = t.old[key]; x != nil {
			t.put(key, x)
		}
	}
	return x
}

// put adds x. It gives what went for it, to be told of before.
func (t *table[T]) put(key uint64, x *T) {
	if len(t.young) >= t.most {
		t.old, t.young = t.young, map[uint64]*T{}
	}
	t.young[key] = x
}
