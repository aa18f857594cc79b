package imap

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// inflateAll gives z pieces of b of at most n bytes.
func inflateAll(b []byte, n int) (out []byte, err error) {
	z := new(inflater)
	for len(b) > 0 {
		k := min(n, len(b))
		z.write(b[:k])
		b = b[k:]
		for {
			p, err := z.read()
			if err != nil {
				return out, err
			}
			if len(p) == 0 {
				break
			}
			out = append(out, p...)
		}
	}
	return out, nil
}

func deflate(t testing.TB, level int, flush bool, p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	for len(p) > 0 {
		n := min(len(p), 1000)
		w.Write(p[:n])
		if flush {
			w.Flush()
		}
		p = p[n:]
	}
	w.Close()
	return b.Bytes()
}

// samples are texts that lead to all kinds of blocks.
func samples() [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	words := make([]byte, 0, 200000)
	for len(words) < 200000 {
		words = append(words, "the quick brown fox\r\n"[rnd.IntN(20):]...)
	}
	return [][]byte{nil, []byte("a"), bytes.Repeat([]byte("ab"), 100000), noise, words, append(words[:50000:50000], noise...)}
}

func TestInflate(t *testing.T) {
	for i, p := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			for _, flush := range []bool{false, true} {
				b := deflate(t, level, flush, p)
				for _, n := range []int{1, 7, 1448, len(b)} {
					got, err := inflateAll(b, n)
					if err != nil || !bytes.Equal(got, p) {
						t.Fatalf("sample %d, level %d, pieces of %d: %d bytes of %d, %v", i, level, n, len(got), len(p), err)
					}
				}
			}
		}
	}
}

// TestInflateAtOnce: what was flushed comes out with its last byte.
func TestInflateAtOnce(t *testing.T) {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	z := new(inflater)
	for range 100 {
		b.Reset()
		w.Write([]byte("* 12 EXISTS\r\n"))
		w.Flush()
		z.write(b.Bytes())
		if p, err := z.read(); string(p) != "* 12 EXISTS\r\n" || err != nil {
			t.Fatalf("%q %v", p, err)
		}
	}
}

// FuzzInflate: as compress/flate has it, for any bytes.
func FuzzInflate(f *testing.F) {
	for _, p := range samples()[:3] {
		f.Add(deflate(f, 6, true, p), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), 1<<20))
		if len(want) == 1<<20 {
			return
		}
		got, err := inflateAll(b, int(n)+1)
		if wantErr == nil && err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, want %d", len(got), len(want))
		}
		if wantErr == io.ErrUnexpectedEOF && err != nil {
			t.Fatalf("error %v of what is only not whole", err)
		}
		if len(got) > len(want) && !bytes.HasPrefix(got, want) {
			t.Fatal("another beginning")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	p := samples()[4]
	c := deflate(b, 6, true, p)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	z := new(inflater)
	for b.Loop() {
		*z = inflater{}
		z.write(c)
		for {
			if out, err := z.read(); len(out) == 0 || err != nil {
				break
			}
		}
	}
}
