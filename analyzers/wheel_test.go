package analyzers

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

// After a busy time a wheel holds about what its entries need, wherever on the
// ring they came.
func TestWheelGivesBack(t *testing.T) {
	const second = 1_000_000_000
	const idle = 64 * second
	var w wheel
	w.init(idle)
	room := func() (n int) {
		for _, l := range w.ring {
			n += cap(l)
		}
		return n + cap(w.spare)
	}
	now := events.Time(0)
	turn := func(entries int) {
		for range entries {
			w.add(due{at: now.Add(idle)})
		}
		now += second
		w.turn(now, func(due) (events.Time, bool) { return 0, false })
	}
	for range 1000 {
		turn(1000)
	}
	if busy := room(); busy > 3*w.len {
		t.Errorf("room for %d, where there are %d", busy, w.len)
	}
	for range 300 {
		turn(1)
	}
	if quiet := room(); quiet > 16*w.len+1024 {
		t.Errorf("afterwards room for %d, where there are %d", quiet, w.len)
	}
}
