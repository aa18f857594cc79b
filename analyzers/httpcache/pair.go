package httpcache

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/events"
)

// pair is one client and what it asks of one site at one address.
type pair struct {
	client   events.Addr
	site     *httpopen.Site
	who      *client
	number   uint32 // in order
	rest     bool   // it stands for all beyond the limit
	proxy    bool
	via      bool
	tells    bool // some response told what a cache did
	cache    string
	upstream events.Addr // that the server asked
	versions uint8       // of HTTP, as bits

	requests, unanswered, tunnels, torn uint64
	bytes                               int64

	own       Own
	lifetimes []Count
	refusals  []Count

	first, last uint32 // the decisions that are listed; 0: none
	listed      int
	more        map[kind]*Count // of those that are not listed
	leftOff     uint64

	frames           []uint64
	needless, unkept []uint64
}

// kind is all that an outcome depends on.
type kind struct {
	told    httpfresh.Outcome
	by      httpfresh.Evidence
	forward httpfresh.Outcome
	answer  bool
}

// decision is one response before it is known whether the other side of the
// cache is captured. It has no pointers, for there are many.
type decision struct {
	next  uint32 // of the same pair; 0: none
	url   text
	cache text // its name, as told

	requestFrame, responseFrame, upstreamFrame uint64

	bytes  int64
	wait   events.Duration
	age    int64    // as told; -1: not
	fresh  standing // to the client's own cache, where judged
	shared standing // to a shared one, where toAll
	status int32

	own httpfresh.Outcome
	kind
	collapsed bool
	inferred  bool
	judged    bool
	toAll     bool
}

// standing is how long a response is fresh.
type standing struct {
	lifetime        events.Duration
	source, refusal uint16 // words
	stored, sourced bool
}

func (c *caches) standing(f *httpfresh.Freshness) standing {
	return standing{
		f.Lifetime, c.words.of(string(f.Source)), c.words.of(string(f.Refusal)),
		f.Refusal == httpfresh.Stored, f.Source != httpfresh.FromNothing,
	}
}

// decisionBlock is how many decisions are made at a time.
const decisionBlock = 256

// decision is the one of a number, which is not 0.
func (c *caches) decision(i uint32) *decision {
	return &c.decisions[i/decisionBlock][i%decisionBlock]
}

// told is what rows point to.
type told struct {
	age      int64
	lifetime events.Duration
}

// tell fills in the decision as the row has it, with the freshness that it was
// by.
func (c *caches) tell(out *Decision, d *decision, store *told) {
	out.Status, out.Bytes, out.Collapsed, out.Own = int(d.status), d.bytes, d.collapsed, d.own
	out.RequestFrame, out.ResponseFrame, out.UpstreamFrame = d.requestFrame, d.responseFrame, d.upstreamFrame
	if d.age >= 0 && !d.inferred {
		store.age = d.age
		out.Age = &store.age
	}
	f := &d.fresh
	switch {
	case out.Level == Shared && d.toAll:
		f = &d.shared
	case !d.judged:
		return
	}
	store.lifetime = f.lifetime
	out.Lifetime = &store.lifetime
	out.Source, out.Refusal = httpfresh.Source(c.words.list[f.source]), httpfresh.Refusal(c.words.list[f.refusal])
}

func (p *pair) frame(f uint64) {
	if len(p.frames) < analyzers.MaxFrames {
		p.frames = append(p.frames, f)
	}
}

func note(to []uint64, f uint64) []uint64 {
	if n := len(to); n < analyzers.MaxFrames && (n == 0 || to[n-1] != f) {
		to = append(to, f)
	}
	return to
}

// Bits of versions.
const (
	http1 uint8 = 1 << iota
	http2
	http3
)

func (p *pair) protocol(request, response string) {
	switch cmp.Or(request, response) {
	case "2":
		p.versions |= http2
	case "3":
		p.versions |= http3
	default:
		p.versions |= http1
	}
}

// allowed counts what a shared cache may do with a response.
func (p *pair) allowed(f *httpfresh.Freshness, bytes int64) {
	if f.Refusal != httpfresh.Stored {
		p.refusals = count(p.refusals, string(f.Refusal), bytes)
		return
	}
	p.lifetimes = count(p.lifetimes, string(f.Source), bytes)
}

// count adds one response to those of that name.
func count(to []Count, name string, bytes int64) []Count {
	for i := range to {
		if to[i].Name == name {
			to[i].Responses++
			to[i].Bytes += bytes
			return to
		}
	}
	return append(to, Count{name, 1, bytes})
}

