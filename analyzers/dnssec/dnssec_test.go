package dnssec_test

import (
	"crypto"
	"fmt"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnssec"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// zone is a signed zone with one key for all.
type zone struct {
	t    testing.TB
	name string
	key  *mdns.DNSKEY
	priv crypto.Signer
}

func newZone(t testing.TB, name string, alg uint8, bits int) *zone {
	t.Helper()
	z := &zone{t: t, name: name, key: &mdns.DNSKEY{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeDNSKEY, Class: mdns.ClassINET, Ttl: 300}, Flags: 257, Protocol: 3, Algorithm: alg}}
	priv, err := z.key.Generate(bits)
	if err != nil {
		t.Fatal(err)
	}
	z.priv = priv.(crypto.Signer)
	return z
}

var now = foldtest.Start.Std()

// sign makes the signature over records, valid from and until so many days
// from now.
func (z *zone) sign(from, until int, rrs ...mdns.RR) *mdns.RRSIG {
	z.t.Helper()
	sig := &mdns.RRSIG{
		Hdr:       mdns.RR_Header{Ttl: 300},
		Inception: uint32(now.AddDate(0, 0, from).Unix()), Expiration: uint32(now.AddDate(0, 0, until).Unix()),
		KeyTag: z.key.KeyTag(), SignerName: z.name, Algorithm: z.key.Algorithm,
	}
	if err := sig.Sign(z.priv, rrs); err != nil {
		z.t.Fatal(err)
	}
	return sig
}

// keys are the zone's signed keys; ds is what its parent says of them.
func (z *zone) keys() []mdns.RR { return []mdns.RR{z.key, z.sign(-7, 7, z.key)} }
func (z *zone) ds() *mdns.DS    { return z.key.ToDS(mdns.SHA256) }

// vouch is a signed DS set for a zone below.
func (z *zone) vouch(child *zone) []mdns.RR { return []mdns.RR{child.ds(), z.sign(-7, 7, child.ds())} }

