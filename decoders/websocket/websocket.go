// Package websocket observes the frames of WebSocket (RFC 6455) after an
// upgrade as a third party. It must not hold payload, inflate it, or put
// fragments together.
package websocket

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "websocket"

// Proto is WebSocket over a byte stream that was upgraded to it. Frames alone
// show too little to be found by their content.
var Proto = decoders.Proto{
	Name:   name,
	Probe:  func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.No, from },
	Stream: func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:    "WebSocket: frames after an upgrade of HTTP/1.1",
}

// stream is one connection. Its sides are independent.
type stream struct {
	deflate deflate
	sides   [2]side
}

// deflate says whether permessage-deflate (RFC 7692) was agreed on.
type deflate uint8

const (
	unknown deflate = iota // the answer to the upgrade was not captured
	refused
	agreed
)

// state says what the next byte of a side belongs to.
type state uint8

const (
	inHeader  state = iota
	inPayload       // left bytes to go
	inClose         // as inPayload, and they are looked at
	closed          // behind a close frame
	lost            // bytes were lost, and with them where frames begin
)

// side is one direction.
type side struct {
	state   state
	partial bool // inHeader: some bytes of one are there
	message bool // a fragmented message is not over
	frame   events.WebSocketFrame
	left    uint64
	mask    [4]byte
	body    [maxControl]byte // payload of a close frame
	nBody   int
	missing bool
	unread  int64 // bytes behind a gap, or behind a close frame
}

// maxControl is the longest payload of a control frame (RFC 6455 section 5.5).
const maxControl = 125

func newStream(env decoders.Env) *stream {
	s := &stream{}
	if h, ok := env.Hint.(decoders.HintUpgrade); ok && h.Response != nil {
		s.deflate = refused
		for _, f := range h.Response.Headers {
			if strings.EqualFold(f[0], "Sec-WebSocket-Extensions") && strings.Contains(strings.ToLower(f[1]), "permessage-deflate") {
				s.deflate = agreed
			}
		}
	}
	return s
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	for used < len(w.Bytes) {
		b := w.Bytes[used:]
		switch d.state {
		case lost, closed:
			d.unread += int64(len(b))
			return len(w.Bytes), 0, nil
		case inHeader:
			n := headerLen(b)
			if n > len(b) {
				d.partial = true
				return used, n, nil
			}
			d.partial = false
			s.header(d, b[:n], w.At(used).Frame, w.From, out)
			used += n
		default:
			n := int(min(uint64(len(b)), d.left))
			if d.state == inClose {
				d.nBody += copy(d.body[d.nBody:], b[:n])
			}
			d.left -= uint64(n)
			used += n
		}
		if d.left == 0 && d.state != inHeader {
			d.over(w.From, out)
		}
	}
	return used, 0, nil
}

