package dnsresolution_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsresolution"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// trees are those of the truth: below each query what its server sent between
// its coming and the answer's going, as "for client server name type", and how
// often where that was more than once. A query that its sender says again
// before it has an answer is the same one.
func trees(tr *truth.Truth) []string {
	type query struct {
		m        *truth.Message // the first
		sent     int
		from, to time.Time // at the server
		heard    time.Time // by the client, the answer
	}
	var qs []query
	for i := range tr.Messages {
		m := &tr.Messages[i]
		if m.Kind != truth.DNSQuery {
			continue
		}
		k := slices.IndexFunc(qs, func(q query) bool {
			return q.m.Client.Addr() == m.Client.Addr() && q.m.Server == m.Server && q.m.Transport == m.Transport && asked(q.m) == asked(m) &&
				(q.heard.IsZero() || m.Sender.Start.Before(q.heard))
		})
		if k < 0 {
			k = len(qs)
			qs = append(qs, query{m: m})
		}
		q := &qs[k]
		q.sent++
		if !m.Lost && (q.from.IsZero() || m.Receiver.Start.Before(q.from)) {
			q.from = m.Receiver.Start
		}
		for j := range tr.Messages {
			a := &tr.Messages[j]
			if a.Kind != truth.DNSResponse || a.Client != m.Client || a.Server != m.Server || a.DNS.ID != m.DNS.ID || a.Sender.Start.Before(m.Sender.Start) {
				continue
			}
			// One that was lost on its way ends nothing.
			if !a.Lost && (q.to.IsZero() || a.Sender.Start.Before(q.to)) {
				q.to = a.Sender.Start
			}
			if !a.Lost && (q.heard.IsZero() || a.Receiver.Start.Before(q.heard)) {
				q.heard = a.Receiver.Start
			}
		}
	}
	var below func(b *strings.Builder, q query, n, of int) int
	below = func(b *strings.Builder, q query, n, of int) int {
		for _, c := range qs {
			if c.m.Client.Addr() == q.m.Server.Addr() && c.m.Sender.Start.After(q.from) && c.m.Sender.Start.Before(q.to) {
				n++
				fmt.Fprintf(b, "%d %s %s %s%s\n", of, c.m.Client.Addr(), c.m.Server.Addr(), asked(c.m), times(c.sent))
				n = below(b, c, n, n)
			}
		}
		return n
	}
	var out []string
	for _, q := range qs {
		top := true
		for _, p := range qs {
			top = top && !(p.m.Server.Addr() == q.m.Client.Addr() && q.m.Sender.Start.After(p.from) && q.m.Sender.Start.Before(p.to))
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s %s\n", q.m.Client.Addr(), q.m.Server.Addr(), asked(q.m))
		if top && below(&b, q, 0, 0) > 0 {
			out = append(out, b.String())
		}
	}
	return out
}

func times(n int) string {
	if n > 1 {
		return fmt.Sprintf(" %d times", n)
	}
	return ""
}

func asked(m *truth.Message) string {
	return m.DNS.Question[0].Name + " " + m.DNS.Question[0].Type
}

// rows are the answers of the fold to a recording.
func rows(r *replaytest.Recording, keep func(*events.Event) bool) []*dnsresolution.Resolution {
	l := events.DefaultLimits()
	run := dnsresolution.Question.New(analyzers.Options{Limits: &l})
	var out []*dnsresolution.Resolution
	add := func(r analyzers.Row) { out = append(out, r.Value.(*dnsresolution.Resolution)) }
	for _, e := range r.Events {
		if e.Body.Kind() == events.KindDNSMessage && keep(e) {
			run.Step(e, add)
		}
	}
	last := r.Events[len(r.Events)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out
}

func all(*events.Event) bool { return true }

func tell(v *dnsresolution.Resolution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s\n", v.Client, v.Resolver, v.Name, v.Type)
	for _, h := range v.Hops {
		fmt.Fprintf(&b, "%d %s %s %s %s%s\n", h.For, h.Client, h.Server, h.Name, h.Type, times(h.Queries))
	}
	return b.String()
}

var modes = map[string]dnsresolution.Mode{
	"dns-iterative": dnsresolution.Iterative, "dns-recursive": dnsresolution.Recursive, "dns-hybrid": dnsresolution.Hybrid,
	"dns-cache": dnsresolution.Iterative, "dns-cdn": dnsresolution.Iterative, "dns-mx-alias": dnsresolution.Iterative, "dns-roundrobin": dnsresolution.Iterative,
	"dns-tcp": dnsresolution.Iterative,
}

// The trees are those of the truth, and each server is what it was made to be.
func TestScenarios(t *testing.T) {
	for name, mode := range modes {
		for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%s", name, rtt), func(t *testing.T) {
				check(t, replaytest.Run(t, name, replay.Options{RTT: rtt, Seed: 7, At: "client"}), mode, new(replaytest.Row))
			})
		}
	}
}

// Over all networks.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for name, mode := range modes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				check(t, replaytest.Run(t, name, p.Options(7)), mode, row)
			})
		}
	})
}

func check(t *testing.T, r *replaytest.Recording, mode dnsresolution.Mode, row *replaytest.Row) {
	t.Helper()
	want := trees(r.Truth)
	var got []string
	hops := 0
	roles := map[netip.Addr]dnsresolution.Role{}
	for _, h := range r.Truth.Hosts {
		for _, a := range h.Addrs {
			switch {
			case h.Name == "root":
				roles[a] = dnsresolution.Root
			case h.Name == "tld":
				roles[a] = dnsresolution.TLD
			case strings.HasPrefix(h.Role, "authoritative"):
				roles[a] = dnsresolution.Authoritative
			}
		}
	}
	first := true
	for _, v := range rows(r, all) {
		if v.Questions > 0 {
			continue
		}
		got = append(got, tell(v))
		if first && v.Mode != mode {
			t.Errorf("mode %s, want %s:\n%s", v.Mode, mode, tell(v))
		}
		first = false
		for i, h := range v.Hops {
			hops++
			role := roles[netip.MustParseAddr(h.Server)]
			// No referral tells of a server that asks on.
			if h.Role != role && !(h.Asked && h.Zone == "" && h.Role == dnsresolution.Resolver) {
				t.Errorf("%s hop %d: role %s, want %s", v.Name, i+1, h.Role, role)
			}
			if h.RTT == nil {
				t.Errorf("%s hop %d: no answer", v.Name, i+1)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("trees are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(want) == 0 {
		t.Error("the truth has no tree")
	}
	off := 0
	for _, x := range want {
		if !slices.Contains(got, x) {
			off++
		}
	}
	row.Same("trees", len(want), off)
	row.Same("hops", hops, 0)
	t.Logf("%d trees of %d hops, all as in the truth", len(want), hops)
}
