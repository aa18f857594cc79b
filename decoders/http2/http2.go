// Package http2 observes HTTP/2 (RFC 9113) as a third party: it cuts both
// directions into frames, follows HPACK (RFC 7541), streams and flow-control
// windows, and lets bodies pass through unread. It must not reject what real
// peers accept, hold a body, or guess at what a lost header block said: what
// breaks the rules is a flow.violation, what cannot be known is marked so,
// and the conversation goes on.
package http2

import (
	"errors"
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "http2"

// Proto is HTTP/2 over a byte stream: in clear with prior knowledge, after an
// upgrade from HTTP/1.1, or inside TLS.
var Proto = decoders.Proto{
	Name:   name,
	Probe:  probe,
	Stream: func(env decoders.Env) decoders.Stream { return newConn(env) },
	Doc:    "HTTP/2: frames, header blocks, bodies, gRPC messages, flow control",
}

// errNotHTTP2 ends a decoder that never found a frame.
var errNotHTTP2 = errors.New("http2: no frame found")

// conn is one connection.
type conn struct {
	env   decoders.Env
	out   decoders.Sink // of the call in progress
	sides [2]side

	streams map[uint32]*stream
	full    bool           // told: there are more streams than are followed
	opened  [2]uint32      // the highest stream that each side opened
	past    [pastKept]past // streams that ended, the latest at pastAt-1
	pastAt  int
	tunnels []*stream // streams with an open feed, in order of their opening
	objects uint32    // of --extract, so far

	// doubts are violations of the other side that hold if nothing of this
	// one was lost until now: its next bytes tell.
	doubts [2][]string

	spoken  bool  // a frame was found
	skipped int64 // bytes passed over while none was

	fields fields // of the header block being read
}

// state says what the next byte of a side belongs to.
type state uint8

const (
	atPreface   state = iota // client: the connection preface (RFC 9113 section 3.4)
	atFirst                  // server: the SETTINGS that is its preface
	atHeader                 // a frame header (section 4.1)
	inPayload                // a payload that is read when it is whole
	inSkipped                // left bytes of a payload that is not read
	atPadLength              // the Pad Length of DATA (section 6.1)
	inData                   // left bytes of the content of DATA, then pad bytes
	inPadding                // pad bytes
	lost                     // looking for the next plausible frame
	over                     // the side has ended
)

// side is one direction.
type side struct {
	state state
	from  events.Dir
	frame frame
	left  int
	pad   int
	// offered are the bytes of a payload that were there when it was last
	// looked at and not taken.
	offered int
	// torn: bytes of the payload being skipped were lost.
	torn bool
	// half is whose DATA the frame is; counting is half where nothing is to
	// be done with the next bytes but to count them.
	half, counting *half
	stream         *stream // of half; nil: not followed
	nobody         half    // stands for the half of a stream that is not followed

	block block
	table table

	settings settings // announced by this side, kept to by the other one
	window   int64    // of the connection: what this side may send now (section 6.9)
	// windows: every SETTINGS and WINDOW_UPDATE of this side was seen.
	windows  bool
	exceeded bool // told: beyond the window of the connection
	// whole: seen from the first byte on, without a loss of place.
	whole bool
	// epoch counts the losses of place: what began in an earlier one may have
	// lost any number of bytes.
	epoch uint32
}

func newConn(env decoders.Env) *conn {
	c := &conn{env: env, streams: map[uint32]*stream{}}
	for i := range c.sides {
		d := &c.sides[i]
		d.from = events.Dir(i)
		d.table = table{max: defaultTable, bound: env.Limits.HTTP2Table}
		d.table.max = min(d.table.max, d.table.bound)
		d.table.short = d.table.bound < defaultTable
		d.settings = defaultSettings()
		d.window = defaultWindow
	}
	c.sides[events.FromServer].state = atFirst
	if h, ok := env.Hint.(decoders.HintUpgrade); ok {
		c.upgraded(h)
	}
	return c
}

// call is one call of Data.
type call struct {
	*conn
	d   *side
	w   decoders.Window
	off int // bytes taken so far
}

// Data implements decoders.Stream.
func (c *conn) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &c.sides[w.From]
	// The bulk path: a packet inside a DATA frame that nobody reads.
	if n := len(w.Bytes); d.counting != nil && n < d.left {
		d.left -= n
		d.counting.count(n)
		return n, 0, nil
	}
	c.out = out
	c.settleDoubts(w.From)
	k := call{conn: c, d: d, w: w}
	for k.off < len(w.Bytes) {
		st, off := d.state, k.off
		want, err = k.step()
		if err != nil {
			c.abandon()
			return k.off, 0, err
		}
		if k.off == off && d.state == st {
			break
		}
		want = 0
	}
	return k.off, want, nil
}

// step works on the bytes from k.off on. It takes bytes, or changes the
// state, or says how many bytes it wants.
func (k *call) step() (want int, err error) {
	switch k.d.state {
	case atPreface:
		return k.preface(), nil
	case atFirst:
		return k.first(), nil
	case atHeader:
		return k.header(), nil
	case inPayload:
		return k.payload(), nil
	case inSkipped:
		k.skip()
	case atPadLength:
		k.padLength()
	case inData:
		k.data()
	case inPadding:
		k.padding()
	case lost:
		return k.search()
	default: // over
		k.off = len(k.w.Bytes)
	}
	return 0, nil
}

// rest are the bytes not taken yet.
func (k *call) rest() []byte { return k.w.Bytes[k.off:] }

