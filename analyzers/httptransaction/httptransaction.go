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
	Area: analyzers.Web,
	Doc:  "each HTTP request and its response: phases, status, sizes, and what is missing",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.transaction", o, newFold(o))
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Transaction{},
}

type fold struct {
	pending int
	free    [][]exchange // of connections with nothing open
}

func newFold(o analyzers.Options) *fold { return &fold{pending: max(o.Limits.FoldPending, 1)} }

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowStart, events.KindFlowEnd, events.KindFlowGap, events.KindTCPRTT,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody,
	}
}

// Key is the connection. Only what HTTP runs on is looked at, and of the RTT
// samples only the one that ends the handshake.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
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
func (*fold) Idle() time.Duration { return 10 * time.Minute }

// Over: nothing follows the end of a flow.
func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// opening says what is known of how the connection began.
type opening uint8

const (
	unseen opening = iota // its first packet was not captured
	syn                   // its SYN was
)

// state is what is kept of a connection. There may be very many, with nothing
// open most of the time.
type state struct {
	start    events.Time // of the SYN
	ready    events.Time // of the ACK that ends the handshake; 0: not seen
	lastEnd  events.Time // end of the last response
	frame    uint64      // of the first packet
	requests int32       // so far
	opening  opening
	http     bool    // it speaks HTTP
	lost     [2]bool // bytes of that side were lost since its last message
	open     []exchange
}

// keptFree is how many slices for open exchanges are kept to be used again,
// and shortOpen the longest of them.
const (
	keptFree  = 1024
	shortOpen = 4
)

func (f *fold) add(s *state, x exchange) {
	if n := len(f.free); s.open == nil && n > 0 {
		s.open, f.free = f.free[n-1], f.free[:n-1]
	}
	s.open = append(s.open, x)
}

func (f *fold) remove(s *state, i int) {
	n := copy(s.open[i:], s.open[i+1:])
	s.open[i+n] = exchange{}
	s.open = s.open[:i+n]
	if i+n == 0 {
		f.release(s)
	}
}

