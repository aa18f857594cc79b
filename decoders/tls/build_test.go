package tls

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// The pieces of handshakes that the tests put together by hand.

func be(n, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[size-1-i] = byte(n)
		n >>= 8
	}
	return string(b)
}

// vec is a vector whose length takes size bytes.
func vec(size int, parts ...string) string {
	s := strings.Join(parts, "")
	return be(len(s), size) + s
}

func u16s(vs ...int) string {
	var b strings.Builder
	for _, v := range vs {
		b.WriteString(be(v, 2))
	}
	return b.String()
}

func record(typ int, body string) string { return be(typ, 1) + "\x03\x03" + vec(2, body) }

func handshake(msgs ...string) string { return record(22, strings.Join(msgs, "")) }

func msg(typ int, body string) string { return be(typ, 1) + vec(3, body) }

func ext(typ int, body string) string { return be(typ, 2) + vec(2, body) }

func sni(name string) string { return ext(0, vec(2, "\x00"+vec(2, name))) }

func alpn(names ...string) string {
	list := ""
	for _, n := range names {
		list += vec(1, n)
	}
	return ext(16, vec(2, list))
}

const (
	clientRandom = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20"
	serverRandom = "\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0"
	sessionID    = "\xde\xad\xbe\xef"
)

func hello(version int, session string, suites []int, exts ...string) string {
	body := be(version, 2) + clientRandom + vec(1, session) + vec(2, u16s(suites...)) + vec(1, "\x00")
	if len(exts) > 0 {
		body += vec(2, exts...)
	}
	return msg(1, body)
}

func helloOfServer(version int, random, session string, suite int, exts ...string) string {
	body := be(version, 2) + random + vec(1, session) + be(suite, 2) + "\x00"
	if len(exts) > 0 {
		body += vec(2, exts...)
	}
	return msg(2, body)
}

var (
	ccs      = record(20, "\x01")
	finished = record(22, strings.Repeat("\x99", 40)) // encrypted: no message header in it
	data     = record(23, strings.Repeat("\x77", 100))
	closing  = record(21, strings.Repeat("\x55", 26)) // an encrypted alert
)

// leaf is a certificate made once by crypto/x509; what it says is in
// TestCertificate, its hash by sha256sum.
func leaf(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/leaf.hex")
	if err != nil {
		t.Fatal(err)
	}
	der, err := hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(der)
}

func chain(certs ...string) string {
	list := ""
	for _, c := range certs {
		list += vec(3, c)
	}
	return msg(11, vec(3, list))
}

// A full handshake of TLS 1.2: the server's flight is one record.
func full12(t testing.TB) dt.Conversation {
	return dt.Talk("full handshake of 1.2",
		dt.Client(handshake(hello(0x0303, "", []int{0x0a0a, 0xc02f, 0x00ff}, sni("www.example.com"), alpn("h2", "http/1.1"),
			ext(10, vec(2, u16s(0x1a1a, 29, 23))), ext(11, vec(1, "\x00")), ext(35, "")))),
		dt.Server(handshake(
			helloOfServer(0x0303, serverRandom, sessionID, 0xc02f, ext(0xff01, "\x00"), alpn("h2")),
			chain(leaf(t)), msg(12, "key exchange"), msg(13, "request"), msg(14, ""))),
		dt.Client(handshake(chain())+handshake(msg(16, "key exchange"))+ccs+finished),
		dt.Server(handshake(msg(4, "ticket"))+ccs+finished),
		dt.Client(data),
		dt.Server(data+data+closing),
		dt.Client(closing),
	)
}

// The same session goes on.
func resumed12() dt.Conversation {
	return dt.Talk("resumed 1.2",
		dt.Client(handshake(hello(0x0303, sessionID, []int{0xc02f}))),
		dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0xc02f))+ccs+finished),
		dt.Client(ccs+finished+data),
		dt.Server(data),
	)
}

