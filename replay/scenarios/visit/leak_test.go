package visit_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// A run leaves no goroutine behind, and the same seed asks for the same.
func TestSeedAndGoroutines(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	for _, name := range []string{"page-h2", "page-h3", "h2-push", "h3-loss"} {
		before := runtime.NumGoroutine()
		a, b, c := said(t, name, 1), said(t, name, 1), said(t, name, 2)
		quiet(t, before)
		for m := range a {
			if !b[m] {
				t.Errorf("%s: the second run has no %s", name, m)
			}
		}
		if same(a, c) {
			t.Errorf("%s: another seed gives the same contents", name)
		}
	}
}

func same(a, b map[string]bool) bool {
	for m := range a {
		if !b[m] {
			return false
		}
	}
	return true
}

// said is what a run with that seed asks and gets.
func said(t *testing.T, name string, seed uint64) map[string]bool {
	t.Helper()
	var told bytes.Buffer
	if err := replay.Run(t.Context(), name, replay.Options{Seed: seed, RTT: 4 * time.Millisecond, Truth: &told}); err != nil {
		t.Fatal(err)
	}
	tr, err := truth.Read(&told)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range append(tr.Messages, tr.Protected...) {
		if m.HTTP != nil {
			out[string(m.Kind)+" "+m.HTTP.URL+" "+m.HTTP.SHA256] = true
		}
	}
	return out
}

// quiet waits until there are no more goroutines than before.
func quiet(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// Wherever a run is broken off, it ends soon and leaves nothing behind.
func TestCancel(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	before := runtime.NumGoroutine()
	for _, name := range []string{"page-h2", "page-h3", "h2-push", "h2-multiplex-tls", "h3-loss"} {
		for _, after := range []time.Duration{10 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			start := time.Now()
			err := replay.Run(ctx, name, replay.Options{RTT: 200 * time.Millisecond})
			cancel()
			if err == nil {
				t.Errorf("%s, broken off after %s: no error", name, after)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("%s, broken off after %s: took %s to give up", name, after, d)
			} else {
				t.Logf("%s, broken off after %s: %s, %v", name, after, d, err)
			}
		}
	}
	quiet(t, before)
}
