package holtcp_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holtcp"
	"github.com/wiretale/wiretale/events"
)

var h2 = flow.In("tcp/http2")

func frame(kind string, stream uint64, offset int64, length uint32, first uint64) *events.HTTP2Frame {
	return &events.HTTP2Frame{Type: kind, HTTPStream: stream, Offset: offset, Length: length, FirstFrame: first}
}

func h2head(stream, request, first uint64) *events.HTTPResponse {
	return &events.HTTPResponse{HTTPStream: stream, RequestFrame: request, FirstFrame: first, HasBody: true}
}

func h2body(stream, request, first uint64) *events.HTTPBody {
	return &events.HTTPBody{HTTPStream: stream, Of: "response", RequestFrame: request, FirstFrame: first, Complete: true}
}

// Streams 1 and 3 take turns, frames of 1000 bytes with their headers. The
// second, of stream 3, is lost and comes 30 ms after the first behind it: 1
// waits for another's bytes, 3 for its own. Stream 5 begins when all is well.
func TestStreams(t *testing.T) {
	rows := foldtest.Rows(t, holtcp.Question,
		h2.Client(1, 0, frame("HEADERS", 1, 24, 50, 1)), h2.Client(1, 0, frame("HEADERS", 3, 83, 50, 1)),
		h2.Server(4, 10*ms, frame("HEADERS", 1, 0, 91, 4)), h2.Server(4, 10*ms, h2head(1, 1, 4)),
		h2.Server(4, 10*ms, frame("HEADERS", 3, 100, 91, 4)), h2.Server(4, 10*ms, h2head(3, 1, 4)),
		h2.Server(5, 20*ms, frame("DATA", 1, 200, 991, 5)),
		// 1200 to 2200 is lost; then these come.
		flow.Server(9, 100*ms, hol(2200, 1000, 30*ms, 6, 1200, 1000)),
		flow.Server(9, 100*ms, hol(3200, 1000, 20*ms, 7, 1200, 1000)),
		flow.Server(9, 100*ms, hol(4200, 500, 10*ms, 8, 1200, 1000)),
		h2.Server(9, 100*ms, frame("DATA", 3, 1200, 991, 9)),
		h2.Server(9, 100*ms, frame("DATA", 1, 2200, 991, 6)),
		h2.Server(9, 100*ms, frame("DATA", 3, 3200, 991, 7)), h2.Server(9, 100*ms, h2body(3, 1, 9)),
		// This frame is whole only now: its first half waited.
		h2.Server(10, 110*ms, frame("DATA", 1, 4200, 991, 8)), h2.Server(10, 110*ms, h2body(1, 1, 5)),
		h2.Server(11, 120*ms, frame("DATA", 5, 5200, 991, 11)), h2.Server(11, 120*ms, h2body(5, 1, 11)),
		flow.Client(20, 400*ms, end))
	v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server")
	want := []holtcp.Message{
		{HTTPStream: 1, RequestFrame: 1, FirstFrame: 4, LastFrame: 10, Other: events.Duration(30 * ms)},
		{HTTPStream: 3, RequestFrame: 1, FirstFrame: 4, LastFrame: 9, Own: events.Duration(20 * ms)},
	}
	if d := cmp.Diff(want, v.Worst); d != "" {
		t.Error(d)
	}
	if v.Messages != 2 || v.Other != events.Duration(30*ms) || v.Own != events.Duration(20*ms) || len(rows) != 1 {
		t.Errorf("%+v", v)
	}
}

// What HTTP/2 says over TLS has no place in the TCP stream.
func TestStreamsInTLS(t *testing.T) {
	tls := flow.In("tcp/tls/http2")
	rows := foldtest.Rows(t, holtcp.Question,
		tls.Server(4, 10*ms, frame("HEADERS", 1, 0, 91, 4)), tls.Server(4, 10*ms, h2head(1, 1, 4)),
		flow.Server(9, 100*ms, hol(2200, 1000, 30*ms, 6, 1200, 1000)),
		flow.Client(20, 400*ms, end))
	if v := foldtest.Value[holtcp.Value](t, rows, "tcp:3 server"); v.Undecided == "" || v.Messages != 0 {
		t.Errorf("%+v", v)
	}
}
