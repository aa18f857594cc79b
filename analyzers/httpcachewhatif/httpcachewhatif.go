// Package httpcachewhatif answers what one shared cache would have done for
// all clients of a capture: how many requests it would have answered, and what
// that would mean for the link to the rest of the world and for those who wait.
// It must not look at what caches there are did: that is http.cache.
package httpcachewhatif

import (
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/events"
)

// Question is http.cache.whatif.
var Question = analyzers.Question{
	Name: "http.cache.whatif",
	Area: analyzers.Web,
	Doc:  "what a shared cache would have done: hit rate, use of the access link and mean delay, now and with it",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.cache.whatif", o, &fold{limits: o.Limits, link: o.AccessLink})
	},
	Summary: func() analyzers.Summary { return &summary{} },
	Value:   WhatIf{},
}

// lanDelay is what a hit takes to its first byte: clients and cache are near
// each other.
const lanDelay = events.Duration(10 * time.Millisecond)

type fold struct {
	limits *events.Limits
	link   analyzers.AccessLink
}

// state is one for the capture: one cache for all.
type state struct{ *trace }

type trace struct {
	open    *httpopen.Table[struct{}]
	stored  *httpfresh.Store[object]
	clients map[events.Addr]struct{}
	crowd   int
	more    bool // clients beyond the limit

	asked     flow // by clients, on their own account
	crossed   flow // what crossed the access link
	behind    bool // some asked a proxy of theirs
	servers   map[*httpopen.Site]*far
	objects   int64 // bytes of bodies
	hits      uint64
	valid     uint64
	misses    uint64
	saved     int64 // bytes of bodies
	outdated  uint64
	refused   uint64
	why       []Reason
	waits     events.Duration
	frames    []uint64
	hitFrames []uint64
	left      []uint64 // frames of what could not be used
	versions  [3]bool
}

// flow is a sequence of requests.
type flow struct {
	first, last events.Time
	n           uint64
	bytes       int64
}

func (f *flow) add(at events.Time, bytes int64) {
	if f.n == 0 || at < f.first {
		f.first = at
	}
	f.last = max(f.last, at)
	f.n++
	f.bytes += bytes
}

// rate is λ; 0 where a single moment tells none.
func (f *flow) rate() float64 {
	if f.n < 2 || f.last <= f.first {
		return 0
	}
	return float64(f.n-1) / f.last.Sub(f.first).Std().Seconds()
}

// far is a server beyond the link.
type far struct {
	least events.Duration // to the first byte
	n     uint64
}

// object is what the cache would hold for one URL: the response chosen by the
// fields that its Vary names.
type object struct {
	fresh  httpfresh.Freshness
	until  events.Time
	vary   string
	chosen uint64 // hash of those fields of the request
	tag    uint64 // validator
}

func (*fold) Kinds() []events.Kind { return httpopen.Kinds() }

func (*fold) Key(*events.Event) (struct{}, bool) { return struct{}{}, true }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.trace == nil {
		if e.Body.Kind() == events.KindFlowEnd {
			return
		}
		n := 16 * max(f.limits.FoldPending, 1)
		t := &trace{stored: httpfresh.NewStore[object](n), clients: map[events.Addr]struct{}{}, crowd: n, servers: map[*httpopen.Site]*far{}}
		t.open = httpopen.New(f.limits, t)
		s.trace = t
	}
	s.open.Step(e)
}

func (f *fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.trace == nil {
		return
	}
	s.open.Close()
	if s.asked.n == 0 && len(s.left) == 0 {
		return
	}
	emit("all clients", s.row(f.link))
}

// Opened has nothing to do: what a request would have met is known with its
// response.
func (*trace) Opened(*httpopen.Exchange[struct{}]) {}

// Answered has nothing to do, either.
func (*trace) Answered(*httpopen.Exchange[struct{}]) {}

