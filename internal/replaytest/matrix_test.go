package replaytest_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/internal/truthcheck"
	"github.com/wiretale/wiretale/replay"
)

// everything reports whether all scenarios are wanted, not a sample.
func everything() bool { return os.Getenv("WIRETALE_SCENARIOS") == "all" }

var update = flag.Bool("update", false, "write the table of all scenarios into replay/README.md (with WIRETALE_SCENARIOS=all)")

// network is one that a scenario is played over.
type network struct {
	name string
	replay.Options
}

func lossy(share float64, at string, seed uint64) network {
	return network{fmt.Sprintf("loss %g at %s", share, at),
		replay.Options{Seed: seed, Loss: share, At: at, RTT: 10 * time.Millisecond}}
}

// networks are those of the whole matrix: as the scenario has it, with losses
// seen from each place, little and much, and small packets out of order.
var networks = []network{
	{"clean", replay.Options{Seed: 21}},
	lossy(0.02, "client", 22), lossy(0.02, "middle", 23), lossy(0.02, "server", 24),
	lossy(0.05, "client", 25), lossy(0.05, "middle", 26), lossy(0.05, "server", 27),
	{"small packets, out of order", replay.Options{Seed: 28, Loss: 0.02, Reorder: 0.03, MTU: 576, RTT: 10 * time.Millisecond, At: "middle"}},
}

// sample is what is always played: each transport and each kind of dialogue.
var sample = []string{"dns-tcp", "h2-multiplex-tls", "smtp-many", "imap", "bt-udp-tracker"}

// Whatever the network does to packets, and wherever they are captured: tshark
// finds nothing broken, wiretale no violation; all messages that were delivered
// are decoded; and of every segment that the network dropped and that the
// capture can show, the analysis says so, to the byte, and of no other.
func TestMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	var table table
	t.Run("play", func(t *testing.T) {
		for _, s := range replay.Names() {
			over := networks
			if !everything() {
				if !slices.Contains(sample, s.Name) {
					continue
				}
				over = []network{lossy(0.04, "client", 31), lossy(0.04, "server", 32)}
			}
			table.add(s.Name)
			for _, n := range over {
				if n.MTU != 0 {
					n.MTU = max(n.MTU, s.MinMTU)
				}
				t.Run(s.Name+"/"+n.name, func(t *testing.T) {
					t.Parallel()
					r := replaytest.Run(t, s.Name, n.Options)
					r.Check(t)
					var l truthcheck.Losses
					if n.Reorder == 0 { // else a segment that is late looks lost
						l = r.Losses(t)
						for _, w := range l.Wrong {
							t.Error(w)
						}
					}
					if everything() {
						table.run(&n, r, l, protocols(t, r))
					}
				})
			}
		}
	})
	if !everything() {
		return
	}
	text := table.String()
	fmt.Print(text)
	if *update && !t.Failed() {
		put(t, "../../replay/README.md", text)
	}
}

// table has a row for each scenario.
type table struct {
	mu   sync.Mutex
	rows []*row
}

type row struct {
	name       string
	packets    int
	protocols  []string
	violations int
	compared   string
	count      truthcheck.Count // clean
	lossy      truthcheck.Count // all others together
	lost       map[string]truthcheck.Losses
}

func (x *table) add(name string) {
	x.rows = append(x.rows, &row{name: name, lost: map[string]truthcheck.Losses{}})
}

func (x *table) find(name string) *row {
	return x.rows[slices.IndexFunc(x.rows, func(r *row) bool { return r.name == name })]
}

// content are layers of tshark that no protocol of the network is.
var content = []string{"eth", "ethertype", "ip", "ipv6", "data", "data-text-lines", "media", "png", "image-gif", "image-jfif", "json", "xml",
	"urlencoded-form", "mime_multipart", "x509sat", "x509ce", "x509af", "pkix1explicit", "pkix1implicit", "svg", "tcp.segments", "mp4", "cms"}

// protocols are those that tshark sees.
func protocols(t *testing.T, r *replaytest.Recording) []string {
	seen := map[string]bool{}
	for _, line := range r.Tshark(t, "-T", "fields", "-e", "frame.protocols") {
		for _, p := range strings.Split(line, ":") {
			seen[p] = true
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(seen)), func(p string) bool { return slices.Contains(content, p) })
}

// run enters one run.
func (x *table) run(n *network, r *replaytest.Recording, l truthcheck.Losses, protocols []string) {
	c := truthcheck.Of(r.Pairs())
	x.mu.Lock()
	defer x.mu.Unlock()
	row := x.find(r.Name)
	row.violations += r.Violations()
	if n.name == "clean" {
		row.packets, row.count, row.protocols = int(r.Stats.Packets), c, protocols
		kinds := map[string]int{}
		for _, m := range r.Truth.Messages {
			kinds[strings.Split(string(m.Kind), ".")[0]]++
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(kinds)) {
			parts = append(parts, fmt.Sprintf("%d %s", kinds[k], k))
		}
		row.compared = strings.Join(parts, ", ")
		return
	}
	row.lossy.Agreed += c.Agreed
	row.lossy.OnlyTruth += c.OnlyTruth
	row.lossy.OnlyOurs += c.OnlyOurs
	sum := row.lost[n.At]
	sum.Told, sum.True, sum.Hidden = sum.Told+l.Told, sum.True+l.True, sum.Hidden+l.Hidden
	row.lost[n.At] = sum
}

func (x *table) String() string {
	var b strings.Builder
	b.WriteString("| scenario | packets | seen by tshark | violations | compared | F1 | F1, poor networks | at client | in the middle | at server |\n")
	b.WriteString("| --- | --: | --- | --: | --- | --: | --: | --: | --: | --: |\n")
	for _, r := range x.rows {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %d | %s | %.4g | %.4g |", r.name, r.packets, strings.Join(r.protocols, " "), r.violations, r.compared, r.count.F1(), r.lossy.F1())
		for _, at := range []string{"client", "middle", "server"} {
			l := r.lost[at]
			fmt.Fprintf(&b, " %d/%d (%d) |", l.Told, l.True, l.Hidden)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// put writes a text between the two marks of a file.
func put(t *testing.T, file, text string) {
	t.Helper()
	const begin, end = "<!-- matrix -->\n", "<!-- /matrix -->"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o666); err != nil {
		t.Fatal(err)
	}
}

// The RTT of handshakes is the configured one, each scenario at 20 ms and at
// 100 ms. Only an idle machine keeps such times.
func TestRTT(t *testing.T) {
	replaytest.Timing(t)
	for _, s := range replay.Names() {
		if !everything() && !slices.Contains(sample, s.Name) {
			continue
		}
		for _, rtt := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond} {
			t.Run(s.Name+"/"+rtt.String(), func(t *testing.T) {
				// Many have one handshake only: three times, so that one pause of
				// the machine does not decide.
				var runs []*replaytest.Recording
				for seed := range uint64(3) {
					runs = append(runs, replaytest.Run(t, s.Name, replay.Options{Seed: 41 + seed, RTT: rtt}))
				}
				replaytest.CheckRTTs(t, runs...)
			})
		}
	}
}
