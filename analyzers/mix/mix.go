// Package mix answers what a capture carries: bytes by protocol, by
// application category, by host, and over time. It must not recognise
// protocols.
package mix

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "mix".
var Question = analyzers.Question{
	Name: "mix",
	Area: analyzers.Mix,
	Doc:  "bytes by protocol, application category and host, and over time",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("mix", o, fold{hosts: max(o.Limits.FoldPending, 2)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

// Counts are packets and bytes of a part of the capture.
type Counts struct {
	Packets uint64 `json:"packets"`
	// Bytes is the payload of the transport; WireBytes are whole frames with
	// all headers.
	Bytes     uint64 `json:"bytes"`
	WireBytes uint64 `json:"wire_bytes"`
}

func (c *Counts) add(d Counts) {
	c.Packets += d.Packets
	c.Bytes += d.Bytes
	c.WireBytes += d.WireBytes
}

func (c *Counts) sub(d Counts) {
	c.Packets -= d.Packets
	c.Bytes -= d.Bytes
	c.WireBytes -= d.WireBytes
}

// Value is one protocol, one category, one host, or the whole over time, as
// What says.
type Value struct {
	What string `json:"what"` // protocol, category, host, time
	Name string `json:"name,omitzero"`
	// Category is that of a protocol.
	Category Category `json:"category,omitzero"`
	Counts
	Flows uint64 `json:"flows,omitzero"` // ended flows; a host's are those that it is an end of
	// Share is WireBytes of all flows' WireBytes, 0 to 1. Hosts' shares add up
	// to 2: each flow has two ends.
	Share float64 `json:"share"`
	// Of a host: payload bytes each way.
	Sent     uint64 `json:"sent,omitzero"`
	Received uint64 `json:"received,omitzero"`
	// Hosts is how many hosts "other" stands for; with Approximate at least
	// as many, and a host named may have sent more before it was noticed.
	Hosts       uint64 `json:"hosts,omitzero"`
	Approximate bool   `json:"approximate,omitzero"`
	// Limited, of the unknown protocol, is how often fold-pending kept bytes of
	// a flow from being counted for its protocol once that was known.
	Limited uint64 `json:"limited,omitzero"`
	// Of time: the width of a bucket, and the buckets that hold something.
	Bucket events.Duration `json:"bucket,omitzero"`
	Series []Bucket        `json:"series,omitzero"`

	Frames []uint64 `json:"frames"` // the first and the last that were counted
	Filter string   `json:"filter"`
}

// Bucket is one step of time.
type Bucket struct {
	Start int64 `json:"start"` // seconds since 1970, capture time
	Counts
	Categories []Part `json:"categories"` // by name
}

// Part is one category in a bucket.
type Part struct {
	Category  Category `json:"category"`
	WireBytes uint64   `json:"wire_bytes"`
}

// state is one for the whole capture.
type state struct{ *tables }

type fold struct{ hosts int }

func (fold) Kinds() []events.Kind {
	return []events.Kind{events.KindFlowBytes, events.KindFlowEnd, events.KindTLSClientHello}
}

func (fold) Key(*events.Event) (struct{}, bool) { return struct{}{}, true }

func (fold) Idle() time.Duration { return analyzers.Never }

func (f fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.tables == nil {
		s.tables = newTables(f.hosts)
	}
	switch b := e.Body.(type) {
	case *events.FlowBytes:
		s.bytes(b, e)
	case *events.FlowEnd:
		s.end(b, e)
	case *events.TLSClientHello:
		s.hello(b, e)
	}
}

func (fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables != nil {
		s.rows(emit)
	}
}