// Over takes an exchange that is over.
func (t *trace) Over(x *httpopen.Exchange[struct{}]) {
	if x.Response == nil || x.RequestFrame == 0 || x.Form == httpopen.Tunnel {
		if len(t.left) < analyzers.MaxFrames {
			t.left = append(t.left, max(x.RequestFrame, x.ResponseFrame))
		}
		return
	}
	bytes := x.WireBytes + x.Response.Bytes
	// Clients and their proxy are on this side of the link. What an edge
	// fetches that stands for the origin is all beyond it.
	switch {
	case x.Account == httpopen.ForReverse:
		return
	case x.Form == httpopen.Absolute:
		t.behind = true
	default:
		t.crossed.add(x.Asked, bytes)
		s := t.servers[x.Site]
		if s == nil {
			s = &far{least: x.Wait()}
			t.servers[x.Site] = s
		}
		s.least = min(s.least, x.Wait())
		s.n++
	}
	if x.Account != httpopen.Own {
		return
	}
	if _, ok := t.clients[x.Flow.Client]; !ok {
		if t.more = t.more || len(t.clients) >= t.crowd; !t.more {
			t.clients[x.Flow.Client] = struct{}{}
		}
	}
	if len(t.frames) < analyzers.MaxFrames {
		t.frames = append(t.frames, x.RequestFrame)
	}
	switch x.Request.Version {
	case "2":
		t.versions[1] = true
	case "3":
		t.versions[2] = true
	default:
		t.versions[0] = true
	}
	t.asked.add(x.Asked, bytes)
	t.objects += x.WireBytes
	t.waits += x.Wait()
	t.judge(x)
}

// judge is what the cache would have done.
func (t *trace) judge(x *httpopen.Exchange[struct{}]) {
	q, p := x.Request, x.Response
	if q.Method != "GET" && q.Method != "HEAD" {
		if q.Method != "OPTIONS" && q.Method != "TRACE" && p.Status < 400 {
			t.stored.Drop(x.URL) // RFC 9111 section 4.4
		}
		t.miss(x, string(httpfresh.RefMethod))
		return
	}
	o := t.stored.Get(x.URL)
	asks := httpfresh.ReadControl(q.Headers)
	reload := asks.Directives.Has(httpfresh.NoCache) || asks.MaxAge == 0
	tag := t.validator(p.Headers)
	stored := o != nil && o.fresh.Refusal == httpfresh.Stored && (o.vary == "" || o.chosen == t.choice(o.vary, q.Headers))
	switch {
	case !stored:
		why := "first"
		if o != nil && o.fresh.Refusal != httpfresh.Stored {
			why = string(o.fresh.Refusal)
		} else if o != nil {
			why = "vary"
		}
		t.miss(x, why)
	case x.Asked < o.until && !o.fresh.Validate && !reload:
		t.hits++
		t.saved += x.WireBytes
		if tag != 0 && o.tag != 0 && tag != o.tag {
			t.outdated++
		}
		if len(t.hitFrames) < analyzers.MaxFrames {
			t.hitFrames = append(t.hitFrames, x.RequestFrame)
		}
		return // what it holds stays
	case p.Status == 304 || tag != 0 && tag == o.tag:
		t.valid++
		t.saved += x.WireBytes
		o.fresh.Renew(q, p, true, x.Asked, x.FirstByte)
		o.until = o.fresh.Until(x.FirstByte)
		return
	case o.tag == 0:
		t.miss(x, "no_validator")
	default:
		t.miss(x, "changed")
	}
	if q.Method != "GET" || p.Status == 304 || x.Ending != httpopen.Complete {
		return // no copy of it came
	}
	f := httpfresh.Judge(q, p, true, x.Asked, x.FirstByte)
	if f.Refusal != httpfresh.Stored {
		t.refused++
	}
	if o == nil {
		o = t.stored.Put(x.URL)
	}
	vary := strings.Clone(events.Get(p.Headers, "Vary"))
	*o = object{fresh: f, until: f.Until(x.FirstByte), tag: tag, vary: vary, chosen: t.choice(vary, q.Headers)}
}

func (t *trace) validator(hs []events.Header) uint64 {
	if v := events.Get(hs, "ETag"); v != "" {
		return t.open.Text(strings.TrimPrefix(v, "W/"))
	}
	if v := events.Get(hs, "Last-Modified"); v != "" {
		return t.open.Text(v)
	}
	return 0
}

