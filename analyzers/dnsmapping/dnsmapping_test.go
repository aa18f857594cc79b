package dnsmapping

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	stub  = "10.0.0.10"
	local = "10.0.0.53"
)

type story struct{ foldtest.DNS }

// told: the resolver tells the stub.
func (s *story) told(id uint16, question string, records ...string) {
	s.Q(float64(id), stub, local, id, question, "rd")
	s.A(float64(id)+0.5, stub, local, id, question, "rd ra", records...)
}

func (s *story) value(t *testing.T, name string) *Mapping {
	t.Helper()
	v := foldtest.Value[*Mapping](t, foldtest.Rows(t, Question, s.Events...), name)
	c := *v
	c.Filter = ""
	return &c
}

func ttl(n uint32) *uint32 { return &n }

func (s *story) want(t *testing.T, want *Mapping) {
	t.Helper()
	if d := cmp.Diff(want, s.value(t, want.Name)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestAlias(t *testing.T) {
	s := &story{}
	s.told(1, "Shop.example.test. A", "Shop.example.test. CNAME www.example.test.", "www.example.test. CNAME relay1.west.example.test.", "relay1.west.example.test. 60 A 198.51.100.81")
	s.want(t, &Mapping{
		Name: "shop.example.test.", Kinds: []string{"alias"}, Replies: 1, Aliases: []string{"www.example.test.", "relay1.west.example.test."},
		Addresses: []Address{{"198.51.100.81", 1, 1}}, TTL: ttl(60), Frames: []uint64{2},
	})
}

// Three addresses, the same set each time, another one first: replies 2 and 3
// differ from the one before, reply 4 does not.
func TestRotation(t *testing.T) {
	const n = "www.example.test. "
	s := &story{}
	a, b, c := n+"A 198.51.100.81", n+"A 198.51.100.82", n+"A 198.51.100.83"
	s.told(1, n+"A", a, b, c)
	s.told(2, n+"A", b, c, a)
	s.told(3, n+"A", c, a, b)
	s.told(4, n+"A", c, a, b)
	s.want(t, &Mapping{
		Name: "www.example.test.", Kinds: []string{"spread"}, Replies: 4, Spread: "rotating", Turned: 2, Compared: 3,
		Addresses: []Address{{"198.51.100.81", 4, 1}, {"198.51.100.82", 4, 1}, {"198.51.100.83", 4, 2}}, TTL: ttl(300), Frames: []uint64{2, 4, 6, 8},
	})
}

// One of several addresses at a time.
func TestChanging(t *testing.T) {
	s := &story{}
	s.told(1, "www.example.test. A", "www.example.test. A 198.51.100.81")
	s.told(2, "www.example.test. A", "www.example.test. A 198.51.100.82")
	if v := s.value(t, "www.example.test."); v.Spread != "changing" || v.Changed != 1 || v.Turned != 0 || v.CDN != nil {
		t.Errorf("%+v", v)
	}
}

// A mail server of the same name as the web server, and one elsewhere.
func TestMail(t *testing.T) {
	s := &story{}
	s.told(1, "example.test. A", "example.test. A 198.51.100.80")
	s.told(2, "example.test. MX", "example.test. MX 20 mx.backup.test.", "example.test. MX 10 mail.example.test.")
	s.want(t, &Mapping{
		Name: "example.test.", Kinds: []string{"mail"}, Replies: 2, WebAndMail: true,
		Mail:      []Exchange{{10, "mail.example.test.", false}, {20, "mx.backup.test.", true}},
		Addresses: []Address{{"198.51.100.80", 1, 1}}, TTL: ttl(300), Frames: []uint64{2, 4},
	})
}

// An alias in another registrable domain; two resolvers are told others.
func TestCDN(t *testing.T) {
	const name = "video.example.co.uk. "
	s := &story{}
	for i, r := range []string{"10.1.0.53", "10.2.0.53"} {
		id := uint16(i + 1)
		s.Q(float64(i), stub, r, id, name+"A", "rd")
		s.A(float64(i)+0.5, stub, r, id, name+"A", "rd ra", name+"CNAME edge.cdn.test.", fmt.Sprintf("edge.cdn.test. 20 A 203.0.113.%d", i))
	}
	s.want(t, &Mapping{
		Name: "video.example.co.uk.", Kinds: []string{"alias", "cdn"}, Replies: 2, Aliases: []string{"edge.cdn.test."},
		Addresses: []Address{{"203.0.113.0", 1, 1}, {"203.0.113.1", 1, 1}}, TTL: ttl(20), Frames: []uint64{2, 4},
		CDN: &CDN{By: []string{"cname", "resolver"}, Domain: "cdn.test", Views: []View{
			{Resolver: "10.1.0.53", Addresses: []string{"203.0.113.0"}, Frame: 2},
			{Resolver: "10.2.0.53", Addresses: []string{"203.0.113.1"}, Frame: 4},
		}},
	})
}

// A resolver tells the authority of two networks, which get other addresses.
func TestSubnet(t *testing.T) {
	const name = "edge.cdn.test. "
	s := &story{}
	for i, net := range []string{"10.1.0.0/24/0", "10.2.0.0/24/0"} {
		id := uint16(i + 1)
		q := s.Q(float64(i), local, "203.0.113.53", id, name+"A")
		q.EDNS = &events.DNSEDNS{Options: []events.DNSEDNSOption{{Code: 8, Name: "SUBNET", Data: net}}}
		s.A(float64(i)+0.5, local, "203.0.113.53", id, name+"A", "aa", fmt.Sprintf("%s20 A 203.0.113.%d", name, i))
	}
	v := s.value(t, "edge.cdn.test.")
	if v.CDN == nil || len(v.CDN.By) != 1 || v.CDN.By[0] != "subnet" || len(v.CDN.Views) != 2 || v.CDN.Views[1].Subnet != "10.2.0.0/24/0" || v.CDN.Views[1].Resolver != local {
		t.Errorf("%+v", v.CDN)
	}
}

// Round robin looks different to two resolvers by chance: no content network.
func TestChanceIsNoCDN(t *testing.T) {
	s := &story{}
	for i := range 6 {
		id := uint16(i)
		r := fmt.Sprintf("10.%d.0.53", i%2)
		s.Q(float64(i), stub, r, id, "www.example.test. A", "rd")
		s.A(float64(i)+0.5, stub, r, id, "www.example.test. A", "rd ra", fmt.Sprintf("www.example.test. A 198.51.100.%d", i))
	}
	if v := s.value(t, "www.example.test."); v.CDN != nil || v.Spread != "changing" {
		t.Errorf("%+v", v)
	}
}

// One address, always the same, is nothing to tell of; nor are queries alone.
func TestPlain(t *testing.T) {
	s := &story{}
	s.told(1, "a.test. A", "a.test. A 198.51.100.80")
	s.told(2, "a.test. A", "a.test. A 198.51.100.80")
	s.Q(9, stub, local, 9, "b.test. MX", "rd")
	if rows := foldtest.Rows(t, Question, s.Events...); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBounded(t *testing.T) {
	s := &story{}
	for i := range 50 {
		r := fmt.Sprintf("10.%d.0.53", i)
		s.Q(float64(i), stub, r, 1, "www.example.test. A", "rd")
		s.A(float64(i)+0.5, stub, r, 1, "www.example.test. A", "rd ra", fmt.Sprintf("www.example.test. A 198.51.100.%d", i))
		s.told(uint16(100+i), "www.example.test. MX", fmt.Sprintf("www.example.test. MX %d m%d.test.", i, i))
	}
	v := s.value(t, "www.example.test.")
	if len(v.Addresses) != maxAddresses || v.LeftOff == 0 || len(v.CDN.Views) != maxViews || len(v.Mail) != maxExchanges {
		t.Errorf("%d addresses, %d views", len(v.Addresses), len(v.CDN.Views))
	}
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &story{}
	for i := range 10000 {
		name := fmt.Sprintf("host%d.example.test. ", i%3000)
		s.told(uint16(i), name+"A", name+"A 198.51.100.80")
	}
	r := Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(s.Events[i%len(s.Events)], emit)
	}
}
