package rerun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

func (c *Conversation) httpRequest(x *events.HTTPRequest) (*Message, Reason) {
	if x.HTTPStream != 0 || x.Version != "1.0" && x.Version != "1.1" {
		return nil, Unsupported
	}
	if c.pending[events.FromClient] {
		return nil, Unbuilt // the body before it has no end
	}
	c.asked = append(c.asked, x)
	c.pending[events.FromClient] = x.HasBody
	line := x.Method + " " + x.Target + " HTTP/" + x.Version
	url := x.Target
	if strings.HasPrefix(url, "/") {
		url = "http://" + x.Host + url
	}
	return &Message{Kind: truth.HTTPRequest, Bytes: head(line, x.Headers), key: fmt.Sprintf("http.request %s %s %d", line, x.Host, len(x.Headers)),
		fill: truth.Message{HTTP: &truth.HTTP{Ordinal: len(c.asked), Method: x.Method, URL: url, ContentType: events.Get(x.Headers, "Content-Type")}}}, ""
}

func (c *Conversation) httpResponse(x *events.HTTPResponse) (*Message, Reason) {
	if x.HTTPStream != 0 || x.Version != "1.0" && x.Version != "1.1" {
		return nil, Unsupported
	}
	if c.pending[events.FromServer] || c.untilClose {
		return nil, Unbuilt // the body before it has no end
	}
	n := 0 // of final responses so far
	for _, m := range c.Messages {
		if m.Kind == truth.HTTPResponse && !m.Body && m.fill.HTTP.Status >= 200 {
			n++
		}
	}
	if n >= len(c.asked) {
		return nil, Midway
	}
	asked := c.asked[n]
	if x.Status == 101 || asked.Method == "CONNECT" && x.Status/100 == 2 {
		return nil, Inside
	}
	c.pending[events.FromServer] = x.HasBody
	sized := events.Get(x.Headers, "Content-Length") != "" || chunked(x.Headers)
	c.untilClose = x.HasBody && !sized
	c.ServerCloses = c.untilClose || strings.EqualFold(events.Get(x.Headers, "Connection"), "close") || x.Version == "1.0"
	line := fmt.Sprintf("HTTP/%s %03d %s", x.Version, x.Status, x.Reason)
	h := *c.asked[n]
	url := h.Target
	if strings.HasPrefix(url, "/") {
		url = "http://" + h.Host + url
	}
	return &Message{Kind: truth.HTTPResponse, Bytes: head(line, x.Headers), key: fmt.Sprintf("http.response %s %d", line, len(x.Headers)),
		fill: truth.Message{HTTP: &truth.HTTP{Ordinal: n + 1, Method: h.Method, URL: url, Status: x.Status, ContentType: events.Get(x.Headers, "Content-Type")}}}, ""
}

// httpBody is a made-up body of the same length and framing.
func (c *Conversation) httpBody(e *events.Event, x *events.HTTPBody) (*Message, Reason) {
	if !x.Complete || x.Missing > 0 {
		return nil, CutOff
	}
	if len(x.Trailers) > 0 {
		return nil, Unbuilt
	}
	c.pending[e.From&1] = false
	m := &Message{Kind: truth.HTTPRequest, Body: true, key: fmt.Sprintf("http.body %s %d", x.Of, x.Bytes)}
	if e.From == events.FromServer {
		m.Kind = truth.HTTPResponse
	}
	content := madeUp(int(x.Bytes))
	if strings.EqualFold(x.ContentEncoding, "gzip") || strings.EqualFold(x.ContentEncoding, "x-gzip") {
		content = madeUpGzip(int(x.Bytes))
	}
	m.Bytes = content
	if x.WireBytes > x.Bytes {
		m.Bytes = inChunks(content, int(x.WireBytes-x.Bytes))
	}
	m.fill.HTTP = &truth.HTTP{BodyBytes: x.Bytes, SHA256: sum(content)}
	return m, ""
}

// secretFields hold what does not leave the capture.
var secretFields = []string{"authorization", "proxy-authorization", "cookie", "set-cookie"}

// head is a start line with its fields, in order; secrets are masked.
func head(line string, fields []events.Header) []byte {
	b := []byte(line + "\r\n")
	for _, f := range masked(fields) {
		b = append(b, f[0]+": "+f[1]+"\r\n"...)
	}
	return append(b, "\r\n"...)
}

// masked is fields with their secrets masked.
func masked(fields []events.Header) []events.Header {
	out := slices.Clone(fields)
	for k, f := range out {
		for i, name := range secretFields {
			if !strings.EqualFold(f[0], name) {
				continue
			}
			if i < 2 {
				out[k][1] = maskTail(f[1])
			} else {
				out[k][1] = maskCookies(f[1])
			}
		}
	}
	return out
}

// maskCookies masks what is behind the first "=" of each piece; of Set-Cookie
// the attributes too, which keep no more than their names.
func maskCookies(s string) string {
	pieces := strings.Split(s, ";")
	for i, p := range pieces {
		if name, value, ok := strings.Cut(p, "="); ok {
			pieces[i] = name + "=" + mask(value)
		}
	}
	return strings.Join(pieces, ";")
}

func chunked(fields []events.Header) bool {
	return strings.Contains(strings.ToLower(events.Get(fields, "Transfer-Encoding")), "chunked")
}

// inChunks frames content (RFC 9112 section 7.1) with as much framing as
// there was, as near as that can be had with chunks of one size.
func inChunks(content []byte, framing int) []byte {
	make := func(n int) []byte {
		var out []byte
		size := (len(content) + n - 1) / n
		for rest := content; len(rest) > 0; {
			k := min(size, len(rest))
			out = append(fmt.Appendf(out, "%x\r\n", k), rest[:k]...)
			out = append(out, "\r\n"...)
			rest = rest[k:]
		}
		return append(out, "0\r\n\r\n"...)
	}
	if len(content) == 0 {
		return make(1)
	}
	n := min(max(1, (framing-5)/8), len(content))
	out := make(n)
	for n > 1 && len(out) > len(content)+framing {
		n--
		out = make(n)
	}
	return out
}
