package http2

import (
	"math"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/content"
	"github.com/wiretale/wiretale/events"
)

// half is what one side sends on a stream. No byte of its content is kept or,
// unless it is to be hashed or extracted or is gRPC, looked at.
type half struct {
	phase phase
	epoch uint32 // of its side when it began
	// opaque: its head, or its trailers, could not be read.
	opaque bool
	noBody bool // no http.body of it is told

	first     decoders.Mark // of the first byte of content; Frame 0: not seen yet
	head      decoders.Mark // of the end of its head
	offset    int64
	wire      int64 // of its DATA frames
	bytes     int64
	missing   int64
	length    int64 // Content-Length; -1: none
	mediaType string
	encoding  string
	trailers  []events.Header

	// credit is what WINDOW_UPDATEs allowed minus what was sent: the window
	// is this and the peer's initial window (RFC 9113 section 6.9.2).
	credit   int64
	exceeded bool // told

	reader   *content.Reader // nil: nobody reads
	raw      bool            // reader does not know the coding
	document *content.Document
	object   uint32 // of --extract
	taken    int64  // bytes of its parts
	grpc     *grpc
}

// count lets n bytes of content pass.
func (h *half) count(n int) {
	h.wire += int64(n)
	h.bytes += int64(n)
}

func (h *half) abandon() {
	h.document.Lose()
	if h.reader != nil {
		h.reader.Abandon()
		h.reader = nil
	}
}

func (c *conn) documents() bool { return c.env.Want.Has(events.KindHTTPDocument) }

func (c *conn) extracting() bool { return c.env.Want.Has(events.KindContentPart) }

// nameOf is what the content of an exchange is called by its request.
func (c *conn) nameOf(r *events.HTTPRequest) string {
	if !c.extracting() {
		return ""
	}
	if r.Target != "" && r.Target[0] != '/' {
		return r.Target
	}
	return r.Host + r.Target
}

// maxPart is the longest content.part.
const maxPart = 64 << 10

// readDocument lets the front of the response's content be read by questions.
func (k *call) readDocument(st *stream) {
	if !k.documents() {
		return
	}
	h := &st.halves[events.FromServer]
	if content.IsDocument(h.mediaType, st.manifest) {
		h.document = content.NewDocument(k.env.Limits, h.encoding)
	}
}

// beginContent prepares the reading of what follows a head, where somebody
// wants it.
func (k *call) beginContent(h *half) {
	if isGRPC(h.mediaType) && k.env.Want.Has(events.KindGRPCMessage) {
		h.grpc = new(grpc)
	}
	extract := k.extracting()
	if !k.env.Hash && !extract {
		return
	}
	var part func([]byte)
	if extract {
		k.objects++
		h.object = k.objects
		c, from := k.conn, k.d.from
		part = func(p []byte) {
			h.taken += int64(len(p))
			for len(p) > 0 {
				n := min(len(p), maxPart)
				c.out.Emit(from, &events.ContentPart{Object: h.object, Bytes: append([]byte(nil), p[:n]...)})
				p = p[n:]
			}
		}
	}
	if h.reader = content.New(k.env.Limits, h.encoding, part); h.reader == nil && extract {
		h.reader, h.raw = content.New(k.env.Limits, "", part), true
	}
}

// beginData reads the header of a DATA frame (RFC 9113 section 6.1).
func (k *call) beginData() {
	d, f := k.d, &k.d.frame
	st := k.streams[f.stream]
	if st == nil && k.ended(f.stream) == nil {
		if st = k.join(f.stream, d.from); st != nil {
			st.halves[d.from].begun(d.epoch - 1)
			st.halves[d.from].offset = f.offset + headerLen
		}
	}
	d.stream, d.half = st, &d.nobody
	d.nobody = half{phase: ended}
	if st != nil {
		d.half = &st.halves[d.from]
		switch d.half.phase {
		case unseen:
			if k.sides[d.from].whole {
				k.violation(d.from, "DATA before a head (RFC 9113 section 8.1)")
			}
			d.half.begun(d.epoch - 1)
			d.half.offset = f.offset + headerLen
		case ended:
			k.violation(d.from, "DATA behind the end of its stream (RFC 9113 section 5.1)")
		}
		if k.tornHalf(d.half, d.from) {
			d.half.abandon()
			d.half.grpc = nil
		}
	}
	k.spend(d, f)
	d.half.wire += headerLen
	d.left, d.pad = f.length, 0
	switch {
	case !f.has(flagPadded):
		k.content()
	case f.length == 0:
		k.violation(d.from, "padding longer than its frame (RFC 9113 section 6.1)")
		k.dataOver(d)
	default:
		d.state = atPadLength
	}
}

