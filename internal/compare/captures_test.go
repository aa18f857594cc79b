package compare

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// shared are captures that others made, next to the repository.
const shared = "../../../shared/captures"

// The least F1 of each protocol: over all of them, and over every tenth, where
// one capture that holds what is not read yet (HTTP behind SOCKS) weighs much.
const (
	agreedAll    = 0.995
	agreedSample = 0.99
)

// groups are what is compared together: over the captures in which the
// catalogue says that tshark shows one of the protocols.
var groups = []struct {
	protocols []string // our names
	shown     []string // tshark's
}{
	{[]string{"dns", "http1"}, []string{"dns", "mdns", "llmnr", "http"}},
	{[]string{"http2"}, []string{"http2", "grpc"}},
	{[]string{"ftp"}, []string{"ftp", "ftp-data"}},
	{[]string{"websocket"}, []string{"websocket"}},
	{[]string{"tls"}, []string{"tls", "quic"}},
	{[]string{"quic"}, []string{"quic"}},
	{[]string{"bittorrent"}, []string{"bittorrent"}},
	{[]string{"dht", "lsd"}, []string{"bt-dht"}},
	{[]string{"pop3"}, []string{"pop"}},
	{[]string{"imap"}, []string{"imap"}},
	{[]string{"smtp"}, []string{"smtp"}},
	{[]string{"mail"}, []string{"imf"}},
}

// leftOut are captures that are not conversations of TCP: docs/wireshark-differences.md
// says why.
var leftOut = []string{"SampleCaptures__Mixed1.cap", "system__pcaps__tls-sample1.pcap"}

// few captures are all compared.
const few = 40

// TestCaptures compares over the shared captures that hold a protocol, by
// default over every tenth where there are many, over all with
// WIRETALE_CAPTURES=all.
func TestCaptures(t *testing.T) {
	for _, g := range groups {
		t.Run(g.protocols[0], func(t *testing.T) { compareCaptures(t, g.protocols, g.shown) })
	}
}

func compareCaptures(t *testing.T, protocols, shown []string) {
	catalogue, err := os.ReadFile(filepath.Join(shared, "catalogue.tsv"))
	if err != nil {
		t.Skip("the shared captures are not here:", err)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	var files []string
	for line := range strings.Lines(string(catalogue)) {
		cols := strings.Split(line, "\t")
		if len(cols) > 2 && slices.ContainsFunc(strings.Fields(cols[2]), func(s string) bool {
			name, _, _ := strings.Cut(s, ":")
			return slices.Contains(shown, name)
		}) {
			if !slices.ContainsFunc(leftOut, func(s string) bool { return strings.HasSuffix(cols[0], s) }) {
				files = append(files, filepath.Join(shared, cols[0]))
			}
		}
	}
	agreed := agreedAll
	if os.Getenv("WIRETALE_CAPTURES") != "all" && len(files) > few {
		agreed = agreedSample
		var some []string
		for i := 0; i < len(files); i += 10 {
			some = append(some, files[i])
		}
		files = some
	}
	ps, err := choose(protocols)
	if err != nil {
		t.Fatal(err)
	}
	total := newTally(ps, 5)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	compared := 0
	for range 2 {
		wg.Go(func() {
			for file := range next {
				one, err := compareFile(context.Background(), tshark, file, ps, pipeline.Config{Workers: 1, Limits: events.DefaultLimits()}, 5)
				mu.Lock()
				switch {
				case errors.Is(err, capture.ErrFormat):
					t.Logf("%s: not a capture for us", file)
				case err != nil:
					t.Errorf("%s: %v", file, err)
				default:
					compared++
					total.add(one)
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
	var table strings.Builder
	if err := total.write(&table, false, agreed, compared); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d captures\n%s", compared, &table)
	for i, p := range ps {
		if a, b, c := total.sum(i); a == 0 || f1(a, b, c) < agreed {
			t.Errorf("%s: F1 is %.4f over %d agreed values, want %g", p.name, f1(a, b, c), a, agreed)
		}
	}
}
