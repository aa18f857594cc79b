package quic

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// The two ends of the conversations below: their connection IDs, and what they
// send. chosen is what the client takes for the server's ID at first.
const (
	chosenID = "\x11\x22\x33\x44\x55\x66\x77\x88"
	clientID = "\xc1\x1e\x47"
	serverID = "\x5e\x54\xe4\x00\x01"
	retryID  = "\x4e\x74\x4f\x00"
)

var (
	toServer = newSealer(version1, []byte(chosenID), "client")
	toClient = newSealer(version1, []byte(chosenID), "server")
)

// noise stands for protected bytes.
func noise(n int) string {
	rnd := rand.New(rand.NewPCG(uint64(n), 9))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return string(b)
}

// hello is the client's first packet, alone in its datagram.
func hello() string {
	return toServer.initialPacket(version1, chosenID, clientID, "", 0, padded(cryptoFrame(0, clientHello), 1160))
}

// answer is the server's Initial.
func answer() string {
	return toClient.initialPacket(version1, clientID, serverID, "", 0, append(x("0200000000"), cryptoFrame(0, serverHello)...))
}

// handshakePacket is a Handshake packet that nobody can read.
func handshakePacket(dcid, scid string, n int) string {
	return string(append(longHead(0xe3, version1, dcid, scid), 0x40|byte(n>>8), byte(n))) + noise(n)
}

func zeroRTTPacket(dcid, scid string, n int) string {
	return string(append(longHead(0xd3, version1, dcid, scid), 0x40|byte(n>>8), byte(n))) + noise(n)
}

// shortPacket is a 1-RTT packet.
func shortPacket(spin bool, dcid string, n int) string {
	first := byte(0x43)
	if spin {
		first |= 0x20
	}
	return string(first) + dcid + noise(n)
}

func retryPacket(v version, origin, dcid, scid, token string) string {
	key, nonce := x("be0c690b9f66575a1d766b54e368c84e"), x("461599d35d632bf2239825bb")
	p := append(longHead(0xf0, v, dcid, scid), token...)
	_, g := gcm(key)
	return string(g.Seal(p, nonce, nil, append([]byte{byte(len(origin))}, origin+string(p)...)))
}

