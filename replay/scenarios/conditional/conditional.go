// Package conditional is a browser with a cache of its own (RFC 9111) that
// comes to one page three times. Server and client are net/http; what is fresh,
// what is asked for under a condition, and what has changed, is told by the
// cache itself.
package conditional

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web/cache"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Scenario is this package's line in scenarios/all.
var Scenario = scenarios.Scenario{
	Name:  "http-conditional",
	Doc:   "a browser with a cache comes to a page three times: fresh, not modified, changed",
	RTT:   40 * time.Millisecond,
	Takes: scenarios.TimeScale,
	Run:   run,
}

const (
	siteName = "www.example.test"
	siteURL  = "http://" + siteName + "/"
	agent    = "wiretale-replay"
)

// visits are the moments at which the browser comes, in seconds of the
// scenario.
var visits = []time.Duration{0, time.Second, 4 * time.Second}

// object is one thing of the site, and how it may be cached.
type object struct {
	path, mediaType, control string
	tag, modified            bool // has ETag, Last-Modified
	size                     int
	changes                  bool // before the last visit
}

var objects = []object{
	{path: "/", mediaType: web.HTML, control: "no-cache", tag: true, changes: true},
	{path: "/style.css", mediaType: "text/css", control: "max-age=60", tag: true},
	{path: "/logo.png", mediaType: web.PNG, control: "max-age=0", modified: true, size: 2500},
	{path: "/photo.png", mediaType: web.PNG, control: "max-age=2", tag: true, modified: true, size: 6000},
	{path: "/news.png", mediaType: web.PNG, control: "max-age=2", tag: true, size: 3000, changes: true},
	{path: "/ad.png", mediaType: web.PNG, control: "no-store", tag: true, size: 1200},
}

// made are the days on which the site was made, and changed.
var (
	made    = simnet.Epoch.AddDate(0, 0, -30)
	changed = simnet.Epoch.Add(2 * time.Second)
)

func run(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		client, err := w.Host("client", "browser with a cache", "10.0.0.10")
		if err != nil {
			return err
		}
		server, err := w.Host("server", "web server of "+siteName, "198.51.100.80", siteName)
		if err != nil {
			return err
		}
		if err := w.Link(client, server, p.RTT); err != nil {
			return err
		}
		site := &web.Site{}
		if err := publish(site, p.Seed, 1); err != nil {
			return err
		}
		if err := w.Serve(server, "80", agent, site); err != nil {
			return err
		}

		lane := w.Lane(client, web.LaneOptions{})
		defer lane.Close()
		b := &web.Browser{Agent: agent, Lanes: []http.RoundTripper{&cache.Cache{
			Now: w.Now, Next: lane,
			Note: func(d truth.CacheDecision) { d.Host = client.Name(); w.Decide(d) },
		}}}
		for i, at := range visits {
			if i == len(visits)-1 {
				if err := publish(site, p.Seed, 2); err != nil {
					return err
				}
			}
			if err := w.At(ctx, at); err != nil {
				return err
			}
			pages, err := b.Visit(ctx, siteURL)
			if err != nil {
				return err
			}
			if len(pages) != len(objects) {
				return fmt.Errorf("conditional: visit %d brought %d objects of %d", i+1, len(pages), len(objects))
			}
		}
		return nil
	})
}

// publish puts an edition of the site up; only what changes differs from one
// to the next.
func publish(site *web.Site, seed uint64, edition int) error {
	for i, o := range objects {
		n, day := 1, made
		if o.changes {
			n = edition
			if edition > 1 {
				day = changed
			}
		}
		rnd := web.Random(seed, fmt.Sprintf("conditional %s %d", o.path, n))
		x := web.Object{Type: o.mediaType, Control: o.control}
		if o.tag {
			x.ETag = fmt.Sprintf(`"%016x"`, rnd.Uint64())
		}
		if o.modified {
			x.Modified = day
		}
		var err error
		switch {
		case o.path == "/":
			var shown []string
			for _, other := range objects[i+1:] {
				switch other.mediaType {
				case web.PNG:
					shown = append(shown, web.Img(other.path))
				default:
					shown = append(shown, fmt.Sprintf("<link rel=\"stylesheet\" href=%q>\n", other.path))
				}
			}
			x.Body = web.Document(fmt.Sprintf("Edition %d", n), shown...)
		case o.mediaType == web.PNG:
			x.Body, err = web.Image(rnd, o.size)
		default:
			x.Body = []byte("body { font-family: serif; max-width: 40em; margin: auto }\n")
		}
		if err != nil {
			return err
		}
		site.Put(o.path, x)
	}
	return nil
}
