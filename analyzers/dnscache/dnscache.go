// Package dnscache answers, for each resolver, which questions its cache
// answered: by the resolver's own queries where they are in the capture, else
// by how far TTLs had run down, else by how fast it was. It must not follow
// the way of an answer: that is dns.resolution.
package dnscache

import (
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// Question is dns.cache.
var Question = analyzers.Question{
	Name: "dns.cache",
	Area: analyzers.DNS,
	Doc:  "per resolver: hits and misses of its cache and by which evidence, time saved, TTLs and stale answers",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dns.cache", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Cache{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: which end of an event is the resolver shows
// only later (see dnsopen).
type state struct{ *tables }

type tables struct {
	open      *dnsopen.Table
	sets      sets // by resolver; and by none what authorities told
	resolvers []*resolver
	told      []told // of the answer at hand
	samples   int
	pending   int // decisions of all resolvers that are not settled
	crowd     int // most of these
	authority bool
}

// told is one set of records of an answer.
type told struct {
	ask  uint64
	ttl  uint32
	life uint32 // how long it may be kept: of "no" less than the TTL of the SOA record that says so
}

func (*fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

func (*fold) Key(e *events.Event) (struct{}, bool) { return struct{}{}, dnsopen.Plain(e) }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.tables == nil {
		crowd := 16 * max(f.limits.FoldPending, 1)
		s.tables = &tables{open: dnsopen.New(f.limits, nil), resolvers: make([]*resolver, 1), samples: max(f.limits.FoldSamples, 1), crowd: crowd}
		s.sets.most = 2 * crowd
	}
	m := e.Body.(*events.DNSMessage)
	if m.Opcode != "QUERY" {
		return
	}
	if !m.Response {
		s.open.Query(e, m)
		return
	}
	if n := s.open.Response(e, m); n != nil {
		s.answered(n, m)
	}
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	for _, r := range s.resolvers[1:] {
		s.settle(r)
		emit(r.name(), r.row(s.open))
	}
}

// Keys of sets: of one cache, or of the authorities.
func ofCache(host int32, ask uint64) uint64 { return dnsopen.Mix(ask, uint64(host)) }
func ofZone(ask uint64) uint64              { return dnsopen.Mix(ask, 1<<40) }

// nothing is the set that says that a question has no answer.
const nothing = 0x5bd1e995_9e3779b1

func (t *tables) answered(n *dnsopen.Node, m *events.DNSMessage) {
	defer t.open.Done(n)
	if m.TC {
		return // asked again over TCP
	}
	t.read(n, m)
	// Fetched, if the asker is itself somebody who is asked.
	if c := t.open.FindHost(&n.Client); c != dnsopen.None && c != n.Server {
		for _, x := range t.told {
			s := t.sets.get(ofCache(c, x.ask))
			s.fetched, s.ttl, s.life = n.Answered, x.ttl, x.life
		}
	}
	if m.AA {
		for _, x := range t.told {
			s := t.sets.get(ofZone(x.ask))
			if !s.fromAA || x.ttl > s.original {
				s.original, s.fromAA = x.ttl, true
			}
			t.authority = true
		}
	}
	if !m.RA || !n.RD || n.User == dnsopen.Stray {
		return
	}
	t.decide(n, m)
}

// read lists the sets of records of an answer, or that there is none.
func (t *tables) read(n *dnsopen.Node, m *events.DNSMessage) {
	t.told = t.told[:0]
	found := false
	if m.Rcode != "NOERROR" && m.Rcode != "NXDOMAIN" {
		return
	}
	for i := range m.Answer {
		r := &m.Answer[i]
		if r.Type == "RRSIG" {
			continue
		}
		if i > 0 && r.Type == m.Answer[i-1].Type && r.Name == m.Answer[i-1].Name {
			continue
		}
		ask := n.Question
		if i > 0 || r.Type != n.Type {
			ask = t.open.Ask(r.Name, r.Type, r.Class)
		}
		t.told = append(t.told, told{ask, r.TTL, r.TTL})
		found = found || r.Type == n.Type || n.Type == "ANY"
	}
	if !found {
		for i := range m.Authority {
			if r := &m.Authority[i]; r.Type == "SOA" {
				t.told = append(t.told, told{n.Question ^ nothing, r.TTL, min(r.TTL, minimum(r.Data))})
				break
			}
		}
	}
}

// minimum is the last field of a SOA record: how long "no" is true at most
// (RFC 2308 section 4).
func minimum(soa string) uint32 {
	v, err := strconv.ParseUint(soa[strings.LastIndexByte(soa, ' ')+1:], 10, 32)
	if err != nil {
		return ^uint32(0)
	}
	return uint32(v)
}

// second is the unit of TTLs.
const second = events.Duration(time.Second)

// tolerance is how far a TTL may be from what is left: resolvers round.
const tolerance = 1.2

// decide judges one answer of a resolver.
func (t *tables) decide(n *dnsopen.Node, m *events.DNSMessage) {
	r := t.resolver(n)
	d := decision{sent: n.Frame, answered: n.AnswerFrame, latency: n.Answered.Sub(n.Sent)}
	d.upstream = t.upstream(n, m)
	switch {
	case m.Rcode != "NOERROR" && m.Rcode != "NXDOMAIN":
		r.failures++
		return
	case m.AA && d.upstream == 0:
		r.authoritative++
		return
	}
	r.questions++
	for i, x := range t.told {
		t.judgeSet(n, &d, x, i == 0)
	}
	if d.upstream != 0 {
		d.byQuery = isMiss
	} else if d.byQuery == isUnset {
		d.byQuery = isHit
	}
	r.add(t, n, d)
}

// upstream is the frame of the query that the resolver sent for the name or
// what it is an alias of; 0 for none.
func (t *tables) upstream(n *dnsopen.Node, m *events.DNSMessage) uint64 {
	if t.open.Host(n.Server).Sent == 0 {
		return 0
	}
	var targets [8]uint64
	k := 0
	for i := range m.Answer {
		if r := &m.Answer[i]; r.Type == "CNAME" && k < len(targets) {
			targets[k] = t.open.Ask(r.Data, n.Type, r.Class)
			t.open.Adopt(n, targets[k])
			k++
		}
	}
	for i := n.First; i != dnsopen.None; {
		c := t.open.At(i)
		if c.Question == n.Question {
			return c.Frame
		}
		for _, x := range targets[:k] {
			if c.Question == x {
				return c.Frame
			}
		}
		i = c.Next
	}
	return 0
}

// judgeSet takes one set of records of an answer: what its TTL tells, and
// whether it was right.
func (t *tables) judgeSet(n *dnsopen.Node, d *decision, x told, first bool) {
	now := n.Answered
	s := t.sets.get(ofCache(n.Server, x.ask))
	if first || x.ttl < d.ttl {
		d.ttl, d.hasTTL = x.ttl, true
	}
	largest, known := s.largest, s.told != 0
	if t.authority {
		own := s
		if z := t.sets.find(ofZone(x.ask)); z != nil {
			largest, known = z.original, true
		}
		// Finding one may have moved the other.
		if s = t.sets.find(own.key); s == nil {
			s = t.sets.get(ofCache(n.Server, x.ask))
		}
	}
	v, same := byTTL(s, x, largest, known, now)
	if v == isUnknown {
		if d.unknowns < len(d.unknown) {
			d.unknown[d.unknowns] = told{ofCache(n.Server, x.ask), x.ttl, x.life}
		}
		d.unknowns++
	}
	d.byTTL = worse(d.byTTL, v)
	if known && largest > x.ttl {
		d.aged(events.Duration(largest-x.ttl) * second)
	}
	if s.fetched != 0 && d.upstream == 0 {
		t.fromCache(n, d, s, x.ttl)
	}
	expires := now.Add(events.Duration(x.life) * second)
	if x.ttl < s.largest {
		expires = expires.Add(second) // fractions were cut off
	}
	if same {
		expires = min(expires, s.expires)
	}
	s.told, s.expires, s.largest = now, expires, max(s.largest, x.ttl)
}

// fromCache compares what is told with what was fetched.
func (t *tables) fromCache(n *dnsopen.Node, d *decision, s *set, ttl uint32) {
	now := n.Answered
	if s.fetched >= n.Sent {
		d.byQuery = isJoined
		return
	}
	age := now.Sub(s.fetched)
	d.inCache = max(d.inCache, age)
	if over := age.Std().Seconds() - float64(s.life); over > tolerance {
		if ttl >= s.ttl && ttl > 0 {
			// Its time was over, and it is new: somebody fetched it unseen.
			d.byQuery = isUnknown
			d.unseen = true
			return
		}
		d.stale = true
		return
	}
	left := float64(s.ttl) - age.Std().Seconds()
	d.checked++
	switch told := float64(ttl); {
	case told > max(left, 0)+tolerance:
		d.high++
	case told < left-tolerance-1:
		d.low++
	}
}

// byTTL says what a TTL tells of one set of records, and whether it is the
// same copy as last time.
func byTTL(s *set, x told, largest uint32, known bool, now events.Time) (v verdict, same bool) {
	if s.told == 0 {
		switch {
		case known && x.ttl < largest: // an authority told more
			return isHit, false
		case known:
			return isMiss, false
		}
		return isUnknown, false
	}
	left := s.expires.Sub(now).Std().Seconds()
	ttl := float64(x.ttl)
	// Near the end, a copy that is told with more than is left may be a new
	// one; before, resolvers that count whole seconds do so.
	above := tolerance
	if left < 2 {
		above = 0.2
	}
	switch {
	case left > 0 && x.life < x.ttl:
		return isHit, true // of "no", the TTL is not how long it is kept
	case left > 0 && ttl > left-tolerance && ttl < left+above:
		return isHit, true // running down
	case x.ttl < largest:
		return isHit, left > 0 && ttl > left-tolerance && ttl < left+tolerance
	case left > 0:
		return isUnknown, false // fetched before it had to be, or not running down
	}
	return isMiss, false
}
