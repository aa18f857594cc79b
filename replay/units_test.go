package replay_test

import (
	"testing"

	"github.com/wiretale/wiretale/replay"
)

func TestParseRate(t *testing.T) {
	for s, want := range map[string]int64{
		"": 0, "64000": 64_000, "10mbit": 10_000_000, "1.54Mb/s": 1_540_000, "500kbit/s": 500_000, "2Gbps": 2_000_000_000,
		"1MB/s": 8_000_000, "100 kbit": 100_000, "1k": 1000, "3.5 Mbit/s": 3_500_000, "125kBps": 1_000_000,
	} {
		got, err := replay.ParseRate(s)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", s, got, err, want)
		}
		if again, err := replay.ParseRate(replay.RateText(got)); got != 0 && (err != nil || again != got) {
			t.Errorf("%q: as text %q, which is %d, %v", s, replay.RateText(got), again, err)
		}
	}
	for _, s := range []string{"fast", "10 furlongs", "-1mbit", "0", "1bit", "1e6", "1.2.3k", "999999gbit"} {
		if got, err := replay.ParseRate(s); err == nil {
			t.Errorf("%q was read as %d", s, got)
		}
	}
}

func TestParseShare(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "1%": 0.01, "0.01": 0.01, "100 %": 1, "0.5%": 0.005, "0": 0} {
		got, err := replay.ParseShare(s)
		if err != nil || got != want {
			t.Errorf("%q: %g, %v, want %g", s, got, err, want)
		}
		if again, err := replay.ParseShare(replay.ShareText(got)); err != nil || again != got {
			t.Errorf("%q: as text %q, which is %g, %v", s, replay.ShareText(got), again, err)
		}
	}
	for _, s := range []string{"few", "2", "101%", "-1%", "NaN"} {
		if got, err := replay.ParseShare(s); err == nil {
			t.Errorf("%q was read as %g", s, got)
		}
	}
}
