package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// All hosts of an attack are inside the simulation, and so are all addresses.

const (
	poisonTest = testZone + `
bank.test.          NS ns1.bank.test.
ns1.bank.test.      A  198.51.100.54
evil.test.          NS ns1.evil.test.
ns1.evil.test.      A  203.0.113.66
`
	bankZone = `
$TTL 300
bank.test.          SOA ns1.bank.test. hostmaster.bank.test. 2026010100 1800 900 604800 60
bank.test.          NS  ns1.bank.test.
ns1.bank.test.      A   198.51.100.54
www.bank.test.      A   198.51.100.99
`
	evilZone = `
$TTL 300
evil.test.          SOA ns1.evil.test. hostmaster.evil.test. 2026010100 1800 900 604800 60
evil.test.          NS  ns1.evil.test.
ns1.evil.test.      A   203.0.113.66
`
	bankWeb    = "198.51.100.99"
	bankServer = "198.51.100.54"
	evilAddr   = "203.0.113.66"

	forgeries = 16   // answers in one attempt
	weakPort  = 5300 // from which the careless server always asks
)

// Poison is an off-path attacker who sends answers in the name of another
// server: to a careless resolver, and to one that cannot be guessed.
var Poison = scenario("dns-poison",
	"forged answers from off the path: a careless name server believes one, a careful one does not", 1,
	playPoison).OnlySimulated(spoofed)

// spoofer is the attacker: a client of the resolvers, and the name server of a
// domain of his own, where he sees how they ask.
type spoofer struct {
	w    *dnsnet.World
	host *simnet.Host

	mu   sync.Mutex
	seen observed
}

// observed is what the attacker saw of the last query to his own server.
type observed struct {
	id   uint16
	from netip.AddrPort
}

func playPoison(ctx context.Context, w *dnsnet.World) error {
	var root, tld, bank, stub, careless, careful *simnet.Host
	s := &spoofer{w: w}
	if err := addHosts(w, []hostSpec{
		{&stub, "stub", "customer of the bank", stubAddr},
		{&careless, "careless", "local name server: one port, identifiers in order", localAddr},
		{&careful, "careful", "local name server: random ports and identifiers", "10.0.0.54"},
		{&root, "root", "name server of the root", rootAddr},
		{&tld, "tld", "name server of test", tldAddr},
		{&bank, "bank", "authoritative name server of bank.test", bankServer},
		{&s.host, "spoofer", "attacker; name server of evil.test", evilAddr},
	}); err != nil {
		return err
	}
	rtt := w.P.RTT
	for _, r := range []*simnet.Host{careless, careful} {
		if err := w.Near(stub, r, near(rtt)); err != nil {
			return err
		}
		if err := w.Near(s.host, r, near(rtt)); err != nil {
			return err
		}
		if err := w.Far(r, root, rtt/2); err != nil {
			return err
		}
		if err := w.Far(r, tld, rtt*3/4); err != nil {
			return err
		}
		// Far enough that forged answers come first.
		if err := w.Far(r, bank, 5*rtt); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		host  *simnet.Host
		zones zones
	}{
		{root, zones{".": rootZone}},
		{tld, zones{"test.": poisonTest}},
		{bank, zones{"bank.test.": bankZone}},
	} {
		if _, err := authority(ctx, w, a.host, a.zones); err != nil {
			return err
		}
	}
	evil, err := parse(zones{"evil.test.": evilZone})
	if err != nil {
		return err
	}
	if err := w.Serve(ctx, s.host, dnsnet.Server{Handler: func(_ context.Context, q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
		s.mu.Lock()
		s.seen = observed{q.Id, from}
		s.mu.Unlock()
		return evil.Answer(q, from)
	}}); err != nil {
		return err
	}

	poisoned := map[string]any{}
	for _, r := range []struct {
		host     *simnet.Host
		careless bool
	}{{careless, true}, {careful, false}} {
		res := resolver(w, r.host)
		ignored := 0
		if r.careless {
			id := uint16(w.Number("first id"))
			res.ID = func() uint16 { id++; return id }
			res.Port = func() uint16 { return weakPort }
		}
		res.Ignored = func() { ignored++ }
		if err := w.Serve(ctx, r.host, dnsnet.Server{Handler: res.Answer}); err != nil {
			return err
		}
		if err := s.attack(ctx, r.host); err != nil {
			return fmt.Errorf("%s: %w", r.host.Name(), err)
		}
		c := &dnsnet.Client{W: w, Host: stub, UDPSize: dnsnet.AgreedSize, First: 4 * w.Patience()}
		a, err := ask(ctx, c, r.host, "www.bank.test", mdns.TypeA)
		if err != nil {
			return err
		}
		got := strings.Join(told(a), " ")
		poisoned[r.host.Name()] = got != bankWeb
		if got == bankWeb {
			w.Choose(r.host.Name(), "kept", "www.bank.test. A", "told the customer "+got)
		} else {
			w.Choose(r.host.Name(), "poisoned", "www.bank.test. A", "told the customer "+got)
		}
	}
	w.Fact("poisoned", poisoned)
	w.Fact("forged_answers", 2*forgeries)
	return nil
}

