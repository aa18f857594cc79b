package analyzers

import "github.com/wiretale/wiretale/events"

// Union is the length of time covered by spans that may overlap. Spans come in
// the order of their ends. The zero value is ready.
type Union struct {
	total events.Duration
	// spans are disjoint and in order. A new one can only join the last of
	// them, so those far back are kept in total alone.
	spans []timeSpan
}

type timeSpan struct{ from, to events.Time }

// unionSpans is how many spans a new one may reach back over.
const unionSpans = 32

// Add takes one span.
func (u *Union) Add(from, to events.Time) {
	for n := len(u.spans); n > 0; n-- {
		last := u.spans[n-1]
		if from > last.to {
			break
		}
		from, to = min(from, last.from), max(to, last.to)
		u.total -= last.to.Sub(last.from)
		u.spans = u.spans[:n-1]
	}
	if to <= from {
		return
	}
	if len(u.spans) == unionSpans {
		u.spans = u.spans[:copy(u.spans, u.spans[1:])]
	}
	u.spans = append(u.spans, timeSpan{from, to})
	u.total += to.Sub(from)
}

// Total is the time covered.
func (u *Union) Total() events.Duration { return u.total }
