package dnstransaction

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// talk is a conversation made by hand: each call is one packet.
type talk struct {
	evs []*events.Event
}

func ms(n float64) events.Duration { return events.Duration(n * 1e6) }

func addr(s string) events.Addr { return events.AddrOf(netip.MustParseAddr(s)) }

// flow is one 5-tuple with its stream number.
type flow struct {
	client string
	cport  uint16
	server string
	sport  uint16
	proto  uint8
	stream uint32
}

func udp(stream uint32, client string, cport uint16, server string) flow {
	return flow{client, cport, server, 53, events.ProtoUDP, stream}
}

func (c *talk) send(f flow, at float64, from events.Dir, m *events.DNSMessage) uint64 {
	n := uint64(len(c.evs) + 1)
	if m.Opcode == "" {
		m.Opcode = "QUERY"
	}
	c.evs = append(c.evs, &events.Event{
		Pos: events.Pos{Frame: n}, Time: events.Time(1e18).Add(ms(at)), From: from, Stream: f.stream, Layer: "udp/dns",
		Flow: events.Flow{Client: addr(f.client), Server: addr(f.server), ClientPort: f.cport, ServerPort: f.sport, Proto: f.proto},
		Body: m,
	})
	return n
}

// q sends "name type", at in milliseconds.
func (c *talk) q(f flow, at float64, id uint16, question string) uint64 {
	return c.send(f, at, events.FromClient, &events.DNSMessage{ID: id, Question: ask(question), Size: 30})
}

// a answers it with one A record for each address.
func (c *talk) a(f flow, at float64, id uint16, question string, addrs ...string) uint64 {
	return c.send(f, at, events.FromServer, reply(id, question, "NOERROR", addrs...))
}

func ask(question string) []events.DNSQuestion {
	name, typ, _ := strings.Cut(question, " ")
	return []events.DNSQuestion{{Name: name, Type: typ, Class: "IN"}}
}

func reply(id uint16, question, rcode string, addrs ...string) *events.DNSMessage {
	m := &events.DNSMessage{ID: id, Response: true, Rcode: rcode, Question: ask(question), Size: 46}
	for _, a := range addrs {
		m.Answer = append(m.Answer, events.DNSRecord{Name: m.Question[0].Name, Type: "A", Class: "IN", TTL: 60, Data: a})
	}
	return m
}

// rows runs the fold over the conversation.
func (c *talk) rows(t *testing.T, change ...func(*events.Limits)) []analyzers.Row {
	t.Helper()
	l := events.DefaultLimits()
	for _, f := range change {
		f(&l)
	}
	return foldtest.RowsWithin(t, Question, l, c.evs...)
}

func (c *talk) want(t *testing.T, want ...*Transaction) {
	t.Helper()
	var got []*Transaction
	for _, r := range c.rows(t) {
		got = append(got, r.Value.(*Transaction))
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Transaction{}, "Store")); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func dur(n float64) *events.Duration { d := ms(n); return &d }
func num(n int) *int                 { return &n }

const (
	stub     = "10.0.0.5"
	resolver = "10.0.0.53"
	second   = "10.0.0.54"
)

func TestAnswered(t *testing.T) {
	c := &talk{}
	f := udp(7, stub, 4000, resolver)
	c.q(f, 0, 0x1a2b, "example.com. A")
	c.a(f, 12.5, 0x1a2b, "eXample.com. A", "192.0.2.1", "192.0.2.2")
	c.want(t, &Transaction{
		Status: Answered, Protocol: "dns", Transport: "udp", Stream: 7, Client: stub, Server: resolver, ID: 0x1a2b,
		Name: "example.com.", Type: "A", Class: "IN", Rcode: "NOERROR", Latency: dur(12.5), QueryFrame: 1, ResponseFrame: 2,
		QueryBytes: 30, ResponseBytes: 46, Answers: num(2), Frames: []uint64{1, 2}, Filter: "udp.stream eq 7 && dns.id == 0x1a2b",
	})
	if k := c.rows(t)[0].Key; k != "10.0.0.5 → 10.0.0.53 example.com. A" {
		t.Errorf("key %q", k)
	}
}