func versionNegotiationPacket(dcid, scid string, vs ...version) string {
	p := longHead(0x8a, 0, dcid, scid)
	for _, v := range vs {
		p = append(p, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return string(p)
}

// line says a packet in short: type, version, connection IDs, number.
func line(p *events.QUICPacket) string {
	s := p.Type
	if p.Version != "" {
		s += " v" + p.Version
	}
	s += fmt.Sprintf(" %s<%s %d", p.DCID, p.SCID, p.Length)
	if p.PacketNumber != nil {
		s += fmt.Sprintf(" #%d %s", *p.PacketNumber, strings.Join(p.Frames, ","))
	}
	if p.Spin != nil && *p.Spin {
		s += " spin"
	}
	if p.Versions != nil {
		s += " " + strings.Join(p.Versions, ",")
	}
	return s
}

// lines are all events of a tape.
func lines(tape *dt.Tape) []string {
	var out []string
	for _, r := range tape.Records {
		switch b := r.Body.(type) {
		case *events.QUICPacket:
			s := line(b)
			if r.Truncated {
				s += " cut"
			}
			out = append(out, s)
		case *events.FlowGap:
			out = append(out, "gap "+b.Reason)
		case *events.FlowViolation:
			out = append(out, "violation "+b.Reason)
		case *events.FlowLimit:
			out = append(out, "limit "+b.Limit)
		default:
			out = append(out, r.Kind)
		}
	}
	return out
}

func expect(t *testing.T, tape *dt.Tape, want ...string) {
	t.Helper()
	got := lines(tape)
	for i := range max(len(got), len(want)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.Errorf("event %d\n got  %s\n want %s", i, g, w)
		}
	}
}

// said is what TLS was given of both sides in feed i, and how it ended.
func said(t *testing.T, tape *dt.Tape, i int, client, server string, end events.Ending) {
	t.Helper()
	if len(tape.Feeds) <= i {
		t.Errorf("%d feeds", len(tape.Feeds))
		return
	}
	f := tape.Feeds[i]
	if f.Next.Protocol != "tls" || f.Next.Hint != (decoders.HintTLS{QUIC: true}) {
		t.Errorf("feed %d is for %v", i, f.Next)
	}
	if string(f.Bytes[0]) != client || string(f.Bytes[1]) != server {
		t.Errorf("feed %d was given %d and %d bytes", i, len(f.Bytes[0]), len(f.Bytes[1]))
	}
	if f.Ended[0] != end || f.Ended[1] != end {
		t.Errorf("feed %d ended with %d, %d, want %d", i, f.Ended[0], f.Ended[1], end)
	}
}

// ordinary is a connection from its first packet to data.
var ordinary = dt.Packets("ordinary",
	dt.Client(hello()),
	dt.Server(answer()+handshakePacket(clientID, serverID, 900)),
	dt.Server(handshakePacket(clientID, serverID, 400)+shortPacket(false, clientID, 60)),
	dt.Client(handshakePacket(serverID, clientID, 60)+shortPacket(false, serverID, 40)),
	dt.Server(shortPacket(true, clientID, 1200)),
	dt.Client(shortPacket(true, serverID, 30)),
	dt.Client(shortPacket(false, "NEWID", 30)), // from a NEW_CONNECTION_ID frame
)

func TestOrdinary(t *testing.T) {
	tape := dt.Run(t, Proto, ordinary)
	dt.Golden(t, "ordinary", tape)
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"initial v1 c11e47<5e54e40001 139 #0 ack,crypto",
		"handshake v1 c11e47<5e54e40001 917",
		"handshake v1 c11e47<5e54e40001 417",
		"1rtt c11e47< 64",
		"handshake v1 5e54e40001<c11e47 77",
		"1rtt 5e54e40001< 46",
		"1rtt c11e47< 1204 spin",
		"1rtt 5e54e40001< 36 spin",
		"1rtt 4e45574944< 36",
	)
	said(t, tape, 0, clientHello, serverHello, events.EndFIN)
}

// A hello that is longer than a packet, cut small, out of order, overlapping
// and sent twice, as post-quantum clients do.
var scattered = func() dt.Conversation {
	long := clientHello + noise(1500)
	packet := func(number uint64, frames ...[]byte) dt.Chunk {
		var payload []byte
		for _, f := range frames {
			payload = append(payload, f...)
		}
		return dt.Client(toServer.initialPacket(version1, chosenID, "", "", number, padded(payload, 1163)))
	}
	piece := func(from, to int) []byte { return cryptoFrame(from, long[from:to]) }
	return dt.Packets("scattered",
		packet(2, piece(900, 1500)),
		packet(0, x("01"), piece(700, 950), x("0000"), piece(0, 100), piece(50, 300)),
		packet(1, piece(1400, len(long)), x("01"), piece(0, 120), piece(290, 710)),
		packet(1, piece(1400, len(long))),
	)
}()

func TestScattered(t *testing.T) {
	tape := dt.Run(t, Proto, scattered)
	said(t, tape, 0, clientHello+noise(1500), "", 0)
	expect(t, tape,
		"initial v1 1122334455667788< 1200 #2 crypto,padding",
		"initial v1 1122334455667788< 1200 #0 ping,crypto,padding,crypto,crypto,padding",
		"open",
		"initial v1 1122334455667788< 1200 #1 crypto,ping,crypto,crypto,padding",
		"initial v1 1122334455667788< 1200 #1 crypto,padding",
	)
}

