package analyzers

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTopKeepsTheFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		vs := make([]int, r.IntN(50))
		top := NewTop(10, cmp.Compare[int])
		for i := range vs {
			vs[i] = r.IntN(40)
			top.Add(vs[i])
		}
		slices.Sort(vs)
		if want := vs[:min(10, len(vs))]; !slices.Equal(top.Kept(), want) || top.Count() != len(vs) {
			t.Fatalf("kept %v of %v", top.Kept(), vs)
		}
	}
}