// The spacings are 1, 2 and 4 s: each twice the one before.
func TestExponentialRetriesNeverAnswered(t *testing.T) {
	c := &talk{}
	c.q(udp(0, stub, 4000, resolver), 0, 1, "example.com. A")
	c.q(udp(1, stub, 4001, resolver), 1000, 2, "example.com. A") // new port, new id
	c.q(udp(2, stub, 4002, second), 3000, 3, "example.com. A")   // other server
	c.q(udp(0, stub, 4000, resolver), 7000, 1, "example.com. A") // as the first
	other := udp(9, stub, 4009, resolver)
	c.q(other, 7100, 9, "other. A")
	c.a(other, 7110, 9, "other. A", "192.0.2.1")
	rows := c.rows(t)
	v := rows[0].Value.(*Transaction) // by key, "example.com." comes first
	want := &Transaction{
		Status: Unanswered, Protocol: "dns", Transport: "udp", Client: stub, Server: resolver, ID: 1,
		Name: "example.com.", Type: "A", Class: "IN", QueryFrame: 1, QueryBytes: 30,
		Retries: []Retry{
			{Frame: 2, After: ms(1000), ID: 2, Stream: 1},
			{Frame: 3, After: ms(2000), ID: 3, Stream: 2, Server: second},
			{Frame: 4, After: ms(4000), ID: 1},
		},
		Backoff: BackoffExponential, Frames: []uint64{1, 2, 3, 4}, Filter: "frame.number in {1, 2, 3, 4}",
	}
	if d := cmp.Diff(want, v, cmpopts.IgnoreFields(Transaction{}, "Store")); d != "" {
		t.Error(d)
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		spacings []float64
		want     Backoff
	}{
		{nil, ""},
		{[]float64{5000}, BackoffUndecided},
		{[]float64{5000, 5000, 5001}, BackoffFixed},
		{[]float64{1000, 2000, 4000}, BackoffExponential},
		{[]float64{1000, 1000, 2000, 4000}, BackoffGrowing}, // Windows
		{[]float64{5000, 10, 5000}, BackoffIrregular},
		{[]float64{4000, 1000}, BackoffIrregular},
	} {
		var rs []Retry
		for _, s := range c.spacings {
			rs = append(rs, Retry{After: ms(s)})
		}
		if got := backoff(rs); got != c.want {
			t.Errorf("%v: %q, want %q", c.spacings, got, c.want)
		}
	}
}

// Measured with tshark 4.0.17 on the same packets: dns.time is from the first
// query of one id on one flow, and from a later one where that came 5 s or
// more after it.
func TestLatencyIsWiresharks(t *testing.T) {
	for _, c := range []struct {
		name    string
		queries []float64
		answer  float64
		latency float64
		from    uint64
		waited  float64
	}{
		{"a retry within 5 s", []float64{0, 1000, 4900}, 5500, 5500, 0, 0},
		{"a retry after 5 s", []float64{0, 5000}, 5500, 500, 2, 5500},
		{"5 s from the first, not from the last", []float64{0, 4000, 8000}, 8500, 500, 3, 8500},
		{"late", []float64{0}, 50000, 50000, 0, 0},
	} {
		k := &talk{}
		f := udp(0, stub, 4000, resolver)
		for _, at := range c.queries {
			k.q(f, at, 1, "a.com. A")
		}
		k.a(f, c.answer, 1, "a.com. A", "192.0.2.1")
		v := k.rows(t)[0].Value.(*Transaction)
		if *v.Latency != ms(c.latency) || v.LatencyFrame != c.from || v.Waited != ms(c.waited) || len(v.Retries) != len(c.queries)-1 {
			t.Errorf("%s: latency %d from %d, waited %d, %d retries", c.name, *v.Latency, v.LatencyFrame, v.Waited, len(v.Retries))
		}
	}
}

