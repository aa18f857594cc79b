// Package page answers what a page was made of and what its loading took: its
// objects by Referer and by the order of HTML and CSS, the waterfall, the page
// load time, the critical path, and the hosts; over any version of HTTP, with
// the look-ups in DNS and the connections that belong to it. It must not read
// more of a body than its decoder hands over, nor guess what is encrypted.
package page

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is page.
var Question = analyzers.Question{
	Name: "page",
	Area: analyzers.Web,
	Doc:  "the objects of each page, its waterfall, load time and critical path, and what each host took of it",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("page", o, newFold(o))
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

const (
	// patience is how far apart what belongs to one load may be: a look-up and
	// the connection it was made for, a connection and its first request, the
	// end of all that was under way and the next object.
	patience = events.Duration(2 * time.Second)
	// quiet is how long a page may rest before it is told.
	quiet = events.Duration(60 * time.Second)
)

type fold struct {
	pending int // connections, requests, flows waiting for a request, links of a page
	objects int // of one page, and objects that belong to none
	held    int // objects of one client in all
}

func newFold(o analyzers.Options) *fold {
	return &fold{pending: max(o.Limits.FoldPending, 1), objects: max(o.Limits.FoldSamples, 1), held: 16 * max(o.Limits.FoldSamples, 1)}
}

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowStart, events.KindFlowEnd, events.KindTCPRTT, events.KindDNSMessage, events.KindTLSClientHello, events.KindTLSHandshake,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTPDocument,
	}
}

// Key is the address of the client: its look-ups and all its connections are
// seen together.
func (*fold) Key(e *events.Event) (events.Addr, bool) {
	ok := true
	switch b := e.Body.(type) {
	case *events.FlowStart, *events.FlowEnd:
		ok = e.Flow.Proto == events.ProtoTCP || e.Flow.Proto == events.ProtoUDP && e.Flow.ServerPort != 53
	case *events.TCPRTT:
		ok = b.Of == events.RTTAck
	case *events.DNSMessage:
		ok = b.RD && len(b.Question) > 0 && e.Flow.ServerPort == 53 && located(b.Question[0].Type)
	}
	return e.Flow.Client, ok
}

// located are the types that a browser asks for before it connects.
func located(typ string) bool { return typ == "A" || typ == "AAAA" || typ == "HTTPS" }

// Idle is longer than a download without an event mostly takes.
func (*fold) Idle() time.Duration { return 10 * time.Minute }

// Rest is when pages come to rest of a client that says no more.
func (*fold) Rest() time.Duration { return quiet.Std() }

func (f *fold) Rested(_ events.Addr, s *state, now events.Time, emit analyzers.Emit) {
	if s.client != nil {
		s.retire(now, emit)
	}
}

type state struct{ *client }

func (f *fold) Step(k events.Addr, s *state, e *events.Event, emit analyzers.Emit) {
	if s.client == nil {
		s.client = &client{addr: k}
	}
	c := s.client
	switch b := e.Body.(type) {
	case *events.FlowStart:
		if !b.Midway {
			c.starts[transport(e)].add(e, f.pending)
		}
	case *events.TCPRTT:
		if s := c.starts[0].find(e.Stream); s != nil {
			s.ready = e.Time
		}
	case *events.DNSMessage:
		c.look(e, b)
	case *events.TLSClientHello:
		c.hello(f, e, b)
	case *events.TLSHandshake:
		if n := c.conn(f, e, false); n != nil && b.Done {
			n.tlsFrom, n.tlsTo = e.Time.Add(-b.Duration), e.Time
		}
	case *events.HTTPRequest:
		if b.Method != "CONNECT" {
			c.retire(e.Time, emit)
			c.request(f, e, b, emit)
		}
	case *events.HTTPResponse:
		if n := c.conn(f, e, false); n != nil && !b.Interim {
			c.response(f, n, e, b)
		}
	case *events.HTTPDocument:
		if n := c.conn(f, e, false); n != nil {
			if o := n.find(b.HTTPStream, b.RequestFrame, answered); o != nil {
				c.document(f, o, b)
			}
		}
	case *events.HTTPBody:
		if n := c.conn(f, e, false); n != nil && b.Of == "response" {
			if o := n.find(b.HTTPStream, b.RequestFrame, answered); o != nil {
				o.bytes = b.WireBytes
				c.finish(n, o, e, b.Complete && b.Missing == 0)
			}
		}
	case *events.FlowEnd:
		c.starts[transport(e)].end(e.Stream)
		c.hangUp(e.Key(), e.Time)
	}
}

func (f *fold) Close(_ events.Addr, s *state, emit analyzers.Emit) {
	c := s.client
	if c == nil {
		return
	}
	for len(c.pages) > 0 {
		c.tell(0, emit)
	}
	c.tellRest(emit)
}
