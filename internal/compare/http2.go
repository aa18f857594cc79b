package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const name2 = "http2"

// http2 is HTTP/2 in clear: frames and header fields.
var http2 = protocol{
	name:    name2,
	kinds:   []events.Kind{events.KindHTTP2Frame, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindGRPCMessage},
	reader:  func() reader { return &http2Reader{open: map[side]bool{}, split: map[request]bool{}} },
	decoded: true,
	outside: func(path []string) string {
		switch {
		case slices.Contains(path, "tls"):
			return "HTTP/2 inside TLS, with keys that are in the capture"
		case !slices.Contains(path, name2):
			return "HTTP2-Settings and gRPC-Web in HTTP/1.1"
		}
		return quoted(path)
	},
	// tshark knows HTTP/2 by its content on the ports of HTTP/1 only, and
	// there does not put together what spans segments of the first frame.
	as: name2,
	fields: append([]field{
		{name: "http2.streamid", of: http2Field(func(f *events.HTTP2Frame) string { return number64(f.HTTPStream) })},
		{name: "http2.type", of: http2Field(func(f *events.HTTP2Frame) string { return strconv.Itoa(http2Type(f.Type)) })},
		{name: "http2.length", of: http2Field(func(f *events.HTTP2Frame) string { return number64(uint64(f.Length)) })},
		{name: "http2.flags", of: http2Field(func(f *events.HTTP2Frame) string { return fmt.Sprintf("0x%02x", http2Flags(f.Flags)) })},
		{name: "http2.padding", wire: decimal, of: http2Field(func(f *events.HTTP2Frame) string {
			if !slices.Contains(f.Flags, "PADDED") {
				return ""
			}
			return strconv.Itoa(f.Padding)
		})},
		{name: "http2.headers.weight", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.Weight == 0 {
				return ""
			}
			return strconv.Itoa(f.Weight - 1)
		})},
		{name: "http2.stream_dependency", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.Weight == 0 {
				return ""
			}
			return number64(f.DependsOn)
		})},
		{name: "http2.exclusive", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.Weight == 0 {
				return ""
			}
			return bit(f.Exclusive)
		})},
		{name: "http2.rst_stream.error", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.Type != "RST_STREAM" {
				return ""
			}
			return http2Error(f.ErrorCode)
		})},
		{name: "http2.goaway.error", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.Type != "GOAWAY" {
				return ""
			}
			return http2Error(f.ErrorCode)
		})},
		{name: "http2.goaway.last_stream_id", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.LastStream == nil {
				return ""
			}
			return number64(*f.LastStream)
		})},
		{name: "http2.push_promise.promised_stream_id", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.PromisedStream == 0 {
				return ""
			}
			return number64(f.PromisedStream)
		})},
		{name: "http2.window_update.window_size_increment", of: http2Field(func(f *events.HTTP2Frame) string {
			if f.WindowIncrement == 0 {
				return ""
			}
			return number64(uint64(f.WindowIncrement))
		})},
		{name: "http2.ping", of: http2Field(func(f *events.HTTP2Frame) string { return ping(f, false) })},
		{name: "http2.pong", of: http2Field(func(f *events.HTTP2Frame) string { return ping(f, true) })},
		{name: "http2.header.name", of: func(m *message, add func(string)) { http2Headers(m, func(h events.Header) { add(h[0]) }) }},
		{name: "http2.header.value", of: func(m *message, add func(string)) { http2Headers(m, func(h events.Header) { add(shownASCII(h[1])) }) }},
		{name: "grpc.message_length", of: grpcField(func(g *events.GRPCMessage) string { return number64(uint64(g.Length)) })},
		{name: "grpc.compressed_flag", of: grpcField(func(g *events.GRPCMessage) string { return bit(g.Compressed) })},
	}, http2Named()...),
}

// http2Named are the fields that have one setting, or one header field.
func http2Named() (fs []field) {
	for _, s := range [...]string{"HEADER_TABLE_SIZE", "ENABLE_PUSH", "MAX_CONCURRENT_STREAMS", "INITIAL_WINDOW_SIZE", "MAX_FRAME_SIZE", "MAX_HEADER_LIST_SIZE"} {
		fs = append(fs, field{name: "http2.settings." + strings.ToLower(s), of: func(m *message, add func(string)) {
			if f, ok := m.event.Body.(*events.HTTP2Frame); ok {
				for _, x := range f.Settings {
					if x.Name == s {
						add(number64(uint64(x.Value)))
					}
				}
			}
		}})
	}
	for _, name := range [...]string{":method", ":path", ":authority", ":scheme", ":status", "content-type", "user-agent", "set-cookie", "location", "server", "date"} {
		fs = append(fs, field{name: "http2.headers." + strings.ReplaceAll(strings.TrimPrefix(name, ":"), "-", "_"), of: func(m *message, add func(string)) {
			http2Headers(m, func(h events.Header) {
				if h[0] == name {
					add(shownASCII(h[1]))
				}
			})
		}})
	}
	return fs
}

