package web_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

// names are all scenarios that this package carries.
var names = []string{
	"http1-nonpersistent", "http1-persistent", "http1-parallel", "http1-pipelined",
	"http-conditional", "http-proxy-cache", "http-cookies", "http-vhosts", "http-cdn", "dash", "hls",
}

// networks are not kind.
var networks = []struct {
	name string
	replay.Options
}{
	{"loss at the client", replay.Options{At: "client", Loss: 0.03, Seed: 5}},
	{"loss at the server", replay.Options{At: "server", Loss: 0.03, Seed: 6}},
	{"reordering in the middle", replay.Options{At: "middle", Reorder: 0.1, Jitter: 5 * time.Millisecond, Seed: 7}},
	{"small packets, slow", replay.Options{At: "client", MTU: 576, Rate: 2_000_000, Seed: 8}},
}

// Whatever the network does to packets, wherever they are captured: what
// arrived is in the capture, and wiretale finds it. Each scenario has one of
// the networks; WIRETALE_CAPTURES=all gives each all of them.
func TestHostileNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	all := os.Getenv("WIRETALE_CAPTURES") == "all"
	for i, name := range names {
		for k, network := range networks {
			if !all && k != i%len(networks) {
				continue
			}
			t.Run(name+"/"+network.name, func(t *testing.T) {
				t.Parallel()
				o := network.Options
				o.RTT = 10 * time.Millisecond
				if name == "http-conditional" || name == "dash" || name == "hls" { // they have timers of their own
					o.TimeScale = 4
				}
				r := replaytest.Run(t, name, o)
				// tshark is not asked: where a lost segment was captured before
				// it was lost, it takes the second one for a fault of reassembly.
				r.CheckViolations(t)
				r.CheckMessages(t)
			})
		}
	}
}

// A scenario leaves nothing behind, neither at its end nor when it is given up.
func TestLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	before := runtime.NumGoroutine()
	none := func(when string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Fatalf("%s: %d goroutines, %d before:\n%s", when, runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
		}
	}
	for _, name := range names {
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
		// The first answer is further away than that.
		if err := replay.Run(ctx, name, replay.Options{RTT: 500 * time.Millisecond}); err == nil {
			t.Errorf("%s: no error", name)
		}
		cancel()
		none(name + ", given up")
	}
	for _, name := range []string{"http1-pipelined", "http-proxy-cache", "http-cdn"} {
		if err := replay.Run(t.Context(), name, replay.Options{RTT: 5 * time.Millisecond}); err != nil {
			t.Error(err)
		}
		none(name)
	}
}
