package replaytest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

// matrix are the networks that every scenario is played over.
var matrix = []struct {
	name string
	replay.Options
}{
	{"clean", replay.Options{Seed: 21}},
	{"loss 2% at client", replay.Options{Seed: 22, Loss: 0.02, At: "client"}},
	{"loss 2% at server", replay.Options{Seed: 23, Loss: 0.02, At: "server"}},
	{"loss 5% at client", replay.Options{Seed: 31, Loss: 0.05, At: "client", RTT: 10 * time.Millisecond}},
	{"loss 5% in the middle", replay.Options{Seed: 34, Loss: 0.05, At: "middle", RTT: 10 * time.Millisecond}},
	{"loss 5% at server", replay.Options{Seed: 32, Loss: 0.05, At: "server", RTT: 10 * time.Millisecond}},
	{"loss, MTU 576", replay.Options{Seed: 33, Loss: 0.03, At: "server", RTT: 10 * time.Millisecond, MTU: 576}},
	{"loss, MTU 576, reorder", replay.Options{Seed: 33, Loss: 0.03, Reorder: 0.03, At: "client", RTT: 10 * time.Millisecond, MTU: 576}},
}

func TestMatrix(t *testing.T) {
	if os.Getenv("WIRETALE_SCENARIOS") != "all" {
		t.Skip("WIRETALE_SCENARIOS=all")
	}
	only := os.Getenv("ONLY")
	var mu sync.Mutex
	var rows []string
	t.Run("all", func(t *testing.T) {
		for i, s := range replay.Names() {
			if only != "" && !slices.Contains(strings.Split(only, ","), s.Name) {
				continue
			}
			for k, m := range matrix {
				t.Run(s.Name+"/"+m.name, func(t *testing.T) {
					t.Parallel()
					start := time.Now()
					r := replaytest.Run(t, s.Name, m.Options)
					took := time.Since(start)
					r.Check(t)
					l := r.Losses(t)
					for _, w := range l.Wrong {
						t.Error(w)
					}
					mu.Lock()
					defer mu.Unlock()
					rows = append(rows, fmt.Sprintf("%02d.%d %s|%s|drops %d/%d hidden %d|%s|%v", i, k, s.Name, m.name, l.Told, l.True, l.Hidden, took.Round(time.Millisecond), t.Failed()))
				})
			}
		}
	})
	slices.Sort(rows)
	fmt.Println(strings.Join(rows, "\n"))
}

// everything reports whether all scenarios are wanted, not a sample.
func everything() bool { return os.Getenv("WIRETALE_SCENARIOS") == "all" }
