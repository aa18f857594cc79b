// Package content undoes the content codings of message bodies (RFC 9110
// section 8.4) as their bytes come in, hashes what comes out and hands it on.
// It is what the protocols that carry such bodies share. It must not know any
// of them, nor hold a body.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Reader undoes the codings of one body and hashes what comes out, as the
// bytes come in. The libraries pull; a coroutine (iter.Pull: no parallelism,
// it runs only while Write and Finish do) turns that into a push, so that no
// more is held than the windows of the decompressors.
type Reader struct {
	limits *events.Limits
	part   func([]byte)
	sum    hash.Hash // nil: nobody wants it
	count  int64     // bytes hashed
	wire   int64     // bytes given
	coding string

	in        []byte // given, not read yet
	eof, gone bool
	next      func() (struct{}, bool) // nil: no coding
	stop      func()
	over      bool // the coroutine has returned
	err       error
}

var (
	errDecodedBytes = errors.New("decoded-bytes")
	errGone         = errors.New("abandoned")
)

// New makes a Reader for a body with these codings, a list in the order in
// which they were applied (RFC 9110 section 8.4). Nil: one is not known. part,
// where it is not nil, is handed the decoded bytes as they come out, borrowed
// until it returns, during Write and Finish; they are the body only when
// Finish says so.
func New(limits *events.Limits, codings string, part func([]byte)) *Reader {
	h := &Reader{limits: limits, part: part, sum: sha256.New(), coding: codings}
	var list []string
	for rest, more := codings, codings != ""; more; {
		var one string
		one, rest, more = strings.Cut(rest, ",")
		one = strings.ToLower(strings.Trim(one, " \t"))
		switch one {
		case "", "identity":
		case "x-gzip":
			list = append(list, "gzip")
		case "gzip", "deflate", "br", "zstd":
			list = append(list, one)
		default:
			return nil
		}
	}
	if len(list) == 0 {
		return h
	}
	h.next, h.stop = iter.Pull(func(yield func(struct{}) bool) { h.err = h.decode(list, yield) })
	return h
}

// Write takes the next bytes of the body; p is read before it returns.
func (h *Reader) Write(p []byte) {
	h.wire += int64(len(p))
	if h.next == nil {
		h.take(p)
		return
	}
	h.in = p
	h.resume()
	h.in = nil
}

// take counts, hashes and hands on decoded bytes.
func (h *Reader) take(p []byte) {
	if len(p) == 0 {
		return
	}
	if h.sum != nil {
		h.sum.Write(p)
	}
	h.count += int64(len(p))
	if h.part != nil {
		h.part(p)
	}
}

func (h *Reader) resume() {
	if !h.over {
		_, more := h.next()
		h.over = !more
	}
}

// Abandon lets the coroutine go. It may be called more than once, and after
// Finish must be.
func (h *Reader) Abandon() {
	h.gone = true
	if h.stop != nil {
		h.stop()
		h.over = true
	}
}

// Finish says how many bytes came out and their SHA-256 in hex, or says why
// there is none: a coding that is broken (a violation of protocol, told of
// the side from), or a limit.
func (h *Reader) Finish(protocol string, from events.Dir, out decoders.Sink) (bytes int64, sum string, ok bool) {
	h.eof = true
	if h.next != nil {
		h.resume()
	}
	var bad *codingError
	switch {
	case h.err == errDecodedBytes:
		out.Limit("decoded-bytes", h.limits.DecodedBytes, "a body grows larger when decompressed; it is not hashed", h.wire)
	case errors.As(h.err, &bad):
		out.Emit(from, &events.FlowViolation{Protocol: protocol, Reason: bad.Error()})
	case h.err != nil:
	case h.next != nil && h.count/int64(h.limits.DecodedRatio) > h.wire:
		out.Limit("decoded-ratio", h.limits.DecodedRatio, "a body grows more when decompressed; it is not hashed", h.wire)
	default:
		return h.count, hex.EncodeToString(h.sum.Sum(nil)), true
	}
	return 0, "", false
}

// source is the body as the libraries pull it.
type source struct {
	h     *Reader
	yield func(struct{}) bool
}

func (s source) Read(p []byte) (int, error) {
	for len(s.h.in) == 0 {
		switch {
		case s.h.gone:
			return 0, errGone
		case s.h.eof:
			return 0, io.EOF
		case !s.yield(struct{}{}):
			s.h.gone = true
			return 0, errGone
		}
	}
	n := copy(p, s.h.in)
	s.h.in = s.h.in[n:]
	return n, nil
}

// codingError is the failure of one coding.
type codingError struct {
	coding    string
	truncated bool
}

func (e *codingError) Error() string {
	if e.truncated {
		return fmt.Sprintf("body ends inside its coding %q", e.coding)
	}
	return fmt.Sprintf("body is not of its coding %q", e.coding)
}

// decode is the coroutine: the last coding applied is undone first.
func (h *Reader) decode(list []string, yield func(struct{}) bool) (err error) {
	if len(list) > h.limits.Nesting {
		return &codingError{coding: h.coding}
	}
	// The libraries meet bytes made by anybody here.
	defer func() {
		if recover() != nil {
			err = &codingError{coding: h.coding}
		}
	}()
	var r io.Reader = source{h, yield}
	layers := make([]*layer, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		layers[i] = &layer{h: h, coding: list[i], kit: takeKit(r)}
		r = layers[i]
	}
	buf := buffers.Get().(*[32 << 10]byte)
	for err == nil {
		var n int
		n, err = r.Read(buf[:])
		h.take(buf[:n])
	}
	// Not after a panic: who knows what state they are in.
	for _, l := range layers {
		l.kit.rest()
	}
	buffers.Put(buf)
	if err == io.EOF {
		return nil
	}
	return err
}

// buffers are for decoded bytes.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// layer undoes one coding.
type layer struct {
	h      *Reader
	coding string
	kit    *kit
	r      io.Reader // nil: not open yet
	count  int64
	err    error
}

func (l *layer) Read(p []byte) (n int, err error) {
	if l.err != nil {
		return 0, l.err
	}
	if l.r == nil {
		l.r, l.err = l.kit.open(l.coding)
	}
	if l.err == nil {
		n, l.err = l.r.Read(p)
		if l.count += int64(n); l.count > int64(l.h.limits.DecodedBytes) {
			return 0, l.fail(errDecodedBytes)
		}
	}
	if l.err != nil && l.err != io.EOF {
		l.fail(l.err)
	}
	return n, l.err
}

// fail keeps our own errors and names all others by the coding.
func (l *layer) fail(err error) error {
	var inner *codingError
	switch {
	case errors.Is(err, errGone), errors.Is(err, errDecodedBytes), errors.As(err, &inner):
		l.err = err
	default:
		l.err = &codingError{l.coding, errors.Is(err, io.ErrUnexpectedEOF)}
	}
	return l.err
}
