// Package foldtest helps to test a question: a test is a list of events that
// reads as a conversation, and Rows gives its answers after checking the laws
// that every question must pass. It must not know any question.
package foldtest

import (
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Start is the capture time of every conversation's time 0.
var Start = events.TimeOf(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))

// Talk is one flow of a conversation.
type Talk struct {
	flow   events.Flow
	stream uint32
	layer  string
}

// TCP is the TCP flow that Wireshark numbers stream, between two "addr:port".
func TCP(stream uint32, client, server string) Talk {
	return talk(events.ProtoTCP, stream, client, server)
}

// UDP is the same for UDP.
func UDP(stream uint32, client, server string) Talk {
	return talk(events.ProtoUDP, stream, client, server)
}

func talk(proto uint8, stream uint32, client, server string) Talk {
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	return Talk{
		flow: events.Flow{
			Client: events.AddrOf(c.Addr()), ClientPort: c.Port(),
			Server: events.AddrOf(s.Addr()), ServerPort: s.Port(), Proto: proto,
		},
		stream: stream,
		layer:  events.TransportName(proto),
	}
}

// In is the same flow where layer speaks: "tcp/http1".
func (t Talk) In(layer string) Talk {
	t.layer = layer
	return t
}

// Key is the name of the flow.
func (t Talk) Key() events.StreamKey { return events.StreamKey{Stream: t.stream, Proto: t.flow.Proto} }

// Client says b: completed by packet frame, at time at since Start.
func (t Talk) Client(frame uint64, at time.Duration, b events.Body) *events.Event {
	return t.event(frame, at, events.FromClient, b)
}

// Server says b.
func (t Talk) Server(frame uint64, at time.Duration, b events.Body) *events.Event {
	return t.event(frame, at, events.FromServer, b)
}

func (t Talk) event(frame uint64, at time.Duration, from events.Dir, b events.Body) *events.Event {
	return &events.Event{Pos: events.Pos{Frame: frame}, Time: Start.Add(events.Duration(at)), Flow: t.flow, Stream: t.stream, From: from, Layer: t.layer, Body: b}
}

// Join puts conversations in one capture: events in the order of frames, those
// of one frame in the order given.
func Join(talks ...[]*events.Event) []*events.Event {
	var out []*events.Event
	for _, t := range talks {
		out = append(out, t...)
	}
	sortFrames(out)
	return out
}