// http2Reader tells what is said where it is said. tshark shows the fields of
// a header block that spans frames in the frame of each fragment, we where the
// block ends.
type http2Reader struct {
	open  map[side]bool    // a block is open
	split map[request]bool // frames of the capture that hold parts of one
}

func (r *http2Reader) event(e *events.Event, tell func(message)) {
	if !strings.HasSuffix(e.Layer, "/"+name2) {
		return
	}
	switch b := e.Body.(type) {
	case *events.HTTP2Frame:
		switch b.Type {
		case "HEADERS", "PUSH_PROMISE", "CONTINUATION":
			s, end := side{e.Key(), e.From}, slices.Contains(b.Flags, "END_HEADERS")
			if r.open[s] || !end {
				r.split[request{e.Key(), e.Pos.Frame}] = true
			}
			r.open[s] = !end
		}
	case *events.HTTPBody:
		if b.Trailers == nil {
			return
		}
	case *events.GRPCMessage:
		if !b.Complete { // tshark shows whole ones only
			return
		}
	}
	tell(message{frame: e.Pos.Frame, event: e})
}

func (*http2Reader) row(*analyzers.Row, func(message)) {}
func (*http2Reader) end(func(message))                 {}

func (r *http2Reader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	if strings.HasPrefix(d.Field, "http2.header") && f.ok && r.split[request{f.stream, d.Frame}] {
		return "of a header block that spans frames of HTTP/2"
	}
	return ""
}

func http2Field(f func(*events.HTTP2Frame) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if b, ok := m.event.Body.(*events.HTTP2Frame); ok {
			add(f(b))
		}
	}
}

func grpcField(f func(*events.GRPCMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if b, ok := m.event.Body.(*events.GRPCMessage); ok {
			add(f(b))
		}
	}
}

// http2Headers are all fields of a header block, with the pseudo-header
// fields, which we tell apart.
func http2Headers(m *message, add func(events.Header)) {
	pseudo := func(name, value string) {
		if value != "" {
			add(events.Header{name, value})
		}
	}
	var hs []events.Header
	switch b := m.event.Body.(type) {
	case *events.HTTPRequest:
		hs = b.Headers
		pseudo(":method", b.Method)
		pseudo(":scheme", b.Scheme)
		if b.Method != "CONNECT" || b.Scheme != "" {
			pseudo(":path", b.Target)
		}
		if events.Get(hs, "host") != b.Host {
			pseudo(":authority", b.Host)
		}
	case *events.HTTPResponse:
		hs = b.Headers
		pseudo(":status", strconv.Itoa(b.Status))
	case *events.HTTPBody:
		hs = b.Trailers
	}
	for _, h := range hs {
		add(h)
	}
}

var http2Types = []string{"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION", "ALTSVC", "", "ORIGIN", "", "", "", "PRIORITY_UPDATE"}

func http2Type(s string) int {
	if i := slices.Index(http2Types, s); i >= 0 {
		return i
	}
	n, _ := strconv.ParseUint(s, 0, 8)
	return int(n)
}

func http2Flags(names []string) (flags uint64) {
	for _, s := range names {
		switch s {
		case "END_STREAM", "ACK":
			flags |= 1
		case "END_HEADERS":
			flags |= 4
		case "PADDED":
			flags |= 8
		case "PRIORITY":
			flags |= 0x20
		default:
			n, _ := strconv.ParseUint(s, 0, 8)
			flags |= n
		}
	}
	return flags
}

var http2Errors = []string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

func http2Error(s string) string {
	if i := slices.Index(http2Errors, s); i >= 0 {
		return strconv.Itoa(i)
	}
	n, _ := strconv.ParseUint(s, 0, 32)
	return number64(n)
}

func ping(f *events.HTTP2Frame, ack bool) string {
	if f.Type != "PING" || slices.Contains(f.Flags, "ACK") != ack {
		return ""
	}
	return f.Opaque
}

func number64(n uint64) string { return strconv.FormatUint(n, 10) }