// padLength reads the first byte of a padded frame.
func (k *call) padLength() {
	d := k.d
	d.pad = int(k.rest()[0])
	k.off++
	d.left--
	d.half.wire++
	if d.pad > d.left {
		k.violation(d.from, "padding longer than its frame (RFC 9113 section 6.1)")
		d.pad = d.left
	}
	d.left -= d.pad
	k.content()
}

// content: the next d.left bytes are content.
func (k *call) content() {
	d := k.d
	d.state = inData
	if d.left == 0 {
		k.contentOver(d)
		return
	}
	h := d.half
	if h.reader == nil && h.grpc == nil && !h.document.Reading() && (d.stream == nil || d.stream.connect == nil) && h.first.Frame != 0 {
		d.counting = h
	}
}

// data lets content through.
func (k *call) data() {
	d, h := k.d, k.d.half
	b := k.rest()
	b = b[:min(len(b), d.left)]
	if h.first.Frame == 0 {
		h.first = k.w.At(k.off)
		h.offset = k.w.Offset + int64(k.off)
	}
	h.count(len(b))
	d.counting = nil
	switch {
	case h.phase == ended: // nobody's
		d.counting = h
	case d.stream != nil && d.stream.connect != nil:
		k.tunnelled(d.stream, d.from, b)
	case h.grpc == nil && h.reader == nil && !h.document.Reading():
		d.counting = h
	default:
		h.document.Write(b)
		if h.grpc != nil {
			k.messages(h, b)
		}
		if h.reader != nil {
			h.reader.Write(b)
		}
	}
	k.off += len(b)
	if d.left -= len(b); d.left == 0 {
		k.contentOver(d)
	}
}

func (c *conn) contentOver(d *side) {
	d.counting = nil
	d.state, d.left = inPadding, d.pad
	if d.left == 0 {
		c.dataOver(d)
	}
}

// padding passes over padding.
func (k *call) padding() {
	d := k.d
	n := min(len(k.rest()), d.left)
	k.off += n
	d.half.wire += int64(n)
	if d.left -= n; d.left == 0 {
		k.dataOver(d)
	}
}

// dataOver ends a DATA frame.
func (c *conn) dataOver(d *side) {
	f, st := &d.frame, d.stream
	d.state = atHeader
	if c.env.Want.Has(events.KindHTTP2Frame) {
		e := f.event()
		e.Padding = d.pad
		c.windowsOf(e, d, d.half)
		c.out.Emit(d.from, e)
	}
	d.half, d.counting, d.stream = nil, nil, nil
	if st != nil && f.has(flagEndStream) && st.halves[d.from].phase == opened {
		c.endHalf(st, d.from, events.EndFIN, true)
	}
}

// loseData takes n lost bytes off a DATA frame; it says how many are left.
// The state is atHeader where the frame ended in them.
func (c *conn) loseData(d *side, n int64) int64 {
	h := d.half
	if d.state == atPadLength { // how much of it is content cannot be known
		h.epoch = d.epoch - 1
		d.state = inData
	}
	if d.state == inData {
		k := min(n, int64(d.left))
		if k > 0 {
			h.missing += k
			h.wire += k
			h.bytes += k
			h.abandon()
			c.loseMessages(h, d.from, k)
			c.loseTunnelled(d.stream, d.from, k)
			d.left -= int(k)
			n -= k
		}
		if d.left > 0 {
			return 0
		}
		c.contentOver(d)
	}
	if d.state == inPadding {
		k := min(n, int64(d.left))
		h.wire += k
		d.left -= int(k)
		n -= k
		if d.left == 0 {
			c.dataOver(d)
		}
	}
	return n
}

