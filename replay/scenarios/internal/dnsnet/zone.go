package dnsnet

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

// Zone is what an authoritative server knows of one zone. It may be changed
// while it is served.
type Zone struct {
	Origin string

	mu      sync.Mutex
	sets    map[setKey][]mdns.RR
	names   map[string]bool // that have records, or have names below them
	rotate  map[setKey]int  // sets that begin with another record each time, and how often they were told
	rotated func(name string, first mdns.RR)
	keys    *zoneKeys // nil: not signed
	sigs    map[setKey][]mdns.RR
}

// setKey names a set of records.
type setKey struct {
	name  string // canonical
	rtype uint16
}

// ParseZone reads a zone file (RFC 1035 section 5) without includes. It must
// have a SOA record.
func ParseZone(origin, text string) (*Zone, error) {
	z := &Zone{Origin: mdns.CanonicalName(origin),
		sets: map[setKey][]mdns.RR{}, names: map[string]bool{}, rotate: map[setKey]int{}}
	p := mdns.NewZoneParser(strings.NewReader(text), z.Origin, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := z.add(rr); err != nil {
			return nil, err
		}
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("zone %s: %w", origin, err)
	}
	if len(z.sets[setKey{z.Origin, mdns.TypeSOA}]) != 1 {
		return nil, fmt.Errorf("zone %s: no SOA record", origin)
	}
	return z, nil
}

func (z *Zone) add(rr mdns.RR) error {
	name := mdns.CanonicalName(rr.Header().Name)
	if !mdns.IsSubDomain(z.Origin, name) {
		return fmt.Errorf("zone %s: %s is not in it", z.Origin, name)
	}
	k := setKey{name, rr.Header().Rrtype}
	z.sets[k] = append(z.sets[k], rr)
	for n := name; ; n = parent(n) {
		z.names[n] = true
		if n == z.Origin {
			return nil
		}
	}
}

// Replace changes a set of records to what text says, in zone-file form.
func (z *Zone) Replace(text ...string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	for i, t := range text {
		rr, err := mdns.NewRR(t)
		if err != nil {
			return err
		}
		if i == 0 {
			delete(z.sets, setKey{mdns.CanonicalName(rr.Header().Name), rr.Header().Rrtype})
		}
		if err := z.add(rr); err != nil {
			return err
		}
	}
	return nil
}

// Rotate makes each answer about that set begin with the next record. told
// hears which one is the first.
func (z *Zone) Rotate(name string, rtype uint16, told func(name string, first mdns.RR)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.rotate[setKey{mdns.CanonicalName(name), rtype}] = 0
	z.rotated = told
}