func sorted(c []Count) []Count {
	slices.SortFunc(c, func(a, b Count) int { return strings.Compare(a.Name, b.Name) })
	return c
}

func (p *pair) name() string {
	if p.rest {
		return "all others"
	}
	b := append(p.client.IP().AppendTo(nil), " → "...)
	b = p.site.Server.IP().AppendTo(b)
	if p.site.Host != "" {
		b = append(append(b, " → "...), p.site.Host...)
	}
	return string(b)
}

// outcome is that of the shared cache.
func (p *pair) outcome(k kind) (httpfresh.Outcome, httpfresh.Evidence) {
	switch {
	case k.forward != httpfresh.Untold:
		return k.forward, httpfresh.UpstreamSeen
	case k.told == httpfresh.Miss, k.told == httpfresh.Revalidated:
		// It says so, though nothing was seen to be sent: a word is more than
		// silence.
		return k.told, k.by
	case p.site.Forwarded > 0 && k.answer:
		return httpfresh.Hit, httpfresh.UpstreamSeen
	case k.told != httpfresh.Untold:
		return k.told, k.by
	}
	return httpfresh.Untold, httpfresh.NoEvidence
}

// isShared reports whether anything shows a cache between client and origin.
func (p *pair) isShared() bool {
	return p.site.Forwarded > 0 || p.via || p.proxy || p.cache != "" || p.tells
}

// ordered gives the decisions of p in the order of requests. It is borrowed.
func (c *caches) ordered(p *pair) []decision {
	c.few = c.few[:0]
	for i := p.first; i != 0; i = c.decision(i).next {
		c.few = append(c.few, *c.decision(i))
	}
	slices.SortStableFunc(c.few, func(a, b decision) int { return cmp.Compare(a.requestFrame, b.requestFrame) })
	return c.few
}

// decide gives what is listed, with its outcomes. All texts are in one string.
func (c *caches) decide(p *pair, t *tally, shared bool) []Decision {
	ds := c.ordered(p)
	out, store := make([]Decision, len(ds)), make([]told, len(ds))
	size := 0
	for i := range ds {
		size += int(ds[i].url.size + ds[i].cache.size)
	}
	var all strings.Builder
	all.Grow(size)
	put := func(x text) string {
		from := all.Len()
		all.Write(c.texts.of(x))
		return all.String()[from:]
	}
	for i := range ds {
		d, v := &ds[i], &out[i]
		v.URL, v.Cache = put(d.url), put(d.cache)
		v.Level, v.Outcome, v.Evidence = Client, d.own, httpfresh.ByRequest
		switch {
		case d.inferred:
			v.Evidence = httpfresh.NotAsked
		case d.own == httpfresh.Untold:
			v.Evidence = httpfresh.NoEvidence
		}
		if shared && !d.inferred {
			v.Level = Shared
			t.decide(p, d, v)
		}
		c.tell(v, d, &store[i])
	}
	return out
}

func (c *caches) row(p *pair) *Cache {
	v := &Cache{
		Client: p.client.String(), Server: p.site.Server.String(), Origin: p.site.Host, Cache: p.cache, Proxy: p.proxy, Upstream: p.site.Forwarded > 0,
		Requests: p.requests, Bytes: p.bytes, Unanswered: p.unanswered, Own: p.own,
		Lifetimes: sorted(p.lifetimes), Refusals: sorted(p.refusals), LeftOff: p.leftOff,
		Frames: analyzers.Frames(p.frames...), Filter: p.filter(),
	}
	v.Own.NeedlessFrames, v.Own.UnkeptFrames = p.needless, p.unkept
	if p.rest {
		v.Client, v.Server = "", ""
	}
	t := tally{v: v, bytes: map[httpfresh.Outcome]int64{}}
	shared := p.isShared()
	v.Decisions = c.decide(p, &t, shared)
	if shared {
		for k, n := range p.more { // sums only: their order does not matter
			o, by := p.outcome(k)
			t.add(o, by, n.Responses, n.Bytes)
		}
	}
	t.end()
	switch {
	case v.Requests == 0 && p.tunnels > 0:
		v.Undecided = "tunnelled (CONNECT): what is inside is not seen"
	case v.Requests == 0:
		v.Undecided = "no response was captured"
	case !shared:
		v.Undecided = "nothing shows a cache between client and server: neither its other side is captured, nor do responses tell"
	case v.NotDecided > 0 && p.site.Host == "":
		v.Undecided = "requests were not captured"
	case v.NotDecided > 0:
		v.Undecided = "responses that do not tell, and no other side of the cache in the capture"
	case p.torn > 0:
		v.Undecided = "heads of messages were not captured whole"
	}
	if p.rest {
		v.Undecided = "limit fold-pending: clients and sites beyond it are in this row together"
	}
	return v
}