func rr(t testing.TB, s string) mdns.RR {
	t.Helper()
	r, err := mdns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// records are those of an event.
func records(rrs []mdns.RR) []events.DNSRecord {
	var out []events.DNSRecord
	for _, r := range rrs {
		h := r.Header()
		data := strings.TrimPrefix(r.String(), h.String())
		out = append(out, events.DNSRecord{Name: h.Name, Type: mdns.TypeToString[h.Rrtype], Class: "IN", TTL: h.Ttl, Data: data})
	}
	return out
}

// talk is one capture: a message every 10 ms, each from another server.
type talk struct{ evs []*events.Event }

func (c *talk) answer(rrs ...mdns.RR) *events.DNSMessage {
	n := len(c.evs) + 1
	m := &events.DNSMessage{Response: true, Opcode: "QUERY", Rcode: "NOERROR", Answer: records(rrs)}
	f := foldtest.UDP(uint32(n), fmt.Sprintf("10.0.0.1:%d", 1000+n), fmt.Sprintf("192.0.2.%d:53", n))
	c.evs = append(c.evs, f.Server(uint64(n), time.Duration(n)*10*time.Millisecond, m))
	return m
}

// check gives the rows under these trust anchors.
func (c *talk) rows(t *testing.T, anchors ...string) []analyzers.Row {
	t.Helper()
	q := dnssec.Question
	q.New = func(o analyzers.Options) analyzers.Runner {
		o.TrustAnchors = anchors
		return dnssec.Question.New(o)
	}
	return foldtest.Rows(t, q, c.evs...)
}

func (c *talk) set(t *testing.T, key string, anchors ...string) *dnssec.Set {
	t.Helper()
	return foldtest.Value[*dnssec.Set](t, c.rows(t, anchors...), key)
}

// A chain of three zones with keys of four kinds, told out of order.
func TestChain(t *testing.T) {
	for _, a := range []struct {
		alg  uint8
		bits int
	}{{mdns.ECDSAP256SHA256, 256}, {mdns.ECDSAP384SHA384, 384}, {mdns.ED25519, 256}, {mdns.RSASHA256, 2048}} {
		t.Run(mdns.AlgorithmToString[a.alg], func(t *testing.T) {
			root, test, example := newZone(t, ".", a.alg, a.bits), newZone(t, "test.", a.alg, a.bits), newZone(t, "example.test.", a.alg, a.bits)
			var c talk
			www := []mdns.RR{rr(t, "www.Example.test. 300 IN A 192.0.2.80"), rr(t, "www.Example.test. 300 IN A 192.0.2.81")}
			c.answer(append(www, example.sign(-1, 1, www...))...)
			c.answer(example.keys()...)
			c.answer(test.vouch(example)...)
			c.answer(test.keys()...)
			c.answer(root.vouch(test)...)
			c.answer(root.keys()...)
			// Again, turned round and with less time to live.
			again := c.answer(www[1], www[0], example.sign(-1, 1, www...))
			for i := range again.Answer {
				again.Answer[i].TTL = 17
			}
			if a.alg == mdns.RSASHA256 || a.alg == mdns.ED25519 { // others sign anew each time
				again.Answer[2].Data = c.evs[0].Body.(*events.DNSMessage).Answer[2].Data
			} else {
				again.Answer[2] = c.evs[0].Body.(*events.DNSMessage).Answer[2]
			}
			v := c.set(t, "www.example.test. A", root.ds().String())
			if v.Verdict != dnssec.Verified || v.Signature != dnssec.Verified || v.Seen != 2 || v.Records != 2 || v.Signer != "example.test." ||
				v.Anchor != fmt.Sprintf(". DS %d", root.key.KeyTag()) || v.Undecided != "" || v.Wildcard {
				t.Errorf("%+v", v)
			}
			var chain []string
			for _, l := range v.Chain {
				chain = append(chain, l.Zone+" "+l.Type)
			}
			if got := strings.Join(chain, ", "); got != "example.test. DNSKEY, example.test. DS, test. DNSKEY, test. DS, . DNSKEY" {
				t.Error(got)
			}
			if fmt.Sprint(v.Frames) != "[1 2 3 4 5 6 7]" || v.Filter != "udp.stream eq 1 && dns.resp.type == 46" {
				t.Error(v.Frames, v.Filter)
			}
			for _, r := range c.rows(t, test.key.String()) { // an anchor in the middle
				v := r.Value.(*dnssec.Set)
				below := v.Name != "." && !(v.Name == "test." && v.Type == "DS")
				if (v.Verdict == dnssec.Verified) != below {
					t.Errorf("%s %s: %s %s", v.Name, v.Type, v.Verdict, v.Undecided)
				}
			}
		})
	}
}

// One set, and what may be wrong with it.
func TestVerdicts(t *testing.T) {
	const good = "www.test. 300 IN A 192.0.2.1"
	z := newZone(t, "test.", mdns.ECDSAP256SHA256, 256)
	other := newZone(t, "test.", mdns.ECDSAP256SHA256, 256)
	www := rr(t, good)
	changed := func(sig *mdns.RRSIG, f func(*mdns.RRSIG)) *mdns.RRSIG { f(sig); return sig }
	for name, c := range map[string]struct {
		answer []mdns.RR
		keys   []mdns.RR
		want   dnssec.Verdict
		why    string
	}{
		"verified":         {[]mdns.RR{www, z.sign(-1, 1, www)}, z.keys(), dnssec.Verified, ""},
		"another address":  {[]mdns.RR{rr(t, "www.test. 300 IN A 192.0.2.66"), z.sign(-1, 1, www)}, z.keys(), dnssec.Bad, "the signature of www.test. A does not fit"},
		"one more record":  {[]mdns.RR{www, rr(t, "www.test. 300 IN A 192.0.2.2"), z.sign(-1, 1, www)}, z.keys(), dnssec.Bad, "the signature of www.test. A does not fit"},
		"expired":          {[]mdns.RR{www, z.sign(-9, -2, www)}, z.keys(), dnssec.Expired, "the signature of www.test. A ended on 2026-11-19T10:00:00Z"},
		"not yet valid":    {[]mdns.RR{www, z.sign(2, 9, www)}, z.keys(), dnssec.NotYetValid, "the signature of www.test. A begins on 2026-11-23T10:00:00Z"},
		"expired, no key":  {[]mdns.RR{www, z.sign(-9, -2, www)}, nil, dnssec.Expired, "the signature of www.test. A ended on 2026-11-19T10:00:00Z"},
		"bad and expired":  {[]mdns.RR{rr(t, "www.test. 300 IN A 192.0.2.66"), z.sign(-9, -2, www)}, z.keys(), dnssec.Bad, "the signature of www.test. A does not fit"},
		"no key":           {[]mdns.RR{www, z.sign(-1, 1, www)}, nil, dnssec.Undecided, fmt.Sprintf("DNSKEY %d of test. is not in the capture", z.key.KeyTag())},
		"unknown":          {[]mdns.RR{www, changed(z.sign(-1, 1, www), func(s *mdns.RRSIG) { s.Algorithm = 200 })}, z.keys(), dnssec.Undecided, "algorithm 200 of the signature of www.test. A is not known"},
		"a stranger":       {[]mdns.RR{www, changed(z.sign(-1, 1, www), func(s *mdns.RRSIG) { s.SignerName = "w.test." })}, z.keys(), dnssec.Bad, "www.test. A is signed by w.test., which is not above it"},
		"keys unsigned":    {[]mdns.RR{www, z.sign(-1, 1, www)}, []mdns.RR{z.key}, dnssec.Undecided, "the signed DNSKEY set of test. is not in the capture"},
		"keys expired":     {[]mdns.RR{www, z.sign(-1, 1, www)}, []mdns.RR{z.key, z.sign(-9, -1, z.key)}, dnssec.Expired, "the signature of test. DNSKEY ended on 2026-11-20T10:00:00Z"},
		"another's key":    {[]mdns.RR{www, other.sign(-1, 1, www)}, other.keys(), dnssec.Undecided, fmt.Sprintf("no trust anchor names key %d of test. (--trust-anchor takes others)", other.key.KeyTag())},
		"signed by itself": {[]mdns.RR{www, other.sign(-1, 1, www)}, append(z.keys(), other.key), dnssec.Bad, "the signature of test. DNSKEY does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			var x talk
			x.answer(c.answer...)
			if c.keys != nil {
				x.answer(c.keys...)
			}
			v := x.set(t, "www.test. A", z.ds().String())
			if v.Verdict != c.want || v.Reason+v.Undecided != c.why || (v.Undecided != "") != (c.want == dnssec.Undecided) {
				t.Errorf("%s: %q %q, want %s: %q", v.Verdict, v.Reason, v.Undecided, c.want, c.why)
			}
		})
	}
}

