package dns_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/dns"
	"github.com/wiretale/wiretale/replay/truth"
)

// family is every scenario here, with what its truth must say.
var family = []struct {
	scenario scenarios.Scenario
	scale    float64
	check    func(t *testing.T, r *replaytest.Recording)
}{
	{dns.Iterative, 0, checkIterative},
	{dns.Recursive, 0, checkRecursive},
	{dns.Hybrid, 0, checkHybrid},
	{dns.Cache, 4, checkCache},
	{dns.RoundRobin, 0, checkRoundRobin},
	{dns.MXAlias, 0, checkMXAlias},
	{dns.CDN, 0, checkCDN},
	{dns.Retry, 2, checkRetry},
	{dns.TCP, 0, checkTCP},
	{dns.DNSSEC, 0, checkDNSSEC},
	{dns.Poison, 0, checkPoison},
	{dns.Flood, 0, checkFlood},
}

func TestScenarios(t *testing.T) {
	for i, s := range family {
		t.Run(s.scenario.Name, func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("plays in real time")
			}
			t.Parallel()
			r := replaytest.Run(t, s.scenario.Name, replay.Options{RTT: 20 * time.Millisecond, Seed: 7, TimeScale: s.scale})
			r.Check(t)
			r.CheckRTT(t)
			s.check(t, r)
		})
	}
}

// What is kept in pcaps was made with default parameters.
func TestPcaps(t *testing.T) {
	for _, s := range family {
		t.Run(s.scenario.Name, func(t *testing.T) {
			t.Parallel()
			base := filepath.Join("..", "..", "..", "pcaps", s.scenario.Name)
			r := replaytest.Open(t, base+".pcapng", base+".json")
			r.Check(t)
			s.check(t, r)
		})
	}
}

// On bad links messages are asked for again; what was delivered is decoded.
func TestPoorNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, c := range []struct {
		name string
		o    replay.Options
	}{
		{"dns-iterative", replay.Options{Loss: 0.2, At: "server"}},
		{"dns-recursive", replay.Options{Loss: 0.2, At: "middle"}},
		{"dns-mx-alias", replay.Options{Jitter: 20 * time.Millisecond, Reorder: 0.3}},
		{"dns-tcp", replay.Options{Loss: 0.1, MTU: 576}},
		{"dns-tcp", replay.Options{Rate: 256_000, At: "middle"}},
		{"dnssec", replay.Options{Reorder: 0.3, MTU: 576, At: "server"}},
		{"dns-flood", replay.Options{Loss: 0.1, MTU: 1280}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.o.Seed, c.o.RTT = 5, 10*time.Millisecond
			replaytest.Run(t, c.name, c.o).Check(t)
		})
	}
}

// who is every message of a recording, as "stub>local www.example.test. A",
// with a ! behind a response.
func who(r *replaytest.Recording, name string) []string {
	var out []string
	for _, m := range r.Truth.Messages {
		if m.DNS.Question[0].Name != name {
			continue
		}
		s := m.Sender.Host + ">" + m.Receiver.Host
		if m.Kind == truth.DNSResponse {
			s += "!"
		}
		out = append(out, s)
	}
	return out
}

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, " "), strings.Join(want, " "))
	}
}

func checkIterative(t *testing.T, r *replaytest.Recording) {
	want(t, "www", who(r, "www.example.test."), strings.Fields(`
		stub>local local>root root>local! local>tld tld>local! local>auth auth>local! local>stub!
		stub>local local>stub!
		stub>local local>auth auth>local! local>stub!`))
	want(t, "mail", who(r, "mail.example.test."), strings.Fields("stub>local local>auth auth>local! local>stub!"))
	m := r.Truth.Messages[2].DNS // the root's
	if len(m.Answer) != 0 || len(m.Authority) != 1 || m.Authority[0].Name != "test." || m.Authority[0].Data != "ns.nic.test." ||
		len(m.Additional) != 1 || m.Additional[0].Data != "192.0.2.65" || slices.Contains(m.Flags, "aa") {
		t.Errorf("not a referral with glue: %+v", *m)
	}
	if m := r.Truth.Messages[6].DNS; !slices.Equal(m.Flags, []string{"aa"}) {
		t.Errorf("flags of the authoritative answer: %v", m.Flags)
	}
	if m := r.Truth.Messages[7].DNS; !slices.Equal(m.Flags, []string{"rd", "ra"}) {
		t.Errorf("flags of the local server's answer: %v", m.Flags)
	}
	if m := r.Truth.Messages[len(r.Truth.Messages)-1].DNS; m.Rcode != "NXDOMAIN" || len(m.Authority) != 1 || m.Authority[0].Type != "SOA" {
		t.Errorf("nosuch: %+v", *m)
	}
}

