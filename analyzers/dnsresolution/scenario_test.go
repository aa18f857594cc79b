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
// its coming and the answer's going, as "for client server name type".
func trees(tr *truth.Truth) []string {
	type query struct {
		m        *truth.Message
		from, to time.Time // at the server
	}
	var qs []query
	for i := range tr.Messages {
		m := &tr.Messages[i]
		if m.Kind != truth.DNSQuery || m.Lost {
			continue
		}
		q := query{m: m, from: m.Receiver.Start}
		for j := range tr.Messages {
			if a := &tr.Messages[j]; a.Kind == truth.DNSResponse && a.Client == m.Client && a.Server == m.Server && a.DNS.ID == m.DNS.ID && !a.Sender.Start.Before(m.Sender.Start) {
				q.to = a.Sender.Start
				break
			}
		}
		qs = append(qs, q)
	}
	var below func(b *strings.Builder, q query, n, of int) int
	below = func(b *strings.Builder, q query, n, of int) int {
		for _, c := range qs {
			if c.m.Client.Addr() == q.m.Server.Addr() && c.m.Sender.Start.After(q.from) && c.m.Sender.Start.Before(q.to) {
				n++
				fmt.Fprintf(b, "%d %s %s %s\n", of, c.m.Client.Addr(), c.m.Server.Addr(), asked(c.m))
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
		fmt.Fprintf(&b, "%d %s %s %s %s\n", h.For, h.Client, h.Server, h.Name, h.Type)
	}
	return b.String()
}

// The trees are those of the truth, and each server is what it was made to be.
func TestScenarios(t *testing.T) {
	modes := map[string]dnsresolution.Mode{
		"dns-iterative": dnsresolution.Iterative, "dns-recursive": dnsresolution.Recursive, "dns-hybrid": dnsresolution.Hybrid,
		"dns-cache": dnsresolution.Iterative, "dns-cdn": dnsresolution.Iterative, "dns-mx-alias": dnsresolution.Iterative, "dns-roundrobin": dnsresolution.Iterative,
		"dns-tcp": dnsresolution.Iterative,
	}
	for name, mode := range modes {
		for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%s", name, rtt), func(t *testing.T) {
				r := replaytest.Run(t, name, replay.Options{RTT: rtt, Seed: 7, At: "client"})
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
				t.Logf("%d trees of %d hops, all as in the truth", len(want), hops)
			})
		}
	}
}