// The links between zones, each missing or wrong.
func TestLinks(t *testing.T) {
	const alg, bits = mdns.ECDSAP256SHA256, 256
	test, example, forged := newZone(t, "test.", alg, bits), newZone(t, "example.test.", alg, bits), newZone(t, "example.test.", alg, bits)
	www := rr(t, "www.example.test. 300 IN A 192.0.2.1")
	answer := []mdns.RR{www, example.sign(-1, 1, www)}
	for name, c := range map[string]struct {
		told [][]mdns.RR
		want dnssec.Verdict
		why  string
	}{
		"whole":       {[][]mdns.RR{answer, example.keys(), test.vouch(example), test.keys()}, dnssec.Verified, ""},
		"no DS":       {[][]mdns.RR{answer, example.keys(), test.keys()}, dnssec.Undecided, "the signed DS set of example.test. is not in the capture"},
		"no parent":   {[][]mdns.RR{answer, example.keys(), test.vouch(example)}, dnssec.Undecided, fmt.Sprintf("DNSKEY %d of test. is not in the capture", test.key.KeyTag())},
		"another DS":  {[][]mdns.RR{answer, example.keys(), test.vouch(forged), test.keys()}, dnssec.Bad, fmt.Sprintf("no DS of example.test. fits the key %d that signs its DNSKEY set", example.key.KeyTag())},
		"DS by child": {[][]mdns.RR{answer, example.keys(), {example.ds(), example.sign(-1, 1, example.ds())}, test.keys()}, dnssec.Bad, "the DS set of example.test. is signed by the zone itself"},
		"a key of its own": {[][]mdns.RR{{www, forged.sign(-1, 1, www)}, {forged.key}, example.keys(), test.vouch(example), test.keys()},
			dnssec.Bad, fmt.Sprintf("key %d of example.test. is not in the DNSKEY set that the chain leads to", forged.key.KeyTag())},
	} {
		t.Run(name, func(t *testing.T) {
			var x talk
			for _, m := range c.told {
				x.answer(m...)
			}
			v := x.set(t, "www.example.test. A", test.ds().String())
			if v.Verdict != c.want || v.Reason+v.Undecided != c.why {
				t.Errorf("%s: %q %q, want %s: %q", v.Verdict, v.Reason, v.Undecided, c.want, c.why)
			}
		})
	}
}

func TestWildcard(t *testing.T) {
	z := newZone(t, "test.", mdns.ED25519, 256)
	star := rr(t, "*.test. 300 IN A 192.0.2.1")
	sig := z.sign(-1, 1, star)
	made := rr(t, "a.b.test. 300 IN A 192.0.2.1")
	sig.Hdr.Name = "a.b.test."
	var c talk
	c.answer(made, sig)
	c.answer(z.keys()...)
	if v := c.set(t, "a.b.test. A", z.ds().String()); v.Verdict != dnssec.Verified || !v.Wildcard {
		t.Errorf("%+v", v)
	}
}

