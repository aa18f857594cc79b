package dnscache

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
	other = "10.0.0.11"
	local = "10.0.0.53"
	auth  = "198.51.100.53"
	www   = "www.example.test. A"
	addr  = "A 198.51.100.80"
)

type story struct{ foldtest.DNS }

// hit: from asks, and is told a TTL after 1 ms.
func (s *story) hit(at float64, from string, id uint16, name string, ttl int) {
	s.Q(at, from, local, id, name+" A", "rd")
	s.A(at+1, from, local, id, name+" A", "rd ra", fmt.Sprintf("%s %d %s", name, ttl, addr))
}

// miss: the resolver asks the authority, which takes 40 ms.
func (s *story) miss(at float64, from string, id uint16, name string, ttl int) {
	s.Q(at, from, local, id, name+" A", "rd")
	s.Q(at+1, local, auth, id+1000, name+" A")
	s.A(at+41, local, auth, id+1000, name+" A", "aa", fmt.Sprintf("%s %d %s", name, ttl, addr))
	s.A(at+42, from, local, id, name+" A", "rd ra", fmt.Sprintf("%s %d %s", name, ttl, addr))
}

func (s *story) value(t *testing.T, change ...func(*events.Limits)) *Cache {
	t.Helper()
	l := events.DefaultLimits()
	for _, c := range change {
		c(&l)
	}
	return foldtest.Value[*Cache](t, foldtest.RowsWithin(t, Question, l, s.Events...), local)
}

// users leaves what the users' side of the resolver shows.
func (s *story) users() *story {
	out := &story{}
	for _, e := range s.Events {
		if e.Flow.Client.String() != local {
			out.Events = append(out.Events, e)
		}
	}
	return out
}

// tell is "outcome/evidence", in order.
func tell(v *Cache) string {
	var out []string
	for _, d := range v.Decisions {
		x := string(d.Outcome)
		if d.Evidence != "" {
			x += "/" + string(d.Evidence)
		}
		out = append(out, x)
	}
	return strings.Join(out, " ")
}

func (s *story) want(t *testing.T, want string) *Cache {
	t.Helper()
	v := s.value(t)
	if got := tell(v); got != want {
		t.Errorf("outcomes are\n%s\nwant\n%s", got, want)
	}
	return v
}

// The worked example of docs/analyses/dns.cache.md: a miss of 42 ms, two hits of 1 ms, a
// miss after the TTL of 3 s: hit rate 2/4, saved 2·42 − 2·1 = 82 ms.
func example() *story {
	s := &story{}
	s.miss(0, stub, 1, "www.example.test.", 3)
	s.hit(1100, other, 2, "www.example.test.", 2)
	s.hit(2200, stub, 3, "www.example.test.", 1)
	s.miss(3500, stub, 4, "www.example.test.", 3)
	return s
}

func TestBothSides(t *testing.T) {
	v := example().want(t, "miss/upstream_seen hit/upstream_seen hit/upstream_seen miss/upstream_seen")
	if v.Questions != 4 || v.Hits != 2 || v.Misses != 2 || *v.HitRate != 0.5 || *v.Saved != 82e6 || *v.HitTime != 1e6 || *v.MissTime != 42e6 {
		t.Errorf("%+v", v)
	}
	if v.TTLChecked != 2 || v.TTLHigh != 0 || v.TTLLow != 0 || v.Stale != 0 {
		t.Errorf("TTLs: %+v", v)
	}
	if d := v.Decisions[1]; d.Age == nil || *d.Age != 1060e6 || *d.TTL != 2 || d.QueryFrame != 5 || d.ResponseFrame != 6 {
		t.Errorf("%+v", d)
	}
	if d := v.Decisions[3]; d.UpstreamFrame != 10 {
		t.Errorf("%+v", d)
	}
}

// From the users' side the TTL tells: 2 and 1 are below 3; 3 again after 3.5 s
// is new; the first is as slow as that.
func TestUsersSide(t *testing.T) {
	v := example().users().want(t, "miss/latency hit/ttl_age hit/ttl_age miss/ttl_age")
	if v.Upstream || v.Hits != 2 || v.Misses != 2 || v.ByTTL != 3 || v.ByLatency != 1 {
		t.Errorf("%+v", v)
	}
	if d := v.Decisions[2]; d.Age == nil || *d.Age != 2e9 {
		t.Errorf("%+v", d)
	}
}