func checkRecursive(t *testing.T, r *replaytest.Recording) {
	want(t, "mail", who(r, "mail.example.test."), strings.Fields(
		"stub>local local>root root>tld tld>auth auth>tld! tld>root! root>local! local>stub!"))
}

func checkHybrid(t *testing.T, r *replaytest.Recording) {
	got := who(r, "www.example.test.")
	want(t, "www", got[:8], strings.Fields(
		"stub>local local>root root>local! local>tld tld>auth auth>tld! tld>local! local>stub!"))
	want(t, "mail", who(r, "mail.example.test."), strings.Fields("stub>local local>tld tld>auth auth>tld! tld>local! local>stub!"))
}

// checkCache holds however late a busy machine is: each miss asks, no hit
// does, and an answer that is out of date is counted as one.
func checkCache(t *testing.T, r *replaytest.Recording) {
	var changed time.Time
	for _, c := range r.Truth.Choices {
		if c.What == "change" {
			changed = c.Time
		}
	}
	upstream, misses, hits, old := 0, 0, 0, 0
	for _, m := range r.Truth.Messages {
		if m.Sender.Host == "local" && m.Receiver.Host == "auth" {
			upstream++
		}
		if m.Kind == truth.DNSResponse && m.Sender.Host == "local" && len(m.DNS.Answer) > 0 &&
			m.DNS.Answer[0].Data == "198.51.100.80" && m.Sender.Start.After(changed) {
			old++
		}
	}
	for _, d := range r.Truth.Cache {
		switch d.Outcome {
		case "hit":
			hits++
		case "miss":
			misses++
		default:
			t.Errorf("%+v", d)
		}
	}
	if upstream != misses || hits+misses != 11 || misses < 6 {
		t.Errorf("%d questions to the authoritative server, %d misses, %d hits", upstream, misses, hits)
	}
	if got := fmt.Sprint(r.Truth.Facts["out_of_date_answers"]); got != fmt.Sprint(old) {
		t.Errorf("%s answers out of date in the facts, %d in the messages", got, old)
	}
	t.Run("on time", func(t *testing.T) {
		replaytest.Timing(t)
		if misses != 6 || old != 1 {
			t.Errorf("%d misses, %d answers out of date", misses, old)
		}
	})
}

// firsts are the first records of a server's answers about a name.
func firsts(r *replaytest.Recording, server, name string) []string {
	var out []string
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.DNSResponse && m.Sender.Host == server && m.DNS.Question[0].Name == name && len(m.DNS.Answer) > 0 {
			out = append(out, m.DNS.Answer[0].Data)
		}
	}
	return out
}

func checkRoundRobin(t *testing.T, r *replaytest.Recording) {
	want(t, "the cache's", firsts(r, "local", "www.example.test."), []string{
		"198.51.100.81", "198.51.100.82", "198.51.100.83", "198.51.100.81", "198.51.100.82", "198.51.100.83"})
	want(t, "the server's", firsts(r, "auth", "live.example.test."), []string{"198.51.100.91", "198.51.100.92", "198.51.100.93"})
	if n := len(r.Truth.Choices); n != 9 {
		t.Errorf("%d choices", n)
	}
}

func checkMXAlias(t *testing.T, r *replaytest.Recording) {
	for _, m := range r.Truth.Messages {
		if q := m.DNS.Question[0]; q.Name == "example.test." && q.Type == "MX" && m.Sender.Host == "auth" {
			if len(m.DNS.Answer) != 2 || len(m.DNS.Additional) != 1 || m.DNS.Additional[0].Name != "mail.example.test." {
				t.Errorf("MX: %+v", *m.DNS)
			}
		}
	}
	want(t, "web and mail", firsts(r, "auth", "example.test."), []string{"198.51.100.80", "10 mail.example.test."})
}

