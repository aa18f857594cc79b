package dnsnet

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

const zoneText = `
$TTL 300
example.test.       SOA   ns1.example.test. hostmaster.example.test. 1 1800 900 604800 60
example.test.       NS    ns1.example.test.
example.test.       MX    10 mail.example.test.
ns1.example.test.   A     192.0.2.53
mail.example.test.  A     192.0.2.25
www.example.test.   CNAME a.b.example.test.
a.b.example.test.   A     192.0.2.80
out.example.test.   CNAME www.elsewhere.test.
loop.example.test.  CNAME loop.example.test.
sub.example.test.   NS    ns.sub.example.test.
sub.example.test.   DS    1 13 2 00
ns.sub.example.test. A    192.0.2.99
`

// The answers that RFC 1034 section 4.3.2 asks for.
func TestAuthority(t *testing.T) {
	z, err := ParseZone("example.test.", zoneText)
	if err != nil {
		t.Fatal(err)
	}
	au := &Authority{Zones: []*Zone{z}}
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string // rcode, aa, and the types of the sections
	}{
		{"MAIL.example.test.", mdns.TypeA, "NOERROR aa / A / /"},
		{"example.test.", mdns.TypeMX, "NOERROR aa / MX / / A"},
		{"example.test.", mdns.TypeNS, "NOERROR aa / NS / / A"},
		{"example.test.", mdns.TypeANY, "NOERROR aa / NS SOA MX / / A A"},
		{"mail.example.test.", mdns.TypeAAAA, "NOERROR aa / / SOA /"},
		{"b.example.test.", mdns.TypeA, "NOERROR aa / / SOA /"}, // no record, but names below
		{"nosuch.example.test.", mdns.TypeA, "NXDOMAIN aa / / SOA /"},
		{"www.example.test.", mdns.TypeA, "NOERROR aa / CNAME A / /"},
		{"www.example.test.", mdns.TypeCNAME, "NOERROR aa / CNAME / /"},
		{"out.example.test.", mdns.TypeA, "NOERROR aa / CNAME / /"},
		{"sub.example.test.", mdns.TypeA, "NOERROR / / NS / A"},
		{"x.y.sub.example.test.", mdns.TypeA, "NOERROR / / NS / A"},
		{"sub.example.test.", mdns.TypeDS, "NOERROR aa / DS / /"},
		{"elsewhere.test.", mdns.TypeA, "REFUSED / / /"},
	} {
		q := new(mdns.Msg)
		q.SetQuestion(c.name, c.qtype)
		a := au.Answer(q, netip.AddrPort{})
		got := mdns.RcodeToString[a.Rcode]
		if a.Authoritative {
			got += " aa"
		}
		for _, section := range [][]mdns.RR{a.Answer, a.Ns, a.Extra} {
			got += " /"
			for _, rr := range section {
				got += " " + mdns.TypeToString[rr.Header().Rrtype]
			}
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, mdns.TypeToString[c.qtype], got, c.want)
		}
	}
	q := new(mdns.Msg)
	q.SetQuestion("loop.example.test.", mdns.TypeA)
	if a := au.Answer(q, netip.AddrPort{}); len(a.Answer) > maxAliases {
		t.Errorf("%d aliases", len(a.Answer))
	}
}

func TestBadZones(t *testing.T) {
	for _, text := range []string{"", "example.test. 1 A 192.0.2.1", "x. 1 SOA a. b. 1 1 1 1 1", "example.test. 1 A elephant"} {
		if _, err := ParseZone("example.test.", text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestRotateAndReplace(t *testing.T) {
	z, err := ParseZone("test.", "test. 1 SOA a. b. 1 1 1 1 1\nx.test. 1 A 192.0.2.1\nx.test. 1 A 192.0.2.2\n")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	z.Rotate("X.test.", mdns.TypeA, func(_ string, first mdns.RR) { told = append(told, data(first)) })
	au := &Authority{Zones: []*Zone{z}}
	var got []string
	ask := func() {
		q := new(mdns.Msg)
		q.SetQuestion("x.test.", mdns.TypeA)
		got = append(got, data(au.Answer(q, netip.AddrPort{}).Answer[0]))
	}
	for range 3 {
		ask()
	}
	if want := []string{"192.0.2.1", "192.0.2.2", "192.0.2.1"}; !slices.Equal(got, want) || !slices.Equal(told, want) {
		t.Errorf("%v, told %v", got, told)
	}
	if err := z.Replace("x.test. 1 IN A 192.0.2.3"); err != nil {
		t.Fatal(err)
	}
	if ask(); got[3] != "192.0.2.3" {
		t.Errorf("%v after the change", got)
	}
}
