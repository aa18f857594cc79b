package dnsthreat_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsthreat"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func threats(t *testing.T, scenario string) (map[string]*dnsthreat.Threat, *replaytest.Recording) {
	t.Helper()
	r := replaytest.Run(t, scenario, replay.Options{RTT: 40 * time.Millisecond, Seed: 7, At: "client"})
	l := events.DefaultLimits()
	run := dnsthreat.Question.New(analyzers.Options{Limits: &l})
	out := map[string]*dnsthreat.Threat{}
	add := func(r analyzers.Row) { out[r.Key] = r.Value.(*dnsthreat.Threat) }
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindDNSMessage {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out, r
}

// Each forged answer of the truth is one with a wrong id or port, or fits the
// query; where the careless server took one, the bank's own answer differs.
func TestPoison(t *testing.T) {
	got, r := threats(t, "dns-poison")
	poisoned := r.Truth.Facts["poisoned"].(map[string]any)
	rows := 0
	for _, h := range r.Truth.Hosts {
		if h.Name != "careless" && h.Name != "careful" {
			continue
		}
		rows++
		forged := uint64(0)
		for _, m := range r.Truth.Messages {
			if m.Kind == truth.DNSResponse && m.Sender.Host == "spoofer" && m.Server.Addr().String() == "198.51.100.54" && m.Client.Addr() == h.Addrs[0] {
				forged++
			}
		}
		v := got["poisoning "+h.Addrs[0].String()+" → 198.51.100.54 www.bank.test. A"]
		want := forged
		if poisoned[h.Name] == true {
			want-- // the one that fits
		}
		if v == nil || v.WrongID != want {
			t.Errorf("%s: %+v, want %d of %d wrong", h.Name, v, want, forged)
			continue
		}
		if (v.Differing > 0) != (poisoned[h.Name] == true) {
			t.Errorf("%s: %d differing, poisoned: %v", h.Name, v.Differing, poisoned[h.Name])
		}
	}
	for k, v := range got {
		if v.What == dnsthreat.Poisoning {
			rows--
		} else if v.What != dnsthreat.InvalidTLD {
			t.Errorf("%s: %+v", k, v)
		}
	}
	if rows != 0 {
		t.Errorf("%d rows too few", rows)
	}
}

func TestFlood(t *testing.T) {
	got, r := threats(t, "dns-flood")
	v := got["amplification 10.0.9.9"]
	if want := uint64(r.Truth.Facts["spoofed_queries"].(float64)); v == nil || v.Queries != want || v.Responses != want || *v.Factor < 50 {
		t.Errorf("%+v, want %d queries", v, want)
	}
	v = got["flood example.test."]
	if want := uint64(r.Truth.Facts["random_names"].(float64)); v == nil || v.Names != want || v.Clients != 2 {
		t.Errorf("%+v, want %d names", v, want)
	}
	for k, v := range got {
		if v.What != dnsthreat.InvalidTLD && k != "amplification 10.0.9.9" && k != "flood example.test." {
			t.Errorf("%s: %+v", k, v)
		}
	}
}

// Honest scenarios have no threat but names in .test.
func TestNone(t *testing.T) {
	for _, name := range []string{"dns-iterative", "dns-recursive", "dns-mx-alias", "dns-cdn", "dns-tcp", "dns-roundrobin"} {
		got, _ := threats(t, name)
		for k, v := range got {
			if v.What != dnsthreat.InvalidTLD {
				t.Errorf("%s: %s: %+v", name, k, v)
			}
		}
	}
}
