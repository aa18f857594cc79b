package httphosting

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/sites"
)

// mostAliases keeps a circle of aliases from being followed for ever.
const mostAliases = 16

func (p *place) row(w *world) *Hosting {
	v := &Hosting{Of: Address, Address: p.addr.String(), Requests: p.requests, LeftOff: p.leftOff, Frames: analyzers.Frames(p.frames...)}
	var of []string
	byPort := map[uint16]int{}
	for _, m := range p.members {
		c := *m
		for _, l := range w.chain(m.Name) {
			c.DNS = c.DNS || slices.Contains(l.addrs, p.addr)
		}
		v.Names = append(v.Names, c)
		if s := sites.Of(m.Name); !slices.Contains(of, s) {
			of = append(of, s)
		}
		if m.Found+m.Handshakes > 0 {
			byPort[m.Port]++
			v.Virtual = v.Virtual || byPort[m.Port] >= 2
		}
	}
	slices.SortFunc(v.Names, func(a, b Member) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(b.Handshakes, a.Handshakes), strings.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port))
	})
	v.Sites = len(of)
	switch {
	case len(p.members) == 0 && p.nameless > 0:
		v.Undecided = "TLS clients did not say whom they asked for (SNI)"
	case len(p.members) == 0 && p.unasked > 0:
		v.Undecided = "requests were not captured: for whom responses were is not known"
	case len(p.members) == 0:
		v.Undecided = "asked for by address only"
	case p.unasked > 0:
		v.Undecided = "some requests were not captured"
	}
	f := "ip"
	if !p.addr.IP().Is4() {
		f = "ipv6"
	}
	v.Filter = f + ".addr == " + v.Address + " && (http || http2 || tls.handshake.extensions_server_name)"
	return v
}

// chain is what DNS told of a name, and of what it stands for.
func (w *world) chain(host string) []*lookup {
	var out []*lookup
	for host = sites.Name(host); host != "" && len(out) < mostAliases; {
		l := w.dns.Get(w.open.Text(host))
		if l == nil {
			break
		}
		out = append(out, l)
		host = l.alias
	}
	return out
}

func (n *name) row(w *world) *Hosting {
	v := &Hosting{Of: Name, Name: n.host, Requests: n.requests, LeftOff: n.leftOff, EdgeOf: n.edgeOf, Frames: analyzers.Frames(n.frames...)}
	slices.Sort(v.EdgeOf)
	at := map[string]int{}
	for _, m := range n.members {
		at[m.Address] = len(v.Addresses)
		v.Addresses = append(v.Addresses, m.Member)
	}
	chain := w.chain(n.host)
	for _, l := range chain {
		for _, a := range l.addrs {
			i, ok := at[a.String()]
			if !ok {
				i = len(v.Addresses)
				at[a.String()] = i
				v.Addresses = append(v.Addresses, Member{Address: a.String(), FirstFrame: l.frame})
			}
			v.Addresses[i].DNS = true
		}
		if l.alias != "" {
			v.Aliases = append(v.Aliases, l.alias)
		}
	}
	slices.SortFunc(v.Addresses, func(a, b Member) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(b.Handshakes, a.Handshakes), strings.Compare(a.Address, b.Address))
	})
	for i := range n.means {
		m := n.means[i].Mechanism
		m.Clients = len(n.means[i].clients)
		if t := n.means[i].took; t > 0 {
			m.Took = &t
		}
		v.CDN = append(v.CDN, m)
	}
	for _, l := range chain {
		if l.alias != "" && sites.Of(l.alias) != n.site {
			v.CDN = append(v.CDN, Mechanism{How: ByDNS, To: l.alias, Count: l.count, FirstFrame: l.frame})
			break
		}
	}
	slices.SortFunc(v.CDN, func(a, b Mechanism) int {
		return cmp.Or(strings.Compare(string(a.How), string(b.How)), cmp.Compare(b.Count, a.Count), strings.Compare(a.To, b.To))
	})
	q := strconv.Quote(sites.Name(n.host))
	v.Filter = "http.host contains " + q + " || http2.headers.authority contains " + q + " || tls.handshake.extensions_server_name == " + q + " || dns.qry.name == " + q
	return v
}
