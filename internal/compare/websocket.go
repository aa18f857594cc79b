package compare

import (
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// websocket is WebSocket's frames.
var websocket = protocol{
	name:    "websocket",
	kinds:   []events.Kind{events.KindWebSocketFrame},
	reader:  func() reader { return webSocketReader{} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "websocket.opcode", of: webSocketFrame(func(f *events.WebSocketFrame) string { return opcodeNumber(f.Opcode) })},
		{name: "websocket.fin", of: webSocketFrame(func(f *events.WebSocketFrame) string { return bit(f.Fin) })},
		{name: "websocket.mask", of: webSocketFrame(func(f *events.WebSocketFrame) string { return bit(f.Masked) })},
		{name: "websocket.payload_length", of: webSocketFrame(func(f *events.WebSocketFrame) string {
			return strconv.FormatUint(shortLength(f.Length), 10)
		})},
		{name: "websocket.payload_length_ext_16", of: longLength(126)},
		{name: "websocket.payload_length_ext_64", of: longLength(127)},
		{name: "websocket.payload.close.status_code", of: webSocketFrame(func(f *events.WebSocketFrame) string {
			if f.CloseCode == 0 {
				return ""
			}
			return strconv.Itoa(int(f.CloseCode))
		})},
		{name: "websocket.payload.close.reason", of: webSocketFrame(func(f *events.WebSocketFrame) string { return shownASCII(f.Reason) })},
	},
}

// webSocketReader tells frames at their ends. One that was not captured as a
// whole tshark does not show.
type webSocketReader struct{ plain }

func (webSocketReader) event(e *events.Event, tell func(message)) {
	if f := e.Body.(*events.WebSocketFrame); f.Complete {
		tell(message{frame: e.Pos.Frame, event: e})
	}
}

func webSocketFrame(f func(*events.WebSocketFrame) string) func(*message, func(string)) {
	return func(m *message, add func(string)) { add(f(m.event.Body.(*events.WebSocketFrame))) }
}

// shortLength is the length in the second byte of a frame, which says that
// the true one follows where it has no room (RFC 6455 section 5.2).
func shortLength(n uint64) uint64 {
	switch {
	case n < 126:
		return n
	case n < 1<<16:
		return 126
	}
	return 127
}

func longLength(form uint64) func(*message, func(string)) {
	return webSocketFrame(func(f *events.WebSocketFrame) string {
		if shortLength(f.Length) != form {
			return ""
		}
		return strconv.FormatUint(f.Length, 10)
	})
}

func opcodeNumber(name string) string {
	switch name {
	case "continuation":
		return "0"
	case "text":
		return "1"
	case "binary":
		return "2"
	case "close":
		return "8"
	case "ping":
		return "9"
	case "pong":
		return "10"
	}
	n, _ := strconv.ParseUint(name, 0, 8)
	return strconv.FormatUint(n, 10)
}
