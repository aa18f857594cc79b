package holtcp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// A flow that keeps everything from its first event on answers as one that
// starts quiet, whatever comes.
func TestQuietIsLoud(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
		limit := n("limit", 1, 4)
		f := &fold{pending: limit}
		flow := events.Flow{Proto: events.ProtoTCP, ClientPort: 1, ServerPort: 2}
		waking, awake := &state{}, &state{loud: &loud{flow: flow}}
		frame := 1
		for range n("events", 1, 25) {
			frame += n("frames", 0, 1)
			e := &events.Event{
				Pos: events.Pos{Frame: uint64(frame)}, Time: events.Time(frame * 100), Flow: flow,
				From: events.Dir(min(n("from", 0, 9), 1)), Layer: "tcp/http1",
			}
			request, offset, bytes := uint64(n("request", 1, 2)), int64(n("offset", 0, 9)), int64(n("bytes", 0, 9))
			switch n("kind", 0, 8) {
			case 0:
				e.Body = &events.TCPHOL{Offset: offset, Bytes: bytes, Wait: events.Duration(n("wait", 1, 500)), HoleOffset: int64(n("hole", 0, 9)), HoleBytes: 2, Filled: n("filled", 0, 5) > 0}
			case 1, 2, 3, 4:
				e.Body = &events.HTTPResponse{RequestFrame: request, Offset: offset, Bytes: bytes, HasBody: n("has", 0, 2) > 0, Interim: n("interim", 0, 5) == 0, HTTPStream: uint64(n("stream", 0, 9) / 9)}
			default:
				e.Body = &events.HTTPBody{Of: "response", RequestFrame: request, Offset: offset, WireBytes: bytes}
			}
			if n("tls", 0, 30) == 30 {
				e.Layer = "tcp/tls/http1"
			}
			f.Step(e.Key(), waking, e, nil)
			f.Step(e.Key(), awake, e, nil)
		}
		answers := func(s *state) (vs []any) {
			f.Close(events.StreamKey{Proto: events.ProtoTCP}, s, func(_ string, v any) { vs = append(vs, v) })
			return vs
		}
		if d := cmp.Diff(answers(awake), answers(waking)); d != "" {
			t.Fatal(d)
		}
	})
}

var _ analyzers.Fold[events.StreamKey, state] = (*fold)(nil)
