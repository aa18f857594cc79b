package dns

import (
	"context"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Signatures that hold now, and some that no longer do, seen from the epoch of
// all captures.
var (
	signedFrom  = simnet.Epoch.AddDate(0, 0, -7)
	signedUntil = simnet.Epoch.AddDate(0, 0, 14)
	oldFrom     = simnet.Epoch.AddDate(0, 0, -35)
	oldUntil    = simnet.Epoch.AddDate(0, 0, -5)
)

const (
	bogusDelegation = `
bogus.test.         NS ns1.bogus.test.
ns1.bogus.test.     A  198.51.100.53
expired.test.       NS ns1.expired.test.
ns1.expired.test.   A  198.51.100.53
`
	bogusZone = `
$TTL 300
bogus.test.         SOA ns1.bogus.test. hostmaster.bogus.test. 2026010100 1800 900 604800 60
bogus.test.         NS  ns1.bogus.test.
ns1.bogus.test.     A   198.51.100.53
www.bogus.test.     A   198.51.100.90
`
	expiredZone = `
$TTL 300
expired.test.       SOA ns1.expired.test. hostmaster.expired.test. 2026010100 1800 900 604800 60
expired.test.       NS  ns1.expired.test.
ns1.expired.test.   A   198.51.100.53
www.expired.test.   A   198.51.100.91
`
)

// DNSSEC is a signed root, a signed test zone, and three zones below: one in
// order, one whose record was changed after it was signed, and one whose
// signatures are over.
var DNSSEC = scenario("dnssec",
	"a chain of signatures that verifies, a forged record, and signatures that expired", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		root, err := dnsnet.ParseZone(".", rootZone)
		if err != nil {
			return err
		}
		test, err := dnsnet.ParseZone("test.", testZone+bogusDelegation)
		if err != nil {
			return err
		}
		var below []*dnsnet.Zone
		for _, z := range []struct {
			origin, text string
			from, until  time.Time
		}{
			{"example.test.", exampleZone, signedFrom, signedUntil},
			{"bogus.test.", bogusZone, signedFrom, signedUntil},
			{"expired.test.", expiredZone, oldFrom, oldUntil},
		} {
			zone, err := dnsnet.ParseZone(z.origin, z.text)
			if err != nil {
				return err
			}
			// A parent vouches for its child's key, then signs that.
			ds, err := w.Sign(zone, z.from, z.until)
			if err != nil {
				return err
			}
			if err := test.Add(ds); err != nil {
				return err
			}
			below = append(below, zone)
		}
		// Somebody changes the record without having the key.
		if err := below[1].Replace("www.bogus.test. 300 IN A 203.0.113.66"); err != nil {
			return err
		}
		ds, err := w.Sign(test, signedFrom, signedUntil)
		if err != nil {
			return err
		}
		if err := root.Add(ds); err != nil {
			return err
		}
		anchor, err := w.Sign(root, signedFrom, signedUntil)
		if err != nil {
			return err
		}
		h.resolver.Anchor = []*mdns.DS{anchor}
		h.resolver.DO = true
		h.client.DO = true
		w.Fact("trust_anchor", anchor.String())

		for _, s := range []struct {
			host  *simnet.Host
			zones []*dnsnet.Zone
		}{{h.root, []*dnsnet.Zone{root}}, {h.tld, []*dnsnet.Zone{test}}, {h.auth, below}} {
			au := &dnsnet.Authority{Zones: s.zones}
			if err := w.Serve(ctx, s.host, dnsnet.Server{Handler: au.Plain()}); err != nil {
				return err
			}
		}
		if err := w.Serve(ctx, h.local, dnsnet.Server{Handler: h.resolver.Answer}); err != nil {
			return err
		}
		for _, q := range []struct{ name, want string }{
			{"www.example.test", "198.51.100.80"},
			{"www.bogus.test", "SERVFAIL"},
			{"www.expired.test", "SERVFAIL"},
		} {
			if err := expect(ctx, h.client, h.local, q.name, mdns.TypeA, q.want); err != nil {
				return err
			}
		}
		return nil
	})
