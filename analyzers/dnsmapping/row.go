package dnsmapping

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/wiretale/wiretale/analyzers"
)

// exchange takes the data of an MX record (RFC 1035 section 3.3.9).
func (n *mapping) exchange(data string) {
	pref, host, ok := strings.Cut(data, " ")
	p, err := strconv.ParseUint(pref, 10, 16)
	if !ok || err != nil {
		return
	}
	for i := range n.mail {
		if n.mail[i].Host == host {
			return
		}
	}
	if len(n.mail) < maxExchanges {
		n.mail = append(n.mail, Exchange{Preference: uint32(p), Host: strings.Clone(host)})
	}
}

// domain is the registrable domain of a name: one label more than its public
// suffix (https://publicsuffix.org). Empty where there is none.
func domain(name string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(strings.TrimSuffix(name, ".")))
	if err != nil {
		return ""
	}
	return d
}

func (fold) Close(_ key, s *state, emit analyzers.Emit) {
	if s.mapping == nil || s.replies == 0 {
		return
	}
	if v := s.row(); len(v.Kinds) > 0 {
		emit(v.Name, v)
	}
}

func (n *mapping) row() *Mapping {
	v := &Mapping{Name: n.name, Replies: n.replies, Aliases: n.aliases, Chains: n.chains, Addresses: n.addresses, LeftOff: n.leftOff, Mail: n.mail}
	if n.hasTTL {
		v.TTL = &n.ttl
	}
	if len(n.aliases) > 0 {
		v.Kinds = append(v.Kinds, KindAlias)
	}
	for _, w := range n.views {
		v.Turned += w.turned
		v.Changed += w.changed
		v.Compared += w.replies - 1
	}
	switch {
	case v.Changed > 0:
		v.Spread = "changing"
	case v.Turned > 0:
		v.Spread = "rotating"
	}
	if v.Spread != "" {
		v.Kinds = append(v.Kinds, KindSpread)
	}
	own := domain(n.name)
	if len(n.mail) > 0 {
		v.Kinds = append(v.Kinds, KindMail)
		v.WebAndMail = len(n.addresses) > 0 || len(n.aliases) > 0
		for i := range n.mail {
			n.mail[i].Elsewhere = domain(n.mail[i].Host) != own
		}
		slices.SortFunc(n.mail, func(a, b Exchange) int {
			return cmp.Or(cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Host, b.Host))
		})
	}
	if v.CDN = n.cdn(own); v.CDN != nil {
		v.Kinds = append(v.Kinds, KindCDN)
	}
	frames := []uint64{n.first}
	if v.CDN != nil {
		for _, w := range v.CDN.Views {
			frames = append(frames, w.Frame)
		}
	}
	frames = append(frames, n.turned[:n.turns]...)
	if len(frames) < analyzers.MaxFrames {
		frames = append(frames, n.last)
	}
	v.Frames = analyzers.Frames(frames...)
	// Wireshark's names have no dot at the end, but for the root.
	v.Filter = "dns.qry.name == " + strconv.Quote(cmp.Or(strings.TrimSuffix(n.name, "."), "<Root>")) + " && dns.flags.response == 1"
	return v
}

// cdn says how the name leads into a content network; nil where nothing shows
// that it does.
func (n *mapping) cdn(own string) *CDN {
	c := &CDN{}
	for _, a := range n.aliases {
		if d := domain(a); d != own && d != "" && own != "" {
			c.Domain = d // that of the last one that leaves
		}
	}
	if c.Domain != "" {
		c.By = append(c.By, "cname")
	}
	byResolver, bySubnet := false, false
	apart := make([]bool, len(n.views))
	for i, a := range n.views {
		for j := range i {
			b := n.views[j]
			// What changes by itself says nothing about who asks.
			if a.typ != b.typ || a.changed > 0 || b.changed > 0 || overlap(a.addrs, b.addrs) {
				continue
			}
			apart[i], apart[j] = true, true
			// Two subnets of one resolver differ by subnet; two resolvers by
			// resolver, unless one of them told of a subnet.
			if a.subnet != b.subnet {
				bySubnet = true
			} else if a.resolver != b.resolver {
				byResolver = true
			}
		}
	}
	if byResolver {
		c.By = append(c.By, "resolver")
	}
	if bySubnet {
		c.By = append(c.By, "subnet")
	}
	if len(c.By) == 0 {
		return nil
	}
	for i, w := range n.views {
		if !apart[i] {
			continue
		}
		x := View{Resolver: w.resolver.String(), Subnet: w.subnet, Frame: w.frame}
		for _, a := range w.addrs {
			x.Addresses = append(x.Addresses, n.addresses[a].Address)
		}
		slices.Sort(x.Addresses)
		c.Views = append(c.Views, x)
	}
	return c
}

func overlap(a, b []int) bool {
	return slices.ContainsFunc(a, func(x int) bool { return slices.Contains(b, x) })
}
