package rerun

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/rerun/web"
)

// exchange is one request with its response, as the capture has them. Times
// are those of the capture point.
type exchange struct {
	c      *Conversation
	frame  uint64 // of the request
	req    *events.HTTPRequest
	resp   *events.HTTPResponse
	bodies [2]*events.HTTPBody // of the request, of the response; nil: it has none

	asked    events.Time // the request is complete
	answered events.Time // the head of the response is
	over     events.Time // the response is

	reason    Reason // why it is not played
	first     bool   // on its connection
	before    *exchange
	decided   events.Time // when the client began with it, connecting included
	played    *web.Exchange
	after     *exchange
	thought   time.Duration
	afterHalf bool // the head of after was enough
}

// asExchange reports whether e is to be played by the libraries: all HTTP that
// As wants, and HTTP/2 in any case, since no text makes up its frames.
func (b *builder) asExchange(e *events.Event) bool {
	switch x := e.Body.(type) {
	case *events.HTTPRequest:
		return b.as != "" || x.Version == "2"
	case *events.HTTPResponse:
		return b.as != "" || x.Version == "2"
	case *events.HTTPBody:
		return b.as != "" || x.HTTPStream != 0
	}
	return false
}

// exchange takes an event of HTTP.
func (b *builder) exchange(c *Conversation, e *events.Event) {
	inside := strings.Count(e.Layer, "/") > 1
	switch x := e.Body.(type) {
	case *events.HTTPRequest:
		n := &exchange{c: c, frame: e.Pos.Frame, req: x, asked: e.Time, first: len(c.exchanges) == 0, before: c.lastOf()}
		c.exchanges = append(c.exchanges, n)
		switch {
		case inside:
			n.reason = Inside
		case e.Truncated:
			n.reason = CutOff
		}
	case *events.HTTPResponse:
		n := c.find(func(n *exchange) bool {
			return n.req != nil && n.resp == nil && n.frame == x.RequestFrame && n.req.HTTPStream == x.HTTPStream
		})
		if n == nil {
			n = &exchange{c: c, reason: NoRequest}
			if !x.Interim {
				c.exchanges = append(c.exchanges, n)
			}
		}
		if x.Interim {
			return
		}
		n.resp, n.answered, n.over = x, e.Time, e.Time
		switch {
		case inside, x.Status == 101, n.req != nil && n.req.Method == "CONNECT":
			n.reason = Inside
		case e.Truncated && n.reason == "":
			n.reason = CutOff
		}
	case *events.HTTPBody:
		of := e.From & 1
		if x.Of == "request" {
			of = events.FromClient
		}
		n := c.find(func(n *exchange) bool {
			switch {
			case n.bodies[of] != nil:
				return false
			case of == events.FromClient:
				return n.req != nil && n.req.HasBody && n.frame == x.RequestFrame && n.req.HTTPStream == x.HTTPStream
			}
			return n.resp != nil && n.resp.HasBody && n.frame == x.RequestFrame && n.resp.HTTPStream == x.HTTPStream
		})
		if n == nil {
			return // of one that is without its head: it is told there
		}
		n.bodies[of] = x
		if of == events.FromClient {
			n.asked = e.Time
		} else {
			n.over = e.Time
		}
	}
}

func (c *Conversation) lastOf() *exchange {
	for _, n := range slices.Backward(c.exchanges) {
		if n.req != nil {
			return n
		}
	}
	return nil
}

// maxPending is how many exchanges of a connection may wait for the rest.
const maxPending = 1024

// find is the first exchange like this; those that are over are not looked at
// twice.
func (c *Conversation) find(like func(*exchange) bool) *exchange {
	for c.settled < len(c.exchanges) && c.exchanges[c.settled].complete() {
		c.settled++
	}
	for _, n := range c.exchanges[max(c.settled, len(c.exchanges)-maxPending):] {
		if like(n) {
			return n
		}
	}
	return nil
}

func (n *exchange) complete() bool {
	return n.req != nil && n.resp != nil && (n.bodies[0] != nil || !n.req.HasBody) && (n.bodies[1] != nil || !n.resp.HasBody)
}

// judge says why n cannot be played; "" where it can.
func (n *exchange) judge() Reason {
	switch {
	case n.reason != "":
		return n.reason
	case n.req == nil:
		return NoRequest
	case n.resp == nil:
		return NoResponse
	case !n.complete():
		return CutOff
	}
	for _, b := range n.bodies {
		if b != nil && (!b.Complete || b.Missing > 0) {
			return CutOff
		}
	}
	return ""
}

// build makes what is played of n.
func (n *exchange) build(as web.Version) (Reason, error) {
	x := &web.Exchange{
		Version: as, Client: n.c.Client.Addr(), Server: n.c.Server, Port: n.c.Client.Port(),
		Method: n.req.Method, Host: n.req.Host, Target: n.req.Target, Fields: masked(n.req.Headers),
		Status: n.resp.Status, Answer: masked(n.resp.Headers),
	}
	if x.Host == "" {
		x.Host = n.c.Server.Addr().String()
		if n.c.Server.Addr().Is6() {
			x.Host = "[" + x.Host + "]"
		}
	}
	if x.Version == "" {
		x.Version = web.HTTP2
	}
	if b := n.bodies[0]; b != nil {
		x.Content, x.Chunked = content(b), chunked(n.req.Headers)
	}
	if b := n.bodies[1]; b != nil {
		x.Body = content(b)
	}
	if n.first {
		x.Port = n.c.Client.Port()
	}
	if err := x.Refused(); err != nil {
		return Refused, fmt.Errorf("%s %s (frame %d): %w", n.req.Method, n.req.Target, n.frame, err)
	}
	n.played = x
	return "", nil
}

// content is as long as a body was, and of its coding where that can be made.
func content(b *events.HTTPBody) []byte {
	if strings.EqualFold(b.ContentEncoding, "gzip") || strings.EqualFold(b.ContentEncoding, "x-gzip") {
		return madeUpGzip(int(b.Bytes))
	}
	return madeUp(int(b.Bytes))
}

// browsersConnections is how many connections to one server browsers have over
// HTTP/1.
const browsersConnections = 6

// lanes says which exchanges share a connection. Over HTTP/1 that is as it was;
// what came over one connection of HTTP/2 goes over as many as browsers open.
// Over HTTP/2 and 3 there is one for each name of a server.
func lanes(xs []*exchange, as web.Version) {
	type key struct {
		stream events.StreamKey
		client netip.Addr
		host   string
		web.Version
	}
	type home struct {
		lane   int
		server netip.AddrPort
	}
	known := map[key]home{}
	for _, n := range xs {
		x := n.played
		k := key{client: x.Client, host: strings.ToLower(x.Host), Version: x.Version}
		if x.Version == web.HTTP1 {
			k = key{stream: n.c.stream, Version: web.HTTP1}
			x.Parallel = 1
			if n.req.Version == "2" {
				x.Parallel = browsersConnections
			}
		} else if as == "" {
			k = key{stream: n.c.stream, Version: x.Version}
		}
		h, ok := known[k]
		if !ok {
			h = home{len(known), x.Server}
			known[k] = h
		}
		x.Lane, x.Server = h.lane, h.server
	}
}
