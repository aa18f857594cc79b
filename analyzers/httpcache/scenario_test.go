package httpcache_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/httpcache"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// score compares decisions one by one: how many of one outcome there truly are,
// how many were claimed, and how many of these are right.
type score struct{ true_, claimed, right int }

func (s score) check(t *testing.T, what string, least float64) {
	t.Helper()
	precision, recall := 1.0, 1.0
	if s.claimed > 0 {
		precision = float64(s.right) / float64(s.claimed)
	}
	if s.true_ > 0 {
		recall = float64(s.right) / float64(s.true_)
	}
	t.Logf("%s: %d of %d found, %d claimed: precision %.3f, recall %.3f", what, s.right, s.true_, s.claimed, precision, recall)
	if precision < least || recall < least {
		t.Errorf("%s: precision %.3f, recall %.3f, want %.2f", what, precision, recall, least)
	}
}

// addr is the address of the host of a name in the truth, by DNS name or not.
func addr(tr *truth.Truth, name string) string {
	for _, h := range tr.Hosts {
		if h.Name == name || "edge-"+strings.TrimSuffix(name, ".cdn.test") == h.Name || strings.TrimSuffix(name, ".example.test") == h.Name {
			return h.Addrs[0].String()
		}
	}
	return ""
}

// told are the outcomes that a cache itself tells, by client connection and the
// request's place on it: the host's own word with each response, which must be
// that of its log, outcome by outcome for each URL.
func told(t *testing.T, tr *truth.Truth, cache string) map[string]string {
	t.Helper()
	at := addr(tr, cache)
	out := map[string]string{}
	var log, said []string
	for _, d := range tr.Cache {
		if d.Host == cache {
			log = append(log, strings.TrimPrefix(d.Key, "http:/")+" "+d.Outcome)
		}
	}
	for _, m := range tr.Messages {
		if m.HTTP == nil || m.Kind != truth.HTTPResponse || m.Server.Addr().String() != at {
			continue
		}
		outcome := "miss"
		switch status := m.HTTP.Fields["cache-status"]; {
		case status == "":
			t.Fatalf("%s says nothing of %s", cache, m.HTTP.URL)
		case strings.HasSuffix(status, "; hit"):
			outcome = "hit"
		case strings.Contains(status, "fwd-status=304"):
			outcome = "revalidated"
		}
		out[fmt.Sprintf("%s %d", m.Client, m.HTTP.Ordinal)] = outcome
		// An edge is asked for http://edge/origin/path.
		said = append(said, strings.TrimPrefix(strings.TrimPrefix(m.HTTP.URL, "http:/"), "/"+cache)+" "+outcome)
	}
	slices.Sort(log)
	slices.Sort(said)
	if !slices.Equal(log, said) {
		t.Fatalf("%s says\n%q and decided\n%q", cache, said, log)
	}
	return out
}

// decisions are those of the rows about a server, by client connection and
// place.
func decisions(t *testing.T, evs []*events.Event, server string) map[string]string {
	t.Helper()
	places := map[uint64]string{} // by request frame; one a frame in these scenarios
	number := map[netip.AddrPort]int{}
	for _, e := range evs {
		if r, ok := e.Body.(*events.HTTPRequest); ok && r.HTTPStream == 0 {
			client, _ := e.Flow.Ends()
			number[client]++
			places[e.Pos.Frame] = fmt.Sprintf("%s %d", client, number[client])
		}
	}
	out := map[string]string{}
	for _, v := range rows(evs) {
		if v.Server != server {
			continue
		}
		for _, d := range v.Decisions {
			out[places[d.RequestFrame]] = d.Outcome.String()
		}
	}
	return out
}

// requested are the URLs by client connection and place.
func requested(evs []*events.Event) map[string]string {
	number := map[netip.AddrPort]int{}
	out := map[string]string{}
	for _, e := range evs {
		if r, ok := e.Body.(*events.HTTPRequest); ok {
			client, _ := e.Flow.Ends()
			number[client]++
			out[fmt.Sprintf("%s %d", client, number[client])] = r.Target
		}
	}
	return out
}

