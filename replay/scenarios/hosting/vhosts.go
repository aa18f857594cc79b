// Package hosting is where sites live: many names on one address, and one site
// on the edges of a content delivery network. Clients and servers are net/http;
// edges are caching proxies (RFC 9111) that stand for the origin.
package hosting

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
)

// VHosts is a line in scenarios/all.
var VHosts = scenarios.Scenario{
	Name: "http-vhosts",
	Doc:  "three sites on one address, told apart by Host, and a name that none of them has",
	RTT:  40 * time.Millisecond,
	Run:  runVHosts,
}

const agent = "wiretale-replay"

// Names of the three sites, and one more for the same address.
var (
	siteNames = []string{"www.bakery.test", "www.library.test", "www.garden.test"}
	strayName = "old.example.test"
)

func runVHosts(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		client, err := w.Host("client", "browser", "10.0.0.10")
		if err != nil {
			return err
		}
		server, err := w.Host("server", "web server of three sites", "198.51.100.80", append([]string{strayName}, siteNames...)...)
		if err != nil {
			return err
		}
		if err := w.Link(client, server, p.RTT); err != nil {
			return err
		}
		mux := http.NewServeMux()
		for i, name := range siteNames {
			// Same paths everywhere: only Host tells them apart.
			site := &web.Site{}
			logo, err := web.Image(web.Random(p.Seed, name), 1200+400*i)
			if err != nil {
				return err
			}
			site.Put("/logo.png", web.Object{Type: web.PNG, Body: logo})
			site.Put("/", web.Object{Type: web.HTML, Body: web.Document(name, web.Img("/logo.png"))})
			mux.Handle(name+"/", site)
		}
		mux.Handle("/", &web.Site{}) // for all other names: it has nothing
		if err := w.Serve(server, "80", agent, mux); err != nil {
			return err
		}

		// The client has a connection for each name: that the address is the
		// same, it does not look at.
		lane := w.Lane(client, web.LaneOptions{})
		defer lane.Close()
		b := &web.Browser{Agent: agent, Lanes: []http.RoundTripper{lane}}
		for i, name := range append(siteNames[:len(siteNames):len(siteNames)], strayName) {
			pages, err := b.Visit(ctx, "http://"+name+"/")
			if err != nil {
				return err
			}
			want := http.StatusOK
			if i == len(siteNames) {
				want = http.StatusNotFound
			}
			if pages[0].Status != want {
				return fmt.Errorf("hosting: %s: status %d", name, pages[0].Status)
			}
		}
		return nil
	})
}