func checkCDN(t *testing.T, r *replaytest.Recording) {
	var got []string
	for _, c := range r.Truth.Choices {
		got = append(got, c.Of+" for "+c.Why)
	}
	want(t, "edges", got, []string{
		"edge-east 203.0.113.10 for resolver 10.1.0.53",
		"edge-west 203.0.113.20 for resolver 10.2.0.53",
		"edge-west 203.0.113.20 for client subnet 10.2.0.0/24"})
	subnets := 0
	for _, e := range r.Events {
		if m, ok := e.Body.(*events.DNSMessage); ok && m.EDNS != nil {
			for _, o := range m.EDNS.Options {
				if o.Name == "SUBNET" {
					subnets++
				}
			}
		}
	}
	if subnets != 6 { // five questions of the public server, one answer
		t.Errorf("%d messages with a subnet", subnets)
	}
}

func checkRetry(t *testing.T, r *replaytest.Recording) {
	var sent []time.Time
	lost := 0
	for _, m := range r.Truth.Messages {
		if m.Lost {
			lost++
		}
		if m.Sender.Host == "stub" && m.DNS.Question[0].Name == "shop.example.test." {
			if !m.Lost {
				t.Errorf("%+v was to be lost", m)
			}
			sent = append(sent, m.Sender.Start)
		}
	}
	if lost != len(r.Truth.Drops) || lost < 6 {
		t.Errorf("%d messages were lost, the network dropped %d packets", lost, len(r.Truth.Drops))
	}
	if len(sent) != 3 {
		t.Fatalf("asked %d times", len(sent))
	}
	t.Run("backoff", func(t *testing.T) {
		replaytest.Timing(t)
		first, second := sent[1].Sub(sent[0]), sent[2].Sub(sent[1])
		if off := (second - 2*first).Abs(); off > 20*time.Millisecond {
			t.Errorf("waited %s, then %s", first, second)
		}
	})
}

func checkTCP(t *testing.T, r *replaytest.Recording) {
	cut, long := 0, 0
	for i, m := range r.Truth.Messages {
		if m.Kind != truth.DNSResponse {
			continue
		}
		switch tc := slices.Contains(m.DNS.Flags, "tc"); {
		case m.Transport == "udp" && m.DNS.Size > 1232:
			t.Errorf("message %d: %d bytes over UDP", i, m.DNS.Size)
		case m.Transport == "udp" && tc:
			cut++
		case m.Transport == "tcp":
			long++
			if tc || m.DNS.Size <= 512 {
				t.Errorf("message %d: over TCP, %d bytes, %v", i, m.DNS.Size, m.DNS.Flags)
			}
		}
	}
	// Three names at the stub and at the local server, one at the old stub.
	if cut != 7 || long != 7 || len(r.Truth.Connections) != 7 {
		t.Errorf("%d answers were cut, %d came over TCP on %d connections", cut, long, len(r.Truth.Connections))
	}
}

// checkDNSSEC verifies with what wiretale says was in the packets.
func checkDNSSEC(t *testing.T, r *replaytest.Recording) {
	type set struct{ name, rtype string }
	sets, sigs := map[set][]mdns.RR{}, map[set]*mdns.RRSIG{}
	seen := map[string]bool{}
	parse := func(rec events.DNSRecord) mdns.RR {
		rr, err := mdns.NewRR(fmt.Sprintf("%s %d %s %s %s", rec.Name, rec.TTL, rec.Class, rec.Type, rec.Data))
		if err != nil {
			t.Fatalf("%+v: %v", rec, err)
		}
		return rr
	}
	verified, servfail := 0, 0
	for _, e := range r.Events {
		m, ok := e.Body.(*events.DNSMessage)
		if !ok || !m.Response {
			continue
		}
		if m.AD {
			verified++
		}
		if m.Rcode == "SERVFAIL" {
			servfail++
		}
		for _, rec := range slices.Concat(m.Answer, m.Authority) {
			rr := parse(rec)
			if seen[rec.Name+rec.Type+rec.Data] {
				continue
			}
			seen[rec.Name+rec.Type+rec.Data] = true
			if sig, ok := rr.(*mdns.RRSIG); ok {
				sigs[set{rec.Name, mdns.TypeToString[sig.TypeCovered]}] = sig
			} else {
				k := set{rec.Name, rec.Type}
				sets[k] = append(sets[k], rr)
			}
		}
	}
	if verified != 1 || servfail != 2 {
		t.Errorf("%d answers verified, %d failures", verified, servfail)
	}
	got := map[string]string{}
	for k, sig := range sigs {
		state := "no key"
		for _, rr := range sets[set{sig.SignerName, "DNSKEY"}] {
			key := rr.(*mdns.DNSKEY)
			if key.KeyTag() != sig.KeyTag {
				continue
			}
			switch err := sig.Verify(key, sets[k]); {
			case err != nil:
				state = "bogus"
			case !sig.ValidityPeriod(r.Truth.Epoch):
				state = "expired"
			default:
				state = "good"
			}
		}
		got[k.name+" "+k.rtype] = state
	}
	wanted := map[string]string{
		". DNSKEY": "good", "test. DS": "good", "test. DNSKEY": "good",
		"example.test. DS": "good", "example.test. DNSKEY": "good", "www.example.test. A": "good",
		"bogus.test. DS": "good", "bogus.test. DNSKEY": "good", "www.bogus.test. A": "bogus",
		"expired.test. DS": "good", "expired.test. DNSKEY": "expired",
	}
	for k, w := range wanted {
		if got[k] != w {
			t.Errorf("%s: %q, want %s", k, got[k], w)
		}
	}
	if len(got) != len(wanted) {
		t.Errorf("signatures: %v", got)
	}
	for _, zone := range []string{"test.", "example.test.", "bogus.test.", "expired.test."} {
		ds := sets[set{zone, "DS"}][0].(*mdns.DS)
		if !slices.ContainsFunc(sets[set{zone, "DNSKEY"}], func(rr mdns.RR) bool {
			return strings.EqualFold(rr.(*mdns.DNSKEY).ToDS(ds.DigestType).Digest, ds.Digest)
		}) {
			t.Errorf("%s: its parent names another key", zone)
		}
	}
}

