package dnsthreat

import (
	"fmt"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	stub  = "10.0.0.10"
	local = "10.0.0.53"
	auth  = "198.51.100.53"
)

type story struct{ foldtest.DNS }

func (s *story) threats(t *testing.T) map[string]*Threat {
	t.Helper()
	out := map[string]*Threat{}
	for _, r := range foldtest.Rows(t, Question, s.Events...) {
		out[r.Key] = r.Value.(*Threat)
	}
	return out
}

func (s *story) one(t *testing.T, key string) *Threat {
	t.Helper()
	got := s.threats(t)
	if len(got) != 1 || got[key] == nil {
		t.Fatalf("rows are %v, want %q", got, key)
	}
	return got[key]
}

// forged is an answer on the flow of the query under id, with another id.
func (s *story) forged(at float64, id, wrong uint16, question, record string) {
	s.A(at, local, auth, id, question, "aa", record).ID = wrong
}

// Answers with guessed ids come before the real one.
func TestWrongIDs(t *testing.T) {
	s := &story{}
	s.Q(0, local, auth, 1, "www.bank.com. A")
	for i := range uint16(12) {
		s.forged(float64(i), 1, 100+i, "www.bank.com. A", "www.bank.com. A 203.0.113.66")
	}
	s.A(20, local, auth, 1, "www.bank.com. A", "aa", "www.bank.com. A 198.51.100.99")
	v := s.one(t, "poisoning 10.0.0.53 → 198.51.100.53 www.bank.com. A")
	if v.WrongID != 12 || v.Differing != 0 || !v.Taken || v.Frames[0] != 1 {
		t.Errorf("%+v", v)
	}
	if l := judge(v); l.severity != analyzers.Bad {
		t.Errorf("%+v", l)
	}
}

// One query, two answers: the second one says something else.
func TestDiffering(t *testing.T) {
	s := &story{}
	s.Q(0, local, auth, 1, "www.bank.com. A")
	s.A(1, local, auth, 1, "www.bank.com. A", "aa", "www.bank.com. A 203.0.113.66")
	s.A(20, local, auth, 1, "www.bank.com. A", "aa", "www.bank.com. A 198.51.100.99")
	if v := s.one(t, "poisoning 10.0.0.53 → 198.51.100.53 www.bank.com. A"); v.Differing != 1 || !v.Taken {
		t.Errorf("%+v", v)
	}
}

