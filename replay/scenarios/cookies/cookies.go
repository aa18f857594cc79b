// Package cookies is a browser that visits two sites which both show a picture
// from the same advertiser (RFC 6265). All hosts are net/http, the browser
// keeps its cookies in net/http/cookiejar.
package cookies

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Scenario is this package's line in scenarios/all.
var Scenario = scenarios.Scenario{
	Name: "http-cookies",
	Doc:  "two sites show a picture of one advertiser, who knows the browser again",
	RTT:  40 * time.Millisecond,
	Run:  run,
}

const (
	newsName = "www.news.test"
	shopName = "www.shop.test"
	adsName  = "ads.tracker.test"
	agent    = "wiretale-replay"
)

// visits are the pages that the person looks at, in order.
var visits = []string{
	"http://" + newsName + "/",
	"http://" + newsName + "/sports",
	"http://" + shopName + "/",
	"http://" + shopName + "/basket",
	"http://" + newsName + "/",
}

// party is a server that gives every browser without its cookie a new one.
type party struct {
	w      *web.World
	host   *simnet.Host
	cookie string // name
	site   *web.Site

	mu    sync.Mutex
	next  func() string
	given []string
	// seen are the sites on which an identifier was seen, as the Referer tells.
	seen map[string][]string
}

func (p *party) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(p.cookie)
	p.mu.Lock()
	if err != nil {
		id := p.next()
		p.given = append(p.given, id)
		c = &http.Cookie{Name: p.cookie, Value: id, Path: "/", Domain: p.domain()}
		if p.domain() != "" {
			c.MaxAge = 365 * 24 * 3600
		}
		http.SetCookie(rw, c)
		p.w.Choose(truth.Choice{Host: p.host.Name(), What: "new_identifier", Of: c.Value, Why: "no cookie from this browser" + on(r)})
	} else {
		p.w.Choose(truth.Choice{Host: p.host.Name(), What: "recognised", Of: c.Value, Why: "cookie " + p.cookie + on(r)})
	}
	if from, err := url.Parse(r.Referer()); err == nil && from.Host != "" && !slices.Contains(p.seen[c.Value], from.Host) {
		p.seen[c.Value] = append(p.seen[c.Value], from.Host)
	}
	p.mu.Unlock()
	p.site.ServeHTTP(rw, r)
}

// domain is for which names the cookie is: the advertiser's are for all of its
// hosts, and last.
func (p *party) domain() string {
	if p.cookie == "uid" {
		return "tracker.test"
	}
	return ""
}

// on tells what page a request is for.
func on(r *http.Request) string {
	if r.Referer() == "" {
		return ""
	}
	return ", on " + r.Referer()
}

func run(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		client, err := w.Host("client", "browser", "10.0.0.10")
		if err != nil {
			return err
		}
		var parties []*party
		for i, x := range []struct{ name, role, addr, dns, cookie string }{
			{"news", "web server of " + newsName, "198.51.100.80", newsName, "session"},
			{"shop", "web server of " + shopName, "198.51.100.90", shopName, "basket"},
			{"ads", "advertiser on both sites", "203.0.113.70", adsName, "uid"},
		} {
			h, err := w.Host(x.name, x.role, x.addr, x.dns)
			if err != nil {
				return err
			}
			if err := w.Link(client, h, p.RTT); err != nil {
				return err
			}
			rnd := web.Random(p.Seed, "cookies "+x.name)
			party := &party{w: w, host: h, cookie: x.cookie, site: &web.Site{}, seen: map[string][]string{},
				next: func() string { return fmt.Sprintf("%016x", rnd.Uint64()) }}
			if err := publish(party.site, x.dns, p.Seed, i); err != nil {
				return err
			}
			if err := w.Serve(h, "80", agent, party); err != nil {
				return err
			}
			parties = append(parties, party)
		}
		jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		if err != nil {
			return err
		}
		lane := w.Lane(client, web.LaneOptions{})
		defer lane.Close()
		b := &web.Browser{Agent: agent, Jar: jar, Lanes: []http.RoundTripper{lane}}
		for _, u := range visits {
			pages, err := b.Visit(ctx, u)
			if err != nil {
				return err
			}
			for _, page := range pages {
				if page.Status != http.StatusOK {
					return fmt.Errorf("cookies: %s: status %d", page.URL, page.Status)
				}
			}
		}
		ads := parties[len(parties)-1]
		if len(ads.given) != 1 {
			return fmt.Errorf("cookies: the advertiser gave %d identifiers to one browser", len(ads.given))
		}
		w.Fact("identifier", ads.given[0])
		w.Fact("seen_on", ads.seen[ads.given[0]])
		return nil
	})
}

// publish puts up what a party has.
func publish(site *web.Site, name string, seed uint64, number int) error {
	rnd := web.Random(seed, "cookies content "+name)
	if name == adsName {
		pixel, err := web.Image(rnd, 1)
		if err != nil {
			return err
		}
		// The site is asked for with a query that says who shows the picture.
		site.Put("/pixel.png", web.Object{Type: web.PNG, Body: pixel, Control: "no-store"})
		return nil
	}
	logo, err := web.Image(rnd, 1500+200*number)
	if err != nil {
		return err
	}
	site.Put("/logo.png", web.Object{Type: web.PNG, Body: logo, Control: "max-age=3600"})
	for _, path := range []string{"/", "/sports", "/basket"} {
		site.Put(path, web.Object{Type: web.HTML, Control: "no-store", Body: web.Document(name+path,
			web.Img("/logo.png"), web.Img("http://"+adsName+"/pixel.png?page="+url.QueryEscape(name+path)))})
	}
	return nil
}