// Where no TTL tells anything, an answer that came nine times as fast as most
// was there already; that most were fetched is not said. Four answers show
// nothing, nor do answers that all come at once.
func TestMostAreSlower(t *testing.T) {
	name := func(i int) string { return fmt.Sprintf("n%d.example.test.", i) }
	s := &story{}
	for i := range 5 {
		s.miss(float64(100*i), stub, uint16(i), name(i), 300)
	}
	s.hit(600, stub, 6, "other.example.test.", 300)
	s.users().want(t, "undecided undecided undecided undecided undecided hit/latency")

	few, fast := &story{}, &story{}
	for i := range 3 {
		few.miss(float64(100*i), stub, uint16(i), name(i), 300)
	}
	few.hit(600, stub, 6, "other.example.test.", 300)
	few.users().want(t, "undecided undecided undecided undecided")
	for i := range 6 {
		fast.hit(float64(100*i), stub, uint16(i), name(i), 300)
	}
	fast.want(t, "undecided undecided undecided undecided undecided undecided")
}

// An authority told somebody 300; a resolver tells 120: 180 s in its cache,
// also the first time. Another tells 300: fresh.
func TestAuthoritativeTTL(t *testing.T) {
	s := &story{}
	s.Q(0, "10.9.9.9", auth, 1, www)
	s.A(10, "10.9.9.9", auth, 1, www, "aa", "www.example.test. 300 "+addr)
	s.hit(20, stub, 2, "www.example.test.", 120)
	v := s.want(t, "hit/ttl_age")
	if d := v.Decisions[0]; d.Age == nil || *d.Age != 180e9 {
		t.Errorf("%+v", d)
	}
}

// A TTL seen later tells what an earlier one meant.
func TestLargestSeenLater(t *testing.T) {
	s := &story{}
	s.hit(0, stub, 1, "a.test.", 100)
	s.hit(200_000, stub, 2, "a.test.", 300)
	s.want(t, "hit/ttl_age miss/ttl_age")
}

// One answer, and nothing to compare it with.
func TestUndecided(t *testing.T) {
	s := &story{}
	s.hit(0, stub, 1, "a.test.", 300)
	v := s.want(t, "undecided")
	if v.Undecided != 1 || v.HitRate != nil || v.Reason == "" {
		t.Errorf("%+v", v)
	}
}

// The alias is in the cache and its target is not: a miss.
func TestAliasTarget(t *testing.T) {
	s := &story{}
	s.miss(0, stub, 1, "other.test.", 300)
	s.Q(100, stub, local, 2, www, "rd")
	s.Q(100, other, local, 3, "other.test. A", "rd") // so that names must tell
	s.Q(101, local, auth, 4, "edge.cdn.test. A")
	s.A(141, local, auth, 4, "edge.cdn.test. A", "aa", "edge.cdn.test. 20 A 203.0.113.1")
	s.A(142, stub, local, 2, www, "rd ra", "www.example.test. 200 CNAME edge.cdn.test.", "edge.cdn.test. 20 A 203.0.113.1")
	s.A(143, other, local, 3, "other.test. A", "rd ra", "other.test. 300 "+addr)
	s.want(t, "miss/upstream_seen miss/upstream_seen hit/upstream_seen")
}

// Two ask the same at once: the resolver asks once, and the second one waits
// for it. Neither did the cache answer.
func TestJoined(t *testing.T) {
	s := &story{}
	s.Q(0, stub, local, 1, www, "rd")
	s.Q(1, local, auth, 2, www)
	s.Q(20, other, local, 3, www, "rd")
	s.A(41, local, auth, 2, www, "aa", "www.example.test. "+addr)
	s.A(42, stub, local, 1, www, "rd ra", "www.example.test. "+addr)
	s.A(42, other, local, 3, www, "rd ra", "www.example.test. "+addr)
	v := s.want(t, "miss/upstream_seen joined/upstream_seen")
	if v.Joined != 1 || v.Hits != 0 {
		t.Errorf("%+v", v)
	}
}

