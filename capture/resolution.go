package capture

import (
	"math"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// clockUnit says how the time stamps of one interface become nanoseconds.
type clockUnit uint8

const (
	wholeNanos   clockUnit = iota // one unit is factor nanoseconds
	decimalParts                  // factor units are one nanosecond
	binaryParts                   // 2^factor units are one second
	tooFine                       // 64 bits of units are less than a nanosecond
)

// clock converts pcapng time stamps (if_tsresol and if_tsoffset, section 4.2
// of draft-ietf-opsawg-pcapng). Nothing finer than a nanosecond is kept;
// a time beyond the years that events.Time spans becomes its end.
type clock struct {
	unit   clockUnit
	factor uint64
	offset int64 // seconds
}

// newClock makes the clock of an if_tsresol byte.
func newClock(resolution uint8, offset int64) clock {
	c := clock{offset: offset}
	n := resolution & 0x7f
	switch {
	case resolution&0x80 != 0:
		c.unit, c.factor = binaryParts, uint64(n)
	case n <= 9:
		c.unit, c.factor = wholeNanos, power10(9-n)
	case n-9 <= 19:
		c.unit, c.factor = decimalParts, power10(n-9)
	default:
		c.unit = tooFine
	}
	return c
}

func power10(n uint8) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// time converts one time stamp.
func (c *clock) time(ts uint64) events.Time {
	var hi, lo uint64 // nanoseconds
	switch c.unit {
	case wholeNanos:
		hi, lo = bits.Mul64(ts, c.factor)
	case decimalParts:
		lo = ts / c.factor
	case binaryParts:
		hi, lo = bits.Mul64(ts, 1e9)
		if c.factor >= 64 {
			hi, lo = 0, hi>>(c.factor-64)
		} else {
			lo = lo>>c.factor | hi<<(64-c.factor)
			hi >>= c.factor
		}
	}
	if c.offset == 0 {
		if hi != 0 || lo > math.MaxInt64 {
			return math.MaxInt64
		}
		return events.Time(lo)
	}
	return c.shift(hi, lo)
}

// shift adds the offset.
func (c *clock) shift(hi, lo uint64) events.Time {
	if c.offset > 0 {
		oh, ol := bits.Mul64(uint64(c.offset), 1e9)
		var carry uint64
		lo, carry = bits.Add64(lo, ol, 0)
		hi, carry = bits.Add64(hi, oh, carry)
		if carry != 0 || hi != 0 || lo > math.MaxInt64 {
			return math.MaxInt64
		}
		return events.Time(lo)
	}
	oh, ol := bits.Mul64(-uint64(c.offset), 1e9)
	lo, borrow := bits.Sub64(lo, ol, 0)
	hi, _ = bits.Sub64(hi, oh, borrow)
	switch t := int64(lo); {
	case int64(hi) >= 0 && (hi != 0 || t < 0):
		return math.MaxInt64
	case int64(hi) < 0 && (hi != math.MaxUint64 || t >= 0):
		return math.MinInt64
	default:
		return events.Time(t)
	}
}
