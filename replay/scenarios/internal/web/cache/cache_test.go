package cache

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// server answers with what it holds, in requests per second of its own clock.
type server struct {
	now    *time.Time
	header http.Header
	body   string
	seen   []string // conditions of each request
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, req.Header.Get("If-None-Match")+req.Header.Get("If-Modified-Since"))
	h := s.header.Clone()
	h.Set("Date", s.now.Format(http.TimeFormat))
	status, body := 200, s.body
	if m := req.Header.Get("If-None-Match"); m != "" && m == h.Get("ETag") {
		status, body = 304, ""
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// Each conversation: seconds since the start, what the client got from where.
func TestDecisions(t *testing.T) {
	for _, c := range []struct {
		name   string
		shared bool
		header http.Header
		at     []int // seconds
		want   []string
	}{
		{"max-age with a validator", false, http.Header{"Cache-Control": {"max-age=10"}, "Etag": {`"a"`}},
			[]int{0, 9, 10, 19, 21}, []string{"miss 0", "hit 9", "revalidated 0", "hit 9", "revalidated 0"}},
		{"s-maxage is for shared ones", true, http.Header{"Cache-Control": {"max-age=10, s-maxage=2"}, "Etag": {`"a"`}},
			[]int{0, 1, 2}, []string{"miss 0", "hit 1", "revalidated 0"}},
		{"and not for private ones", false, http.Header{"Cache-Control": {"max-age=10, s-maxage=2"}, "Etag": {`"a"`}},
			[]int{0, 5}, []string{"miss 0", "hit 5"}},
		{"private", true, http.Header{"Cache-Control": {"private, max-age=10"}},
			[]int{0, 1}, []string{"miss 0", "miss 0"}},
		{"no-store", false, http.Header{"Cache-Control": {"no-store"}, "Etag": {`"a"`}},
			[]int{0, 1}, []string{"miss 0", "miss 0"}},
		{"no-cache", false, http.Header{"Cache-Control": {"no-cache"}, "Etag": {`"a"`}},
			[]int{0, 1}, []string{"miss 0", "revalidated 0"}},
		{"Expires", false, http.Header{"Expires": {"Thu, 01 Jan 2026 00:00:05 GMT"}},
			[]int{0, 4, 5}, []string{"miss 0", "hit 4", "miss 0"}},
		{"a tenth of the time since the last change", false, http.Header{"Last-Modified": {"Wed, 31 Dec 2025 23:59:00 GMT"}},
			[]int{0, 5, 6}, []string{"miss 0", "hit 5", "miss 0"}},
		{"no word at all", false, http.Header{}, []int{0, 1}, []string{"miss 0", "miss 0"}},
		{"an age from another cache", false, http.Header{"Cache-Control": {"max-age=10"}, "Age": {"7"}, "Etag": {`"a"`}},
			[]int{0, 2, 3}, []string{"miss 7", "hit 9", "revalidated 7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			now := epoch
			s := &server{now: &now, header: c.header, body: "content"}
			k := &Cache{Now: func() time.Time { return now }, Next: s, Shared: c.shared}
			for i, at := range c.at {
				now = epoch.Add(time.Duration(at) * time.Second)
				req, _ := http.NewRequest("GET", "http://www.example.test/", nil)
				resp, d, err := k.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				age := resp.Header.Get("Age")
				if age == "" {
					age = "0"
				}
				if got := fmt.Sprint(d.Outcome, " ", age); got != c.want[i] || string(body) != "content" || resp.StatusCode != 200 {
					t.Errorf("at %d s: %s (%s), %d %q; want %s", at, got, d.Why, resp.StatusCode, body, c.want[i])
				}
			}
		})
	}
}

// The client's condition is answered from the store and does not go further.
func TestClientCondition(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &server{now: &now, header: http.Header{"Cache-Control": {"max-age=10"}, "Etag": {`"a"`}}, body: "content"}
	k := &Cache{Now: func() time.Time { return now }, Next: s}
	for range 2 {
		req, _ := http.NewRequest("GET", "http://www.example.test/", nil)
		req.Header.Set("If-None-Match", `"b", W/"a"`)
		resp, err := k.RoundTrip(req)
		if err != nil || resp.StatusCode != 304 {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	if len(s.seen) != 1 || s.seen[0] != "" {
		t.Errorf("the server saw %q", s.seen)
	}
}

func TestVary(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &server{now: &now, header: http.Header{"Cache-Control": {"max-age=10"}, "Vary": {"Accept-Language"}}, body: "content"}
	k := &Cache{Now: func() time.Time { return now }, Next: s}
	var got []string
	for _, lang := range []string{"en", "en", "fr", "fr"} {
		req, _ := http.NewRequest("GET", "http://www.example.test/", nil)
		req.Header.Set("Accept-Language", lang)
		_, d, err := k.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Outcome)
	}
	if strings.Join(got, " ") != "miss hit miss hit" {
		t.Errorf("%v", got)
	}
}
