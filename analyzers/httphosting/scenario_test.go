package httphosting_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/httphosting"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestKept(t *testing.T) {
	for name, check := range map[string]func(*testing.T, *replaytest.Recording){"http-vhosts": checkVHosts, "http-cdn": checkCDN} {
		t.Run(name, func(t *testing.T) {
			check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
		})
	}
}

func TestHosting(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		o := replay.Options{RTT: 20 * time.Millisecond, Seed: 8, At: at}
		t.Run("http-vhosts/"+at, func(t *testing.T) { t.Parallel(); checkVHosts(t, replaytest.Run(t, "http-vhosts", o)) })
		t.Run("http-cdn/"+at, func(t *testing.T) { t.Parallel(); checkCDN(t, replaytest.Run(t, "http-cdn", o)) })
	}
}

func rows(t *testing.T, r *replaytest.Recording) map[string]*httphosting.Hosting {
	out := map[string]*httphosting.Hosting{}
	for _, row := range foldtest.Rows(t, httphosting.Question, r.Events...) {
		out[row.Key] = row.Value.(*httphosting.Hosting)
	}
	return out
}

// The names, and what they were answered, are those of the messages.
func checkVHosts(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	type count struct{ requests, found, missing uint64 }
	want := map[string]count{}
	address := ""
	for _, m := range r.Truth.Messages {
		u, err := url.Parse(m.HTTP.URL)
		if err != nil {
			t.Fatal(err)
		}
		address = m.Server.Addr().String()
		c := want[u.Host]
		switch {
		case m.Kind == truth.HTTPRequest:
			c.requests++
		case m.HTTP.Status == 404:
			c.missing++
		default:
			c.found++
		}
		want[u.Host] = c
	}
	got := rows(t, r)
	a := got[address]
	if a == nil || !a.Virtual || len(a.Names) != len(want) || len(want) != 4 || a.Undecided != "" {
		t.Fatalf("%+v", a)
	}
	for _, m := range a.Names {
		if (count{m.Requests, m.Found, m.Missing}) != want[m.Name] {
			t.Errorf("%+v, want %+v", m, want[m.Name])
		}
		if n := got[m.Name]; n == nil || len(n.Addresses) != 1 || n.Addresses[0].Address != address || n.CDN != nil {
			t.Errorf("%s: %+v", m.Name, n)
		}
	}
}

// The origin's choices of an edge, by redirect and by rewritten URLs, and the
// names that the edges stand for.
func checkCDN(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	const origin = "www.example.test"
	redirects, rewritten := map[string]int{}, map[string]int{}
	for _, c := range r.Truth.Choices {
		if strings.HasPrefix(c.Why, "redirect") {
			redirects[c.Of]++
		} else {
			rewritten[c.Of] += 2 // pictures on each page
		}
	}
	got := rows(t, r)
	n := got[origin]
	if n == nil {
		t.Fatalf("no row for %s", origin)
	}
	told := map[httphosting.How]map[string]int{httphosting.ByRedirect: {}, httphosting.ByRewriting: {}}
	for _, m := range n.CDN {
		if told[m.How] == nil {
			t.Errorf("%s to %s", m.How, m.To)
			continue
		}
		told[m.How][m.To] = int(m.Count)
	}
	if fmt.Sprint(told[httphosting.ByRedirect]) != fmt.Sprint(redirects) || fmt.Sprint(told[httphosting.ByRewriting]) != fmt.Sprint(rewritten) {
		t.Errorf("%v, want redirects %v, rewritten %v", told, redirects, rewritten)
	}
	for _, edge := range []string{"north.cdn.test", "south.cdn.test"} {
		e := got[edge]
		if e == nil || !slices.Equal(e.EdgeOf, []string{origin}) || len(e.CDN) != 1 || e.CDN[0].How != httphosting.ByHeaders || e.CDN[0].To != edge {
			t.Errorf("%s: %+v", edge, e)
		}
	}
}