var (
	versions13 = ext(43, vec(1, u16s(0x2a2a, 0x0304, 0x0303)))
	chosen13   = ext(43, u16s(0x0304))
)

func plain13() dt.Conversation {
	return dt.Talk("1.3",
		dt.Client(handshake(hello(0x0303, sessionID, []int{0x1301, 0x1302}, versions13, ext(51, vec(2, u16s(29)+vec(2, "key"))), ext(0xfe0d, "\x00outer")))),
		dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0x1301, chosen13, ext(51, u16s(29)+vec(2, "key"))))+ccs+data),
		dt.Server(data+data),
		dt.Client(ccs+data+data),
		dt.Server(data),
	)
}

// A retry, in which the client sends its ChangeCipherSpec before the second
// hello (RFC 8446 appendix D.4).
func retry13() dt.Conversation {
	return dt.Talk("1.3 with a retry",
		dt.Client(handshake(hello(0x0303, sessionID, []int{0x1301}, versions13))),
		dt.Server(handshake(helloOfServer(0x0303, retryRandom, sessionID, 0x1301, chosen13, ext(51, u16s(24))))+ccs),
		dt.Client(ccs+handshake(hello(0x0303, sessionID, []int{0x1301}, versions13, ext(44, vec(2, "cookie"))))),
		dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0x1301, chosen13))+data),
		dt.Client(data),
	)
}

func early13() dt.Conversation {
	return dt.Talk("1.3 with early data",
		dt.Client(handshake(hello(0x0303, sessionID, []int{0x1301}, versions13, ext(42, ""), ext(41, "psk")))+ccs+data),
		dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0x1301, chosen13, ext(41, u16s(0))))+ccs+data+data),
		dt.Client(data+data),
	)
}

func refused() dt.Conversation {
	return dt.Talk("refused",
		dt.Client(handshake(hello(0x0302, "", []int{5}))),
		dt.Server(record(21, "\x01\x70")+record(21, "\x02\x28")),
	)
}

// A hello in the form of SSL 2 (RFC 5246 appendix E.2).
func oldForm() dt.Conversation {
	body := "\x01\x03\x01" + be(6, 2) + be(0, 2) + be(16, 2) + "\x00\x00\x05" + "\x01\x00\x80" + clientRandom[:16]
	return dt.Talk("hello in the form of SSL 2",
		dt.Client(be(0x8000|len(body), 2)+body),
		dt.Server(handshake(helloOfServer(0x0301, serverRandom, sessionID, 5), msg(14, ""))),
		dt.Client(handshake(msg(16, "key"))+ccs+finished),
		dt.Server(ccs+finished),
	)
}

// Messages that fill several records, which are cut anywhere.
func split() dt.Conversation {
	flight := helloOfServer(0x0303, serverRandom, "", 0xc02f) + chain("broken") + msg(14, "")
	first := hello(0x0303, "", []int{0xc02f}, sni("example.org"))
	return dt.Talk("messages over records",
		dt.Client(handshake(first[:1])+handshake(first[1:3])[:7]), dt.Client(handshake(first[1:3])[7:]+handshake(first[3:20])),
		dt.Client(handshake(first[20:])),
		dt.Server(handshake(flight[:50])+handshake(flight[50:60])), dt.Server(handshake(flight[60:])),
		dt.Client(record(21, "\x02\x2a")),
	)
}

func inQUIC() dt.Conversation {
	c := dt.Talk("inside QUIC",
		dt.Client(hello(0x0303, "", []int{0x1301}, sni("q.example"), alpn("h3"), versions13, ext(57, ""))[:30]),
		dt.Client(hello(0x0303, "", []int{0x1301}, sni("q.example"), alpn("h3"), versions13, ext(57, ""))[30:]),
		dt.Server(helloOfServer(0x0303, serverRandom, "", 0x1301, chosen13)),
		dt.Lost(events.FromServer, 100),
	)
	c.Env = decoders.Env{Hint: decoders.HintTLS{QUIC: true}}
	return c
}
