package replay

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseRate reads a rate in bit/s: 10mbit, 1.54Mb/s, 500kbit/s, 2Gbps, 64000.
// A capital B counts bytes: 1MB/s is 8 Mbit/s. Prefixes are powers of 1000.
// An empty text is 0: no limit.
func ParseRate(s string) (int64, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	n := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789.", r) })
	number, unit := s, ""
	if n >= 0 {
		number, unit = s[:n], strings.TrimSpace(s[n:])
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no rate; write it like 10mbit or 1.54Mb/s", s)
	}
	scale := 1.0
	rest := unit
	if rest != "" {
		if p := strings.IndexByte("kmgKMG", rest[0]); p >= 0 {
			scale = math.Pow(1000, float64(p%3+1))
			rest = rest[1:]
		}
	}
	switch rest {
	case "B", "B/s", "Bps":
		scale *= 8
	default:
		switch strings.ToLower(rest) {
		case "", "b", "b/s", "bps", "bit", "bits", "bit/s", "bits/s":
		default:
			return 0, fmt.Errorf("%q is no unit of a rate; write it like 10mbit or 1.54Mb/s", unit)
		}
	}
	v = math.Round(v * scale)
	if !(v >= MinRate && v <= MaxRate) {
		return 0, fmt.Errorf("a rate of %s is not between %s and %s", s, RateText(MinRate), RateText(MaxRate))
	}
	return int64(v), nil
}

// RateText is a rate as ParseRate reads it.
func RateText(bits int64) string {
	for _, u := range []struct {
		of   int64
		name string
	}{{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}} {
		if bits >= u.of {
			return strconv.FormatFloat(float64(bits)/float64(u.of), 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(bits, 10) + "bit/s"
}

// ParseShare reads a part of a whole: 1% and 0.01 are the same. An empty text
// is 0.
func ParseShare(s string) (float64, error) {
	t := strings.TrimSpace(s)
	if t == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(t, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no share; write it like 1%% or 0.01", s)
	}
	if percent {
		v /= 100
	}
	if !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("a share of %s is not between 0 and 1 (0%% and 100%%)", s)
	}
	return v, nil
}

// ShareText is a share as ParseShare reads it.
func ShareText(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e8)/1e6, 'f', -1, 64) + "%"
}