// closeBody says what is known of the content of a half that is over.
func (c *conn) closeBody(st *stream, from events.Dir, complete bool) {
	h := &st.halves[from]
	c.endMessages(h, from, st.id)
	if h.noBody {
		h.abandon()
		return
	}
	whole := complete && h.missing == 0 && !c.tornHalf(h, from)
	first := h.first
	if first.Frame == 0 {
		first = h.head
	}
	e := &events.HTTPBody{
		HTTPStream: uint64(st.id), Of: "request", WireBytes: h.wire, Bytes: h.bytes,
		ContentType: h.mediaType, ContentEncoding: h.encoding, Complete: whole, Missing: h.missing,
		FirstFrame: first.Frame, RequestFrame: st.requestFrame,
		FirstTime: first.Time, Offset: h.offset, Trailers: h.trailers,
	}
	if from == events.FromServer {
		e.Of = "response"
	}
	read := false
	if h.reader != nil && whole {
		var decoded int64
		var sum string
		if decoded, sum, read = h.reader.Finish(name, from, c.out); read && !h.raw {
			e.DecodedBytes, e.SHA256 = decoded, sum
		}
	}
	if h.document != nil {
		doc := &events.HTTPDocument{HTTPStream: uint64(st.id), RequestFrame: st.requestFrame, ContentType: h.mediaType}
		doc.Bytes, doc.Whole = h.document.End(whole, c.out)
		h.document = nil
		c.out.Emit(from, doc)
	}
	h.abandon()
	// Of a request that was not captured it is not known what the content is:
	// it may have been CONNECT.
	if h.missing > 0 || h.opaque || st.requestFrame == 0 {
		c.out.Truncated(from, e)
	} else {
		c.out.Emit(from, e)
	}
	if h.object != 0 {
		c.out.Emit(from, &events.ContentEnd{
			Object: h.object, Protocol: "http", Name: st.target, Type: h.mediaType, Bytes: h.taken, Complete: read, FirstFrame: first.Frame,
		})
	}
	if whole && h.length >= 0 && h.length != h.bytes && !(h.bytes == 0 && from == events.FromServer) {
		c.violation(from, "Content-Length is not the length of the content (RFC 9113 section 8.1.1)")
	}
}

// spend takes a DATA frame off the windows (RFC 9113 section 6.9.1).
func (c *conn) spend(d *side, f *frame) {
	peer := &c.sides[d.from.Other()]
	n := int64(f.length)
	d.window -= n
	d.half.credit -= n
	if !d.windows || !peer.windows {
		return
	}
	if d.window < 0 && !d.exceeded {
		d.exceeded = true
		c.doubt(d.from, "DATA beyond the window of the connection (RFC 9113 section 6.9.1)")
	}
	if h := d.half; d.stream != nil && h.credit+peer.settings.window < 0 && !h.exceeded {
		h.exceeded = true
		c.doubt(d.from, "DATA beyond the window of its stream (RFC 9113 section 6.9.1)")
	}
}

// update is a WINDOW_UPDATE of k.d: the other side may send more.
func (k *call) update(e *events.HTTP2Frame) (fault string) {
	from := k.d.from
	d := &k.sides[from.Other()]
	n := int64(e.WindowIncrement)
	if n == 0 {
		return "WINDOW_UPDATE of 0 (RFC 9113 section 6.9)"
	}
	if e.HTTPStream == 0 {
		d.window = min(d.window+n, math.MaxInt32<<8)
		if d.window >= 0 {
			d.exceeded = false
		}
		k.windowsOf(e, d, nil)
		if e.WindowsKnown && d.window > maxWindow {
			k.doubt(from, "window of the connection above 2^31-1 (RFC 9113 section 6.9.1)")
		}
		return ""
	}
	st := k.streams[uint32(e.HTTPStream)]
	if st == nil {
		return ""
	}
	h := &st.halves[d.from]
	h.credit = min(h.credit+n, math.MaxInt32<<8)
	if h.credit+k.d.settings.window >= 0 {
		h.exceeded = false
	}
	k.windowsOf(e, d, h)
	if e.WindowsKnown && e.StreamWindow > maxWindow {
		k.doubt(from, "window of a stream above 2^31-1 (RFC 9113 section 6.9.1)")
	}
	return ""
}

// windowsOf puts what d may still send into e.
func (c *conn) windowsOf(e *events.HTTP2Frame, d *side, h *half) {
	peer := &c.sides[d.from.Other()]
	e.WindowsKnown = d.windows && peer.windows
	e.ConnectionWindow = d.window
	if h != nil {
		e.StreamWindow = h.credit + peer.settings.window
	}
}
