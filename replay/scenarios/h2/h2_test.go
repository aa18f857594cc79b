package h2_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestMultiplex(t *testing.T) {
	t.Parallel()
	r := replaytest.Run(t, "h2-multiplex", replay.Options{})
	r.Check(t)
	r.CheckRTT(t)
	count(t, r, 4)
	// All on one connection: the small ones do not wait for the large one.
	if len(r.Truth.Connections) != 1 {
		t.Errorf("%d connections", len(r.Truth.Connections))
	}
	if got := finished(t, r); got[3] != "/large.bin" {
		t.Errorf("finished in the order %v", got)
	}
	// Frames of several streams are mixed: a small one is whole between two
	// frames of the large one.
	if got := switches(r); got < 4 {
		t.Errorf("the server went from one stream to another %d times only", got)
	}
}

// checkResent is Check for captures that have segments twice, before they were
// lost and when they were sent again. Unless it puts segments in order itself,
// tshark takes the second one for a fault of reassembly.
func checkResent(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	r.CheckViolations(t)
	r.CheckMessages(t)
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Log("tshark is not installed: its complaints are not looked at")
		return
	}
	if bad := r.Tshark(t, "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "_ws.malformed"); len(bad) > 0 {
		t.Errorf("tshark complains:\n%s", strings.Join(bad, "\n"))
	}
}

// A network that loses by chance: nothing is missing in the end.
func TestByChance(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"h2-multiplex", "h2-priority", "h2-push", "h2-multiplex-tls"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, name, replay.Options{RTT: 10 * time.Millisecond, Seed: 5, Loss: 0.03, Jitter: 2 * time.Millisecond})
			checkResent(t, r)
			if len(r.Truth.Drops) == 0 {
				t.Error("nothing was lost")
			}
		})
	}
}

// switches is how often the server sent DATA of another stream than before.
func switches(r *replaytest.Recording) int {
	n := 0
	var last uint64
	for _, e := range r.Events {
		if f, ok := e.Body.(*events.HTTP2Frame); ok && f.Type == "DATA" && f.Length > 0 && e.From == events.FromServer {
			if last != 0 && f.HTTPStream != last {
				n++
			}
			last = f.HTTPStream
		}
	}
	return n
}

func TestPlaces(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, at := range []string{"middle", "server"} {
		for _, name := range []string{"h2-multiplex", "h2-loss"} {
			t.Run(name+" "+at, func(t *testing.T) {
				t.Parallel()
				r := replaytest.Run(t, name, replay.Options{At: at, Seed: 7, RTT: 20 * time.Millisecond})
				checkResent(t, r)
				r.CheckRTT(t)
				count(t, r, 4)
			})
		}
	}
}

func TestMultiplexTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	r := replaytest.Run(t, "h2-multiplex-tls", replay.Options{})
	r.Check(t)
	r.CheckRTT(t)
	r.CheckHellos(t)
	if len(r.Truth.Protected) != 8 || len(r.Truth.Messages) != 4 {
		t.Errorf("%d messages under TLS and %d in clear", len(r.Truth.Protected), len(r.Truth.Messages))
	}
	r.CheckDecrypted(t, `http2.headers.path`, "http2.headers.path", "/large.bin", "/style.css", "/script.js", "/logo.svg")
}

// What can go in clear can go under TLS.
func TestTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"h2-priority", "h2-push", "h2-loss"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, name, replay.Options{TLS: true, RTT: 20 * time.Millisecond, Seed: 2})
			r.Check(t)
			r.CheckHellos(t)
			if len(r.Truth.Protected) < 8 {
				t.Errorf("%d messages under TLS", len(r.Truth.Protected))
			}
		})
	}
}

