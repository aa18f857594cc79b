// Package visit is the whole of a visit: a page whose parts lie on three
// hosts, as most do. A browser looks each host up, connects to it, shakes
// hands, and fetches what it is to show. DNS is miekg/dns; HTTP/2 is
// golang.org/x/net/http2 over crypto/tls, HTTP/3 is quic-go.
package visit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/multiplex"
)

// HTTP2 is a visit over HTTP/2.
var HTTP2 = scenarios.Scenario{
	Name: "page-h2",
	Doc:  "a visit: look-ups, then a page over HTTP/2 and TLS from its site, a content network and an ad server",
	RTT:  40 * time.Millisecond,
	Run:  func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) { return play(ctx, p, h2) },
}

// HTTP3 is the same visit over HTTP/3, which DNS announces.
var HTTP3 = scenarios.Scenario{
	Name:   "page-h3",
	Doc:    "the same visit over HTTP/3, which the HTTPS records of DNS announce",
	RTT:    40 * time.Millisecond,
	MinMTU: multiplex.MinMTU,
	Run:    func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) { return play(ctx, p, h3) },
}

// version is the HTTP of a visit.
type version uint8

const (
	h2 version = iota
	h3
)

// The three origins.
const (
	siteName = "www.example.test"
	cdnName  = "static.cdn.test"
	adsName  = "ads.tracker.test"
)

const images = 6

// Addresses for documentation (RFC 5737) and a private client.
var (
	clientAddr = netip.MustParseAddr("10.0.0.10")
	dnsAddr    = netip.MustParseAddr("192.0.2.53")
	siteAddr   = netip.MustParseAddr("198.51.100.80")
	cdnAddr    = netip.MustParseAddr("203.0.113.10")
	adsAddr    = netip.MustParseAddr("203.0.113.200")
)

// visit is the scenario while it runs.
type visit struct {
	*multiplex.World
	version  version
	resolver resolver
	origins  map[string]*multiplex.Origin

	mu    sync.Mutex
	calls []*multiplex.Call
}

func play(ctx context.Context, p scenarios.Params, ver version) (*scenarios.Result, error) {
	w, err := multiplex.New(p, clientAddr)
	if err != nil {
		return nil, err
	}
	v := &visit{World: w, version: ver, origins: map[string]*multiplex.Origin{}}
	return w.Play(ctx, func(ctx context.Context) error {
		if err := v.build(); err != nil {
			return err
		}
		return v.browse(ctx)
	})
}

// build makes hosts and links, and starts all servers.
func (v *visit) build() error {
	rtt := v.Params.RTT
	if err := v.startDNS(rtt / 4); err != nil {
		return err
	}
	contents, err := makeContents(v.Params.Seed)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		host, name string
		addr       netip.Addr
		rtt        time.Duration
		think      time.Duration
	}{
		{"www", siteName, siteAddr, rtt, 20 * time.Millisecond}, // a page is made when it is asked for
		{"cdn", cdnName, cdnAddr, rtt / 4, 0},                   // an edge nearby
		{"ads", adsName, adsAddr, rtt * 3 / 2, 30 * time.Millisecond},
	} {
		way := v.Params.Path(s.rtt)
		o, err := v.Origin(s.host, s.name, s.addr, way, way, contents[s.name])
		if err != nil {
			return err
		}
		o.Think = func(string) time.Duration { return s.think }
		if v.version == h3 {
			err = o.ServeHTTP3()
		} else {
			err = o.ServeHTTP2(true, nil)
		}
		if err != nil {
			return err
		}
		v.origins[s.name] = o
	}
	return nil
}

