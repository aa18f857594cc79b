package dnsnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// Resolver answers stubs: from its cache, or by asking from the root on.
type Resolver struct {
	*Client              // asks other servers
	Roots   []netip.Addr // of the root zone
	// Recursive asks the root's servers to find the whole answer, instead of
	// following their referrals.
	Recursive bool
	// Rotate makes each answer from the cache begin with the next record.
	Rotate bool
	// Anchor, where set, is what the root's keys are checked against, and
	// answers whose signatures do not hold are not given.
	Anchor []*mdns.DS
	// Subnet tells authoritative servers the stub's network (RFC 7871), and
	// caches nothing.
	Subnet bool

	cache cache
	trust trust

	mu   sync.Mutex
	open map[setKey]chan struct{} // questions that are being asked
}

const (
	maxReferrals = 16
	maxDepth     = 6 // of questions for the addresses of name servers
)

// result is what became of a question.
type result struct {
	rcode  int
	answer []mdns.RR // aliases and records, TTLs run down
	soa    []mdns.RR
	secure bool
	fault  *fault // why signatures do not hold
}

// Answer is the Handler of a resolver.
func (r *Resolver) Answer(ctx context.Context, q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
	a := reply(q)
	a.RecursionAvailable = true
	if !q.RecursionDesired {
		a.Rcode = mdns.RcodeRefused
		return a
	}
	res, err := r.once(ctx, q, from.Addr())
	if err != nil {
		a.Rcode = mdns.RcodeServerFailure
		if res != nil && res.fault != nil {
			res.fault.tell(a)
		}
		return a
	}
	a.Rcode, a.Answer, a.Ns = res.rcode, res.answer, res.soa
	a.AuthenticatedData = res.secure && (wantsDNSSEC(q) || q.AuthenticatedData)
	if !wantsDNSSEC(q) {
		isSig := func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeRRSIG }
		a.Answer, a.Ns = slices.DeleteFunc(a.Answer, isSig), slices.DeleteFunc(a.Ns, isSig)
	}
	return a
}

// once asks a question once, however many clients wait for the answer.
func (r *Resolver) once(ctx context.Context, q *mdns.Msg, from netip.Addr) (*result, error) {
	k := setKey{mdns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype}
	for !r.Subnet {
		r.mu.Lock()
		busy := r.open[k]
		if busy == nil {
			if r.open == nil {
				r.open = map[setKey]chan struct{}{}
			}
			done := make(chan struct{})
			r.open[k] = done
			r.mu.Unlock()
			defer func() {
				r.mu.Lock()
				delete(r.open, k)
				r.mu.Unlock()
				close(done)
			}()
			break
		}
		r.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	l := &lookup{r: r, from: from, fresh: map[setKey]*entry{}}
	return l.resolve(ctx, k.name, k.rtype, 0)
}

// lookup is one question on its way.
type lookup struct {
	r     *Resolver
	from  netip.Addr        // of the stub
	fresh map[setKey]*entry // what was learnt on the way, also with a TTL of 0
}

// find looks among what was just learnt, then in the cache, and notes what
// the cache had.
func (l *lookup) find(name string, rtype uint16, depth int) *entry {
	k := setKey{name, rtype}
	if e := l.fresh[k]; e != nil {
		return e
	}
	now := l.r.W.Age()
	e, s := l.r.cache.get(k, now)
	what := name + " " + mdns.TypeToString[rtype]
	switch s {
	case live:
		l.r.W.Decide(l.r.Host.Name(), what, "hit", fmt.Sprintf("%s of %s left", seconds(e.left(now)), seconds(e.ttl)))
		return e
	case expired:
		if depth == 0 {
			l.r.W.Decide(l.r.Host.Name(), what, "miss", fmt.Sprintf("expired %s ago", seconds(-e.left(now))))
		}
	case absent:
		if depth == 0 {
			l.r.W.Decide(l.r.Host.Name(), what, "miss", "not in the cache")
		}
	}
	return nil
}

// peek is find without a word.
func (l *lookup) peek(name string, rtype uint16) *entry {
	k := setKey{name, rtype}
	if e := l.fresh[k]; e != nil {
		return e
	}
	if e, s := l.r.cache.get(k, l.r.W.Age()); s == live {
		return e
	}
	return nil
}

// resolve follows aliases until there is an answer.
func (l *lookup) resolve(ctx context.Context, name string, rtype uint16, depth int) (*result, error) {
	res := &result{secure: true}
	for range maxAliases {
		e := l.peek(name, mdns.TypeCNAME)
		if e == nil || e.rcode != mdns.RcodeSuccess || len(e.rrs) == 0 || rtype == mdns.TypeCNAME {
			e = l.find(name, rtype, depth)
		} else {
			e = l.find(name, mdns.TypeCNAME, depth)
		}
		if e == nil {
			fault, err := l.iterate(ctx, name, rtype, depth)
			if err != nil {
				res.fault = fault
				return res, err
			}
			if e = l.fresh[setKey{name, rtype}]; e == nil {
				e = l.fresh[setKey{name, mdns.TypeCNAME}]
			}
			if e == nil {
				return res, fmt.Errorf("%s: nothing was learnt about %s", l.r.Host.Name(), name)
			}
		}
		next := l.take(res, e)
		if next == "" || rtype == mdns.TypeCNAME {
			return res, nil
		}
		name = next
	}
	return res, errors.New("aliases without end")
}

// take adds e to an answer. It returns the other name of an alias.
func (l *lookup) take(res *result, e *entry) (alias string) {
	age := l.r.W.Age() - e.stored
	if _, ok := l.fresh[keyOf(e)]; ok {
		age = 0
	}
	rrs := aged(e.rrs, age)
	l.r.cache.mu.Lock()
	turn := e.turns
	e.turns++
	l.r.cache.mu.Unlock()
	if n := unsigned(rrs); l.r.Rotate && n > 1 {
		rrs = slices.Concat(turned(rrs[:n], turn), rrs[n:])
		l.r.W.Choose(l.r.Host.Name(), "rotate", rrs[0].Header().Name, "the first is "+data(rrs[0]))
	}
	res.answer = append(res.answer, rrs...)
	res.soa = append(res.soa, aged(e.soa, age)...)
	res.rcode = e.rcode
	res.secure = res.secure && e.checked
	if len(rrs) > 0 {
		if c, ok := rrs[0].(*mdns.CNAME); ok {
			return mdns.CanonicalName(c.Target)
		}
	}
	return ""
}

// unsigned is how many records come before the signatures.
func unsigned(rrs []mdns.RR) int {
	if i := slices.IndexFunc(rrs, func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeRRSIG }); i >= 0 {
		return i
	}
	return len(rrs)
}

