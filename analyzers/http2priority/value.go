package http2priority

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Scheme is how a client says what it needs first.
type Scheme string

// The schemes.
const (
	RFC7540 Scheme = "rfc7540"
	RFC9218 Scheme = "rfc9218"
)

// Verdict is what came of it.
type Verdict string

// The verdicts.
const (
	Followed Verdict = "followed"
	Partly   Verdict = "partly"
	Ignored  Verdict = "ignored"
)

const (
	followedFrom = 0.95
	ignoredTo    = 0.5
)

// Value is one row: a connection. docs/analyses/http2.priority.md defines each
// field.
type Value struct {
	Verdict   Verdict  `json:"verdict,omitzero" doc:"followed, partly, ignored"`
	Undecided string   `json:"undecided,omitzero" doc:"why there is no verdict"`
	Share     *float64 `json:"share,omitzero" doc:"kept / (kept + against)"`

	Scheme  Scheme `json:"scheme" doc:"rfc7540, rfc9218"`
	Client  string `json:"client" doc:"address and port"`
	Server  string `json:"server" doc:"address and port"`
	Stream  uint32 `json:"stream" doc:"Wireshark's tcp.stream"`
	Signals int64  `json:"signals" doc:"frames and fields with which the client said what it needs"`

	Kept    int64 `json:"kept" doc:"bytes sent before those that could wait"`
	Against int64 `json:"against" doc:"bytes sent before those that were preferred and waiting"`
	Unsure  int64 `json:"unsure" doc:"bytes sent before those that were preferred and of which only the head had been sent"`

	Responses []Response `json:"responses,omitempty" doc:"in the order of ending, the first 32"`
	Count     int        `json:"count" doc:"of all responses"`
	Limited   bool       `json:"limited,omitzero" doc:"a limit kept streams or frames out"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Response is one of them.
type Response struct {
	HTTPStream uint64 `json:"http_stream"`
	Target     string `json:"target,omitzero"`
	Priority   string `json:"priority" doc:"what was asked for it, at the end"`
	Bytes      int64  `json:"bytes" doc:"of its DATA frames"`
	Complete   bool   `json:"complete,omitzero"`
}

const keptResponses = 32

func (c *conn) value(k events.StreamKey) *Value {
	client, server := c.flow.Ends()
	all := append(append([]*stream(nil), c.done...), c.open...)
	v := &Value{Scheme: c.scheme, Client: client.String(), Server: server.String(), Stream: k.Stream, Signals: c.signals, Count: len(all), Limited: c.limited,
		Filter: k.Filter() + " && http2"}
	for _, s := range all[:min(len(all), keptResponses)] {
		v.Responses = append(v.Responses, Response{HTTPStream: s.id, Target: s.target, Priority: s.asked.text(c.scheme), Bytes: s.bytes, Complete: s.phase == ended})
	}
	frames := c.frames
	for i := range c.sent {
		switch x := &c.sent[i]; {
		case x.against:
			v.Against += x.bytes
			if len(frames) < analyzers.MaxFrames {
				frames = append(frames, x.frame)
			}
		case x.kept:
			v.Kept += x.bytes
		case x.unsure:
			v.Unsure += x.bytes
		}
	}
	v.Frames = analyzers.Frames(frames...)
	switch n := v.Kept + v.Against; {
	case len(all) == 0:
		v.Undecided = "no response was captured"
	case c.gap:
		v.Undecided = "bytes of the connection were not captured"
	case n == 0:
		v.Undecided = "no two responses of which one was preferred were under way together"
	default:
		share := float64(v.Kept) / float64(n)
		v.Share = &share
		switch {
		case share >= followedFrom:
			v.Verdict = Followed
		case share <= ignoredTo:
			v.Verdict = Ignored
		default:
			v.Verdict = Partly
		}
	}
	return v
}
