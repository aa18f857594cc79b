package analyzers

import (
	"math"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// due says when a key has been silent long enough, as far as known when the
// entry was made; events since then make it later, never earlier.
type due struct {
	at    events.Time
	index uint32
	gen   uint32
}

// wheel holds the dues of one runner, so that an event need not touch any
// list: it only writes its time into its key. An entry that comes up too
// early goes back in.
type wheel struct {
	ring    [][]due
	spare   []due // empty, for a slot that has none
	shift   uint  // a slot is 1<<shift nanoseconds wide
	cur     int64 // where turn goes on: the slot of now, or of the first key
	now     events.Time
	started bool
	len     int
	idle    events.Duration
}

const wheelSlots = 256

// init chooses slots so that idle spans 64 to 128 of them.
func (w *wheel) init(idle events.Duration) {
	w.idle = idle
	w.now = math.MinInt64
	if b := bits.Len64(uint64(max(idle, 0))); b > 7 {
		w.shift = uint(b - 7)
	}
}

func (w *wheel) clear() {
	clear(w.ring)
	w.len = 0
}

func (w *wheel) add(d due) {
	if !w.started {
		w.started = true
		w.ring = make([][]due, wheelSlots)
		w.cur = int64(max(w.now, d.at.Add(-w.idle))) >> w.shift
	}
	s := min(max(int64(d.at)>>w.shift, w.cur), w.cur+wheelSlots-1) & (wheelSlots - 1)
	if w.ring[s] == nil {
		w.ring[s], w.spare = w.spare, nil
	}
	w.ring[s] = append(w.ring[s], d)
	w.len++
}

// turn sets the clock to now (never back) and calls check for each entry that
// is due before it. check says when it is really due, or false to drop it.
func (w *wheel) turn(now events.Time, check func(due) (events.Time, bool)) {
	w.now = max(w.now, now)
	if !w.started {
		return
	}
	from := w.cur
	w.cur = max(from, int64(w.now)>>w.shift)
	for s := from; s <= w.cur && s < from+wheelSlots; s++ {
		i := s & (wheelSlots - 1)
		list := w.ring[i]
		w.ring[i] = nil
		for _, d := range list {
			w.len--
			if d.at >= w.now {
				w.add(d)
			} else if at, ok := check(d); ok {
				w.add(due{at, d.index, d.gen})
			}
		}
		// The next slot that something is put into has it; one that was far too
		// large, of a busier time, is not kept.
		if c := cap(list); c > 0 && len(list) >= c/4 {
			w.spare = list[:0]
		}
	}
}
