package dns

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// Messages written by hand from RFC 1035 section 4.
const (
	header     = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" // id 0x1234, RD, one question
	www        = "\x03www\x07example\x03com\x00"                    // at offset 12
	query      = header + www + "\x00\x01\x00\x01"
	respHead   = "\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00" // QR, RD, RA, two answers
	answerA    = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc0\x00\x02\x01"
	answerTXT  = "\xc0\x10\x00\x10\x00\x01\x00\x00\x00\x05\x00\x07\x06a\"b\\\xffc"
	response   = respHead + www + "\x00\x01\x00\x01" + answerA + answerTXT
	otherQuery = "\x43\x21\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04mail" + "\x00\x00\x1c\x00\x01"
)

// tcp puts the length before a message (RFC 1035 section 4.2.2).
func tcp(m string) string { return string([]byte{byte(len(m) >> 8), byte(len(m))}) + m }

var udpTalk = decodertest.Packets("udp", decodertest.Client(query), decodertest.Server(response))

var tcpTalk = decodertest.Talk("tcp",
	decodertest.Client(tcp(query)+tcp(otherQuery)[:9]), // two messages in one segment, the second in two
	decodertest.Client(tcp(otherQuery)[9:]),
	decodertest.Server(tcp(response)[:1]), // a length in two segments
	decodertest.Server(tcp(response)[1:30]),
	decodertest.Server(tcp(response)[30:]),
	decodertest.Server(tcp(response)+tcp(response)),
	decodertest.Over(events.FromClient, events.EndFIN),
)

func one(t *testing.T, tape *decodertest.Tape) *events.DNSMessage {
	t.Helper()
	ms := decodertest.Of[*events.DNSMessage](tape)
	if len(ms) != 1 {
		t.Fatalf("%d messages: %v", len(ms), tape.Records)
	}
	return ms[0]
}

func violations(tape *decodertest.Tape) string {
	var s []string
	for _, v := range decodertest.Of[*events.FlowViolation](tape) {
		s = append(s, v.Reason)
	}
	return strings.Join(s, "; ")
}

func TestUDP(t *testing.T) {
	tape := decodertest.Run(t, Proto, udpTalk)
	want := []*events.DNSMessage{
		{ID: 0x1234, Opcode: "QUERY", RD: true, Rcode: "NOERROR", Size: 33,
			Question: []events.DNSQuestion{{Name: "www.example.com.", Type: "A", Class: "IN"}}},
		{ID: 0x1234, Response: true, Opcode: "QUERY", RD: true, RA: true, Rcode: "NOERROR", Size: 68,
			Question: []events.DNSQuestion{{Name: "www.example.com.", Type: "A", Class: "IN"}},
			Answer: []events.DNSRecord{
				{Name: "www.example.com.", Type: "A", Class: "IN", TTL: 300, Data: "192.0.2.1"},
				{Name: "example.com.", Type: "TXT", Class: "IN", TTL: 5, Data: `"a\"b\\\255c"`},
			}},
	}
	if d := cmp.Diff(want, decodertest.Of[*events.DNSMessage](tape)); d != "" {
		t.Error(d)
	}
}