// byURL are outcomes with their URLs, sorted.
func byURL(outcomes, urls map[string]string) []string {
	var out []string
	for k, o := range outcomes {
		out = append(out, urls[k]+" "+o)
	}
	slices.Sort(out)
	return out
}

// rows without the laws, which the other tests check.
func rows(evs []*events.Event) (out []*httpcache.Cache) {
	l := events.DefaultLimits()
	run := httpcache.Question.New(analyzers.Options{Limits: &l})
	add := func(r analyzers.Row) { out = append(out, r.Value.(*httpcache.Cache)) }
	wanted := events.SetOf(run.Kinds()...)
	for _, e := range evs {
		if wanted.Has(e.Body.Kind()) {
			run.Step(e, add)
		}
	}
	last := evs[len(evs)-1]
	run.Close(last.Pos.Frame, last.Time, add)
	return out
}

func compare(t *testing.T, what string, want, got map[string]string, least float64) {
	t.Helper()
	for _, o := range []string{"hit", "revalidated", "miss"} {
		var s score
		for k, w := range want {
			if w == o {
				s.true_++
			}
			if got[k] == o {
				s.claimed++
				if w == o {
					s.right++
				}
			}
		}
		s.check(t, what+" "+o, least)
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d decisions, want %d", what, len(got), len(want))
	}
}

func without(evs []*events.Event, drop func(*events.Event) bool) []*events.Event {
	return slices.DeleteFunc(slices.Clone(evs), drop)
}

// strip leaves fields out of responses, as if no cache told.
func strip(evs []*events.Event, names ...string) []*events.Event {
	out := slices.Clone(evs)
	for i, e := range out {
		if p, ok := e.Body.(*events.HTTPResponse); ok {
			q, c := *p, *e
			q.Headers = slices.DeleteFunc(slices.Clone(p.Headers), func(h events.Header) bool {
				return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, h[0]) })
			})
			c.Body = &q
			out[i] = &c
		}
	}
	return out
}

// checkCaches: with both sides of a cache captured, and nothing told, every
// decision is the truth's; from the clients' side too, by what is told; and
// from the origin's side, what was sent there.
func checkCaches(t *testing.T, r *replaytest.Recording, caches ...string) {
	t.Helper()
	for _, name := range caches {
		at := addr(r.Truth, name)
		want := told(t, r.Truth, name)
		if len(want) == 0 {
			t.Fatalf("the truth tells of no decision of %s (%s)", name, at)
		}
		upstream := func(e *events.Event) bool { return e.Flow.Client.String() == at }
		// Which of two that wait for the same URL the cache asked for, only it
		// can tell: without a word of it, the outcomes of each URL are compared.
		urls := requested(r.Events)
		if w, g := byURL(want, urls), byURL(decisions(t, strip(r.Events, "Cache-Status", "Via", "Age"), at), urls); !slices.Equal(w, g) {
			t.Errorf("%s, both sides, nothing told:\n%q, want\n%q", name, g, w)
		}
		compare(t, name+", both sides:", want, decisions(t, r.Events, at), 1)
		compare(t, name+", clients' side:", want, decisions(t, without(r.Events, upstream), at), 0.95)

		// From the origin's side, all that was sent there is a decision of the
		// cache as a client; what it answered itself, nobody can see.
		outcomes := map[string]int{}
		for _, o := range want {
			outcomes[o]++
		}
		var misses, revalidated uint64
		for _, v := range rows(without(r.Events, func(e *events.Event) bool { return !upstream(e) })) {
			misses, revalidated = misses+v.Own.Misses, revalidated+v.Own.Revalidated
			if v.Hits != 0 || v.Undecided == "" {
				t.Errorf("%s, origin's side: %d hits, undecided %q", name, v.Hits, v.Undecided)
			}
		}
		if int(misses) != outcomes["miss"] || int(revalidated) != outcomes["revalidated"] {
			t.Errorf("%s, origin's side: %d misses, %d revalidated; want %v", name, misses, revalidated, outcomes)
		}
	}
}

