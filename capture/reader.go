package capture

import (
	"bytes"
	"fmt"
	"io"
)

// Bounds of one record, as libpcap has them: a packet has at most 256 KiB,
// unless the header announces more, and never more than 16 MiB.
const (
	maxRecord     = 256 << 10
	maxRecordHard = 16 << 20
)

// recordLimit is the most bytes that a packet may claim under a snaplen.
func recordLimit(snaplen uint32) uint32 {
	return min(max(snaplen, maxRecord), maxRecordHard)
}

// parser takes records out of a reader's buffer.
type parser interface {
	// parse fills out with the packets that lie whole in r.window, moves r.pos
	// behind them and gives their number. It stops early at a fault (r.fail),
	// at a jump of the frame number (r.count), or for lack of bytes: then want
	// is how many there must be from r.pos on, 1 where the file may end.
	parse(r *reader, out []Packet) (n, want int)
}

// reader reads the packets of one file.
type reader struct {
	name  string // for messages
	src   io.Reader
	live  bool // a read may wait for what is not written yet: take what is there
	pool  *pool
	notes *notes // nil when only the packets matter
	parser

	buf      *buffer
	pos, end int    // what is left in buf
	off      int64  // place of buf.b[0] in the (decompressed) file
	skip     int64  // bytes of a block to throw away that are not read yet, but for its trailer
	eof      bool   // src is exhausted
	srcErr   error  // … because of this
	fault    *Error // nothing after it is read
	count    uint64 // frames so far
	comments []pendingComment
}

// liveRoom is how much free space makes it worth reading on into a buffer whose
// front is in use: what a pipe holds (pipe(7)).
const liveRoom = 64 << 10

// newReader starts to read a capture from raw; live says that the packets are
// wanted as they arrive. Compressed data is never read live. A fault in its header stays in
// the reader; an error is returned where the content is no capture at all.
func newReader(name string, raw io.Reader, live bool, p *pool, n *notes) (*reader, error) {
	r := &reader{name: name, pool: p, notes: n}
	var compression string
	r.src, compression, r.srcErr = decompress(raw)
	if r.srcErr != nil {
		return nil, &Error{File: name, Err: r.srcErr}
	}
	r.live = live && compression == ""
	r.buf = p.buffer(p.size)
	r.readHead()
	head := r.buf.b[:r.end]
	if len(head) == 0 {
		cause := r.srcErr
		if cause == nil {
			cause = errEmpty
		}
		r.close()
		return nil, &Error{File: name, Err: cause}
	}
	if !r.start(head, compression) {
		cause := unknownFormat(head)
		r.close()
		return nil, &Error{File: name, Err: cause}
	}
	return r, nil
}

// readHead reads the first bytes. Live, it waits for the file header only: what
// comes after it may take its time.
func (r *reader) readHead() {
	r.read(pcapHeader)
	if h, isPcap := parsePcapHeader(r.window()); isPcap && r.end < h.size && !r.eof {
		r.read(h.size - r.end)
	}
	if bytes.HasPrefix(r.window(), []byte(netmonMagic)) && !r.eof {
		r.live = false // nobody writes these as they come, and the header says where the end is
		r.read(0)
	}
}

// start finds the format by the first bytes and reads the file header. It
// reports false where the format is not known.
func (r *reader) start(head []byte, compression string) bool {
	size := 0
	h, isPcap := parsePcapHeader(head)
	switch {
	case isPcapng(head):
		r.parser = newPcapng(compression)
		return true
	case isPcap:
		size = h.size
	case bytes.HasPrefix(head, []byte(snoopMagic)):
		size = snoopHeader
	case bytes.HasPrefix(head, []byte(netmonMagic)):
		size = netmonHeader
	default:
		return false
	}
	switch {
	case len(head) < size:
		r.fail(r.end, "the file ends within its header")
	case isPcap:
		r.pos = h.size
		r.parser = newPcap(r, h, compression)
	case size == snoopHeader:
		r.parser = newSnoop(r, compression)
	default:
		r.parser = newNetmon(r, compression)
	}
	return true
}

// window is what can be parsed now.
func (r *reader) window() []byte { return r.buf.b[r.pos:r.end] }

// next fills out with the next packets and gives their number and the frame
// number of the first. The packets lie in r.buf until the call after.
func (r *reader) next(out []Packet) (n int, first uint64, err error) {
	for r.fault == nil {
		var want int
		if r.skip == 0 {
			n, want = r.parse(r, out)
		} else {
			want = 1
		}
		if n > 0 {
			return n, r.count - uint64(n) + 1, nil
		}
		if want > 0 && r.fault == nil {
			if err := r.fill(want); err != nil {
				return 0, 0, err
			}
		}
	}
	return 0, 0, r.fault
}

// fill makes the window larger, at most to want bytes beyond a buffer's size.
// It gives io.EOF at the end of the file, and sets r.fault when the end comes
// within a record.
func (r *reader) fill(want int) error {
	left := r.end - r.pos
	if r.eof {
		switch {
		case r.srcErr != nil:
			r.failWith(r.end, r.srcErr)
		case r.skip > 0:
			r.fail(r.end, "the file is cut off: %d bytes of the last block are missing", r.skip+blockTrailer)
		case want > 1: // a parser wants 1 where the file may end
			r.fail(r.pos, "the file is cut off: of the last record %d bytes are there and at least %d are missing", left, want-left)
		default:
			return io.EOF
		}
		return nil
	}
	if r.live && r.pos+want <= len(r.buf.b) && len(r.buf.b)-r.end >= liveRoom {
		// A batch may hold what is before; what comes is behind it.
		r.read(want - left)
		r.passOver()
		return nil
	}
	// A record larger than a buffer is read in growing steps: its length may
	// be a lie, so memory grows only as bytes arrive.
	size := r.pool.size
	if want > size {
		size = max(size, min(want, 2*left))
	}
	if r.buf.refs.Load() == 1 && len(r.buf.b) >= size {
		copy(r.buf.b, r.window())
	} else {
		b := r.pool.buffer(size)
		copy(b.b, r.window())
		r.buf.unref()
		r.buf = b
	}
	r.off += int64(r.pos)
	r.pos, r.end = 0, left
	r.read(want - left)
	r.passOver()
	return nil
}

// passOver throws away of what was read what is to be skipped.
func (r *reader) passOver() {
	n := min(r.skip, int64(r.end-r.pos))
	r.skip -= n
	r.pos += int(n)
}

// read fills the rest of the buffer from the source, or, live, reads until
// there are least bytes more.
func (r *reader) read(least int) {
	b := r.buf.b[r.end:]
	if !r.live {
		least = len(b)
	}
	n, err := readAtLeast(r.src, b, min(least, len(b)))
	r.end += n
	if err != nil {
		r.eof = true
		if err != io.EOF {
			r.srcErr = err
		}
	}
}

// advance moves n bytes on, beyond the window if need be.
func (r *reader) advance(n int64) {
	have := int64(r.end - r.pos)
	if n > have {
		r.skip = n - have
		n = have
	}
	r.pos += int(n)
}

// fail sets the fault, found at pos in the buffer.
func (r *reader) fail(pos int, format string, args ...any) {
	r.failWith(pos, fmt.Errorf(format, args...))
}

func (r *reader) failWith(pos int, cause error) {
	r.fault = &Error{File: r.name, Offset: r.off + int64(pos), Err: cause}
}

// close gives the buffer back; the reader is of no more use.
func (r *reader) close() {
	if r.buf != nil {
		r.buf.unref()
		r.buf = nil
	}
	r.src = nil
}
