package content

import (
	"bufio"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// kit is an input buffer and the decompressors that have read from it. They are
// large beside most bodies, so they are used again.
type kit struct {
	raw    *bufio.Reader
	gzip   *gzip.Reader
	zlib   io.ReadCloser
	flate  io.ReadCloser
	brotli *brotli.Reader
	zstd   *zstd.Decoder
}

// kits are those at rest. What one undid before does not show.
var kits = sync.Pool{New: func() any { return &kit{raw: bufio.NewReaderSize(nil, 4096)} }}

// takeKit is one that reads r.
func takeKit(r io.Reader) *kit {
	k := kits.Get().(*kit)
	k.raw.Reset(r)
	return k
}

// rest gives the kit back.
func (k *kit) rest() {
	k.raw.Reset(strings.NewReader(""))
	kits.Put(k)
}

// open is the decompressor of a coding, at the front of raw.
func (k *kit) open(coding string) (r io.Reader, err error) {
	head, err := k.raw.Peek(2)
	if len(head) == 0 {
		return nil, err // a body of no bytes has no coding to undo
	}
	switch coding {
	case "gzip":
		return k.openGzip()
	case "deflate":
		// RFC 9110 section 8.4.1.2 means zlib (RFC 1950); some send bare
		// deflate (RFC 1951), and browsers take both.
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return again(&k.zlib, k.raw, zlib.NewReader)
		}
		return again(&k.flate, k.raw, func(r io.Reader) (io.ReadCloser, error) { return flate.NewReader(r), nil })
	case "br":
		if k.brotli == nil {
			k.brotli = brotli.NewReader(k.raw)
			return k.brotli, nil
		}
		return k.brotli, k.brotli.Reset(k.raw)
	}
	if k.zstd == nil { // RFC 9659: no window beyond 8 MiB in this coding
		k.zstd, err = zstd.NewReader(k.raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		return k.zstd, err
	}
	return k.zstd, k.zstd.Reset(k.raw)
}

func (k *kit) openGzip() (r io.Reader, err error) {
	if k.gzip == nil {
		k.gzip, err = gzip.NewReader(k.raw)
	} else {
		err = k.gzip.Reset(k.raw)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return k.gzip, err
}

// again is *r at the front of raw, made where there is none yet. Readers of
// zlib and of flate have the same Resetter.
func again(r *io.ReadCloser, raw *bufio.Reader, make func(io.Reader) (io.ReadCloser, error)) (io.Reader, error) {
	if *r != nil {
		return *r, (*r).(flate.Resetter).Reset(raw, nil)
	}
	made, err := make(raw)
	if err == nil {
		*r = made
	}
	return made, err
}
