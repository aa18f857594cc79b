package bittorrent

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

var (
	client = dt.Client
	server = dt.Server
	gone   = dt.Lost
	over   = dt.Over
)

const (
	fromClient = events.FromClient
	fromServer = events.FromServer

	infoHashBytes = "\xe2\x1e\xa9\x56\x9b\x69\xba\xb3\x3c\x97\x85\x1d\x02\x98\xbd\xfa\x89\xbc\x90\x92"
	infoHash      = "e21ea9569b69bab33c97851d0298bdfa89bc9092"
)

// hello is a handshake (BEP 3) with the bits of BEP 5, 6 and 10.
func hello(peer string) string {
	return "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05" + infoHashBytes + peer
}

// msg is a message: its length, its type, its content.
func msg(kind byte, content string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(content)+1))) + string(kind) + content
}

// u32 are numbers of four bytes.
func u32(ns ...uint32) string {
	var b []byte
	for _, n := range ns {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

const keepAlive = "\x00\x00\x00\x00"

// noise is n bytes that look random, always the same.
func noise(n int, seed uint32) string {
	b := make([]byte, n)
	x := seed*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x >> 11)
	}
	return string(b)
}

// lines are the events of a tape, one short line each.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d %c ", r.Frame, "><"[r.From])
		if r.Truncated {
			b.WriteString("truncated ")
		}
		switch e := r.Body.(type) {
		case *events.BitTorrentHandshake:
			fmt.Fprintf(&b, "handshake %.8s %.8s %s%s reserved %s first %d", e.InfoHash, e.PeerID, e.Client, e.Encryption, e.Reserved, e.FirstFrame)
		case *events.BitTorrentMessage:
			b.WriteString(e.Type)
			if e.Piece != nil {
				fmt.Fprintf(&b, " piece %d", *e.Piece)
			}
			if e.Begin != nil {
				fmt.Fprintf(&b, " begin %d length %d", *e.Begin, *e.Length)
			}
			if e.Pieces != "" {
				fmt.Fprintf(&b, " pieces %s", e.Pieces)
			}
			if e.Extension != "" {
				fmt.Fprintf(&b, " %s(%d)", e.Extension, *e.ExtensionID)
			}
			if e.Extensions != nil {
				fmt.Fprintf(&b, " m %v", e.Extensions)
			}
			if e.Client != "" {
				fmt.Fprintf(&b, " v %s", e.Client)
			}
			if e.Port != 0 {
				fmt.Fprintf(&b, " port %d", e.Port)
			}
			if e.MetadataSize != 0 {
				fmt.Fprintf(&b, " metadata_size %d", e.MetadataSize)
			}
			if e.Queue != 0 {
				fmt.Fprintf(&b, " reqq %d", e.Queue)
			}
			if e.Metadata != nil {
				fmt.Fprintf(&b, " metadata %+v", *e.Metadata)
			}
			if e.Peers != nil {
				fmt.Fprintf(&b, " peers %v", e.Peers)
			}
			if e.Dropped != nil {
				fmt.Fprintf(&b, " dropped %v", e.Dropped)
			}
			if e.Hashes != nil {
				fmt.Fprintf(&b, " hashes %+v", *e.Hashes)
			}
			fmt.Fprintf(&b, " (%d)", e.Bytes)
			if e.InfoHash != infoHash {
				fmt.Fprintf(&b, " of %q", e.InfoHash)
			}
			if !e.Complete {
				b.WriteString(" incomplete")
			}
			if e.FirstFrame != r.Frame {
				fmt.Fprintf(&b, " first %d", e.FirstFrame)
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		case *events.ContentPart:
			fmt.Fprintf(&b, "part of %d: %d", e.Object, len(e.Bytes))
		case *events.ContentEnd:
			fmt.Fprintf(&b, "end of %d: %s %d %v first %d", e.Object, e.Name, e.Bytes, e.Complete, e.FirstFrame)
		default:
			fmt.Fprintf(&b, "%s", r.Kind)
			if n, ok := r.What.(decoders.Next); ok {
				fmt.Fprintf(&b, " %s", n.Protocol)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type talk struct {
	name   string
	chunks []dt.Chunk
	want   string
	// strict: the law of loss holds without its excuse.
	strict bool
}

// messages: nobody who tests them wants the content.
func (c *talk) conversation() dt.Conversation {
	x := dt.Talk(c.name, c.chunks...)
	want := events.SetOf(events.KindBitTorrentHandshake, events.KindBitTorrentMessage)
	x.Env.Want = &want
	return x
}

const (
	clientID = "-TR4040-abcdefghijkl"
	serverID = "-qB4500-mnopqrstuvwx"
)

var (
	// BEP 10, BEP 9, BEP 11: what each side wants to be sent under which number.
	clientExtensions = msg(20, "\x00d1:md11:lt_donthavei7e11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e4:reqqi500e1:v18:Transmission 4.0.4e")
	serverExtensions = msg(20, "\x00d1:md12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1eee")
	root             = strings.Repeat("\xab", 32)
)

// The messages of every BEP, one after the other.
var all = []talk{
	{"BEP 3", []dt.Chunk{
		client(hello(clientID)),
		server(hello(serverID) + msg(5, "\xff\xfe")),
		client(msg(2, "")),
		server(msg(1, "")),
		client(msg(6, u32(3, 0, 16)) + msg(6, u32(3, 16, 16)) + msg(8, u32(3, 16, 16))),
		server(msg(7, u32(3, 0)+noise(16, 1))[:9]),
		server(msg(7, u32(3, 0)+noise(16, 1))[9:20]),
		server(msg(7, u32(3, 0)+noise(16, 1))[20:] + msg(0, "")),
		client(msg(4, u32(3)) + msg(3, "") + keepAlive),
		over(fromClient, events.EndFIN), over(fromServer, events.EndFIN),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < bitfield pieces fffe (3)
3 > interested (1)
4 < unchoke (1)
5 > request piece 3 begin 0 length 16 (13)
5 > request piece 3 begin 16 length 16 (13)
5 > cancel piece 3 begin 16 length 16 (13)
8 < piece piece 3 begin 0 length 16 (25) first 6
8 < choke (1)
9 > have piece 3 (5)
9 > not_interested (1)
9 > keep_alive (0)
`, true},
	{"BEP 5 and 6", []dt.Chunk{
		client(hello(clientID) + msg(14, "") + msg(9, "\x1a\xe1")),
		server(hello(serverID) + msg(15, "") + msg(17, u32(1)) + msg(13, u32(2)) + msg(16, u32(1, 16384, 16384))),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > have_all (1)
1 > port port 6881 (3)
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < have_none (1)
2 < allowed_fast piece 1 (5)
2 < suggest piece 2 (5)
2 < reject piece 1 begin 16384 length 16384 (13)
`, true},
	{"BEP 9, 10 and 11", []dt.Chunk{
		client(hello(clientID) + clientExtensions),
		server(hello(serverID) + serverExtensions),
		client(msg(20, "\x02d8:msg_typei0e5:piecei1ee")),
		server(msg(20, "\x03d8:msg_typei1e5:piecei1e10:total_sizei31235ee"+noise(40, 2))),
		client(msg(20, "\x02d8:msg_typei2e5:piecei0ee")),
		client(msg(20, "\x01d5:added12:\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x1a\xe27:added.f2:\x01\x006:added618:"+
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x1a\xe37:dropped6:\x0a\x00\x00\x03\x1a\xe1e")),
		server(msg(20, "\x07"+u32(9))),
		client(msg(20, "\x04\x01\x00\x0a\x00\x00\x09\x1a\xe1\x00\x00\x00\x00")),
		server(msg(20, "\x63?")),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > extended handshake(0) m map[lt_donthave:7 ut_metadata:3 ut_pex:1] v Transmission 4.0.4 port 6881 metadata_size 31235 reqq 500 (121)
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < extended handshake(0) m map[ut_holepunch:4 ut_metadata:2 ut_pex:1] (55)
3 > extended ut_metadata(2) metadata {Type:request Piece:1 Size:0} (27)
4 < extended ut_metadata(3) metadata {Type:data Piece:1 Size:31235} (87)
5 > extended ut_metadata(2) metadata {Type:reject Piece:0 Size:0} (27)
6 > extended ut_pex(1) peers [10.0.0.1:6881 10.0.0.2:6882 [2001:db8::5]:6883] dropped [10.0.0.3:6881] (85)
7 < extended piece 9 lt_donthave(7) (6)
8 > extended ut_holepunch(4) peers [10.0.0.9:6881] (14)
9 < truncated extended 99(99) (3)
`, true},
	{"BEP 52", []dt.Chunk{
		client(hello(clientID) + msg(21, root+u32(0, 512, 512, 7))),
		server(hello(serverID) + msg(22, root+u32(0, 512, 2, 0)+strings.Repeat("\xcd", 64)) + msg(23, root+u32(0, 512, 512, 7))),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > hash_request hashes {Root:` + strings.Repeat("ab", 32) + ` Base:0 Index:512 Length:512 Proof:7} (49)
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < hashes hashes {Root:` + strings.Repeat("ab", 32) + ` Base:0 Index:512 Length:2 Proof:0} (113)
2 < hash_reject hashes {Root:` + strings.Repeat("ab", 32) + ` Base:0 Index:512 Length:512 Proof:7} (49)
`, true},
	{"Azureus' own, and what nobody knows", []dt.Chunk{
		client(hello(clientID) + u32(15) + u32(7) + "BT_HAVE" + "\x01abc" + msg(99, "xyz") + msg(0, "")),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > BT_HAVE (15)
1 > type_99 (4)
1 > choke (1)
`, false},
	{"one side only", []dt.Chunk{
		server(hello(serverID) + msg(14, "")),
		server(msg(7, u32(0, 0)+noise(1000, 3))),
	}, `
1 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 1
1 < have_all (1)
2 < piece piece 0 begin 0 length 1000 (1009)
`, true},
	{"the peer id comes later", []dt.Chunk{
		client(hello(clientID)[:48]),
		server(hello(serverID)),
		client(clientID + msg(15, "")),
	}, `
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
3 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
3 > have_none (1)
`, true},
	{"a hole in a block", []dt.Chunk{
		client(hello(clientID)),
		server(hello(serverID) + msg(7, u32(5, 16384)+noise(16384, 4))[:2000]),
		gone(fromServer, 10000),
		server(msg(7, u32(5, 16384)+noise(16384, 4))[12000:] + msg(1, "")),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
3 < gap 10000
4 < piece piece 5 begin 16384 length 16384 (16393) incomplete first 2
4 < unchoke (1)
`, true},
	{"a hole in a small message", []dt.Chunk{
		client(hello(clientID) + msg(6, u32(5, 0, 16384))[:6]),
		gone(fromClient, 11),
		client(msg(4, u32(1))),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
2 > gap 11
2 > request (13) incomplete first 1
3 > have piece 1 (5)
`, true},
	{"a hole over a message's end, a header in the next block", []dt.Chunk{
		client(hello(clientID)),
		server(hello(serverID) + msg(5, strings.Repeat("\xff", 40)) + msg(7, u32(5, 0)+noise(16384, 5))[:900]),
		gone(fromServer, 20000),
		server(noise(700, 6) + msg(7, u32(6, 32768)+noise(16384, 7))),
		server(msg(4, u32(300)) + msg(1, "")),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
2 < handshake e21ea956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < bitfield pieces ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff (41)
3 < gap 20000
3 < piece piece 5 begin 0 length 16384 (16393) incomplete first 2
4 < piece piece 6 begin 32768 length 16384 (16393)
5 < have piece 300 (5)
5 < unchoke (1)
`, true},
	{"a hole in a handshake", []dt.Chunk{
		client(hello(clientID)[:50]),
		gone(fromClient, 18),
		client(msg(2, "")),
	}, `
2 > gap 18
2 > truncated handshake e21ea956   reserved 0000000000100005 first 1
3 > interested (1)
`, false},
	{"a handshake behind a hole", []dt.Chunk{
		gone(fromClient, 1),
		client(hello(clientID) + msg(2, "")),
	}, `
1 > gap 1
2 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 2
2 > interested (1)
`, true},
	{"different torrents", []dt.Chunk{
		client(hello(clientID)),
		server(strings.ReplaceAll(hello(serverID), "\xe2\x1e", "\xe2\x1f")),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
2 < handshake e21fa956 2d714234 qBittorrent 4.5.0 reserved 0000000000100005 first 2
2 < ! handshakes of different torrents (BEP 3)
`, false},
	{"a length that cannot be", []dt.Chunk{
		client(hello(clientID) + msg(6, "abc") + msg(6, u32(1, 0, 16384))),
		client(msg(6, u32(1, 16384, 16384))),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > ! a message of type 6 has 4 bytes
1 > request piece 1 begin 0 length 16384 (13)
2 > request piece 1 begin 16384 length 16384 (13)
`, false},
	{"a piece that is not there", []dt.Chunk{
		client(hello(clientID) + msg(5, "\x80") + msg(4, u32(8))),
	}, `
1 > handshake e21ea956 2d545234 Transmission 4.0.4 reserved 0000000000100005 first 1
1 > bitfield pieces 80 (2)
1 > ! piece 8 is beyond the bitfield (BEP 3)
1 > have piece 8 (5)
`, false},
	{"joined midway", []dt.Chunk{
		client(msg(6, u32(1, 0, 16384)) + msg(6, u32(1, 16384, 16384))),
		server(msg(7, u32(1, 0)+noise(16384, 8))),
	}, `
1 > truncated request piece 1 begin 0 length 16384 (13) of ""
1 > truncated request piece 1 begin 16384 length 16384 (13) of ""
2 < truncated piece piece 1 begin 0 length 16384 (16393) of ""
`, true},
	{"no BitTorrent at all", []dt.Chunk{
		client("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"),
	}, `
1 > ! bittorrent: neither a handshake nor a message
`, false},
	{"encrypted", []dt.Chunk{
		client(noise(96+200, 9)),
		server(noise(96+30, 10)),
	}, `
1 > switch bittorrent-mse
`, false},
}

func TestTalks(t *testing.T) {
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			tape := dt.Run(t, Proto, c.conversation())
			if got := lines(tape); strings.TrimSpace(got) != strings.TrimSpace(c.want) {
				t.Errorf("got\n%s\nwant%s", got, c.want)
			}
		})
	}
}

func TestLaws(t *testing.T) {
	for _, c := range all {
		dt.Laws(t, Proto, c.conversation())
		if c.strict {
			dt.StrictLoss(t, Proto, c.conversation())
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range all[:4] {
		dt.Golden(t, strings.NewReplacer(" ", "_", ",", "").Replace(c.name), dt.Run(t, Proto, c.conversation()))
	}
}

func unhex(s string) []byte {
	b, _ := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	return b
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		what string
		b    string
		want decoders.Verdict
	}{
		{"a handshake", hello(clientID), decoders.Yes},
		{"its front", hello(clientID)[:20], decoders.Yes},
		{"less", hello(clientID)[:19], decoders.Maybe},
		{"nothing", "", decoders.Maybe},
		{"requests", msg(6, u32(1, 0, 16384)) + msg(6, u32(1, 16384, 16384)), decoders.Maybe},
		{"zeros", strings.Repeat("\x00", 40), decoders.No},
		{"text", "hello", decoders.No},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", decoders.No},
		{"DNS over TCP", "\x00\x11\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01", decoders.No},
		{"HTTP/2 SETTINGS", string(unhex("000012 04 00 00000000 000300000064")), decoders.No},
		{"SMB over TCP", string(unhex("00000085 ff534d42 72000000")), decoders.No},
		{"another name", "\x13BitTorrent protocoX", decoders.No},
	} {
		if v, _ := Proto.Probe(fromClient, []byte(c.b)); v != c.want {
			t.Errorf("%s: %d, want %d", c.what, v, c.want)
		}
	}
}

// MSE: three flights of random bytes are it; nothing else is.
func TestMSE(t *testing.T) {
	open := []dt.Chunk{client(noise(96+411, 11)), server(noise(96+77, 12)), client(noise(60, 13)), server(noise(500, 14)), client(noise(9000, 15))}
	want := "3 > handshake   mse reserved  first 1\n"
	tape := dt.Run(t, MSE, dt.Talk("mse", open...))
	if got := lines(tape); got != want {
		t.Errorf("got %s", got)
	}
	dt.Laws(t, MSE, dt.Talk("mse", open...))
	for name, c := range map[string][]dt.Chunk{
		"text":       {client(strings.Repeat("hello world ", 12))},
		"short":      {client(noise(80, 1)), server(noise(100, 2)), client(noise(100, 3))},
		"long":       {client(noise(1000, 1)), server(noise(100, 2)), client(noise(100, 3))},
		"no answer":  {client(noise(100, 1)), server(noise(20, 2)), client(noise(100, 3))},
		"zeros":      {client(noise(40, 1) + strings.Repeat("\x00", 60))},
		"after loss": {client(noise(100, 1)), gone(fromServer, 10)},
	} {
		if got := lines(dt.Run(t, MSE, dt.Talk(name, c...))); strings.Contains(got, "mse reserved") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if v, _ := MSE.Probe(fromClient, []byte("GET / HTTP/1.1\r\nHost: www.example.com\r\n")); v != decoders.No {
		t.Error("text may be MSE")
	}
	if v, _ := MSE.Probe(fromClient, []byte(noise(300, 1))); v != decoders.Maybe {
		t.Error("noise may not be MSE")
	}
}

// Pieces as --extract wants them.
func TestContent(t *testing.T) {
	piece3 := noise(48, 20)
	c := dt.Talk("content",
		client(hello(clientID)), server(hello(serverID)),
		server(msg(7, u32(3, 0)+piece3[:16])+msg(7, u32(4, 0)+noise(16, 21))+msg(7, u32(3, 16)+piece3[16:32])),
		server(msg(7, u32(3, 32)+piece3[32:])[:20]),
		server(msg(7, u32(3, 32)+piece3[32:])[20:]),
		client(msg(4, u32(3))),
		server(msg(7, u32(9, 16)+noise(16, 22))), // its begin was sent by another peer
		server(msg(7, u32(5, 0)+noise(100, 23))[:50]),
		gone(fromServer, 63),
		over(fromServer, events.EndFIN),
	)
	want := events.SetOf(events.KindContentPart, events.KindContentEnd)
	c.Env.Want = &want
	tape := dt.Run(t, Proto, c)
	got := map[uint32]string{}
	var ends []string
	for _, r := range tape.Records {
		switch e := r.Body.(type) {
		case *events.ContentPart:
			got[e.Object] += string(e.Bytes)
		case *events.ContentEnd:
			ends = append(ends, fmt.Sprintf("%d %s %d %v", e.Object, strings.TrimPrefix(e.Name, infoHash), e.Bytes, e.Complete))
		}
	}
	if got[1] != piece3 {
		t.Errorf("piece 3 is %d bytes", len(got[1]))
	}
	expected := "1 /piece-3-0-48 48 true\n3 /piece-5-0-37 37 false\n2 /piece-4-0-16 16 true"
	if s := strings.Join(ends, "\n"); s != expected {
		t.Errorf("got\n%s\nwant\n%s", s, expected)
	}
	if len(got) != 3 {
		t.Errorf("%d objects", len(got))
	}
}

func TestGivesUp(t *testing.T) {
	l := events.DefaultLimits()
	l.TorrentSearch = 4096
	c := dt.Talk("gives up", client(hello(clientID)), gone(fromClient, 100), client(noise(5000, 1)), client(msg(6, u32(1, 0, 16384))))
	c.Env.Limits = &l
	got := lines(dt.Run(t, Proto, c))
	if !strings.HasSuffix(got, "3 > limit torrent-search\n3 > ! no message was found after a loss\n") {
		t.Error(got)
	}
}

func FuzzBitTorrent(f *testing.F) {
	var cs []dt.Conversation
	for _, c := range all {
		cs = append(cs, c.conversation())
	}
	dt.Fuzz(f, Proto, cs...)
}

func FuzzMSE(f *testing.F) {
	dt.Fuzz(f, MSE, dt.Talk("mse", client(noise(120, 11)), server(noise(100, 12)), client(noise(60, 13))))
}
