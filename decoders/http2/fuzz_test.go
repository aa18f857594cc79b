package http2

import (
	"testing"

	dt "github.com/wiretale/wiretale/decoders/decodertest"
)

func FuzzHTTP2(f *testing.F) {
	var seeds []dt.Conversation
	for _, c := range talks() {
		if c.name != "windows 6.9" {
			seeds = append(seeds, c.conversation())
		}
	}
	dt.Fuzz(f, Proto, seeds...)
}

// FuzzBlock: any header block is read the same way whatever it is cut into,
// and where x/net's decoder takes it, the fields are the same ones.
func FuzzBlock(f *testing.F) {
	for _, s := range blocks {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}
