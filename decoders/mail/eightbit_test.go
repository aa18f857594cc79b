package mail

import (
	"testing"

	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// Where bytes above 127 are, however the bytes are cut.
func TestEightBit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       events.EightBit
	}{
		{"none", "Subject: hi\n\nplain\n", 0},
		{"header", "Subject: gr\xc3\xbc\xc3\x9fe\n\nplain\n", events.EightBitHeader},
		{"body", "Subject: hi\n\nplain, plain, plain, gr\xfc\xdfe\n", events.EightBitBody},
		{"both", "Subject: \xfc\n\n\xfc\n", events.EightBitHeader | events.EightBitBody},
		{"header of a part", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Description: \xfc\n\nx\n--b--\n", events.EightBitHeader},
		{"body of a part", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xff\n--b--\n", events.EightBitBody},
	} {
		whole := message(c.name, wire(c.text))
		if got := read(t, whole).EightBit; got != c.want {
			t.Errorf("%s: %b, want %b", c.name, got, c.want)
		}
		var cut []decodertest.Chunk
		for i := range len(wire(c.text)) {
			cut = append(cut, decodertest.Client(wire(c.text)[i:i+1]))
		}
		bytewise := decodertest.Talk(c.name, append(cut, decodertest.Over(events.FromClient, events.EndFIN))...)
		bytewise.Env.Hint = whole.Env.Hint
		if got := read(t, bytewise).EightBit; got != c.want {
			t.Errorf("%s, byte by byte: %b, want %b", c.name, got, c.want)
		}
	}
}