// A Retry: other keys, the same handshake.
var retryTalk = func() dt.Conversation {
	again := newSealer(version1, []byte(retryID), "client")
	back := newSealer(version1, []byte(retryID), "server")
	return dt.Packets("retry",
		dt.Client(hello()),
		dt.Server(retryPacket(version1, "not what was chosen", clientID, "forged", "token")),
		dt.Server(retryPacket(version1, chosenID, clientID, retryID, "token")),
		dt.Client(again.initialPacket(version1, retryID, clientID, "token", 1, padded(cryptoFrame(0, clientHello), 1159))),
		dt.Server(back.initialPacket(version1, clientID, serverID, "", 0, cryptoFrame(0, serverHello))),
		dt.Client(again.initialPacket(version1, serverID, clientID, "token", 2, x("0200000000"+strings.Repeat("00", 20)))),
		dt.Client(shortPacket(false, serverID, 40)),
	)
}()

func TestRetry(t *testing.T) {
	tape := dt.Run(t, Proto, retryTalk)
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"violation retry: the integrity tag does not fit",
		"retry v1 c11e47<666f72676564 37",
		"retry v1 c11e47<4e744f00 35",
		"initial v1 4e744f00<c11e47 1200 #1 crypto,padding",
		"initial v1 c11e47<5e54e40001 134 #0 crypto",
		"initial v1 5e54e40001<c11e47 67 #2 ack,padding",
		"1rtt 5e54e40001< 46",
	)
	said(t, tape, 0, clientHello, serverHello, events.EndFIN)
	if p := dt.Of[*events.QUICPacket](tape); p[2].Token != 5 || p[3].Token != 5 || p[4].Token != 0 {
		t.Error("tokens")
	}
}

// A version that nobody speaks is refused; the client begins anew.
var refused = func() dt.Conversation {
	const greased = version(0x1a2a3a4a)
	first := append(longHead(0xc3, greased, chosenID, ""), 0, 0x44, 0xa0)
	return dt.Packets("refused",
		dt.Client(string(first)+noise(0x4a0)),
		dt.Server(versionNegotiationPacket("", chosenID, version1, 0xfaceb002, draft+29, 0x3a4a5a6a)),
		dt.Client(hello()),
		dt.Server(answer()),
	)
}()

func TestVersionNegotiation(t *testing.T) {
	tape := dt.Run(t, Proto, refused)
	expect(t, tape,
		"initial v0x1a2a3a4a 1122334455667788< 1202",
		"version_negotiation <1122334455667788 31 1,0xfaceb002,draft-29,0x3a4a5a6a",
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"initial v1 c11e47<5e54e40001 139 #0 ack,crypto",
	)
	said(t, tape, 0, clientHello, serverHello, 0)
}

// The server answers in another version (RFC 9368 section 2.3).
func TestCompatibleVersions(t *testing.T) {
	v2 := func(who string) sealer { return newSealer(version2, []byte(chosenID), who) }
	tape := dt.Run(t, Proto, dt.Packets("",
		dt.Client(hello()),
		dt.Server(v2("server").initialPacket(version2, clientID, serverID, "", 0, cryptoFrame(0, serverHello))),
		dt.Client(v2("client").initialPacket(version2, serverID, clientID, "", 1, x("020000000001"))),
		dt.Client(hello()), // sent again before the answer was there
	))
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"initial v2 c11e47<5e54e40001 134 #0 crypto",
		"initial v2 5e54e40001<c11e47 43 #1 ack,ping",
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
	)
	said(t, tape, 0, clientHello, serverHello, 0)
}

// Early data before and behind the hello, and what a close says.
var early = dt.Packets("early",
	dt.Client(zeroRTTPacket(chosenID, clientID, 400)),
	dt.Client(toServer.initialPacket(version1, chosenID, clientID, "", 0, cryptoFrame(0, clientHello))+zeroRTTPacket(chosenID, clientID, 800)),
	dt.Server(toClient.initialPacket(version1, clientID, serverID, "", 0, x("0300000000"+"010203"+"1c 4128 06 03 626164"))),
)

