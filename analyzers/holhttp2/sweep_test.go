package holhttp2_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp2"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks: waits behind holes by when the network delivered each byte
// to the client and whose bytes they were by what the server says that it
// wrote, exactly; how streams took turns by the same; and, where nothing is
// lost, the times of the client's own log.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"h2-multiplex", "h2-loss"} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
					replaytest.Beside(t)
					r := replaytest.Run(t, name, p.Options(5+seed))
					checkSweep(t, r, row, name == "h2-multiplex" && p.Loss == 0 && replaytest.Timed())
				})
			}
		}
	})
}

func checkSweep(t *testing.T, r *replaytest.Recording, row *replaytest.Row, timed bool) {
	t.Helper()
	c := r.Truth.Connections[0]
	arrivals := r.Arrivals(t, c.Server, c.Client)
	frames := r.Frames(t)
	rows := foldtest.Rows(t, holhttp2.Question, r.Events...)
	got := of(rows, holhttp2.Stream)
	streams := 0
	// A handshake that was sent again tells no round trip (RFC 6298 section 3).
	again := slices.ContainsFunc(r.Truth.Drops, func(d truth.Drop) bool { return slices.Contains(d.Flags, "syn") })
	for _, m := range r.Truth.Messages {
		if m.Kind != truth.HTTPResponse {
			continue
		}
		streams++
		stream := uint64(2*m.HTTP.Ordinal - 1) // in the order of asking
		var v *holhttp2.Value
		for _, x := range got {
			if x.HTTPStream == stream {
				v = x
			}
		}
		if v == nil || !v.Complete || v.Limited || len(v.Unknown) > 0 && !again {
			t.Errorf("%s: stream %d: %+v", r.Name, stream, v)
			continue
		}

		var own, others, heads []replaytest.Wait
		for _, w := range arrivals.Waits {
			waited, took, head, otherHead := false, false, false, false
			for _, f := range frames {
				mine := f.Stream == stream
				waited = waited || mine && f.In(w.From, w.To)
				head = head || mine && f.Header() && f.In(w.From, w.To)
				took = took || mine && f.In(w.Hole, w.HoleEnd)
				otherHead = otherHead || !mine && f.Header() && f.In(w.Hole, w.HoleEnd)
			}
			switch {
			case !waited:
			case took:
				own = append(own, w)
			case head && otherHead:
				heads = append(heads, w)
			default:
				others = append(others, w)
			}
		}
		// What waited for a header block would have waited without TCP: that time
		// is not in tcp_loss a second time.
		hpack := replaytest.Union(heads)
		loss := replaytest.Union(append(others, heads...)) - hpack
		for what, x := range map[string]struct{ measured, truth int64 }{
			"tcp_loss": {int64(*v.TCPLoss), int64(loss)}, "hpack": {int64(*v.HPACK), int64(hpack)}, "own_loss": {int64(*v.OwnLoss), int64(replaytest.Union(own))},
		} {
			if x.measured != x.truth {
				t.Errorf("%s: stream %d: %s is %d ns, by the network %d", r.Name, stream, what, x.measured, x.truth)
			}
		}
		row.Time("tcp_loss + hpack", loss+hpack, (*v.TCPLoss + *v.HPACK).Std())
		row.Time("own_loss", replaytest.Union(own), v.OwnLoss.Std())

		// Bytes on the line from its first to its last, by its own.
		var all, mine, first, last int64
		for _, f := range frames {
			if f.Stream == stream && (f.Header() || f.Type == 0) {
				mine += f.End - f.Offset
				if first == 0 {
					first = f.Offset
				}
				last = f.End
			}
		}
		for _, f := range frames {
			if f.Offset >= first && f.End <= last && f.Stream != 0 && (f.Header() || f.Type == 0) {
				all += f.End - f.Offset
			}
		}
		off := 0
		if want := float64(all) / float64(mine); math.Abs(v.Interleaving-want) > 1e-3 {
			t.Errorf("%s: stream %d: interleaving %v, by what the server wrote %v", r.Name, stream, v.Interleaving, want)
			off = 1
		}
		row.Same("interleaving", 1, off)
		if timed {
			row.Time("first byte to last", m.Receiver.End.Sub(m.Receiver.Start), v.Duration.Std())
			if took := m.Receiver.End.Sub(m.Receiver.Start); !near(v.Duration.Std(), took) {
				t.Errorf("stream %d took %s, told %s", stream, v.Duration.Std(), took)
			}
		}
	}
	if len(got) != streams {
		t.Errorf("%s: %d rows of streams, want %d", r.Name, len(got), streams)
	}
}
