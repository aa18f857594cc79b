package all

import (
	"testing"

	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// seeds are one short conversation of each kind; the fuzzer plays each to
// every decoder.
var seeds = []decodertest.Conversation{
	decodertest.Talk("dns",
		decodertest.Client("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01"),
		decodertest.Server("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x05\x00\x04\x00\x0a\xc0\x10"),
		decodertest.Cut(decodertest.Server("\x12\x34\x81\x80\x00\x01"), 30)),
	decodertest.Talk("dns over tcp",
		decodertest.Client("\x00\x11\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"),
		decodertest.Lost(events.FromClient, 5),
		decodertest.Client("\x00\x11\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01")),
	decodertest.Talk("http",
		decodertest.Client("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n"),
		decodertest.Server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		decodertest.Lost(events.FromServer, 9),
		decodertest.Server("HTTP/1.0 200 OK\r\n\r\nto the end"),
		decodertest.Over(events.FromServer, events.EndFIN)),
	decodertest.Talk("http2",
		decodertest.Client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x01a"),
		decodertest.Server("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88\x00\x00\x05\x00\x08\x00\x00\x00\x01\x02hi\x00\x00"),
		decodertest.Lost(events.FromServer, 7),
		decodertest.Server("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08")),
	decodertest.Talk("smtp",
		decodertest.Server("220 s ESMTP\r\n"), decodertest.Client("EHLO c\r\nMAIL FROM:<a@c>\r\nRCPT TO:<b@s>\r\nDATA\r\n"),
		decodertest.Server("250-s\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
		decodertest.Client("Subject: =?utf-8?q?=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n..\r\n--b--\r\n.\r\nSTARTTLS\r\n"),
		decodertest.Server("250 2.0.0 ok\r\n220 go\r\n"),
		decodertest.Client("\x16\x03\x01")),
	decodertest.Talk("bdat",
		decodertest.Client("LHLO c\r\nMAIL FROM:<>\r\nBDAT 4\r\na\r\n.BDAT 0 LAST\r\nAUTH PLAIN AGEAYg==\r\n"),
		decodertest.Lost(events.FromServer, 9), decodertest.Server("334 \r\n"), decodertest.Client("AGEAYg==\r\n")),
	decodertest.Talk("imap",
		decodertest.Server("* OK ready\r\n"),
		decodertest.Client("1 LOGIN {4}\r\nfred {2+}\r\nab\r\n2 APPEND x {5+}\r\nA: b\n\r\n3 IDLE\r\n"),
		decodertest.Server("+ \r\n1 OK\r\n* 1 FETCH (BODY[] {6}\r\nA: b\r\n BODY[1] \"x\")\r\n2 NO\r\n"),
		decodertest.Client("DONE\r\n4 COMPRESS DEFLATE\r\n"),
		decodertest.Server("3 OK\r\n4 OK\r\n\x03\x00")),
	decodertest.Talk("pop3",
		decodertest.Server("+OK ready\r\n"),
		decodertest.Client("AUTH PLAIN\r\nAAAA\r\nUIDL\r\nRETR 1\r\nSTLS\r\n"),
		decodertest.Server("+ \r\n+OK\r\n+OK\r\n1 a\r\n.\r\n+OK\r\nA: b\r\n\r\n..\r\n.\r\n-ERR\r\n")),
	decodertest.Talk("ftp",
		decodertest.Server("220-hi\r\n220 FTP\r\n"),
		decodertest.Client("USER a\r\nPASS b\r\nPASV\r\n\xff\xf4\xff\xf2ABOR\r\nPORT 10,0,0,1,4,1\r\n"),
		decodertest.Server("331 p\r\n230 in\r\n227 (10,0,0,2,4,1)\r\n"),
		decodertest.Lost(events.FromServer, 9),
		decodertest.Server("x\r\n229 (|||6446|)\r\n"),
		decodertest.Client("AUTH TLS\r\n"),
		decodertest.Server("234 go\r\n"),
		decodertest.Client("\x16\x03\x01")),
	decodertest.Talk("websocket",
		decodertest.Client("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
		decodertest.Server("\x82\x7e\x00\x05ab"),
		decodertest.Lost(events.FromServer, 3),
		decodertest.Server("\x88\x05\x03\xe8bye")),
	decodertest.Packets("quic",
		decodertest.Client("\xc3\x00\x00\x00\x01\x04abcd\x02xy\x00\x16abcdefghijklmnopqrstuv"),
		decodertest.Server("\x80\x00\x00\x00\x00\x02xy\x04abcd\x00\x00\x00\x01\x1a\x2a\x3a\x4a"),
		decodertest.Server("\xf0\x00\x00\x00\x01\x02xy\x02ef\x01abcdefghijklmnop"),
		decodertest.Server("\xe3\x00\x00\x00\x01\x02xy\x02ef\x16abcdefghijklmnopqrstuv\x40xyabcdefghijklmnopqrstuvwxyz"),
		decodertest.Client("\x61efabcdefghijklmnopqrstuvwxyz"),
		decodertest.Client("\x09abcdefghQ043\x01")),
	decodertest.Talk("bittorrent",
		decodertest.Client("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05aaaaaaaaaaaaaaaaaaaa-TR4040-bbbbbbbbbbbb\x00\x00\x00\x1a\x14\x00d1:md11:ut_metadatai3eee"),
		decodertest.Server("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05aaaaaaaaaaaaaaaaaaaa-qB4500-cccccccccccc\x00\x00\x00\x02\x05\xff\x00\x00\x00\x0c\x07\x00\x00\x00\x01\x00\x00\x00\x00ab"),
		decodertest.Lost(events.FromServer, 40),
		decodertest.Server("c\x00\x00\x40\x09\x07\x00\x00\x00\x01\x00\x00\x40\x00abc"),
		decodertest.Client("\x00\x00\x00\x0d\x06\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00")),
	decodertest.Talk("tracker",
		decodertest.Client("GET /announce?info_hash=%01aaaaaaaaaaaaaaaaaaa&port=1 HTTP/1.1\r\nHost: t\r\n\r\n"),
		decodertest.Server("HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\nd8:intervali60e5:peers6:\x01\x02\x03\x04\x05\x06e")),
	decodertest.Packets("dht",
		decodertest.Client("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe"),
		decodertest.Server("d1:rd2:id20:mnopqrstuvwxyz1234565:nodes26:abcdefghij0123456789\x0a\x00\x00\x01\x1a\xe15:token2:xy6:valuesl6:axje.uee1:t2:aa1:y1:re")),
	decodertest.Packets("utp",
		decodertest.Client("\x41\x00\x00\x64\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"),
		decodertest.Server("\x21\x00\x00\x64\x00\x00\x00\x02\x00\x00\x00\x01\x00\x10\x00\x00\x01\xf4\x00\x01"),
		decodertest.Client("\x01\x00\x00\x65\x00\x00\x00\x03\x00\x00\x00\x01\x00\x10\x00\x00\x00\x02\x01\xf3\x13BitTorrent protocol"),
		decodertest.Client("\x01\x00\x00\x65\x00\x00\x00\x05\x00\x00\x00\x01\x00\x10\x00\x00\x00\x04\x01\xf3later"),
		decodertest.Server("\x21\x01\x00\x64\x00\x00\x00\x06\x00\x00\x00\x01\x00\x10\x00\x00\x01\xf4\x00\x02\x00\x04\x01\x00\x00\x00"),
		decodertest.Server("\x21\x00\x00\x64\x00\x00\x00\x07\x00\x00\x00\x01\x00\x10\x00\x00\x01\xf4\x00\x04"),
		decodertest.Client("\x11\x00\x00\x65\x00\x00\x00\x08\x00\x00\x00\x01\x00\x10\x00\x00\x00\x05\x01\xf3")),
	decodertest.Packets("udptracker",
		decodertest.Client("\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00\x00\x00\x00\x2a"),
		decodertest.Server("\x00\x00\x00\x00\x00\x00\x00\x2a\x01\x02\x03\x04\x05\x06\x07\x08"),
		decodertest.Client("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x02abcdmnopqrstuvwxyz123456"),
		decodertest.Server("\x00\x00\x00\x02abcd\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x01")),
	decodertest.Talk("tls",
		decodertest.Client("\x16\x03\x01\x00\x44\x01\x00\x00\x40\x03\x030123456789abcdef0123456789abcdef\x00\x00\x04\x13\x01\xc0\x2f\x01\x00\x00\x13\x00\x00\x00\x06\x00\x04\x00\x00\x01a\x00\x10\x00\x05\x00\x03\x02h2"),
		decodertest.Server("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x030123456789abcdef0123456789abcdef\x00\xc0\x2f\x00\x16\x03\x03\x00\x0c\x0b\x00\x00\x08\x00\x00\x05\x00\x00\x02\x30\x00"),
		decodertest.Lost(events.FromServer, 9),
		decodertest.Server("x\x17\x03\x03\x00\x02ab\x15\x03\x03\x00\x02\x02\x28")),
	decodertest.Packets("lsd",
		decodertest.Client("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: 6d6e6f707172737475767778797a313233343536\r\n\r\n\r\n")),
}

func TestSeeds(t *testing.T) {
	for _, p := range Protos() {
		for _, c := range seeds {
			if err := decodertest.Check(p, c.Chunks); err != nil {
				t.Errorf("%s: %s: %v", p.Name, c.Name, err)
			}
		}
	}
}

// FuzzAll plays any conversation to every decoder.
func FuzzAll(f *testing.F) {
	decodertest.Seed(f, seeds...)
	f.Fuzz(func(t *testing.T, b []byte) {
		chunks := decodertest.Decode(b)
		for _, p := range Protos() {
			if err := decodertest.Check(p, chunks); err != nil {
				t.Fatalf("%s: %v", p.Name, err)
			}
		}
	})
}
