package holhttp2_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp2"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// responses are those of a truth, by path, and the rows for them.
func responses(t *testing.T, r *replaytest.Recording) (map[string]truth.Message, map[string]*holhttp2.Value, *holhttp2.Value) {
	t.Helper()
	told := map[string]truth.Message{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPResponse {
			told[m.HTTP.URL[strings.LastIndexByte(m.HTTP.URL, '/'):]] = m
		}
	}
	rows := foldtest.Rows(t, holhttp2.Question, r.Events...)
	got := map[string]*holhttp2.Value{}
	for _, v := range of(rows, holhttp2.Stream) {
		got[v.Target] = v
	}
	if len(got) != len(told) {
		t.Fatalf("%d responses, %q", len(told), foldtest.Keys(rows))
	}
	return told, got, of(rows, holhttp2.Period)[0]
}

// near is the tolerance of all figures.
func near(a, b time.Duration) bool {
	return (a - b).Abs() <= max(2*time.Millisecond, b.Abs()*3/100)
}

// frameEnd is when frame n was captured.
func frameTime(r *replaytest.Recording, n uint64) time.Time {
	for _, e := range r.Events {
		if e.Pos.Frame == n {
			return e.Time.Std()
		}
	}
	return time.Time{}
}

func TestMultiplexKept(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/h2-multiplex.pcapng", "../../pcaps/h2-multiplex.json")
	checkMultiplex(t, r, 0)
	_, got, _ := responses(t, r)
	for path, v := range got {
		if small := path != "/large.bin"; small != (*v.Saved > 0) {
			t.Errorf("%s: taking turns saved %s", path, v.Saved.Std())
		}
	}
}

func TestMultiplex(t *testing.T) {
	replaytest.Timing(t)
	for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		for _, point := range []string{"client", "server"} {
			t.Run(rtt.String()+" at "+point, func(t *testing.T) {
				way := time.Duration(0)
				if point == "server" {
					way = rtt / 2
				}
				checkMultiplex(t, replaytest.Run(t, "h2-multiplex", replay.Options{RTT: rtt, Seed: 7, At: point}), way)
			})
		}
	}
}

// A line does the same work in any order, so that the last of all is whole at
// the same moment in every order: the truth says when that was, and so when
// the last one would have been, first come first served. way is from the
// capture point to the client.
func checkMultiplex(t *testing.T, r *replaytest.Recording, way time.Duration) {
	t.Helper()
	told, got, period := responses(t, r)
	var end, last time.Time // of all as told; of the one that came last, in order
	for path, m := range told {
		v := got[path]
		if m.Receiver.End.After(end) {
			end = m.Receiver.End
		}
		whole := frameTime(r, v.LastFrame)
		if took := m.Receiver.End.Sub(m.Receiver.Start); !near(v.Duration.Std(), took) {
			t.Errorf("%s took %s, told %s", path, v.Duration.Std(), took)
		}
		if in := whole.Add(v.Saved.Std()); in.After(last) {
			last = in
		}
		if *v.TCPLoss+*v.HPACK+*v.OwnLoss+v.FlowControl != 0 {
			t.Errorf("%s: nothing was lost: %+v", path, v)
		}
	}
	asked := frameTime(r, got["/large.bin"].RequestFrame).Add(-way) // by the client
	if !near(last.Add(way).Sub(asked), end.Sub(asked)) {
		t.Errorf("in order, the last would be whole after %s, by the truth after %s", last.Add(way).Sub(asked), end.Sub(asked))
	}
	if period.Interleaving <= 1.2 {
		t.Errorf("interleaving %v", period.Interleaving)
	}
}

func TestLossKept(t *testing.T) {
	checkLoss(t, replaytest.Open(t, "../../pcaps/h2-loss.pcapng", "../../pcaps/h2-loss.json"))
}

// A capture on the server's side of the loss has no hole; at the client it has.
func TestLoss(t *testing.T) {
	replaytest.Timing(t)
	for _, rtt := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(rtt.String(), func(t *testing.T) {
			r := replaytest.Run(t, "h2-loss", replay.Options{RTT: rtt, Seed: 7})
			checkLoss(t, r)
			checkSweep(t, r, new(replaytest.Row), false) // to the nanosecond
		})
	}
}

// One segment is lost. What is behind it waits until it is sent again. The
// first that comes behind it tells the server, and a round trip later what was
// lost is there; the server may wait for a quarter of one more whether it was
// only overtaken (RFC 8985 section 6.2). No stream waits longer than its client
// says that it got nothing of it.
func checkLoss(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	_, got, period := responses(t, r)
	rtt := r.Truth.RTT.Std()
	pauses, _ := r.Truth.Facts["longest_pause"].(map[string]any)
	var most time.Duration
	for path, v := range got {
		lost := (*v.TCPLoss + *v.HPACK).Std()
		longest := max(lost, v.OwnLoss.Std())
		most = max(most, longest)
		pause := time.Duration(0)
		for url, p := range pauses {
			if seconds, ok := p.(float64); ok && strings.HasSuffix(url, path) {
				pause = time.Duration(seconds * 1e9)
			}
		}
		t.Logf("%s: behind others %s, behind its own %s; its longest pause was %s", path, lost, v.OwnLoss.Std(), pause)
		if pause == 0 || longest > pause && !near(longest, pause) {
			t.Errorf("%s waited %s for what was lost, its longest pause was %s", path, longest, pause)
		}
	}
	if most < rtt && !near(most, rtt) || most > rtt+rtt/4 && !near(most, rtt+rtt/4) {
		t.Errorf("what was lost was waited for %s, a round trip is %s", most, rtt)
	}
	if *period.TCPLoss <= 0 || period.TCPLoss.Std() > most+time.Millisecond {
		t.Errorf("%+v", period)
	}
}
