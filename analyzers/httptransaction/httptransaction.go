// Package httptransaction answers, for every HTTP request of a capture, where
// its time went: connecting, sending, waiting for the first byte, receiving;
// and what was asked, answered and left unfinished. It must not look into
// bodies.
package httptransaction

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is http.transaction.
var Question = analyzers.Question{
	Name: "http.transaction",
	Doc:  "each HTTP request and its response: phases, status, sizes, and what is missing",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.transaction", o, newFold(o))
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Transaction{},
}

type fold struct{ pending int }

func newFold(o analyzers.Options) fold { return fold{max(o.Limits.FoldPending, 1)} }

func (fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowStart, events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody,
	}
}

// Key is the connection. Only what HTTP runs on is looked at, and of the RTT
// samples only the one that ends the handshake.
func (fold) Key(e *events.Event) (events.StreamKey, bool) {
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		if b.Of != events.RTTAck {
			return events.StreamKey{}, false
		}
	case *events.FlowStart, *events.FlowEnd, *events.FlowGap:
		if e.Flow.Proto != events.ProtoTCP {
			return events.StreamKey{}, false
		}
	}
	return e.Key(), true
}

// Idle: a server may think, or a client hold a connection, for this long.
func (fold) Idle() time.Duration { return 10 * time.Minute }

