package analyzers

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

func TestDrops(t *testing.T) {
	const s = 1_000_000_000
	var d Drops
	if d.Between(0, 100*s) {
		t.Error("lost before anything is")
	}
	d.Add(10*s, 11*s)
	d.Add(20*s, 20*s+1)
	d.Add(20*s+2, 20*s+3) // told with the one before
	d.Add(40*s, 41*s)
	for _, c := range []struct {
		from, to events.Time
		want     bool
	}{
		{0, 9 * s, false}, {0, 10 * s, true}, {10*s + 5, 10*s + 6, true},
		{11 * s, 19 * s, false}, // the packet after the loss was sent after it
		{12 * s, 30 * s, true}, {20*s + 3, 39 * s, false}, {39 * s, 50 * s, true}, {41 * s, 50 * s, false},
	} {
		if got := d.Between(c.from, c.to); got != c.want {
			t.Errorf("%d to %d: %v", c.from, c.to, got)
		}
	}
	if len(d.spans) != 3 {
		t.Errorf("%v", d.spans)
	}
	for i := range 10 * dropsKept {
		d.Add(events.Time(100+i)*s, events.Time(100+i)*s+1)
	}
	if len(d.spans) > dropsKept || !d.Between(events.Time(99+10*dropsKept)*s, events.Time(100+10*dropsKept)*s) {
		t.Errorf("%d kept", len(d.spans))
	}
}
