package smtpsession_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/smtpsession"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// The kept scenarios, against what their hosts wrote down.
func TestKept(t *testing.T) {
	for _, name := range []string{"smtp", "smtp-many", "smtp-mime", "smtp-relay", "smtp-starttls"} {
		t.Run(name, func(t *testing.T) {
			check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
		})
	}
}

// Anew: far and near, with loss, from where the capture is made.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for name, o := range map[string]replay.Options{
		"near":   {Seed: 1, RTT: 5 * time.Millisecond},
		"far":    {Seed: 2, RTT: 200 * time.Millisecond, At: "middle"},
		"lossy":  {Seed: 3, RTT: 20 * time.Millisecond, Loss: 0.03},
		"server": {Seed: 4, RTT: 20 * time.Millisecond, At: "server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, "smtp-many", o))
		})
	}
}

// check compares each connection's row with its dialogue in the truth: these
// clients wait for each reply, so that each reply is a round trip, with that
// of the handshake.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	type told struct {
		replies, letters, refused, transactions int
		bytes                                   int64
		tls                                     bool
	}
	want := map[string]*told{}
	var order []string
	lost := len(r.Truth.Drops) > 0
	for _, m := range r.Truth.Messages {
		if m.Transport != "tcp" {
			continue
		}
		k := m.Client.String()
		w := want[k]
		if w == nil {
			w = &told{}
			want[k] = w
			order = append(order, k)
		}
		switch m.Kind {
		case truth.SMTPReply:
			w.replies++
			if m.Line.Code == 550 || m.Line.Code == 451 {
				w.refused++
			}
		case truth.SMTPCommand:
			if m.Line.Verb == "MAIL" {
				w.transactions++
			}
		case truth.MailMessage:
			w.letters++
			w.bytes += m.Object.Bytes
		case truth.TLSHello:
			w.tls = true
		}
	}
	got := map[string]*smtpsession.Session{}
	for _, row := range foldtest.Rows(t, smtpsession.Question, r.Events...) {
		v := row.Value.(*smtpsession.Session)
		got[v.Client] = v
	}
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d sessions, %d by the hosts", len(got), len(want))
	}
	slices.Sort(order)
	for _, k := range order {
		w, v := want[k], got[k]
		if v == nil {
			t.Errorf("no row for %s", k)
			continue
		}
		trips := 1 + w.replies
		if w.tls {
			trips++ // TLS 1.3
			if v.STARTTLS != smtpsession.Used || v.Undecided != "the rest of the session is encrypted" {
				t.Errorf("%s: %s, %s", k, v.STARTTLS, v.Undecided)
			}
		} else if v.Undecided != "" || v.Phases.Closure == nil || v.Phases.Closure.RoundTrips != 1 || v.Closed != "quit" {
			t.Errorf("%s: %+v", k, v)
		}
		if v.Cost.RoundTrips != trips && !lost || v.Accepted != w.letters || v.MessageBytes != w.bytes || v.Refused != w.refused || v.Transactions != w.transactions || v.Cost.Pipelined != 0 {
			t.Errorf("%s: %d round trips, %d letters of %d bytes, %d refused, %d transactions; the hosts: %d and %+v", k, v.Cost.RoundTrips, v.Accepted, v.MessageBytes, v.Refused, v.Transactions, trips, *w)
		}
	}
}