// "No such name" is kept as long as the SOA record's minimum says.
func TestNegative(t *testing.T) {
	const soa = "example.test. 300 SOA ns1.example.test. hostmaster.example.test. 1 1800 900 604800 2"
	no := func(s *story, at float64, id uint16, up bool) {
		s.Q(at, stub, local, id, "no.example.test. A", "rd")
		if up {
			s.Q(at+1, local, auth, id+1000, "no.example.test. A")
			s.A(at+41, local, auth, id+1000, "no.example.test. A", "aa NXDOMAIN", "ns", soa)
			at += 41
		}
		s.A(at+1, stub, local, id, "no.example.test. A", "rd ra NXDOMAIN", "ns", soa)
	}
	s := &story{}
	no(s, 0, 1, true)
	no(s, 1000, 2, false)
	no(s, 2700, 3, true)
	v := s.want(t, "miss/upstream_seen hit/upstream_seen miss/upstream_seen")
	if v.Stale != 0 || v.TTLHigh != 0 {
		t.Errorf("%+v", v)
	}
	s.users().want(t, "miss/latency hit/ttl_age miss/ttl_age")
}

// A resolver that goes on telling what is over, one that does not count down,
// and an answer whose fetching was not captured.
func TestStaleAndFrozen(t *testing.T) {
	s := &story{}
	s.miss(0, stub, 1, "old.test.", 5)
	s.hit(20_000, stub, 2, "old.test.", 0)
	v := s.want(t, "miss/upstream_seen hit/upstream_seen")
	if v.Stale != 1 || !v.Decisions[1].Stale || v.Frames[0] != 6 {
		t.Errorf("%+v", v)
	}
	s = &story{}
	s.miss(0, stub, 1, "frozen.test.", 300)
	s.hit(100_000, stub, 2, "frozen.test.", 300)
	if v = s.value(t); v.TTLHigh != 1 || !v.Decisions[1].TTLHigh {
		t.Errorf("%+v", v)
	}
	s = &story{}
	s.miss(0, stub, 1, "unseen.test.", 5)
	s.hit(20_000, stub, 2, "unseen.test.", 5)
	if v = s.want(t, "miss/upstream_seen undecided"); !strings.Contains(v.Reason, "new") {
		t.Errorf("%+v", v)
	}
}

// What no cache answers: zones of the resolver's own, failures, truncation,
// servers that only refer.
func TestNoCache(t *testing.T) {
	s := &story{}
	s.miss(0, stub, 1, "a.test.", 300)
	s.Q(100, stub, local, 2, "router.lan. A", "rd")
	s.A(101, stub, local, 2, "router.lan. A", "aa rd ra", "router.lan. A 10.0.0.1")
	s.Q(200, stub, local, 3, "b.test. A", "rd")
	s.A(201, stub, local, 3, "b.test. A", "rd ra SERVFAIL")
	s.Q(300, stub, local, 4, "c.test. A", "rd")
	s.A(301, stub, local, 4, "c.test. A", "rd ra tc")
	v := s.want(t, "miss/upstream_seen")
	if v.Authoritative != 1 || v.Failures != 1 || v.Questions != 1 {
		t.Errorf("%+v", v)
	}
}

// Answers whose queries were not captured, and queries without answers, tell
// nothing.
func TestOneDirection(t *testing.T) {
	s := example()
	var questions, answers story
	for _, e := range s.Events {
		if e.From == events.FromClient {
			questions.Events = append(questions.Events, e)
		} else {
			answers.Events = append(answers.Events, e)
		}
	}
	for _, x := range []*story{&questions, &answers} {
		if rows := foldtest.Rows(t, Question, x.Events...); len(rows) != 0 {
			t.Errorf("%d rows", len(rows))
		}
	}
}

// Within small limits the counts stay right, and fewer decisions are listed.
func TestLimits(t *testing.T) {
	s := &story{}
	for i := range 40 {
		s.miss(float64(i)*1000, stub, uint16(i), fmt.Sprintf("n%d.test.", i), 300)
		s.hit(float64(i)*1000+500, stub, uint16(i)+500, fmt.Sprintf("n%d.test.", i), 300)
	}
	v := s.value(t, func(l *events.Limits) { l.FoldPending, l.FoldSamples = 1, 4 })
	if v.Hits != 40 || v.Misses != 40 || len(v.Decisions) != 4 || v.LeftOff != 76 {
		t.Errorf("hits %d, misses %d, listed %d, left off %d", v.Hits, v.Misses, len(v.Decisions), v.LeftOff)
	}
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	for _, c := range []struct {
		name string
		make func(s *story, i int)
	}{
		{"users", func(s *story, i int) {
			s.hit(float64(i), stub, uint16(i%500), fmt.Sprintf("host%d.example.test.", i%3000), 300)
		}},
		{"resolver", func(s *story, i int) {
			s.miss(float64(i), stub, uint16(i%500), fmt.Sprintf("host%d.example.test.", i%3000), 300)
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
