// Package http1 is one page with ten objects, fetched in the four ways that
// HTTP/1 knows: a connection for each request, one for all, several at once,
// and one with pipelining. Both ends are net/http; where requests are
// pipelined, which net/http's client cannot, both use its reader and writer of
// messages on a connection of their own.
package http1

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
)

// The scenarios of this package, for scenarios/all.
var (
	NonPersistent = scenarios.Scenario{
		Name: "http1-nonpersistent",
		Doc:  "a page with ten objects over HTTP/1.1, a connection for each",
		RTT:  rtt, Run: runLanes(1, web.LaneOptions{Once: true}),
	}
	Persistent = scenarios.Scenario{
		Name: "http1-persistent",
		Doc:  "a page with ten objects over HTTP/1.1, all on one connection",
		RTT:  rtt, Run: runLanes(1, web.LaneOptions{}),
	}
	Parallel = scenarios.Scenario{
		Name: "http1-parallel",
		Doc:  "a page with ten objects over HTTP/1.1, on four connections at once",
		RTT:  rtt, Run: runLanes(parallel, web.LaneOptions{}),
	}
	Pipelined = scenarios.Scenario{
		Name: "http1-pipelined",
		Doc:  "a page with ten objects over HTTP/1.1, ten requests at once behind a slow, large object",
		RTT:  rtt, Run: runPipelined,
	}
)

const (
	rtt      = 40 * time.Millisecond
	objects  = 10
	parallel = 4

	siteName = "www.example.test"
	siteURL  = "http://" + siteName + "/"
	agent    = "wiretale-replay"
)

// setting is the client, the server and the link between them.
type setting struct {
	*web.World
	client, server *simnet.Host
	site           *web.Site
}

// build makes the hosts and the page, of objects with sizes in bytes.
func build(w *web.World, sizes []int) (*setting, error) {
	s := &setting{World: w, site: &web.Site{}}
	var err error
	if s.client, err = w.Host("client", "browser", "10.0.0.10"); err != nil {
		return nil, err
	}
	if s.server, err = w.Host("server", "web server of "+siteName, "198.51.100.80", siteName); err != nil {
		return nil, err
	}
	if err := w.Link(s.client, s.server, w.P.RTT); err != nil {
		return nil, err
	}
	rnd := web.Random(w.P.Seed, "http1")
	var shown []string
	for i, size := range sizes {
		body, err := web.Image(rnd, size)
		if err != nil {
			return nil, err
		}
		path := fmt.Sprintf("/images/%02d.png", i+1)
		s.site.Put(path, web.Object{Type: web.PNG, Body: body})
		shown = append(shown, web.Img(path))
	}
	s.site.Put("/", web.Object{Type: web.HTML, Body: web.Document("Ten objects", shown...)})
	return s, nil
}

// small are the sizes of ten objects: each fits into TCP's initial window, so
// that no object takes more than the round trips of its method.
func small(seed uint64) []int {
	rnd := web.Random(seed, "http1-sizes")
	sizes := make([]int, objects)
	for i := range sizes {
		sizes[i] = 1_000 + rnd.IntN(5_000)
	}
	return sizes
}

// runLanes fetches page and objects over that many lanes.
func runLanes(lanes int, o web.LaneOptions) func(context.Context, scenarios.Params) (*scenarios.Result, error) {
	return func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
			s, err := build(w, small(p.Seed))
			if err != nil {
				return err
			}
			if err := w.Serve(s.server, "80", agent, s.site); err != nil {
				return err
			}
			b := &web.Browser{Agent: agent}
			for range lanes {
				l := w.Lane(s.client, o)
				defer l.Close()
				b.Lanes = append(b.Lanes, l)
			}
			start := w.Net.Now()
			pages, err := b.Visit(ctx, siteURL)
			if err != nil {
				return err
			}
			w.Fact("page_seconds", time.Duration(w.Net.Now()-start).Seconds())
			return check(pages)
		})
	}
}

// check fails where a visit did not bring what the scenario is about.
func check(pages []*web.Page) error {
	if len(pages) != 1+objects {
		return fmt.Errorf("http1: the page shows %d objects, not %d", len(pages)-1, objects)
	}
	for _, p := range pages {
		if p.Status != http.StatusOK {
			return fmt.Errorf("http1: %s: status %d", p.URL, p.Status)
		}
	}
	return nil
}
