package udptracker

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

const (
	asked   = "\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00\x00\x00\x00\x2a" // connect, transaction 42
	granted = "\x00\x00\x00\x00\x00\x00\x00\x2a\x01\x02\x03\x04\x05\x06\x07\x08" // its connection id
	id      = "\x01\x02\x03\x04\x05\x06\x07\x08"
	hash    = "mnopqrstuvwxyz123456"
	peer    = "-LT2080-abcdefghijkl"
)

// announced is an announce (BEP 15): started, 5 bytes left, any number of
// peers, port 6881.
func announced(transaction, peer string) string {
	return id + "\x00\x00\x00\x01" + transaction + hash + peer +
		"\x00\x00\x00\x00\x00\x00\x00\x03" + "\x00\x00\x00\x00\x00\x00\x00\x05" + "\x00\x00\x00\x00\x00\x00\x00\x04" +
		"\x00\x00\x00\x02" + "\x00\x00\x00\x00" + "KEY!" + "\xff\xff\xff\xff" + "\x1a\xe1"
}

func v4() decoders.Env {
	return decoders.Env{Flow: events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2})}}
}

func v6() decoders.Env {
	a := events.AddrOf(netip.MustParseAddr("2001:db8::1"))
	return decoders.Env{Flow: events.Flow{Client: a, Server: a}}
}

func talk(env decoders.Env, chunks ...dt.Chunk) dt.Conversation {
	c := dt.Packets("tracker", chunks...)
	c.Env = env
	return c
}

var whole = talk(v4(),
	dt.Client(asked),
	dt.Server(granted),
	dt.Client(announced("\x00\x00\x00\x2b", peer)+"\x02\x09/announce\x01\x02\x05?a=bc\x00"), // BEP 41
	dt.Server("\x00\x00\x00\x01\x00\x00\x00\x2b\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x02"+"\x0a\x00\x00\x07\x1a\xe1"+"\x0a\x00\x00\x08\x1a\xe2"),
	dt.Client(id+"\x00\x00\x00\x02\x00\x00\x00\x2c"+hash+"abcdefghij0123456789"),
	dt.Server("\x00\x00\x00\x02\x00\x00\x00\x2c"+"\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x01"+"\x00\x00\x00\x03\x00\x00\x00\x08\x00\x00\x00\x00"),
	dt.Client(announced("\x00\x00\x00\x2d", peer)),
	dt.Server("\x00\x00\x00\x03\x00\x00\x00\x2d"+"Torrent not registered"),
)

func TestConversation(t *testing.T) {
	tape := dt.Run(t, Proto, whole)
	dt.Golden(t, "whole", tape)
	q, r := dt.Of[*events.TrackerRequest](tape), dt.Of[*events.TrackerResponse](tape)
	if len(q) != 4 || len(r) != 4 || len(tape.Records) != 8 {
		t.Fatal(tape.Kinds())
	}
	for i, act := range []string{"connect", "announce", "scrape", "announce"} {
		if q[i].Action != act || q[i].Tracker != "udp" || r[i].RequestFrame != q[i].FirstFrame {
			t.Errorf("%d: %+v %+v", i, q[i], r[i])
		}
	}
	a := q[1]
	if a.InfoHash != "6d6e6f707172737475767778797a313233343536" || a.Client != "libtorrent 2.0.8" || a.Port != 6881 || a.Event != "started" ||
		*a.Downloaded != 3 || *a.Left != 5 || *a.Uploaded != 4 || *a.NumWant != -1 || a.URL != decoders.RedactValue("/announce?a=bc") || a.IP != "" {
		t.Errorf("%+v", a)
	}
	if p := strings.Join(r[1].Peers, " "); p != "10.0.0.7:6881 10.0.0.8:6882" || r[1].Interval != 1800 || *r[1].Leechers != 1 || *r[1].Seeders != 2 {
		t.Errorf("%+v", r[1])
	}
	if len(q[2].InfoHashes) != 2 || len(r[2].Files) != 2 || r[2].Files[0] != (events.TrackerFile{Seeders: 2, Completed: 9, Leechers: 1}) {
		t.Errorf("%+v %+v", q[2], r[2])
	}
	if r[3].Action != "error" || r[3].Failure != "Torrent not registered" {
		t.Errorf("%+v", r[3])
	}
}

func TestIPv6(t *testing.T) {
	tape := dt.Run(t, Proto, talk(v6(), dt.Client(asked), dt.Client(announced("\x00\x00\x00\x2b", peer)),
		dt.Server("\x00\x00\x00\x01\x00\x00\x00\x2b\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x02"+"\x20\x01\x0d\xb8"+strings.Repeat("\x00", 11)+"\x07\x1a\xe1")))
	if r := dt.Of[*events.TrackerResponse](tape); len(r) != 1 || len(r[0].Peers) != 1 || r[0].Peers[0] != "[2001:db8::7]:6881" {
		t.Errorf("%v", tape.Records)
	}
}

