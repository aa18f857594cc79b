// Package holhttp2 answers how long responses of HTTP/2 waited while others on
// their connection were sent, for what reason, how they took turns, and what
// came of it against sending them one after the other. It must not read what
// frames carry.
package holhttp2

import (
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/holes"
	"github.com/wiretale/wiretale/events"
)

// Question is "hol.http2".
var Question = analyzers.Question{
	Name: "hol.http2",
	Area: analyzers.Web,
	Doc:  "head-of-line blocking in HTTP/2: which streams waited while others were sent, why, and what taking turns saved",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("hol.http2", o, &fold{pending: max(o.Limits.FoldPending, 2)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT, events.KindTCPHOL, events.KindTLSClientHello, events.KindTLSServerHello,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTP2Frame,
	}
}

// Key is the connection. Of the RTT samples only those of the handshake count;
// messages without a stream are of HTTP/1.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	ok := e.Flow.Proto == events.ProtoTCP
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		ok = ok && b.Of != events.RTTData
	case *events.HTTPRequest:
		ok = ok && b.HTTPStream != 0
	case *events.HTTPResponse:
		ok = ok && b.HTTPStream != 0
	case *events.HTTPBody:
		ok = ok && b.HTTPStream != 0 && b.Of == "request"
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
	toServer, toClient events.Duration // round trips from the capture point, by the handshake; 0: not known
	sealed             *hello
	conn               *conn // from the first frame or message of HTTP/2 on
}

// hello promised HTTP/2 under TLS.
type hello struct {
	flow        events.Flow
	first, last uint64 // frames
}

func (f *fold) Step(k events.StreamKey, s *state, e *events.Event, emit analyzers.Emit) {
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		d := &s.toServer
		if b.Of == events.RTTAck {
			d = &s.toClient
		}
		if *d == 0 || b.RTT < *d {
			*d = max(b.RTT, 0)
		}
		return
	case *events.TLSClientHello:
		if slices.Contains(b.ALPN, "h2") {
			s.seal(e)
		}
		return
	case *events.TLSServerHello:
		switch {
		case b.ALPN == "h2":
			s.seal(e)
		case b.ALPN != "" || b.Version != "1.3": // TLS 1.3 tells in the encrypted part
			s.sealed = nil
		}
		return
	case *events.FlowEnd:
		return
	}
	if s.conn == nil {
		switch e.Body.(type) {
		case *events.HTTP2Frame, *events.HTTPRequest, *events.HTTPResponse, *events.HTTPBody:
		default:
			return
		}
		s.conn = &conn{flow: e.Flow, limit: f.pending, streams: map[uint64]*stream{}, tracker: holes.Tracker{Limit: f.pending},
			placed: placed(e), first: e.Pos.Frame}
	}
	c := s.conn
	c.rtt, c.rest = s.toServer, max(s.toServer+s.toClient, leastRest)
	if c.frame != e.Pos.Frame {
		c.settle()
		c.frame = e.Pos.Frame
	}
	switch b := e.Body.(type) {
	case *events.FlowGap:
		c.gap = c.gap || e.From == events.FromServer
	case *events.TCPHOL:
		if e.From == events.FromServer && c.placed {
			c.tracker.Hole(b, e.Time)
		}
	case *events.HTTPRequest:
		c.request(b, e)
	case *events.HTTPBody:
		if st := c.streams[b.HTTPStream]; st != nil && st.phase == asked {
			st.asked = e.Time
		}
	case *events.HTTPResponse:
		c.response(b)
	case *events.HTTP2Frame:
		if e.From == events.FromServer {
			c.serverFrame(k, b, e, emit)
		} else {
			c.clientFrame(b, e)
		}
	}
}

func (s *state) seal(e *events.Event) {
	if s.sealed == nil {
		s.sealed = &hello{flow: e.Flow, first: e.Pos.Frame}
	}
	s.sealed.last = e.Pos.Frame
}

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	c := s.conn
	if c == nil {
		if h := s.sealed; h != nil {
			undecided(k, h.flow, emit, "encrypted: streams cannot be seen", h.first, h.last)
		}
		return
	}
	c.settle()
	c.flush(k, emit, true)
	if c.requests > 0 && c.frames == 0 {
		undecided(k, c.flow, emit, "no frame of the server was captured", c.first, c.frame)
	}
}
