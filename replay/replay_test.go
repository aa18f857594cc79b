package replay_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestNames(t *testing.T) {
	infos := replay.Names()
	if len(infos) == 0 {
		t.Fatal("no scenarios")
	}
	seen := map[string]bool{}
	for _, i := range infos {
		if i.Name == "" || i.Doc == "" || i.RTT <= 0 || seen[i.Name] {
			t.Errorf("%+v: incomplete, or there twice", i)
		}
		seen[i.Name] = true
	}
}

func TestBadOptions(t *testing.T) {
	if err := replay.Run(t.Context(), "nothing", replay.Options{}); !errors.Is(err, replay.ErrUnknown) || !strings.Contains(err.Error(), "page") {
		t.Errorf("unknown scenario: %v", err)
	}
	for _, o := range []replay.Options{{RTT: -1}, {RTT: time.Minute}, {At: "roof"}, {Rate: 10}, {Loss: 0.9}, {Loss: -1},
		{Jitter: -1}, {Jitter: time.Hour}, {Reorder: 2}, {MTU: 100}, {MTU: 1 << 20}, {TimeScale: -1}} {
		if err := replay.Run(t.Context(), "page", o); !errors.Is(err, replay.ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// The summary, the comment and the truth say what was asked for.
func TestAskedFor(t *testing.T) {
	var out, told, summary bytes.Buffer
	o := replay.Options{Out: &out, Truth: &told, Summary: &summary, Seed: 3, RTT: 4 * time.Millisecond, At: "middle",
		Rate: 20e6, Loss: 0.01, Jitter: time.Millisecond, Reorder: 0.005, MTU: 1400, Version: "v1.2.3"}
	if err := replay.Run(t.Context(), "page", o); err != nil {
		t.Fatal(err)
	}
	again := "wiretale replay page --rtt 4ms --seed 3 --at middle --rate 20Mbit/s --loss 1% --jitter 1ms --reorder 0.5% --mtu 1400"
	if !strings.Contains(summary.String(), again) || !strings.Contains(out.String(), again) || !strings.Contains(out.String(), "v1.2.3") {
		t.Errorf("%s is not in both the capture and\n%s", again, summary.String())
	}
	for _, want := range []string{"11 http.request", "2 dns", "connections  2", "20Mbit/s; loss 1%; jitter 1ms"} {
		if want = strings.ReplaceAll(want, "2 dns", "1 dns.query, 1 dns.response"); !strings.Contains(summary.String(), want) {
			t.Errorf("no %q in\n%s", want, summary.String())
		}
	}
	got, err := truth.Read(&told)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rate != 20e6 || got.Loss != 0.01 || got.Jitter.Std() != time.Millisecond || got.Reorder != 0.005 {
		t.Errorf("%+v", got)
	}
}

// Every scenario has words of its own.
func TestHelp(t *testing.T) {
	for _, s := range replay.Names() {
		if h := replay.Help(s.Name); len(h) < 100 {
			t.Logf("%s: %d bytes of help", s.Name, len(h))
		}
	}
	if h := replay.Help("http1-pipelined"); !strings.Contains(h, "http1-pipelined") {
		t.Errorf("help of another: %.100s", h)
	}
	if replay.Help("nothing") != "" {
		t.Error("help of what is not there")
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	for _, o := range []replay.Options{{Out: brokenWriter{}}, {Truth: brokenWriter{}}} {
		o.RTT = time.Millisecond
		if err := replay.Run(t.Context(), "page", o); !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	}
}

// everything reports whether all scenarios are wanted, not a sample.
func everything() bool { return os.Getenv("WIRETALE_SCENARIOS") == "all" }

// sampled are the scenarios that are always looked at: TCP, UDP with fragments,
// TLS, QUIC.
var sampled = []string{"page", "dns-tcp", "h2-multiplex-tls", "page-h3", "smtp"}

// Scenarios seen by tshark from each place: nothing broken, nothing sent twice
// that was not lost. WIRETALE_SCENARIOS=all looks at every scenario, and
// WIRETALE_TIMING=1 asks for punctual hosts.
func TestCleanToTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	for _, info := range replay.Names() {
		if !everything() && !slices.Contains(sampled, info.Name) {
			continue
		}
		for _, at := range []string{"client", "middle", "server"} {
			t.Run(info.Name+"/"+at, func(t *testing.T) {
				if everything() {
					t.Parallel()
				}
				// A busy machine makes hosts so late that they send again what is
				// not lost. That is true to life, so another run must be clean.
				var bad []string
				for range 5 {
					file, got := record(t, info, at)
					checkTshark(t, file, got)
					if info.Name == "page" {
						checkPage(t, file, got)
					}
					if bad = tshark(t, file, "-Y", notClean(got, info.Name == "page" || os.Getenv("WIRETALE_TIMING") == "1")); len(bad) == 0 {
						return
					}
				}
				t.Errorf("not clean:\n%s", strings.Join(bad, "\n"))
			})
		}
	}
}

// record runs a scenario and puts its capture into a file.
func record(t *testing.T, info replay.Info, at string) (file string, got *truth.Truth) {
	t.Helper()
	before := runtime.NumGoroutine()
	var out, tr bytes.Buffer
	if err := replay.Run(t.Context(), info.Name, replay.Options{Out: &out, Truth: &tr, Seed: 11, At: at}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before && !everything(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	got, err := truth.Read(&tr)
	if err != nil {
		t.Fatal(err)
	}
	if got.Scenario != info.Name || got.Seed != 11 || got.At != at || got.RTT.Std() != info.RTT || got.Epoch.Year() != 2026 {
		t.Errorf("head of the truth: %s %d %s %s %s", got.Scenario, got.Seed, got.At, got.RTT.Std(), got.Epoch)
	}
	file = filepath.Join(t.TempDir(), "out.pcapng")
	if err := os.WriteFile(file, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file, got
}

// notClean is what a network must not show: errors, and, where it lost nothing,
// anything that was sent again. Of scenarios with many connections or short links
// only an idle machine is so punctual (strict) that nobody asks twice.
func notClean(got *truth.Truth, strict bool) string {
	if len(got.Drops) > 0 || !strict {
		return `_ws.expert.severity >= 0x800000 && !(_ws.expert.message contains "New fragment overlaps")`
	}
	return `_ws.expert.severity >= 0x800000 || tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.lost_segment`
}

// tshark runs it with all checksums verified and returns the lines it prints.
func tshark(t *testing.T, file string, args ...string) []string {
	t.Helper()
	args = append([]string{"-n", "-r", file,
		"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}, args...)
	out, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.TrimSpace(string(out)); s != "" {
		return strings.Split(s, "\n")
	}
	return nil
}

func checkTshark(t *testing.T, file string, got *truth.Truth) {
	broken := tshark(t, file, "-Y", `_ws.malformed && !(_ws.expert.message contains "New fragment overlaps") || _ws.short || `+
		`ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"`)
	if len(broken) > 0 {
		t.Errorf("broken:\n%s", strings.Join(broken, "\n"))
	}

	var packets uint64
	for _, p := range got.Paths {
		packets += p.Packets
	}
	for _, d := range got.Drops {
		if !d.Captured {
			packets--
		}
	}
	if frames := tshark(t, file, "-T", "fields", "-e", "frame.number"); uint64(len(frames)) != packets {
		t.Errorf("%d frames, the network carried %d past the capture point", len(frames), packets)
	}
}

// checkPage compares what this tool sees of the page with the truth.
func checkPage(t *testing.T, file string, got *truth.Truth) {
	kinds := map[truth.Kind]int{}
	var urls []string
	for _, m := range got.Messages {
		kinds[m.Kind]++
		if m.Kind == truth.HTTPRequest {
			urls = append(urls, m.HTTP.URL)
		}
	}
	for kind, filter := range map[truth.Kind]string{
		truth.DNSQuery: "dns.flags.response == 0", truth.DNSResponse: "dns.flags.response == 1",
		truth.HTTPRequest: "http.request", truth.HTTPResponse: "http.response",
	} {
		if n := len(tshark(t, file, "-Y", filter)); n != kinds[kind] {
			t.Errorf("%d frames of %q, %d of %s in the truth", n, filter, kinds[kind], kind)
		}
	}
	seen := tshark(t, file, "-Y", "http.request", "-T", "fields", "-e", "http.request.full_uri")
	slices.Sort(seen)
	slices.Sort(urls)
	if !slices.Equal(seen, urls) {
		t.Errorf("requests %v, in the truth %v", seen, urls)
	}
	// The RTT of a handshake is that of the link, wherever it was captured.
	for _, line := range tshark(t, file, "-Y", "tcp.analysis.initial_rtt && tcp.len == 0", "-T", "fields", "-e", "tcp.analysis.initial_rtt") {
		s, err := strconv.ParseFloat(line, 64)
		if err != nil {
			t.Fatal(err)
		}
		late := time.Duration(s*1e9) - got.RTT.Std()
		if late < -time.Microsecond || late > 500*time.Millisecond { // a busy machine is late
			t.Errorf("a handshake took %s more than the RTT", late)
		}
	}
}
