package screen

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is a terminal's end that the test may read while it is written to.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await waits until text was written.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	for range 3000 {
		if strings.Contains(o.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q was not written: %q", text, o.String())
}

// However it ends, Run returns and the terminal is as it was.
func TestRunEnds(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	for name, end := range map[string]func(keys io.Writer, cancel func(), updates chan State){
		"q":       func(keys io.Writer, _ func(), _ chan State) { io.WriteString(keys, "q") },
		"ctrl+c":  func(keys io.Writer, _ func(), _ chan State) { io.WriteString(keys, "\x03") },
		"context": func(_ io.Writer, cancel func(), _ chan State) { cancel() },
		"channel": func(_ io.Writer, _ func(), updates chan State) { close(updates) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			in, keys := io.Pipe()
			defer keys.Close()
			var out output
			updates := make(chan State)
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, updates, Options{In: in, Out: &out}) }()
			updates <- made()
			out.await(t, "12,345")
			end(keys, cancel, updates)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			const enter, leave, hidden, visible = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h"
			written := out.String()
			for _, pair := range [][2]string{{enter, leave}, {hidden, visible}} {
				if strings.LastIndex(written, pair[0]) < 0 || strings.LastIndex(written, pair[1]) < strings.LastIndex(written, pair[0]) {
					t.Errorf("%q is not undone by %q: %q", pair[0], pair[1], written)
				}
			}
		})
	}
}

func TestRunOfAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in, keys := io.Pipe()
	defer keys.Close()
	if err := Run(ctx, make(chan State), Options{In: in, Out: io.Discard}); err != nil {
		t.Error(err)
	}
}

// Package quiet must come before bubbletea, or each start of the program asks
// the terminal for its colours; and it must leave the environment as it was,
// which the test sees in itself, run again.
func TestQuietComesFirst(t *testing.T) {
	if want, again := os.LookupEnv("WANT_CI"); again {
		got := ""
		if v, ok := os.LookupEnv("CI"); ok {
			got = "CI=" + v
		}
		if got != want {
			t.Errorf("the environment has %q, want %q", got, want)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, ci := range []string{"", "CI=true"} {
		cmd := exec.Command(self, "-test.run=^TestQuietComesFirst$")
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "CI=") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1", "WANT_CI="+ci)
		if ci != "" {
			cmd.Env = append(cmd.Env, ci)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		quiet, tea := bytes.Index(out, []byte("init github.com/wiretale/wiretale/internal/screen/quiet ")), bytes.Index(out, []byte("init github.com/charmbracelet/bubbletea "))
		if quiet < 0 || tea < 0 || quiet > tea {
			t.Errorf("quiet is initialised at %d, bubbletea at %d of\n%s", quiet, tea, out)
		}
	}
}
