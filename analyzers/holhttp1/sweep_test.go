package holhttp1_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp1"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks: a response could have begun a round trip after its client
// sent the request, by the client's log and the network; it waited until its
// first byte was delivered, as far as the one before it was not whole, by the
// network and by how long each was when the server sent it.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				replaytest.Beside(t)
				checkOrder(t, replaytest.Run(t, "http1-pipelined", p.Options(5+seed)), row)
			})
		}
	})
}

func checkOrder(t *testing.T, r *replaytest.Recording, row *replaytest.Row) {
	t.Helper()
	c := r.Truth.Connections[0]
	arrivals := r.Arrivals(t, c.Server, c.Client)
	asked := map[int]time.Time{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest {
			asked[m.HTTP.Ordinal] = m.Sender.End
		}
	}
	sizes, _ := r.Truth.Facts["response_bytes"].([]any)
	if len(sizes) != len(asked) || len(sizes) == 0 {
		t.Fatalf("%d sizes of responses, %d requests", len(sizes), len(asked))
	}
	// By definition the least SYN → SYN-ACK is allowed for the request, and
	// nothing where one of them was sent again.
	rtt, known := r.Handshake(t, c.Client, c.Server)
	got := values(foldtest.Rows(t, holhttp1.Question, r.Events...), holhttp1.Response)
	at := 0
	var before time.Time // the one before was whole
	for i, x := range sizes {
		size, _ := x.(float64)
		first, whole := arrivals.At[at], arrivals.Whole[at+int(size)-1]
		at += int(size)
		end := first
		if before.Before(end) {
			end = before
		}
		before = whole
		if i == 0 {
			continue
		}
		want := max(end.Sub(asked[i+1].Add(rtt)), 0)
		waited := time.Duration(0)
		v := got[uint32(i+1)]
		if v != nil {
			waited = v.Waited.Std()
		}
		switch {
		case !replaytest.Timed():
			if want > 20*time.Millisecond && (v == nil || v.AtMost == known) {
				t.Errorf("response %d waited %s (round trip known: %t): %+v", i+1, want, known, v)
			}
			continue
		case known:
			row.Time("waited", want, waited)
		default:
			row.Time("waited, round trip not known", want, waited)
		}
		if d := (waited - want).Abs(); d > max(2*time.Millisecond, want*3/100) || v != nil && v.AtMost == known {
			t.Errorf("response %d waited %s by the hosts and the network, %s by the capture", i+1, want, waited)
		}
	}
	if at != len(arrivals.At) {
		t.Errorf("the server sent %d bytes of responses, the network delivered %d", at, len(arrivals.At))
	}
}