// headerLen is the length of the header that begins b, as far as b tells.
func headerLen(b []byte) int {
	if len(b) < 2 {
		return 2
	}
	n := 2
	switch b[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// opcodes are the names of RFC 6455 section 5.2.
var opcodes = [16]string{
	0x0: "continuation", 0x1: "text", 0x2: "binary", 0x3: "0x3", 0x4: "0x4", 0x5: "0x5", 0x6: "0x6", 0x7: "0x7",
	0x8: "close", 0x9: "ping", 0xa: "pong", 0xb: "0xB", 0xc: "0xC", 0xd: "0xD", 0xe: "0xE", 0xf: "0xF",
}

const (
	opContinuation = 0x0
	opClose        = 0x8 // the first control frame
	opPong         = 0xa
)

// header reads the header h of a frame (RFC 6455 section 5.2).
func (s *stream) header(d *side, h []byte, frame uint64, from events.Dir, out decoders.Sink) {
	fin, rsv, op := h[0]&0x80 != 0, h[0]>>4&7, h[0]&0xf
	length, rest := uint64(h[1]&0x7f), h[2:]
	shortest := uint64(0)
	switch length {
	case 126:
		length, rest, shortest = uint64(binary.BigEndian.Uint16(rest)), rest[2:], 126
	case 127:
		length, rest, shortest = binary.BigEndian.Uint64(rest), rest[8:], 1<<16
	}
	masked := h[1]&0x80 != 0
	d.mask = [4]byte{}
	copy(d.mask[:], rest)
	compressed := rsv&4 != 0 && s.deflate != refused
	d.frame = events.WebSocketFrame{Opcode: opcodes[op], Fin: fin, Masked: masked, Compressed: compressed, Length: length, FirstFrame: frame}
	fault := func(reason string) { out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason}) }
	if masked == (from == events.FromServer) {
		if masked {
			fault("a frame of the server is masked (RFC 6455 section 5.1)")
		} else {
			fault("a frame of the client is not masked (RFC 6455 section 5.1)")
		}
	}
	if compressed {
		rsv &^= 4
		if op == opContinuation || op >= opClose {
			fault("RSV1 on a " + opcodes[op] + " frame (RFC 7692 section 6.1)")
		}
	}
	if rsv != 0 {
		fault("reserved bits without an extension (RFC 6455 section 5.2)")
	}
	if op > 2 && op < opClose || op > opPong {
		fault("reserved opcode " + opcodes[op])
	}
	if length < shortest {
		fault("a length in more bytes than it needs (RFC 6455 section 5.2)")
	}
	if length>>63 != 0 {
		fault("a length of 2⁶³ bytes or more (RFC 6455 section 5.2)")
	}
	switch {
	case op >= opClose:
		if !fin {
			fault("a control frame in fragments (RFC 6455 section 5.5)")
		}
		if length > maxControl {
			fault("a control frame of more than 125 bytes (RFC 6455 section 5.5)")
		}
	case op == opContinuation:
		if !d.message {
			fault("a continuation of nothing (RFC 6455 section 5.4)")
		}
		d.message = !fin
	default:
		if d.message {
			fault("a message inside a fragmented one (RFC 6455 section 5.4)")
		}
		d.message = !fin
	}
	d.left, d.nBody, d.missing = length, 0, false
	d.state = inPayload
	if op == opClose && length <= maxControl {
		d.state = inClose
	}
}

// over: the last byte of a frame was read.
func (d *side) over(from events.Dir, out decoders.Sink) {
	e := d.frame
	e.Complete = !d.missing
	wasClose := d.state == inClose
	fault := ""
	if wasClose && e.Complete {
		fault = d.reason(&e)
	}
	d.state = inHeader
	if wasClose {
		d.state = closed
	}
	if e.Complete {
		out.Emit(from, &e)
	} else {
		out.Truncated(from, &e)
	}
	if fault != "" {
		out.Emit(from, &events.FlowViolation{Protocol: name, Reason: fault})
	}
}

// reason reads the payload of a close frame (RFC 6455 section 5.5.1).
func (d *side) reason(e *events.WebSocketFrame) (fault string) {
	b := d.body[:d.nBody]
	for i := range b {
		b[i] ^= d.mask[i&3]
	}
	if len(b) == 0 {
		return ""
	}
	if e.Compressed {
		return ""
	}
	if len(b) == 1 {
		return "a close frame with half a code"
	}
	e.CloseCode = binary.BigEndian.Uint16(b)
	e.Reason = string(b[2:])
	switch c := e.CloseCode; {
	case c < 1000, c == 1004, c == 1005, c == 1006, c == 1015, c >= 1016 && c < 3000, c >= 5000:
		return fmt.Sprintf("close code %d must not be sent (RFC 6455 section 7.4)", c)
	}
	if !utf8.Valid(b[2:]) {
		return "the reason of a close frame is not UTF-8 (RFC 6455 section 5.5.1)"
	}
	return ""
}

// Gap implements decoders.Stream: a gap inside a payload is counted off.
// Behind any other, nothing shows where a frame begins.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.sides[from]
	switch d.state {
	case lost, closed:
		return nil
	case inHeader:
		d.state, d.partial = lost, false
		return nil
	}
	d.missing = true
	if uint64(n) > d.left {
		d.over(from, out)
		d.state = lost
		return nil
	}
	if d.left -= uint64(n); d.left == 0 {
		d.over(from, out)
	}
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &s.sides[from]
	fault := func(reason string, n int64) {
		out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason, Bytes: n})
	}
	switch d.state {
	case inHeader:
		if d.partial && (why == events.EndFIN || why == events.EndReset) {
			fault("connection closed inside the header of a frame", 0)
		}
	case inPayload, inClose:
		d.missing = true
		d.over(from, out)
	case closed:
		if d.unread > 0 {
			fault("bytes behind a close frame (RFC 6455 section 5.5.1)", d.unread)
		}
	case lost:
		if d.unread > 0 {
			fault("not read: a gap took the place where a frame begins", d.unread)
		}
	}
	d.state, d.unread = lost, 0
}
