package httpconnections_test

import (
	"math"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/httpconnections"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// way is one of the four ways to fetch a page and ten images, and what the
// textbook says of it.
type way struct {
	name           string
	mode           httpconnections.Mode
	model          string
	connections    int
	parallel       int
	opened, reused float64 // round trips of an object; 0: none, or behind others
	page           float64 // round trips of all, without transmission
}

var ways = []way{
	{"http1-nonpersistent", httpconnections.NonPersistent, "non-persistent", 11, 1, 2, 0, 11 * 2},
	{"http1-persistent", httpconnections.Persistent, "persistent", 1, 1, 2, 1, 2 + 10},
	{"http1-pipelined", httpconnections.Pipelined, "pipelined", 1, 1, 2, 0, 3},
	{"http1-parallel", httpconnections.Persistent, "persistent, k parallel", 4, 4, 2, 1, 2 + 1 + 3},
}

// The runs that were kept, with their times.
func TestKept(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			check(t, w, replaytest.Open(t, "../../pcaps/"+w.name+".pcapng", "../../pcaps/"+w.name+".json"), true, 0, new(replaytest.Row))
		})
	}
}

func TestNetworks(t *testing.T) {
	replaytest.Timing(t)
	for _, w := range ways {
		for _, rtt := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
			for _, point := range []string{"client"} { // elsewhere an object takes up to a round trip less
				t.Run(w.name+" "+rtt.String()+" at "+point, func(t *testing.T) {
					check(t, w, replaytest.Run(t, w.name, replay.Options{RTT: rtt, Seed: 8, At: point}), true, 0, new(replaytest.Row))
				})
			}
		}
	}
}

// Over all networks: what the hosts did, exactly; and where nothing is lost, of
// which the models know nothing, round trips an object and the time of all.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				check(t, w, replaytest.Run(t, w.name, p.Options(8)), p.Loss == 0 && replaytest.Timed(), time.Millisecond, row)
			})
		}
	})
}

// check compares with what the hosts did; times: also with what it takes, which
// may be off by floor where a share of a short round trip is less.
func check(t *testing.T, w way, r *replaytest.Recording, times bool, floor time.Duration, row *replaytest.Row) {
	t.Helper()
	rows := foldtest.Rows(t, httpconnections.Question, r.Events...)
	if len(rows) != 1 {
		t.Fatalf("rows %q", foldtest.Keys(rows))
	}
	v, _ := rows[0].Value.(*httpconnections.Usage)

	// Exactly what the hosts did.
	if v.Mode != w.mode || v.Connections != len(r.Truth.Connections) || v.Connections != w.connections || v.Parallel != w.parallel || v.Objects != 11 || v.Complete != 11 {
		t.Errorf("%+v", v)
		row.Same("mode, connections, objects", 1, 1)
	} else {
		row.Same("mode, connections, objects", 1, 0)
	}
	if !times {
		return
	}
	if v.RTT == nil {
		t.Fatal("no round trip")
	}
	near := func(what string, got, want, share, floor float64) {
		t.Helper()
		t.Logf("%s: %s: %.4f measured, %.4f is true: off by %.1f %%", w.name, what, got, want, 100*(got-want)/want)
		if math.Abs(got-want) > max(share*want, floor) {
			t.Errorf("%s is %.4f, want %.4f", what, got, want)
		}
	}
	// A busy machine adds to single handshakes of the kept runs.
	near("round trip", v.RTT.Std().Seconds(), r.Truth.RTT.Std().Seconds(), 0.08, floor.Seconds())

	// 2·RTT for an object that opens its connection, RTT for one on a
	// connection that is there.
	trip := float64(floor) / float64(r.Truth.RTT.Std())
	objects := func(what string, want, got float64) {
		row.Time(what, time.Duration(want*float64(r.Truth.RTT.Std())), time.Duration(got*float64(r.Truth.RTT.Std())))
	}
	if w.opened > 0 {
		objects("an object that opened", w.opened, *v.RTTsPerObject.Opened)
		near("round trips of an object that opened its connection", *v.RTTsPerObject.Opened, w.opened, 0.05, trip)
	}
	if w.reused > 0 {
		objects("an object on what was there", w.reused, *v.RTTsPerObject.Reused)
		near("round trips of an object on a connection that was there", *v.RTTsPerObject.Reused, w.reused, 0.05, trip)
	}

	// The model of this way, by its formula from what the hosts know; and what
	// was measured beside it. The model knows no server that thinks: the slow
	// object of the pipelined page holds up all behind it.
	var thought time.Duration
	received := map[string]time.Time{}
	var bytes int64
	for _, m := range r.Truth.Messages {
		switch {
		case m.Kind == truth.HTTPRequest:
			received[m.HTTP.URL] = m.Receiver.End
		case m.HTTP.URL == r.Truth.Facts["slow_object"]:
			thought = m.HTTP.Ready.Sub(received[m.HTTP.URL])
		}
		bytes += m.HTTP.BodyBytes
	}
	if head := v.MeanBytes - float64(bytes)/11; head < 50 || head > 400 {
		t.Errorf("L is %.0f bytes, the bodies have %.0f", v.MeanBytes, float64(bytes)/11)
	}
	for _, m := range v.Model {
		if m.Mode != w.model {
			continue
		}
		want := w.page * v.RTT.Std().Seconds()
		if v.Rate > 0 {
			want += 11 * v.MeanBytes / v.Rate
		}
		near("the model's total", m.Total.Std().Seconds(), want, 1e-6, 0)
		row.Time("all objects", m.Total.Std()+thought, v.Busy.Std())
		near("all objects", v.Busy.Std().Seconds(), m.Total.Std().Seconds()+thought.Seconds(), 0.05, 0)
		return
	}
	t.Errorf("no model %q in %+v", w.model, v.Model)
}
