package compare

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// The shared captures hold no uTP: these are of two real peers, see
// decoders/utp/testdata/README.md.
func TestTorrentCaptures(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	ps, err := choose([]string{"dht", "utp", "lsd"})
	if err != nil {
		t.Fatal(err)
	}
	total := newTally(ps, 5)
	for _, file := range []string{"peers-udp.pcap", "utp-loss.pcap"} {
		one, err := compareFile(context.Background(), tshark, "../../decoders/utp/testdata/"+file, ps, pipeline.Config{Workers: 1, Limits: events.DefaultLimits()}, 5)
		if err != nil {
			t.Fatal(err)
		}
		total.add(one)
	}
	var table strings.Builder
	if err := total.write(&table, false, agreedAll, 2); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	for i, p := range ps {
		if a, b, c := total.sum(i); a == 0 || f1(a, b, c) < agreedAll {
			t.Errorf("%s: F1 is %.4f over %d agreed values", p.name, f1(a, b, c), a)
		}
	}
}