func keyOf(e *entry) setKey {
	if len(e.rrs) == 0 {
		return setKey{}
	}
	h := e.rrs[0].Header()
	return setKey{mdns.CanonicalName(h.Name), h.Rrtype}
}

// closest is the nearest zone above name whose servers are known.
func (l *lookup) closest(name string) (zone string, servers []netip.Addr) {
	for zone = name; zone != "."; zone = parent(zone) {
		if e := l.peek(zone, mdns.TypeNS); e != nil {
			if servers = l.addresses(e.rrs); len(servers) > 0 && l.r.trusts(zone) {
				return zone, servers
			}
		}
	}
	return ".", l.r.Roots
}

// addresses are those of name servers, as far as they are known.
func (l *lookup) addresses(ns []mdns.RR) (out []netip.Addr) {
	for _, rr := range ns {
		n, ok := rr.(*mdns.NS)
		if !ok {
			continue
		}
		if e := l.peek(mdns.CanonicalName(n.Ns), mdns.TypeA); e != nil {
			for _, rr := range e.rrs {
				if a, ok := rr.(*mdns.A); ok {
					out = append(out, address(a.A))
				}
			}
		}
	}
	return out
}

// iterate asks from the closest known zone on, until somebody answers, and
// keeps what it learns.
func (l *lookup) iterate(ctx context.Context, name string, rtype uint16, depth int) (*fault, error) {
	zone, servers := l.closest(name)
	for range maxReferrals {
		if f := l.r.checkKeys(ctx, zone, servers); f != nil {
			return f, f
		}
		m, err := l.r.askAny(ctx, servers, name, rtype, l.from)
		if err != nil {
			return nil, err
		}
		if cut := referral(m, zone, name); cut != "" {
			if f := l.r.checkReferral(m, zone, cut); f != nil {
				return f, f
			}
			l.learn(m.Ns, zone, false)
			l.learn(m.Extra, zone, false)
			ns := l.peek(cut, mdns.TypeNS)
			if ns == nil {
				return nil, fmt.Errorf("%s: a referral to %s without servers", l.r.Host.Name(), cut)
			}
			zone, servers = cut, l.addresses(ns.rrs)
			if len(servers) == 0 {
				if servers, err = l.glueless(ctx, ns.rrs, depth); err != nil {
					return nil, err
				}
			}
			continue
		}
		if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError {
			return nil, fmt.Errorf("%s: %s was answered with %s", l.r.Host.Name(), name, mdns.RcodeToString[m.Rcode])
		}
		f := l.r.checkAnswer(m, zone)
		if f != nil {
			return f, f
		}
		l.learn(m.Answer, zone, true)
		l.learn(m.Extra, zone, false)
		if soa := m.Ns; len(m.Answer) == 0 || m.Rcode == mdns.RcodeNameError {
			l.learnNothing(l.end(m, name), rtype, m.Rcode, soa)
		}
		return nil, nil
	}
	return nil, errors.New("referrals without end")
}

// end is where the aliases of an answer lead.
func (l *lookup) end(m *mdns.Msg, name string) string {
	for _, rr := range m.Answer {
		if c, ok := rr.(*mdns.CNAME); ok && mdns.CanonicalName(c.Hdr.Name) == name {
			name = mdns.CanonicalName(c.Target)
		}
	}
	return name
}