// A set that was cut off does not fit, which says nothing.
func TestCutOff(t *testing.T) {
	z := newZone(t, "test.", mdns.ED25519, 256)
	a, b := rr(t, "test. 300 IN A 192.0.2.1"), rr(t, "test. 300 IN A 192.0.2.2")
	var c talk
	c.answer(a, z.sign(-1, 1, a, b)).TC = true
	c.answer(z.keys()...)
	if v := c.set(t, "test. A", z.ds().String()); v.Verdict != dnssec.Undecided || v.Undecided != "the message with test. A was cut off" {
		t.Errorf("%+v", v)
	}
}

// It was verified at first, and still told when its time was over.
func TestUsedExpired(t *testing.T) {
	z := newZone(t, "test.", mdns.ED25519, 256)
	a := rr(t, "test. 300 IN A 192.0.2.1")
	sig := z.sign(-1, 1, a)
	var c talk
	c.answer(z.keys()...)
	c.answer(a, sig)
	c.answer(a, sig)
	c.evs[2].Time = c.evs[2].Time.Add(events.Duration(48 * time.Hour))
	v := c.set(t, "test. A", z.ds().String())
	if v.Verdict != dnssec.Verified || v.UsedExpired != 3 || v.Seen != 2 {
		t.Errorf("%+v", v)
	}
	s := dnssec.Question.Summary()
	for _, r := range c.rows(t, z.ds().String()) {
		s.Add(&r)
	}
	if f := s.Section(false).Findings; len(f) != 1 || f[0].Severity != analyzers.Warn || !strings.Contains(f[0].Text, "still told after the signature was over; one: test. A") {
		t.Errorf("%+v", f)
	}
}

// Broken keys and signatures, and keys that share a tag, cost little and decide nothing.
func TestHostile(t *testing.T) {
	z := newZone(t, "test.", mdns.ED25519, 256)
	a := rr(t, "test. 300 IN A 192.0.2.1")
	sig := z.sign(-1, 1, a)
	for _, data := range []string{"", "A", "A 15 1 300", "A 15 1 300 20261201000000 20261101000000 1 test. !!!!", "A 15 9 300 20261201000000 20261101000000 1 test. AAAA", "A 5 1 300 20261201000000 20261101000000 1 test. AAAA"} {
		var c talk
		c.answer(a, sig).Answer[1].Data = data
		k := c.answer(z.keys()...)
		k.Answer[0].Data = "257 3 5 AwEA"
		for _, r := range c.rows(t) {
			if v := r.Value.(*dnssec.Set); v.Verdict == dnssec.Verified {
				t.Errorf("%q: %+v", data, v)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	z := newZone(t, "test.", mdns.ED25519, 256)
	l := events.DefaultLimits()
	l.FoldPending = 2
	var c talk
	for i := range 5 {
		a := rr(t, fmt.Sprintf("a%d.test. 300 IN A 192.0.2.1", i))
		c.answer(a, z.sign(-1, 1, a))
	}
	rows := foldtest.RowsWithin(t, dnssec.Question, l, c.evs...)
	if v := foldtest.Value[*dnssec.Limited](t, rows, "fold-pending"); len(rows) != 3 || v.Count != 3 || v.Value != 2 || v.Frames[0] != 3 {
		t.Errorf("%d rows, %+v", len(rows), v)
	}
}

func TestParseAnchors(t *testing.T) {
	got, err := dnssec.ParseAnchors(strings.NewReader("; mine\n\n. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D ; 2017\n"), "f")
	if err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	for text, want := range map[string]string{
		"":                      "trust anchor f: no DS and no DNSKEY record in it",
		"\nwww.test. A 1.2.3.4": "line 2: a A record is no trust anchor",
		"nonsense":              "line 1: ",
	} {
		if _, err := dnssec.ParseAnchors(strings.NewReader(text), "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Messages without signatures cost a look at their types.
func BenchmarkUnsigned(b *testing.B) {
	l := events.DefaultLimits()
	r := dnssec.Question.New(analyzers.Options{Limits: &l})
	var c talk
	c.answer(rr(b, "www.test. 300 IN CNAME a.test."), rr(b, "a.test. 300 IN A 192.0.2.1"), rr(b, "a.test. 300 IN A 192.0.2.2"))
	b.ReportAllocs()
	for b.Loop() {
		r.Step(c.evs[0], func(analyzers.Row) {})
	}
}

// A set that was seen before.
func BenchmarkSeen(b *testing.B) {
	z := newZone(b, "test.", mdns.ED25519, 256)
	a := rr(b, "test. 300 IN A 192.0.2.1")
	l := events.DefaultLimits()
	r := dnssec.Question.New(analyzers.Options{Limits: &l})
	var c talk
	c.answer(a, z.sign(-1, 1, a))
	b.ReportAllocs()
	for b.Loop() {
		r.Step(c.evs[0], func(analyzers.Row) {})
	}
}
