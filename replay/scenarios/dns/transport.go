package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Retry is a network that loses chosen packets: the stub's first two queries,
// the authoritative server's first answer about mail, and all queries about
// shop.
var Retry = scenario("dns-retry",
	"lost queries and a lost answer: asked again after twice the time, and given up", 1,
	playRetry).OnlySimulated("it is about lost messages, and the loopback loses none")

const (
	stubAttempts = 3
	lostAtFirst  = 2 // queries of the stub
)

// about reports whether a packet has a name that begins with that label.
func about(ip []byte, label string) bool {
	return bytes.Contains(ip, append([]byte{byte(len(label))}, label...))
}

func playRetry(ctx context.Context, w *dnsnet.World) error {
	h := &hierarchy{World: w}
	if err := addHosts(w, []hostSpec{
		{&h.stub, "stub", "asks on behalf of applications", stubAddr},
		{&h.local, "local", "local (recursive) name server", localAddr},
		{&h.root, "root", "name server of the root", rootAddr},
		{&h.tld, "tld", "name server of test", tldAddr},
		{&h.auth, "auth", "authoritative name server of example.test", authAddr},
	}); err != nil {
		return err
	}
	rtt := w.P.RTT
	way := func(rtt time.Duration, drop func(ip []byte, before uint64) bool) simnet.Path {
		p := w.P.Path(rtt)
		p.Drop = drop
		return p
	}
	there := way(near(rtt), func(ip []byte, before uint64) bool { return before < lostAtFirst || about(ip, "shop") })
	if err := w.Net.Connect(h.stub, h.local, there, way(near(rtt), nil)); err != nil {
		return err
	}
	if err := w.Far(h.local, h.root, rtt/2); err != nil {
		return err
	}
	if err := w.Far(h.local, h.tld, rtt*3/4); err != nil {
		return err
	}
	answers := 0 // about mail
	back := way(rtt, func(ip []byte, _ uint64) bool {
		if about(ip, "mail") {
			answers++
			return answers == 1
		}
		return false
	})
	if err := w.Net.Connect(h.local, h.auth, way(rtt, nil), back); err != nil {
		return err
	}
	// The stub is the more patient one: the local server has asked twice
	// before the stub does.
	h.resolver = resolver(w, h.local)
	h.resolver.First = w.Real(100*time.Millisecond) + 2*rtt
	h.client = &dnsnet.Client{W: w, Host: h.stub, UDPSize: dnsnet.AgreedSize, Attempts: stubAttempts,
		First: w.Real(250*time.Millisecond) + 4*rtt}
	if err := h.serve(ctx, exampleZone); err != nil {
		return err
	}
	unanswered := 0
	for _, name := range []string{"www", "mail", "shop", "mail"} {
		_, err := tryOnce(ctx, h.client, h.local, name+".example.test", mdns.TypeA)
		switch {
		case errors.Is(err, dnsnet.ErrNoAnswer):
			unanswered++
		case err != nil:
			return err
		}
	}
	w.Fact("unanswered_questions", unanswered)
	w.Fact("first_wait_of_stub_seconds", h.client.First.Seconds())
	w.Fact("first_wait_of_local_seconds", h.resolver.First.Seconds())
	return nil
}

// TCP is answers that fit into no datagram: over 1,232 bytes, and over 512
// for a client without EDNS.
var TCP = scenario("dns-tcp",
	"answers over 1,232 bytes: cut over UDP (TC), then asked again over TCP", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		old, err := w.Host("old-stub", "a stub without EDNS", "10.0.0.11")
		if err != nil {
			return err
		}
		if err := w.Near(old, h.local, near(w.P.RTT)); err != nil {
			return err
		}
		if err := h.serve(ctx, longZone()); err != nil {
			return err
		}
		for _, q := range []struct {
			c     *dnsnet.Client
			name  string
			qtype uint16
			n     int // records
		}{
			{h.client, "keys-1.example.test", mdns.TypeTXT, longTexts},
			{h.client, "keys-2.example.test", mdns.TypeTXT, longTexts},
			{h.client, "keys-3.example.test", mdns.TypeTXT, longTexts},
			{&dnsnet.Client{W: w, Host: old, First: 4 * w.Patience()}, "cluster.example.test", mdns.TypeA, longAddresses},
			{h.client, "cluster.example.test", mdns.TypeA, longAddresses},
		} {
			a, err := ask(ctx, q.c, h.local, q.name, q.qtype)
			if err != nil {
				return err
			}
			if len(a.Answer) != q.n && a.Rcode == mdns.RcodeSuccess {
				return fmt.Errorf("%s: %d records, not %d", q.name, len(a.Answer), q.n)
			}
			if a.Rcode != mdns.RcodeSuccess && !w.Poor() {
				return fmt.Errorf("%s: %s", q.name, mdns.RcodeToString[a.Rcode])
			}
		}
		return nil
	})

const (
	longNames     = 3
	longTexts     = 7 // of 200 bytes, for each of them
	longAddresses = 40
)

// longZone has a set that needs TCP, and one that needs it without EDNS only.
func longZone() string {
	var b strings.Builder
	b.WriteString(exampleZone)
	for n := range longNames {
		for i := range longTexts {
			fmt.Fprintf(&b, "keys-%d.example.test. TXT \"k=%02d; p=%s\"\n", n+1, i, strings.Repeat(string(rune('a'+i)), 190))
		}
	}
	for i := range longAddresses {
		fmt.Fprintf(&b, "cluster.example.test. A 198.51.100.%d\n", 100+i)
	}
	return b.String()
}
