// Package httpcache answers what caches did with HTTP requests: those between
// client and origin by their two sides in one capture, else by what they tell
// in their responses; and the client's own by what it asks. It must not guess
// where neither tells.
package httpcache

import (
	"cmp"
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/events"
)

// Question is http.cache.
var Question = analyzers.Question{
	Name: "http.cache",
	Area: analyzers.Web,
	Doc:  "what HTTP caches did: hits, revalidated, misses and by which evidence; what may be stored, and what was fetched in vain",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.cache", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Cache{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: which end of an event is a cache shows only
// later (see httpopen).
type state struct{ *caches }

type caches struct {
	open *httpopen.Table[job]

	pairs    map[pairKey]*pair
	order    []*pair
	maxPairs int
	rest     *pair
	clients  map[events.Addr]*client
	dates    map[*httpopen.Site]int64 // the latest Date that was told, in seconds since 1970
	samples  int                      // decisions listed of one pair
	listed   int                      // of all
	crowd    int                      // most of these

	own      *httpfresh.Store[copied]
	pages    *httpfresh.Store[page]
	numbered int
	first    *httpfresh.Store[dated]
}

// job is what the fold remembers of an exchange.
type job struct {
	pair *pair
	key  uint64 // of client and URL
}

type pairKey struct {
	client events.Addr
	site   *httpopen.Site
}

// client is who asked.
type client struct {
	hash  uint64
	cache bool // it has one: it asked under a condition
}

// copied is what a client was given for a URL.
type copied struct {
	pair     *pair
	url      string
	fresh    httpfresh.Freshness
	until    events.Time
	received events.Time
	bytes    int64
	tag      uint64 // of its validator; 0: none
	status   int
}

// page is a URL on whose behalf, by Referer, others were asked for.
type page struct {
	objects []uint64 // keys of copied, at most 64
	due     uint64   // which of them were not asked for since
	at      events.Time
	frame   uint64
	number  int // of the page, in the order of coming
}

// dated is the Date of what a server told for a URL, and when that came first.
type dated struct {
	date  int64
	since events.Time
}

func (*fold) Kinds() []events.Kind { return httpopen.Kinds() }

func (*fold) Key(*events.Event) (struct{}, bool) { return struct{}{}, true }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.caches == nil {
		if e.Body.Kind() == events.KindFlowEnd {
			return
		}
		s.caches = newCaches(f.limits)
	}
	s.open.Step(e)
}

func newCaches(l *events.Limits) *caches {
	n := 16 * max(l.FoldPending, 1)
	c := &caches{
		pairs: map[pairKey]*pair{}, maxPairs: n, clients: map[events.Addr]*client{}, dates: map[*httpopen.Site]int64{},
		samples: max(l.FoldSamples, 1), crowd: n,
		own: httpfresh.NewStore[copied](n), pages: httpfresh.NewStore[page](n / 8), first: httpfresh.NewStore[dated](n),
	}
	c.open = httpopen.New[job](l, c)
	return c
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.caches == nil {
		return
	}
	s.open.Close()
	pages := s.pages.All()
	slices.SortFunc(pages, func(a, b *page) int { return cmp.Compare(a.number, b.number) })
	for _, g := range pages {
		s.settle(g)
	}
	for _, p := range s.order {
		emit(p.name(), p.row())
	}
}

// pair finds that of an exchange.
func (c *caches) pair(x *httpopen.Exchange[job]) *pair {
	k := pairKey{x.Flow.Client, x.Site}
	if p := c.pairs[k]; p != nil {
		return p
	}
	if len(c.pairs) >= c.maxPairs || x.Site.Rest {
		if c.rest == nil {
			c.rest = &pair{site: &httpopen.Site{}, who: &client{}, rest: true}
			c.order = append(c.order, c.rest)
		}
		return c.rest
	}
	who := c.clients[k.client]
	if who == nil {
		who = &client{hash: c.open.Client(k.client)}
		c.clients[k.client] = who
	}
	p := &pair{client: k.client, site: x.Site, who: who}
	c.pairs[k] = p
	c.order = append(c.order, p)
	return p
}

// Opened takes a request.
func (c *caches) Opened(x *httpopen.Exchange[job]) {
	p := c.pair(x)
	x.User.pair = p
	if x.RequestFrame == 0 {
		return
	}
	p.frame(x.RequestFrame)
	p.proxy = p.proxy || x.Form == httpopen.Absolute
	x.User.key = c.key(p, x.URL)
	tag, since := httpopen.Conditions(x.Request.Headers)
	if tag != "" || since != "" {
		p.who.cache = true
	}
	if x.Request.Method == "GET" {
		c.asked(x)
	}
}