// glueless finds the address of a name server that the referral did not tell.
func (l *lookup) glueless(ctx context.Context, ns []mdns.RR, depth int) ([]netip.Addr, error) {
	if depth >= maxDepth {
		return nil, errors.New("name servers of name servers without end")
	}
	for _, rr := range ns {
		n, ok := rr.(*mdns.NS)
		if !ok {
			continue
		}
		if _, err := l.resolve(ctx, mdns.CanonicalName(n.Ns), mdns.TypeA, depth+1); err != nil {
			return nil, err
		}
		if servers := l.addresses(ns); len(servers) > 0 {
			return servers, nil
		}
	}
	return nil, errors.New("no address of any name server")
}

// referral is the zone that m sends the asker to; empty for none.
func referral(m *mdns.Msg, zone, name string) string {
	if len(m.Answer) > 0 || m.Rcode != mdns.RcodeSuccess {
		return ""
	}
	for _, rr := range m.Ns {
		if owner := mdns.CanonicalName(rr.Header().Name); rr.Header().Rrtype == mdns.TypeNS &&
			owner != zone && mdns.IsSubDomain(zone, owner) && mdns.IsSubDomain(owner, name) {
			return owner
		}
	}
	return ""
}

// learn keeps the sets of a section. What lies outside of the zone that was
// asked is none of its servers' business.
func (l *lookup) learn(rrs []mdns.RR, zone string, aa bool) {
	now := l.r.W.Age()
	sets := map[setKey]*entry{}
	for _, rr := range rrs {
		h := rr.Header()
		k := setKey{mdns.CanonicalName(h.Name), h.Rrtype}
		switch rr := rr.(type) {
		case *mdns.OPT, *mdns.SOA:
			continue
		case *mdns.RRSIG:
			k.rtype = rr.TypeCovered
		}
		if !mdns.IsSubDomain(zone, k.name) {
			continue
		}
		e := sets[k]
		if e == nil {
			e = &entry{ttl: time.Duration(h.Ttl) * time.Second, stored: now, aa: aa, checked: aa && l.r.Anchor != nil}
			sets[k] = e
		}
		e.rrs = append(e.rrs, rr)
	}
	for k, e := range sets {
		l.keep(k, e)
	}
}

// learnNothing keeps that there is no such name or record.
func (l *lookup) learnNothing(name string, rtype uint16, rcode int, authority []mdns.RR) {
	e := &entry{rcode: rcode, stored: l.r.W.Age(), aa: true}
	for _, rr := range authority {
		if soa, ok := rr.(*mdns.SOA); ok {
			// RFC 2308 section 5.
			e.ttl = time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
			e.soa = []mdns.RR{soa}
		}
	}
	l.keep(setKey{name, rtype}, e)
}

func (l *lookup) keep(k setKey, e *entry) {
	if old := l.fresh[k]; old == nil || e.aa || !old.aa {
		l.fresh[k] = e
	}
	// What was tailored to one network is not told to another.
	if e.ttl > 0 && !(l.r.Subnet && e.aa) {
		l.r.cache.put(k, e)
	}
}

// askAny asks servers one after the other, until one answers.
func (r *Resolver) askAny(ctx context.Context, servers []netip.Addr, name string, rtype uint16, stub netip.Addr) (*mdns.Msg, error) {
	var errs []error
	for _, s := range servers {
		q := r.Query(name, rtype, r.Recursive)
		if r.Subnet && stub.Is4() {
			subnet(q, stub)
		}
		a, err := r.Ask(ctx, s, q)
		if err == nil {
			return a, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// subnet adds the first 24 bits of an address to a question (RFC 7871).
func subnet(q *mdns.Msg, stub netip.Addr) {
	if opt := q.IsEdns0(); opt != nil {
		p, _ := stub.Prefix(24)
		opt.Option = append(opt.Option, &mdns.EDNS0_SUBNET{Code: mdns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: p.Addr().AsSlice()})
	}
}

// Relay makes a handler of a server that, when it is asked for the whole
// answer and knows only whom to ask, asks him on behalf of the client.
func (au *Authority) Relay(c *Client) Handler {
	return func(ctx context.Context, q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
		a := au.Answer(q, from)
		if !q.RecursionDesired || a.Authoritative || len(a.Answer) > 0 {
			return a
		}
		var next []netip.Addr
		for _, rr := range a.Extra {
			if g, ok := rr.(*mdns.A); ok {
				next = append(next, address(g.A))
			}
		}
		r := Resolver{Client: c, Recursive: true}
		below, err := r.askAny(ctx, next, q.Question[0].Name, q.Question[0].Qtype, netip.Addr{})
		out := reply(q)
		out.RecursionAvailable = true
		if err != nil {
			out.Rcode = mdns.RcodeServerFailure
			return out
		}
		out.Rcode, out.Answer = below.Rcode, below.Answer
		if len(below.Answer) == 0 {
			out.Ns = below.Ns
		}
		return out
	}
}

// Plain is the handler of a server that only tells what it knows.
func (au *Authority) Plain() Handler {
	return func(_ context.Context, q *mdns.Msg, from netip.AddrPort) *mdns.Msg { return au.Answer(q, from) }
}

// data is what a record says, in zone-file form.
func data(rr mdns.RR) string { return rr.String()[len(rr.Header().String()):] }
