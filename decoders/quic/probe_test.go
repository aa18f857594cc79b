package quic

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

func TestProbe(t *testing.T) {
	const c, s = events.FromClient, events.FromServer
	v1, v2 := vectors["RFC 9001"], vectors["RFC 9369"]
	for _, tc := range []struct {
		what string
		from events.Dir
		b    string
		v    decoders.Verdict
		who  events.Dir
	}{
		{"client's Initial", c, string(v1.clientPacket()), decoders.Yes, c},
		{"of version 2", c, string(v2.clientPacket()), decoders.Yes, c},
		{"server's Initial", s, string(v1.serverPacket), decoders.Yes, s},
		{"with a token", s, toServer.initialPacket(version1, chosenID, "", "token", 1, padded(nil, 1200)), decoders.Yes, c},
		{"filled up with zeros", c, hello()[:1200] + strings.Repeat("\x00", 50), decoders.Yes, c},
		{"filled up with something, client's first", s, hello() + strings.Repeat("\xc8", 50), decoders.Yes, c},
		{"filled up with something, not the first", s, answer() + strings.Repeat("\xc8", 1200), decoders.Maybe, s},
		{"coalesced", s, answer() + handshakePacket(clientID, serverID, 100) + shortPacket(false, clientID, 40), decoders.Yes, s},
		{"of two connections", s, answer() + handshakePacket("other", serverID, 100), decoders.Maybe, s},
		{"Handshake alone", s, handshakePacket(clientID, "", 40), decoders.Yes, s},
		{"0-RTT alone", s, zeroRTTPacket(clientID, "", 40), decoders.Yes, c},
		{"Retry", c, string(v1.retry), decoders.Yes, s},
		{"Retry of version 2", c, string(v2.retry), decoders.Yes, s},
		{"Retry without a token", c, retryPacket(version1, chosenID, clientID, retryID, ""), decoders.No, c},
		{"version negotiation", c, versionNegotiationPacket("\xaa", "\xbb", 0x1a2a3a4a, version1), decoders.Yes, s},
		{"of versions nobody knows", c, versionNegotiationPacket("\xaa", "\xbb", 0x12345678), decoders.No, c},
		{"greased version", c, string(refused.Chunks[0].Bytes), decoders.Yes, c},
		{"greased and small", c, string(append(longHead(0xc3, 0x1a2a3a4a, chosenID, ""), 0, 0x40, 40)) + noise(40), decoders.No, c},
		{"unknown version", c, string(append(longHead(0xc0, 0x12345678, chosenID, ""), 0, 0x44, 0x9e)) + noise(0x49e), decoders.No, c},
		{"without the fixed bit", c, "\x83" + hello()[1:], decoders.No, c},
		{"an ID of 21 bytes", c, string(longHead(0xc3, version1, strings.Repeat("x", 21), "")) + noise(1200), decoders.No, c},
		{"no room for a sample", c, handshakePacket(clientID, serverID, 19), decoders.No, c},
		{"cut by the snaplen", c, hello()[:100], decoders.Yes, c},
		{"cut, and not the first", s, handshakePacket(clientID, serverID, 900)[:100], decoders.Maybe, s},
		{"Q043", s, "\x0d\x11\x22\x33\x44\x55\x66\x77\x88Q043\x01" + noise(100), decoders.Yes, c},
		{"Q046", c, "\xc3Q046\x50" + chosenID + noise(100), decoders.Yes, c},
		{"Q050", c, string(append(longHead(0xc3, q050, chosenID, ""), 0, 0x44, 0x9e)) + noise(0x49e), decoders.Yes, c},
		{"short header", c, shortPacket(false, clientID, 60), decoders.Maybe, c},
		{"short and too short", c, "\x41" + noise(10), decoders.No, c},
		{"DNS", c, "\x12\x34\x81\x80\x00\x01" + noise(60), decoders.No, c},
		{"RTP", c, "\x80\x00\x00\x00\x00\x00\x00\xa0\xde\xad\xbe\xef" + noise(160), decoders.No, c},
		{"uTP data", c, "\x01\x00\x12\x34" + noise(60), decoders.No, c},
		{"WireGuard", c, "\x04\x00\x00\x00" + noise(60), decoders.No, c},
		{"DHT", c, "d1:ad2:id20:" + noise(60), decoders.Maybe, c}, // 'd' is 0x64: a short header
		{"nothing", c, "", decoders.No, c},
	} {
		if v, who := probe(tc.from, []byte(tc.b)); v != tc.v || who != tc.who {
			t.Errorf("%s: %d %s, want %d %s", tc.what, v, who, tc.v, tc.who)
		}
	}
}

func TestVersionNames(t *testing.T) {
	for v, want := range map[version]string{
		1: "1", 0x6b3343cf: "2", 0xff00001d: "draft-29", 0x51303436: "Q046", 0x54303531: "T051", 0xfaceb002: "0xfaceb002", 0x0a1a2a3a: "0x0a1a2a3a", 0xff000040: "0xff000040",
	} {
		if got := v.String(); got != want {
			t.Errorf("%08x: %s, want %s", uint32(v), got, want)
		}
	}
}