// key is of one client and one URL.
func (c *caches) key(p *pair, url uint64) uint64 { return url*0x9e3779b97f4a7c15 ^ p.who.hash }

// asked follows pages and what is asked for on their behalf.
func (c *caches) asked(x *httpopen.Exchange[job]) {
	if ref := events.Get(x.Request.Headers, "Referer"); ref != "" {
		if scheme, host, path, ok := httpopen.Split(ref); ok {
			g := c.pages.Put(c.key(x.User.pair, c.open.Hash(scheme, host, path)))
			if g.number == 0 {
				c.numbered++
				g.number = c.numbered
			}
			g.add(x.User.key)
		}
	}
	if g := c.pages.Get(x.User.key); g != nil && len(g.objects) > 0 {
		c.settle(g)
		g.due, g.at, g.frame = 1<<len(g.objects)-1, x.Asked, x.RequestFrame
	}
}

func (g *page) add(key uint64) {
	for i, k := range g.objects {
		if k == key {
			g.due &^= 1 << i
			return
		}
	}
	if len(g.objects) < 64 {
		g.objects = append(g.objects, key)
	}
}

// settle finds the objects of a page that were fresh when the client asked for
// the page again, and that it did not ask for.
func (c *caches) settle(g *page) {
	for i, key := range g.objects {
		if g.due>>i&1 == 0 {
			continue
		}
		o := c.own.Get(key)
		if o == nil || o.received > g.at || o.fresh.Refusal != httpfresh.Stored || o.fresh.Validate || o.until <= g.at || !o.pair.who.cache {
			continue
		}
		o.pair.own.Inferred++
		c.list(o.pair, decision{inferred: true, Decision: Decision{
			URL: o.url, Level: Client, Outcome: httpfresh.Hit, Evidence: httpfresh.NotAsked, Own: httpfresh.Hit,
			RequestFrame: g.frame,
		}, fresh: o.fresh, judged: true})
	}
	g.due = 0
}

// Answered has nothing to do: what became of the request upstream may follow.
func (*caches) Answered(*httpopen.Exchange[job]) {}

// Over takes an exchange that is over.
func (c *caches) Over(x *httpopen.Exchange[job]) {
	p := x.User.pair
	if x.Response == nil {
		p.unanswered++
		return
	}
	if x.Form == httpopen.Tunnel {
		p.tunnels++
		return
	}
	p.frame(x.ResponseFrame)
	p.requests++
	p.bytes += x.WireBytes
	p.protocol(x.Request.Version, x.Response.Version)
	d := c.judge(p, x)
	if f := x.Forward; f.Progress != httpopen.NotForwarded {
		p.upstream = f.Server
		d.UpstreamFrame = f.Frame
	}
	c.list(p, d)
}

// judge says what one response tells.
func (c *caches) judge(p *pair, x *httpopen.Exchange[job]) decision {
	d := decision{Decision: Decision{
		URL: x.Address(), Status: x.Response.Status, Bytes: x.WireBytes, RequestFrame: x.RequestFrame, ResponseFrame: x.ResponseFrame, Collapsed: x.Joined,
	}, wait: x.Wait(), answer: ofCache(x)}
	if x.Truncated {
		d.torn = true
		p.torn++
	}
	switch x.Forward.Progress {
	case httpopen.Sent, httpopen.Late:
		d.forward = httpfresh.Hit // it was answered first
	case httpopen.Answered:
		if d.forward = httpfresh.Miss; x.Forward.Status == 304 {
			d.forward = httpfresh.Revalidated
		}
	}
	t := httpfresh.Tell(x.Response)
	if t.Outcome == httpfresh.Untold && x.RequestFrame != 0 {
		c.byDate(x, &t)
	}
	if t.Cache != "" && p.cache != t.Cache {
		p.cache = t.Cache
	}
	d.told, d.by, d.Decision.Cache = t.Outcome, t.Evidence, t.Cache
	d.Collapsed = d.Collapsed || t.Collapsed
	p.via = p.via || t.Via
	d.age = -1
	if age, ok := httpfresh.Age(x.Response.Headers); ok {
		d.age = age
	}
	if x.RequestFrame == 0 || x.Truncated {
		return d
	}
	c.keep(p, x, &d)
	return d
}

// ofCache reports whether a response is one that a cache could have given:
// not an error that a proxy made itself.
func ofCache(x *httpopen.Exchange[job]) bool {
	if m := x.Request.Method; m != "GET" && m != "HEAD" {
		return false
	}
	s := x.Response.Status
	return s < 400 || s == 404 || s == 410
}

