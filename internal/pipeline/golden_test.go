package pipeline

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/report"
)

// update rewrites the golden files: go test ./internal/pipeline -update. Look
// at the difference before you commit it: they are the expectation. That what
// they say is true of the network is for other tests, which read the truth.
var update = flag.Bool("update", false, "rewrite pcaps/*.events.golden")

// The output of `wiretale decode --json` for each capture that is kept.
func TestGolden(t *testing.T) {
	captures, err := filepath.Glob("../../pcaps/*.pcapng")
	if err != nil || len(captures) == 0 {
		t.Fatalf("%d captures, %v", len(captures), err)
	}
	for _, capture := range captures {
		name := strings.TrimSuffix(capture, ".pcapng")
		t.Run(filepath.Base(name), func(t *testing.T) {
			got := decodedJSON(t, capture)
			golden := name + ".events.golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (make it with -update, then read it)", err)
			}
			sameLines(t, got, want)
		})
	}
}

func decodedJSON(t *testing.T, capture string) []byte {
	t.Helper()
	sel := report.DefaultJSON()
	var got bytes.Buffer
	lines := report.NewEventLines(&got)
	c := Config{Paths: []string{capture}, Limits: events.DefaultLimits(), Want: sel.Want()}
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			if sel.Has(e) {
				if err := lines.Event(e); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := lines.Flush(); err != nil {
		t.Fatal(err)
	}
	return got.Bytes()
}

// sameLines tells the first lines that differ.
func sameLines(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	told := 0
	for i := 0; i < max(len(g), len(w)) && told < 5; i++ {
		switch {
		case i >= len(g):
			t.Errorf("line %d is missing: %s", i+1, w[i])
		case i >= len(w):
			t.Errorf("line %d is too much: %s", i+1, g[i])
		case g[i] != w[i]:
			t.Errorf("line %d\n%s\nwant\n%s", i+1, g[i], w[i])
		default:
			continue
		}
		told++
	}
}
