package analyzers

import (
	"math"
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// This file sets figures in the units in which people read them. Rows keep
// plain numbers (seconds, bytes); only Sections and Findings use these.

// AppendDuration appends d with three significant digits in the unit that
// fits: "250 ns", "1.25 µs", "34.1 ms", "4.02 s", "15.3 min", "3.20 h", and from
// 48 h on "15.3 d", "5,662 d".
func AppendDuration(dst []byte, d events.Duration) []byte {
	if d < 0 {
		if d == math.MinInt64 {
			d++
		}
		return AppendDuration(append(dst, '-'), -d)
	}
	v := float64(d)
	switch {
	case d == 0:
		return append(dst, "0 s"...)
	case d < 1e3:
		return append(strconv.AppendInt(dst, int64(d), 10), " ns"...)
	case v < 999.5e3:
		return append(appendThree(dst, v/1e3), " µs"...)
	case v < 999.5e6:
		return append(appendThree(dst, v/1e6), " ms"...)
	case v < 119.5e9:
		return append(appendThree(dst, v/1e9), " s"...)
	case v < 119.5*60e9:
		return append(appendThree(dst, v/60e9), " min"...)
	case v < 47.95*3600e9:
		return append(appendThree(dst, v/3600e9), " h"...)
	case v < 999.5*day:
		return append(appendThree(dst, v/day), " d"...)
	}
	return append(append(dst, CountText(int64(v/day+0.5))...), " d"...)
}

const day = 24 * 3600e9 // nanoseconds

// DurationText is AppendDuration as a string.
func DurationText(d events.Duration) string {
	var b [32]byte
	return string(AppendDuration(b[:0], d))
}

// BytesText is n bytes with three significant digits in decimal units: "512 B",
// "1.46 kB", "12.0 MB".
func BytesText(n int64) string {
	var b [32]byte
	return string(append(appendScaled(b[:0], float64(n), true), 'B'))
}

// RateText is a rate, given in bytes a second, in bits a second: "1.54 Mb/s",
// "0 b/s".
func RateText(bytesPerSecond float64) string {
	if bytesPerSecond == 0 {
		return "0 b/s"
	}
	var b [32]byte
	return string(append(appendScaled(b[:0], 8*bytesPerSecond, false), "b/s"...))
}

// CountText is n with its thousands set apart: "1,234,567".
func CountText(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := 0
	if n < 0 {
		sign = 1
	}
	out := make([]byte, 0, len(s)+len(s)/3)
	for i := range len(s) {
		if i > sign && (len(s)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, s[i])
	}
	return string(out)
}

// PercentText is the share part/whole: "3.5 %"; "–" where whole is 0.
func PercentText(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	prec := 1
	if p != 0 && p < 0.095 {
		prec = 3
	}
	return strconv.FormatFloat(p, 'f', prec, 64) + " %"
}

// appendScaled appends v with three significant digits, a space and the
// decimal prefix. whole: values below 1000 are counts, without decimals.
func appendScaled(dst []byte, v float64, whole bool) []byte {
	if whole && math.Abs(v) < 1000 {
		return append(strconv.AppendInt(dst, int64(v), 10), ' ')
	}
	const prefix = "\x00kMGTPE"
	i := 0
	for math.Abs(v) >= 999.5 && i < len(prefix)-1 {
		v /= 1000
		i++
	}
	dst = append(appendThree(dst, v), ' ')
	if i > 0 {
		dst = append(dst, prefix[i])
	}
	return dst
}

// appendThree appends v with three significant digits, never in exponents.
func appendThree(dst []byte, v float64) []byte {
	prec := 0
	switch a := math.Abs(v); {
	case a < 9.995:
		prec = 2
	case a < 99.95:
		prec = 1
	}
	return strconv.AppendFloat(dst, v, 'f', prec, 64)
}

// CountOf is n of a thing whose plural ends in s: "1 range", "12,345 ranges".
func CountOf(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return CountText(n) + " " + thing + "s"
}
