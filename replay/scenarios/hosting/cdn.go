package hosting

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web/cache"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// CDN is a line in scenarios/all.
var CDN = scenarios.Scenario{
	Name: "http-cdn",
	Doc:  "an origin sends its clients to the nearest edge of a CDN, by rewritten URLs and by redirect",
	RTT:  80 * time.Millisecond,
	Run:  runCDN,
}

const (
	originName = "www.example.test"
	clipPath   = "/clip.bin"
	clipSize   = 12_000
	pictures   = 2

	// An edge is that much nearer to its clients than the origin.
	nearer = 8
)

// edge is one place of the CDN.
type edge struct {
	host    *simnet.Host
	name    string // DNS
	clients []*simnet.Host
}

// cdn is the scenario while it runs.
type cdn struct {
	*web.World
	origin *simnet.Host
	edges  []*edge
	site   *web.Site
}

func runCDN(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		c := &cdn{World: w, site: &web.Site{}}
		if err := c.build(); err != nil {
			return err
		}
		if err := c.publish(); err != nil {
			return err
		}
		if err := c.serve(); err != nil {
			return err
		}
		// The clocks stand still: what is fresh stays fresh.
		if err := w.At(ctx, 0); err != nil {
			return err
		}
		for _, e := range c.edges {
			for _, h := range e.clients {
				if err := c.visit(ctx, h); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// build makes hosts and links: clients know the origin and their own edge.
func (c *cdn) build() (err error) {
	if c.origin, err = c.Host("origin", "web server of "+originName, "198.51.100.80", originName); err != nil {
		return err
	}
	for i, x := range []struct {
		region  string
		clients int
	}{{"north", 2}, {"south", 1}} {
		e := &edge{name: x.region + ".cdn.test"}
		if e.host, err = c.Host("edge-"+x.region, "edge of the CDN", fmt.Sprintf("203.0.113.%d", 10*(i+1)), e.name); err != nil {
			return err
		}
		if err := c.Link(e.host, c.origin, c.P.RTT); err != nil {
			return err
		}
		for k := range x.clients {
			h, err := c.Host(fmt.Sprintf("client-%s%d", x.region, k+1), "browser", fmt.Sprintf("10.%d.0.%d", i+1, 10+k))
			if err != nil {
				return err
			}
			if err := c.Link(h, c.origin, c.P.RTT); err != nil {
				return err
			}
			if err := c.Link(h, e.host, c.P.RTT/nearer); err != nil {
				return err
			}
			e.clients = append(e.clients, h)
		}
		c.edges = append(c.edges, e)
	}
	return nil
}

// publish puts up what edges may keep.
func (c *cdn) publish() error {
	rnd := web.Random(c.P.Seed, "cdn")
	for i := range pictures {
		body, err := web.Image(rnd, 3000+1000*i)
		if err != nil {
			return err
		}
		c.site.Put(picture(i), web.Object{Type: web.PNG, Body: body, Control: "public, max-age=3600", ETag: fmt.Sprintf(`"%016x"`, rnd.Uint64())})
	}
	clip := make([]byte, clipSize)
	for i := range clip {
		clip[i] = byte(rnd.Uint32())
	}
	c.site.Put(clipPath, web.Object{Type: "application/octet-stream", Body: clip, Control: "public, max-age=3600", ETag: fmt.Sprintf(`"%016x"`, rnd.Uint64())})
	return nil
}

func picture(i int) string { return fmt.Sprintf("/images/%d.png", i+1) }

// serve starts the origin and the edges.
func (c *cdn) serve() error {
	if err := c.Serve(c.origin, "80", agent, c); err != nil {
		return err
	}
	for _, e := range c.edges {
		lane := c.Lane(e.host, web.LaneOptions{})
		proxy := &web.Proxy{W: c.World, Name: e.name, Upstream: upstream,
			Cache: &cache.Cache{Now: c.Now, Next: web.NewPool(lane), Shared: true}}
		if err := c.Serve(e.host, "80", "wiretale-edge", proxy); err != nil {
			return err
		}
	}
	return nil
}

// upstream is where an edge fetches from: the first part of the path names the
// origin.
func upstream(r *http.Request) (*url.URL, bool) {
	name, path, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return &url.URL{Scheme: "http", Host: name, Path: "/" + path}, ok && name == originName
}

// ServeHTTP is the origin. People get a page whose pictures are at their edge,
// and are sent there for the clip; edges get what they ask for.
func (c *cdn) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	e, from := c.nearest(r.RemoteAddr)
	choose := func(how string) string {
		at := "http://" + e.name + "/" + originName
		c.Choose(truth.Choice{Host: c.origin.Name(), What: "edge", Of: e.name, Why: how + " for " + from.Name() + ", which is nearest to it"})
		return at
	}
	switch {
	case e != nil && r.URL.Path == "/":
		at := choose("rewritten URLs")
		var shown []string
		for i := range pictures {
			shown = append(shown, web.Img(at+picture(i)))
		}
		rw.Header().Set("Content-Type", web.HTML)
		rw.Header().Set("Cache-Control", "private, no-store")
		_, _ = rw.Write(web.Document("A page with a clip", shown...)) // the client sees it missing
	case e != nil && r.URL.Path == clipPath:
		rw.Header().Set("Cache-Control", "private, no-store")
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("Location", choose("redirect")+clipPath)
		rw.WriteHeader(http.StatusFound)
		fmt.Fprintf(rw, "at %s\n", e.name)
	default:
		c.site.ServeHTTP(rw, r)
	}
}

// nearest is the edge of a client, or nil for who is none.
func (c *cdn) nearest(remote string) (*edge, *simnet.Host) {
	addr, _, err := net.SplitHostPort(remote)
	if err != nil {
		return nil, nil
	}
	for _, e := range c.edges {
		for _, h := range e.clients {
			if h.Addrs()[0].String() == addr {
				return e, h
			}
		}
	}
	return nil, nil
}

// visit is one person: the page with its pictures, then the clip.
func (c *cdn) visit(ctx context.Context, h *simnet.Host) error {
	lane := c.Lane(h, web.LaneOptions{})
	defer lane.Close()
	b := &web.Browser{Agent: agent, Lanes: []http.RoundTripper{lane}}
	pages, err := b.Visit(ctx, "http://"+originName+"/")
	if err != nil {
		return err
	}
	clip, err := b.Get(ctx, 0, "http://"+originName+clipPath, pages[0].URL)
	if err != nil {
		return err
	}
	for _, page := range append(pages, clip) {
		if page.Status != http.StatusOK {
			return fmt.Errorf("hosting: %s: status %d", page.URL, page.Status)
		}
	}
	if len(pages) != 1+pictures || len(clip.Body) != clipSize {
		return fmt.Errorf("hosting: %d pages, a clip of %d bytes", len(pages), len(clip.Body))
	}
	return nil
}
