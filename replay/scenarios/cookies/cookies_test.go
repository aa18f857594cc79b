package cookies_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestCookies(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	t.Parallel()
	r := replaytest.Run(t, "http-cookies", replay.Options{RTT: 20 * time.Millisecond, Seed: 3})
	r.Check(t)
	r.CheckRTT(t)
	check(t, r)
}

func TestKept(t *testing.T) {
	t.Parallel()
	r := replaytest.Open(t, "../../../pcaps/http-cookies.pcapng", "../../../pcaps/http-cookies.json")
	r.Check(t)
	r.CheckRTT(t)
	check(t, r)
}

// Every server gives a cookie once, to the first request, and gets it back from
// then on; nobody else gets it.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	known := map[string]string{} // site: its cookie
	requests := 0
	for _, m := range r.Truth.Messages {
		u, err := url.Parse(m.HTTP.URL)
		if err != nil {
			t.Fatal(err)
		}
		f := m.HTTP.Fields
		if m.Kind == truth.HTTPRequest {
			requests++
			if f["cookie"] != known[u.Host] {
				t.Errorf("%s asked with cookie %q, want %q", m.HTTP.URL, f["cookie"], known[u.Host])
			}
			continue
		}
		set := f["set-cookie"]
		if (set == "") != (known[u.Host] != "") {
			t.Errorf("%s set %q, the browser had %q", m.HTTP.URL, set, known[u.Host])
		}
		if set != "" {
			known[u.Host], _, _ = strings.Cut(set, ";")
		}
	}
	// Five visits of a page, its logo and the advertiser's picture.
	if requests != 15 || len(known) != 3 {
		t.Errorf("%d requests, cookies %v", requests, known)
	}
	id, _ := r.Truth.Facts["identifier"].(string)
	if known["ads.tracker.test"] != "uid="+id || len(id) != 16 {
		t.Errorf("identifier %q, cookies %v", id, known)
	}
	if on := r.Truth.Facts["seen_on"]; !reflect.DeepEqual(on, []any{"www.news.test", "www.shop.test"}) {
		t.Errorf("seen on %v", on)
	}

	// The same, in what wiretale decoded.
	seen := map[string]bool{}
	for _, e := range r.Events {
		if q, ok := e.Body.(*events.HTTPRequest); ok && events.Get(q.Headers, "Cookie") == "uid="+id {
			from, err := url.Parse(events.Get(q.Headers, "Referer"))
			if err != nil || q.Host != "ads.tracker.test" {
				t.Errorf("frame %d: %s got the advertiser's cookie, %v", e.Pos.Frame, q.Host, err)
				continue
			}
			seen[from.Host] = true
		}
	}
	if !seen["www.news.test"] || !seen["www.shop.test"] || len(seen) != 2 {
		t.Errorf("wiretale saw the identifier on %v", seen)
	}
}
