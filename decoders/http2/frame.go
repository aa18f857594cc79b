package http2

import (
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// frameType is the type of a frame (RFC 9113 section 6).
type frameType uint8

const (
	typeData           frameType = 0x00
	typeHeaders        frameType = 0x01
	typePriority       frameType = 0x02
	typeRSTStream      frameType = 0x03
	typeSettings       frameType = 0x04
	typePushPromise    frameType = 0x05
	typePing           frameType = 0x06
	typeGoaway         frameType = 0x07
	typeWindowUpdate   frameType = 0x08
	typeContinuation   frameType = 0x09
	typeAltSvc         frameType = 0x0a // RFC 7838 section 4
	typeOrigin         frameType = 0x0c // RFC 8336
	typePriorityUpdate frameType = 0x10 // RFC 9218 section 7.1
)

// The flags of all types; which a type has stands in its rule.
const (
	flagEndStream  = 0x01
	flagAck        = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

// onStream says where a type may stand.
type onStream uint8

const (
	anyStream onStream = iota
	oneStream          // not on stream 0
	noStream           // on stream 0 only
)

// rule is what RFC 9113 section 6 asks of the header of a frame.
type rule struct {
	name     string
	stream   onStream
	flags    byte // that are defined
	min, max int  // length of the payload; max 0: any
}

var rules = [...]rule{
	typeData:           {"DATA", oneStream, flagEndStream | flagPadded, 0, 0},
	typeHeaders:        {"HEADERS", oneStream, flagEndStream | flagEndHeaders | flagPadded | flagPriority, 1, 0},
	typePriority:       {"PRIORITY", oneStream, 0, 5, 5},
	typeRSTStream:      {"RST_STREAM", oneStream, 0, 4, 4},
	typeSettings:       {"SETTINGS", noStream, flagAck, 0, 0},
	typePushPromise:    {"PUSH_PROMISE", oneStream, flagEndHeaders | flagPadded, 4, 0},
	typePing:           {"PING", noStream, flagAck, 8, 8},
	typeGoaway:         {"GOAWAY", noStream, 0, 8, 0},
	typeWindowUpdate:   {"WINDOW_UPDATE", anyStream, 0, 4, 4},
	typeContinuation:   {"CONTINUATION", oneStream, flagEndHeaders, 0, 0},
	typeAltSvc:         {"ALTSVC", anyStream, 0, 2, 0},
	typeOrigin:         {"ORIGIN", noStream, 0, 0, 0},
	typePriorityUpdate: {"PRIORITY_UPDATE", noStream, 0, 4, 0},
}

func (t frameType) rule() *rule {
	if int(t) < len(rules) && rules[t].name != "" {
		return &rules[t]
	}
	return nil
}

func (t frameType) String() string {
	if r := t.rule(); r != nil {
		return r.name
	}
	return hexNumber(uint64(t), 2)
}

// hexNumber is 0xNN with at least digits digits.
func hexNumber(v uint64, digits int) string {
	s := strconv.FormatUint(v, 16)
	for len(s) < digits {
		s = "0" + s
	}
	return "0x" + s
}

// headerLen is the length of a frame header (RFC 9113 section 4.1).
const headerLen = 9

// header is a frame header.
type header struct {
	length int // of the payload
	typ    frameType
	flags  byte
	stream uint32
	// reserved is the bit before the stream identifier.
	reserved bool
}

// parseHeader reads the first 9 bytes of b.
func parseHeader(b []byte) header {
	_ = b[headerLen-1]
	return header{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		typ:    frameType(b[3]), flags: b[4],
		stream:   uint32(b[5]&0x7f)<<24 | uint32(b[6])<<16 | uint32(b[7])<<8 | uint32(b[8]),
		reserved: b[5]&0x80 != 0,
	}
}

func (h *header) has(flag byte) bool { return h.flags&flag != 0 }

// fault is what in h breaks RFC 9113 section 6; "" where nothing does.
func (h *header) fault() string {
	r := h.typ.rule()
	switch {
	case r == nil:
		return ""
	case r.stream == oneStream && h.stream == 0:
		return r.name + " on stream 0 (RFC 9113 section 6)"
	case r.stream == noStream && h.stream != 0:
		return r.name + " on a stream (RFC 9113 section 6)"
	case h.length < r.min, r.max > 0 && h.length > r.max:
		return r.name + " of a wrong length (RFC 9113 section 4.2)"
	case h.typ == typeSettings && (h.length%6 != 0 || h.has(flagAck) && h.length > 0):
		return "SETTINGS of a wrong length (RFC 9113 section 6.5)"
	}
	return ""
}

// plausible is what a header must be where it is not sure that one stands
// there: as peers send it, not merely as they must accept it.
func (h *header) plausible(longest int) bool {
	r := h.typ.rule()
	if r == nil || h.reserved || h.flags&^r.flags != 0 || h.length > longest || h.fault() != "" {
		return false
	}
	switch h.typ {
	case typeData:
		return h.length > 0 || h.has(flagEndStream)
	case typeContinuation:
		return h.length > 0
	case typeSettings:
		return h.length <= 6*32
	}
	return true
}

// flagNames are the names of flags, in bit order; what has no name is a
// number. The slices are shared and never written to.
func flagNames(t frameType, flags byte) []string {
	if flags == 0 {
		return nil
	}
	if int(t) < len(namedFlags) && int(flags) < len(namedFlags[t]) {
		return namedFlags[t][flags]
	}
	return nameFlags(t, flags)
}

var namedFlags = func() (all [len(rules)][0x40][]string) {
	for t := range all {
		for f := range all[t] {
			all[t][f] = nameFlags(frameType(t), byte(f))
		}
	}
	return all
}()

func nameFlags(t frameType, flags byte) []string {
	var out []string
	defined := byte(0)
	if r := t.rule(); r != nil {
		defined = r.flags
	}
	for bit := byte(1); bit != 0; bit <<= 1 {
		if flags&bit == 0 {
			continue
		}
		s := hexNumber(uint64(bit), 2)
		if defined&bit != 0 {
			switch {
			case bit == flagAck && (t == typeSettings || t == typePing):
				s = "ACK"
			case bit == flagEndStream:
				s = "END_STREAM"
			case bit == flagEndHeaders:
				s = "END_HEADERS"
			case bit == flagPadded:
				s = "PADDED"
			case bit == flagPriority:
				s = "PRIORITY"
			}
		}
		out = append(out, s)
	}
	return out
}

// errorNames are the codes of RFC 9113 section 7.
var errorNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

func errorName(code uint32) string {
	if int64(code) < int64(len(errorNames)) {
		return errorNames[code]
	}
	return hexNumber(uint64(code), 1)
}

// frame is the frame that one side is inside of.
type frame struct {
	header
	at     decoders.Mark // of its first byte
	offset int64         // stream offset of it
}

// event is the http2.frame of f, without what its type adds.
func (f *frame) event() *events.HTTP2Frame {
	return &events.HTTP2Frame{
		Type: f.typ.String(), Flags: flagNames(f.typ, f.flags), HTTPStream: uint64(f.stream), Length: uint32(f.length),
		FirstFrame: f.at.Frame, FirstTime: f.at.Time, Offset: f.offset,
	}
}