// The retry, under another id, is answered: latency is the retry's, the user
// waited from the first query.
func TestAnswerToARetryUnderAnotherID(t *testing.T) {
	c := &talk{}
	f, g := udp(0, stub, 4000, resolver), udp(1, stub, 4001, second)
	c.q(f, 0, 1, "example.com. A")
	c.q(g, 5000, 2, "example.com. A")
	c.a(g, 5020, 2, "example.com. A", "192.0.2.1")
	c.a(f, 5900, 1, "example.com. A", "192.0.2.1") // the first server wakes up
	c.want(t, &Transaction{
		Status: Answered, Protocol: "dns", Transport: "udp", Client: stub, Server: resolver, AnsweredBy: second, ID: 1,
		Name: "example.com.", Type: "A", Class: "IN", Rcode: "NOERROR", Latency: dur(20), Waited: ms(5020),
		QueryFrame: 1, LatencyFrame: 2, ResponseFrame: 3, QueryBytes: 30, ResponseBytes: 46, Answers: num(1),
		Retries: []Retry{{Frame: 2, After: ms(5000), ID: 2, Stream: 1, Server: second}}, Backoff: BackoffUndecided,
		SecondAnswers: []SecondAnswer{{Frame: 4, After: ms(880), Latency: ms(5900), Retry: true, Rcode: "NOERROR"}},
		Frames:        []uint64{1, 2, 3, 4}, Filter: "frame.number in {1, 2, 3, 4}",
	})
}

// A resolver asks two servers in turn under one id; the first answer comes from
// the second server. The first server is asked again, and answers half a
// minute later: that is a second answer, not an answer to nothing. Wireshark
// measures it from frame 4, which came 6 s after frame 1.
func TestLateAnswerOfAnotherServer(t *testing.T) {
	c := &talk{}
	f, g := udp(0, stub, 53, resolver), udp(1, stub, 53, second)
	c.q(f, 0, 7, "example.com. A")
	c.q(g, 1000, 7, "example.com. A")
	c.a(g, 1020, 7, "example.com. A", "192.0.2.1")
	c.q(f, 6000, 7, "example.com. A")
	c.a(f, 30_000, 7, "example.com. A", "192.0.2.1")
	rows := c.rows(t)
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	v := rows[0].Value.(*Transaction)
	want := []SecondAnswer{{Frame: 5, After: ms(28_980), Latency: ms(24_000), Retry: true, Rcode: "NOERROR"}}
	if d := cmp.Diff(want, v.SecondAnswers); d != "" || len(v.Retries) != 2 || *v.Latency != ms(20) || v.RepeatOf != 0 {
		t.Errorf("%+v\n%s", v, d)
	}
}

// Two servers asked 0.2 ms apart: not a copy of one packet.
func TestNotACopyWhenToAnotherServer(t *testing.T) {
	c := &talk{}
	f, g := udp(0, stub, 4000, resolver), udp(1, stub, 4000, second)
	c.q(f, 0, 7, "example.com. A")
	c.q(g, 1000, 7, "example.com. A")
	c.q(f, 1000.2, 7, "example.com. A")
	v := c.rows(t)[0].Value.(*Transaction)
	if v.Copies != 0 || len(v.Retries) != 2 {
		t.Errorf("%+v", v)
	}
}

func TestTwoProgramsAskTheSame(t *testing.T) {
	c := &talk{}
	f, g := udp(0, stub, 4000, resolver), udp(1, stub, 4001, resolver)
	c.q(f, 0, 1, "example.com. A")
	c.q(g, 10, 2, "example.com. A") // 10 ms later under another id: not a retry
	c.a(g, 20, 2, "example.com. A", "192.0.2.1")
	c.a(f, 21, 1, "example.com. A", "192.0.2.1")
	rows := c.rows(t)
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		if v := r.Value.(*Transaction); v.Status != Answered || v.Retries != nil || v.SecondAnswers != nil {
			t.Errorf("%+v", v)
		}
	}
}

