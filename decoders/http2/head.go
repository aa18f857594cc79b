package http2

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/content"
	"github.com/wiretale/wiretale/events"
)

// head tells what a decoded header block says: a request, a response, or the
// trailers of one.
func (k *call) head(bl *block) {
	h := k.fields.parse()
	switch {
	case bl.push:
		k.request(bl, &h)
	case h.pseudo.none() && k.trailers(bl, &h):
	case k.d.from == events.FromClient:
		k.request(bl, &h)
	default:
		k.response(bl, &h)
	}
	k.tellFaults(k.d.from, h.faults)
}

// request tells a request, or the one that a push promises.
func (k *call) request(bl *block, h *head) {
	d, id := k.d, bl.stream
	if bl.push {
		id = bl.promised
	}
	if h.status != "" {
		h.faults |= notTheirs
	}
	if bl.push != (d.from == events.FromServer) {
		h.faults |= notTheirs
	}
	connect := h.method == "CONNECT"
	if h.method == "" || !connect && (h.scheme == "" || h.path == "") {
		h.faults |= noMethod
	}
	st := k.streams[id]
	if st != nil && st.halves[events.FromClient].phase != unseen {
		h.faults |= secondHead
		return
	}
	if h.method == "" {
		k.unknownHead(d, bl)
		return
	}
	e := &events.HTTPRequest{
		HTTPStream: uint64(id), Method: h.method, Target: h.path, Scheme: h.scheme, Host: h.authority, Version: "2",
		Headers: h.headers, FirstFrame: bl.at.Frame,
		FirstTime: bl.at.Time, Offset: bl.offset, Bytes: bl.wire,
		HasBody: !bl.endStream && !bl.push && !connect,
	}
	if e.Host == "" {
		e.Host = h.host
	}
	if connect && h.path == "" {
		e.Target = h.authority
	}
	st = k.open(id, d.from)
	k.out.Emit(d.from, e)
	if st == nil {
		return
	}
	st.requestFrame = k.w.Frame
	st.target = k.nameOf(e)
	st.manifest = k.documents() && content.IsManifestName(e.Target)
	c := &st.halves[events.FromClient]
	if connect {
		st.connect, st.protocol = e, h.protocol
	}
	switch {
	case bl.push, bl.endStream:
		c.phase = ended
	case connect:
		c.begun(d.epoch)
		c.noBody = true
	default:
		k.begin(c, h)
	}
}

// response tells a response, final or interim.
func (k *call) response(bl *block, h *head) {
	d, id := k.d, bl.stream
	if h.status == "" {
		if h.method != "" || h.path != "" {
			h.faults |= notTheirs
		} else {
			h.faults |= noStatus
		}
		k.unknownHead(d, bl)
		return
	}
	if h.method != "" || h.path != "" || h.scheme != "" || h.authority != "" {
		h.faults |= notTheirs
	}
	status, ok := parseStatus(h.status)
	if !ok {
		h.faults |= badStatus
		k.unknownHead(d, bl)
		return
	}
	interim := status < 200
	e := &events.HTTPResponse{
		HTTPStream: uint64(id), Status: status, Version: "2", Headers: h.headers, Interim: interim,
		FirstFrame: bl.at.Frame, FirstTime: bl.at.Time, Offset: bl.offset, Bytes: bl.wire,
	}
	st := k.streams[id]
	if st == nil {
		if p := k.ended(id); p != nil {
			e.RequestFrame = p.requestFrame
		} else {
			st = k.join(id, d.from)
		}
	}
	if st == nil {
		k.out.Emit(d.from, e)
		return
	}
	s := &st.halves[events.FromServer]
	e.RequestFrame = st.requestFrame
	tunnel := st.connect != nil && status/100 == 2
	e.HasBody = !bl.endStream && !interim && !tunnel
	switch {
	case s.phase == ended:
		e.HasBody = false
		k.out.Emit(d.from, e)
		return
	case s.phase == opened && !s.opaque:
		h.faults |= secondHead
		return
	}
	k.out.Emit(d.from, e)
	switch {
	case bl.endStream:
		s.noBody = s.wire == 0
		k.endHalf(st, d.from, events.EndFIN, true)
	case interim:
	case tunnel:
		s.begun(d.epoch)
		s.noBody = true
		k.openTunnel(st, e)
	case s.phase == opened && s.wire > 0: // of an unknown kind until now
		s.describe(h)
	default:
		k.begin(s, h)
		k.readDocument(st)
	}
}

