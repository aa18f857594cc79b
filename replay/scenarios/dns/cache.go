package dns

import (
	"context"
	"fmt"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	cacheZone = `
example.test.       300 SOA ns1.example.test. hostmaster.example.test. 2026010100 1800 900 604800 2
example.test.       300 NS  ns1.example.test.
ns1.example.test.   300 A   198.51.100.53
www.example.test.   3   A   198.51.100.80
news.example.test.  2   A   198.51.100.81
`
	wwwBefore = "198.51.100.80"
	wwwAfter  = "203.0.113.80"
)

// Cache is one cache, two users, and a record that changes too early. Its
// TTLs are in real seconds unless TimeScale says otherwise.
var Cache = scenario("dns-cache",
	"two users of one cache: hits, expiry, and an answer that is out of date", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		neighbour, err := w.Host("neighbour", "asks the same local server", "10.0.0.11")
		if err != nil {
			return err
		}
		if err := w.Near(neighbour, h.local, near(w.P.RTT)); err != nil {
			return err
		}
		if err := h.serve(ctx, cacheZone); err != nil {
			return err
		}
		other := *h.client
		other.Host = neighbour

		var changed time.Time
		// The clock of the steps begins when the cache holds all names, so that a
		// late machine cannot ask for one again before it expired.
		for _, name := range []string{"www", "news", "nosuch"} {
			if _, err := ask(ctx, h.client, h.local, name+".example.test", mdns.TypeA); err != nil {
				return err
			}
		}
		begin := w.Age()
		for _, step := range []struct {
			at   time.Duration // of the scenario's own time
			who  *dnsnet.Client
			name string // empty: www changes
		}{
			{500 * time.Millisecond, &other, "www"},
			{700 * time.Millisecond, &other, "nosuch"},
			{1000 * time.Millisecond, nil, ""},
			{1300 * time.Millisecond, h.client, "www"}, // out of date
			{1500 * time.Millisecond, h.client, "news"},
			{2600 * time.Millisecond, &other, "news"},   // expired
			{2700 * time.Millisecond, &other, "nosuch"}, // "no" expires too
			{3600 * time.Millisecond, h.client, "www"},  // expired, and now the new one
			{4000 * time.Millisecond, &other, "www"},
		} {
			if err := w.Sleep(ctx, begin+step.at-w.Age()); err != nil {
				return err
			}
			if step.name == "" {
				if err := h.example.Replace("www.example.test. 3 IN A " + wwwAfter); err != nil {
					return err
				}
				changed = w.Now()
				w.Choose(h.auth.Name(), "change", "www.example.test. A", wwwBefore+" becomes "+wwwAfter)
				continue
			}
			if _, err := ask(ctx, step.who, h.local, step.name+".example.test", mdns.TypeA); err != nil {
				return err
			}
		}
		outOfDate(w, h.local, changed)
		return nil
	})

// outOfDate finds the hits that told what was no longer so: those between the
// change and the next miss. The cache itself cannot know.
func outOfDate(w *dnsnet.World, local *simnet.Host, changed time.Time) {
	n, fresh := 0, false
	w.Decisions(func(d *truth.CacheDecision) {
		if d.Host != local.Name() || !strings.HasPrefix(d.Key, "www.example.test. ") || !d.Time.After(changed) {
			return
		}
		if d.Outcome == "miss" {
			fresh = true
		} else if !fresh {
			n++
			d.Why += fmt.Sprintf("; out of date, since the record changed %.2f s ago", d.Time.Sub(changed).Seconds())
		}
	})
	w.Fact("out_of_date_answers", n)
}