func TestMirrorPortShowsTwice(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "a. A")
	c.q(f, 0.01, 1, "a. A")
	c.a(f, 5, 1, "a. A", "192.0.2.1")
	c.a(f, 5.01, 1, "a. A", "192.0.2.1")
	v := c.rows(t)[0].Value.(*Transaction)
	if v.Copies != 1 || v.Retries != nil || len(v.SecondAnswers) != 1 || !v.SecondAnswers[0].Retry || v.SecondAnswers[0].Differs {
		t.Errorf("%+v", v)
	}
}

func TestTruncatedThenTCP(t *testing.T) {
	c := &talk{}
	f := udp(3, stub, 4000, resolver)
	g := flow{stub, 5000, resolver, 53, events.ProtoTCP, 2}
	c.q(f, 0, 1, "big.example. TXT")
	m := reply(1, "big.example. TXT", "NOERROR")
	m.TC = true
	c.send(f, 10, events.FromServer, m)
	c.q(g, 40, 8, "big.example. TXT")
	c.a(g, 70, 8, "big.example. TXT", "x")
	c.want(t,
		&Transaction{
			Status: Answered, Protocol: "dns", Transport: "udp", Stream: 3, Client: stub, Server: resolver, ID: 1,
			Name: "big.example.", Type: "TXT", Class: "IN", Rcode: "NOERROR", Latency: dur(10), QueryFrame: 1, ResponseFrame: 2,
			QueryBytes: 30, ResponseBytes: 46, Answers: num(0), Truncated: true, TCPFallback: 3,
			Frames: []uint64{1, 2, 3}, Filter: "frame.number in {1, 2, 3}",
		},
		&Transaction{
			Status: Answered, Protocol: "dns", Transport: "tcp", Stream: 2, Client: stub, Server: resolver, ID: 8,
			Name: "big.example.", Type: "TXT", Class: "IN", Rcode: "NOERROR", Latency: dur(30), QueryFrame: 3, ResponseFrame: 4,
			QueryBytes: 30, ResponseBytes: 46, Answers: num(1), FallbackOf: 1,
			Frames: []uint64{1, 3, 4}, Filter: "frame.number in {1, 3, 4}",
		})
}

// An injected answer comes first, the true one second.
func TestTwoDifferentAnswers(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "example.com. A")
	c.a(f, 2, 1, "example.com. A", "203.0.113.66")
	c.a(f, 30, 1, "example.com. A", "192.0.2.1")
	v := c.rows(t)[0].Value.(*Transaction)
	want := []SecondAnswer{{Frame: 3, After: ms(28), Differs: true, Rcode: "NOERROR"}}
	if d := cmp.Diff(want, v.SecondAnswers); d != "" {
		t.Error(d)
	}
}

// The same set in another order (rotation) is the same answer.
func TestSecondAnswerRotated(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "example.com. A")
	c.a(f, 2, 1, "example.com. A", "192.0.2.1", "192.0.2.2")
	c.a(f, 3, 1, "example.com. A", "192.0.2.2", "192.0.2.1")
	if s := c.rows(t)[0].Value.(*Transaction).SecondAnswers; len(s) != 1 || s[0].Differs || s[0].Retry {
		t.Errorf("%+v", s)
	}
}

func TestWrongAnswers(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "example.com. A")
	c.a(f, 1, 77, "example.com. A", "203.0.113.66")
	c.a(f, 2, 1, "evil.com. A", "203.0.113.66")
	c.a(f, 9, 1, "example.com. A", "192.0.2.1")
	c.want(t, &Transaction{
		Status: Answered, Protocol: "dns", Transport: "udp", Client: stub, Server: resolver, ID: 1,
		Name: "example.com.", Type: "A", Class: "IN", Rcode: "NOERROR", Latency: dur(9), QueryFrame: 1, ResponseFrame: 4,
		QueryBytes: 30, ResponseBytes: 46, Answers: num(1),
		Mismatched: []Mismatch{{Frame: 2, Why: "id", ID: 77, Name: "example.com."}, {Frame: 3, Why: "question", ID: 1, Name: "evil.com."}},
		Frames:     []uint64{1, 2, 3, 4}, Filter: "frame.number in {1, 2, 3, 4}",
	})
}

