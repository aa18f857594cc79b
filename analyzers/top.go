package analyzers

import "slices"

// Top keeps the first K of all values given to it, in order. Which ones it
// keeps does not depend on the order in which they come, as long as compare
// is 0 only for values that mean the same.
type Top[T any] struct {
	k       int
	compare func(a, b T) int
	kept    []T
	all     int
}

// NewTop makes a Top that keeps the k smallest values by compare ("worst
// first": the worst is the smallest).
func NewTop[T any](k int, compare func(a, b T) int) *Top[T] {
	return &Top[T]{k: k, compare: compare}
}

// Add offers v; false: it is not among the first K.
func (t *Top[T]) Add(v T) bool {
	t.all++
	n := len(t.kept)
	if n == t.k && (n == 0 || t.compare(v, t.kept[n-1]) >= 0) {
		return false
	}
	i, _ := slices.BinarySearchFunc(t.kept, v, t.compare)
	if n == t.k {
		t.kept = t.kept[:n-1]
	}
	t.kept = slices.Insert(t.kept, i, v)
	return true
}

// Kept are the values kept, first one first. Borrowed.
func (t *Top[T]) Kept() []T { return t.kept }

// Count is how many values were offered.
func (t *Top[T]) Count() int { return t.all }
