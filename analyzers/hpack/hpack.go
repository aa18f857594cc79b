// Package hpack answers how well the header blocks of HTTP/2 were compressed,
// and by which tables. It must not read what fields say.
package hpack

import (
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is "hpack".
var Question = analyzers.Question{
	Name:    "hpack",
	Area:    analyzers.Web,
	Doc:     "how well header blocks of HTTP/2 were compressed: sizes, hits of the static and the dynamic table",
	New:     func(o analyzers.Options) analyzers.Runner { return analyzers.Runs("hpack", o, fold{}) },
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct{}

func (fold) Kinds() []events.Kind {
	return []events.Kind{events.KindFlowEnd, events.KindHTTP2Frame}
}

// Key is the connection. Only frames that end a header block count.
func (fold) Key(e *events.Event) (events.StreamKey, bool) {
	ok := e.Flow.Proto == events.ProtoTCP
	if b, frame := e.Body.(*events.HTTP2Frame); frame {
		ok = ok && (b.HPACK != nil || b.Undecodable || endsBlock(b))
	}
	return e.Key(), ok
}

// endsBlock: of a block that was read and is too large for the limits nothing
// is counted.
func endsBlock(b *events.HTTP2Frame) bool {
	switch b.Type {
	case "HEADERS", "PUSH_PROMISE", "CONTINUATION":
	default:
		return false
	}
	for _, f := range b.Flags {
		if f == "END_HEADERS" {
			return true
		}
	}
	return false
}

func (fold) Idle() time.Duration { return analyzers.Never }

// Over: nothing follows the end of a flow.
func (fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// state is what is kept of a connection. Almost none is of HTTP/2.
type state struct{ *conn }

type conn struct {
	flow  events.Flow
	sides [2]side
}

// side is what one side sent.
type side struct {
	blocks, unread int64
	all, first     sums
	peak, max      int
	frames         []uint64
}

// sums are those of blocks.
type sums struct {
	encoded, decoded, fields                          int64
	static, dynamic, staticName, dynamicName, literal int64
	inserted, evicted, never                          int64
}

func (fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	b, ok := e.Body.(*events.HTTP2Frame)
	if !ok {
		return
	}
	if s.conn == nil {
		s.conn = &conn{flow: e.Flow}
	}
	d := &s.sides[e.From]
	if len(d.frames) < analyzers.MaxFrames {
		d.frames = append(d.frames, e.Pos.Frame)
	}
	h := b.HPACK
	if h == nil {
		d.unread++
		return
	}
	d.blocks++
	d.all.add(h)
	if d.blocks == 1 && d.unread == 0 {
		d.first.add(h)
	}
	d.peak, d.max = max(d.peak, h.Table), h.TableMax
}

func (s *sums) add(h *events.HPACKBlock) {
	s.encoded += int64(h.Encoded)
	s.decoded += int64(h.Decoded)
	s.fields += int64(h.Fields)
	s.static += int64(h.Static)
	s.dynamic += int64(h.Dynamic)
	s.staticName += int64(h.StaticName)
	s.dynamicName += int64(h.DynamicName)
	s.literal += int64(h.Literal)
	s.inserted += int64(h.Inserted)
	s.evicted += int64(h.Evicted)
	s.never += int64(h.Never)
}

func (fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.conn == nil {
		return
	}
	for i := range s.sides {
		if d := &s.sides[i]; d.blocks+d.unread > 0 {
			dir := events.Dir(i)
			emit(analyzers.SideKey(k, dir), d.value(k, s.flow, dir))
		}
	}
}
