package tracker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/decoders/http1"
	"github.com/wiretale/wiretale/events"
)

const (
	fromClient = events.FromClient
	fromServer = events.FromServer
)

// The announce of BEP 3: an info hash with bytes that need no escape.
const (
	announce = "/announce?info_hash=%01d%FE%7E%F1%10%5CWvAp%ED%F6%03%C49%D6B%14%F1&peer_id=-TR4040-abcdefghijkl&port=41730" +
		"&uploaded=0&downloaded=12&left=34567890123&compact=1&numwant=80&key=5c1b2d&event=started&ip=192.0.2.7"
	hash = "0164fe7ef1105c57764170edf603c439d64214f1"
)

// lines are the events of a tape, one short line each.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	num := func(what string, n *int64) {
		if n != nil {
			fmt.Fprintf(&b, " %s %d", what, *n)
		}
	}
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d %c ", r.Frame, "><"[r.From])
		if r.Truncated {
			b.WriteString("truncated ")
		}
		switch e := r.Body.(type) {
		case *events.TrackerRequest:
			fmt.Fprintf(&b, "%s %s %v of %s %s port %d event %s ip %s", e.Action, e.InfoHash, e.InfoHashes, e.PeerID, e.Client, e.Port, e.Event, e.IP)
			num("up", e.Uploaded)
			num("down", e.Downloaded)
			num("left", e.Left)
			num("numwant", e.NumWant)
			fmt.Fprintf(&b, " first %d", e.FirstFrame)
		case *events.TrackerResponse:
			fmt.Fprintf(&b, "to %s of %d: interval %d/%d peers %v failure %q warning %q ip %s files %v", e.Action, e.RequestFrame, e.Interval, e.MinInterval, e.Peers, e.Failure, e.Warning, e.ExternalIP, e.Files)
			num("seeders", e.Seeders)
			num("leechers", e.Leechers)
			num("completed", e.Completed)
			fmt.Fprintf(&b, " first %d", e.FirstFrame)
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.HTTPBody:
			fmt.Fprintf(&b, "http.body sha256 %q", e.SHA256)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		default:
			b.WriteString(r.Kind)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type talk struct {
	name, target, answer string
	want                 string
}

var talks = []talk{
	{"compact", announce,
		"d8:completei5e10:downloadedi50e10:incompletei3e8:intervali1800e12:min intervali300e5:peers12:\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x1a\xe2" +
			"6:peers618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x1a\xe311:external ip4:\xc0\x00\x02\x07e", `
2 > announce ` + hash + ` [] of 2d5452343034302d6162636465666768696a6b6c Transmission 4.0.4 port 41730 event started ip 192.0.2.7 up 0 down 12 left 34567890123 numwant 80 first 1
4 < to announce of 1: interval 1800/300 peers [10.0.0.1:6881 10.0.0.2:6882 [2001:db8::5]:6883] failure "" warning "" ip 192.0.2.7 files [] seeders 5 leechers 3 completed 50 first 3
`},
	{"a list of peers", "/x/announce.php?passkey=1&info_hash=" + strings.Repeat("%aB", 20),
		"d8:intervali60e5:peersld2:ip9:192.0.2.17:peer id20:abcdefghijklmnopqrst4:porti6881eed2:ip13:2001:db8::1234:porti1eee15:warning message4:slowe", `
2 > announce ` + strings.Repeat("ab", 20) + ` [] of   port 0 event  ip  first 1
4 < to announce of 1: interval 60/0 peers [192.0.2.1:6881 [2001:db8::123]:1] failure "" warning "slow" ip  files [] first 3
`},
	{"failure", "/announce?info_hash=abc",
		"d14:failure reason9:not knowne", `
2 > ! info_hash has 3 bytes (BEP 3)
2 > announce 616263 [] of   port 0 event  ip  first 1
4 < to announce of 1: interval 0/0 peers [] failure "not known" warning "" ip  files [] first 3
`},
	{"scrape of one", "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa",
		"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e10:incompletei3eeee", `
2 > scrape 6161616161616161616161616161616161616161 [] of   port 0 event  ip  first 1
4 < to scrape of 1: interval 0/0 peers [] failure "" warning "" ip  files [] seeders 1 leechers 3 completed 2 first 3
`},
	{"scrape of two", "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbbbbbbbbbbbbbbbbbbb",
		"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e10:incompletei3ee20:bbbbbbbbbbbbbbbbbbbbd8:completei4eeee", `
2 > scrape  [6161616161616161616161616161616161616161 6262626262626262626262626262626262626262] of   port 0 event  ip  first 1
4 < to scrape of 1: interval 0/0 peers [] failure "" warning "" ip  files [{6161616161616161616161616161616161616161 1 3 2} {6262626262626262626262626262626262626262 4 0 0}] first 3
`},
	{"not bencoded", "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa", "<html>404</html>", `
2 > announce 6161616161616161616161616161616161616161 [] of   port 0 event  ip  first 1
4 < ! the answer is no bencoded dictionary (BEP 3)
`},
}

func (c *talk) conversation() dt.Conversation {
	return dt.Talk(c.name, dt.Client(c.target), dt.Over(fromClient, events.EndFIN), dt.Server(c.answer), dt.Over(fromServer, events.EndFIN))
}

func TestTalks(t *testing.T) {
	for _, c := range talks {
		if got := lines(dt.Run(t, Proto, c.conversation())); strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s: got\n%s\nwant%s", c.name, got, c.want)
		}
	}
}