// attack makes a resolver ask for a name and answers before the server does.
func (s *spoofer) attack(ctx context.Context, resolver *simnet.Host) error {
	c := &dnsnet.Client{W: s.w, Host: s.host, UDPSize: dnsnet.AgreedSize, First: 4 * s.w.Patience()}
	// So that it knows whom to ask about the bank, and nothing delays it.
	if _, err := ask(ctx, c, resolver, "nosuch.bank.test", mdns.TypeA); err != nil {
		return err
	}
	if _, err := ask(ctx, c, resolver, "probe.evil.test", mdns.TypeA); err != nil {
		return err
	}
	s.mu.Lock()
	seen := s.seen
	s.mu.Unlock()

	asked := make(chan error, 1)
	go func() {
		_, err := ask(ctx, c, resolver, "www.bank.test", mdns.TypeA)
		asked <- err
	}()
	// The resolver has asked the bank by now, and its answer is on its way.
	if err := s.w.Sleep(ctx, s.w.Scaled(s.w.P.RTT)); err != nil {
		return err
	}
	bank := netip.AddrPortFrom(netip.MustParseAddr(bankServer), 53)
	for i := range forgeries {
		if err := s.w.Spoof(s.host, bank, seen.from, forgery(seen.id+uint16(i)+1)); err != nil {
			return err
		}
	}
	return <-asked
}

// forgery is an answer as the bank's server would send it, but for the
// address.
func forgery(id uint16) *mdns.Msg {
	q := new(mdns.Msg)
	q.SetQuestion("www.bank.test.", mdns.TypeA)
	q.RecursionDesired = false
	q.Id = id
	a := new(mdns.Msg)
	a.SetReply(q)
	a.Authoritative = true
	a.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: "www.bank.test.", Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 86400},
		A: netip.MustParseAddr(evilAddr).AsSlice()}}
	return a
}

const (
	amplified = 12 // queries with the victim's address
	bots      = 2
	perBot    = 20 // random names
	every     = 10 * time.Millisecond

	victimAddr = "10.0.9.9"
	victimPort = 27015
)

// Flood is two attacks on others by means of name servers: long answers that
// nobody asked for, and names that no cache can know.
var Flood = flood.OnlySimulated(spoofed)

// spoofed is why these need their simulated network.
const spoofed = "it sends packets with the address of another, which sockets do not"