// The same answer twice, in another order; a repeated query with two answers;
// one late answer to an earlier query: all honest.
func TestHonest(t *testing.T) {
	s := &story{}
	a, b := "www.bank.com. A 198.51.100.1", "www.bank.com. A 198.51.100.2"
	s.Q(0, local, auth, 1, "www.bank.com. A")
	s.A(1, local, auth, 1, "www.bank.com. A", "aa", a, b)
	s.A(2, local, auth, 1, "www.bank.com. A", "aa", b, a)
	s.Q(10, local, auth, 2, "www.bank.com. A")
	s.Q(12, local, auth, 2, "www.bank.com. A")
	s.A(13, local, auth, 2, "www.bank.com. A", "aa", a)
	s.A(14, local, auth, 2, "www.bank.com. A", "aa", b)
	s.Q(20, local, auth, 3, "www.bank.com. A")
	s.A(21, local, auth, 2, "www.bank.com. A", "aa", a)
	s.A(22, local, auth, 3, "www.bank.com. A", "aa", a)
	if got := s.threats(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// A measuring tool asks the same many times at once, under many ids, and uses
// them again: no answer is wrong.
func TestManyAtOnce(t *testing.T) {
	s := &story{}
	for round := range 3 {
		for i := range uint16(20) {
			s.Q(float64(100*round)+float64(i), local, auth, i, "www.bank.com. A")
		}
		for i := range uint16(20) {
			s.A(float64(100*round)+30+float64(i), local, auth, i, "www.bank.com. A", "aa", fmt.Sprintf("www.bank.com. A 198.51.100.%d", i))
		}
	}
	if got := s.threats(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// An authority speaks of a zone that nobody asked it about. Glue, and the zone
// of an alias's target, are its business.
func TestForeign(t *testing.T) {
	s := &story{}
	s.Q(0, local, auth, 1, "www.evil.com. A")
	s.A(1, local, auth, 1, "www.evil.com. A", "aa", "www.evil.com. A 203.0.113.66",
		"ns", "evil.com. NS ns1.evil.com.", "bank.com. NS ns1.evil.com.",
		"add", "ns1.evil.com. A 203.0.113.66", "www.bank.com. A 203.0.113.66")
	v := s.one(t, "poisoning 10.0.0.53 → 198.51.100.53 www.evil.com. A")
	if v.Foreign != 2 {
		// bank.com's NS record is foreign; the address of www.bank.com too.
		t.Errorf("%+v", v)
	}
	s = &story{}
	s.Q(0, local, auth, 1, "www.shop.com. A")
	s.A(1, local, auth, 1, "www.shop.com. A", "aa", "www.shop.com. CNAME edge.cdn.net.", "ns", "cdn.net. NS ns.cdn.org.", "add", "ns.cdn.org. A 198.51.100.7")
	if got := s.threats(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// 12 queries of 40 bytes, answers of 3,000 bytes: 75 times as much.
func TestAmplification(t *testing.T) {
	s := &story{}
	for i := range uint16(12) {
		s.Q(float64(i), "10.0.9.9", auth, i, "example.com. ANY")
		s.A(float64(i)+0.5, "10.0.9.9", auth, i, "example.com. ANY", "aa", "example.com. TXT x").Size = 3000
	}
	v := s.one(t, "amplification 10.0.9.9")
	if v.Queries != 12 || v.QueryBytes != 480 || v.ResponseBytes != 36000 || *v.Factor != 75 {
		t.Errorf("%+v", v)
	}
	// The victim's side: no query.
	var answers story
	for _, e := range s.Events {
		if e.From == events.FromServer {
			answers.Events = append(answers.Events, e)
		}
	}
	if v := answers.one(t, "amplification 10.0.9.9"); v.Factor != nil || v.Responses != 12 {
		t.Errorf("%+v", v)
	}
}

func TestFlood(t *testing.T) {
	s := &story{}
	const soa = "example.com. SOA ns1.example.com. h.example.com. 1 2 3 4 60"
	for i := range uint16(25) {
		name := fmt.Sprintf("x%dq7.example.com. A", i)
		from := fmt.Sprintf("10.0.0.%d", 20+i%2)
		s.Q(float64(i)*10, from, local, i, name, "rd")
		s.Q(float64(i)*10+1, local, auth, i, name)
		s.A(float64(i)*10+2, local, auth, i, name, "aa NXDOMAIN", "ns", soa)
		s.A(float64(i)*10+3, from, local, i, name, "rd ra NXDOMAIN", "ns", soa)
	}
	v := s.one(t, "flood example.com.")
	if v.Names != 25 || v.Clients != 2 || v.Responses != 50 || *v.Span != 241e6 {
		t.Errorf("%+v", v)
	}
	// A program that asks for one missing name again and again.
	s = &story{}
	for i := range uint16(100) {
		s.Q(float64(i), stub, local, i, "no.example.com. A", "rd")
		s.A(float64(i)+0.5, stub, local, i, "no.example.com. A", "rd ra NXDOMAIN", "ns", soa)
	}
	if got := s.threats(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestInvalidTLD(t *testing.T) {
	s := &story{}
	for i, name := range []string{"www.example.com.", "a.co.uk.", "4.3.2.1.in-addr.arpa.", "printer.belkin.", "router.belkin.", "host.test.", "."} {
		s.Q(float64(i), stub, local, uint16(i), name+" A", "rd")
	}
	got := s.threats(t)
	if v := got["invalid_tld belkin"]; v == nil || v.Queries != 2 || v.Special != "" || v.Frames[0] != 4 {
		t.Errorf("%+v", v)
	}
	if v := got["invalid_tld test"]; v == nil || v.Special != "RFC 6761" {
		t.Errorf("%+v", v)
	}
	if len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestLimits(t *testing.T) {
	s := &story{}
	for i := range uint16(300) {
		name := fmt.Sprintf("n%d.z%d.bad%d. A", i, i%40, i)
		s.Q(float64(i), fmt.Sprintf("10.1.%d.1", i%100), auth, i, name)
		s.A(float64(i)+0.5, fmt.Sprintf("10.1.%d.1", i%100), auth, i, name, "NXDOMAIN", "ns", "other.test. NS a.").ID = i + 1
	}
	l := events.DefaultLimits()
	l.FoldPending, l.FoldSamples = 2, 2
	foldtest.RowsWithin(t, Question, l, s.Events...)
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &story{}
	for i := range 10000 {
		name := fmt.Sprintf("host%d.example.com. A", i%3000)
		s.Q(float64(i), stub, local, uint16(i), name, "rd")
		s.A(float64(i)+0.5, stub, local, uint16(i), name, "rd ra", name[:len(name)-2]+" A 198.51.100.80")
	}
	r := Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(s.Events[i%len(s.Events)], emit)
	}
}