// trailers takes a block without pseudo-header fields behind the content of a
// message. It says false where there is no such message.
func (k *call) trailers(bl *block, h *head) bool {
	d := k.d
	st := k.streams[bl.stream]
	if st == nil {
		if k.ended(bl.stream) != nil {
			return true
		}
		if d.whole {
			return false
		}
		if st = k.join(bl.stream, d.from); st == nil {
			return false
		}
		st.halves[d.from].begun(d.epoch - 1)
	}
	half := &st.halves[d.from]
	switch half.phase {
	case unseen:
		if d.whole {
			return false
		}
		half.begun(d.epoch - 1) // its head was lost
	case ended:
		return true
	}
	half.trailers = h.headers
	if !bl.endStream {
		h.faults |= trailersNotLast
		return true
	}
	k.endHalf(st, d.from, events.EndFIN, true)
	return true
}

// unknownHead does what is left to do for a header block that cannot be read:
// its stream goes on, and its content is of an unknown kind.
func (c *conn) unknownHead(d *side, bl *block) {
	if bl.push {
		if bl.promised == 0 {
			return
		}
		if st := c.open(bl.promised, d.from); st != nil {
			st.halves[events.FromClient].phase = ended
		}
		return
	}
	st := c.streams[bl.stream]
	if st == nil {
		if c.ended(bl.stream) != nil {
			return
		}
		if d.from == events.FromClient {
			st = c.open(bl.stream, d.from)
		} else {
			st = c.join(bl.stream, d.from)
		}
		if st == nil {
			return
		}
	}
	h := &st.halves[d.from]
	if h.phase == unseen {
		h.phase, h.opaque, h.length = opened, true, -1
		h.noBody = bl.endStream
		h.head = decoders.Mark{Frame: bl.at.Frame, Time: bl.at.Time}
		h.offset = bl.offset + bl.wire
	} else {
		h.opaque = true // what its trailers say is not known
	}
	if bl.endStream {
		c.endHalf(st, d.from, events.EndFIN, true)
	}
}

// parseStatus is three digits, from 100 on.
func parseStatus(s string) (n int, ok bool) {
	if len(s) != 3 || s[0] == '0' {
		return 0, false
	}
	v, ok := parseLength(s)
	return int(v), ok
}

// begin starts what follows a head on half h.
func (k *call) begin(h *half, of *head) {
	h.begun(k.d.epoch)
	h.head = decoders.Mark{Frame: k.w.Frame, Time: k.w.Time}
	h.offset = k.w.Offset + int64(k.off)
	h.describe(of)
	k.beginContent(h)
}

// begun: the half has begun, in this epoch of its side.
func (h *half) begun(epoch uint32) {
	h.phase, h.epoch, h.length = opened, epoch, -1
}

// describe takes from a head what is told with its body.
func (h *half) describe(of *head) {
	h.mediaType, h.encoding, h.length = of.contentType, of.encoding, of.length
	if of.faults&(badLength|twoLengths) != 0 {
		h.length = -1
	}
}

// upgraded: the request that asked for h2c is stream 1, half-closed (RFC 7540
// section 3.2).
func (c *conn) upgraded(h decoders.HintUpgrade) {
	if !strings.EqualFold(h.Protocol, "h2c") {
		return
	}
	c.opened[events.FromClient] = 1
	st := &stream{id: 1, requestFrame: h.RequestFrame}
	c.streams[1] = st
	st.halves[events.FromClient].phase = ended
	if h.Request == nil {
		return
	}
	st.target = c.nameOf(h.Request)
	if b := upgradeSettings(h.Request); b != nil {
		d := &c.sides[events.FromClient]
		d.settings.take(b)
		d.settings.ack()
	}
}
