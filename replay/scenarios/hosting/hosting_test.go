package hosting_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

var checks = map[string]func(*testing.T, *replaytest.Recording){"http-vhosts": checkVHosts, "http-cdn": checkCDN}

func TestVHosts(t *testing.T) { play(t, "http-vhosts") }

func TestCDN(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	play(t, "http-cdn")
}

func play(t *testing.T, name string) {
	t.Parallel()
	r := replaytest.Run(t, name, replay.Options{RTT: 20 * time.Millisecond, Seed: 3})
	r.Check(t)
	r.CheckRTT(t)
	checks[name](t, r)
}

func TestKept(t *testing.T) {
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json")
			r.Check(t)
			r.CheckRTT(t)
			check(t, r)
		})
	}
}

// The same two paths on three names of one address are six different objects;
// the fourth name has none.
func checkVHosts(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	bodies := map[string]string{}
	var missing []string
	for _, m := range r.Truth.Messages {
		if m.Server.Addr().String() != "198.51.100.80" {
			t.Errorf("%s is at %s", m.HTTP.URL, m.Server)
		}
		if m.Kind != truth.HTTPResponse {
			continue
		}
		if m.HTTP.Status == 404 {
			missing = append(missing, m.HTTP.URL)
			continue
		}
		if other := bodies[m.HTTP.SHA256]; other != "" {
			t.Errorf("%s and %s are the same", m.HTTP.URL, other)
		}
		bodies[m.HTTP.SHA256] = m.HTTP.URL
	}
	if len(bodies) != 6 || strings.Join(missing, " ") != "http://old.example.test/" {
		t.Errorf("%d objects, missing %v", len(bodies), missing)
	}
	names := map[string]bool{}
	for _, e := range r.Events {
		if q, ok := e.Body.(*events.HTTPRequest); ok {
			names[q.Host] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("wiretale saw the names %v", names)
	}
}

// Three clients, each with a page, two pictures from its edge, a redirect and
// the clip from its edge. The first client of an edge fills it.
func checkCDN(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	outcomes := map[string]string{} // edge: decisions in order
	for _, d := range r.Truth.Cache {
		outcomes[d.Host] += d.Outcome + " "
		if u, err := url.Parse(d.Key); err != nil || u.Host != "www.example.test" {
			t.Errorf("%s decided on %s", d.Host, d.Key)
		}
	}
	if outcomes["north.cdn.test"] != "miss miss miss hit hit hit " || outcomes["south.cdn.test"] != "miss miss miss " {
		t.Errorf("decisions of edges: %v", outcomes)
	}
	var edges, redirects []string
	for _, c := range r.Truth.Choices {
		edges = append(edges, c.Of)
	}
	if strings.Join(edges, " ") != "north.cdn.test north.cdn.test north.cdn.test north.cdn.test south.cdn.test south.cdn.test" {
		t.Errorf("edges chosen: %v", edges)
	}
	requests := 0
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest {
			requests++
		}
		if m.Kind == truth.HTTPResponse && m.HTTP.Status == 302 {
			u, err := url.Parse(m.HTTP.Fields["location"])
			if err != nil {
				t.Fatal(err)
			}
			redirects = append(redirects, u.Host)
		}
	}
	// 5 of each client, and 3 of each edge to fill itself.
	if requests != 3*5+2*3 {
		t.Errorf("%d requests", requests)
	}
	if strings.Join(redirects, " ") != "north.cdn.test north.cdn.test south.cdn.test" {
		t.Errorf("redirected to %v", redirects)
	}
}
