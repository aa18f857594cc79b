package dnstransaction_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// question is what one host asked, with all that it sent for it, by its own log.
type question struct {
	first       *truth.Message
	sent        int
	asked       time.Time // first sent
	heard       time.Time // zero: never
	client      string
	name, qtype string
}

func questions(tr *truth.Truth) (out []question) {
	for i := range tr.Messages {
		m := &tr.Messages[i]
		if m.Kind != truth.DNSQuery {
			continue
		}
		q := m.DNS.Question[0]
		client := m.Client.Addr().String()
		k := slices.IndexFunc(out, func(x question) bool {
			return x.client == client && x.name == q.Name && x.qtype == q.Type && (x.heard.IsZero() || m.Sender.Start.Before(x.heard))
		})
		if k < 0 {
			k = len(out)
			out = append(out, question{first: m, asked: m.Sender.Start, client: client, name: q.Name, qtype: q.Type})
		}
		x := &out[k]
		x.sent++
		for j := range tr.Messages {
			a := &tr.Messages[j]
			if a.Kind == truth.DNSResponse && !a.Lost && a.Client == m.Client && a.Server == m.Server && a.DNS.ID == m.DNS.ID &&
				a.Sender.Start.After(m.Sender.Start) && (x.heard.IsZero() || a.Receiver.Start.Before(x.heard)) {
				x.heard = a.Receiver.Start
			}
		}
	}
	return out
}

// Over all networks, by the hosts' own logs: each question once, how often it
// was sent, whether it was answered, and what was waited for the answer.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"dns-iterative", "dns-recursive", "dns-tcp", "dns-roundrobin", "dns-mx-alias", "dns-cdn"} {
			t.Run(name, func(t *testing.T) {
				replaytest.Beside(t)
				checkQuestions(t, replaytest.Run(t, name, p.Options(7)), row)
			})
		}
	})
}

func checkQuestions(t *testing.T, r *replaytest.Recording, row *replaytest.Row) {
	t.Helper()
	l := events.DefaultLimits()
	run := dnstransaction.Question.New(analyzers.Options{Limits: &l})
	type key struct{ client, name, qtype string }
	got := map[key][]dnstransaction.Transaction{}
	add := func(x analyzers.Row) {
		v, ok := x.Value.(*dnstransaction.Transaction)
		if !ok {
			t.Fatalf("a row of %T", x.Value)
		}
		k := key{v.Client, v.Name, v.Type}
		c := *v
		c.Retries = slices.Clone(v.Retries)
		if v.Latency != nil {
			d := *v.Latency
			c.Latency = &d
		}
		got[k] = append(got[k], c)
	}
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindDNSMessage {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	for k := range got {
		slices.SortFunc(got[k], func(a, b dnstransaction.Transaction) int { return int(int64(a.QueryFrame) - int64(b.QueryFrame)) })
	}
	want := questions(r.Truth)
	for _, q := range want {
		k := key{q.client, q.name, q.qtype}
		if len(got[k]) == 0 {
			t.Errorf("no row for %s of %s %s", q.client, q.name, q.qtype)
			row.Same("questions", 1, 1)
			continue
		}
		v := got[k][0]
		got[k] = got[k][1:]
		status := dnstransaction.Answered
		if q.heard.IsZero() {
			status = dnstransaction.Unanswered
		}
		off := 0
		if v.Status != status || len(v.Retries) != q.sent-1 {
			off = 1
			t.Errorf("%s of %s %s: %s after %d retries; by its own log %s after %d", q.client, q.name, q.qtype, v.Status, len(v.Retries), status, q.sent-1)
		}
		row.Same("questions", 1, off)
		row.Same("retries", q.sent-1, 0)
		if !replaytest.Timed() || v.Latency == nil {
			continue
		}
		waited, truth := max(v.Waited, *v.Latency).Std(), q.heard.Sub(q.asked)
		row.Time("waited", truth, waited)
		if d := (waited - truth).Abs(); d > max(2*time.Millisecond, truth*3/100) {
			t.Errorf("%s of %s %s waited %s, by its own log %s", q.client, q.name, q.qtype, waited, truth)
		}
	}
	for k, rest := range got {
		if len(rest) > 0 {
			t.Errorf("%d rows of %v more than its own log has", len(rest), k)
			row.Same("questions", len(rest), len(rest))
		}
	}
}
