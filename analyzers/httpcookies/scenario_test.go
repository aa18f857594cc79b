package httpcookies_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/httpcookies"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestKept(t *testing.T) {
	check(t, replaytest.Open(t, "../../pcaps/http-cookies.pcapng", "../../pcaps/http-cookies.json"))
}

func TestCookies(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, at := range []string{"client", "middle", "server"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, "http-cookies", replay.Options{RTT: 10 * time.Millisecond, Seed: 6, At: at}))
		})
	}
}

// site is the registrable domain of the scenario's names, which all have three
// labels.
func site(host string) string { _, s, _ := strings.Cut(host, "."); return s }

// check: the rows are what the hosts tell of their messages: how often each
// cookie was set and sent, for whose pages, and who knew whom again.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	type want struct {
		sets, sent int
		pages      map[string]int // by site of the page
		value      string
	}
	told := map[string]*want{}
	for _, m := range r.Truth.Messages {
		u, err := url.Parse(m.HTTP.URL)
		if err != nil {
			t.Fatal(err)
		}
		pair := m.HTTP.Fields["cookie"]
		if m.Kind == truth.HTTPResponse {
			pair, _, _ = strings.Cut(m.HTTP.Fields["set-cookie"], ";")
		}
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		w := told[name]
		if w == nil {
			w = &want{pages: map[string]int{}, value: value}
			told[name] = w
		}
		page := site(u.Host)
		if m.Kind == truth.HTTPResponse {
			w.sets++
			continue
		}
		w.sent++
		if ref, err := url.Parse(m.HTTP.Fields["referer"]); err == nil && ref.Host != "" {
			page = site(ref.Host)
		}
		w.pages[page]++
	}
	rows := foldtest.Rows(t, httpcookies.Question, r.Events...)
	if len(rows) != len(told) || len(told) != 3 {
		t.Errorf("%d cookies, want %d", len(rows), len(told))
	}
	for _, row := range rows {
		v := row.Value.(*httpcookies.Cookie)
		w := told[v.Name]
		if w == nil {
			t.Errorf("cookie %s", v.Name)
			continue
		}
		sent := map[string]int{}
		for _, e := range v.Seen {
			if e.Requests > 0 {
				sent[e.Site] += int(e.Requests)
			}
			if sum := sha256.Sum256([]byte(w.value)); e.Value != fmt.Sprintf("<redacted:%x>", sum[:4]) {
				t.Errorf("%s: value %s", v.Name, e.Value)
			}
		}
		if int(v.Sets) != w.sets || int(v.Sent) != w.sent || fmt.Sprint(sent) != fmt.Sprint(w.pages) || v.Values != 1 || v.Undecided != "" {
			t.Errorf("%s: %+v, want %+v", v.Name, v, w)
		}
		party := httpcookies.First
		if v.Name == "uid" {
			party = httpcookies.Third
			var on []string
			for _, h := range r.Truth.Facts["seen_on"].([]any) {
				on = append(on, site(h.(string)))
			}
			slices.Sort(on)
			if !slices.Equal(v.TrackedSites, on) || v.Domain != "tracker.test" || v.SetBy != "ads.tracker.test" {
				t.Errorf("tracked on %v, want %v; %+v", v.TrackedSites, on, v)
			}
		}
		if v.Party != party || v.Tracking != (v.Name == "uid") {
			t.Errorf("%s: %s party, tracking %v", v.Name, v.Party, v.Tracking)
		}
	}
}
