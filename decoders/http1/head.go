package http1

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/content"
	"github.com/wiretale/wiretale/events"
)

// head reads a whole head at once, when its last byte is there.
func (c *call) head() (want int) {
	d := c.d
	b := c.rest()
	if d.scanned == 0 {
		if n := len(b) - len(skipBlank(b)); n > 0 {
			c.off += n
			return 0
		}
		if f := c.s.queue.front(); f != nil && f.kind == toSimple && d.from == events.FromServer {
			c.simpleAnswer(f)
			return 0
		}
		d.line = 0
	}
	limit := max(c.s.env.Limits.HTTPHead, 64)
	b = b[:min(len(b), limit)]
	var rl requestLine
	if d.from == events.FromServer {
		if startsStatus(b) == no {
			return c.garbage()
		}
		if nl := bytes.IndexByte(b[d.scanned:], '\n'); d.line == 0 && nl >= 0 {
			d.line = d.scanned + nl + 1
		}
	} else if d.line == 0 {
		nl := bytes.IndexByte(b[d.scanned:], '\n')
		if nl < 0 && !plausibleRequest(b, d.scanned) {
			return c.garbage()
		}
		if nl >= 0 {
			d.line = d.scanned + nl + 1
			var ok bool
			if rl, ok = parseRequestLine(b[:d.line]); !ok {
				return c.garbage()
			}
			if rl.version == "" {
				return c.simpleRequest(b[:d.line], rl)
			}
		}
	}
	end := -1
	if d.line > 0 {
		end = headEnd(b, max(d.line-1, d.scanned-2))
	}
	if d.strict && d.line > 0 {
		lines := b[d.line:]
		if end >= 0 {
			lines = b[d.line:end]
		}
		if !fieldsPlausible(lines) {
			return c.reject()
		}
	}
	switch {
	case end < 0 && len(b) == limit:
		c.out.Limit("http-head", limit, "a head is longer", int64(limit))
		c.off++
		c.s.tear(d)
		d.scanned = 0
		return 0
	case end < 0:
		d.scanned = len(b)
		return len(b) + 1
	case d.from == events.FromServer:
		return c.response(b[:end])
	}
	if rl.methodEnd == 0 {
		rl, _ = parseRequestLine(b[:d.line])
	}
	return c.request(b[:end], rl)
}

// headEnd is the offset behind the empty line that ends a head, or -1. from
// is the first line end that counts.
func headEnd(b []byte, from int) int {
	for i := from; ; {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return -1
		}
		i += nl + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2
		}
	}
}

// garbage: these bytes begin no message. At the very front of a side they
// may be the middle of a message that began before the capture.
func (c *call) garbage() (want int) {
	d := c.d
	if d.strict {
		return c.reject()
	}
	d.scanned = 0
	if !d.taken {
		d.state = lost
		return 0
	}
	if d.from == events.FromClient {
		c.violation("bytes that begin no request")
	} else {
		c.violation("bytes that begin no response")
	}
	c.s.tear(d)
	return 0
}

// took ends the reading of a head of n bytes.
func (c *call) took(n int) {
	d := c.d
	c.off += n
	d.scanned, d.line, d.strict = 0, 0, false
	c.s.spoken = true
}

// simpleRequest is GET SP target (RFC 1945 section 5): the response has no
// head, and the end of the connection ends it.
func (c *call) simpleRequest(line []byte, rl requestLine) (want int) {
	at := c.w.At(c.off)
	text := string(line)
	e := &events.HTTPRequest{
		Method: text[:rl.methodEnd], Target: text[rl.targetStart:rl.targetEnd], Version: "0.9",
		Headers: []events.Header{}, FirstFrame: at.Frame,
		FirstTime: at.Time, Offset: c.w.Offset + int64(c.off), Bytes: int64(len(line)),
	}
	e.Scheme, e.Host = authority(e.Target)
	c.took(len(line))
	c.out.Emit(events.FromClient, e)
	c.ask(exchange{kind: toSimple, frame: c.w.Frame, name: c.s.nameOf(e)})
	return 0
}