func TestTCP(t *testing.T) {
	tape := decodertest.Run(t, Proto, tcpTalk)
	var got []string
	for _, r := range tape.Records {
		m := r.Body.(*events.DNSMessage)
		got = append(got, fmt.Sprint(r.From, r.Frame, m.FirstFrame, m.ID, len(m.Answer)))
	}
	want := []string{"client 1 0 4660 0", "client 2 1 17185 0", "server 5 3 4660 2", "server 6 0 4660 2", "server 6 0 4660 2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLaws(t *testing.T) {
	decodertest.Laws(t, Proto, udpTalk, tcpTalk)
	decodertest.StrictLoss(t, Proto, udpTalk, tcpTalk)
}

func TestGolden(t *testing.T) {
	decodertest.Golden(t, "tcp", decodertest.Run(t, Proto, tcpTalk))
}

// The class of multicast DNS has a flag in its top bit; elsewhere it is a
// class like others.
func TestTopBitOfClass(t *testing.T) {
	for id, want := range map[string]string{"\x00\x00": "IN", "\x00\x01": "CLASS32769"} {
		m := one(t, decodertest.Run(t, Proto, decodertest.Packets("",
			decodertest.Client(id+"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x05local\x00\x00\x0c\x80\x01"))))
		if q := m.Question[0]; q.Class != want || q.Type != "PTR" || q.Name != "a.local." {
			t.Errorf("id %q: %+v, want class %s", id, q, want)
		}
	}
}

func TestEDNS(t *testing.T) {
	m := one(t, decodertest.Run(t, Proto, decodertest.Packets("", decodertest.Server(
		"\x12\x34\x80\x00\x00\x00\x00\x00\x00\x00\x00\x01"+ // one additional record
			"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x0c\x00\x0a\x00\x08abcdefgh")))) // extended code 1: 16
	want := &events.DNSEDNS{UDPSize: 1232, DO: true, Options: []events.DNSEDNSOption{{Code: 10, Name: "COOKIE", Data: "6162636465666768"}}}
	if d := cmp.Diff(want, m.EDNS); d != "" || m.Rcode != "BADVERS" || m.Additional != nil {
		t.Errorf("rcode %s, additional %v\n%s", m.Rcode, m.Additional, d)
	}
}

// Broken messages: a violation, and what could be read.
func TestMalformed(t *testing.T) {
	for _, c := range []struct{ name, wire, violation, read string }{
		{"pointer to itself", header + "\xc0\x0c\x00\x01\x00\x01", "question 1: compression pointers without end", "0 0"},
		{"question cut", header + "\x03www", "question 1: shorter than it says", "0 0"},
		{"pointer beyond", header + "\xc1\x0c\x00\x01\x00\x01", "question 1: compression pointer beyond the message", "0 0"},
		{"reserved label", header + "\x43www\x00\x00\x01\x00\x01", "question 1: reserved label type", "0 0"},
		{"second answer cut", response[:len(response)-3], "answer 2: shorter than it says", "1 1"},
		{"bytes after", query + "xyz", "message: bytes after its end", "1 0"},
		{"A of five bytes", respHead[:7] + "\x01" + respHead[8:] + www + "\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x05abcde", "answer: broken RDATA", "1 1"},
		{"long name", header + strings.Repeat("\x3f"+strings.Repeat("a", 63), 4) + "\x00\x00\x01\x00\x01", "question 1: name longer than 255 bytes", "0 0"},
	} {
		tape := decodertest.Run(t, Proto, decodertest.Packets(c.name, decodertest.Client(c.wire)))
		m := one(t, tape)
		if got := violations(tape); got != c.violation {
			t.Errorf("%s: %q, want %q", c.name, got, c.violation)
		}
		if got := fmt.Sprint(len(m.Question), len(m.Answer)); got != c.read {
			t.Errorf("%s: read %s, want %s", c.name, got, c.read)
		}
	}
}

// Broken RDATA stands in the form of RFC 3597, and the records after it too.
func TestBrokenRDATA(t *testing.T) {
	m := one(t, decodertest.Run(t, Proto, decodertest.Packets("", decodertest.Server(
		respHead+www+"\x00\x01\x00\x01"+"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x00\x00\x03\x00\x0a\x05"+answerA))))
	if len(m.Answer) != 2 || m.Answer[0].Data != `\# 3 000a05` || m.Answer[1].Data != "192.0.2.1" {
		t.Errorf("%+v", m.Answer)
	}
}

// What the snaplen cut off is no violation.
func TestSnaplen(t *testing.T) {
	cut := len(response) - 3
	tape := decodertest.Run(t, Proto, decodertest.Packets("",
		decodertest.Cut(decodertest.Server(response[:cut]), 3),
		decodertest.Cut(decodertest.Server(response[:4]), len(response)-4),
		decodertest.Cut(decodertest.Server(response[:2]), len(response)-2)))
	if v := violations(tape); v != "" {
		t.Error(v)
	}
	ms := decodertest.Of[*events.DNSMessage](tape)
	if len(ms) != 2 || !tape.Records[0].Truncated || ms[0].Size != len(response) || len(ms[0].Answer) != 1 || !ms[1].Response || ms[1].Question != nil {
		t.Errorf("%v", tape.Records)
	}
}

func TestNotDNS(t *testing.T) {
	for _, wire := range []string{"short", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 40), strings.Repeat("\xff", 40)} {
		tape := decodertest.Run(t, Proto, decodertest.Packets("", decodertest.Client(wire)))
		if tape.Err == nil || len(decodertest.Of[*events.DNSMessage](tape)) > 0 {
			t.Errorf("%q: %v", wire, tape.Records)
		}
	}
	if tape := decodertest.Run(t, Proto, decodertest.Talk("", decodertest.Client("GET / HTTP/1.1\r\nHost: x\r\n\r\n"+strings.Repeat("x", 30000)))); tape.Err == nil {
		t.Errorf("%v", tape.Records)
	}
}

