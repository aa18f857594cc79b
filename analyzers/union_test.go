package analyzers

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/events"
)

// A Union against counting every moment.
func TestUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends := rapid.SliceOfN(rapid.IntRange(0, 60), 0, 20).Draw(t, "ends")
		slices.Sort(ends)
		var u Union
		covered := map[int]bool{}
		for _, to := range ends {
			from := rapid.IntRange(0, to).Draw(t, "from")
			u.Add(events.Time(from), events.Time(to))
			for m := from; m < to; m++ {
				covered[m] = true
			}
		}
		if got, want := u.Total(), events.Duration(len(covered)); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	})
}