// release ends all that is open.
func (f *fold) release(s *state) {
	clear(s.open)
	if c := cap(s.open); c > 0 && c <= shortOpen && len(f.free) < keptFree {
		f.free = append(f.free, s.open[:0])
	}
	s.open = nil
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

func (f *fold) Step(k events.StreamKey, s *state, e *events.Event, emit analyzers.Emit) {
	switch b := e.Body.(type) {
	case *events.FlowStart:
		s.start, s.frame, s.opening = e.Time, e.Pos.Frame, syn
		if b.Midway {
			s.opening = unseen
		}
	case *events.TCPRTT:
		if s.ready == 0 {
			s.ready = e.Time
		}
	case *events.FlowGap:
		if s.http {
			s.lost[e.From] = true
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

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	for i := range s.open {
		row(k, s, &s.open[i], ending{outcome: Undecided, reason: "the connection was still open when its row was made"}, emit)
	}
	f.release(s)
}

func (f *fold) request(k events.StreamKey, s *state, e *events.Event, r *events.HTTPRequest, emit analyzers.Emit) {
	s.http = true
	if len(s.open) >= f.pending {
		row(k, s, &s.open[0], ending{outcome: Undecided, reason: "limit fold-pending reached before its response"}, emit)
		f.remove(s, 0)
	}
	s.requests++
	s.lost[events.FromClient] = false
	f.add(s, exchange{
		request: r, layer: e.Layer, first: s.requests == 1, number: int(s.requests),
		requestFrame: e.Pos.Frame, requestEnd: e.Pos.Frame, requestTime: e.Time,
		flow: e.Flow, stream: e.Stream, truncated: e.Truncated,
	})
}

// find is the exchange that a message on http_stream belongs to; frame is that
// of its request (0: unknown). -1: none.
func (s *state) find(httpStream, frame uint64, ok func(*exchange) bool) int {
	for i := range s.open {
		x := &s.open[i]
		if x.request != nil && x.request.HTTPStream == httpStream && x.requestFrame == frame && ok(x) {
			return i
		}
	}
	return -1
}

func unanswered(x *exchange) bool { return x.response == nil }
func answered(x *exchange) bool   { return x.response != nil }
func uploading(x *exchange) bool  { return x.upload == nil && x.request.HasBody }

func (f *fold) response(k events.StreamKey, s *state, e *events.Event, r *events.HTTPResponse, emit analyzers.Emit) {
	s.http = true
	s.lost[events.FromServer] = false
	i := -1
	if r.RequestFrame != 0 {
		i = s.find(r.HTTPStream, r.RequestFrame, unanswered)
	}
	// HTTP/1 answers in order (RFC 9112 section 9.3.2): requests before this
	// one will not be answered any more.
	for ; i > 0 && r.HTTPStream == 0; i-- {
		end := ending{outcome: Undecided, reason: "its response was not captured: a later request was answered"}
		if s.open[0].response != nil {
			end = ending{outcome: Incomplete, reason: "the end of its response was not captured: a later request was answered"}
		}
		row(k, s, &s.open[0], end, emit)
		f.remove(s, 0)
	}
	final := !r.Interim || r.Status == 101
	if i < 0 {
		if !final {
			return
		}
		// The request was not captured. The response is held until it is over.
		f.add(s, exchange{layer: e.Layer, flow: e.Flow, stream: e.Stream, number: int(s.requests)})
		i = len(s.open) - 1
		s.open[i].request = &events.HTTPRequest{HTTPStream: r.HTTPStream}
	}
	x := &s.open[i]
	if !final {
		x.interim = append(x.interim, Interim{Status: r.Status, Frame: e.Pos.Frame, After: e.Time.Sub(x.request.FirstTime)})
		return
	}
	x.response, x.responseFrame, x.responseTime = r, e.Pos.Frame, e.Time
	x.previousEnd = s.lastEnd
	x.truncated = x.truncated || e.Truncated
	if !r.HasBody {
		f.over(k, s, i, ending{outcome: Complete, time: e.Time, frame: e.Pos.Frame}, emit)
	}
}

func (f *fold) body(k events.StreamKey, s *state, e *events.Event, b *events.HTTPBody, emit analyzers.Emit) {
	if b.Of == "request" {
		if i := s.find(b.HTTPStream, b.RequestFrame, uploading); i >= 0 {
			x := &s.open[i]
			x.upload, x.requestEnd, x.requestTime = b, e.Pos.Frame, e.Time
		}
		return
	}
	i := s.find(b.HTTPStream, b.RequestFrame, answered)
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
func (f *fold) over(k events.StreamKey, s *state, i int, end ending, emit analyzers.Emit) {
	x := &s.open[i]
	if x.requestFrame == 0 {
		end.outcome, end.reason = Undecided, "its request was not captured"
	}
	row(k, s, x, end, emit)
	s.lastEnd = end.time
	f.remove(s, i)
}

// end gives out what the end of the flow leaves unfinished.
func (f *fold) end(k events.StreamKey, s *state, b *events.FlowEnd, emit analyzers.Emit) {
	for i := range s.open {
		x := &s.open[i]
		end := ending{outcome: Unanswered}
		switch {
		case x.requestFrame == 0:
			end = ending{outcome: Undecided, reason: "its request was not captured"}
		case x.response != nil:
			end = ending{outcome: Incomplete, reason: "the response body has no end: " + whyText[b.Why]}
		case b.ServerPackets == 0:
			end = ending{outcome: Undecided, reason: "no packet of the server was captured"}
		case s.lost[events.FromServer]:
			end = ending{outcome: Undecided, reason: "bytes of the server were not captured"}
		case b.Why == events.EndCaptureOver || b.Why == events.EndEvicted:
			end = ending{outcome: Undecided, reason: whyText[b.Why]}
		default:
			end.reason = whyText[b.Why]
		}
		row(k, s, x, end, emit)
	}
	f.release(s)
}

var whyText = [...]string{
	events.EndFIN:         "the connection was closed",
	events.EndReset:       "the connection was reset",
	events.EndIdle:        "the connection fell silent",
	events.EndCaptureOver: "the capture ended",
	events.EndEvicted:     "the connection was given up (limit flows)",
}