func TestPriority(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	r := replaytest.Run(t, "h2-priority", replay.Options{})
	r.Check(t)
	r.CheckRTT(t)
	count(t, r, 4)
	if got, want := finished(t, r), []string{"/style.css", "/script.js", "/logo.svg", "/large.bin"}; !slices.Equal(got, want) {
		t.Errorf("finished in the order %v", got)
	}
	var frames []string
	for _, e := range r.Events {
		if f, ok := e.Body.(*events.HTTP2Frame); ok && f.Weight != 0 {
			frames = append(frames, f.Type)
		}
	}
	if want := []string{"HEADERS", "HEADERS", "HEADERS", "HEADERS", "PRIORITY"}; !slices.Equal(frames, want) {
		t.Errorf("priorities in %v, want %v", frames, want)
	}
	if len(r.Truth.Choices) != 5 {
		t.Errorf("choices: %+v", r.Truth.Choices)
	}
}

func TestPush(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	r := replaytest.Run(t, "h2-push", replay.Options{})
	r.Check(t)
	r.CheckRTT(t)
	count(t, r, 5)
	pushed := 0
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest && m.Sender.Host == "web" {
			pushed++
		}
	}
	promised := 0
	for _, e := range r.Events {
		if f, ok := e.Body.(*events.HTTP2Frame); ok && f.Type == "PUSH_PROMISE" {
			promised++
		}
	}
	if pushed != 3 || promised != 3 {
		t.Errorf("%d requests pushed, %d promises captured", pushed, promised)
	}
}

func TestLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	r := replaytest.Run(t, "h2-loss", replay.Options{})
	r.Check(t)
	count(t, r, 4)
	if len(r.Truth.Drops) != 1 || r.Truth.Drops[0].From != "web" {
		t.Errorf("drops: %+v", r.Truth.Drops)
	}
}

// One lost segment, and nobody reads anything until it is made good.
func TestLossStallsAll(t *testing.T) {
	replaytest.Timing(t)
	r := replaytest.Run(t, "h2-loss", replay.Options{})
	for url, n := range r.Truth.Facts["read_while_missing"].(map[string]any) {
		if n.(float64) != 0 {
			t.Errorf("%s: %v bytes were read while the segment was missing", url, n)
		}
	}
}

// count fails when there are not so many requests and responses, all in clear.
func count(t *testing.T, r *replaytest.Recording, exchanges int) {
	t.Helper()
	kinds := map[truth.Kind]int{}
	sums := map[string]bool{}
	for _, m := range r.Truth.Messages {
		kinds[m.Kind]++
		if m.Kind == truth.HTTPResponse {
			sums[m.HTTP.SHA256] = true
			if m.HTTP.Status != 200 || m.HTTP.Ready == nil || m.HTTP.Ready.After(m.Sender.Start) {
				t.Errorf("response %+v", *m.HTTP)
			}
		}
	}
	if kinds[truth.HTTPRequest] != exchanges || kinds[truth.HTTPResponse] != exchanges || len(kinds) != 2 || len(sums) != exchanges {
		t.Errorf("messages: %v, %d different bodies; want %d exchanges", kinds, len(sums), exchanges)
	}
}

// finished are the paths in the order in which they were whole.
func finished(t *testing.T, r *replaytest.Recording) []string {
	t.Helper()
	var out []string
	list, _ := r.Truth.Facts["finished"].([]any)
	for _, u := range list {
		_, path, _ := strings.Cut(u.(string), ".test")
		out = append(out, path)
	}
	if len(out) < 4 {
		t.Fatalf("finished: %v", out)
	}
	return out
}

// What is kept in pcaps was made with default parameters.
func TestKept(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"h2-multiplex", "h2-multiplex-tls", "h2-priority", "h2-push", "h2-loss"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := filepath.Join("..", "..", "..", "pcaps", name)
			r := replaytest.Open(t, base+".pcapng", base+".json")
			r.Check(t)
			r.CheckRTT(t)
			if len(r.Truth.Protected) > 0 {
				r.CheckHellos(t)
			}
		})
	}
}
