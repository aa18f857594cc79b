package http1

import (
	"bytes"

	"github.com/wiretale/wiretale/events"
)

// chunkSize reads a chunk-size line; its extensions mean nothing to us
// (RFC 9112 section 7.1).
func (c *call) chunkSize() (want int) {
	d := c.d
	b := c.rest()
	limit := max(c.s.env.Limits.HTTPHead, 64)
	b = b[:min(len(b), limit)]
	size, ok := parseChunkSize(b)
	if !ok {
		return c.badChunk("chunk size is not a hexadecimal number (RFC 9112 section 7.1)")
	}
	nl := bytes.IndexByte(b[d.scanned:], '\n')
	if nl < 0 {
		if len(b) == limit {
			c.out.Limit("http-head", limit, "a chunk-size line is longer", int64(limit))
			return c.badChunk("chunk-size line without an end")
		}
		d.scanned = len(b)
		return len(b) + 1
	}
	n := d.scanned + nl + 1
	c.frame(n)
	d.left = size
	d.state = inChunkData
	if size == 0 {
		d.state = inTrailers
	}
	return 0
}

// frame takes n bytes of chunk framing.
func (c *call) frame(n int) {
	d := c.d
	if d.body.first.Frame == 0 {
		d.body.first = c.w.At(c.off)
	}
	d.body.wire += int64(n)
	d.scanned = 0
	c.off += n
}

// parseChunkSize reads the size at the front of b. ok is false when no longer
// b could be a chunk-size line. Spaces behind the size are sent by many
// servers that pad it.
func parseChunkSize(b []byte) (size int64, ok bool) {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		case i > 0 && (c == ';' || c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			return size, true
		default:
			return 0, false
		}
		if size >= 1<<56 {
			return 0, false
		}
		size = size<<4 | int64(c)
	}
	return size, true
}

// chunkEnd reads the CRLF behind chunk data.
func (c *call) chunkEnd() (want int) {
	switch b := c.rest(); {
	case b[0] == '\n':
		c.frame(1)
	case b[0] != '\r':
		return c.badChunk("chunk data is longer than its size (RFC 9112 section 7.1)")
	case len(b) == 1:
		return 2
	case b[1] == '\n':
		c.frame(2)
	default:
		return c.badChunk("chunk data is longer than its size (RFC 9112 section 7.1)")
	}
	c.d.state = inChunkSize
	return 0
}

// badChunk: the rest of the body cannot be framed.
func (c *call) badChunk(reason string) (want int) {
	d := c.d
	d.scanned = 0
	c.s.closeBody(d, false, c.out)
	c.violation(reason)
	c.s.tear(d)
	return 0
}

// trailers reads the trailer section at once, when its empty line is there.
func (c *call) trailers() (want int) {
	d := c.d
	b := c.rest()
	limit := max(c.s.env.Limits.HTTPHead, 64)
	b = b[:min(len(b), limit)]
	end := -1
	switch {
	case b[0] == '\n':
		end = 1
	case b[0] == '\r' && len(b) == 1:
		return 2
	case b[0] == '\r' && b[1] == '\n':
		end = 2
	case d.from == events.FromServer && startsStatus(b) == yes:
		// No field name has a slash: the empty line was left out.
		c.s.closeBody(d, true, c.out)
		c.violation("chunked body without its last line end (RFC 9112 section 7.1)")
		return 0
	default:
		end = headEnd(b, max(0, d.scanned-2))
	}
	if end < 0 {
		if len(b) == limit {
			c.out.Limit("http-head", limit, "a trailer section is longer", int64(limit))
			return c.badChunk("trailer section without an end")
		}
		d.scanned = len(b)
		return len(b) + 1
	}
	var f fields
	if end > 2 {
		f = parseFields(string(b[:end]), &c.s.env)
		d.body.trailers = f.headers
	}
	c.frame(end)
	c.s.closeBody(d, true, c.out)
	d.tell(f.faults&^(twoHosts|badLength|twoLengths), c.out)
	c.tooMany(&f)
	return 0
}
