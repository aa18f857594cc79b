package dnsresolution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	stub  = "10.0.0.10"
	local = "10.0.0.53"
	root  = "192.0.2.1"
	tld   = "192.0.2.65"
	auth  = "198.51.100.53"
)

type story struct{ foldtest.DNS }

func (s *story) rows(t *testing.T, change ...func(*events.Limits)) []analyzers.Row {
	t.Helper()
	l := events.DefaultLimits()
	for _, c := range change {
		c(&l)
	}
	return foldtest.RowsWithin(t, Question, l, s.Events...)
}

// tree is a resolution in one line a hop.
func tree(v *Resolution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s", v.Mode, v.Name, v.Type, v.Result)
	if v.Total != nil {
		fmt.Fprintf(&b, " total=%s own=%s", v.Total.Std(), v.Own.Std())
	}
	fmt.Fprintf(&b, " trips=%d\n", v.RoundTrips)
	for i, h := range v.Hops {
		fmt.Fprintf(&b, "%d<%d %s %s %s %s zone=%s by=%s %s", i+1, h.For, h.Role, h.Server, h.Name, h.Type, h.Zone, h.ZoneBy, h.Result)
		if h.To != "" {
			fmt.Fprintf(&b, " to=%s", h.To)
		}
		if h.RTT != nil {
			fmt.Fprintf(&b, " rtt=%s", h.RTT.Std())
		}
		fmt.Fprintf(&b, " %s\n", h.Why)
	}
	return b.String()
}

func (s *story) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, r := range s.rows(t) {
		got = append(got, tree(r.Value.(*Resolution)))
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, w := range want {
		var lines []string
		for _, l := range strings.Split(w, "\n") {
			if l = strings.TrimSpace(l); l != "" {
				lines = append(lines, l)
			}
		}
		if w = strings.Join(lines, "\n") + "\n"; got[i] != w {
			t.Errorf("row %d is\n%swant\n%s", i, got[i], w)
		}
	}
}

// The textbook's way: root, TLD, authoritative; 20 + 30 + 40 ms, and 2 ms that
// are the resolver's own.
func (s *story) iterative() {
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, root, 2, "www.example.test. A")
	s.A(21, local, root, 2, "www.example.test. A", "", "ns", "test. NS ns.nic.test.", "add", "ns.nic.test. A "+tld)
	s.Q(21, local, tld, 3, "www.example.test. A")
	s.A(51, local, tld, 3, "www.example.test. A", "", "ns", "example.test. NS ns1.example.test.", "add", "ns1.example.test. A "+auth)
	s.Q(51, local, auth, 4, "www.example.test. A")
	s.A(91, local, auth, 4, "www.example.test. A", "aa", "www.example.test. A 198.51.100.80")
	s.A(92, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
}

const iterative = `
	iterative www.example.test. A answer total=92ms own=2ms trips=3
	1<0 root 192.0.2.1 www.example.test. A zone=. by=answer referral to=test. rtt=20ms same
	2<0 tld 192.0.2.65 www.example.test. A zone=test. by=referral referral to=example.test. rtt=30ms same
	3<0 authoritative 198.51.100.53 www.example.test. A zone=example.test. by=referral answer rtt=40ms same`

func TestIterative(t *testing.T) {
	s := &story{}
	s.iterative()
	s.want(t, iterative)
	v := foldtest.Value[*Resolution](t, s.rows(t), "10.0.0.10 → 10.0.0.53 www.example.test. A")
	if v.QueryFrame != 1 || v.ResponseFrame != 8 || len(v.Frames) != 8 {
		t.Errorf("frames %d, %d, %v", v.QueryFrame, v.ResponseFrame, v.Frames)
	}
}