// A gap within a message costs that message only; a longer one is got over
// where a whole message begins right after it.
func TestGap(t *testing.T) {
	q, r := tcp(query), tcp(otherQuery)
	for _, c := range []struct {
		name   string
		chunks []decodertest.Chunk
		want   string
	}{
		{"within a message", []decodertest.Chunk{decodertest.Client(q[:10]), decodertest.Lost(0, 10), decodertest.Client(q[20:] + r)}, "17185"},
		{"to the end of a message", []decodertest.Chunk{decodertest.Client(q[:10]), decodertest.Lost(0, int64(len(q)-10)), decodertest.Client(r)}, "17185"},
		{"over the end of a message", []decodertest.Chunk{decodertest.Client(q[:10]), decodertest.Lost(0, int64(len(q))), decodertest.Client(q[10:] + r)}, "error"},
		{"whole messages", []decodertest.Chunk{decodertest.Client(q), decodertest.Lost(0, 999), decodertest.Client(r + q)}, "4660 17185 4660"},
		{"at the start", []decodertest.Chunk{decodertest.Lost(0, 999), decodertest.Client(r)}, "17185"},
		{"into a message", []decodertest.Chunk{decodertest.Client(q), decodertest.Lost(0, 20), decodertest.Client(r[5:] + q)}, "4660 error"},
		{"the other side goes on", []decodertest.Chunk{decodertest.Lost(0, 20), decodertest.Server(tcp(response))}, "4660"},
	} {
		conv := decodertest.Talk(c.name, c.chunks...)
		tape := decodertest.Run(t, Proto, conv)
		var got []string
		for _, m := range decodertest.Of[*events.DNSMessage](tape) {
			got = append(got, fmt.Sprint(m.ID))
		}
		if tape.Err != nil {
			got = append(got, "error")
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
		decodertest.Laws(t, Proto, conv)
	}
}

// A message of many records with long names told by pointers does not grow
// beyond the limits, and they are told.
func TestLimits(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("\x00", 63), 3) + "\x00" // 193 bytes, 775 as text
	bomb := "\x12\x34\x81\x80\x00\x01\x13\x88\x00\x00\x00\x00" + long + "\x00\x01\x00\x01" + strings.Repeat("\x00\x00\x0f\x00\x01\x00\x00\x00\x00\x00\x04\x00\x00\xc0\x0c", 4000)
	l := events.DefaultLimits()
	l.DNSText = 100000
	conv := decodertest.Packets("", decodertest.Client(bomb))
	conv.Env = decoders.Env{Limits: &l}
	tape := decodertest.Run(t, Proto, conv)
	limits := decodertest.Of[*events.FlowLimit](tape)
	if len(limits) != 1 || limits[0].Limit != "dns-text" {
		t.Errorf("limits %v", limits)
	}
	if n := len(one(t, tape).Answer); n < 100 || n > 200 {
		t.Errorf("%d answers", n)
	}
	l.DNSRecords, l.DNSText = 10, 1<<20
	tape = decodertest.Run(t, Proto, conv)
	if n := len(one(t, tape).Answer); n != 9 {
		t.Errorf("%d answers and a question, limit 10", n)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name, head string
		verdict    decoders.Verdict
		speaker    events.Dir
	}{
		{"query", query, decoders.Yes, events.FromClient},
		{"response", response, decoders.Yes, events.FromServer},
		{"tcp", tcp(query), decoders.Yes, events.FromClient},
		{"two over tcp", tcp(response) + tcp(response), decoders.Yes, events.FromServer},
		{"begin over tcp", tcp(response)[:20], decoders.Maybe, events.FromServer},
		{"cut by a snaplen", response[:40], decoders.Maybe, events.FromServer},
		{"text", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", decoders.No, events.FromServer},
		{"zeros", strings.Repeat("\x00", 64), decoders.No, events.FromServer},
		{"nothing", "", decoders.No, events.FromServer},
	} {
		v, s := Proto.Probe(events.FromServer, []byte(c.head))
		if v != c.verdict || s != c.speaker {
			t.Errorf("%s: verdict %d, speaker %s", c.name, v, s)
		}
	}
}

func FuzzDNS(f *testing.F) { decodertest.Fuzz(f, Proto, udpTalk, tcpTalk) }
