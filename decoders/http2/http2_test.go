package http2

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

type talk struct {
	name   string
	chunks []dt.Chunk
	env    decoders.Env
	want   string
	all    bool // frames too
	// loose: after a loss it may say what it did not say before.
	loose bool
}

func (c talk) conversation() dt.Conversation {
	return dt.Conversation{Name: c.name, Chunks: c.chunks, Env: c.env}
}

var get = []string{":method: GET", ":scheme: http", ":path: /a", ":authority: a.example", "user-agent: test"}

// both are the two sides of a new connection, and what they say first.
func both() (c, s *peer, hello []dt.Chunk) {
	c, s = newPeer(fromClient), newPeer(fromServer)
	return c, s, []dt.Chunk{
		c.says(c.preface(), c.settings()),
		s.says(s.settings(), s.ack()),
		c.says(c.ack()),
	}
}

// A violation by what the other side announced is told when that side has
// spoken again: then nothing of it was lost before.
//
// talks: what must come out follows from the sections named, all of RFC 9113
// unless another one is.
func talks() []talk {
	var out []talk
	add := func(name string, env decoders.Env, chunks []dt.Chunk, want string) *talk {
		out = append(out, talk{name: name, env: env, chunks: chunks, want: want})
		return &out[len(out)-1]
	}
	{
		c, s := newPeer(fromClient), newPeer(fromServer)
		add("every frame 6", decoders.Env{}, []dt.Chunk{
			c.says(c.preface(), c.settings(http2.Setting{ID: 2, Val: 0}, http2.Setting{ID: 4, Val: 65535}, http2.Setting{ID: 9, Val: 1}, http2.Setting{ID: 0x1a2a, Val: 7}), c.window(0, 15663105)),
			s.says(s.settings(http2.Setting{ID: 3, Val: 128}, http2.Setting{ID: 8, Val: 1}), s.ack()),
			c.says(c.ack(), c.raw(typePriority, 0, 3, "\x80\x00\x00\x05\xc8"), c.raw(typePing, 0, 0, "12345678"), c.raw(typePriorityUpdate, 0, 0, "\x00\x00\x00\x01u=1, i")),
			s.says(s.raw(typePing, flagAck, 0, "12345678"), s.raw(typeAltSvc, 0, 0, "\x00\x0bhttps://a.bh3=\":443\""), s.raw(typeOrigin, 0, 0, "\x00\x03a.b\x00\x03c.d")),
			s.says(s.raw(0x42, 0x81, 5, "grease"), s.raw(typeGoaway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x0bcalm down"), s.raw(typeRSTStream, 0, 1, "\x00\x00\x00\x63")),
		}, `
1 c SETTINGS 0 (24) ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=65535 NO_RFC7540_PRIORITIES=1 0x1a2a=7
1 c WINDOW_UPDATE 0 (4) +15663105
2 s SETTINGS 0 (12) MAX_CONCURRENT_STREAMS=128 ENABLE_CONNECT_PROTOCOL=1
2 s SETTINGS 0 (0) ACK
3 c SETTINGS 0 (0) ACK
3 c PRIORITY 3 (5) on 5 weight 201 true
3 c PING 0 (8) 3132333435363738
3 c PRIORITY_UPDATE 0 (10) of 1 u=1, i
4 s PING 0 (8) ACK 3132333435363738
4 s ALTSVC 0 (22) https://a.b h3=":443"
4 s ORIGIN 0 (10) a.b c.d
5 s 0x42 5 (6) 0x01 0x80
5 s GOAWAY 0 (17) ENHANCE_YOUR_CALM last 1 calm down
5 s RST_STREAM 1 (4) 0x63`).all = true
	}
	{
		c, s, hello := both()
		add("request and response 8.8.1", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, get...)),
			s.says(s.headers(1, false, ":status: 200", "content-type: text/plain", "content-length: 5"), s.data(1, false, "he")),
			s.says(s.data(1, false, "ll"), s.data(1, true, "o")),
			c.says(c.headers(3, true, get...)),
			s.says(s.headers(3, true, ":status: 304", "etag: x")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
5 s < 1 200 for 4 +body | content-type=text/plain | content-length=5
6 s body 1 of response for 4: 5/32 text/plain
7 c > 3 GET http a.example /a HTTP/2 | user-agent=test
8 s < 3 304 for 7 | etag=x`)
	}
	{
		c, s, hello := both()
		add("upload, interim and trailers 8.1", decoders.Env{}, append(hello,
			c.says(c.headers(1, false, ":method: POST", ":scheme: https", ":path: /up", "host: b", "expect: 100-continue", "trailer: x")),
			s.says(s.headers(1, false, ":status: 100"), s.headers(1, false, ":status: 103", "link: </s>")),
			c.says(c.data(1, false, "abc"), c.headers(1, true, "x: y")),
			s.says(s.headers(1, false, ":status: 200"), s.headers(1, true, "grpc-status: 0", "t: u")),
		), `
4 c > 1 POST https b /up HTTP/2 +body | host=b | expect=100-continue | trailer=x
5 s < 1 100 for 4 interim
5 s < 1 103 for 4 interim | link=</s>
6 c body 1 of request for 4: 3/12 | x=y
7 s < 1 200 for 4 +body
7 s body 1 of response for 4: 0/0 | grpc-status=0 | t=u`)
	}
	{
		c, s, hello := both()
		add("interleaved 5", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, get...), c.headers(3, true, get...)),
			s.says(s.headers(3, false, ":status: 200"), s.data(3, false, "33")),
			s.says(s.headers(1, false, ":status: 404"), s.data(1, false, "1"), s.data(3, true, "3"), s.data(1, true, "")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
4 c > 3 GET http a.example /a HTTP/2 | user-agent=test
5 s < 3 200 for 4 +body
6 s < 1 404 for 4 +body
6 s body 3 of response for 4: 3/21
6 s body 1 of response for 4: 1/19`)
	}
	{
		c, s, hello := both()
		add("push 8.4", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, get...)),
			s.says(s.push(1, 2, ":method: GET", ":scheme: http", ":path: /s.css", ":authority: a.example"), s.headers(1, false, ":status: 200")),
			s.says(s.headers(2, false, ":status: 200", "content-type: text/css"), s.data(1, true, "html"), s.data(2, true, "css")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
5 s > 2 GET http a.example /s.css HTTP/2
5 s < 1 200 for 4 +body
6 s < 2 200 for 5 +body | content-type=text/css
6 s body 1 of response for 4: 4/13
6 s body 2 of response for 5: 3/12 text/css`)
	}
	{
		c, s, hello := both()
		long := "x-long: " + strings.Repeat("~", 60)
		add("continuation, padding and priority 6.10 6.1 6.2", decoders.Env{}, append(hello,
			c.says(func() {
				b := c.hpack(get...)
				c.frame.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b, EndStream: true, EndHeaders: true, PadLength: 7, Priority: http2.PriorityParam{StreamDep: 0, Exclusive: true, Weight: 255}})
			}),
			s.says(s.split(1, false, 30, ":status: 200", long), s.padded(1, false, "abc", 4), s.padded(1, true, "", 0)),
		), fmt.Sprintf(`
1 c SETTINGS 0 (0)
2 s SETTINGS 0 (0)
2 s SETTINGS 0 (0) ACK
3 c SETTINGS 0 (0) ACK
4 c HEADERS 1 (%d) END_STREAM END_HEADERS PADDED PRIORITY on 0 weight 256 true pad 7
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
5 s HEADERS 1 (30)
5 s CONTINUATION 1 (30)
5 s CONTINUATION 1 (9) END_HEADERS
5 s < 1 200 for 4 +body | x-long=%s
5 s DATA 1 (8) PADDED pad 4
5 s DATA 1 (1) END_STREAM PADDED
5 s body 1 of response for 4: 3/27`, len(newPeer(fromClient).hpack(get...))+5+1+7, long[8:])).all = true
	}
	{
		c, s, hello := both()
		add("reset 6.4", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, get...), c.headers(3, false, ":method: POST", ":scheme: http", ":path: /"), c.data(3, false, "abc")),
			s.says(s.headers(1, false, ":status: 200"), s.data(1, false, "12")),
			c.says(c.reset(1, http2.ErrCodeCancel), c.reset(3, http2.ErrCodeCancel)),
			s.says(s.data(1, true, "34"), s.headers(3, true, ":status: 400"), s.reset(5, 0)),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
4 c > 3 POST http  / HTTP/2 +body
5 s < 1 200 for 4 +body
6 s body 1 of response for 4: 2/11 incomplete
6 c body 3 of request for 4: 3/12 incomplete
7 s < 3 400 for 4`).loose = true // without the reset, the server's half is complete
	}
	{
		c, s, hello := both()
		add("grpc", decoders.Env{}, append(hello,
			c.says(c.headers(1, false, ":method: POST", ":scheme: http", ":path: /p.S/M", "content-type: application/grpc+proto", "te: trailers"),
				c.data(1, false, "\x00\x00\x00\x00\x03abc\x01\x00"), c.data(1, true, "\x00\x00\x02de\x00\x00\x00\x00\x00")),
			s.says(s.headers(1, false, ":status: 200", "content-type: application/grpc"), s.data(1, false, "\x00\x00\x00\x00\x09abc"), s.headers(1, true, "grpc-status: 13")),
		), `
4 c > 1 POST http  /p.S/M HTTP/2 +body | content-type=application/grpc+proto | te=trailers
4 c grpc 1 of request 3
4 c grpc 1 of request 2 compressed
4 c grpc 1 of request 0
4 c body 1 of request for 4: 20/38 application/grpc+proto
5 s < 1 200 for 4 +body | content-type=application/grpc
5 s grpc 1 of response 9 incomplete
5 s body 1 of response for 4: 8/17 application/grpc | grpc-status=13`)
	}
	{
		c, s, hello := both()
		add("secrets", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, append(get, "cookie: a=b", "cookie: c=d", "authorization: Basic eDp5", "proxy-authorization: z")...)),
			c.says(c.headers(3, true, append(get, "cookie: a=b", "cookie: c=e", "authorization: Basic eDp5")...)),
			s.says(s.headers(1, true, ":status: 200", "set-cookie: a=b; Path=/")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test | cookie=a=`+decoders.RedactValue("b")+` | cookie=c=`+decoders.RedactValue("d")+` | authorization=<redacted> | proxy-authorization=<redacted>
5 c > 3 GET http a.example /a HTTP/2 | user-agent=test | cookie=a=`+decoders.RedactValue("b")+` | cookie=c=`+decoders.RedactValue("e")+` | authorization=<redacted>
6 s < 1 200 for 4 | set-cookie=a=`+decoders.RedactValue("b")+`; Path=/`)
	}
	{
		c, s, hello := both()
		add("hash", decoders.Env{Hash: true}, append(hello,
			c.says(c.headers(1, true, get...), c.headers(3, true, get...)),
			s.says(s.headers(1, false, ":status: 200", "content-encoding: gzip"), s.headers(3, false, ":status: 200"), s.padded(3, true, "x", 3)),
			s.says(s.data(1, false, zipped("hello")[:10])),
			s.says(s.data(1, true, zipped("hello")[10:])),
		), fmt.Sprintf(`
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
4 c > 3 GET http a.example /a HTTP/2 | user-agent=test
5 s < 1 200 for 4 +body | content-encoding=gzip
5 s < 3 200 for 4 +body
5 s body 3 of response for 4: 1/14 decoded 1 %.8s
7 s body 1 of response for 4: %d/%d decoded 5 %.8s`, sum("x"), len(zipped("hello")), len(zipped("hello"))+18, sum("hello")))
	}
	{
		c, s, hello := both()
		add("connect 8.5", decoders.Env{}, append(hello,
			c.says(c.headers(1, false, ":method: CONNECT", ":authority: b.example:25")),
			s.says(s.headers(1, false, ":status: 200"), s.data(1, false, "220 hi\r\n")),
			c.says(c.data(1, false, "QUIT\r\n")),
			s.says(s.data(1, true, "221 bye\r\n")),
			c.says(c.data(1, true, "")),
			c.says(c.headers(3, false, ":method: CONNECT", ":authority: c.example:25")),
			s.says(s.headers(3, true, ":status: 403")),
		), `
4 c > 1 CONNECT  b.example:25 b.example:25 HTTP/2
5 s < 1 200 for 4
5 c open ""
9 c > 3 CONNECT  c.example:25 c.example:25 HTTP/2
10 s < 3 403 for 9`)
	}
	{
		c, s, hello := both()
		add("windows 6.9", decoders.Env{}, append(hello,
			c.says(c.headers(1, false, ":method: POST", ":scheme: http", ":path: /"), c.data(1, false, strings.Repeat("a", 16384)), c.data(1, false, strings.Repeat("a", 16384)), c.data(1, false, strings.Repeat("a", 16384))),
			c.says(c.data(1, false, strings.Repeat("a", 16383))),
			s.says(s.window(1, 10)),
			c.says(c.data(1, false, "b")),
			s.says(s.window(0, 2)),
			c.says(c.data(1, false, "b"), c.data(1, false, strings.Repeat("c", 9))),
			s.says(s.window(1, 0), s.window(0, 1<<31-1), s.window(0, 1<<31-1)),
			c.says(c.raw(typePing, 0, 0, "12345678")),
		), `
4 c > 1 POST http  / HTTP/2 +body
8 c ! DATA beyond the window of the connection (RFC 9113 section 6.9.1)
10 c ! DATA beyond the window of the connection (RFC 9113 section 6.9.1)
10 c ! DATA beyond the window of its stream (RFC 9113 section 6.9.1)
10 s ! WINDOW_UPDATE of 0 (RFC 9113 section 6.9)
11 s ! window of the connection above 2^31-1 (RFC 9113 section 6.9.1)
11 c body 1 of request for 4: 65546/65609 incomplete`)
	}
	{
		c, s, hello := both()
		add("initial window 6.9.2", decoders.Env{}, append(hello,
			c.says(c.headers(1, false, ":method: POST", ":scheme: http", ":path: /")),
			s.says(s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 4})),
			c.says(c.data(1, false, "abcdefgh"), c.ack()), // it was under way
			c.says(c.data(1, false, "i")),
			s.says(s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})),
			c.says(c.data(1, true, "j")),
		), `
4 c > 1 POST http  / HTTP/2 +body
8 c ! DATA beyond the window of its stream (RFC 9113 section 6.9.1)
9 c body 1 of request for 4: 10/37`)
	}
	{
		c, s, hello := both()
		add("table size 4.3.1", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, append(get, "x: 1")...)),
			s.says(s.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})),
			c.says(c.ack(), func() { c.enc.SetMaxDynamicTableSize(0) }, c.headers(3, true, append(get, "x: 1")...)),
			c.says(func() { c.enc.SetMaxDynamicTableSize(100) }, c.headers(5, true, append(get, "x: 1")...)),
			c.says(c.headers(7, true, append(get, "x: 1")...)),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test | x=1
6 c > 3 GET http a.example /a HTTP/2 | user-agent=test | x=1
7 c > 5 GET http a.example /a HTTP/2 | user-agent=test | x=1
8 c > 7 GET http a.example /a HTTP/2 | user-agent=test | x=1`)
	}
	{
		c, s, hello := both()
		add("malformed heads 8.1.1", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, ":method: GET", "a: b", ":path: /", "Upper: x", "te: gzip", "connection: close", ":x: y")),
			c.says(c.headers(3, true, "a: b"), c.headers(5, true, ":status: 200"), c.headers(2, true, get...)),
			s.says(s.headers(1, true, ":status: 2xx"), s.headers(3, true, "a: b"), s.headers(99, true, ":status: 200"), s.data(101, true, "?")),
			c.says(c.raw(typePing, 0, 0, "12345678")),
			s.says(s.headers(2, false, ":status: 200", "content-length: 3"), s.data(2, true, "ab")),
		), `
4 c > 1 GET   / HTTP/2 | a=b | Upper=x | te=gzip | connection=close
4 c ! upper-case field name (RFC 9113 section 8.2.1)
4 c ! pseudo-header field behind a regular one (RFC 9113 section 8.3)
4 c ! unknown pseudo-header field (RFC 9113 section 8.3)
4 c ! connection-specific field (RFC 9113 section 8.2.2)
4 c ! TE other than trailers (RFC 9113 section 8.2.2)
4 c ! request without its pseudo-header fields (RFC 9113 section 8.3.1)
5 c ! request without its pseudo-header fields (RFC 9113 section 8.3.1)
5 c ! request without its pseudo-header fields (RFC 9113 section 8.3.1)
5 c ! head that its sender cannot send (RFC 9113 section 8.1)
5 c ! stream identifier of the other side (RFC 9113 section 5.1.1)
5 c > 2 GET http a.example /a HTTP/2 | user-agent=test
6 s ! :status is not three digits (RFC 9113 section 8.3.2)
6 s ! response without :status (RFC 9113 section 8.3.2)
6 s < 99 200 for 0
6 s body 101 of response for 0: 1/10 incomplete truncated
7 s ! frame on an idle stream (RFC 9113 section 5.1)
7 s ! frame on an idle stream (RFC 9113 section 5.1)
8 s < 2 200 for 5 +body | content-length=3
8 s body 2 of response for 5: 2/11
8 s ! Content-Length is not the length of the content (RFC 9113 section 8.1.1)`)
	}
	{
		c, s, hello := both()
		add("malformed frames 6", decoders.Env{}, append(hello,
			c.says(c.raw(typeData, 0, 0, "x"), c.raw(typeSettings, 0, 0, "12345"), c.raw(typeSettings, flagAck, 0, "123456"), c.raw(typePing, 0, 1, "12345678")),
			c.says(c.raw(typeWindowUpdate, 0, 0, "123"), c.raw(typeHeaders, flagPadded|flagEndHeaders, 1, "\x09\x82"), c.raw(typeContinuation, flagEndHeaders, 3, "\x82")),
			s.says(s.settings(http2.Setting{ID: 2, Val: 9}, http2.Setting{ID: 4, Val: 1 << 31}), s.raw(typeRSTStream, 0, 0, "1234"), s.raw(typeOrigin, 0, 0, "\x00\x09x")),
		), `
4 c ! DATA on stream 0 (RFC 9113 section 6)
4 c ! SETTINGS of a wrong length (RFC 9113 section 6.5)
4 c ! SETTINGS of a wrong length (RFC 9113 section 6.5)
4 c ! PING on a stream (RFC 9113 section 6)
5 c ! WINDOW_UPDATE of a wrong length (RFC 9113 section 4.2)
5 c HEADERS 1 (2) END_HEADERS PADDED pad 9 undecodable
5 c ! padding longer than its frame (RFC 9113 section 6.2)
5 c CONTINUATION 3 (1) END_HEADERS undecodable
5 c ! CONTINUATION without a header block before it (RFC 9113 section 6.10)
6 s ! SETTINGS_ENABLE_PUSH is neither 0 nor 1 (RFC 9113 section 6.5.2)
6 s ! RST_STREAM on stream 0 (RFC 9113 section 6)
6 s ! ORIGIN ends inside an entry (RFC 8336 section 2)
6 c body 1 of request for 0: 0/0 incomplete truncated`)
	}
	{
		c, _, hello := both()
		add("broken hpack 4.3", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, append(get, "x: 1")...)),
			c.says(c.raw(typeHeaders, flagEndHeaders|flagEndStream, 3, "\x82\xff\xff\xff\xff\xff\xff\xff")),
			// What was in the table is not to be trusted from here on.
			c.says(c.headers(5, true, append(get, "x: 1")...)),
			c.says(c.headers(7, true, ":method: GET", ":scheme: http", ":path: /new")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test | x=1
5 c HEADERS 3 (8) END_STREAM END_HEADERS undecodable
5 c ! integer of HPACK is too large (RFC 7541 section 5.1)
6 c HEADERS 5 (6) END_STREAM END_HEADERS undecodable truncated
7 c > 7 GET http  /new HTTP/2`)
	}
	{
		// The headers of the second request were lost. The third refers to
		// what it put into the table; the fourth to the third alone.
		c, s, hello := both()
		first := c.says(c.headers(1, true, get...))
		lost := c.says(c.headers(3, true, append(get, "x: 1")...))
		add("gap in a header block", decoders.Env{}, append(hello,
			first,
			dt.Lost(fromClient, int64(len(lost.Bytes))),
			c.says(c.headers(5, true, append(get, "x: 1", "fresh: 2")...), c.window(0, 5)),
			c.says(c.headers(7, true, ":method: GET", ":scheme: http", ":path: /", "fresh: 2")),
			s.says(s.headers(1, false, ":status: 200"), s.headers(3, true, ":status: 200"), s.headers(5, true, ":status: 200"), s.headers(7, true, ":status: 200"), s.data(1, true, "ok")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
5 c gap `+fmt.Sprint(len(lost.Bytes))+`
6 c HEADERS 5 (14) END_STREAM END_HEADERS undecodable truncated
7 c > 7 GET http  / HTTP/2 | fresh=2
8 s < 1 200 for 4 +body
8 s < 3 200 for 0
8 s < 5 200 for 0
8 s < 7 200 for 7
8 s body 1 of response for 4: 2/11`)
	}
	{
		c, s, hello := both()
		add("gap in data", decoders.Env{Hash: true}, append(hello,
			c.says(c.headers(1, true, get...), c.headers(3, true, get...)),
			s.says(s.headers(1, false, ":status: 200", "content-type: application/grpc", "x: 1"), func() { s.buf.WriteString("\x00\x00\x14\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x0aabc") }),
			dt.Lost(fromServer, 9),
			dt.Server("xyz"),
			s.says(s.headers(3, true, ":status: 200", "x: 1"), s.data(1, true, "")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
4 c > 3 GET http a.example /a HTTP/2 | user-agent=test
5 s < 1 200 for 4 +body | content-type=application/grpc | x=1
6 s gap 9
6 s grpc 1 of response 10 incomplete
8 s < 3 200 for 4 | x=1
8 s body 1 of response for 4: 20/38 application/grpc incomplete missing 9 truncated`)
	}
	{
		c, s, hello := both()
		add("gap in padding and in settings", decoders.Env{}, append(hello,
			c.says(c.headers(1, true, get...)),
			s.says(s.headers(1, false, ":status: 200"), func() { s.buf.WriteString("\x00\x00\x0d\x00\x08\x00\x00\x00\x01\x09abc") }),
			dt.Lost(fromServer, 5),
			dt.Server("\x00\x00\x00\x00"),
			s.says(s.data(1, true, "d")),
			dt.Server("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04"),
			dt.Lost(fromServer, 4),
			s.says(s.raw(typePing, 0, 0, "12345678")),
		), `
4 c > 1 GET http a.example /a HTTP/2 | user-agent=test
5 s < 1 200 for 4 +body
6 s gap 5
8 s body 1 of response for 4: 4/32
10 s gap 4`)
	}
	{
		// Joined in the middle of a DATA frame; the table is from before.
		c, s, _ := both()
		c.hpack(get...)
		s.hpack(":status: 200", "x: 1")
		add("joined midway", decoders.Env{}, []dt.Chunk{
			dt.Server("rest of the content of a frame"),
			s.says(s.data(1, false, "more"), s.data(1, true, "end"), s.headers(3, true, ":status: 200", "x: 1")),
			c.says(c.window(0, 100), c.headers(5, true, get...), c.headers(7, true, append(get[:4:4], "y: z")...)),
			s.says(s.headers(5, false, ":status: 200"), s.data(5, true, "5")),
			c.says(c.headers(9, true, ":method: GET", ":scheme: http", ":path: /b", "y: z")),
			s.says(s.headers(9, false, ":status: 200", "y: z"), s.data(9, true, "99")),
		}, `
2 s body 1 of response for 0: 7/25 incomplete truncated
2 s HEADERS 3 (2) END_STREAM END_HEADERS undecodable truncated
3 c HEADERS 5 (5) END_STREAM END_HEADERS undecodable truncated
3 c HEADERS 7 (9) END_STREAM END_HEADERS undecodable truncated
4 s < 5 200 for 0 +body
4 s body 5 of response for 0: 1/10 truncated
5 c > 9 GET http  /b HTTP/2 | y=z
6 s < 9 200 for 5 +body | y=z
6 s body 9 of response for 5: 2/11`).loose = true
	}
	return out
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestTalks(t *testing.T) {
	for _, c := range talks() {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			got := lines(dt.Run(t, Proto, c.conversation()))
			if !c.all {
				got = without(got)
			}
			if want := strings.TrimLeft(c.want, "\n"); strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestLaws(t *testing.T) {
	for _, c := range talks() {
		dt.Laws(t, Proto, c.conversation())
		if !c.loose {
			t.Run("strict/"+strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { dt.StrictLoss(t, Proto, c.conversation()) })
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range talks() {
		if c.name == "push 8.4" || c.name == "upload, interim and trailers 8.1" || strings.HasPrefix(c.name, "gap") {
			name, _, _ := strings.Cut(strings.NewReplacer(" ", "-", ",", "").Replace(c.name), "-8")
			dt.Golden(t, name, dt.Run(t, Proto, c.conversation()))
		}
	}
}

// The request that was upgraded is stream 1; it is not told again.
func TestUpgraded(t *testing.T) {
	c, s := newPeer(fromClient), newPeer(fromServer)
	// HTTP2-Settings: INITIAL_WINDOW_SIZE 3 (RFC 7540 section 3.2.1).
	h := decoders.HintUpgrade{Protocol: "h2c", RequestFrame: 77, Request: &events.HTTPRequest{
		Method: "GET", Target: "/", Version: "1.1",
		Headers: []events.Header{{"HTTP2-Settings", base64.RawURLEncoding.EncodeToString([]byte{0, 4, 0, 0, 0, 3})}},
	}}
	talk := dt.Talk("upgraded",
		s.says(s.settings(), s.headers(1, false, ":status: 200"), s.data(1, false, "abc")),
		c.says(c.preface(), c.settings(http2.Setting{ID: 4, Val: 3})),
		s.says(s.ack(), s.data(1, true, "d")),
		c.says(c.ack(), c.headers(3, true, get...)),
		s.says(s.headers(3, true, ":status: 204")),
	)
	talk.Env.Hint = h
	want := `
1 s < 1 200 for 77 +body
3 s body 1 of response for 77: 4/22
4 s ! DATA beyond the window of its stream (RFC 9113 section 6.9.1)
4 c > 3 GET http a.example /a HTTP/2 | user-agent=test
5 s < 3 204 for 4`
	if got := without(lines(dt.Run(t, Proto, talk))); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%swant%s", got, want)
	}
	dt.Laws(t, Proto, talk)
}

func TestTunnelFeeds(t *testing.T) {
	for _, c := range talks() {
		if c.name != "connect 8.5" {
			continue
		}
		tape := dt.Run(t, Proto, c.conversation())
		if len(tape.Feeds) != 1 {
			t.Fatal(len(tape.Feeds))
		}
		f := tape.Feeds[0]
		if string(f.Bytes[fromClient]) != "QUIT\r\n" || string(f.Bytes[fromServer]) != "220 hi\r\n221 bye\r\n" || f.Ended != [2]events.Ending{events.EndFIN, events.EndFIN} {
			t.Errorf("%q %v", f.Bytes, f.Ended)
		}
	}
}

// An extended CONNECT (RFC 8441 section 5) carries the protocol it names.
func TestExtendedConnect(t *testing.T) {
	c, s, hello := both()
	tape := dt.Run(t, Proto, dt.Talk("extended connect", append(hello,
		c.says(c.headers(1, false, ":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /chat", ":authority: c.example"), c.data(1, false, "early")),
		s.says(s.headers(1, false, ":status: 200"), s.padded(1, false, "\x81\x02hi", 9)),
		c.says(c.reset(1, http2.ErrCodeCancel)),
	)...))
	want := `
4 c > 1 CONNECT https c.example /chat HTTP/2
5 s < 1 200 for 4
5 c open "websocket"`
	if got := without(lines(tape)); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%swant%s", got, want)
	}
	f := tape.Feeds[0]
	if h, ok := f.Next.Hint.(decoders.HintUpgrade); !ok || h.RequestFrame != 4 || h.Request.Target != "/chat" {
		t.Errorf("%+v", f.Next)
	}
	if f.Lost[fromClient] != 5 || string(f.Bytes[fromServer]) != "\x81\x02hi" || f.Ended != [2]events.Ending{events.EndReset, events.EndReset} {
		t.Errorf("%d %q %v", f.Lost, f.Bytes, f.Ended)
	}
}