// request reads the head b of a request.
func (c *call) request(b []byte, rl requestLine) (want int) {
	d := c.d
	text := string(b) // the one copy: all strings below are parts of it
	f := parseFields(text[d.line:], &c.s.env)
	how, length, under := f.requestFraming(rl.version)
	if rl.spaced {
		f.faults |= spacedStart
	}
	if f.hosts == 0 && rl.version == "1.1" {
		f.faults |= noHost
	}
	if d.strict && f.faults != 0 {
		return c.reject()
	}
	at := c.w.At(c.off)
	e := &events.HTTPRequest{
		Method: text[:rl.methodEnd], Target: text[rl.targetStart:rl.targetEnd], Version: rl.version,
		Headers: f.headers, FirstFrame: at.Frame,
		FirstTime: at.Time, Offset: c.w.Offset + int64(c.off), Bytes: int64(len(b)),
		HasBody: how != noBody,
	}
	x := exchange{frame: c.w.Frame}
	if e.Target[0] != '/' {
		e.Scheme, e.Host = authority(e.Target)
	}
	switch {
	case e.Method == "HEAD":
		x.kind = toHead
	case e.Method == "CONNECT":
		x.kind = toConnect
		e.Host = e.Target
	case f.asksUpgrade && f.upgrade != "":
		x.kind, x.req = toUpgrade, e
	}
	if e.Host == "" || x.kind == toConnect && f.host != "" {
		e.Host = f.host
	}
	c.took(len(b))
	c.out.Emit(events.FromClient, e)
	d.tell(f.faults, c.out)
	c.tooMany(&f)
	x.inner = c.openTracker(e)
	x.name = c.s.nameOf(e)
	x.manifest = c.s.documents() && content.IsManifestName(e.Target)
	c.ask(x)
	c.begin("request", how, length, &f, under, c.w.Frame)
	c.read(x.name, nil)
	return 0
}

// response reads the head b of a response.
func (c *call) response(b []byte) (want int) {
	d := c.d
	text := string(b)
	sl, ok := parseStatusLine(text[:d.line])
	if !ok {
		return c.garbage()
	}
	f := parseFields(text[d.line:], &c.s.env)
	toHEAD := false
	if q := c.s.queue.front(); q != nil {
		toHEAD = q.kind == toHead
	}
	how, length, under := f.responseFraming(sl.version, sl.code, toHEAD)
	f.faults &^= twoHosts
	if d.strict && f.faults != 0 {
		return c.reject()
	}
	interim := sl.code < 200 && sl.code >= 100 && sl.code != 101
	x := c.answer(interim)
	at := c.w.At(c.off)
	tunnel := sl.code/100 == 2 && (x.kind == toConnect ||
		x.kind == unknown && how == byClose && strings.EqualFold(sl.reason, "Connection established"))
	switching := tunnel || sl.code == 101
	if switching {
		how = noBody
	}
	e := &events.HTTPResponse{
		Status: sl.code, Reason: sl.reason, Version: sl.version, Headers: f.headers,
		Interim: interim, RequestFrame: x.frame, FirstFrame: at.Frame,
		FirstTime: at.Time, Offset: c.w.Offset + int64(c.off), Bytes: int64(len(b)),
		HasBody: how != noBody,
	}
	c.took(len(b))
	c.out.Emit(events.FromServer, e)
	d.tell(f.faults, c.out)
	c.tooMany(&f)
	if switching {
		x.unanswered()
	}
	switch {
	case tunnel:
		c.change(next(""))
		return 0
	case switching:
		c.change(upgradeTo(f.upgrade, x, e))
		return 0
	case interim:
		return 0
	}
	c.s.release()
	c.begin("response", how, length, &f, under, x.frame)
	c.read(x.name, x.inner)
	c.readDocument(x.manifest)
	if d.state != inHead && d.state != inChunkSize {
		// A body that may not be one: the request is not known (it may have
		// been a HEAD), or the next one is waiting behind a body of no length.
		d.peek = x.kind == unknown || how == byClose && c.s.queue.len() > 0
	}
	return 0
}

func (c *call) tooMany(f *fields) {
	if f.over > 0 {
		c.out.Limit("http-headers", c.s.env.Limits.HTTPHeaders, "a head has more field lines", 0)
	}
}

func next(protocol string) decoders.Next { return decoders.Next{Protocol: protocol} }

// upgradeTo is what 101 switches to: the first protocol that the server
// names, else the first that the client asked for (RFC 9110 section 7.8).
func upgradeTo(named string, x exchange, answer *events.HTTPResponse) decoders.Next {
	h := decoders.HintUpgrade{Request: x.req, RequestFrame: x.frame, Response: answer}
	if named == "" && x.req != nil {
		named = events.Get(x.req.Headers, "Upgrade")
	}
	token, _, _ := strings.Cut(named, ",")
	h.Protocol = strings.ToLower(trim(token))
	return decoders.Next{Protocol: decoders.ProtocolOf(h.Protocol), Hint: h}
}

// authority splits an absolute-form target (RFC 9112 section 3.2.2).
func authority(target string) (scheme, host string) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || scheme == "" {
		return "", ""
	}
	for i := 0; i < len(scheme); i++ {
		if c := scheme[i]; !isToken[c] {
			return "", ""
		}
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return strings.ToLower(scheme), rest
}

// requestLike says whether b begins with the request line of HTTP/1.x.
func requestLike(b []byte) answer {
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		if len(b) < longestSearched/2 && plausibleRequest(b, 0) {
			return partly
		}
		return no
	}
	if rl, ok := parseRequestLine(b[:nl+1]); ok && rl.version != "" && nl < longestSearched/2 {
		return yes
	}
	return no
}
