package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the largest window that is accepted: what `zstd --long` writes
// and `zstd -d` reads without being asked to.
const zstdWindow = 128 << 20

// prefixed gives head, then what r gives.
type prefixed struct {
	head []byte
	r    io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) == 0 {
		return p.r.Read(b)
	}
	n := copy(b, p.head)
	p.head = p.head[n:]
	return n, nil
}

// decompress finds out by content whether raw is compressed (gzip, RFC 1952;
// zstd, RFC 8878) and gives the plain bytes and the name of the compression.
// Nothing is read ahead of what the first bytes need.
func decompress(raw io.Reader) (io.Reader, string, error) {
	var head [4]byte
	n, err := readAtLeast(raw, head[:], len(head))
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	r := &prefixed{head: head[:n], r: raw}
	switch {
	case n >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8:
		return newGunzip(r), "gzip", nil
	case n == 4 && (head == [4]byte{0x28, 0xb5, 0x2f, 0xfd} || isSkippable(head)):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, "", fmt.Errorf("zstd: %w", err)
		}
		return &unzstd{z: z}, "zstd", nil
	}
	return r, "", nil
}

// isSkippable reports a zstd frame without content (RFC 8878 section 3.1.2),
// which may come before the first one with content.
func isSkippable(h [4]byte) bool {
	return h[0]&0xf0 == 0x50 && bytes.Equal(h[1:], []byte{0x2a, 0x4d, 0x18})
}

// gunzip reads one gzip member after the other. What follows the last one and
// is no member is ignored, as gzip(1) does: tapes and some tools pad.
type gunzip struct {
	src  *bufio.Reader
	z    *gzip.Reader
	open bool
}

func newGunzip(r io.Reader) *gunzip {
	return &gunzip{src: bufio.NewReaderSize(r, 64<<10)}
}

func (g *gunzip) Read(b []byte) (int, error) {
	for {
		if !g.open {
			if err := g.member(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(b)
		if err == io.EOF {
			g.open, err = false, nil
		}
		if err != nil {
			err = plain("gzip", err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (g *gunzip) member() (err error) {
	first := g.z == nil
	if first {
		g.z, err = gzip.NewReader(g.src)
	} else {
		err = g.z.Reset(g.src)
	}
	switch {
	case err == nil:
		g.z.Multistream(false)
		g.open = true
		return nil
	case first && err == io.EOF:
		return plain("gzip", io.ErrUnexpectedEOF)
	case first:
		return plain("gzip", err)
	default:
		return io.EOF
	}
}

// unzstd turns the decoder's errors into words. With one worker the decoder
// has no goroutines, so it needs no Close.
type unzstd struct{ z *zstd.Decoder }

func (u *unzstd) Read(b []byte) (int, error) {
	n, err := u.z.Read(b)
	if err != nil && err != io.EOF {
		err = plain("zstd", err)
	}
	return n, err
}

// plain says in words what is wrong with compressed data.
func plain(format string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the %s data is cut off: %w", format, err)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("the zstd data needs a window of more than %d MiB: %w", zstdWindow>>20, err)
	}
	return fmt.Errorf("the %s data is damaged: %w", format, err)
}

// readAtLeast reads into b until it has least bytes or the source ends. Unlike
// io.ReadAtLeast it tells a clean end (io.EOF) from the cut-off end of
// compressed data.
func readAtLeast(r io.Reader, b []byte, least int) (n int, err error) {
	for idle := 0; n < least && err == nil; {
		var k int
		k, err = r.Read(b[n:])
		n += k
		if idle++; k > 0 {
			idle = 0
		}
		if idle == 100 {
			return n, io.ErrNoProgress
		}
	}
	if n >= least && err == io.EOF {
		err = nil // the next read tells
	}
	return n, err
}
