package compare

import (
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httptransaction"
	"github.com/wiretale/wiretale/events"
)

// http1 is HTTP/0.9 to 1.1 over TCP. SSDP, which Wireshark shows in the same
// fields, is not: it is no HTTP connection.
var http1 = protocol{
	name:      "http1",
	kinds:     []events.Kind{events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody},
	questions: []analyzers.Question{httptransaction.Question},
	reader: func() reader {
		return &httpReader{waiting: map[side]*held{}, placed: map[request]uint64{}, partial: map[events.StreamKey]bool{}}
	},
	decoded: true,
	outside: noHTTPConnection,
	fields: append([]field{
		{name: "http.request.method", of: requestField(func(r *events.HTTPRequest) string { return r.Method })},
		{name: "http.request.uri", of: requestField(func(r *events.HTTPRequest) string { return shownASCII(r.Target) })},
		{name: "http.request.version", of: requestField(func(r *events.HTTPRequest) string { return httpVersion(r.Version) })},
		{name: "http.response.version", of: responseField(func(r *events.HTTPResponse) string { return httpVersion(r.Version) })},
		{name: "http.response.code", of: responseField(func(r *events.HTTPResponse) string { return strconv.Itoa(r.Status) })},
		{name: "http.response.phrase", of: responseField(func(r *events.HTTPResponse) string { return shownASCII(r.Reason) })},
		{name: "http.request.line", wire: fieldLine, of: lines(false)},
		{name: "http.response.line", wire: fieldLine, of: lines(true)},
		{name: "http.request_in", of: func(m *message, add func(string)) { frameNumber(m.request, add) }},
		{name: "http.time", near: true, of: func(m *message, add func(string)) {
			if v, ok := m.row.(*httptransaction.Transaction); ok && v.ResponseTime != nil {
				add(seconds(*v.ResponseTime))
			}
		}},
	}, headerFields(
		"http.host", "Host", "http.user_agent", "User-Agent", "http.accept", "Accept", "http.accept_language", "Accept-Language",
		"http.accept_encoding", "Accept-Encoding", "http.referer", "Referer", "http.connection", "Connection",
		"http.content_type", "Content-Type", "http.content_length_header", "Content-Length", "http.content_encoding", "Content-Encoding",
		"http.transfer_encoding", "Transfer-Encoding", "http.upgrade", "Upgrade", "http.cookie", "Cookie", "http.set_cookie", "Set-Cookie",
		"http.authorization", "Authorization", "http.proxy_authorization", "Proxy-Authorization",
		"http.www_authenticate", "WWW-Authenticate", "http.proxy_authenticate", "Proxy-Authenticate",
		"http.date", "Date", "http.cache_control", "Cache-Control", "http.server", "Server", "http.location", "Location",
		"http.last_modified", "Last-Modified", "http.x_forwarded_for", "X-Forwarded-For",
		"http.sec_websocket_key", "Sec-WebSocket-Key", "http.sec_websocket_accept", "Sec-WebSocket-Accept",
	)...),
}

// headerFields are fields with the value of one header: pairs of Wireshark's
// name and the header's.
func headerFields(names ...string) []field {
	var fs []field
	for p := range slices.Chunk(names, 2) {
		fs = append(fs, field{name: p[0], wire: strings.TrimSpace, of: func(m *message, add func(string)) {
			for _, h := range headers(m) {
				if strings.EqualFold(h[0], p[1]) {
					add(shownASCII(h[1]))
				}
			}
		}})
	}
	return fs
}

// noHTTPConnection leaves out what is not HTTP on a TCP connection in clear.
func noHTTPConnection(path []string) string {
	if why := quoted(path); why != "" {
		return why
	}
	transport := ""
	for _, p := range path {
		switch p {
		case "tcp", "udp", "tls", "sctp":
			transport = p
		case "socks":
			return "HTTP inside SOCKS, which wiretale does not read yet"
		case "http", "ssdp":
			if transport != "tcp" {
				return "HTTP over " + transport
			}
		}
	}
	return ""
}

// side is one side of a connection.
type side struct {
	stream events.StreamKey
	from   events.Dir
}

// request is a request by the frame of its head.
type request struct {
	stream events.StreamKey
	frame  uint64
}

// held is a head whose body is not over (frame is 0), or a response of which
// only what follows tells where it ended.
type held struct {
	event events.Event
	frame uint64 // where its body ended
}

// httpReader tells a message at the frame where it ends with its body: there
// Wireshark shows it, for it puts the whole message together first (its
// default, http.desegment_body).
type httpReader struct {
	waiting map[side]*held
	order   []side             // of waiting
	placed  map[request]uint64 // where requests were told
	partial map[events.StreamKey]bool
}