// choice is the hash of the fields that a Vary names (RFC 9111 section 4.1).
func (t *trace) choice(vary string, hs []events.Header) uint64 {
	if vary == "" {
		return 0
	}
	var sum uint64
	for name := range strings.SplitSeq(vary, ",") {
		sum = sum*0x9e3779b97f4a7c15 + t.open.Text(events.Get(hs, strings.TrimSpace(name)))
	}
	return sum
}

func (t *trace) miss(x *httpopen.Exchange[struct{}], why string) {
	t.misses++
	for i := range t.why {
		if t.why[i].Name == why {
			t.why[i].Requests++
			t.why[i].Bytes += x.WireBytes
			return
		}
	}
	t.why = append(t.why, Reason{why, 1, x.WireBytes})
}

func (t *trace) row(link analyzers.AccessLink) *WhatIf {
	v := &WhatIf{
		Clients: len(t.clients), Requests: t.asked.n, Bytes: t.asked.bytes,
		Hits: t.hits, Revalidated: t.valid, Misses: t.misses, Outdated: t.outdated, Why: t.why, NonCacheable: t.refused, Limited: t.stored.Forgotten,
		LANDelay: lanDelay, Frames: analyzers.Frames(append(slices.Clone(t.hitFrames), t.frames...)...), Filter: t.filter(),
	}
	slices.SortFunc(v.Why, func(a, b Reason) int { return strings.Compare(a.Name, b.Name) })
	if len(t.hitFrames) > 0 {
		v.Frames = analyzers.Frames(t.hitFrames...)
	}
	if v.Requests == 0 {
		v.Frames = analyzers.Frames(t.left...)
		v.Undecided = "no request with its response was captured"
		return v
	}
	n := float64(v.Requests)
	v.Span = t.asked.last.Sub(t.asked.first)
	mean, object := float64(t.asked.bytes)/n, float64(t.objects)/n
	h := float64(v.Hits) / n
	v.L, v.Object, v.HitRate = &mean, &object, &h
	if t.objects > 0 {
		r := float64(t.saved) / float64(t.objects)
		v.ByteHitRate = &r
	}
	measured := t.waits / events.Duration(v.Requests)
	v.Measured = &measured
	lambda := t.asked.rate()
	if lambda > 0 {
		v.Lambda = &lambda
	}
	var sum float64
	var far uint64
	for _, s := range t.servers { // a sum of whole numbers: the order does not matter
		sum += float64(int64(s.least) * int64(s.n))
		far += s.n
	}
	if far > 0 {
		d := events.Duration(sum / float64(far))
		v.OriginDelay = &d
	}
	switch {
	case link.Rate == 0:
		v.Undecided = "the rate of the access link is not told (--access-link)"
	case lambda == 0:
		v.Undecided = "one request, or all at one moment: no rate of requests"
	case far == 0:
		v.Undecided = "all requests went to a proxy whose other side is not captured: what crossed the link, and the delay beyond it, are not known"
	}
	if t.more {
		v.Undecided = "limit fold-pending: clients beyond it are not counted"
	}
	if link.Rate == 0 || lambda == 0 {
		return v
	}
	v.Link, v.Queue = link.Rate, link.Queue.String()
	m := model{R: float64(link.Rate), L: 8 * mean, Lambda: lambda, LAN: lanDelay.Std().Seconds(), Queue: link.Queue}
	if far > 0 {
		m.Origin = v.OriginDelay.Std().Seconds()
	}
	v.None, v.With = m.load(0, far > 0), m.load(h, far > 0)
	v.Present = v.None
	if t.behind {
		// A proxy before the link: what crossed is less than what was asked.
		v.Present = nil
		if far > 0 {
			now := m
			// Over the same time as what clients asked.
			now.Lambda, now.L = lambda*float64(t.crossed.n)/n, 8*float64(t.crossed.bytes)/float64(t.crossed.n)
			v.Present = now.load(0, false)
		}
	}
	return v
}

func (t *trace) filter() string {
	var names []string
	for i, n := range []string{"http.request", "http2.headers.method", "http3"} {
		if t.versions[i] {
			names = append(names, n)
		}
	}
	if names == nil {
		return "http"
	}
	return strings.Join(names, " || ")
}