func TestEarlyDataAndClose(t *testing.T) {
	tape := dt.Run(t, Proto, early)
	expect(t, tape,
		"0rtt v1 1122334455667788<c11e47 420",
		"initial v1 1122334455667788<c11e47 288 #0 crypto",
		"open",
		"0rtt v1 1122334455667788<c11e47 820",
		"initial v1 c11e47<5e54e40001 53 #0 ack,connection_close",
	)
	if p := dt.Of[*events.QUICPacket](tape)[3]; p.ErrorCode == nil || *p.ErrorCode != 0x128 || p.Reason != "bad" {
		t.Errorf("%+v", p)
	}
}

// Two connections on one pair of ports, each with its own keys and IDs, and a
// side without an ID.
func TestTwoConnections(t *testing.T) {
	const otherID = "\x99\x88\x77\x66\x55\x44\x33\x22"
	other := newSealer(version1, []byte(otherID), "client")
	back := newSealer(version1, []byte(otherID), "server")
	tape := dt.Run(t, Proto, dt.Packets("",
		dt.Client(hello()),
		dt.Client(other.initialPacket(version1, otherID, "", "", 0, cryptoFrame(0, "abc"))),
		dt.Server(answer()),
		dt.Server(back.initialPacket(version1, "", "SERVER", "", 0, cryptoFrame(0, "def"))),
		dt.Client(shortPacket(false, serverID, 30)),
		dt.Client(shortPacket(false, "SERVER", 30)),
		dt.Server(shortPacket(false, clientID, 30)),
		dt.Server("\x5f"+noise(40)),
	))
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"initial v1 9988776655443322< 47 #0 crypto",
		"open",
		"initial v1 c11e47<5e54e40001 139 #0 ack,crypto",
		"initial v1 <534552564552 45 #0 crypto",
		"1rtt 5e54e40001< 36",
		"1rtt 534552564552< 37",
		"1rtt c11e47< 34",
		"1rtt < 41",
	)
	said(t, tape, 0, clientHello, serverHello, events.EndFIN)
	said(t, tape, 1, "abc", "def", events.EndFIN)
}

// Without the client's first packet the Initials cannot be read, and it is
// said why.
func TestMidway(t *testing.T) {
	midway := ordinary
	midway.Chunks = ordinary.Chunks[1:]
	expect(t, dt.Run(t, Proto, midway),
		"gap midway",
		"initial v1 c11e47<5e54e40001 139",
		"handshake v1 c11e47<5e54e40001 917",
		"handshake v1 c11e47<5e54e40001 417",
		"1rtt c11e47< 64",
		"handshake v1 5e54e40001<c11e47 77",
		"1rtt 5e54e40001< 46",
		"1rtt c11e47< 1204 spin",
		"1rtt 5e54e40001< 36 spin",
		"1rtt 4e45574944< 36",
	)
	// Only data: the length of the IDs is not known, so there are none.
	expect(t, dt.Run(t, Proto, dt.Packets("", dt.Server(shortPacket(true, clientID, 1250)), dt.Client(shortPacket(true, serverID, 30)))),
		"gap midway", "1rtt < 1254 spin", "1rtt < 36 spin")
}

// Cut by the snaplen: headers are told, and the answer can be read, for its
// keys hang on the client's connection ID alone.
func TestSnaplen(t *testing.T) {
	tape := dt.Run(t, Proto, dt.Packets("",
		dt.Cut(dt.Client(hello()[:100]), 1100),
		dt.Server(answer()),
		dt.Cut(dt.Server(handshakePacket(clientID, serverID, 900)[:60]), 857),
		dt.Cut(dt.Server(shortPacket(false, clientID, 1200)[:60]), 1144)))
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 cut",
		"initial v1 c11e47<5e54e40001 139 #0 ack,crypto",
		"open",
		"handshake v1 c11e47<5e54e40001 917 cut",
		"1rtt c11e47< 1204 cut",
	)
	said(t, tape, 0, "", serverHello, 0)
}

