package sniff

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// kept is how many seconds lately remembers, a power of two; nowSeconds of them
// are what is called now.
const kept, nowSeconds = 8, 5

// lately are the bytes of the last seconds. The zero value is ready.
type lately struct {
	second int64 // the newest
	bytes  [kept]uint64
}

// add counts bytes of a second; what is older than all that is kept is left out.
func (l *lately) add(second int64, n uint64) {
	switch {
	case second > l.second:
		for s := max(l.second+1, second-kept+1); s <= second; s++ {
			l.bytes[s&(kept-1)] = 0
		}
		l.second = second
	case second <= l.second-kept:
		return
	}
	l.bytes[second&(kept-1)] += n
}

// sub takes bytes of a second away that were added to it.
func (l *lately) sub(second int64, n uint64) {
	if second > l.second-kept && second <= l.second {
		l.bytes[second&(kept-1)] -= n
	}
}

// sum is that of the seconds from..to, both included.
func (l *lately) sum(from, to int64) (n uint64) {
	for s := max(from, l.second-kept+1); s <= min(to, l.second); s++ {
		n += l.bytes[s&(kept-1)]
	}
	return n
}

// packetClock tells the time by packets' stamps: a network card's clock need
// not be that of this machine.
type packetClock struct {
	first, last events.Time
	at          time.Time // when the last packet was read
}

func (c *packetClock) set(first, last events.Time, at time.Time) {
	if c.first == 0 {
		c.first = first
	}
	c.last, c.at = last, at
}

// rateText is a rate, or a dash where nothing was sent.
func rateText(rate float64) string {
	if rate > 0 {
		return analyzers.RateText(rate)
	}
	return "–"
}

// rate is the mean of the last nowSeconds that are over, in bytes a second.
func (c *packetClock) rate(l *lately, now time.Time) float64 {
	if c.first == 0 {
		return 0
	}
	to := int64(c.last.Add(events.Duration(now.Sub(c.at))))/1e9 - 1
	from := max(to-nowSeconds+1, int64(c.first)/1e9)
	if from > to {
		return 0
	}
	return float64(l.sum(from, to)) / float64(to-from+1)
}
