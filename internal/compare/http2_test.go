package compare

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// TestHTTP2 compares over the shared captures that hold HTTP/2 in clear. The
// catalogue names one only: of the others tshark must be told the port.
func TestHTTP2(t *testing.T) {
	if _, err := os.Stat(shared); err != nil {
		t.Skip("the shared captures are not here:", err)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	var files []string
	for _, pattern := range []string{"arkime_arkime/*http2*", "ajbanjara_Wireshark/*grpc*"} {
		list, _ := filepath.Glob(filepath.Join(shared, pattern))
		files = append(files, list...)
	}
	ps, err := choose([]string{name2})
	if err != nil {
		t.Fatal(err)
	}
	total := newTally(ps, 5)
	for _, f := range files {
		one, err := compareFile(t.Context(), tshark, f, ps, pipeline.Config{Workers: 1, Limits: events.DefaultLimits()}, 5)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		total.add(one)
	}
	var table strings.Builder
	if err := total.write(&table, false, agreedSample, len(files)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d captures\n%s", len(files), &table)
	if a, b, c := total.sum(0); a < 500 || f1(a, b, c) < agreedSample {
		t.Errorf("F1 is %.4f over %d agreed values", f1(a, b, c), a)
	}
}
