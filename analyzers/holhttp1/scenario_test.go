package holhttp1_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp1"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// The scenario that was kept, with the times of its one run.
func TestPipelinedKept(t *testing.T) {
	checkPipelined(t, replaytest.Open(t, "../../pcaps/http1-pipelined.pcapng", "../../pcaps/http1-pipelined.json"), "client")
}

// Anew, over networks and from where the capture is made.
func TestPipelined(t *testing.T) {
	replaytest.Timing(t)
	for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		for _, point := range []string{"client", "server", "middle"} {
			t.Run(rtt.String()+" at "+point, func(t *testing.T) {
				checkPipelined(t, replaytest.Run(t, "http1-pipelined", replay.Options{RTT: rtt, Seed: 7, At: point}), point)
			})
		}
	}
}

// What a response waited, as its hosts say: the server had it ready, and the
// client received its first byte a way later, but for the wait; as far as the
// response before it was not all received.
//
// What the server made is put into a socket at once where there is room, so
// that the socket's clock (sender.start) does not say when it went out.
func checkPipelined(t *testing.T, r *replaytest.Recording, point string) {
	t.Helper()
	way := r.Truth.RTT.Std() / 2
	responses := map[int]truth.Message{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPResponse {
			responses[m.HTTP.Ordinal] = m
		}
	}
	got := values(foldtest.Rows(t, holhttp1.Question, r.Events...), holhttp1.Response)
	for i := 2; i <= len(responses); i++ {
		m, before := responses[i], responses[i-1]
		first := m.Receiver.Start
		if before.Receiver.End.Before(first) {
			first = before.Receiver.End
		}
		want := max(first.Sub(m.HTTP.Ready.Add(way)), 0)
		waited := time.Duration(0)
		if v := got[uint32(i)]; v != nil {
			waited = v.Waited.Std()
			if want > 20*time.Millisecond && v.Behind[0].Target != "/images/03.png" {
				t.Errorf("%d: behind %s", i, v.Behind[0].Target)
			}
		}
		if m.HTTP.URL == r.Truth.Facts["slow_object"] {
			// It was made while the one before it was sent: not ready, and no
			// capture shows that. All that is known is when its turn came.
			if waited > 2*time.Millisecond {
				t.Errorf("the slow one waited %s", waited)
			}
			continue
		}
		diff := (waited - want).Abs()
		t.Logf("at %s, response %2d: hosts %9s, capture %9s, off by %s", point, i, want, waited, diff)
		if diff > max(2*time.Millisecond, want*3/100) {
			t.Errorf("response %d waited %s by the hosts, %s by the capture", i, want, waited)
		}
	}
}
