package content

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/wiretale/wiretale/events"
)

func encode(t *testing.T, coding string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "bare":
		w, err = flate.NewWriter(&b, 5)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decoded is what comes out of a body that is given in pieces.
func decoded(coding string, body []byte, whole bool) (out []byte, ok bool) {
	l := events.DefaultLimits()
	if coding == "bare" {
		coding = "deflate"
	}
	r := New(&l, coding, func(p []byte) { out = append(out, p...) })
	for len(body) > 0 {
		n := min(len(body), 1000)
		r.Write(body[:n])
		body = body[n:]
	}
	if !whole {
		r.Abandon()
		return out, false
	}
	r.eof = true
	r.resume()
	r.Abandon()
	return out, r.err == nil
}

// A decompressor that is used again knows nothing of the body before: one that
// was given up midway, was broken, or ended.
func TestKitsAreUsedAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 200_000)
	for i := range text {
		text[i] = byte('a' + random.IntN(1+i/20_000))
	}
	for _, coding := range []string{"gzip", "deflate", "bare", "br", "zstd"} {
		for i := range 30 {
			n := random.IntN(len(text))
			body := encode(t, coding, text[:n])
			switch i % 3 {
			case 1:
				decoded(coding, body[:random.IntN(len(body))], false)
			case 2:
				broken := bytes.Clone(body)
				broken[random.IntN(len(broken))] ^= 0x55
				decoded(coding, broken, true)
			}
			if out, ok := decoded(coding, body, true); !ok || !bytes.Equal(out, text[:n]) {
				t.Fatalf("%s, round %d: %d bytes of %d, %v", coding, i, len(out), n, ok)
			}
		}
	}
}
