package visit_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestHTTP2(t *testing.T) {
	t.Parallel()
	r := replaytest.Run(t, "page-h2", replay.Options{})
	check(t, r)
	r.CheckRTT(t)
	if len(r.Truth.Connections) != 3 {
		t.Errorf("%d connections, want one a host", len(r.Truth.Connections))
	}
	r.CheckDecrypted(t, "http2.headers.authority", "http2.headers.authority", hosts(r)...)
}

func TestHTTP3(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	r := replaytest.Run(t, "page-h3", replay.Options{})
	check(t, r)
	if len(r.Truth.Connections) != 0 {
		t.Errorf("%d TCP connections", len(r.Truth.Connections))
	}
	seen := map[string]bool{}
	for _, e := range r.Events {
		if q, ok := e.Body.(*events.QUICPacket); ok {
			seen[q.Type] = true
		}
	}
	if !seen["initial"] || !seen["handshake"] || !seen["1rtt"] {
		t.Errorf("packets of QUIC: %v", seen)
	}
}

func TestPlaces(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"page-h2", "page-h3"} {
		for _, at := range []string{"middle", "server"} {
			t.Run(name+" "+at, func(t *testing.T) {
				t.Parallel()
				check(t, replaytest.Run(t, name, replay.Options{At: at, Seed: 3, RTT: 16 * time.Millisecond}))
			})
		}
	}
}

// hosts are those of all requests.
func hosts(r *replaytest.Recording) []string {
	var out []string
	for _, m := range r.Truth.Protected {
		if m.Kind == truth.HTTPRequest {
			out = append(out, hostOf(m.HTTP.URL))
		}
	}
	return out
}

func hostOf(url string) string {
	url = url[len("https://"):]
	for i := range url {
		if url[i] == '/' {
			return url[:i]
		}
	}
	return url
}

func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	r.Check(t)
	r.CheckHellos(t)
	kinds := map[truth.Kind]int{}
	for _, m := range r.Truth.Messages {
		kinds[m.Kind]++
	}
	// Of each host, HTTPS and A; a connection; bytes in both directions.
	for kind, want := range map[truth.Kind]int{truth.DNSQuery: 6, truth.DNSResponse: 6, truth.TLSHello: 6, truth.Encrypted: 6} {
		if kinds[kind] != want {
			t.Errorf("%d of %s, want %d", kinds[kind], kind, want)
		}
	}
	byHost := map[string]int{}
	for _, h := range hosts(r) {
		byHost[h]++
	}
	// The page; a style sheet, a script and six images; a script and a banner.
	if byHost["www.example.test"] != 1 || byHost["static.cdn.test"] != 8 || byHost["ads.tracker.test"] != 2 || len(r.Truth.Protected) != 22 {
		t.Errorf("requests by host: %v", byHost)
	}
}

// What is kept in pcaps was made with default parameters.
func TestKept(t *testing.T) {
	if testing.Short() {
		t.Skip("one run is enough for a quick look")
	}
	t.Parallel()
	for _, name := range []string{"page-h2", "page-h3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := filepath.Join("..", "..", "..", "pcaps", name)
			r := replaytest.Open(t, base+".pcapng", base+".json")
			r.Check(t)
			r.CheckRTT(t)
			if len(r.Truth.Protected) > 0 {
				r.CheckHellos(t)
			}
		})
	}
}
