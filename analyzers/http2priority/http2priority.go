// Package http2priority answers whether servers of HTTP/2 sent in the order
// that their clients asked for. It must not guess whether a response was ready.
package http2priority

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "http2.priority".
var Question = analyzers.Question{
	Name: "http2.priority",
	Area: analyzers.Web,
	Doc:  "priorities of HTTP/2: did the server send in the order that the client asked for?",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http2.priority", o, &fold{pending: max(o.Limits.FoldPending, 2)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTP2Frame,
	}
}

// Key is the connection. Of the RTT samples only the server's side of the
// handshake counts; messages without a stream are of HTTP/1.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	ok := e.Flow.Proto == events.ProtoTCP
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		ok = ok && b.Of == events.RTTSynAck
	case *events.HTTPRequest:
		ok = ok && b.HTTPStream != 0
	case *events.HTTPResponse:
		ok = ok && b.HTTPStream != 0
	case *events.HTTP2Frame:
		ok = ok && (b.HTTPStream != 0 || b.Type == "PRIORITY_UPDATE")
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
	rtt  events.Duration
	conn *conn
}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	switch b := e.Body.(type) {
	case *events.FlowEnd:
		return
	case *events.TCPRTT:
		if s.rtt == 0 || b.RTT < s.rtt {
			s.rtt = max(b.RTT, 0)
		}
		return
	case *events.FlowGap:
		if s.conn != nil {
			s.conn.gap = true
		}
		return
	}
	if s.conn == nil {
		s.conn = &conn{flow: e.Flow, limit: f.pending, streams: map[uint64]*stream{}}
	}
	c := s.conn
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		c.request(b, e)
	case *events.HTTPResponse:
		c.response(b)
	case *events.HTTP2Frame:
		if e.From == events.FromClient {
			c.clientFrame(b, e, e.Time.Add(s.rtt))
		} else {
			c.serverFrame(b, e)
		}
	}
}

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if c := s.conn; c != nil && c.signals > 0 {
		emit(k.String(), c.value(k))
	}
}