// Joined midway, with a peer id of no known custom: nothing is said before a
// response answers a request.
func TestTrial(t *testing.T) {
	odd := announced("\x00\x00\x00\x2b", "\x01\x02\x03mnopqrstuvwxyz123")
	tape := dt.Run(t, Proto, talk(v4(),
		dt.Client(odd),
		dt.Server("\x00\x00\x00\x01\x00\x00\x00\x2b\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x02"),
		dt.Client(odd)))
	if k := strings.Join(tape.Kinds(), " "); k != "bittorrent.tracker.response bittorrent.tracker.request" {
		t.Error(k)
	}
	var chunks []dt.Chunk
	for range maxLooks + 1 {
		chunks = append(chunks, dt.Client(odd), dt.Server("\x00\x00\x00\x01\x00\x00\x00\x99\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x02"))
	}
	if tape := dt.Run(t, Proto, talk(v4(), chunks...)); tape.Err == nil || len(dt.Of[*events.TrackerRequest](tape)) > 0 {
		t.Errorf("%v", tape.Kinds())
	}
}

func TestViolations(t *testing.T) {
	for answer, want := range map[string]string{
		"\x00\x00\x00\x01\x00\x00\x00\x2b\x00\x00\x07\x08":                                    "an announce response of less than 20 bytes",
		"\x00\x00\x00\x01\x00\x00\x00\x2b\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x02abc": "peers of a length that is no multiple of 6",
	} {
		tape := dt.Run(t, Proto, talk(v4(), dt.Client(announced("\x00\x00\x00\x2b", peer)), dt.Server(answer)))
		if v := dt.Of[*events.FlowViolation](tape); len(v) != 1 || v[0].Reason != want {
			t.Errorf("%q: %v", answer, tape.Records)
		}
	}
	tape := dt.Run(t, Proto, talk(v4(), dt.Client(announced("\x00\x00\x00\x2b", peer)+"\x02\x20/announce")))
	if v := dt.Of[*events.FlowViolation](tape); len(v) != 1 || v[0].Reason != "broken options of an announce" {
		t.Errorf("%v", tape.Records)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		what, b string
		want    decoders.Verdict
	}{
		{"connect", asked, decoders.Yes},
		{"connect and more", asked + "x", decoders.No},
		{"connect of another protocol id", "\x01" + asked[1:], decoders.No},
		{"granted", granted, decoders.Maybe},
		{"announce", announced("abcd", peer), decoders.Yes},
		{"announce of an unknown client", announced("abcd", "\x01\x02\x03mnopqrstuvwxyz123"), decoders.Maybe},
		{"announce cut", announced("abcd", peer)[:97], decoders.No},
		{"scrape", id + "\x00\x00\x00\x02abcd" + hash, decoders.Maybe},
		{"scrape of half a hash", id + "\x00\x00\x00\x02abcd" + hash[:10], decoders.No},
		{"text", "GET /announce HTTP/1.1\r\n\r\n", decoders.No},
		{"nothing", "", decoders.No},
	} {
		if v, _ := probe(events.FromServer, []byte(c.b)); v != c.want {
			t.Errorf("%s: %d", c.what, v)
		}
	}
}

func TestSnaplen(t *testing.T) {
	for _, ch := range whole.Chunks {
		for i := 8; i < len(ch.Bytes); i++ {
			cut := ch
			cut.Bytes = ch.Bytes[:i]
			tape := dt.Run(t, Proto, talk(v4(), whole.Chunks[0], dt.Cut(cut, len(ch.Bytes)-i)))
			for _, r := range tape.Records[1:] {
				if !r.Truncated && r.Kind != "flow.violation" {
					t.Errorf("cut at %d: %v", i, r)
				}
			}
		}
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.PendingRequests = 1
	env := v4()
	env.Limits = &l
	tape := dt.Run(t, Proto, talk(env, dt.Client(asked), dt.Client(announced("abcd", peer))))
	if x := dt.Of[*events.FlowLimit](tape); len(x) != 1 || x[0].Limit != "pending-requests" {
		t.Errorf("%v", tape.Records)
	}
}

func TestLaws(t *testing.T) {
	dt.Laws(t, Proto, whole)
	dt.StrictLoss(t, Proto, whole)
}

func FuzzUDPTracker(f *testing.F) { dt.Fuzz(f, Proto, whole) }

type deaf struct{ decoders.Sink }

func (deaf) Emit(events.Dir, events.Body) {}

func BenchmarkAnnounce(b *testing.B) {
	l := events.DefaultLimits()
	d := newDatagram(decoders.Env{Limits: &l, Flow: v4().Flow})
	q, r := whole.Chunks[2], whole.Chunks[3]
	b.SetBytes(int64(len(q.Bytes) + len(r.Bytes)))
	b.ReportAllocs()
	for b.Loop() {
		if d.Packet(decoders.Window{Bytes: q.Bytes}, deaf{}) != nil || d.Packet(decoders.Window{From: events.FromServer, Bytes: r.Bytes}, deaf{}) != nil {
			b.Fatal("refused")
		}
	}
}
