package http2push

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/weblinks"
	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// conn is a connection of HTTP/2.
type conn struct {
	flow    events.Flow
	limit   int
	client  bool                 // something that the client sent was seen
	limited bool                 // the limit kept something out
	asked   map[uint64]*exchange // those under way, by stream
	urls    map[string]*object
	pushes  []*push
	byID    map[uint64]*push
}

// object is what is known of a URL.
type object struct {
	until   events.Time // it is there, and fresh until then; 0: it is not there
	whole   uint64      // frame that made it whole
	named   uint64      // frame in which something that names it was whole
	referer uint64      // frame of the latest request on its behalf
	at      events.Time // and when that was
	asked   uint64      // frame of the client's latest request for it without a condition
	askedAt events.Time
}

// exchange is a request and its response that is not over.
type exchange struct {
	request  *events.HTTPRequest
	frame    uint64
	at       events.Time
	response *events.HTTPResponse
	answered events.Time
	document []byte // waits for the end of the body
	kind     kind
	push     *push // the server's
}

// kind is what a document is.
type kind uint8

const (
	other kind = iota
	page
	sheet
)

// push is a promised stream.
type push struct {
	id, parent   uint64
	parentTarget string
	promised     events.Time
	frame        uint64
	url          string // "": could not be read
	method       string
	status       int

	bytes     int64
	complete  bool
	refused   string // the error code of the client
	refusedAt uint64 // frame
	had       uint64 // the frame with which the client had it before
	end       events.Time
	lastFrame uint64
}

// object is that of a URL; nil where there are too many.
func (c *conn) object(url string) *object {
	if o := c.urls[url]; o != nil {
		return o
	}
	if len(c.urls) >= c.limit {
		c.limited = true
		return nil
	}
	o := &object{}
	c.urls[url] = o
	return o
}

func (c *conn) request(b *events.HTTPRequest, e *events.Event) {
	if len(c.asked) >= c.limit {
		c.limited = true
		return
	}
	x := &exchange{request: b, frame: e.Pos.Frame, at: e.Time}
	c.asked[b.HTTPStream] = x
	if e.From == events.FromServer {
		// Its frame came right before.
		if p := c.byID[b.HTTPStream]; p != nil {
			p.url, p.method = weburl.Of(b.Scheme, b.Host, b.Target), b.Method
			x.push = p
			if o := c.urls[p.url]; o != nil && o.until > e.Time {
				p.had = o.whole
			}
		}
		return
	}
	if len(c.pushes) == 0 {
		return // nothing that this could tell about
	}
	if b.Method == "GET" && !conditional(b.Headers) {
		if o := c.object(weburl.Of(b.Scheme, b.Host, b.Target)); o != nil {
			o.asked, o.askedAt = e.Pos.Frame, e.Time
		}
	}
	if r := events.Get(b.Headers, "Referer"); r != "" {
		if u, ok := weburl.Normal(r); ok {
			if o := c.object(u); o != nil {
				o.referer, o.at = e.Pos.Frame, e.Time
			}
		}
	}
}

func conditional(hs []events.Header) bool {
	return events.Get(hs, "If-None-Match") != "" || events.Get(hs, "If-Modified-Since") != ""
}

func (c *conn) response(b *events.HTTPResponse, e *events.Event) {
	x := c.asked[b.HTTPStream]
	if x == nil || b.Interim {
		return
	}
	x.response, x.answered = b, e.Time
	if x.push != nil {
		x.push.status = b.Status
	}
	if !b.HasBody {
		c.over(x, e)
	}
}

// document keeps what of a page or style sheet there is to read.
func (c *conn) document(b *events.HTTPDocument) {
	x := c.asked[b.HTTPStream]
	if x == nil {
		return
	}
	kind, _, _ := strings.Cut(b.ContentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "text/html", "application/xhtml+xml":
		x.kind = page
	case "text/css":
		x.kind = sheet
	}
	x.document = b.Bytes
}

func (c *conn) body(b *events.HTTPBody, e *events.Event) {
	x := c.asked[b.HTTPStream]
	if x == nil {
		return
	}
	if b.Complete && b.Missing == 0 {
		c.over(x, e)
	} else {
		c.names(x, e)
	}
	delete(c.asked, b.HTTPStream)
}

// over: the exchange is whole, and the client may keep it.
func (c *conn) over(x *exchange, e *events.Event) {
	c.names(x, e)
	delete(c.asked, x.request.HTTPStream)
	if x.response == nil || x.request.Method != "GET" || x.push != nil && x.push.refused != "" {
		return
	}
	f := httpfresh.Judge(x.request, x.response, false, x.at, x.answered)
	url := weburl.Of(x.request.Scheme, x.request.Host, x.request.Target)
	if x.response.Status == 304 {
		if o := c.urls[url]; o != nil && o.until != 0 {
			f.Refusal = ""
		}
	}
	if f.Refusal != "" {
		return
	}
	if until := f.Until(x.answered); until > e.Time {
		if o := c.object(url); o != nil {
			o.until, o.whole = until, e.Pos.Frame
		}
	}
}

// names notes what a page or style sheet names.
func (c *conn) names(x *exchange, e *events.Event) {
	if x.kind == other || x.document == nil {
		return
	}
	base := weburl.Of(x.request.Scheme, x.request.Host, x.request.Target)
	add := func(url string) bool {
		o := c.object(url)
		if o != nil && o.named == 0 {
			o.named = e.Pos.Frame
		}
		return o != nil
	}
	if x.kind == page {
		weblinks.Links(base, x.document, add)
	} else {
		weblinks.CSS(string(x.document), func(ref string) {
			if u, ok := weburl.Resolve(base, ref); ok {
				add(u)
			}
		})
	}
	x.document = nil
}

func (c *conn) frame(b *events.HTTP2Frame, e *events.Event) {
	if b.Type == "PUSH_PROMISE" {
		c.promise(b, e)
		return
	}
	if b.HTTPStream&1 == 1 {
		return
	}
	p := c.byID[b.HTTPStream]
	if p == nil {
		return
	}
	switch {
	case b.Type == "RST_STREAM" && e.From == events.FromClient:
		if p.refused == "" {
			p.refused, p.refusedAt = b.ErrorCode, e.Pos.Frame
		}
		return
	case e.From == events.FromClient:
		return
	case b.Type == "DATA":
		p.bytes += int64(b.Length)
		fallthrough
	case b.Type == "HEADERS":
		p.complete = p.complete || len(b.Flags) > 0 && b.Flags[0] == "END_STREAM"
	}
	p.end, p.lastFrame = e.Time, e.Pos.Frame
}

func (c *conn) promise(b *events.HTTP2Frame, e *events.Event) {
	if e.From != events.FromServer || b.PromisedStream == 0 || c.byID[b.PromisedStream] != nil {
		return
	}
	if len(c.pushes) >= c.limit {
		c.limited = true
		return
	}
	p := &push{id: b.PromisedStream, parent: b.HTTPStream, promised: e.Time, frame: e.Pos.Frame, end: e.Time, lastFrame: e.Pos.Frame}
	if x := c.asked[b.HTTPStream]; x != nil {
		p.parentTarget = x.request.Target
	}
	c.pushes = append(c.pushes, p)
	if c.byID == nil {
		c.byID = map[uint64]*push{}
	}
	c.byID[p.id] = p
}
