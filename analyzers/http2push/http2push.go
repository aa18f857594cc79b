// Package http2push answers what servers pushed over HTTP/2 and what became of
// it: used, unused, already there. It must not guess where nothing that was
// seen tells.
package http2push

import (
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "http2.push".
var Question = analyzers.Question{
	Name: "http2.push",
	Area: analyzers.Web,
	Doc:  "what servers pushed over HTTP/2: used, unused or already there, and the bytes in vain",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http2.push", o, &fold{pending: max(o.Limits.FoldPending, 2)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowEnd, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTPDocument, events.KindHTTP2Frame,
	}
}

// Key is the connection. Messages without a stream are of HTTP/1.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	ok := e.Flow.Proto == events.ProtoTCP
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		ok = ok && b.HTTPStream != 0
	case *events.HTTPResponse:
		ok = ok && b.HTTPStream != 0
	case *events.HTTPBody:
		ok = ok && b.HTTPStream != 0 && b.Of == "response"
	case *events.HTTPDocument:
		ok = ok && b.HTTPStream != 0
	case *events.HTTP2Frame:
		ok = ok && (b.HTTPStream != 0 || b.Type == "SETTINGS")
	}
	return e.Key(), ok
}

func (*fold) Idle() time.Duration { return analyzers.Never }

// Over: nothing follows the end of a flow.
func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// state is what is kept of a connection. Almost none is of HTTP/2.
type state struct {
	*conn
	off bool // the client takes no pushes (RFC 9113 section 6.5.2)
}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if _, ok := e.Body.(*events.FlowEnd); ok {
		return
	}
	if b, ok := e.Body.(*events.HTTP2Frame); ok && b.Type == "SETTINGS" && e.From == events.FromClient {
		s.settings(b)
	}
	if s.off {
		return
	}
	if s.conn == nil {
		s.conn = &conn{flow: e.Flow, limit: f.pending, asked: map[uint64]*exchange{}, urls: map[string]*object{}}
	}
	c := s.conn
	c.client = c.client || e.From == events.FromClient
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		c.request(b, e)
	case *events.HTTPResponse:
		c.response(b, e)
	case *events.HTTPDocument:
		c.document(b)
	case *events.HTTPBody:
		c.body(b, e)
	case *events.HTTP2Frame:
		c.frame(b, e)
	}
}

// settings looks whether the client takes pushes. What is under way is told
// all the same.
func (s *state) settings(b *events.HTTP2Frame) {
	for _, p := range b.Settings {
		if p.Name == "ENABLE_PUSH" && (s.conn == nil || len(s.pushes) == 0) {
			s.off = p.Value == 0
		}
	}
	if s.off {
		s.conn = nil
	}
}

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.conn == nil {
		return
	}
	pushes := s.pushes
	slices.SortStableFunc(pushes, func(a, b *push) int { return int(int64(a.id) - int64(b.id)) })
	for _, p := range pushes {
		v := s.value(k, p)
		emit(p.key(k), v)
	}
}