// Over: nothing follows the end of a flow.
func (fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// opening says what is known of how the connection began.
type opening uint8

const (
	unseen opening = iota // its first packet was not captured
	syn                   // its SYN was
)

// state is what is kept of a connection; http is nil until it speaks HTTP.
type state struct {
	start   events.Time // of the SYN
	ready   events.Time // of the ACK that ends the handshake; 0: not seen
	frame   uint64      // of the first packet
	acked   uint64      // frame of that ACK
	opening opening
	http    *connection
}

// connection is a TCP connection that speaks HTTP.
type connection struct {
	requests int // so far
	open     []exchange
	lastEnd  events.Time // end of the last response
	lost     [2]bool     // bytes of that side were lost since its last message
	room     [1]exchange // of open, at first
}

func newConnection() *connection {
	c := &connection{}
	c.open = c.room[:0]
	return c
}

// exchange is a request and as much of its response as came.
type exchange struct {
	request  *events.HTTPRequest
	response *events.HTTPResponse
	upload   *events.HTTPBody // of the request
	layer    string
	first    bool // on its connection
	number   int  // on its connection, from 1

	requestFrame, requestEnd uint64 // head; all of it
	requestTime              events.Time
	responseFrame            uint64 // head
	responseTime             events.Time
	flow                     events.Flow
	stream                   uint32
	truncated                bool
	interim                  []Interim
	previousEnd              events.Time // when the response before it was over; 0: none
}

func (f fold) Step(k events.StreamKey, s *state, e *events.Event, emit analyzers.Emit) {
	switch b := e.Body.(type) {
	case *events.FlowStart:
		s.start, s.frame, s.opening = e.Time, e.Pos.Frame, syn
		if b.Midway {
			s.opening = unseen
		}
	case *events.TCPRTT:
		if s.ready == 0 {
			s.ready, s.acked = e.Time, e.Pos.Frame
		}
	case *events.FlowGap:
		if s.http != nil {
			s.http.lost[e.From] = true
		}
	case *events.FlowEnd:
		f.end(k, s, b, emit)
	case *events.HTTPRequest:
		f.request(k, s, e, b, emit)
	case *events.HTTPResponse:
		f.response(k, s, e, b, emit)
	case *events.HTTPBody:
		f.body(k, s, e, b, emit)
	}
}

func (f fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.http == nil {
		return
	}
	for i := range s.http.open {
		row(k, s, &s.http.open[i], ending{outcome: Undecided, reason: "the connection was still open when its row was made"}, emit)
	}
	s.http.open = nil
}

func (f fold) request(k events.StreamKey, s *state, e *events.Event, r *events.HTTPRequest, emit analyzers.Emit) {
	if s.http == nil {
		s.http = newConnection()
	}
	c := s.http
	if len(c.open) >= f.pending {
		row(k, s, &c.open[0], ending{outcome: Undecided, reason: "limit fold-pending reached before its response"}, emit)
		c.remove(0)
	}
	c.requests++
	c.lost[events.FromClient] = false
	c.open = append(c.open, exchange{
		request: r, layer: e.Layer, first: c.requests == 1, number: c.requests,
		requestFrame: e.Pos.Frame, requestEnd: e.Pos.Frame, requestTime: e.Time,
		flow: e.Flow, stream: e.Stream, truncated: e.Truncated,
	})
}

// find is the exchange that a message on http_stream belongs to; frame is that
// of its request (0: unknown). -1: none.
func (c *connection) find(httpStream, frame uint64, ok func(*exchange) bool) int {
	for i := range c.open {
		x := &c.open[i]
		if x.request != nil && x.request.HTTPStream == httpStream && x.requestFrame == frame && ok(x) {
			return i
		}
	}
	return -1
}

func (c *connection) remove(i int) {
	n := copy(c.open[i:], c.open[i+1:])
	c.open[i+n] = exchange{}
	c.open = c.open[:i+n]
}

func unanswered(x *exchange) bool { return x.response == nil }
func answered(x *exchange) bool   { return x.response != nil }
func uploading(x *exchange) bool  { return x.upload == nil && x.request.HasBody }

func (f fold) response(k events.StreamKey, s *state, e *events.Event, r *events.HTTPResponse, emit analyzers.Emit) {
	if s.http == nil {
		s.http = newConnection()
	}
	c := s.http
	c.lost[events.FromServer] = false
	i := -1
	if r.RequestFrame != 0 {
		i = c.find(r.HTTPStream, r.RequestFrame, unanswered)
	}
	// HTTP/1 answers in order (RFC 9112 section 9.3.2): requests before this
	// one will not be answered any more.
	for ; i > 0 && r.HTTPStream == 0; i-- {
		end := ending{outcome: Undecided, reason: "its response was not captured: a later request was answered"}
		if c.open[0].response != nil {
			end = ending{outcome: Incomplete, reason: "the end of its response was not captured: a later request was answered"}
		}
		row(k, s, &c.open[0], end, emit)
		c.remove(0)
	}
	final := !r.Interim || r.Status == 101
	if i < 0 {
		if !final {
			return
		}
		// The request was not captured. The response is held until it is over.
		c.open = append(c.open, exchange{layer: e.Layer, flow: e.Flow, stream: e.Stream, number: c.requests})
		i = len(c.open) - 1
		c.open[i].request = &events.HTTPRequest{HTTPStream: r.HTTPStream}
	}
	x := &c.open[i]
	if !final {
		x.interim = append(x.interim, Interim{Status: r.Status, Frame: e.Pos.Frame, After: e.Time.Sub(x.request.FirstTime)})
		return
	}
	x.response, x.responseFrame, x.responseTime = r, e.Pos.Frame, e.Time
	x.previousEnd = c.lastEnd
	x.truncated = x.truncated || e.Truncated
	if !r.HasBody {
		f.over(k, s, i, ending{outcome: Complete, time: e.Time, frame: e.Pos.Frame}, emit)
	}
}

func (f fold) body(k events.StreamKey, s *state, e *events.Event, b *events.HTTPBody, emit analyzers.Emit) {
	c := s.http
	if c == nil {
		return
	}
	if b.Of == "request" {
		if i := c.find(b.HTTPStream, b.RequestFrame, uploading); i >= 0 {
			x := &c.open[i]
			x.upload, x.requestEnd, x.requestTime = b, e.Pos.Frame, e.Time
		}
		return
	}
	i := c.find(b.HTTPStream, b.RequestFrame, answered)
	if i < 0 {
		return
	}
	end := ending{outcome: Complete, time: e.Time, frame: e.Pos.Frame, body: b}
	switch {
	case b.Missing > 0:
		end.outcome, end.reason = Incomplete, "bytes of the response body were not captured"
	case !b.Complete:
		end.outcome, end.reason, end.broken = Incomplete, "the response body broke off", true
	}
	f.over(k, s, i, end, emit)
}

// over gives out the row of exchange i.
func (f fold) over(k events.StreamKey, s *state, i int, end ending, emit analyzers.Emit) {
	c := s.http
	x := &c.open[i]
	if x.requestFrame == 0 {
		end.outcome, end.reason = Undecided, "its request was not captured"
	}
	row(k, s, x, end, emit)
	c.lastEnd = end.time
	c.remove(i)
}

// end gives out what the end of the flow leaves unfinished.
func (f fold) end(k events.StreamKey, s *state, b *events.FlowEnd, emit analyzers.Emit) {
	c := s.http
	if c == nil {
		return
	}
	for i := range c.open {
		x := &c.open[i]
		end := ending{outcome: Unanswered}
		switch {
		case x.requestFrame == 0:
			end = ending{outcome: Undecided, reason: "its request was not captured"}
		case x.response != nil:
			end = ending{outcome: Incomplete, reason: "the response body has no end: " + whyText[b.Why]}
		case b.ServerPackets == 0:
			end = ending{outcome: Undecided, reason: "no packet of the server was captured"}
		case c.lost[events.FromServer]:
			end = ending{outcome: Undecided, reason: "bytes of the server were not captured"}
		case b.Why == events.EndCaptureOver || b.Why == events.EndEvicted:
			end = ending{outcome: Undecided, reason: whyText[b.Why]}
		default:
			end.reason = whyText[b.Why]
		}
		row(k, s, x, end, emit)
	}
	s.http.open = nil
}

var whyText = [...]string{
	events.EndFIN:         "the connection was closed",
	events.EndReset:       "the connection was reset",
	events.EndIdle:        "the connection fell silent",
	events.EndCaptureOver: "the capture ended",
	events.EndEvicted:     "the connection was given up (limit flows)",
}