func TestOnlyAnswersCaptured(t *testing.T) {
	c := &talk{}
	c.a(udp(4, stub, 4000, resolver), 0, 5, "example.com. A", "192.0.2.1")
	c.want(t, &Transaction{
		Status: Undecided, Reason: reasonNoQuery, Protocol: "dns", Transport: "udp", Stream: 4, Client: stub, Server: resolver, ID: 5,
		Name: "example.com.", Type: "A", Class: "IN", Rcode: "NOERROR", ResponseFrame: 1, ResponseBytes: 46, Answers: num(1),
		Frames: []uint64{1}, Filter: "udp.stream eq 4 && dns.id == 0x0005",
	})
}

func TestRepeatedAfterItsAnswer(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "a. A")
	c.a(f, 100, 1, "a. A", "192.0.2.1")
	c.q(f, 1000, 1, "a. A")
	c.a(f, 1100, 1, "a. A", "192.0.2.1")
	rows := c.rows(t)
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	v, w := rows[0].Value.(*Transaction), rows[1].Value.(*Transaction)
	if v.ResponseFrame != 2 || w.RepeatOf != 1 || w.ResponseFrame != 4 || *w.Latency != ms(100) || v.SecondAnswers != nil {
		t.Errorf("%+v\n%+v", v, w)
	}
}

// A retry chain ends when it has been silent for a minute; what comes later is
// a new question.
func TestChainEnds(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "a. A")
	c.q(f, 61_000, 1, "a. A")
	rows := c.rows(t)
	if len(rows) != 2 || rows[0].Value.(*Transaction).Status != Unanswered || rows[0].Value.(*Transaction).Reason != reasonUnheard {
		t.Fatalf("%+v", rows)
	}
}

func TestZoneTransfer(t *testing.T) {
	c := &talk{}
	g := flow{stub, 5000, resolver, 53, events.ProtoTCP, 2}
	c.q(g, 0, 8, "example. AXFR")
	c.a(g, 70, 8, "example. AXFR", "x", "y")
	m := reply(8, "", "NOERROR", "z")
	m.Question = nil // RFC 5936 section 2.2.1 allows it
	c.send(g, 80, events.FromServer, m)
	v := c.rows(t)[0].Value.(*Transaction)
	if v.Responses != 2 || *v.Answers != 3 || *v.Latency != ms(70) || v.SecondAnswers != nil || v.ResponseBytes != 92 {
		t.Errorf("%+v", v)
	}
}

func mdns(stream uint32, from string) flow {
	return flow{from, 5353, "224.0.0.251", 5353, events.ProtoUDP, stream}
}

func TestMulticast(t *testing.T) {
	c := &talk{}
	a, b, d := mdns(0, "10.0.0.1"), mdns(1, "10.0.0.2"), mdns(2, "10.0.0.3")
	c.send(a, 0, events.FromClient, &events.DNSMessage{Question: []events.DNSQuestion{
		{Name: "_ipp._tcp.local.", Type: "PTR", Class: "IN"},
		{Name: "none.local.", Type: "A", Class: "CLASS32769"},
	}, Size: 50})
	ptr := func(data string) *events.DNSMessage {
		return &events.DNSMessage{Response: true, Rcode: "NOERROR", Size: 60, Answer: []events.DNSRecord{{Name: "_ipp._tcp.local.", Type: "PTR", Class: "IN", Data: data}}}
	}
	c.send(b, 40, events.FromClient, ptr("p1._ipp._tcp.local."))
	c.send(d, 90, events.FromClient, ptr("p2._ipp._tcp.local.")) // a second answer is normal
	c.want(t,
		&Transaction{
			Status: Answered, Protocol: "mdns", Transport: "udp", Client: "10.0.0.1", Server: "224.0.0.251", AnsweredBy: "10.0.0.2",
			Name: "_ipp._tcp.local.", Type: "PTR", Class: "IN", Rcode: "NOERROR", Latency: dur(40), QueryFrame: 1, ResponseFrame: 2,
			QueryBytes: 50, ResponseBytes: 60, Answers: num(1), Responses: 2, Frames: []uint64{1, 2}, Filter: "frame.number in {1, 2}",
		},
		&Transaction{
			Status: Unanswered, Protocol: "mdns", Transport: "udp", Client: "10.0.0.1", Server: "224.0.0.251",
			Name: "none.local.", Type: "A", Class: "IN", QueryFrame: 1, QueryBytes: 50, Frames: []uint64{1}, Filter: "frame.number in {1}",
		})
}