// A datagram is of one connection; what else is in it is passed over (RFC 9000
// section 12.2).
func TestPadding(t *testing.T) {
	for what, tail := range map[string]string{
		"zeros": strings.Repeat("\x00", 300), "a pattern": strings.Repeat("\xc8", 300),
		"another connection": handshakePacket("other", serverID, 50), "another's data": shortPacket(false, "xyz", 50),
	} {
		tape := dt.Run(t, Proto, dt.Packets(what, dt.Client(hello()), dt.Server(answer()+tail)))
		expect(t, tape,
			"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
			"open",
			"initial v1 c11e47<5e54e40001 139 #0 ack,crypto")
	}
}

// What breaks the rules is told, and reading goes on.
func TestViolations(t *testing.T) {
	forged := []byte(answer())
	forged[len(forged)-1] ^= 1
	tape := dt.Run(t, Proto, dt.Packets("",
		dt.Client(hello()),
		dt.Server(string(forged)),
		dt.Server(toClient.initialPacket(version1, clientID, serverID, "", 1, x("0108ff"))),
		dt.Server(toClient.initialPacket(version1, clientID, serverID, "", 2, x("010640ff4fff00"))),
		dt.Server(answer()),
	))
	expect(t, tape,
		"initial v1 1122334455667788<c11e47 1200 #0 crypto,padding",
		"open",
		"violation initial: it cannot be authenticated",
		"initial v1 c11e47<5e54e40001 139",
		"violation initial: a frame of type 0x8, which it may not carry",
		"initial v1 c11e47<5e54e40001 40 #1 ping",
		"violation initial: a frame is longer than its packet",
		"initial v1 c11e47<5e54e40001 44 #2 ping",
		"initial v1 c11e47<5e54e40001 139 #0 ack,crypto",
	)
	said(t, tape, 0, clientHello, serverHello, 0)
}

// Google's versions before those of the IETF.
var googles = dt.Packets("google",
	dt.Client("\x09\x11\x22\x33\x44\x55\x66\x77\x88Q043\x01"+noise(1200)),
	dt.Server("\x00\x01"+noise(300)),
	dt.Server("\x09\x11\x22\x33\x44\x55\x66\x77\x88Q043Q046"),
	dt.Client("\x08\x11\x22\x33\x44\x55\x66\x77\x88\x02"+noise(30)),
	dt.Server("\x0a\x11\x22\x33\x44\x55\x66\x77\x88PRST"),
)

func TestGoogle(t *testing.T) {
	expect(t, dt.Run(t, Proto, googles),
		"gquic vQ043 1122334455667788< 1214",
		"gquic < 302",
		"version_negotiation 1122334455667788< 17 Q043,Q046",
		"gquic 1122334455667788< 40",
		"gquic_reset 1122334455667788< 13",
	)
	// Q046: the server's packets bear the same ID as their source.
	expect(t, dt.Run(t, Proto, dt.Packets("",
		dt.Client("\xc3Q046\x50"+chosenID+noise(1200)),
		dt.Server("\xe3Q046\x05"+chosenID+noise(1200)),
		dt.Client(shortPacket(false, chosenID, 40)),
		dt.Server("\x43"+noise(40)),
	)),
		"initial vQ046 1122334455667788< 1214",
		"handshake vQ046 <1122334455667788 1214",
		"1rtt 1122334455667788< 49",
		"1rtt < 41",
	)
}

