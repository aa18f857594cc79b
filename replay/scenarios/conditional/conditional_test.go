package conditional_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// What the browser must do at each visit, from RFC 9111: the URL's path, the
// decision, and the status of the answer where it had to ask.
var want = strings.Fields(`
	/:miss:200 /style.css:miss:200 /logo.png:miss:200 /photo.png:miss:200 /news.png:miss:200 /ad.png:miss:200
	/:revalidated:304 /style.css:hit /logo.png:revalidated:304 /photo.png:hit /news.png:hit /ad.png:miss:200
	/:miss:200 /style.css:hit /logo.png:revalidated:304 /photo.png:revalidated:304 /news.png:miss:200 /ad.png:miss:200`)

func TestConditional(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	t.Parallel()
	r := replaytest.Run(t, "http-conditional", replay.Options{RTT: 20 * time.Millisecond, Seed: 3, TimeScale: 4})
	r.Check(t)
	r.CheckRTT(t)
	check(t, r.Truth)
}

func TestKept(t *testing.T) {
	t.Parallel()
	r := replaytest.Open(t, "../../../pcaps/http-conditional.pcapng", "../../../pcaps/http-conditional.json")
	r.Check(t)
	r.CheckRTT(t)
	check(t, r.Truth)
}

func check(t *testing.T, got *truth.Truth) {
	t.Helper()
	var answers []truth.Message
	for _, m := range got.Messages {
		if m.Kind == truth.HTTPResponse {
			answers = append(answers, m)
		}
	}
	if len(got.Cache) != len(want) {
		t.Fatalf("%d decisions, want %d", len(got.Cache), len(want))
	}
	const site = "http://www.example.test"
	for i, d := range got.Cache {
		parts := strings.Split(want[i], ":")
		if d.Key != site+parts[0] || d.Outcome != parts[1] || d.Host != "client" {
			t.Errorf("decision %d: %s %s (%s) of %s, want %s", i, d.Key, d.Outcome, d.Why, d.Host, want[i])
		}
		if len(parts) < 3 {
			continue
		}
		if len(answers) == 0 {
			t.Fatal("too few answers")
		}
		m := answers[0].HTTP
		answers = answers[1:]
		if m.URL != d.Key || (m.Status == 304) != (parts[2] == "304") || m.Status == 304 && m.BodyBytes != 0 {
			t.Errorf("decision %d: %s answered with %d and %d bytes, want %s", i, m.URL, m.Status, m.BodyBytes, want[i])
		}
	}
	if len(answers) > 0 {
		t.Errorf("%d answers that nobody decided on", len(answers))
	}
	// The condition of each request is the validator of the answer before.
	tag, modified := map[string]string{}, map[string]string{}
	for _, m := range got.Messages {
		f := m.HTTP.Fields
		if m.Kind == truth.HTTPRequest {
			if tag[m.HTTP.URL] != f["if-none-match"] || modified[m.HTTP.URL] != f["if-modified-since"] {
				t.Errorf("%s asked with %v, known are %q and %q", m.HTTP.URL, f, tag[m.HTTP.URL], modified[m.HTTP.URL])
			}
			continue
		}
		if f["cache-control"] == "no-store" {
			continue
		}
		if v := f["etag"]; v != "" {
			tag[m.HTTP.URL] = v
		}
		if v := f["last-modified"]; v != "" {
			modified[m.HTTP.URL] = v
		}
	}
}