func TestProxyCache(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		for _, o := range []replay.Options{
			{RTT: 5 * time.Millisecond}, {RTT: 50 * time.Millisecond}, {RTT: 200 * time.Millisecond}, {RTT: 50 * time.Millisecond, Loss: 0.01}, {RTT: 50 * time.Millisecond, Loss: 0.05},
		} {
			if at != "client" && o.RTT != 50*time.Millisecond {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/%g", at, o.RTT, o.Loss), func(t *testing.T) {
				t.Parallel()
				o.At, o.Seed = at, 7
				checkCaches(t, replaytest.Run(t, "http-proxy-cache", o), "proxy.example.test")
			})
		}
	}
}

func TestProxyCacheKept(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/http-proxy-cache.pcapng", "../../pcaps/http-proxy-cache.json")
	checkCaches(t, r, "proxy.example.test")
	var hits, all uint64
	for _, row := range foldtest.Rows(t, httpcache.Question, r.Events...) {
		if v := row.Value.(*httpcache.Cache); v.Server == "10.0.0.3" {
			hits, all = hits+v.Hits, all+v.Hits+v.Misses+v.Revalidated
			if v.Cache != "proxy.example.test" || !v.Proxy || !v.Upstream {
				t.Errorf("%+v", v)
			}
		}
	}
	if rate := float64(hits) / float64(all); rate != r.Truth.Facts["hit_rate"] {
		t.Errorf("hit rate %v, want %v", rate, r.Truth.Facts["hit_rate"])
	}
}

// Edges are asked for other URLs than they ask for themselves.
func TestCDN(t *testing.T) {
	checkCaches(t, replaytest.Open(t, "../../pcaps/http-cdn.pcapng", "../../pcaps/http-cdn.json"), "north.cdn.test", "south.cdn.test")
	if testing.Short() {
		return
	}
	for _, at := range []string{"client", "middle", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			checkCaches(t, replaytest.Run(t, "http-cdn", replay.Options{At: at, RTT: 30 * time.Millisecond, Seed: 9}), "north.cdn.test", "south.cdn.test")
		})
	}
}

// The browser's own cache: what it asks for is the truth's, miss or
// revalidated, and what it did not ask for is inferred.
func TestConditional(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/http-conditional.pcapng", "../../pcaps/http-conditional.json")
	checkOwn(t, r)
	if testing.Short() {
		return
	}
	for _, at := range []string{"client", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			checkOwn(t, replaytest.Run(t, "http-conditional", replay.Options{At: at, RTT: 20 * time.Millisecond, Seed: 5}))
		})
	}
}

func checkOwn(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	var want, got []string
	for _, d := range r.Truth.Cache {
		want = append(want, d.Key+" "+d.Outcome)
	}
	rows := foldtest.Rows(t, httpcache.Question, r.Events...)
	if len(rows) != 1 {
		t.Fatalf("rows %v", foldtest.Keys(rows))
	}
	v := rows[0].Value.(*httpcache.Cache)
	for _, d := range v.Decisions {
		if d.Level != httpcache.Client {
			t.Errorf("%s: a cache on the way", d.URL)
		}
		got = append(got, d.URL+" "+d.Outcome.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("decisions are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Of the scenario's README: three conditional requests in the second
	// visit, less one, and four in the third; 304 each but for two.
	if o := v.Own; o.Conditional != 6 || o.Revalidated != 4 || o.Changed != 2 || o.Inferred != 4 || o.Unkept != 2 || o.Needless != 0 {
		t.Errorf("%+v", o)
	}
	if v.Undecided == "" || v.HitRate != nil {
		t.Errorf("undecided %q, hit rate %v", v.Undecided, v.HitRate)
	}
}