func TestLimits(t *testing.T) {
	tight := events.DefaultLimits()
	tight.QUICConnections, tight.QUICCrypto = 2, 100
	c := scattered
	c.Env.Limits = &tight
	tape := dt.Run(t, Proto, c)
	if s := strings.Join(lines(tape), "|"); !strings.HasPrefix(s, "limit quic-crypto|") && !strings.Contains(s, "|limit quic-crypto|") || strings.Count(s, "limit") != 1 {
		t.Error(s)
	}
	var many []dt.Chunk
	for i := range 4 {
		id := fmt.Sprintf("client-%d", i)
		s := newSealer(version1, []byte(id), "client")
		many = append(many, dt.Client(s.initialPacket(version1, id, id, "", 0, cryptoFrame(0, "hello"))))
	}
	tape = dt.Run(t, Proto, dt.Conversation{Datagram: true, Chunks: many, Env: decoders.Env{Limits: &tight}})
	expect(t, tape,
		"initial v1 636c69656e742d30<636c69656e742d30 57 #0 crypto", "open",
		"initial v1 636c69656e742d31<636c69656e742d31 57 #0 crypto", "open",
		"limit quic-connections",
		"initial v1 636c69656e742d32<636c69656e742d32 57 #0 crypto", "open",
		"initial v1 636c69656e742d33<636c69656e742d33 57 #0 crypto", "open")
	said(t, tape, 1, "hello", "", events.EndEvicted)
	said(t, tape, 3, "hello", "", 0)
}

// Without a listener no packet is told, but for the first; the handshake is
// read all the same.
func TestUnwanted(t *testing.T) {
	c := ordinary
	want := events.SetOf(events.KindTLSClientHello)
	c.Env.Want = &want
	tape := dt.Run(t, Proto, c)
	expect(t, tape, "initial v1 1122334455667788<c11e47 1200 #0 crypto,padding", "open")
	said(t, tape, 0, clientHello, serverHello, events.EndFIN)
}

func TestNotQUIC(t *testing.T) {
	for what, b := range map[string]string{
		"DTLS": string(x("16feff0000000000000000006c0100006000000000000000 60fefd")) + noise(90), "STUN": string(x("000100002112a442")) + noise(12),
		"RTP": string(x("8000123400000001deadbeef")) + noise(160), "unknown version": string(longHead(0xc0, 0x12345678, "abcdefgh", "")) + noise(300),
		"short": "\x40" + noise(10), "text": strings.Repeat("GET / HTTP/1.1\r\n", 100),
		"OpenVPN": "\x48\x00\x00\x01" + noise(1300), "TURN": "\x40\x01\x05\x14" + noise(1300), "small": shortPacket(false, "", 40),
	} {
		tape := dt.Run(t, Proto, dt.Packets(what, dt.Client(b)))
		if tape.Err == nil || len(tape.Records) != 1 {
			t.Errorf("%s: %v", what, lines(tape))
		}
		// Nor when it is between packets that are.
		tape = dt.Run(t, Proto, dt.Packets(what, dt.Client(hello()), dt.Server(answer()), dt.Client(b)))
		if tape.Err == nil && what != "OpenVPN" && what != "TURN" && what != "small" && what != "text" {
			t.Errorf("%s after a handshake: %v", what, lines(tape))
		}
	}
}

func TestLaws(t *testing.T) {
	all := []dt.Conversation{ordinary, scattered, retryTalk, refused, early, googles}
	dt.Laws(t, Proto, all...)
}

func FuzzQUIC(f *testing.F) {
	dt.Fuzz(f, Proto, ordinary, scattered, retryTalk, refused, early, googles)
}

// Whatever the pieces, the handshake comes out whole and once.
func TestCryptoInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := noise(3000)
	for range 300 {
		var c crypto
		var got strings.Builder
		covered := make([]bool, len(text))
		left := len(text)
		for left > 0 {
			from := rnd.IntN(len(text))
			to := min(len(text), from+1+rnd.IntN(400))
			if !c.add(uint64(from), []byte(text[from:to]), len(text), func(b []byte) { got.Write(b) }) {
				t.Fatal("refused")
			}
			for i := from; i < to; i++ {
				if !covered[i] {
					covered[i] = true
					left--
				}
			}
			whole := 0
			for whole < len(covered) && covered[whole] {
				whole++
			}
			if got.String() != text[:whole] || c.next != uint64(whole) {
				t.Fatalf("%d bytes in order, %d delivered", whole, got.Len())
			}
		}
		if len(c.held) > 0 {
			t.Fatal("bytes are kept")
		}
	}
}
