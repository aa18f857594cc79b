// Package holhttp1 answers how long responses of HTTP/1 waited behind earlier
// ones on their connection, behind which, and what HTTP/2 would have saved.
// It must not decide how requests and responses belong together.
package holhttp1

import (
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "hol.http1".
var Question = analyzers.Question{
	Name: "hol.http1",
	Area: analyzers.Web,
	Doc:  "head-of-line blocking in HTTP/1: which responses waited behind which, how long, and what HTTP/2 would have saved",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("hol.http1", o, &fold{pending: max(o.Limits.FoldPending, 2)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct {
	pending int
	free    [][]exchange // of connections with nothing open
}

func (*fold) Kinds() []events.Kind {
	return []events.Kind{
		events.KindFlowEnd, events.KindTCPRTT, events.KindTLSClientHello, events.KindTLSServerHello,
		events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody,
	}
}

// Key is the connection. Of the RTT samples only the server's side of the
// handshake counts; streams of HTTP/2 and HTTP/3 do not queue this way.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	ok := e.Flow.Proto == events.ProtoTCP
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		ok = ok && b.Of == events.RTTSynAck
	case *events.HTTPRequest:
		ok = ok && b.HTTPStream == 0
	case *events.HTTPResponse:
		ok = ok && b.HTTPStream == 0
	case *events.HTTPBody:
		ok = ok && b.HTTPStream == 0
	}
	return e.Key(), ok
}

func (*fold) Idle() time.Duration { return analyzers.Never }

// Over: nothing follows the end of a flow.
func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

func (f *fold) Step(k events.StreamKey, s *state, e *events.Event, emit analyzers.Emit) {
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		if s.rtt == 0 || b.RTT < s.rtt {
			s.rtt = max(b.RTT, 0)
		}
	case *events.TLSClientHello:
		if len(b.ALPN) > 0 && !slices.ContainsFunc(b.ALPN, notHTTP1) {
			s.seal(e)
		}
	case *events.TLSServerHello:
		if b.ALPN != "" && !notHTTP1(b.ALPN) {
			s.seal(e)
		}
	case *events.HTTPRequest:
		s.flow = e.Flow
		f.request(k, s, e, b, emit)
	case *events.HTTPResponse:
		s.flow = e.Flow
		f.response(k, s, e, b, emit)
	case *events.HTTPBody:
		f.body(k, s, e, b, emit)
	}
}

// notHTTP1 says that a protocol of ALPN is not HTTP/1.
func notHTTP1(alpn string) bool { return alpn != "http/1.1" && alpn != "http/1.0" }

func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	f.settle(k, s, emit)
	f.release(s)
	switch {
	case s.unasked > 0:
		undecided(k, s, emit, "requests were not captured: it is not known since when their responses waited")
	case s.endless > 0:
		undecided(k, s, emit, "responses without a length were followed by others: it is not known when they were over")
	case s.sealed && s.requests == 0:
		undecided(k, s, emit, "encrypted: requests and responses cannot be seen")
	}
}