func (c *conn) violation(from events.Dir, reason string) {
	c.out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// doubt tells a violation of from by what the other side announced, once it
// is sure that it announced nothing else: a gap is told when the next bytes
// behind it come.
func (c *conn) doubt(from events.Dir, reason string) {
	if list := &c.doubts[from.Other()]; len(*list) < maxDoubts {
		*list = append(*list, reason)
	}
}

// maxDoubts bounds what is not told yet.
const maxDoubts = 16

// settleDoubts: bytes of from came, and no gap before them.
func (c *conn) settleDoubts(from events.Dir) {
	if len(c.doubts[from]) == 0 {
		return
	}
	for _, reason := range c.doubts[from] {
		c.violation(from.Other(), reason)
	}
	c.doubts[from] = nil
}

// prefaceText is what a client sends first (RFC 9113 section 3.4).
const prefaceText = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// preface reads the client's preface. What begins with something else was
// joined midway.
func (k *call) preface() (want int) {
	b := k.rest()
	n := min(len(b), len(prefaceText))
	switch {
	case string(b[:n]) != prefaceText[:n]:
		k.tear(k.d)
	case n < len(prefaceText): // the next byte may show that it is another
		return n + 1
	default:
		k.off += n
		k.d.whole, k.d.windows = true, true
		k.d.state = atFirst
		k.spoken = true
	}
	return 0
}

// first reads the header of the first frame of a side, which is a SETTINGS.
// Of a server that sends something else the beginning was not seen.
func (k *call) first() (want int) {
	b := k.rest()
	if len(b) < headerLen {
		return headerLen
	}
	h := parseHeader(b)
	settings := h.typ == typeSettings && !h.has(flagAck) && h.fault() == ""
	switch {
	case settings:
		k.d.whole, k.d.windows = true, true
		k.d.state = atHeader
	case k.d.from == events.FromClient:
		k.violation(k.d.from, "first frame is not SETTINGS (RFC 9113 section 3.4)")
		k.d.state = atHeader
	default:
		k.tear(k.d)
	}
	return 0
}

// header reads a frame header.
func (k *call) header() (want int) {
	d, b := k.d, k.rest()
	if len(b) < headerLen {
		return headerLen
	}
	d.frame = frame{header: parseHeader(b), at: k.w.At(k.off), offset: k.w.Offset + int64(k.off)}
	k.off += headerLen
	k.spoken = true
	f := &d.frame
	if peer := &k.sides[d.from.Other()]; peer.windows && f.length > peer.settings.maxFrame {
		k.doubt(d.from, "frame longer than SETTINGS_MAX_FRAME_SIZE (RFC 9113 section 4.2)")
	}
	if d.block.open && f.typ != typeContinuation {
		k.violation(d.from, "frame inside a header block (RFC 9113 section 6.10)")
	}
	if f.typ == typeData && f.stream != 0 {
		k.beginData()
		return 0
	}
	d.offered, d.torn = 0, false
	if f.length > k.longest() {
		d.state, d.left = inSkipped, f.length
		return 0
	}
	d.state = inPayload
	if f.length == 0 {
		k.payload()
	}
	return 0
}

// longest is the longest payload that is read as a whole.
func (c *conn) longest() int { return min(c.env.Limits.HTTPHead, c.env.Limits.Waiting) }

// payload reads the payload of any frame but DATA.
func (k *call) payload() (want int) {
	d, b := k.d, k.rest()
	if len(b) < d.frame.length {
		d.offered = len(b)
		return len(b) + 1
	}
	d.state = atHeader
	k.read(b[:d.frame.length])
	k.off += d.frame.length
	return 0
}

// skip passes over a payload.
func (k *call) skip() {
	d := k.d
	n := min(len(k.rest()), d.left)
	k.off += n
	if d.left -= n; d.left == 0 {
		k.skipped1(d)
	}
}

// Gap implements decoders.Stream.
func (c *conn) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &c.sides[from]
	c.out = out
	c.doubts[from] = nil
	switch d.state {
	case inPayload:
		d.left = d.frame.length - d.offered
		d.state = inSkipped
		fallthrough
	case inSkipped:
		k := min(n, int64(d.left))
		n -= k
		d.torn = d.torn || k > 0
		if d.left -= int(k); d.left > 0 {
			return nil
		}
		c.skipped1(d)
	case atPadLength, inData, inPadding:
		if n = c.loseData(d, n); n == 0 {
			return nil
		}
		if d.state != atHeader { // its padding is not known
			c.dataOver(d)
		}
	}
	if n > 0 {
		c.tear(d)
	}
	return nil
}

// tear gives up the place of d: any number of frames may have been lost.
func (c *conn) tear(d *side) {
	d.state = lost
	d.epoch++
	d.whole, d.windows = false, false
	d.block = block{}
	d.table.lose()
	d.half, d.counting, d.stream = nil, nil, nil
	for _, st := range slices.Clone(c.tunnels) {
		c.closeTunnel(st, events.EndCaptureOver)
	}
}

// End implements decoders.Stream.
func (c *conn) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &c.sides[from]
	c.out = out
	if why == events.EndFIN {
		c.settleDoubts(from)
	}
	if why == events.EndFIN && (d.state == inData || d.state == inPadding || d.state == inPayload) {
		c.violation(from, "connection closed inside a frame")
	}
	d.state = over
	d.counting = nil
	d.block = block{}
	d.table = table{}
	for _, st := range c.sorted() {
		c.endHalf(st, from, why, false)
	}
	if c.sides[from.Other()].state == over {
		c.abandon()
	}
}

// abandon lets go of what the connection holds.
func (c *conn) abandon() {
	for _, st := range c.streams {
		st.halves[0].abandon()
		st.halves[1].abandon()
	}
	clear(c.streams)
	for _, st := range slices.Clone(c.tunnels) {
		c.closeTunnel(st, events.EndCaptureOver)
	}
}