// A resolver that knows the zone's servers asks them at once; one that knows
// the answer asks nobody, and has no row.
func TestCachedReferral(t *testing.T) {
	s := &story{}
	s.iterative()
	s.Q(100, stub, local, 5, "mail.example.test. A", "rd")
	s.Q(101, local, auth, 6, "mail.example.test. A")
	s.A(141, local, auth, 6, "mail.example.test. A", "aa NXDOMAIN", "ns", "example.test. SOA x")
	s.A(142, stub, local, 5, "mail.example.test. A", "rd ra NXDOMAIN")
	s.Q(150, stub, local, 7, "www.example.test. A", "rd")
	s.A(151, stub, local, 7, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.want(t, iterative, `
		iterative mail.example.test. A nxdomain total=42ms own=2ms trips=1
		1<0 authoritative 198.51.100.53 mail.example.test. A zone=example.test. by=referral nxdomain rtt=40ms same`)
}

// Each server asks the next one.
func TestRecursive(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, root, 2, "www.example.test. A", "rd")
	s.Q(11, root, tld, 3, "www.example.test. A", "rd")
	s.Q(21, tld, auth, 4, "www.example.test. A", "rd")
	s.A(41, tld, auth, 4, "www.example.test. A", "aa rd", "www.example.test. A 198.51.100.80")
	s.A(51, root, tld, 3, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.A(61, local, root, 2, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.A(62, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.want(t, `
		recursive www.example.test. A answer total=62ms own=2ms trips=3
		1<0 resolver 192.0.2.1 www.example.test. A zone= by= answer rtt=60ms same
		2<1 resolver 192.0.2.65 www.example.test. A zone= by= answer rtt=40ms same
		3<2 authoritative 198.51.100.53 www.example.test. A zone= by= answer rtt=20ms same`)
}

// The root refers; the TLD's server asks on.
func TestHybrid(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, root, 2, "www.example.test. A", "rd")
	s.A(21, local, root, 2, "www.example.test. A", "rd", "ns", "test. NS ns.nic.test.", "add", "ns.nic.test. A "+tld)
	s.Q(21, local, tld, 3, "www.example.test. A", "rd")
	s.Q(31, tld, auth, 4, "www.example.test. A", "rd")
	s.A(41, tld, auth, 4, "www.example.test. A", "aa rd", "www.example.test. A 198.51.100.80")
	s.A(51, local, tld, 3, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.A(52, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.want(t, `
		hybrid www.example.test. A answer total=52ms own=2ms trips=3
		1<0 root 192.0.2.1 www.example.test. A zone=. by=answer referral to=test. rtt=20ms same
		2<0 tld 192.0.2.65 www.example.test. A zone=test. by=referral answer rtt=30ms same
		3<2 authoritative 198.51.100.53 www.example.test. A zone= by= answer rtt=10ms same`)
}

// Two questions at once: each query goes to the one that asks the same, what
// an alias leads to goes to the alias's question, and the zone above to what
// lies below it.
func TestSideBySide(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, "10.0.0.11", local, 2, "video.other.test. A", "rd")
	s.Q(2, local, auth, 3, "other.test. NS") // the zone alone first (RFC 9156)
	s.Q(3, local, auth, 4, "www.example.test. A")
	s.A(10, local, auth, 4, "www.example.test. A", "aa", "www.example.test. CNAME edge.cdn.test.")
	s.Q(11, local, auth, 5, "edge.cdn.test. A")
	s.A(20, local, auth, 3, "other.test. NS", "aa", "other.test. NS ns.other.test.")
	s.Q(21, local, auth, 6, "video.other.test. A")
	s.A(25, local, auth, 5, "edge.cdn.test. A", "aa", "edge.cdn.test. A 203.0.113.1")
	s.A(26, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. CNAME edge.cdn.test.", "edge.cdn.test. A 203.0.113.1")
	s.A(31, local, auth, 6, "video.other.test. A", "aa", "video.other.test. A 203.0.113.2")
	s.A(32, "10.0.0.11", local, 2, "video.other.test. A", "rd ra", "video.other.test. A 203.0.113.2")
	s.want(t, `
		iterative www.example.test. A answer total=26ms own=5ms trips=2
		1<0 authoritative 198.51.100.53 www.example.test. A zone= by= alias rtt=7ms same
		2<0 authoritative 198.51.100.53 edge.cdn.test. A zone= by= answer rtt=14ms led`, `
		iterative video.other.test. A answer total=31ms own=3ms trips=2
		1<0 authoritative 198.51.100.53 other.test. NS zone= by= answer rtt=18ms above
		2<0 authoritative 198.51.100.53 video.other.test. A zone= by= answer rtt=10ms same`)
}

// The alias was in the cache, so that nothing says what the query for its
// target is for until the answer does.
func TestAdopted(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, "10.0.0.11", local, 2, "video.other.test. A", "rd")
	s.Q(2, local, auth, 3, "edge.cdn.test. A")
	s.A(12, local, auth, 3, "edge.cdn.test. A", "aa", "edge.cdn.test. A 203.0.113.1")
	s.A(13, "10.0.0.11", local, 2, "video.other.test. A", "rd ra", "video.other.test. A 203.0.113.2")
	s.A(14, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. CNAME edge.cdn.test.", "edge.cdn.test. A 203.0.113.1")
	s.want(t, `
		iterative www.example.test. A answer total=14ms own=4ms trips=1
		1<0 authoritative 198.51.100.53 edge.cdn.test. A zone= by= answer rtt=10ms led`)
}

// A referral without addresses: the resolver asks for that of a server, and
// that server is one of the zone.
func TestGlueless(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(0, "10.0.0.11", local, 9, "else.test. A", "rd") // so that names must tell
	s.Q(1, local, tld, 2, "www.example.test. A")
	s.A(11, local, tld, 2, "www.example.test. A", "", "ns", "example.test. NS ns.elsewhere.test.")
	s.Q(11, local, tld, 3, "ns.elsewhere.test. A")
	s.A(21, local, tld, 3, "ns.elsewhere.test. A", "", "ns", "elsewhere.test. NS ns2.elsewhere.test.", "add", "ns2.elsewhere.test. A 198.51.100.99")
	s.Q(21, local, "198.51.100.99", 4, "ns.elsewhere.test. A")
	s.A(31, local, "198.51.100.99", 4, "ns.elsewhere.test. A", "aa", "ns.elsewhere.test. A "+auth)
	s.Q(31, local, auth, 5, "www.example.test. A")
	s.A(41, local, auth, 5, "www.example.test. A", "aa", "www.example.test. A 198.51.100.80")
	s.A(42, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.want(t, `
		iterative www.example.test. A answer total=42ms own=2ms trips=4
		1<0 tld 192.0.2.65 www.example.test. A zone=test. by=answer referral to=example.test. rtt=10ms same
		2<0 tld 192.0.2.65 ns.elsewhere.test. A zone=test. by=answer referral to=elsewhere.test. rtt=10ms led
		3<0 authoritative 198.51.100.99 ns.elsewhere.test. A zone=elsewhere.test. by=referral answer rtt=10ms led
		4<0 authoritative 198.51.100.53 www.example.test. A zone=example.test. by=referral answer rtt=10ms same`)
}

// Only one direction was captured: what the servers said is not known.
func TestOneDirection(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, root, 2, "www.example.test. A")
	s.Q(21, local, tld, 3, "www.example.test. A")
	s.want(t, `
		undecided www.example.test. A unanswered trips=0
		1<0 undecided 192.0.2.1 www.example.test. A zone= by= unanswered same
		2<0 undecided 192.0.2.65 www.example.test. A zone= by= unanswered same`)
}

// The resolver's own side was not captured.
func TestUserSideOnly(t *testing.T) {
	s := &story{}
	for i := range uint16(3) {
		s.Q(float64(i)*10, stub, local, i, "www.example.test. A", "rd")
		s.A(float64(i)*10+5, stub, local, i, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	}
	v := foldtest.Value[*Resolution](t, s.rows(t), "resolver 10.0.0.53")
	if v.Mode != Undecided || v.Questions != 3 || v.Reason == "" {
		t.Errorf("%+v", v)
	}
}

// The first server is silent, so that the resolver asks another, and answers
// before the first one does.
func TestSecondServer(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, auth, 2, "www.example.test. A")
	s.Q(401, local, "198.51.100.54", 3, "www.example.test. A")
	s.A(411, local, "198.51.100.54", 3, "www.example.test. A", "aa", "www.example.test. A 198.51.100.80", "ns", "example.test. NS ns1.example.test.")
	s.A(412, stub, local, 1, "www.example.test. A", "rd ra", "www.example.test. A 198.51.100.80")
	s.A(500, local, auth, 2, "www.example.test. A", "aa", "www.example.test. A 198.51.100.80")
	s.want(t, `
		iterative www.example.test. A answer total=412ms own=1ms trips=1
		1<0 undecided 198.51.100.53 www.example.test. A zone= by= pending same
		2<0 authoritative 198.51.100.54 www.example.test. A zone=example.test. by=answer answer rtt=10ms same`)
}

// An unanswered question is given up after a minute, and one beyond a limit
// at once; a query sent again is one hop.
func TestGivenUp(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, "www.example.test. A", "rd")
	s.Q(1, local, root, 2, "www.example.test. A")
	s.Q(2001, local, root, 2, "www.example.test. A")
	s.Q(60_500, stub, local, 3, "x.test. A", "rd")
	rows := s.rows(t)
	if len(rows) != 1 || rows[0].Frame != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	if h := rows[0].Value.(*Resolution).Hops; len(h) != 1 || h[0].Queries != 2 {
		t.Errorf("hops %+v", h)
	}
	small := &story{}
	small.iterative()
	for i := range uint16(200) {
		small.Q(100+float64(i), stub, local, 100+i, fmt.Sprintf("n%d.test. A", i), "rd")
		small.Q(100+float64(i), local, root, 1000+i, fmt.Sprintf("n%d.test. A", i))
	}
	small.rows(t, func(l *events.Limits) { l.FoldPending, l.FoldSamples = 1, 2 })
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	for _, c := range []struct {
		name string
		make func(s *story, i int)
	}{
		{"users", func(s *story, i int) {
			name := fmt.Sprintf("host%d.example.test. A", i%3000)
			id := uint16(i % 500)
			s.Q(float64(i), stub, local, id, name, "rd")
			s.A(float64(i)+0.5, stub, local, id, name, "rd ra", name[:len(name)-2]+" A 198.51.100.80")
		}},
		{"resolver", func(s *story, i int) {
			name := fmt.Sprintf("host%d.example.test. A", i%3000)
			id := uint16(i % 500)
			s.Q(float64(i), stub, local, id, name, "rd")
			s.Q(float64(i)+0.1, local, auth, id, name)
			s.A(float64(i)+0.4, local, auth, id, name, "aa", name[:len(name)-2]+" A 198.51.100.80")
			s.A(float64(i)+0.5, stub, local, id, name, "rd ra", name[:len(name)-2]+" A 198.51.100.80")
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := &story{}
			for i := range 10000 {
				c.make(s, i)
			}
			r := Question.New(analyzers.Options{Limits: &l})
			span := s.Events[len(s.Events)-1].Time - s.Events[0].Time + 1e6
			emit := func(analyzers.Row) {}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i == len(s.Events) {
					for _, e := range s.Events {
						e.Time += span
					}
					i = 0
				}
				r.Step(s.Events[i], emit)
			}
		})
	}
}
