package decodertest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update rewrites the golden files: go test ./decoders/pop3 -update. Look at
// the difference before you commit it: the golden file is the expectation.
var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// Golden compares tape, one JSON line a record, with testdata/NAME.golden of
// the package under test.
func Golden(t testing.TB, name string, tape *Tape) {
	t.Helper()
	var b strings.Builder
	for _, r := range tape.Records {
		b.WriteString(r.JSON())
		b.WriteByte('\n')
	}
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make it with -update, then read it)", err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("%s (- golden, + now):\n%s", file, d)
	}
}
