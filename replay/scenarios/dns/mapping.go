package dns

import (
	"context"
	"fmt"
	"net/netip"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

const roundrobinZone = `
$TTL 300
example.test.       SOA ns1.example.test. hostmaster.example.test. 2026010100 1800 900 604800 60
example.test.       NS  ns1.example.test.
ns1.example.test.   A   198.51.100.53
www.example.test.   A   198.51.100.81
www.example.test.   A   198.51.100.82
www.example.test.   A   198.51.100.83
live.example.test.  0 A 198.51.100.91
live.example.test.  0 A 198.51.100.92
live.example.test.  0 A 198.51.100.93
`

// RoundRobin is one name with three addresses, told in another order each
// time: by the cache, and by the authoritative server where nothing may be
// cached.
var RoundRobin = scenario("dns-roundrobin",
	"one name, three addresses, another one first each time", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		if err := h.serve(ctx, roundrobinZone); err != nil {
			return err
		}
		h.resolver.Rotate = true
		for range 6 {
			if _, err := ask(ctx, h.client, h.local, "www.example.test", mdns.TypeA); err != nil {
				return err
			}
		}
		h.resolver.Rotate = false
		h.example.Rotate("live.example.test", mdns.TypeA, func(name string, first mdns.RR) {
			w.Choose(h.auth.Name(), "rotate", name, "the first is "+first.(*mdns.A).A.String())
		})
		for range 3 {
			if _, err := ask(ctx, h.client, h.local, "live.example.test", mdns.TypeA); err != nil {
				return err
			}
		}
		return nil
	})

const (
	aliasTest = testZone + `
backup.test.        NS  ns1.backup.test.
ns1.backup.test.    A   198.51.100.53
`
	aliasZone = `
$TTL 300
example.test.       SOA   ns1.example.test. hostmaster.example.test. 2026010100 1800 900 604800 60
example.test.       NS    ns1.example.test.
ns1.example.test.   A     198.51.100.53
example.test.       A     198.51.100.80
example.test.       MX    10 mail.example.test.
example.test.       MX    20 mx.backup.test.
mail.example.test.  A     198.51.100.25
www.example.test.   CNAME relay1.west.example.test.
relay1.west.example.test. A 198.51.100.81
shop.example.test.  CNAME www.example.test.
`
	backupZone = `
$TTL 300
backup.test.        SOA ns1.backup.test. hostmaster.backup.test. 2026010100 1800 900 604800 60
backup.test.        NS  ns1.backup.test.
ns1.backup.test.    A   198.51.100.53
mx.backup.test.     A   203.0.113.25
`
)

// MXAlias is one name for a web server and a mail server, and aliases of
// hosts.
var MXAlias = scenario("dns-mx-alias",
	"one name for web and mail (A and MX), and hosts with other names (CNAME)", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		for _, s := range []struct {
			host  *simnet.Host
			zones zones
		}{
			{h.root, zones{".": rootZone}},
			{h.tld, zones{"test.": aliasTest}},
			{h.auth, zones{"example.test.": aliasZone, "backup.test.": backupZone}},
		} {
			if _, err := authority(ctx, w, s.host, s.zones); err != nil {
				return err
			}
		}
		if err := w.Serve(ctx, h.local, dnsnet.Server{Handler: h.resolver.Answer}); err != nil {
			return err
		}
		for _, q := range []struct {
			name  string
			qtype uint16
			want  []string
		}{
			{"example.test", mdns.TypeA, []string{"198.51.100.80"}},
			{"example.test", mdns.TypeMX, []string{"10 mail.example.test.", "20 mx.backup.test."}},
			{"mail.example.test", mdns.TypeA, []string{"198.51.100.25"}},
			{"mx.backup.test", mdns.TypeA, []string{"203.0.113.25"}},
			{"www.example.test", mdns.TypeA, []string{"relay1.west.example.test.", "198.51.100.81"}},
			{"shop.example.test", mdns.TypeA, []string{"www.example.test.", "relay1.west.example.test.", "198.51.100.81"}},
			{"www.example.test", mdns.TypeMX, []string{"relay1.west.example.test."}},
		} {
			if err := expect(ctx, h.client, h.local, q.name, q.qtype, q.want...); err != nil {
				return err
			}
		}
		return nil
	})

const (
	cdnTest = testZone + `
cdn.test.           NS  ns1.cdn.test.
ns1.cdn.test.       A   203.0.113.53
`
	cdnExample = `
$TTL 300
example.test.       SOA   ns1.example.test. hostmaster.example.test. 2026010100 1800 900 604800 60
example.test.       NS    ns1.example.test.
ns1.example.test.   A     198.51.100.53
video.example.test. CNAME a1105.edge.cdn.test.
`
	cdnZone = `
cdn.test.            300 SOA ns1.cdn.test. hostmaster.cdn.test. 2026010100 1800 900 604800 60
cdn.test.            300 NS  ns1.cdn.test.
ns1.cdn.test.        300 A   203.0.113.53
a1105.edge.cdn.test. 20  A   203.0.113.10
a1105.edge.cdn.test. 20  A   203.0.113.20
`
)

