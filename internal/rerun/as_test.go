package rerun_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/internal/rerun"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// exchanges are those of a truth, by method, host, target, status and size.
func exchanges(ms []truth.Message) []string {
	var out []string
	for _, m := range ms {
		if m.Kind == truth.HTTPResponse {
			_, url, _ := strings.Cut(m.HTTP.URL, "://")
			out = append(out, fmt.Sprint(m.HTTP.Method, " ", url, " ", m.HTTP.Status, " ", m.HTTP.BodyBytes))
		}
	}
	slices.Sort(out)
	return out
}

// A page and others over each version of HTTP: the hosts that play say the same
// exchanges as those of the scenario did, and where it is in clear, wiretale
// reads them from the result.
func TestAs(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, name := range []string{"page", "h2-multiplex", "http-cookies", "http1-pipelined"} {
		for _, as := range []web.Version{web.HTTP1, web.HTTP2, web.HTTP3} {
			for _, o := range []replay.Options{
				{RTT: 10 * time.Millisecond},
				{RTT: 20 * time.Millisecond, Loss: 0.01, Seed: 4},
				{RTT: 10 * time.Millisecond, TLS: true},
			} {
				if name != "page" && (o.Loss > 0 || o.TLS) || as == web.HTTP3 && o.TLS {
					continue // enough is enough
				}
				if name == "http1-pipelined" && as != web.HTTP2 || name == "http-cookies" && as == web.HTTP1 {
					continue
				}
				t.Run(fmt.Sprintf("%s over %s, loss %g, TLS %t", name, as, o.Loss, o.TLS), func(t *testing.T) {
					t.Parallel()
					before, after, r := again(t, "../../pcaps/"+name+".pcapng", as, o)
					equal(t, before, after)
					want := exchanges(told(t, name).Messages)
					hidden := as == web.HTTP3 || o.TLS
					got := r.Truth.Messages
					if hidden {
						got = r.Truth.Protected
					}
					if got := exchanges(got); len(want) == 0 || !slices.Equal(got, want) {
						t.Errorf("the hosts say\n%q, want\n%q", got, want)
					}
					// All messages in clear are read, bodies and their sums too.
					if len(r.Truth.Messages) > 0 {
						r.CheckMessages(t)
					}
					table := text(t, before, after)
					t.Logf("\n%s", table)
					if !strings.Contains(table, as.Library()) || strings.Contains(table, "failed") {
						t.Error("the table does not say what played it, or that some failed")
					}
					if !hidden || o.Loss > 0 {
						return
					}
					// tshark has the keys.
					filter := map[web.Version]string{web.HTTP1: "http.request", web.HTTP2: "http2.headers.method", web.HTTP3: "tls.handshake.type == 1 && tls.handshake.extensions_alpn_str == \"h3\""}[as]
					lines := r.Tshark(t, "-Y", filter, "-T", "fields", "-e", "frame.number")
					if len(lines) == 0 {
						t.Errorf("tshark finds nothing with %s", filter)
					}
				})
			}
		}
	}
}

// Connections: of HTTP/1 as many as there were, of HTTP/2 one for each name of
// a server.
func TestConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, x := range []struct {
		file string
		as   web.Version
		want map[string]int // TCP connections by server
	}{
		{"http1-parallel", web.HTTP1, map[string]int{"198.51.100.80:80": len(told(t, "http1-parallel").Connections)}},
		{"http1-nonpersistent", web.HTTP1, map[string]int{"198.51.100.80:80": 11}},
		{"http1-nonpersistent", web.HTTP2, map[string]int{"198.51.100.80:80": 1}},
		{"http-cookies", web.HTTP2, map[string]int{"198.51.100.80:80": 1, "198.51.100.90:80": 1, "203.0.113.70:80": 1}},
	} {
		t.Run(x.file+" over "+string(x.as), func(t *testing.T) {
			t.Parallel()
			_, _, r := again(t, "../../pcaps/"+x.file+".pcapng", x.as, replay.Options{RTT: 5 * time.Millisecond})
			got := map[string]int{}
			for _, c := range r.Truth.Connections {
				got[c.Server.String()]++
			}
			if !maps.Equal(got, x.want) {
				t.Errorf("connections %v, want %v", got, x.want)
			}
		})
	}
}

// Over HTTP/2 the images of a page are all asked for at once: the whole takes
// the look-up, the handshake, the page, and the images, of which the first
// comes after a round trip.
func TestPageTime(t *testing.T) {
	replaytest.Timing(t)
	before, after, _ := again(t, "../../pcaps/page.pcapng", web.HTTP2, replay.Options{RTT: 100 * time.Millisecond})
	took := rerun.Pages(before, after)[0].Took[1]
	if least, most := 400*time.Millisecond, 900*time.Millisecond; took < least || took > most {
		t.Errorf("the page took %s, want %s to %s", took, least, most)
	}
	for _, f := range rerun.Compare(before, after) {
		if f.Protocol == "http" && (f.Answer[1] < 100*time.Millisecond || f.Answer[1] > 300*time.Millisecond) {
			t.Errorf("median until the answer %s", f.Answer[1])
		}
	}
}
