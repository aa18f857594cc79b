// Package dns is the scenarios of the Domain Name System: who asks whom, what
// caches do, one name with many addresses, loss, long answers, signatures and
// attacks. All hosts are miekg/dns on a simulated network; the parts are in
// dnsnet, each file here is one family of scenarios.
package dns

import (
	"context"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// defaultRTT is that between the local server and the authoritative one.
const defaultRTT = 40 * time.Millisecond

// scenario makes a Scenario out of what its hosts do. scale is the scenario's
// own TimeScale.
func scenario(name, doc string, scale float64, play func(ctx context.Context, w *dnsnet.World) error) scenarios.Scenario {
	return scenarios.Scenario{Name: name, Doc: doc, RTT: defaultRTT, Takes: scenarios.TimeScale,
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			return dnsnet.Play(ctx, p, scale, play)
		}}
}

// Addresses for documentation (RFC 5737), and private ones for the clients.
const (
	stubAddr  = "10.0.0.10"
	localAddr = "10.0.0.53"
	rootAddr  = "192.0.2.1"
	tldAddr   = "192.0.2.65"
	authAddr  = "198.51.100.53"
)

// The zones that most scenarios have. test is reserved for this (RFC 6761).
const (
	rootZone = `
$TTL 86400
.                   SOA a.root-servers.test. hostmaster.root-servers.test. 2026010100 1800 900 604800 3600
.                   NS  a.root-servers.test.
a.root-servers.test. A  192.0.2.1
test.               NS  ns.nic.test.
ns.nic.test.        A   192.0.2.65
`
	testZone = `
$TTL 86400
test.               SOA ns.nic.test. hostmaster.nic.test. 2026010100 1800 900 604800 3600
test.               NS  ns.nic.test.
ns.nic.test.        A   192.0.2.65
example.test.       NS  ns1.example.test.
ns1.example.test.   A   198.51.100.53
`
	exampleZone = `
$TTL 300
example.test.       SOA ns1.example.test. hostmaster.example.test. 2026010100 1800 900 604800 60
example.test.       NS  ns1.example.test.
ns1.example.test.   A   198.51.100.53
www.example.test.   A   198.51.100.80
mail.example.test.  A   198.51.100.25
`
)

// hierarchy is a stub resolver, its local server, and the servers of the root,
// of a top-level domain and of a zone.
type hierarchy struct {
	*dnsnet.World
	stub, local, root, tld, auth *simnet.Host

	client   *dnsnet.Client   // at the stub
	resolver *dnsnet.Resolver // at the local server
	example  *dnsnet.Zone     // at the authoritative server
}

// zones are the texts of zones by their origins, served by one host.
type zones map[string]string

// build makes the hosts and links of a hierarchy. The stub is near the local
// server, the root nearer than the zone.
func build(w *dnsnet.World) (*hierarchy, error) {
	h := &hierarchy{World: w}
	if err := addHosts(w, []hostSpec{
		{&h.stub, "stub", "asks on behalf of applications", stubAddr},
		{&h.local, "local", "local (recursive) name server", localAddr},
		{&h.root, "root", "name server of the root", rootAddr},
		{&h.tld, "tld", "name server of test", tldAddr},
		{&h.auth, "auth", "authoritative name server of example.test", authAddr},
	}); err != nil {
		return nil, err
	}
	rtt := w.P.RTT
	if err := w.Near(h.stub, h.local, near(rtt)); err != nil {
		return nil, err
	}
	if err := h.farLinks(h.local); err != nil {
		return nil, err
	}
	h.client = &dnsnet.Client{W: w, Host: h.stub, UDPSize: dnsnet.AgreedSize, First: 4 * w.Patience(), Attempts: 3}
	h.resolver = resolver(w, h.local)
	return h, nil
}

// near is the RTT to the local server where that to far ones is rtt.
func near(rtt time.Duration) time.Duration { return rtt / 20 }

// farLinks joins a resolver to the three servers.
func (h *hierarchy) farLinks(resolver *simnet.Host) error {
	rtt := h.P.RTT
	for _, l := range []struct {
		server *simnet.Host
		rtt    time.Duration
	}{{h.root, rtt / 2}, {h.tld, rtt * 3 / 4}, {h.auth, rtt}} {
		if err := h.Far(resolver, l.server, l.rtt); err != nil {
			return err
		}
	}
	return nil
}

func resolver(w *dnsnet.World, h *simnet.Host) *dnsnet.Resolver {
	return &dnsnet.Resolver{
		Client: &dnsnet.Client{W: w, Host: h, UDPSize: dnsnet.AgreedSize},
		Roots:  []netip.Addr{netip.MustParseAddr(rootAddr)},
	}
}

type hostSpec struct {
	host             **simnet.Host
	name, role, addr string
}

func addHosts(w *dnsnet.World, specs []hostSpec) (err error) {
	for _, s := range specs {
		if *s.host, err = w.Host(s.name, s.role, s.addr); err != nil {
			return err
		}
	}
	return nil
}

// authority reads zones and has a host serve them.
func authority(ctx context.Context, w *dnsnet.World, h *simnet.Host, texts zones) (*dnsnet.Authority, error) {
	au, err := parse(texts)
	if err != nil {
		return nil, err
	}
	return au, w.Serve(ctx, h, dnsnet.Server{Handler: au.Plain()})
}

func parse(texts zones) (*dnsnet.Authority, error) {
	au := new(dnsnet.Authority)
	for origin, text := range texts { // an Authority takes the longest that fits, in any order
		z, err := dnsnet.ParseZone(origin, text)
		if err != nil {
			return nil, err
		}
		au.Zones = append(au.Zones, z)
	}
	return au, nil
}

// serve starts all servers of a hierarchy with the usual root and test zones,
// and with the given one at the authoritative server.
func (h *hierarchy) serve(ctx context.Context, example string) error {
	return h.serveAll(ctx, rootZone, testZone, example)
}

func (h *hierarchy) serveAll(ctx context.Context, root, test, example string) error {
	for _, s := range []struct {
		host  *simnet.Host
		zones zones
	}{
		{h.root, zones{".": root}},
		{h.tld, zones{"test.": test}},
		{h.auth, zones{"example.test.": example}},
	} {
		au, err := authority(ctx, h.World, s.host, s.zones)
		if err != nil {
			return err
		}
		h.example = au.Zones[0] // the last one stays
	}
	return h.Serve(ctx, h.local, dnsnet.Server{Handler: h.resolver.Answer})
}
