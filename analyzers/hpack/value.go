package hpack

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Value is one row: what one side of a connection sent. docs/analyses/hpack.md
// defines each field.
type Value struct {
	Undecided string `json:"undecided,omitzero" doc:"why nothing can be said"`

	Client string `json:"client" doc:"address and port"`
	Server string `json:"server" doc:"address and port"`
	Stream uint32 `json:"stream" doc:"Wireshark's tcp.stream"`
	Side   string `json:"side" doc:"client, server: who sent the blocks"`

	Blocks  int64 `json:"blocks" doc:"header blocks that were read"`
	Unread  int64 `json:"unread,omitzero" doc:"header blocks that were not; in no other figure"`
	Encoded int64 `json:"encoded" doc:"bytes of the blocks"`
	Decoded int64 `json:"decoded" doc:"bytes of names and values"`
	Saved   int64 `json:"saved" doc:"bytes: decoded − encoded"`

	Ratio      *float64 `json:"ratio,omitzero" doc:"encoded / decoded"`
	FirstRatio *float64 `json:"first_ratio,omitzero" doc:"of the first block"`
	LaterRatio *float64 `json:"later_ratio,omitzero" doc:"of all others"`

	Fields      int64 `json:"fields"`
	Static      int64 `json:"static" doc:"whole fields found in the static table"`
	Dynamic     int64 `json:"dynamic" doc:"whole fields found in the dynamic table"`
	StaticName  int64 `json:"static_name" doc:"names alone found in the static table"`
	DynamicName int64 `json:"dynamic_name" doc:"names alone found in the dynamic table"`
	Literal     int64 `json:"literal" doc:"fields of which nothing was found"`

	HitRate     *float64 `json:"hit_rate,omitzero" doc:"(static + dynamic) / fields"`
	DynamicRate *float64 `json:"dynamic_rate,omitzero" doc:"dynamic / fields"`

	Inserted     int64 `json:"inserted" doc:"entries that went into the dynamic table"`
	Evicted      int64 `json:"evicted" doc:"entries that left it"`
	NeverIndexed int64 `json:"never_indexed" doc:"fields that no one may put into a table"`
	TablePeak    int   `json:"table_peak" doc:"bytes of the dynamic table after a block, at most"`
	TableMax     int   `json:"table_max" doc:"bytes that it may have, at the end"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

func (d *side) value(k events.StreamKey, flow events.Flow, dir events.Dir) *Value {
	client, server := flow.Ends()
	a := &d.all
	v := &Value{
		Client: client.String(), Server: server.String(), Stream: k.Stream, Side: dir.String(),
		Blocks: d.blocks, Unread: d.unread, Encoded: a.encoded, Decoded: a.decoded, Saved: a.decoded - a.encoded,
		Ratio:      share(a.encoded, a.decoded),
		FirstRatio: share(d.first.encoded, d.first.decoded), LaterRatio: share(a.encoded-d.first.encoded, a.decoded-d.first.decoded),
		Fields: a.fields, Static: a.static, Dynamic: a.dynamic, StaticName: a.staticName, DynamicName: a.dynamicName, Literal: a.literal,
		HitRate: share(a.static+a.dynamic, a.fields), DynamicRate: share(a.dynamic, a.fields),
		Inserted: a.inserted, Evicted: a.evicted, NeverIndexed: a.never, TablePeak: d.peak, TableMax: d.max,
		Frames: analyzers.Frames(d.frames...), Filter: analyzers.SideFilter(k, flow, dir) + " && http2.header.length",
	}
	if d.blocks == 0 {
		v.Undecided = "no header block could be read: the beginning of the connection, or bytes of it, were not captured"
	}
	return v
}

// share is part / whole; nil where whole is 0.
func share(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	r := float64(part) / float64(whole)
	return &r
}