// tally sums up the outcomes of a row.
type tally struct {
	v     *Cache
	bytes map[httpfresh.Outcome]int64
	hit   analyzers.Sketch
	miss  analyzers.Sketch
}

// decide settles one listed decision of a shared cache.
func (t *tally) decide(p *pair, d *decision, v *Decision) {
	v.Outcome, v.Evidence = p.outcome(d.kind)
	t.add(v.Outcome, v.Evidence, 1, d.bytes)
	const exact = 1024
	switch v.Outcome {
	case httpfresh.Hit:
		t.hit.Add(int64(d.wait), exact)
		if d.collapsed {
			t.v.Collapsed++
		}
		if f := &d.shared; d.toAll && d.age >= 0 && f.stored && f.sourced && events.Duration(d.age)*second > f.lifetime {
			t.v.Stale++
		}
	case httpfresh.Miss, httpfresh.Revalidated:
		t.miss.Add(int64(d.wait), exact)
		d.collapsed = false
		if d.told == httpfresh.Hit && d.by != httpfresh.ByAge && v.Evidence == httpfresh.UpstreamSeen {
			t.v.Contradicted++
		}
	default:
		d.collapsed = false
	}
}

const second = events.Duration(1e9)

func (t *tally) add(o httpfresh.Outcome, by httpfresh.Evidence, n uint64, bytes int64) {
	v := t.v
	t.bytes[o] += bytes
	switch o {
	case httpfresh.Hit:
		v.Hits += n
	case httpfresh.Revalidated:
		v.Revalidated += n
	case httpfresh.Miss:
		v.Misses += n
	default:
		v.NotDecided += n
		return
	}
	for i := range v.By {
		if v.By[i].Name == by.String() {
			v.By[i].Responses += n
			v.By[i].Bytes += bytes
			return
		}
	}
	v.By = append(v.By, Count{by.String(), n, bytes})
}

func (t *tally) end() {
	v := t.v
	sorted(v.By)
	if t.hit.Count() > 0 {
		d := events.Duration(t.hit.Median())
		v.HitTime = &d
	}
	if t.miss.Count() > 0 {
		d := events.Duration(t.miss.Median())
		v.MissTime = &d
	}
	// Age and Date tell of hits only: a share of what they tell is no rate.
	sided := v.NotDecided > 0
	for _, c := range v.By {
		sided = sided && (c.Name == httpfresh.ByAge.String() || c.Name == httpfresh.ByDate.String())
	}
	if sided {
		return
	}
	if n := v.Hits + v.Revalidated + v.Misses; n > 0 {
		r := float64(v.Hits) / float64(n)
		v.HitRate = &r
	}
	saved := t.bytes[httpfresh.Hit] + t.bytes[httpfresh.Revalidated]
	if all := saved + t.bytes[httpfresh.Miss]; all > 0 {
		r := float64(saved) / float64(all)
		v.ByteHitRate = &r
	}
}

// filter shows what the two said, and what the server asked upstream.
func (p *pair) filter() string {
	var b []byte
	if p.rest {
		return "http || http2 || http3"
	}
	between := func(x, y events.Addr) {
		for i, a := range []events.Addr{x, y} {
			if i > 0 {
				b = append(b, " && "...)
			}
			if ip := a.IP(); ip.Is4() {
				b = append(b, "ip.addr == "...)
				b = ip.AppendTo(b)
			} else {
				b = append(b, "ipv6.addr == "...)
				b = ip.AppendTo(b)
			}
		}
	}
	upstream := p.upstream != events.Addr{}
	if upstream {
		b = append(b, "(("...)
	}
	between(p.client, p.site.Server)
	if upstream {
		b = append(b, ") || ("...)
		between(p.site.Server, p.upstream)
		b = append(b, "))"...)
	}
	var names []string
	for i, n := range []string{"http", "http2", "http3"} {
		if p.versions>>i&1 == 1 {
			names = append(names, n)
		}
	}
	switch len(names) {
	case 0:
		b = append(b, " && http"...)
	case 1:
		b = append(append(b, " && "...), names[0]...)
	default:
		b = append(append(append(b, " && ("...), strings.Join(names, " || ")...), ')')
	}
	return string(b)
}
