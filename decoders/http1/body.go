package http1

import (
	"math"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/content"
	"github.com/wiretale/wiretale/events"
)

// body counts a message body on its way through. No byte of it is kept or,
// without Env.Hash, looked at.
type body struct {
	of string // request, response; "": no body in progress
	// counting: nothing is to be done with the next bytes but to count them.
	counting  bool
	delimited bool // the end of the connection is its proper end
	simple    bool // of HTTP/0.9
	wire      int64
	bytes     int64
	missing   int64
	first     decoders.Mark // of its first byte; Frame 0: not seen yet
	head      decoders.Mark // of the end of its head
	offset    int64
	frame     uint64 // of its request
	mediaType string
	encoding  string
	codings   string // with those of the transfer, under chunked
	trailers  []events.Header
	reader    *content.Reader // nil: nobody reads it, or it was given up
	raw       bool            // reader does not know the coding: it passes bytes on as they are
	inner     decoders.Feed   // is given what comes out of reader; nil: nobody
	object    *object         // the same, for --extract
	document  *content.Document
}

// begin starts the body behind a head, or the next message.
func (c *call) begin(of string, how framing, length int64, f *fields, under string, frame uint64) {
	d := c.d
	if how == noBody {
		c.s.messageOver(d)
		return
	}
	d.left = length
	d.body = body{
		of: of, delimited: how == byClose && of == "response",
		head: decoders.Mark{Frame: c.w.Frame, Time: c.w.Time}, offset: c.w.Offset + int64(c.off),
		frame: frame, mediaType: f.contentType, encoding: f.contentEncoding,
	}
	switch how {
	case byLength:
		d.state = inLength
	case byChunks:
		d.state = inChunkSize
	default:
		d.state = untilClose
	}
	d.body.codings = appendList(f.contentEncoding, under)
}

// simpleAnswer starts the body that is the whole answer of HTTP/0.9, unless
// the server answers with a head after all.
func (c *call) simpleAnswer(f *exchange) {
	d := c.d
	c.begin("response", byClose, math.MaxInt64, new(fields), "", f.frame)
	d.body.simple = true
	c.read(f.name, nil)
	d.peek = true
	f.kind = plain
}

// messageOver: the next byte of d begins a message, if it is still HTTP.
func (s *stream) messageOver(d *side) {
	d.state = inHead
	if e := s.queue.last(); d.from == events.FromClient && e != nil && (e.kind == toConnect || e.kind == toUpgrade) {
		d.state = waiting
	}
}

// pass lets body bytes through.
func (c *call) pass() (want int) {
	d := c.d
	b := c.rest()
	if d.peek {
		switch startsStatus(b) {
		case yes:
			c.notBody()
			return 0
		case partly:
			d.nPeeked = copy(d.peeked[:], b)
			d.peekedAt = c.w.At(c.off)
			return len(b) + 1
		}
		c.s.isBody(d)
	}
	n := int(min(int64(len(b)), d.left))
	if d.body.first.Frame == 0 {
		d.body.first = c.w.At(c.off)
	}
	d.body.count(b[:n])
	c.off += n
	if d.left -= int64(n); d.left == 0 {
		d.body.counting = false
		c.s.partOver(d, c.out)
		return 0
	}
	d.body.counting = d.body.reader == nil && !d.body.document.Reading()
	return 0
}

func (b *body) count(p []byte) {
	b.wire += int64(len(p))
	b.bytes += int64(len(p))
	if b.reader != nil {
		b.reader.Write(p)
	}
	b.document.Write(p)
}

// lose counts bytes that were never captured.
func (b *body) lose(n int64) {
	b.wire += n
	b.bytes += n
	b.missing += n
	b.abandon()
}

func (b *body) abandon() {
	b.document.Lose()
	if b.reader != nil {
		b.reader.Abandon()
		b.reader = nil
	}
	if b.inner != nil {
		b.inner.End(events.FromServer, events.EndCaptureOver)
		b.inner = nil
	}
}

// notBody: what was taken for the body is the next response.
func (c *call) notBody() {
	d := c.d
	d.peek, d.nPeeked = false, 0
	switch {
	case d.body.simple:
		d.body.abandon()
		d.body.object.drop(d.from, c.out)
		d.body = body{}
		d.state = inHead
	case d.state == untilClose:
		c.s.closeBody(d, true, c.out)
		c.violation("response without a length on a connection that goes on (RFC 9112 section 6.3)")
	default:
		c.s.closeBody(d, false, c.out)
	}
}

// isBody: the bytes that were peeked at are body.
func (s *stream) isBody(d *side) {
	d.peek, d.nPeeked = false, 0
	if d.body.simple && d.body.bytes == 0 {
		s.queue.pop()
	}
}

// takePeeked: no more bytes come that would tell what the peeked ones are.
func (s *stream) takePeeked(d *side) {
	n := d.nPeeked
	if !d.peek {
		return
	}
	s.isBody(d)
	if n > 0 {
		if d.body.first.Frame == 0 {
			d.body.first = d.peekedAt
		}
		n = int(min(int64(n), d.left))
		d.body.count(d.peeked[:n])
		d.left -= int64(n)
	}
}

// partOver: the last byte of a body of known length, or of a chunk, was read.
func (s *stream) partOver(d *side, out decoders.Sink) {
	if d.state == inChunkData {
		d.state = inChunkEnd
		return
	}
	s.closeBody(d, true, out)
}

// closeBody says what is known of the body and goes on to the next message.
func (s *stream) closeBody(d *side, complete bool, out decoders.Sink) {
	b := &d.body
	complete = complete && b.missing == 0
	first := b.first
	if first.Frame == 0 {
		first = b.head
	}
	e := &events.HTTPBody{
		Of: b.of, WireBytes: b.wire, Bytes: b.bytes,
		ContentType: b.mediaType, ContentEncoding: b.encoding,
		Complete: complete, Missing: b.missing, FirstFrame: first.Frame, RequestFrame: b.frame,
		FirstTime: first.Time, Offset: b.offset, Trailers: b.trailers,
	}
	inner, innerEnd := b.inner, events.EndCaptureOver
	b.inner = nil
	whole := false
	if b.reader != nil && complete {
		var n int64
		var sum string
		if n, sum, whole = b.reader.Finish(name, d.from, out); whole && !b.raw {
			innerEnd = events.EndFIN
			if s.env.Hash || b.object != nil {
				e.DecodedBytes, e.SHA256 = n, sum
			}
		}
	}
	s.tellDocument(d, complete, out)
	b.abandon()
	if e.Missing > 0 {
		out.Truncated(d.from, e)
	} else {
		out.Emit(d.from, e)
	}
	b.object.end(d.from, b.mediaType, whole, first.Frame, out)
	if inner != nil {
		inner.End(events.FromServer, innerEnd)
	}
	s.spoken = true
	d.body = body{}
	d.peek, d.nPeeked = false, 0
	s.messageOver(d)
}
