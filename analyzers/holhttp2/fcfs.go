package holhttp2

import (
	"cmp"
	"slices"
	"time"

	"github.com/wiretale/wiretale/events"
)

// turn is what would have become of a stream, first come first served.
type turn struct{ wait, saved events.Duration }

// soon is for how long a line that sends in order waits for a response that is
// due: heads that were ready together come in one burst.
const soon = events.Duration(5 * time.Millisecond)

// inOrder sends the whole responses of a period one after the other, in the
// order of their requests, over the line as it was measured. A response that
// is not ready soon lets the next one go first.
func (c *conn) inOrder() map[*stream]turn {
	var left []*stream
	for _, st := range c.period {
		if st.phase == ended && !st.kept {
			left = append(left, st)
		}
	}
	slices.SortStableFunc(left, func(a, b *stream) int { return cmp.Or(cmp.Compare(a.come(), b.come()), cmp.Compare(a.id, b.id)) })
	out := make(map[*stream]turn, len(left))
	var now events.Time // the line is free
	var sent int64      // of the curve
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(st *stream) bool { return st.first <= now.Add(soon) })
		if i < 0 { // nobody is ready
			i = 0
			for j, st := range left {
				if st.first < left[i].first {
					i = j
				}
			}
			now = left[i].first
			i = slices.IndexFunc(left, func(st *stream) bool { return st.first <= now.Add(soon) })
		}
		st := left[i]
		if st.first >= now {
			now = st.first
			sent = max(sent, c.line.at(now))
		}
		sent += st.bytes
		done := c.line.when(sent)
		out[st] = turn{wait: now.Sub(st.first), saved: done.Sub(st.end)}
		now = max(now, done)
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// come is when a stream came: its request, or where that was not captured, its
// response.
func (st *stream) come() events.Time {
	if st.asked == 0 {
		return st.first
	}
	return st.asked
}