func TestMulticastAnnouncementIsNoAnswer(t *testing.T) {
	c := &talk{}
	c.send(mdns(1, "10.0.0.2"), 0, events.FromClient, &events.DNSMessage{Response: true, Rcode: "NOERROR", Answer: []events.DNSRecord{{Name: "x.local.", Type: "A", Class: "IN", Data: "10.0.0.2"}}})
	if rows := c.rows(t); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestLLMNRAnswerComesFromTheResponder(t *testing.T) {
	c := &talk{}
	c.q(flow{"10.0.0.1", 6000, "224.0.0.252", 5355, events.ProtoUDP, 0}, 0, 3, "printer. A")
	r := flow{"10.0.0.1", 6000, "10.0.0.9", 5355, events.ProtoUDP, 1}
	c.a(r, 5, 3, "printer. A", "10.0.0.9")
	v := c.rows(t)[0].Value.(*Transaction)
	if v.Status != Answered || v.AnsweredBy != "10.0.0.9" || *v.Latency != ms(5) || v.Protocol != "llmnr" {
		t.Errorf("%+v", v)
	}
}

func TestNetBIOSIsNotDNS(t *testing.T) {
	c := &talk{}
	c.q(flow{"10.0.0.1", 137, "10.0.0.255", 137, events.ProtoUDP, 0}, 0, 3, "FHFAEBEECODCFHEJFCEFCOEOEFFECAAA. NIMLOC")
	if rows := c.rows(t); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

// Many open at once: the maps must say what the scan says.
func TestManyOpen(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	const n = 200
	for i := range n {
		c.q(f, float64(i), uint16(i), "h"+string(rune('a'+i%26))+string(rune('a'+i/26))+". A")
	}
	for i := n - 1; i >= 0; i-- {
		c.a(f, 1000+float64(n-i), uint16(i), "h"+string(rune('a'+i%26))+string(rune('a'+i/26))+". A", "192.0.2.1")
	}
	rows := c.rows(t)
	if len(rows) != n {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		v := r.Value.(*Transaction)
		want := 1000 + float64(n) - 2*float64(v.ID)
		if v.Status != Answered || *v.Latency != ms(want) {
			t.Fatalf("%+v: latency %v, want %v", v, v.Store.Latency, ms(want))
		}
	}
}

func TestPendingLimitIsTold(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	c.q(f, 0, 1, "a. A")
	c.q(f, 1, 2, "b. A")
	c.q(f, 2, 3, "c. A")
	rows := c.rows(t, func(l *events.Limits) { l.FoldPending = 2 })
	if v := rows[0].Value.(*Transaction); len(rows) != 3 || v.Status != Undecided || v.Reason != reasonPushedOut || v.Name != "a." {
		t.Errorf("%+v", v)
	}
}

func TestSummary(t *testing.T) {
	c := &talk{}
	f := udp(0, stub, 4000, resolver)
	for i := range 9 {
		c.q(f, float64(100*i), uint16(i), "ok. A")
		c.a(f, float64(100*i+10), uint16(i), "ok. A", "192.0.2.1")
	}
	c.q(f, 1000, 50, "example.com. A")
	c.q(f, 2000, 50, "example.com. A")
	c.q(f, 4000, 50, "example.com. A")
	c.q(f, 30_000, 60, "late. A")
	s := newSummary()
	for _, r := range c.rows(t) {
		s.Add(&r)
	}
	sec := s.Section(false)
	if want := "9 of 11 queries answered, median 10.0 ms, p95 10.0 ms; 1 unanswered; 1 still open when the capture ended."; sec.Lead != want {
		t.Errorf("lead %q", sec.Lead)
	}
	if len(sec.Findings) != 1 {
		t.Fatalf("%+v", sec.Findings)
	}
	want := analyzers.Finding{
		Severity: analyzers.Bad, Weight: 3, Text: "1 of 11 DNS queries unanswered; worst: example.com. A from 10.0.0.5 to 10.0.0.53, retried twice over 3.00 s",
		Frames: []uint64{19}, Filter: "udp.stream eq 0 && dns.id == 0x0032",
	}
	if d := cmp.Diff(want, sec.Findings[0]); d != "" {
		t.Error(d)
	}
}

// pairs makes n queries and answers over as many flows, from a few clients.
func pairs(n int) []*events.Event {
	var c talk
	for i := range n {
		f := udp(uint32(i), "10.0.0."+string(rune('1'+i%9)), uint16(1024+i), resolver)
		name := "host" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + ".example.com. A"
		c.q(f, float64(i), uint16(i*7), name)
		c.a(f, float64(i)+0.5, uint16(i*7), name, "192.0.2.1", "192.0.2.2")
	}
	return c.evs
}

func BenchmarkStep(b *testing.B) {
	evs := pairs(20000)
	l := events.DefaultLimits()
	r := Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	span := evs[len(evs)-1].Time - evs[0].Time + 1e6
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i == len(evs) {
			for _, e := range evs {
				e.Time += span
			}
			i = 0
		}
		r.Step(evs[i], emit)
	}
}

func FuzzFold(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x80\x01\x02\x41\x05\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &talk{evs: []*events.Event{}}
		at := 0.0
		queries, answers := 0, 0
		for len(b) >= 3 {
			x, id, n := b[0], uint16(b[1]&3), b[2]
			b = b[3:]
			at += float64(n) * 20
			fl := udp(uint32(x&3), stub, 4000+uint16(x&3), resolver)
			if x&4 != 0 {
				fl.proto = events.ProtoTCP
			}
			if x&8 != 0 {
				fl = mdns(9, "10.0.0."+string(rune('1'+x&3)))
			}
			m := &events.DNSMessage{ID: id, Response: x&0x80 != 0, TC: x&0x40 != 0, Rcode: "NOERROR", Question: ask("n" + string(rune('a'+n&3)) + ". A")}
			if x&0x20 != 0 {
				m.Question = nil
			}
			from := events.FromClient
			if m.Response {
				m.Answer = []events.DNSRecord{{Name: "n" + string(rune('a'+n&3)) + ".", Type: "A", Class: "IN", Data: string(rune('a' + x&0x10))}}
				if x&8 == 0 {
					from = events.FromServer
					answers++
				}
			} else if m.Question != nil || x&8 == 0 {
				queries++
			}
			c.send(fl, at, from, m)
		}
		if len(c.evs) == 0 {
			return
		}
		// Each query is in one row: as its first query, a retry or a copy;
		// each unicast answer: first, second, wrong, unasked, or part of more.
		// What a limit kept off a list is counted.
		q, a, left := 0, 0, 0
		l := events.DefaultLimits()
		l.FoldPending, l.FoldSamples = 12, 30
		var rows []analyzers.Row
		emit := func(r analyzers.Row) { rows = append(rows, r) }
		run := Question.New(analyzers.Options{Limits: &l})
		for _, e := range c.evs {
			run.Step(e, emit)
		}
		run.Close(uint64(len(c.evs)), 0, emit)
		for _, r := range rows {
			v := r.Value.(*Transaction)
			left += v.LeftOff
			if v.QueryFrame != 0 {
				q += 1 + len(v.Retries) + v.Copies
			}
			if v.Protocol == "dns" {
				a += len(v.SecondAnswers) + len(v.Mismatched)
				if v.ResponseFrame != 0 {
					a++
				}
			}
		}
		if q > queries || a > answers || q+a+left < queries+answers || left == 0 && (q != queries || a != answers) {
			t.Fatalf("%d of %d queries and %d of %d answers are in rows, %d left off", q, queries, a, answers, left)
		}
	})
}
