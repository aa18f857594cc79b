package analyzers

import (
	"math"
	"testing"

	"github.com/wiretale/wiretale/events"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{DurationText(0), "0 s"},
		{DurationText(250), "250 ns"},
		{DurationText(1250), "1.25 µs"},
		{DurationText(999_499), "999 µs"},
		{DurationText(999_600), "1.00 ms"},
		{DurationText(34_100_000), "34.1 ms"},
		{DurationText(-4_020_000_000), "-4.02 s"},
		{DurationText(918 * 1_000_000_000), "15.3 min"},
		{DurationText(events.Duration(11520) * 1_000_000_000), "3.20 h"},
		{DurationText(events.Duration(47.9 * 3600 * 1e9)), "47.9 h"},
		{DurationText(48 * 3600 * 1_000_000_000), "2.00 d"},
		{DurationText(7 * 24 * 3600 * 1_000_000_000), "7.00 d"},
		{DurationText(-90 * 24 * 3600 * 1_000_000_000), "-90.0 d"},
		{DurationText(999 * 24 * 3600 * 1_000_000_000), "999 d"},
		{DurationText(1000 * 24 * 3600 * 1_000_000_000), "1,000 d"},
		{DurationText(135_901 * 3600 * 1_000_000_000), "5,663 d"}, // 5662.54
		{DurationText(math.MaxInt64), "106,752 d"},
		{BytesText(512), "512 B"},
		{BytesText(1460), "1.46 kB"},
		{BytesText(12_000_000), "12.0 MB"},
		{RateText(1.54e6 / 8), "1.54 Mb/s"},
		{RateText(12), "96.0 b/s"},
		{RateText(0), "0 b/s"},
		{CountText(1234567), "1,234,567"},
		{CountText(-123), "-123"},
		{CountText(100), "100"},
		{PercentText(12, 340), "3.5 %"},
		{PercentText(1, 0), "–"},
		{PercentText(1, 10000), "0.010 %"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