// browse is the visit.
func (v *visit) browse(ctx context.Context) error {
	site, err := v.connect(ctx, siteName)
	if err != nil {
		return err
	}
	call, page, err := site.Fetch(ctx, "/", nil)
	if err != nil {
		return err
	}
	v.fetched(call)
	found, err := partsOf(v.origins[siteName].URL("/"), page)
	if err != nil {
		return err
	}
	conns := []*multiplex.Conn{site}
	var wg sync.WaitGroup
	var errs []error
	for _, h := range found {
		wg.Go(func() {
			c, calls, err := v.fetchFrom(ctx, h)
			v.mu.Lock()
			defer v.mu.Unlock()
			errs = append(errs, err)
			if err == nil {
				conns = append(conns, c)
				v.calls = append(v.calls, calls...)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	multiplex.Finished(v.World, v.calls)
	conns[0].Settle(ctx)
	for _, c := range conns {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) fetched(c *multiplex.Call) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = append(v.calls, c)
}

// parts are the paths that a page shows from one host.
type parts struct {
	host  string
	paths []string
}

func (v *visit) fetchFrom(ctx context.Context, p parts) (*multiplex.Conn, []*multiplex.Call, error) {
	c, err := v.connect(ctx, p.host)
	if err != nil {
		return nil, nil, err
	}
	calls, err := c.FetchAll(ctx, p.paths...)
	return c, calls, err
}

// connect looks a host up and shakes hands with it.
func (v *visit) connect(ctx context.Context, name string) (*multiplex.Conn, error) {
	o := v.origins[name]
	if o == nil {
		return nil, fmt.Errorf("the page shows something of %s", name)
	}
	addr, err := v.lookUp(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look-up of %s: %w", name, err)
	}
	if addr != o.Addr().Addr() {
		return nil, fmt.Errorf("%s is at %s, not at %s", name, addr, o.Addr().Addr())
	}
	if v.version == h3 {
		return o.HTTP3(ctx)
	}
	return o.HTTP2(ctx)
}

// partsOf are the scripts, style sheets and images of a page, by host, in the
// order in which the hosts first occur.
func partsOf(base string, page []byte) ([]parts, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	var out []parts
	add := func(ref string) error {
		u, err := at.Parse(ref)
		if err != nil {
			return err
		}
		for i := range out {
			if out[i].host == u.Host {
				out[i].paths = append(out[i].paths, u.RequestURI())
				return nil
			}
		}
		out = append(out, parts{u.Host, []string{u.RequestURI()}})
		return nil
	}
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return out, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			of := map[string]string{"img": "src", "script": "src", "link": "href"}[t.Data]
			for _, a := range t.Attr {
				if of == "" || a.Key != of {
					continue
				}
				if err := add(a.Val); err != nil {
					return nil, err
				}
			}
		}
	}
}

// makeContents makes up what the origins have: the same for the same seed.
func makeContents(seed uint64) (map[string]map[string]multiplex.Content, error) {
	m := multiplex.NewMaker(seed, 0x7669736974) // "visit"
	cdn := map[string]multiplex.Content{"/site.css": m.CSS(9_000), "/app.js": m.JS(12_000)}
	var page strings.Builder
	fmt.Fprintf(&page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Six images and an ad</title>\n"+
		"<link rel=\"stylesheet\" href=\"https://%s/site.css\">\n<script src=\"https://%s/app.js\"></script>\n<script src=\"https://%s/count.js?page=%%2F\"></script></head>\n<body>\n",
		cdnName, cdnName, adsName)
	for i := 1; i <= images; i++ {
		path := fmt.Sprintf("/images/%d.png", i)
		c, err := m.PNG(2_000 + 1_500*i)
		if err != nil {
			return nil, err
		}
		cdn[path] = c
		fmt.Fprintf(&page, "<p><img src=\"https://%s%s\" alt=\"Noise, number %d\"></p>\n", cdnName, path, i)
	}
	fmt.Fprintf(&page, "<p><img src=\"https://%s/banner.svg\" alt=\"Advertisement\"></p>\n</body>\n</html>\n", adsName)
	return map[string]map[string]multiplex.Content{
		siteName: {"/": {Type: "text/html; charset=utf-8", Body: []byte(page.String())}},
		cdnName:  cdn,
		adsName:  {"/count.js": m.JS(800), "/banner.svg": m.SVG(5_000)},
	}, nil
}
