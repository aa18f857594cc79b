package dnstransaction

import (
	"math/rand/v2"
	"testing"
)

// The index says what a map says, with tags that meet in one place and after
// many have been taken out.
func TestHashIndexIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x hashIndex
	m := map[uint32]int32{}
	for step := range 200_000 {
		tag := r.Uint32N(64)<<r.UintN(3)*16 | r.Uint32N(16)
		head, ok := m[tag]
		switch {
		case !ok && len(m) < 300+step%500:
			head = int32(step + 1)
			x.put(tag).head, m[tag] = head, head
		case ok && r.UintN(2) == 0:
			x.drop(tag, head)
			delete(m, tag)
		}
		head, ok = m[tag]
		if sl := x.find(tag); (sl != nil) != ok || ok && sl.head != head {
			t.Fatalf("step %d: tag %d is %v, want %d, %v", step, tag, sl, head, ok)
		}
	}
	if x.used != len(m) {
		t.Errorf("%d used, want %d", x.used, len(m))
	}
	for tag, head := range m {
		if sl := x.find(tag); sl == nil || sl.head != head {
			t.Errorf("tag %d is %v, want %d", tag, sl, head)
		}
	}
}
