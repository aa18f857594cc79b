package dnsmapping_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsmapping"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func rows(t *testing.T, scenario string, keep func(*events.Event) bool) (map[string]*dnsmapping.Mapping, *replaytest.Recording) {
	t.Helper()
	r := replaytest.Run(t, scenario, replay.Options{RTT: 20 * time.Millisecond, Seed: 7, At: "client"})
	l := events.DefaultLimits()
	run := dnsmapping.Question.New(analyzers.Options{Limits: &l})
	out := map[string]*dnsmapping.Mapping{}
	add := func(r analyzers.Row) { out[r.Key] = r.Value.(*dnsmapping.Mapping) }
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindDNSMessage && keep(e) {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out, r
}

func all(*events.Event) bool { return true }

// The cache rotates the addresses of www, the authority those of live: as
// often as they say.
func TestRoundRobin(t *testing.T) {
	stub := events.AddrOf(netip.MustParseAddr("10.0.0.10"))
	got, r := rows(t, "dns-roundrobin", func(e *events.Event) bool { return e.Flow.Client == stub })
	firsts := map[string][]string{}
	for _, c := range r.Truth.Choices {
		if c.What == "rotate" {
			firsts[c.Of] = append(firsts[c.Of], strings.TrimPrefix(c.Why, "the first is "))
		}
	}
	if len(firsts) != 2 {
		t.Fatalf("the truth rotates %v", firsts)
	}
	for name, list := range firsts {
		v := got[name]
		if v == nil || v.Spread != "rotating" || v.Replies != uint64(len(list)) || v.Turned != uint64(len(list)-1) {
			t.Errorf("%s: %+v, want %d replies that begin with %v", name, v, len(list), list)
			continue
		}
		for _, a := range v.Addresses {
			want := 0
			for _, f := range list {
				if f == a.Address {
					want++
				}
			}
			if a.First != uint64(want) || a.Replies != v.Replies {
				t.Errorf("%s: %+v, want first %d times", name, a, want)
			}
		}
	}
}

func TestMXAlias(t *testing.T) {
	got, _ := rows(t, "dns-mx-alias", all)
	v := got["example.test."]
	if v == nil || !v.WebAndMail || len(v.Mail) != 2 || v.Mail[0] != (dnsmapping.Exchange{Preference: 10, Host: "mail.example.test."}) ||
		v.Mail[1] != (dnsmapping.Exchange{Preference: 20, Host: "mx.backup.test.", Elsewhere: true}) {
		t.Errorf("example.test: %+v", v)
	}
	for name, want := range map[string][]string{
		"www.example.test.":  {"relay1.west.example.test."},
		"shop.example.test.": {"www.example.test.", "relay1.west.example.test."},
	} {
		if v := got[name]; v == nil || !slices.Equal(v.Aliases, want) || v.CDN != nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d names", len(got))
	}
}

// The edges are those that the content network chose.
func TestCDN(t *testing.T) {
	got, r := rows(t, "dns-cdn", all)
	want := map[string]bool{}
	for _, c := range r.Truth.Choices {
		if c.What == "edge" {
			_, addr, _ := strings.Cut(c.Of, " ")
			want[addr] = true
		}
	}
	v := got["video.example.test."]
	if v == nil || v.CDN == nil || !slices.Equal(v.CDN.By, []string{"cname", "resolver"}) || v.CDN.Domain != "cdn.test" {
		t.Fatalf("video: %+v", v)
	}
	told := map[string]string{}
	for _, w := range v.CDN.Views {
		told[w.Resolver] = strings.Join(w.Addresses, " ")
		if !want[told[w.Resolver]] {
			t.Errorf("%+v, the edges are %v", w, want)
		}
	}
	if told["10.1.0.53"] != "203.0.113.10" || told["10.2.0.53"] != "203.0.113.20" || told["10.1.9.9"] != "203.0.113.20" {
		t.Errorf("told %v", told)
	}
	// At the authority, the public resolver told of the user's network.
	v = got["a1105.edge.cdn.test."]
	if v == nil || v.CDN == nil || !slices.Contains(v.CDN.By, "subnet") || !slices.Contains(v.CDN.By, "resolver") {
		t.Errorf("edge: %+v", v)
	}
}
