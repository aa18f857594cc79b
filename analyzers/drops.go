package analyzers

import (
	"time"

	"github.com/wiretale/wiretale/events"
)

const (
	dropsKept = 1024
	dropsNear = events.Duration(100 * time.Millisecond) // losses that near are told as one
)

// Drops remember when the capture lost packets, for folds that are Droppers.
// The oldest of many are forgotten. The zero value has none.
type Drops struct{ spans []dropSpan }

type dropSpan struct{ from, to events.Time }

// Add remembers a loss. They come in their order.
func (d *Drops) Add(from, to events.Time) {
	if n := len(d.spans); n > 0 && from <= d.spans[n-1].to.Add(dropsNear) {
		d.spans[n-1].to = max(d.spans[n-1].to, to)
		return
	}
	if len(d.spans) == dropsKept {
		d.spans = d.spans[:copy(d.spans, d.spans[dropsKept/2:])]
	}
	d.spans = append(d.spans, dropSpan{from, to})
}

// Between reports whether packets were lost between two times.
func (d *Drops) Between(from, to events.Time) bool {
	for i := len(d.spans) - 1; i >= 0 && d.spans[i].to > from; i-- {
		if d.spans[i].from <= to {
			return true
		}
	}
	return false
}
