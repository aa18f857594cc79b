package opaque

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

func x(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func pad(b []byte, n int) []byte { return append(b, make([]byte, n-len(b))...) }

func TestProbes(t *testing.T) {
	const c, s = events.FromClient, events.FromServer
	for _, tc := range []struct {
		what string
		p    decoders.Proto
		from events.Dir
		b    []byte
		v    decoders.Verdict
		who  events.Dir
	}{
		{"SSH 2", SSH, s, []byte("SSH-2.0-OpenSSH_10.0\r\n"), decoders.Yes, s},
		{"SSH 1.99", SSH, s, []byte("SSH-1.99-x\n"), decoders.Yes, s},
		{"SSH front", SSH, c, []byte("SSH-"), decoders.Maybe, c},
		{"not SSH", SSH, c, []byte("SSHD ready"), decoders.No, c},
		{"DTLS ClientHello", DTLS, s, pad(x("16 feff 0000 000000000000 006c 01 000060 0000 000000 000060 fefd"), 121), decoders.Yes, c},
		{"DTLS HelloVerifyRequest", DTLS, c, pad(x("16 feff 0000 000000000000 001f 03 000013 0000 000000 000013 feff 10"), 44), decoders.Yes, s},
		{"DTLS cut", DTLS, c, pad(x("16 feff 0000 000000000000 006c 01 000060 0000 000000 000060"), 60), decoders.No, c},
		{"WireGuard initiation", WireGuard, s, pad(x("01000000 11223344"), 148), decoders.Yes, c},
		{"WireGuard response", WireGuard, c, pad(x("02000000 11223344 55667788"), 92), decoders.Yes, s},
		{"WireGuard data", WireGuard, c, pad(x("04000000 11223344 05"), 128), decoders.Maybe, c},
		{"WireGuard of another length", WireGuard, c, pad(x("01000000"), 147), decoders.No, c},
	} {
		if v, who := tc.p.Probe(tc.from, tc.b); v != tc.v || who != tc.who {
			t.Errorf("%s: %d %s, want %d %s", tc.what, v, who, tc.v, tc.who)
		}
	}
}

// More bytes never turn a No into something else, and cut ones never panic.
func TestStreamProbesAreMonotone(t *testing.T) {
	for _, whole := range [][]byte{
		[]byte("SSH-2.0-x"),
	} {
		for _, p := range []decoders.Proto{SSH} {
			if v, _ := p.Probe(0, whole); v != decoders.Yes {
				continue
			}
			for i := range whole {
				if v, _ := p.Probe(0, whole[:i]); v == decoders.No {
					t.Errorf("%s: No after %d bytes of %x", p.Name, i, whole)
				}
			}
		}
	}
}

func TestTakesEverything(t *testing.T) {
	for _, p := range Protos() {
		c := dt.Talk(p.Name, dt.Client("abc"), dt.Lost(events.FromServer, 5), dt.Server("def"), dt.Over(events.FromClient, events.EndFIN))
		c.Datagram = p.Stream == nil
		dt.Laws(t, p, c)
	}
}

func FuzzProbes(f *testing.F) {
	f.Add(pad(x("16 feff 0000 000000000000 006c 01 000060 0000 000000 000060 fefd"), 121))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range Protos() {
			p.Probe(events.FromClient, bytes.Clone(b))
		}
	})
}