// byDate: a response that bears the Date of an earlier one to the same URL was
// not made for this request (RFC 9110 section 6.6.1), if the server's clock
// goes.
func (c *caches) byDate(x *httpopen.Exchange[job], t *httpfresh.Told) {
	date, ok := httpfresh.Date(events.Get(x.Response.Headers, "Date"))
	if !ok {
		return
	}
	latest := c.dates[x.Site]
	if date > latest {
		c.dates[x.Site] = date
	}
	if x.Request.Method != "GET" {
		return
	}
	f := c.first.Put(x.URL ^ c.open.Text(x.Site.Host))
	switch {
	case f.since == 0 || f.date != date:
		f.date, f.since = date, x.Ended
	case latest > date && x.Asked.Sub(f.since) >= apart:
		t.Outcome, t.Evidence = httpfresh.Hit, httpfresh.ByDate
	}
}

// apart is how much later a response with the Date of an earlier one must be
// asked for to be no coincidence: a Date counts whole seconds.
const apart = 2 * events.Duration(time.Second)

// keep follows what the client may keep, and what it asks for again.
func (c *caches) keep(p *pair, x *httpopen.Exchange[job], d *decision) {
	own := &p.own
	tag, since := httpopen.Conditions(x.Request.Headers)
	conditional := tag != "" || since != ""
	if conditional {
		own.Conditional++
	}
	status := x.Response.Status
	d.Own = httpfresh.Miss
	// A proxy keeps things for all its clients.
	shared := x.Account != httpopen.Own || events.Get(x.Request.Headers, "Via") != ""
	o := c.own.Get(x.User.key)
	if conditional && status == 304 {
		d.Own = httpfresh.Revalidated
		own.Revalidated++
		if o != nil {
			o.fresh.Renew(x.Request, x.Response, shared, x.Asked, x.FirstByte)
			o.until, o.received = o.fresh.Until(x.FirstByte), x.FirstByte
			d.fresh, d.judged = o.fresh, true
		}
		return
	}
	own.Misses++
	if conditional {
		own.Changed++
	}
	if x.Request.Method != "GET" {
		if m := x.Request.Method; m != "HEAD" && m != "OPTIONS" && m != "TRACE" && status < 400 {
			c.own.Drop(x.User.key) // RFC 9111 section 4.4
		}
		return
	}
	f, toAll := httpfresh.JudgeBoth(x.Request, x.Response, x.Asked, x.FirstByte)
	if shared {
		f = toAll
	}
	d.fresh, d.judged = f, true
	d.shared, d.toAll = toAll, true
	p.allowed(&toAll, x.WireBytes)
	if status == 206 || x.Ending != httpopen.Complete {
		return // a part is no copy
	}
	if status == 304 {
		return
	}
	var validator uint64
	if v := events.Get(x.Response.Headers, "ETag"); v != "" {
		validator = c.open.Text(v)
	} else if v := events.Get(x.Response.Headers, "Last-Modified"); v != "" {
		validator = c.open.Text(v)
	}
	if o != nil && !conditional && o.status == status {
		switch {
		case o.fresh.Refusal == httpfresh.Stored && o.until > x.Asked:
			own.Needless++
			own.NeedlessBytes += x.WireBytes
			own.NeedlessTime += x.Took()
			p.needless = note(p.needless, x.RequestFrame)
		case o.fresh.Refusal != httpfresh.Stored && validator != 0 && o.tag == validator && o.bytes == x.WireBytes:
			own.Unkept++
			own.UnkeptBytes += x.WireBytes
			own.UnkeptTime += x.Took()
			p.unkept = note(p.unkept, x.RequestFrame)
		}
	}
	if o == nil {
		o = c.own.Put(x.User.key)
	}
	*o = copied{pair: p, url: d.URL, fresh: f, until: f.Until(x.FirstByte), received: x.FirstByte, bytes: x.WireBytes, tag: validator, status: status}
}

// list keeps a decision, or its place in the figures where there are too many.
func (c *caches) list(p *pair, d decision) {
	if len(p.decisions) < c.samples && c.listed < c.crowd {
		p.decisions = append(p.decisions, d)
		c.listed++
		return
	}
	p.leftOff++
	if d.inferred {
		return
	}
	if p.more == nil {
		p.more = map[kind]*Count{}
	}
	k := kind{d.told, d.by, d.forward, d.answer}
	n := p.more[k]
	if n == nil {
		n = &Count{}
		p.more[k] = n
	}
	n.Responses++
	n.Bytes += d.Bytes
}
