package h3_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestLoss(t *testing.T) {
	t.Parallel()
	r := replaytest.Run(t, "h3-loss", replay.Options{})
	check(t, r)
	if len(r.Truth.Drops) != 1 || r.Truth.Drops[0].From != "web" {
		t.Errorf("drops: %+v", r.Truth.Drops)
	}
}

func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	r.Check(t)
	r.CheckHellos(t)
	if len(r.Truth.Protected) != 8 || len(r.Truth.Messages) != 4 || len(r.Truth.Connections) != 0 {
		t.Errorf("%d messages in QUIC, %d in clear, %d TCP connections", len(r.Truth.Protected), len(r.Truth.Messages), len(r.Truth.Connections))
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Log("tshark is not installed: the keys are not tried")
	} else if len(r.Tshark(t, "-Y", "http3.frame_type == 1 && ip.src == 198.51.100.80")) == 0 {
		t.Error("with the keys in the capture, tshark finds no HEADERS of the server")
	}
}

func TestPlaces(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, at := range []string{"middle", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, "h3-loss", replay.Options{At: at, Seed: 7, RTT: 20 * time.Millisecond}))
		})
	}
}

// One lost datagram: some streams go on while it is missing.
func TestLossStallsOne(t *testing.T) {
	replaytest.Timing(t)
	r := replaytest.Run(t, "h3-loss", replay.Options{})
	stalled, on := 0, 0
	for _, n := range r.Truth.Facts["read_while_missing"].(map[string]any) {
		if n.(float64) == 0 {
			stalled++
		} else {
			on++
		}
	}
	if stalled == 0 || on < 2 {
		t.Errorf("%d streams stalled, %d went on", stalled, on)
	}
}

// What is kept in pcaps was made with default parameters.
func TestKept(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"h3-loss"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := filepath.Join("..", "..", "..", "pcaps", name)
			r := replaytest.Open(t, base+".pcapng", base+".json")
			r.Check(t)
			r.CheckRTT(t)
			if len(r.Truth.Protected) > 0 {
				r.CheckHellos(t)
			}
		})
	}
}