func checkPoison(t *testing.T, r *replaytest.Recording) {
	forged := map[string]int{}
	believed := map[string]bool{}
	for _, m := range r.Truth.Messages {
		if m.Sender.Host == "spoofer" && m.Server.Addr().String() == "198.51.100.54" {
			forged[m.Receiver.Host]++
		}
		if m.Receiver.Host == "stub" {
			believed[m.Sender.Host] = m.DNS.Answer[0].Data == "203.0.113.66"
		}
	}
	if forged["careless"] != 16 || forged["careful"] != 16 {
		t.Errorf("forged answers: %v", forged)
	}
	facts, _ := r.Truth.Facts["poisoned"].(map[string]any)
	for host, b := range believed {
		if facts[host] != b {
			t.Errorf("%s: believed is %t, the facts say %v", host, b, facts[host])
		}
	}
	if believed["careful"] {
		t.Error("the careful server was poisoned")
	}
	t.Run("in time", func(t *testing.T) {
		replaytest.Timing(t)
		if !believed["careless"] {
			t.Error("the careless server was not poisoned")
		}
	})
}

func checkFlood(t *testing.T, r *replaytest.Recording) {
	asked, answered, denied := 0, 0, 0
	for _, m := range r.Truth.Messages {
		switch {
		case m.Sender.Host == "attacker":
			asked += m.DNS.Size
			if m.Client.Addr().String() != "10.0.9.9" {
				t.Errorf("asked as %s", m.Client)
			}
		case m.Receiver.Host == "victim":
			answered += m.DNS.Size
		case strings.HasPrefix(m.Receiver.Host, "bot-") && m.DNS.Rcode == "NXDOMAIN":
			denied++
		}
	}
	if answered < 50*asked || denied != 40 {
		t.Errorf("%d bytes were answered with %d; %d names are not there", asked, answered, denied)
	}
}

// The same seed gives the same messages, ports, identifiers and keys.
func TestSeed(t *testing.T) {
	tell := func(seed uint64) []string {
		r, err := dns.DNSSEC.Run(t.Context(), scenarios.Params{RTT: 2 * time.Millisecond, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range r.Truth.Messages {
			out = append(out, fmt.Sprint(m.Kind, m.Client, m.Server, *m.DNS))
		}
		return out
	}
	a, b, c := tell(5), tell(5), tell(6)
	want(t, "a second run", b, a)
	for i := range a {
		if i < len(c) && a[i] == c[i] {
			t.Errorf("another seed gives %s too", a[i])
		}
	}
}

// A run that is given up leaves nothing behind.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, s := range family {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := s.scenario.Run(ctx, scenarios.Params{RTT: 2 * time.Second}); err == nil {
			t.Errorf("%s: no error", s.scenario.Name)
		}
		cancel()
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