// parent is the name without its first label; the root's is the root.
func parent(name string) string {
	next, end := mdns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// set is a copy of one set as it is to be told now. The caller holds z.mu.
func (z *Zone) set(name string, rtype uint16) []mdns.RR {
	k := setKey{name, rtype}
	rrs := slices.Clone(z.sets[k])
	if told, ok := z.rotate[k]; ok && len(rrs) > 1 {
		z.rotate[k]++
		rrs = turned(rrs, told)
		if z.rotated != nil {
			z.rotated(name, rrs[0])
		}
	}
	return rrs
}

// turned is a list that begins with its n-th record.
func turned(rrs []mdns.RR, n int) []mdns.RR {
	n %= len(rrs)
	return slices.Concat(rrs[n:], rrs[:n])
}

// Authority answers from zones (RFC 1034 section 4.3.2).
type Authority struct {
	Zones []*Zone
	// Pick, where set, chooses the records for a client among those of a set,
	// as the name servers of a content network do.
	Pick func(q *mdns.Msg, from netip.AddrPort, rrs []mdns.RR) []mdns.RR
}

// Answer is the authoritative answer, a referral, or a refusal.
func (au *Authority) Answer(q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
	a := reply(q)
	a.RecursionAvailable = false
	name, qtype := mdns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	z := au.zone(name, qtype)
	if z == nil {
		a.Rcode = mdns.RcodeRefused
		return a
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	t := teller{z: z, a: a, signed: wantsDNSSEC(q)}
	if cut := z.cut(name, qtype); cut != "" {
		t.referral(cut)
		return a
	}
	a.Authoritative = true
	for range maxAliases {
		if !z.names[name] {
			a.Rcode = mdns.RcodeNameError
			t.negative()
			return a
		}
		alias := z.sets[setKey{name, mdns.TypeCNAME}]
		if len(alias) == 0 || qtype == mdns.TypeCNAME || qtype == mdns.TypeANY {
			break
		}
		t.answer(name, mdns.TypeCNAME, alias)
		name = mdns.CanonicalName(alias[0].(*mdns.CNAME).Target)
		if !mdns.IsSubDomain(z.Origin, name) || z.cut(name, qtype) != "" {
			return a // the asker goes on
		}
	}
	if qtype == mdns.TypeANY {
		t.any(name)
	} else if rrs := z.set(name, qtype); len(rrs) > 0 {
		if au.Pick != nil {
			rrs = au.Pick(q, from, rrs)
			echoSubnet(q, a)
		}
		t.answer(name, qtype, rrs)
	}
	if len(a.Answer) == 0 {
		t.negative()
	}
	t.addresses(a.Answer)
	return a
}

// echoSubnet says that an answer is meant for the subnet in the question (RFC
// 7871 section 7.2.1).
func echoSubnet(q, a *mdns.Msg) {
	from, to := q.IsEdns0(), a.IsEdns0()
	if from == nil || to == nil {
		return
	}
	for _, o := range from.Option {
		if s, ok := o.(*mdns.EDNS0_SUBNET); ok {
			own := *s
			own.SourceScope = s.SourceNetmask
			to.Option = append(to.Option, &own)
		}
	}
}

// maxAliases is how many CNAME records are followed in one answer.
const maxAliases = 8

// zone is the longest zone that name is in. A DS record lies above the cut
// (RFC 4035 section 3.1.4.1).
func (au *Authority) zone(name string, qtype uint16) (z *Zone) {
	for _, c := range au.Zones {
		if mdns.IsSubDomain(c.Origin, name) && (z == nil || len(c.Origin) > len(z.Origin)) &&
			(qtype != mdns.TypeDS || c.Origin != name || name == ".") {
			z = c
		}
	}
	return z
}

// cut is the delegation that name lies in or below; empty for none.
func (z *Zone) cut(name string, qtype uint16) (cut string) {
	for n := name; n != z.Origin; n = parent(n) {
		if len(z.sets[setKey{n, mdns.TypeNS}]) > 0 && (n != name || qtype != mdns.TypeDS) {
			cut = n // the highest one counts
		}
	}
	return cut
}

// teller puts an answer together.
type teller struct {
	z      *Zone
	a      *mdns.Msg
	signed bool
}

// sig is the signature of a set, where it was asked for.
func (t *teller) sig(name string, rtype uint16) []mdns.RR {
	if !t.signed {
		return nil
	}
	return t.z.sigs[setKey{name, rtype}]
}

func (t *teller) answer(name string, rtype uint16, rrs []mdns.RR) {
	t.a.Answer = append(append(t.a.Answer, rrs...), t.sig(name, rtype)...)
}

func (t *teller) any(name string) {
	var types []uint16
	for k := range t.z.sets {
		if k.name == name {
			types = append(types, k.rtype)
		}
	}
	slices.Sort(types)
	for _, rtype := range types {
		t.answer(name, rtype, t.z.sets[setKey{name, rtype}])
	}
}

// negative says how long "no" may be remembered (RFC 2308 section 3).
func (t *teller) negative() {
	t.a.Ns = append(t.z.set(t.z.Origin, mdns.TypeSOA), t.sig(t.z.Origin, mdns.TypeSOA)...)
}

// referral sends the asker to the servers of a zone below.
func (t *teller) referral(cut string) {
	ns := t.z.set(cut, mdns.TypeNS)
	t.a.Ns = append(t.a.Ns, ns...)
	t.a.Ns = append(t.a.Ns, t.dsOf(cut)...)
	t.addresses(ns)
}

func (t *teller) dsOf(cut string) []mdns.RR {
	if !t.signed {
		return nil
	}
	return append(t.z.set(cut, mdns.TypeDS), t.sig(cut, mdns.TypeDS)...)
}

// addresses adds those of the hosts that records name, as far as this zone
// knows them: glue.
func (t *teller) addresses(of []mdns.RR) {
	var extra []mdns.RR
	for _, rr := range of {
		var host string
		switch rr := rr.(type) {
		case *mdns.NS:
			host = rr.Ns
		case *mdns.MX:
			host = rr.Mx
		default:
			continue
		}
		host = mdns.CanonicalName(host)
		if mdns.IsSubDomain(t.z.Origin, host) {
			extra = append(extra, t.z.set(host, mdns.TypeA)...)
		}
	}
	t.a.Extra = append(extra, t.a.Extra...) // OPT stays the last
}

// address is that of an A record.
func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