// edge is a cluster of the content network.
type edge struct {
	name, addr string
	serves     netip.Prefix
}

var edges = []edge{
	{"edge-east", "203.0.113.10", netip.MustParsePrefix("10.1.0.0/16")},
	{"edge-west", "203.0.113.20", netip.MustParsePrefix("10.2.0.0/16")},
}

// CDN is a name that leads into a content network, whose name server sends
// each resolver to an edge nearby.
var CDN = scenario("dns-cdn",
	"a CNAME into a content network, which names another edge to each resolver", 1,
	playCDN)

func playCDN(ctx context.Context, w *dnsnet.World) error {
	h := &hierarchy{World: w}
	var cdn, public, westStub *simnet.Host
	if err := addHosts(w, []hostSpec{
		{&h.root, "root", "name server of the root", rootAddr},
		{&h.tld, "tld", "name server of test", tldAddr},
		{&h.auth, "auth", "authoritative name server of example.test", authAddr},
		{&cdn, "cdn", "authoritative name server of the content network", "203.0.113.53"},
	}); err != nil {
		return err
	}
	for _, s := range []struct {
		host *simnet.Host
		test zones
	}{
		{h.root, zones{".": rootZone}},
		{h.tld, zones{"test.": cdnTest}},
		{h.auth, zones{"example.test.": cdnExample}},
	} {
		if _, err := authority(ctx, w, s.host, s.test); err != nil {
			return err
		}
	}
	au, err := parse(zones{"cdn.test.": cdnZone})
	if err != nil {
		return err
	}
	au.Pick = func(q *mdns.Msg, from netip.AddrPort, rrs []mdns.RR) []mdns.RR {
		return pickEdge(w, cdn, q, from.Addr(), rrs)
	}
	if err := w.Serve(ctx, cdn, dnsnet.Server{Handler: au.Plain()}); err != nil {
		return err
	}

	var askers []asker
	for _, region := range []struct{ name, net string }{{"east", "10.1.0."}, {"west", "10.2.0."}} {
		var a asker
		if err := addHosts(w, []hostSpec{
			{&a.stub, "stub-" + region.name, "user in the " + region.name, region.net + "10"},
			{&a.local, "local-" + region.name, "local name server in the " + region.name, region.net + "53"},
		}); err != nil {
			return err
		}
		westStub = a.stub
		a.resolver = resolver(w, a.local)
		askers = append(askers, a)
	}
	// The user in the west asks a public resolver in the east too, which tells
	// the content network where he is.
	if err := addHosts(w, []hostSpec{{&public, "public", "public name server in the east that sends client subnets", "10.1.9.9"}}); err != nil {
		return err
	}
	p := asker{stub: westStub, local: public, resolver: resolver(w, public)}
	p.resolver.Subnet = true
	askers = append(askers, p)

	for _, a := range askers {
		if err := w.Near(a.stub, a.local, near(w.P.RTT)); err != nil {
			return err
		}
		if err := h.farLinks(a.local); err != nil {
			return err
		}
		if err := w.Far(a.local, cdn, w.P.RTT); err != nil {
			return err
		}
		if err := w.Serve(ctx, a.local, dnsnet.Server{Handler: a.resolver.Answer}); err != nil {
			return err
		}
	}
	for i, want := range []string{"203.0.113.10", "203.0.113.20", "203.0.113.20"} {
		a := askers[i]
		c := &dnsnet.Client{W: w, Host: a.stub, UDPSize: dnsnet.AgreedSize, First: 4 * w.Patience()}
		if err := expect(ctx, c, a.local, "video.example.test", mdns.TypeA, "a1105.edge.cdn.test.", want); err != nil {
			return err
		}
	}
	return nil
}

// asker is a user with a name server.
type asker struct {
	stub, local *simnet.Host
	resolver    *dnsnet.Resolver
}

// pickEdge is the decision of the content network: by the subnet that the
// resolver tells of, else by the resolver's own address.
func pickEdge(w *dnsnet.World, cdn *simnet.Host, q *mdns.Msg, from netip.Addr, rrs []mdns.RR) []mdns.RR {
	who, why := from, fmt.Sprintf("resolver %s", from)
	if opt := q.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if s, ok := o.(*mdns.EDNS0_SUBNET); ok {
				if a, ok := netip.AddrFromSlice(s.Address); ok {
					who = a.Unmap()
					why = fmt.Sprintf("client subnet %s/%d", who, s.SourceNetmask)
				}
			}
		}
	}
	for _, e := range edges {
		if !e.serves.Contains(who) {
			continue
		}
		for _, rr := range rrs {
			if a, ok := rr.(*mdns.A); ok && a.A.String() == e.addr {
				w.Choose(cdn.Name(), "edge", e.name+" "+e.addr, why)
				return []mdns.RR{rr}
			}
		}
	}
	return rrs
}
