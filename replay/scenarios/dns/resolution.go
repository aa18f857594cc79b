package dns

import (
	"context"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Iterative is the usual way of a name server: it follows referrals itself.
var Iterative = scenario("dns-iterative",
	"a local name server asks the root, test and example.test, one after the other", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		if err := h.serve(ctx, exampleZone); err != nil {
			return err
		}
		return h.visit(ctx)
	})

// Recursive is the other textbook way: each server asks the next one.
var Recursive = scenario("dns-recursive",
	"each name server asks the next one on behalf of the one before", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		return relayed(ctx, w, func(h *hierarchy) []*simnet.Host { return []*simnet.Host{h.root, h.tld} })
	})

// Hybrid mixes both: the root refers, the server of test asks on.
var Hybrid = scenario("dns-hybrid",
	"the root refers to the server of test, which asks example.test on behalf of the local one", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		return relayed(ctx, w, func(h *hierarchy) []*simnet.Host { return []*simnet.Host{h.tld} })
	})

// visit is what the stub asks in all three: the whole way, another name of a
// zone that is known by now, one that was asked before, and one that is not.
func (h *hierarchy) visit(ctx context.Context) error {
	for _, q := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"www.example.test", mdns.TypeA, "198.51.100.80"},
		{"mail.example.test", mdns.TypeA, "198.51.100.25"},
		{"www.example.test", mdns.TypeA, "198.51.100.80"},
		{"www.example.test", mdns.TypeAAAA, "nothing"},
		{"nosuch.example.test", mdns.TypeA, "NXDOMAIN"},
	} {
		if err := expect(ctx, h.client, h.local, q.name, q.qtype, q.want); err != nil {
			return err
		}
	}
	return nil
}

// relayed is a hierarchy in which some servers ask the next one themselves.
func relayed(ctx context.Context, w *dnsnet.World, who func(h *hierarchy) []*simnet.Host) error {
	h, err := build(w)
	if err != nil {
		return err
	}
	// The servers sit in data centres, nearer to each other than to the local one.
	rtt := w.P.RTT
	if err := w.Far(h.root, h.tld, rtt/4); err != nil {
		return err
	}
	if err := w.Far(h.tld, h.auth, rtt/2); err != nil {
		return err
	}
	h.resolver.Recursive = true
	relays := who(h)
	for _, s := range []struct {
		host  *simnet.Host
		zones zones
	}{
		{h.root, zones{".": rootZone}},
		{h.tld, zones{"test.": testZone}},
		{h.auth, zones{"example.test.": exampleZone}},
	} {
		au, err := parse(s.zones)
		if err != nil {
			return err
		}
		handler := au.Plain()
		for _, r := range relays {
			if r == s.host {
				// It asks again before the one who asked it does.
				c := &dnsnet.Client{W: w, Host: s.host, UDPSize: dnsnet.AgreedSize, First: w.Patience() / 2}
				handler = au.Relay(c)
			}
		}
		if err := w.Serve(ctx, s.host, dnsnet.Server{Handler: handler}); err != nil {
			return err
		}
	}
	if err := w.Serve(ctx, h.local, dnsnet.Server{Handler: h.resolver.Answer}); err != nil {
		return err
	}
	return h.visit(ctx)
}
