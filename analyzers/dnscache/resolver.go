package dnscache

import (
	"math"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// verdict is what one kind of evidence says.
type verdict uint8

const (
	isUnset verdict = iota
	isHit
	isUnknown
	isMiss
	isJoined
)

// worse joins what two sets of records of one answer tell: it is from the
// cache only if all of them are.
func worse(a, b verdict) verdict { return max(a, b) }

// decision is one answer before it is settled.
type decision struct {
	sent, answered uint64  // frames
	upstream       uint64  // frame of the resolver's own query
	unknown        [3]told // sets of records, by key, of which more may be known later
	unknowns       int
	latency        events.Duration
	inCache        events.Duration // since it was fetched
	age            events.Duration // by TTL
	ttl            uint32
	name           uint32 // place in resolver.names, plus 1; 0: not listed
	nameLen        uint8
	byQuery        verdict
	byTTL          verdict
	hasTTL         bool
	stale          bool
	unseen         bool
	checked        uint8
	high, low      uint8
	typ            string
}

func (d *decision) aged(a events.Duration) { d.age = max(d.age, a) }

// resolver is what is known of one.
type resolver struct {
	host                    int32
	addr                    events.Addr
	questions, failures     uint64
	authoritative           uint64
	hits, misses, joined    uint64
	undecided, unseen       uint64
	byUpstream, ttl         uint64
	latency                 uint64
	checked, high, low      uint64
	stale                   uint64
	hitTime, missTime       analyzers.Sketch
	hitSum, missSum         events.Duration
	surest                  struct{ hit, miss analyzers.Sketch } // by better evidence than latency
	unsure                  analyzers.Sketch                     // of which there is none
	frames                  []uint64
	pending                 []decision
	names                   []byte
	listed                  []Decision
	named                   int
	samples                 int
	staleFrames, highFrames []uint64
}

// resolver is that which was asked n.
func (t *tables) resolver(n *dnsopen.Node) *resolver {
	h := t.open.Host(n.Server)
	if h.User == 0 {
		t.resolvers = append(t.resolvers, &resolver{host: n.Server, addr: h.Addr, samples: t.samples})
		h.User = int32(len(t.resolvers) - 1)
	}
	r := t.resolvers[h.User]
	if len(r.frames) < analyzers.MaxFrames {
		r.frames = append(r.frames, n.Frame, n.AnswerFrame)
	}
	return r
}

// add keeps d until more is known.
func (r *resolver) add(t *tables, n *dnsopen.Node, d decision) {
	if r.named < r.samples {
		r.named++
		d.name, d.nameLen, d.typ = uint32(len(r.names))+1, uint8(min(len(n.Name), math.MaxUint8)), n.Type
		r.names = append(r.names, n.Name[:d.nameLen]...)
	}
	r.pending = append(r.pending, d)
	t.pending++
	if len(r.pending) >= r.samples || t.pending > t.crowd && len(r.pending) >= 16 {
		t.settle(r)
	}
}

// settle decides what waits.
func (t *tables) settle(r *resolver) {
	upstream := t.open.Host(r.host).Sent > 0
	// What is known by better evidence tells how fast hits and misses are.
	verdicts := make([]verdict, len(r.pending))
	for i := range r.pending {
		d := &r.pending[i]
		v := d.byQuery
		if !upstream {
			v = t.later(d)
		}
		verdicts[i] = v
		switch v {
		case isHit:
			r.surest.hit.Add(int64(d.latency), r.samples)
		case isMiss:
			r.surest.miss.Add(int64(d.latency), r.samples)
		default:
			r.unsure.Add(int64(d.latency), r.samples)
		}
	}
	b := r.bounds()
	for i := range r.pending {
		d := &r.pending[i]
		v, by := verdicts[i], UpstreamSeen
		if !upstream {
			by = TTLAge
			if v == isUnknown || v == isUnset {
				switch {
				case d.latency <= b.hit:
					v, by = isHit, Latency
				case d.latency >= b.miss:
					v, by = isMiss, Latency
				}
			}
		}
		r.count(d, v, by, upstream)
	}
	t.pending -= len(r.pending)
	r.pending, r.names = r.pending[:0], r.names[:0]
}

// later asks again what the TTL tells, now that more TTLs were seen.
func (t *tables) later(d *decision) verdict {
	if d.byTTL != isUnknown || d.unknowns > len(d.unknown) {
		return d.byTTL
	}
	for _, x := range d.unknown[:d.unknowns] {
		s := t.sets.find(x.ask)
		if s == nil || s.largest <= x.ttl {
			return isUnknown
		}
		d.aged(events.Duration(s.largest-x.ttl) * second)
	}
	return isHit
}

// apart is how much longer misses take than hits, at least, so that latency
// tells one from the other.
const apart = 3

// enough answers of which nothing is known show how long the resolver mostly
// takes: no less than it takes for a hit.
const enough = 5

// bounds are up to which latency an answer is a hit, and from which it is a
// miss, by those that are known for better reasons.
type bounds struct{ hit, miss events.Duration }

func (r *resolver) bounds() bounds {
	h, m := &r.surest.hit, &r.surest.miss
	fast, slow := events.Duration(h.Median()), events.Duration(m.Median())
	switch {
	case h.Count() > 0 && m.Count() > 0 && slow >= apart*fast:
		b := events.Duration(math.Sqrt(float64(fast) * float64(slow)))
		return bounds{b, b}
	case h.Count() > 0 && m.Count() > 0:
		return bounds{-1, math.MaxInt64}
	case h.Count() > 0:
		return bounds{apart * fast, apart * apart * fast}
	case m.Count() > 0:
		return bounds{slow / (apart * apart), slow / apart}
	case r.unsure.Count() >= enough:
		return bounds{events.Duration(r.unsure.Median()) / (apart * apart), math.MaxInt64}
	}
	return bounds{-1, math.MaxInt64}
}

// count takes one settled decision.
func (r *resolver) count(d *decision, v verdict, by Evidence, upstream bool) {
	out := Decision{Latency: d.latency, QueryFrame: d.sent, ResponseFrame: d.answered, UpstreamFrame: d.upstream}
	switch v {
	case isHit:
		out.Outcome = Hit
		r.hits++
		r.hitTime.Add(int64(d.latency), r.samples)
		r.hitSum += d.latency
		r.checked += uint64(d.checked)
		r.high += uint64(d.high)
		r.low += uint64(d.low)
		out.TTLHigh = d.high > 0
		out.Stale = d.stale
		if d.stale {
			r.stale++
			r.staleFrames = remember(r.staleFrames, d.answered)
		}
		if d.high > 0 {
			r.highFrames = remember(r.highFrames, d.answered)
		}
		age := d.age
		if d.inCache > 0 {
			age = d.inCache
		}
		if age > 0 {
			out.Age = &age
		}
	case isMiss:
		out.Outcome = Miss
		r.misses++
		r.missTime.Add(int64(d.latency), r.samples)
		r.missSum += d.latency
	case isJoined:
		out.Outcome = Joined
		r.joined++
	default:
		out.Outcome, by = Undecided, ""
		r.undecided++
		if d.unseen && upstream {
			r.unseen++
		}
	}
	switch by {
	case UpstreamSeen:
		r.byUpstream++
	case TTLAge:
		r.ttl++
	case Latency:
		r.latency++
	}
	if d.name == 0 {
		return
	}
	out.Evidence = by
	out.Name, out.Type = string(r.names[d.name-1:][:d.nameLen]), d.typ
	if d.hasTTL {
		ttl := d.ttl
		out.TTL = &ttl
	}
	r.listed = append(r.listed, out)
}

func remember(fs []uint64, f uint64) []uint64 {
	if len(fs) < analyzers.MaxFrames {
		fs = append(fs, f)
	}
	return fs
}

func (r *resolver) name() string { return r.addr.String() }

func (r *resolver) row(open *dnsopen.Table) *Cache {
	v := &Cache{
		Resolver: r.addr.String(), Upstream: open.Host(r.host).Sent > 0, Questions: r.questions,
		Hits: r.hits, Misses: r.misses, Joined: r.joined, Undecided: r.undecided, Authoritative: r.authoritative, Failures: r.failures,
		ByUpstream: r.byUpstream, ByTTL: r.ttl, ByLatency: r.latency,
		TTLChecked: r.checked, TTLHigh: r.high, TTLLow: r.low, Stale: r.stale,
		Decisions: r.listed, LeftOff: r.questions - uint64(len(r.listed)),
		Filter: "dns && " + analyzers.AddrFilter("addr", events.Flow{Client: r.addr}, events.FromClient),
	}
	switch {
	case r.unseen > 0:
		v.Reason = "answers were new, but no query of the resolver for them is in the capture"
	case r.undecided > 0:
		v.Reason = "the resolver's own queries are not in the capture, no earlier or authoritative answer tells the largest TTL, and latencies of hits and misses are not known or not far apart"
	}
	if n := r.hits + r.misses; n > 0 {
		rate := float64(r.hits) / float64(n)
		v.HitRate = &rate
	}
	if r.hits > 0 {
		d := events.Duration(r.hitTime.Median())
		v.HitTime = &d
	}
	if r.misses > 0 {
		d := events.Duration(r.missTime.Median())
		v.MissTime = &d
		if r.hits > 0 {
			saved := events.Duration(float64(r.missSum)/float64(r.misses)*float64(r.hits)) - r.hitSum
			v.Saved = &saved
		}
	}
	fs := r.frames
	if len(r.staleFrames) > 0 {
		fs = r.staleFrames
	} else if len(r.highFrames) > 0 {
		fs = r.highFrames
	}
	v.Frames = analyzers.Frames(fs...)
	return v
}