func (r *httpReader) event(e *events.Event, tell func(message)) {
	if !strings.HasSuffix(e.Layer, "/http1") {
		return // HTTP/2 says the same words
	}
	s := side{e.Key(), e.From}
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		r.head(s, e, b.HasBody, tell)
	case *events.HTTPResponse:
		r.head(s, e, b.HasBody, tell)
	case *events.HTTPBody:
		if h := r.waiting[s]; h != nil && h.frame == 0 {
			if b.Complete && endsWithConnection(h.event.Body) {
				h.frame = e.Pos.Frame
				return
			}
			delete(r.waiting, s)
			if b.Complete {
				r.tell(&h.event, e.Pos.Frame, false, tell)
			} else {
				r.tell(&h.event, h.event.Pos.Frame, true, tell)
			}
		}
	}
}

func (r *httpReader) head(s side, e *events.Event, body bool, tell func(message)) {
	if h := r.waiting[s]; h != nil {
		// Its body had no end; or one that only this message marks, and
		// tshark waits for the end of the connection.
		delete(r.waiting, s)
		r.tell(&h.event, h.event.Pos.Frame, true, tell)
	}
	if !body {
		r.tell(e, e.Pos.Frame, false, tell)
		return
	}
	r.waiting[s] = &held{event: *e}
	r.order = append(r.order, s)
}

func (r *httpReader) tell(e *events.Event, frame uint64, partial bool, tell func(message)) {
	m := message{frame: frame, event: e, partial: partial}
	if partial {
		r.partial[e.Key()] = true
	}
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		r.placed[request{e.Key(), e.Pos.Frame}] = frame
	case *events.HTTPResponse:
		if b.RequestFrame != 0 {
			m.request = b.RequestFrame
			if f, ok := r.placed[request{e.Key(), b.RequestFrame}]; ok {
				m.request = f
			}
		}
	}
	tell(m)
}

func (r *httpReader) row(row *analyzers.Row, tell func(message)) {
	v, ok := row.Value.(*httptransaction.Transaction)
	if !ok || v.HTTPStream != 0 || v.ResponseTime == nil || v.Outcome != httptransaction.Complete {
		return
	}
	frame := v.ResponseFrame
	if v.ResponseEndFrame != 0 {
		frame = v.ResponseEndFrame
	}
	tell(message{frame: frame, row: v})
}

func (r *httpReader) end(tell func(message)) {
	for _, s := range r.order {
		if h := r.waiting[s]; h != nil {
			delete(r.waiting, s)
			if h.frame != 0 {
				r.tell(&h.event, h.frame, false, tell)
			} else {
				r.tell(&h.event, h.event.Pos.Frame, true, tell)
			}
		}
	}
}

// endsWithConnection says that nothing in the head of a response tells the
// length of its body (RFC 9112 section 6.3, case 8).
func endsWithConnection(b events.Body) bool {
	r, ok := b.(*events.HTTPResponse)
	return ok && events.Get(r.Headers, "Content-Length") == "" && events.Get(r.Headers, "Transfer-Encoding") == ""
}

// aside: there is no http.time, and no frame to count from, of a message whose
// end was not captured.
func (r *httpReader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	if (d.Field == "http.time" || d.Field == "http.request_in") && f.ok && r.partial[f.stream] {
		return Partial
	}
	return ""
}

func requestField(f func(*events.HTTPRequest) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event != nil {
			if b, ok := m.event.Body.(*events.HTTPRequest); ok {
				add(f(b))
			}
		}
	}
}

func responseField(f func(*events.HTTPResponse) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event != nil {
			if b, ok := m.event.Body.(*events.HTTPResponse); ok {
				add(f(b))
			}
		}
	}
}

func headers(m *message) []events.Header {
	if m.event != nil {
		switch b := m.event.Body.(type) {
		case *events.HTTPRequest:
			return b.Headers
		case *events.HTTPResponse:
			return b.Headers
		}
	}
	return nil
}

// lines are all header lines of requests, or of responses.
func lines(responses bool) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.event == nil {
			return
		}
		if _, ok := m.event.Body.(*events.HTTPResponse); ok == responses {
			for _, h := range headers(m) {
				add(h[0] + ": " + strings.ReplaceAll(shownASCII(h[1]), `\t`, " "))
			}
		}
	}
}

// fieldLine is a header line of tshark's without what is not kept in ours:
// the blanks around the value and the line end.
func fieldLine(s string) string {
	s = strings.TrimSuffix(strings.TrimSuffix(s, `\n`), `\r`)
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return s
	}
	return name + ": " + strings.TrimSpace(strings.ReplaceAll(value, `\t`, " "))
}

func httpVersion(v string) string {
	if v == "" || v == "0.9" {
		return ""
	}
	return "HTTP/" + v
}

func frameNumber(n uint64, add func(string)) {
	if n != 0 {
		add(strconv.FormatUint(n, 10))
	}
}

// shownASCII is how tshark prints text that it takes for ASCII: each byte
// beyond it is U+FFFD, and a NUL ends the text.
func shownASCII(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0x80:
			b.WriteRune('\uFFFD')
		case strings.IndexByte("\a\b\f\n\r\t\v", c) >= 0:
			b.WriteString(control(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
