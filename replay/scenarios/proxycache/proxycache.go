// Package proxycache is a company with a caching proxy (RFC 9111) at its end
// of a slow access link. Clients and origin are net/http; the proxy is net/http
// at both its sides, with a cache of its own. Packets are captured on both
// sides of it.
package proxycache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web/cache"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Scenario is this package's line in scenarios/all.
var Scenario = scenarios.Scenario{
	Name:      "http-proxy-cache",
	Doc:       "five clients behind a caching proxy on a slow access link, captured on both sides of the proxy",
	RTT:       60 * time.Millisecond,
	Simulated: "its access link is slow, and the loopback is not",
	Run:       run,
}

const (
	originName = "www.example.test"
	proxyName  = "proxy.example.test"
	agent      = "wiretale-replay"

	accessRate = 1_540_000 // bit/s, a T1 line
	lanRTT     = time.Millisecond

	clients  = 5
	lanes    = 2 // of each client
	upstream = 6 // connections of the proxy

	// What is asked for: objects that may be kept, once each and then again as
	// often as makes 0.4 of all requests; and, twice each, one that must be
	// validated every time and one that must not be kept.
	requests  = 30
	repeats   = requests * 2 / 5
	distinct  = requests - repeats - 4
	validated = "/prices.png"
	unkept    = "/account.png"

	smallest, largest = 1_500, 4_500 // bytes of an object
	mean              = (smallest + largest) / 2
)

// request is one line of the plan.
type request struct {
	at     time.Duration // after the start
	client int
	lane   int
	path   string
}

// interval is the mean time between two requests: such that the access link
// would have next to no time left without the cache (0.97 of its rate).
const interval = time.Duration(mean) * 8 * time.Second / accessRate * 100 / 97

// plan makes up who asks for what, and when. Requests come as a Poisson
// process. What is asked for again is mostly what was asked for often.
func plan(seed uint64) []request {
	rnd := web.Random(seed, "proxycache-plan")
	// Which requests are for something new, something known, or special.
	kinds := make([]string, 0, requests)
	for range distinct {
		kinds = append(kinds, "new")
	}
	for range repeats {
		kinds = append(kinds, "again")
	}
	rnd.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	// The first three are new: there must be something to ask for again.
	for i := range 3 {
		k := i + slices.Index(kinds[i:], "new")
		kinds[i], kinds[k] = kinds[k], kinds[i]
	}
	kinds = slices.Insert(kinds, len(kinds)/2, validated, unkept)
	kinds = append(kinds, validated, unkept)
	var out []request
	var at time.Duration
	var asked []string
	for i, k := range kinds {
		r := request{at: at, client: rnd.IntN(clients), path: k}
		switch k {
		case "new":
			r.path = fmt.Sprintf("/objects/%02d.png", len(uniq(asked))+1)
			asked = append(asked, r.path)
		case "again":
			r.path = asked[rnd.IntN(len(asked))]
			asked = append(asked, r.path)
		}
		r.lane = i % lanes
		out = append(out, r)
		at += time.Duration(rnd.ExpFloat64() * float64(interval))
	}
	return out
}

func uniq(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

func run(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		return play(ctx, w)
	})
}

func play(ctx context.Context, w *web.World) error {
	proxy, err := w.Host("proxy", "caching proxy", "10.0.0.3", proxyName)
	if err != nil {
		return err
	}
	origin, err := w.Host("origin", "web server of "+originName, "198.51.100.80", originName)
	if err != nil {
		return err
	}
	hosts := make([]*simnet.Host, clients)
	lan := simnet.Path{Delay: lanRTT / 2}
	for i := range hosts {
		if hosts[i], err = w.Host(fmt.Sprintf("client%d", i+1), "browser", fmt.Sprintf("10.0.0.%d", 11+i)); err != nil {
			return err
		}
		if err := w.Net.Connect(hosts[i], proxy, lan, lan); err != nil {
			return err
		}
	}
	access := w.P.Path(w.P.RTT)
	access.Rate = cmp.Or(access.Rate, accessRate)
	if err := w.Net.Connect(proxy, origin, access, access); err != nil {
		return err
	}

	wanted := plan(w.P.Seed)
	site, err := publish(w.P.Seed, wanted)
	if err != nil {
		return err
	}
	if err := w.Serve(origin, "80", agent, site); err != nil {
		return err
	}
	var up []*web.Lane
	for range upstream {
		l := w.Lane(proxy, web.LaneOptions{})
		defer l.Close()
		up = append(up, l)
	}
	if err := w.Serve(proxy, "3128", "wiretale-proxy", &web.Proxy{W: w, Name: proxyName,
		Cache: &cache.Cache{Now: w.Now, Next: web.NewPool(up...), Shared: true}}); err != nil {
		return err
	}
	// The clocks stand still: what is fresh stays fresh.
	if err := w.At(ctx, 0); err != nil {
		return err
	}
	if err := ask(ctx, w, hosts, wanted); err != nil {
		return err
	}
	facts(w, wanted, site)
	return nil
}

// publish makes the objects of a plan.
func publish(seed uint64, wanted []request) (*web.Site, error) {
	site := &web.Site{}
	rnd := web.Random(seed, "proxycache")
	for _, r := range wanted {
		if _, ok := site.Find(r.path); ok {
			continue
		}
		o := web.Object{Type: web.PNG, Control: "max-age=3600"}
		switch r.path {
		case validated:
			o.Control = "no-cache"
		case unkept:
			o.Control = "private, no-store"
		}
		o.ETag = fmt.Sprintf(`"%016x"`, rnd.Uint64())
		var err error
		if o.Body, err = web.Image(rnd, size(rnd)); err != nil {
			return nil, err
		}
		site.Put(r.path, o)
	}
	return site, nil
}

func size(rnd *rand.Rand) int { return smallest + rnd.IntN(largest-smallest) }

// ask sends the requests of a plan at their times, whatever became of those
// before them; a client uses its lanes in turn.
func ask(ctx context.Context, w *web.World, hosts []*simnet.Host, wanted []request) error {
	browsers := make([]*web.Browser, len(hosts))
	for i, h := range hosts {
		browsers[i] = &web.Browser{Agent: agent}
		for range lanes {
			l := w.Lane(h, web.LaneOptions{Proxy: proxyName + ":3128"})
			defer l.Close()
			browsers[i].Lanes = append(browsers[i].Lanes, l)
		}
	}
	start := w.Net.Now().Std()
	errs := make([]error, len(wanted))
	var wg sync.WaitGroup
	for i, r := range wanted {
		if err := w.Until(ctx, start.Add(r.at)); err != nil {
			errs[i] = err
			break
		}
		wg.Go(func() {
			page, err := browsers[r.client].Get(ctx, r.lane, "http://"+originName+r.path, "")
			switch {
			case err != nil:
				errs[i] = err
			case page.Status != http.StatusOK:
				errs[i] = fmt.Errorf("proxycache: %s: status %d", r.path, page.Status)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// facts are the figures of the plan.
func facts(w *web.World, wanted []request, site *web.Site) {
	var bytes int
	for _, r := range wanted {
		o, _ := site.Find(r.path)
		bytes += len(o.Body)
	}
	w.Fact("requests", len(wanted))
	w.Fact("requests_per_second", 1/interval.Seconds())
	w.Fact("mean_object_bytes", float64(bytes)/float64(len(wanted)))
	w.Fact("hit_rate", float64(repeats)/float64(len(wanted)))
	w.Fact("access_bits_per_second", cmp.Or(w.P.Rate, accessRate))
}