var flood = scenario("dns-flood",
	"an amplifier that answers to a victim, and bots that ask for random names", 1,
	func(ctx context.Context, w *dnsnet.World) error {
		h, err := build(w)
		if err != nil {
			return err
		}
		var victim, attacker *simnet.Host
		var army [bots]*simnet.Host
		specs := []hostSpec{
			{&victim, "victim", "gets answers it never asked for", victimAddr},
			{&attacker, "attacker", "asks with the victim's address", "203.0.113.66"},
		}
		for i := range army {
			specs = append(specs, hostSpec{&army[i], fmt.Sprintf("bot-%d", i+1), "asks for random names", fmt.Sprintf("10.0.0.%d", 21+i)})
		}
		if err := addHosts(w, specs); err != nil {
			return err
		}
		for _, l := range [][2]*simnet.Host{{attacker, h.auth}, {victim, h.auth}} {
			if err := w.Far(l[0], l[1], w.P.RTT); err != nil {
				return err
			}
		}
		for _, bot := range army {
			if err := w.Near(bot, h.local, near(w.P.RTT)); err != nil {
				return err
			}
		}
		// What makes it an amplifier: it answers ANY, at any length.
		au, err := parse(zones{"example.test.": amplifierZone()})
		if err != nil {
			return err
		}
		if err := w.Serve(ctx, h.auth, dnsnet.Server{Handler: au.Plain(), UDPSize: 4096}); err != nil {
			return err
		}
		for _, s := range []struct {
			host  *simnet.Host
			zones zones
		}{{h.root, zones{".": rootZone}}, {h.tld, zones{"test.": testZone}}} {
			if _, err := authority(ctx, w, s.host, s.zones); err != nil {
				return err
			}
		}
		if err := w.Serve(ctx, h.local, dnsnet.Server{Handler: h.resolver.Answer}); err != nil {
			return err
		}
		if err := expect(ctx, h.client, h.local, "www.example.test", mdns.TypeA, "198.51.100.80"); err != nil {
			return err
		}
		if err := amplify(ctx, w, attacker, victim, h.auth); err != nil {
			return err
		}
		if err := randomNames(ctx, w, army[:], h.local); err != nil {
			return err
		}
		// Those who are not bots are served still.
		if err := expect(ctx, h.client, h.local, "mail.example.test", mdns.TypeA, "198.51.100.25"); err != nil {
			return err
		}
		w.Fact("spoofed_queries", amplified)
		w.Fact("random_names", bots*perBot)
		return nil
	})

func amplifierZone() string {
	var b strings.Builder
	b.WriteString(exampleZone)
	for i := range 12 {
		fmt.Fprintf(&b, "example.test. TXT \"v=%02d %s\"\n", i, strings.Repeat("x", 200))
	}
	return b.String()
}

// amplify asks in the victim's name.
func amplify(ctx context.Context, w *dnsnet.World, attacker, victim, server *simnet.Host) error {
	// Something listens there, such as a game: no ICMP gives the attack away.
	if _, err := w.Open(victim, victimPort); err != nil {
		return err
	}
	from := netip.AddrPortFrom(addrOf(victim), victimPort)
	for i := range amplified {
		q := new(mdns.Msg)
		q.SetQuestion("example.test.", mdns.TypeANY)
		q.SetEdns0(4096, false)
		q.Id = uint16(w.Number("amplified", i))
		if err := w.Spoof(attacker, from, netip.AddrPortFrom(addrOf(server), 53), q); err != nil {
			return err
		}
		if err := w.Sleep(ctx, every); err != nil {
			return err
		}
	}
	return nil
}

// randomNames asks for names that are not there, each one once.
func randomNames(ctx context.Context, w *dnsnet.World, army []*simnet.Host, server *simnet.Host) error {
	var sockets []*dnsnet.Socket
	for i, bot := range army {
		s, err := w.Open(bot, uint16(40000+w.Number("bot", i)%10000))
		if err != nil {
			return err
		}
		sockets = append(sockets, s)
	}
	for n := range perBot {
		for i, s := range sockets {
			q := new(mdns.Msg)
			q.SetQuestion(randomLabel(w.Number("name", i, n))+".example.test.", mdns.TypeA)
			q.Id = uint16(w.Number("bot id", i, n))
			if err := s.Send(q, netip.AddrPortFrom(addrOf(server), 53)); err != nil {
				return err
			}
		}
		if err := w.Sleep(ctx, every); err != nil {
			return err
		}
	}
	return nil
}

// randomLabel is twelve letters and digits.
func randomLabel(n uint64) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 12)
	for i := range b {
		b[i] = letters[n%uint64(len(letters))]
		n /= uint64(len(letters))
	}
	return string(b)
}
