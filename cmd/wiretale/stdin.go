package main

import (
	"context"
	"io"
)

// untilCanceled reads from r as far as ctx lets it: a read that waits for
// input ends with ctx, which a read of a pipe does not do by itself.
func untilCanceled(ctx context.Context, r io.Reader) io.Reader {
	u := &canceledReader{ctx: ctx, full: make(chan piece), free: make(chan []byte, 2)}
	for range cap(u.free) {
		u.free <- make([]byte, 256<<10)
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case b := <-u.free:
				n, err := r.Read(b)
				select {
				case u.full <- piece{b, b[:n], err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		}
	}()
	return u
}

// piece is what one read gave: rest is the part of buf not yet passed on.
type piece struct {
	buf, rest []byte
	err       error
}

type canceledReader struct {
	ctx  context.Context
	full chan piece
	free chan []byte
	now  piece
}

func (u *canceledReader) Read(p []byte) (int, error) {
	for len(u.now.rest) == 0 {
		if u.now.err != nil {
			return 0, u.now.err
		}
		if u.now.buf != nil {
			u.free <- u.now.buf
			u.now.buf = nil
		}
		select {
		case u.now = <-u.full:
		case <-u.ctx.Done():
			return 0, u.ctx.Err()
		}
	}
	n := copy(p, u.now.rest)
	u.now.rest = u.now.rest[n:]
	return n, nil
}
