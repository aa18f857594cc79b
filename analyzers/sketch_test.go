package analyzers

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The answers of a Sketch against sorting all numbers.
func TestSketch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 200), rapid.Int64Range(0, 1e9), rapid.Int64Range(0, math.MaxInt64)), 1, 300).Draw(t, "numbers")
		limit := rapid.IntRange(1, 300).Draw(t, "limit")
		var s Sketch
		for _, n := range ns {
			s.Add(n, limit)
		}
		slices.Sort(ns)
		// A mean of two loses half a unit when it is made whole.
		near := func(what string, got int64, want, whole float64) {
			off := math.Abs(float64(got) - want)
			if off > whole && (!s.Approximate() || off > whole+0.0079*want) {
				t.Fatalf("%s: %d, want %f", what, got, want)
			}
		}
		if s.Approximate() != (len(ns) > limit) || s.Count() != uint64(len(ns)) || s.Min() != ns[0] || s.Max() != ns[len(ns)-1] {
			t.Fatalf("%+v", s)
		}
		for _, p := range []uint64{1, 50, 95, 99, 100} {
			near("percentile", s.Percentile(p), float64(ns[int(math.Ceil(float64(p)*float64(len(ns))/100))-1]), 0)
		}
		n := len(ns)
		near("median", s.Median(), float64(ns[(n-1)/2])/2+float64(ns[n/2])/2, 0.5+1e-15*float64(ns[n/2]))
	})
}
