package lsd

import (
	"reflect"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

const (
	hashA = "6d6e6f707172737475767778797a313233343536"
	hashB = "6162636465666768696a30313233343536373839"
)

// BEP 14, and what libtorrent and µTorrent send.
var talk = dt.Packets("announcements",
	dt.Client("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: "+hashA+"\r\ncookie: 1a2b\r\n\r\n\r\n"),
	dt.Client("BT-SEARCH * HTTP/1.1\r\nHost: [ff15::efc0:988f]:6771\r\nPort: 51413\r\nInfohash: 6D6E6F707172737475767778797A313233343536\r\nInfohash: "+hashB+"\r\n\r\n\r\n"),
	dt.Client("BT-SEARCH * HTTP/1.1\nHost: 239.192.152.143:6771\nPort: none\nInfohash: xyz\n\n"),
)

func TestLSD(t *testing.T) {
	tape := dt.Run(t, Proto, talk)
	want := []*events.BitTorrentLSD{
		{InfoHashes: []string{hashA}, Port: 6881, Cookie: "1a2b", Host: "239.192.152.143:6771"},
		{InfoHashes: []string{hashA, hashB}, Port: 51413, Host: "[ff15::efc0:988f]:6771"},
		{InfoHashes: []string{"xyz"}, Host: "239.192.152.143:6771"},
	}
	if got := dt.Of[*events.BitTorrentLSD](tape); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", tape.Records)
	}
	if v := dt.Of[*events.FlowViolation](tape); len(v) != 1 || v[0].Reason != "a port that is none" {
		t.Errorf("%v", v)
	}
}

func TestNotLSD(t *testing.T) {
	for _, b := range []string{"", "BT-SEARCH", "M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"} {
		if v, _ := probe(0, []byte(b)); v != decoders.No {
			t.Errorf("%q: %d", b, v)
		}
		if tape := dt.Run(t, Proto, dt.Packets("", dt.Client(b))); tape.Err == nil {
			t.Errorf("%q: no error", b)
		}
	}
}

func TestSnaplen(t *testing.T) {
	b := string(talk.Chunks[0].Bytes)
	tape := dt.Run(t, Proto, dt.Packets("", dt.Cut(dt.Client(b[:80]), len(b)-80)))
	if m := dt.Of[*events.BitTorrentLSD](tape); len(m) != 1 || m[0].Port != 6881 || len(m[0].InfoHashes) != 0 || !tape.Records[0].Truncated {
		t.Errorf("%v", tape.Records)
	}
}

func TestLaws(t *testing.T) {
	dt.Laws(t, Proto, talk)
	dt.StrictLoss(t, Proto, talk)
}

func FuzzLSD(f *testing.F) { dt.Fuzz(f, Proto, talk) }

type deaf struct{ decoders.Sink }

func (deaf) Emit(events.Dir, events.Body) {}

func BenchmarkAnnouncement(b *testing.B) {
	d := newDatagram(decoders.Env{})
	p := talk.Chunks[0].Bytes
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if d.Packet(decoders.Window{Bytes: p}, deaf{}) != nil {
			b.Fatal("refused")
		}
	}
}
