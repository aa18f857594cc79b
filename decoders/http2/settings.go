package http2

import (
	"encoding/base64"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// The parameters of SETTINGS (RFC 9113 section 6.5.2) that are looked at.
const (
	settingTableSize     = 0x1
	settingEnablePush    = 0x2
	settingInitialWindow = 0x4
	settingMaxFrame      = 0x5
)

var settingNames = [...]string{
	settingTableSize: "HEADER_TABLE_SIZE", settingEnablePush: "ENABLE_PUSH", 0x3: "MAX_CONCURRENT_STREAMS",
	settingInitialWindow: "INITIAL_WINDOW_SIZE", settingMaxFrame: "MAX_FRAME_SIZE", 0x6: "MAX_HEADER_LIST_SIZE",
	0x8: "ENABLE_CONNECT_PROTOCOL", // RFC 8441 section 3
	0x9: "NO_RFC7540_PRIORITIES",   // RFC 9218 section 2.1
}

func settingName(id uint16) string {
	if int(id) < len(settingNames) && settingNames[id] != "" {
		return settingNames[id]
	}
	return hexNumber(uint64(id), 1)
}

const (
	defaultWindow   = 65535     // RFC 9113 section 6.9.2
	defaultMaxFrame = 1 << 14   // RFC 9113 section 4.2
	maxMaxFrame     = 1<<24 - 1 // RFC 9113 section 6.5.2
	maxWindow       = 1<<31 - 1 // RFC 9113 section 6.9.1
	defaultTable    = 4096      // RFC 9113 section 6.5.2
)

// settings are what one side announced: what the other one must keep to.
//
// A change holds once it is acknowledged. Until then the other side may still
// keep to the old value, or keep to the new one already, so that the larger
// one is what it can be held to.
type settings struct {
	window   int64 // initial window of streams
	maxFrame int
	table    int // the largest that was ever permitted

	sent, acked uint64
	windowNext  int64
	windowAt    uint64 // ordinal of the SETTINGS that set windowNext
	frameNext   int
	frameAt     uint64
}

func defaultSettings() settings {
	return settings{window: defaultWindow, maxFrame: defaultMaxFrame, table: defaultTable, windowNext: defaultWindow, frameNext: defaultMaxFrame}
}

// take takes in the payload of one SETTINGS.
func (s *settings) take(b []byte) {
	s.sent++
	for ; len(b) >= 6; b = b[6:] {
		v := int64(be32(b[2:]))
		switch be16(b) {
		case settingTableSize:
			s.table = max(s.table, int(v))
		case settingInitialWindow:
			s.windowNext, s.windowAt = v, s.sent
			s.window = max(s.window, v)
		case settingMaxFrame:
			s.frameNext, s.frameAt = int(v), s.sent
			s.maxFrame = max(s.maxFrame, int(v))
		}
	}
}

// ack: the other side keeps to one more SETTINGS.
func (s *settings) ack() {
	s.acked++
	if s.acked >= s.windowAt {
		s.window = s.windowNext
	}
	if s.acked >= s.frameAt {
		s.maxFrame = s.frameNext
	}
}

// list are the parameters of a payload, at most max of them.
func list(b []byte, max int) (out []events.HTTP2Setting, over bool) {
	n := len(b) / 6
	if n == 0 {
		return nil, false
	}
	out = make([]events.HTTP2Setting, 0, min(n, max))
	for ; len(b) >= 6; b = b[6:] {
		if len(out) == max {
			return out, true
		}
		out = append(out, events.HTTP2Setting{Name: settingName(be16(b)), Value: be32(b[2:])})
	}
	return out, false
}

// settingsFault is what in a payload breaks RFC 9113 section 6.5.2.
func settingsFault(b []byte) string {
	for ; len(b) >= 6; b = b[6:] {
		v := be32(b[2:])
		switch be16(b) {
		case settingEnablePush:
			if v > 1 {
				return "SETTINGS_ENABLE_PUSH is neither 0 nor 1 (RFC 9113 section 6.5.2)"
			}
		case settingInitialWindow:
			if v > maxWindow {
				return "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 (RFC 9113 section 6.5.2)"
			}
		case settingMaxFrame:
			if v < defaultMaxFrame || v > maxMaxFrame {
				return "SETTINGS_MAX_FRAME_SIZE out of its range (RFC 9113 section 6.5.2)"
			}
		}
	}
	return ""
}

// upgradeSettings is the payload in the HTTP2-Settings field of a request
// that asked for h2c (RFC 7540 section 3.2.1); nil: there is none.
func upgradeSettings(r *events.HTTPRequest) []byte {
	v := strings.TrimRight(events.Get(r.Headers, "HTTP2-Settings"), "=")
	if v == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err != nil {
		return nil
	}
	return b
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
