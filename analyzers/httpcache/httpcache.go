// Package httpcache answers what caches did with HTTP requests: those between
// client and origin by their two sides in one capture, else by what they tell
// in their responses; and the client's own by what it asks. It must not guess
// where neither tells.
package httpcache

import (
	"cmp"
	"slices"
	"strings"
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

	decisions []*[decisionBlock]decision // that are listed, from 1 on
	texts     texts                      // of these
	words     words
	room      []byte     // for one text
	few       []decision // for those of one row

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
	pair     uint32 // its number
	url      text   // only where there is room in the list
	fresh    standing
	age      events.Duration
	until    events.Time
	received events.Time
	bytes    int64
	tag      uint64 // of its validator; 0: none
	status   int32
	validate bool
}

// set takes what a response that came at received allows.
func (o *copied) set(s standing, f *httpfresh.Freshness, received events.Time) {
	o.fresh, o.age, o.validate = s, f.Age, f.Validate
	o.until, o.received = f.Until(received), received
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
		emit(p.name(), s.row(p))
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
			c.rest = &pair{site: &httpopen.Site{}, who: &client{}, rest: true, number: uint32(len(c.order))}
			c.order = append(c.order, c.rest)
		}
		return c.rest
	}
	who := c.clients[k.client]
	if who == nil {
		who = &client{hash: c.open.Client(k.client)}
		c.clients[k.client] = who
	}
	p := &pair{client: k.client, site: x.Site, who: who, number: uint32(len(c.order))}
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
		if o == nil || o.received > g.at || !o.fresh.stored || o.validate || o.until <= g.at {
			continue
		}
		p := c.order[o.pair]
		if !p.who.cache {
			continue
		}
		p.own.Inferred++
		if !c.roomFor(p) {
			p.leftOff++
			continue
		}
		c.list(p, &decision{inferred: true, url: o.url, own: httpfresh.Hit, requestFrame: g.frame, fresh: o.fresh, judged: true})
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
	t := httpfresh.Tell(x.Response)
	d := decision{age: -1}
	if c.roomFor(p) {
		c.room = x.AppendAddress(c.room[:0])
		d.url = c.texts.add(c.room)
	}
	c.judge(p, x, &t, &d)
	p.tells = p.tells || d.told != httpfresh.Untold
	if f := x.Forward; f.Progress != httpopen.NotForwarded {
		p.upstream = f.Server
		d.upstreamFrame = f.Frame
	}
	if !c.roomFor(p) {
		p.countOnly(&d)
		return
	}
	if t.Cache != "" {
		c.room = append(c.room[:0], t.Cache...)
		d.cache = c.texts.add(c.room)
	}
	c.list(p, &d)
}

// judge says what one response tells.
func (c *caches) judge(p *pair, x *httpopen.Exchange[job], t *httpfresh.Told, d *decision) {
	d.status, d.bytes, d.collapsed = int32(x.Response.Status), x.WireBytes, x.Joined
	d.requestFrame, d.responseFrame = x.RequestFrame, x.ResponseFrame
	d.wait, d.answer = x.Wait(), ofCache(x)
	if x.Truncated {
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
	if t.Outcome == httpfresh.Untold && x.RequestFrame != 0 {
		c.byDate(x, t)
	}
	if t.Cache != "" && p.cache != t.Cache {
		p.cache = strings.Clone(t.Cache) // it is a part of a head
	}
	d.told, d.by = t.Outcome, t.Evidence
	d.collapsed = d.collapsed || t.Collapsed
	p.via = p.via || t.Via
	if age, ok := httpfresh.Age(x.Response.Headers); ok {
		d.age = age
	}
	if x.RequestFrame != 0 && !x.Truncated {
		c.keep(p, x, d)
	}
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
	d.own = httpfresh.Miss
	// A proxy keeps things for all its clients.
	shared := x.Account != httpopen.Own || events.Get(x.Request.Headers, "Via") != ""
	o := c.own.Get(x.User.key)
	if conditional && status == 304 {
		d.own = httpfresh.Revalidated
		own.Revalidated++
		if o != nil {
			f := c.freshness(o)
			f.Renew(x.Request, x.Response, shared, x.Asked, x.FirstByte)
			o.set(c.standing(&f), &f, x.FirstByte)
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
	d.shared, d.toAll = c.standing(&toAll), true
	if d.fresh, d.judged = d.shared, true; shared {
		f = toAll
	} else {
		d.fresh = c.standing(&f)
	}
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
	if o != nil && !conditional && o.status == int32(status) {
		switch {
		case o.fresh.stored && o.until > x.Asked:
			own.Needless++
			own.NeedlessBytes += x.WireBytes
			own.NeedlessTime += x.Took()
			p.needless = note(p.needless, x.RequestFrame)
		case !o.fresh.stored && validator != 0 && o.tag == validator && o.bytes == x.WireBytes:
			own.Unkept++
			own.UnkeptBytes += x.WireBytes
			own.UnkeptTime += x.Took()
			p.unkept = note(p.unkept, x.RequestFrame)
		}
	}
	if o == nil {
		o = c.own.Put(x.User.key)
	}
	*o = copied{pair: p.number, url: d.url, bytes: x.WireBytes, tag: validator, status: int32(status)}
	o.set(d.fresh, &f, x.FirstByte)
}

// freshness is that of a copy.
func (c *caches) freshness(o *copied) httpfresh.Freshness {
	return httpfresh.Freshness{
		Refusal: httpfresh.Refusal(c.words.list[o.fresh.refusal]), Source: httpfresh.Source(c.words.list[o.fresh.source]),
		Lifetime: o.fresh.lifetime, Age: o.age, Validate: o.validate,
	}
}

// roomFor reports whether one more decision of p is listed. Once it is not, it
// never is again.
func (c *caches) roomFor(p *pair) bool { return p.listed < c.samples && c.listed < c.crowd }

// list keeps a decision.
func (c *caches) list(p *pair, d *decision) {
	c.listed++
	i := uint32(c.listed)
	if int(i/decisionBlock) == len(c.decisions) {
		c.decisions = append(c.decisions, new([decisionBlock]decision))
	}
	*c.decision(i) = *d
	if p.last != 0 {
		c.decision(p.last).next = i
	} else {
		p.first = i
	}
	p.last = i
	p.listed++
}

// countOnly keeps the place of a decision in the figures, where there are too
// many to list.
func (p *pair) countOnly(d *decision) {
	p.leftOff++
	if p.more == nil {
		p.more = map[kind]*Count{}
	}
	n := p.more[d.kind]
	if n == nil {
		n = &Count{}
		p.more[d.kind] = n
	}
	n.Responses++
	n.Bytes += d.bytes
}