func TestLaws(t *testing.T) {
	for _, c := range talks {
		dt.Laws(t, Proto, c.conversation())
		dt.StrictLoss(t, Proto, c.conversation())
	}
}

func TestGolden(t *testing.T) {
	dt.Golden(t, "compact", dt.Run(t, Proto, talks[0].conversation()))
}

func TestLimit(t *testing.T) {
	l := events.DefaultLimits()
	l.TrackerBody = 70
	c := talks[0]
	c.target = "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa"
	x := c.conversation()
	x.Env.Limits = &l
	want := `2 > announce 6161616161616161616161616161616161616161 [] of   port 0 event  ip  first 1
3 > limit tracker-body
4 < truncated to announce of 1: interval 1800/0 peers [] failure "" warning "" ip  files [] seeders 5 leechers 3 completed 50 first 3
`
	if got := lines(dt.Run(t, Proto, x)); got != want {
		t.Errorf("got\n%s", got)
	}
}

// Inside HTTP: the target and the body, whatever it is coded with.
func TestInsideHTTP(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(talks[0].answer))
	z.Close()
	response := func(body, fields string) dt.Chunk {
		return dt.Server(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), fields, body))
	}
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\nd14:failure reason9:not know\r\n2\r\nne\r\n0\r\n\r\n"
	chunked = strings.Replace(chunked, "1b\r\n", fmt.Sprintf("%x\r\n", len("d14:failure reason9:not know")), 1)
	c := dt.Talk("inside HTTP",
		dt.Client("GET "+announce+" HTTP/1.1\r\nHost: t.example\r\n"), dt.Client("\r\n"),
		response(zipped.String(), "Content-Encoding: gzip\r\n"),
		dt.Client("GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: t.example\r\n\r\n"),
		dt.Server(chunked),
		dt.Client("GET /index.html HTTP/1.1\r\nHost: t.example\r\n\r\n"),
		response("hello", ""),
		dt.Client("GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: t.example\r\n\r\n"),
	)
	c.Inner = map[string]decoders.Proto{"tracker": Proto}
	tape := dt.Run(t, http1.Proto, c)
	want := `2 > http.request
2 > open
2 > announce ` + hash + ` [] of 2d5452343034302d6162636465666768696a6b6c Transmission 4.0.4 port 41730 event started ip 192.0.2.7 up 0 down 12 left 34567890123 numwant 80 first 1
3 < http.response
3 < http.body sha256 ""
3 < to announce of 2: interval 1800/300 peers [10.0.0.1:6881 10.0.0.2:6882 [2001:db8::5]:6883] failure "" warning "" ip 192.0.2.7 files [] seeders 5 leechers 3 completed 50 first 3
4 > http.request
4 > open
4 > announce 6161616161616161616161616161616161616161 [] of   port 0 event  ip  first 4
5 < http.response
5 < http.body sha256 ""
5 < to announce of 4: interval 0/0 peers [] failure "not known" warning "" ip  files [] first 5
6 > http.request
7 < http.response
7 < http.body sha256 ""
8 > http.request
8 > open
8 > announce 6161616161616161616161616161616161616161 [] of   port 0 event  ip  first 8
`
	got := strings.ReplaceAll(lines(tape), "0 > open", "open")
	if strings.ReplaceAll(got, "> open", "open") != strings.ReplaceAll(want, "> open", "open") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for i, f := range tape.Feeds {
		if f.Ended[0] == 0 || f.Ended[1] == 0 {
			t.Errorf("feed %d was not ended", i)
		}
	}
	dt.Laws(t, http1.Proto, c)
}

func FuzzTracker(f *testing.F) {
	var cs []dt.Conversation
	for _, c := range talks {
		cs = append(cs, c.conversation())
	}
	dt.Fuzz(f, Proto, cs...)
}

func BenchmarkExchange(b *testing.B) {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	target, answer := []byte(talks[0].target), []byte(talks[0].answer)
	b.ReportAllocs()
	for b.Loop() {
		s := Proto.Stream(decoders.Env{Limits: &l, Want: &all})
		s.Data(decoders.Window{Bytes: target, Frame: 1}, null{})
		s.End(fromClient, events.EndFIN, null{})
		s.Data(decoders.Window{From: fromServer, Bytes: answer, Frame: 2}, null{})
		s.End(fromServer, events.EndFIN, null{})
	}
}

// null is a sink that keeps nothing.
type null struct{}

func (null) Emit(events.Dir, events.Body)                {}
func (null) Truncated(events.Dir, events.Body)           {}
func (null) Switch(decoders.Next)                        {}
func (null) Open(decoders.Next) decoders.Feed            { return nil }
func (null) Expect(decoders.Expectation)                 {}
func (null) Limit(name string, v int, r string, n int64) {}
