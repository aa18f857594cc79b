package pop3session_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/pop3session"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// What the two visits of a scenario leave behind, by its README.
type visit struct {
	mode         pop3session.Mode
	before, left int
	fetched      int
}

var visits = map[string][]visit{
	"pop3-keep":   {{pop3session.Keep, 2, 2, 2}, {pop3session.Keep, 3, 3, 1}},
	"pop3-delete": {{pop3session.Delete, 2, 0, 2}, {pop3session.Nothing, 0, 0, 0}},
}

func TestKept(t *testing.T) {
	for name := range visits {
		check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
	}
}

func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for name := range visits {
		for point, o := range map[string]replay.Options{
			"client": {Seed: 2, RTT: 5 * time.Millisecond}, "middle": {Seed: 3, RTT: 100 * time.Millisecond, At: "middle"},
			"lossy": {Seed: 4, RTT: 20 * time.Millisecond, Loss: 0.03},
		} {
			t.Run(name+" "+point, func(t *testing.T) {
				t.Parallel()
				check(t, replaytest.Run(t, name, o))
			})
		}
	}
}

// check compares with the dialogue of the truth: each reply is a round trip
// (this client waits), with that of the handshake.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	replies, bytes := map[int]int{}, map[int]int64{}
	ids := map[string]bool{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.POP3Reply {
			replies[*m.Connection]++
		}
		if m.Kind == truth.MailMessage {
			bytes[*m.Connection] += m.Object.Bytes
			ids[m.Object.Name] = true
		}
	}
	rows := foldtest.Rows(t, pop3session.Question, r.Events...)
	want := visits[r.Name]
	if len(rows) != len(want) {
		t.Fatalf("%d sessions, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		v := row.Value.(*pop3session.Session)
		w := want[i]
		if v.Mode != w.mode || *v.Before != w.before || *v.Left != w.left || v.Fetched != w.fetched || v.Undecided != "" || v.User != "bob" {
			t.Errorf("%s, visit %d: %+v", r.Name, i+1, v)
		}
		if trips := 1 + replies[i]; v.Cost.RoundTrips != trips && len(r.Truth.Drops) == 0 {
			t.Errorf("%s, visit %d: %d round trips, by the hosts %d", r.Name, i+1, v.Cost.RoundTrips, trips)
		}
		sum := int64(0)
		for _, m := range v.Messages {
			sum += m.Bytes
			if m.OK && (!ids[m.ID] || !m.Whole) {
				t.Errorf("%s, visit %d: %+v", r.Name, i+1, m)
			}
		}
		if sum != bytes[i] {
			t.Errorf("%s, visit %d: %d bytes of letters, by the hosts %d", r.Name, i+1, sum, bytes[i])
		}
	}
}
