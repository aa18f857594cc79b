package quic

import (
	"bytes"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// The packets of RFC 9001 appendix A and RFC 9369 appendix A.
func TestVectors(t *testing.T) {
	for name, v := range vectors {
		if !retryFits(v.version, v.retry) {
			t.Errorf("%s: the Retry's tag does not fit", name)
		}
		for i := range v.retry[5:] {
			broken := bytes.Clone(v.retry)
			broken[5+i] ^= 1
			if retryFits(v.version, broken) {
				t.Errorf("%s: a Retry with another byte %d is taken for whole", name, 5+i)
			}
		}
		tape := dt.Run(t, Proto, dt.Packets(name, dt.Client(string(v.clientPacket())), dt.Server(string(v.serverPacket))))
		got := dt.Of[*events.QUICPacket](tape)
		if len(got) != 2 {
			t.Fatalf("%s: %v", name, tape.Records)
		}
		c, s := got[0], got[1]
		if c.Type != "initial" || c.Version != v.version.String() || c.DCID != "8394c8f03e515708" || c.SCID != "" || c.Length != 1200 ||
			c.PacketNumber == nil || *c.PacketNumber != 2 || len(c.Frames) != 2 || c.Frames[0] != "crypto" || c.Frames[1] != "padding" {
			t.Errorf("%s: client %+v", name, c)
		}
		if s.Type != "initial" || s.DCID != "" || s.SCID != "f067a5502a4262b5" || s.Length != 135 ||
			s.PacketNumber == nil || *s.PacketNumber != 1 || len(s.Frames) != 2 || s.Frames[0] != "ack" || s.Frames[1] != "crypto" {
			t.Errorf("%s: server %+v", name, s)
		}
		if len(tape.Feeds) != 1 || tape.Feeds[0].Next.Protocol != "tls" || tape.Feeds[0].Next.Hint != (decoders.HintTLS{QUIC: true}) ||
			string(tape.Feeds[0].Bytes[0]) != clientHello || string(tape.Feeds[0].Bytes[1]) != serverHello {
			t.Errorf("%s: feeds %+v", name, tape.Feeds)
		}
	}
}

func retryFits(v version, p []byte) bool {
	fits, known := retryTagFits(v, p, []byte(vectorID))
	return fits && known
}

// RFC 9000 appendix A.3.
func TestFullNumber(t *testing.T) {
	for _, tc := range []struct {
		truncated uint64
		size      int
		largest   int64
		want      uint64
	}{
		{0x9b32, 2, 0xa82f30ea, 0xa82f9b32}, // the RFC's example
		{0, 1, -1, 0}, {255, 1, -1, 255}, {0x80, 1, -1, 0x80}, {0, 1, 255, 256}, {255, 1, 256, 255}, {1, 1, 0x1ff, 0x201}, {6630485, 4, -1, 6630485},
	} {
		if got := fullNumber(tc.truncated, tc.size, tc.largest); got != tc.want {
			t.Errorf("%#x of %d bytes after %#x: %#x, want %#x", tc.truncated, tc.size, tc.largest, got, tc.want)
		}
	}
}
