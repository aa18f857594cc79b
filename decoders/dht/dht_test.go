package dht

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// The ids of the examples of BEP 5, in hex.
const (
	idA    = "6162636465666768696a30313233343536373839" // abcdefghij0123456789
	idB    = "6d6e6f707172737475767778797a313233343536" // mnopqrstuvwxyz123456
	target = "6d6e6f707172737475767778797a313233343536"
)

// The examples of BEP 5, as they stand there; the compact nodes and the error
// of announce_peer are of the same kind.
var examples = dt.Packets("examples of BEP 5",
	dt.Client("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
	dt.Server("d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"),
	dt.Client("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:ab1:y1:qe"),
	dt.Server("d1:rd2:id20:0123456789abcdefghij5:nodes26:abcdefghij0123456789\x0a\x00\x00\x01\x1a\xe1e1:t2:ab1:y1:re"),
	dt.Client("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:ac1:y1:qe"),
	dt.Server("d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:ac1:y1:re"),
	dt.Server("d1:ad2:id20:mnopqrstuvwxyz123456e1:q4:ping1:t2:aa1:v4:LT\x01\x2f1:y1:qe"), // both sides ask
	dt.Client("d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:ad1:y1:qe"),
	dt.Client("d1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re"),
	dt.Server("d1:eli203e9:bad tokene1:t2:ad1:y1:ee"),
)

func TestExamples(t *testing.T) {
	tape := dt.Run(t, Proto, examples)
	dt.Golden(t, "examples", tape)
	got := dt.Of[*events.DHTMessage](tape)
	want := []*events.DHTMessage{
		{Type: "query", Query: "ping", Transaction: "6161", ID: idA},
		{Type: "response", Transaction: "6161", ID: idB, RequestFrame: 1},
		{Type: "query", Query: "find_node", Transaction: "6162", ID: idA, Target: target},
		{Type: "response", Transaction: "6162", ID: "303132333435363738396162636465666768696a", Nodes: []string{idA + "@10.0.0.1:6881"}, RequestFrame: 3},
		{Type: "query", Query: "get_peers", Transaction: "6163", ID: idA, InfoHash: target},
		{Type: "response", Transaction: "6163", ID: idA, Token: "616f6575736e7468", Values: []string{"97.120.106.101:11893", "105.100.104.116:28269"}, RequestFrame: 5},
		{Type: "query", Query: "ping", Transaction: "6161", ID: idB, Client: "libtorrent 012f", Version: "4c54012f"},
		{Type: "query", Query: "announce_peer", Transaction: "6164", ID: idA, InfoHash: target, Port: 6881, ImpliedPort: true, Token: "616f6575736e7468"},
		{Type: "response", Transaction: "6161", ID: idA, RequestFrame: 7},
		{Type: "error", Transaction: "6164", Code: 203, Message: "bad token", RequestFrame: 8},
	}
	if len(got) != len(want) {
		t.Fatalf("%d messages: %v", len(got), tape.Records)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("message %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(tape.Records) != len(want) {
		t.Error(tape.Kinds())
	}
}

func n(v int64) *int64 { return &v }

// The later BEPs.
func TestExtensions(t *testing.T) {
	id := "2:id20:abcdefghij0123456789"
	for _, c := range []struct {
		wire string
		want events.DHTMessage
	}{
		{"d1:ad" + id + "6:target20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee1:q9:find_node2:roi1e1:t2:ab1:y1:qe", // BEP 32, BEP 43
			events.DHTMessage{Type: "query", Query: "find_node", Target: target, Want: []string{"n4", "n6"}, ReadOnly: true}},
		{"d2:ip6:\xc0\x00\x02\x07\x1a\xe11:rd" + id + "6:nodes638:mnopqrstuvwxyz123456\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x1a\xe1e1:t2:ab1:y1:re", // BEP 32, BEP 42
			events.DHTMessage{Type: "response", Nodes: []string{idB + "@[2001:db8::1]:6881"}, ExternalAddress: "192.0.2.7:6881"}},
		{"d1:rd4:BFpe2:\x01\x024:BFsd2:\x03\x04" + id + "e1:t2:ab1:y1:re", // BEP 33
			events.DHTMessage{Type: "response", PeerFilter: "0102", SeedFilter: "0304"}},
		{"d1:ad" + id + "9:info_hash20:mnopqrstuvwxyz1234566:scrapei1ee1:q9:get_peers1:t2:ab1:y1:qe",
			events.DHTMessage{Type: "query", Query: "get_peers", InfoHash: target, Flags: []string{"scrape"}}},
		{"d1:ad3:casi3e" + id + "1:k2:\x0a\x0b4:salt2:\x0c\x0d3:seqi4e3:sig2:\x0e\x0f5:token1:\xaa1:v5:helloe1:q3:put1:t2:ab1:y1:qe", // BEP 44
			events.DHTMessage{Type: "query", Query: "put", CAS: n(3), Key: "0a0b", Salt: "0c0d", Seq: n(4), Signature: "0e0f", Token: "aa", ValueBytes: 7}},
		{"d1:rd" + id + "8:intervali60e3:numi5e7:samples20:mnopqrstuvwxyz123456e1:t2:ab1:y1:re", // BEP 51
			events.DHTMessage{Type: "response", Interval: n(60), Num: n(5), Samples: []string{target}}},
	} {
		tape := dt.Run(t, Proto, dt.Packets("", dt.Client(c.wire)))
		c.want.ID, c.want.Transaction = idA, "6162"
		if got := dt.Of[*events.DHTMessage](tape); len(got) != 1 || !reflect.DeepEqual(*got[0], c.want) || len(tape.Records) != 1 {
			t.Errorf("%q:\n%v", c.wire, tape.Records)
		}
		if v, _ := probe(0, []byte(c.wire)); v != decoders.Yes {
			t.Errorf("probe of %q: %d", c.wire, v)
		}
	}
}

func TestViolations(t *testing.T) {
	id := "2:id20:abcdefghij0123456789"
	for wire, want := range map[string]string{
		"d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe":                         "id is not 20 bytes long",
		"d1:ade1:q4:ping1:t2:aa1:y1:qe":                                  "no id",
		"d1:ad" + id + "e1:q4:ping1:y1:qe":                               "no transaction",
		"d1:ad" + id + "e1:q4:ping1:t2:aae":                              "no type",
		"d1:t2:aa1:y1:qe":                                                "a query without arguments",
		"d1:rd" + id + "5:nodes3:abce1:t2:aa1:y1:re":                     "nodes of a length that is no multiple of 26",
		"d1:rd" + id + "6:valuesl3:abcee1:t2:aa1:y1:re":                  "a peer that is neither 6 nor 18 bytes long",
		"d1:ad" + id + "4:porti70000ee1:q13:announce_peer1:t2:aa1:y1:qe": "a port that is none",
		"d1:ad" + id + "e1:q4:ping1:t2:aa1:y1:qe junk":                   "bytes behind the message",
		"d1:ad" + id + "e1:q4:ping1:t2:aa1:y1:q":                         "broken bencoding",
	} {
		tape := dt.Run(t, Proto, dt.Packets("", dt.Client(wire)))
		v := dt.Of[*events.FlowViolation](tape)
		if len(v) != 1 || v[0].Reason != want || len(dt.Of[*events.DHTMessage](tape)) != 1 || tape.Err != nil {
			t.Errorf("%q: %v", wire, tape.Records)
		}
	}
}

func TestNotDHT(t *testing.T) {
	for _, wire := range []string{"", "d", "de", "x", "d3:cow3:mooe", "4:spam", "li1ee", "\x41\x00\x00\x64", "d1:ad2:id20:abcdefghij0123456789e1:t2:aa1:y1:xe"} {
		tape := dt.Run(t, Proto, dt.Packets("", dt.Client(wire)))
		if tape.Err == nil || len(tape.Records) != 1 {
			t.Errorf("%q: %v", wire, tape.Records)
		}
		if v, _ := probe(0, []byte(wire)); v != decoders.No {
			t.Errorf("probe of %q: %d", wire, v)
		}
	}
}

func TestSnaplen(t *testing.T) {
	whole := examples.Chunks[3].Bytes
	for i := 12; i < len(whole); i++ {
		tape := dt.Run(t, Proto, dt.Packets("", dt.Cut(dt.Server(string(whole[:i])), len(whole)-i)))
		for _, r := range tape.Records {
			if !r.Truncated {
				t.Errorf("cut at %d: %v", i, r)
			}
		}
		if v, _ := probe(0, whole[:i]); v != decoders.Yes {
			t.Errorf("probe of %q: %d", whole[:i], v)
		}
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.PendingRequests = 1
	l.BencodeItems = 14
	c := dt.Packets("", examples.Chunks[0], examples.Chunks[2], examples.Chunks[7])
	c.Env.Limits = &l
	tape := dt.Run(t, Proto, c)
	if k := strings.Join(tape.Kinds(), " "); k != "dht.message flow.limit dht.message flow.limit" {
		t.Error(k)
	}
}

// A query that got no response for long is forgotten without a word.
func TestPatience(t *testing.T) {
	var p pending
	p.add("01", events.FromClient, 1, 0, 2)
	p.add("02", events.FromClient, 2, events.Time(patience)+1, 2)
	if full := p.add("03", events.FromClient, 3, events.Time(patience)+2, 2); full || p.take("01", events.FromClient) != 0 || p.take("02", events.FromClient) != 2 {
		t.Errorf("%v", p.list)
	}
}

func TestLaws(t *testing.T) {
	dt.Laws(t, Proto, examples)
	dt.StrictLoss(t, Proto, examples)
}

func FuzzDHT(f *testing.F) { dt.Fuzz(f, Proto, examples) }

type deaf struct{ decoders.Sink }

func (deaf) Emit(events.Dir, events.Body) {}

func BenchmarkMessages(b *testing.B) {
	l := events.DefaultLimits()
	for i, name := range map[int]string{0: "ping", 3: "nodes"} {
		b.Run(name, func(b *testing.B) {
			d := newDatagram(decoders.Env{Limits: &l})
			p := examples.Chunks[i].Bytes
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if d.Packet(decoders.Window{Bytes: p}, deaf{}) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
