package replaytest_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestPage(t *testing.T) {
	r := replaytest.Run(t, "page", replay.Options{RTT: 8 * time.Millisecond, Seed: 4})
	r.Check(t)
	r.CheckRTT(t)
}

func TestOpen(t *testing.T) {
	replaytest.Open(t, "../../pcaps/page.pcapng", "../../pcaps/page.json").Check(t)
}

// Over a lossy link all that was delivered is decoded, and wiretale finds what
// the network dropped, from wherever it looks.
func TestLost(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		for _, o := range []replay.Options{{Loss: 0.04, Seed: 2}, {Rate: 6e6, Loss: 0.01, Jitter: 2 * time.Millisecond, Seed: 3}} {
			t.Run(at, func(t *testing.T) {
				t.Parallel()
				o.At, o.RTT = at, 20*time.Millisecond
				r := replaytest.Run(t, "page", o)
				r.Check(t)
				r.CheckLost(t)
				if len(r.Truth.Drops) == 0 {
					t.Error("nothing was dropped: this tests nothing")
				}
			})
		}
	}
}
