package holhttp2

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// keptStreams is how many streams the row of a period lists.
const keptStreams = 32

func longestFirst(bs []Behind) []Behind {
	slices.SortFunc(bs, func(a, b Behind) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.HTTPStream, b.HTTPStream))
	})
	return bs[:min(len(bs), keptBehind)]
}

// flush answers for the busy period that is over, or that a limit ends: then
// streams under way are kept for the next one.
func (c *conn) flush(k events.StreamKey, emit analyzers.Emit, last bool) {
	var going []*stream
	if len(c.period) > 1 {
		turns := c.inOrder()
		p := c.value(k, Period)
		var own, all int64
		var saved events.Duration
		first := c.period[0].first
		for _, st := range c.period {
			if st.phase == begun && !last {
				continue
			}
			v := c.row(k, st, turns)
			p.add(v)
			own += st.bytes
			all += st.sinceFirst
			first = min(first, st.first)
			if v.Saved != nil {
				saved += *v.Saved
			}
			emit(k.String()+"/"+strconv.FormatUint(st.id, 10)+" "+v.name(), v)
		}
		if p.Count > 1 {
			p.Waited = p.ServerOrder + p.FlowControl
			if c.placed {
				stall := c.stall.Total()
				p.TCPLoss = &stall
				p.Waited += stall
			}
			p.Duration = max(c.lastEnd.Sub(first), 0)
			if own > 0 {
				p.Interleaving = float64(all) / float64(own)
			}
			if p.Duration > 0 {
				p.Rate = float64(c.line.total) / (float64(p.Duration) / 1e9)
			}
			if len(turns) > 0 {
				p.Saved = &saved
			}
			p.Frames = analyzers.Frames(p.FirstFrame, p.LastFrame)
			p.Filter = k.Filter() + " && http2 && frame.number in {" + strconv.FormatUint(p.FirstFrame, 10) + ".." + strconv.FormatUint(p.LastFrame, 10) + "}"
			emit(k.String()+" from frame "+strconv.FormatUint(p.FirstFrame, 10), p)
		}
	}
	for _, st := range c.period {
		if st.phase == begun {
			st.kept = true
			going = append(going, st)
		} else {
			delete(c.streams, st.id)
		}
	}
	if len(going) > 0 { // the line goes on
		c.limited = true
		// All that is under way may be too many: then the oldest are let go.
		for len(going) >= min(c.limit, keptPeriod) {
			delete(c.streams, going[0].id)
			going = going[1:]
			c.active--
		}
		c.period = slices.Clone(going)
		return
	}
	c.period, c.active, c.line, c.stall, c.shut = c.period[:0], 0, curve{points: c.line.points[:0]}, analyzers.Union{}, c.shut[:0]
	clear(c.period[:cap(c.period)])
}

func (c *conn) value(k events.StreamKey, what What) *Value {
	client, server := c.flow.Ends()
	v := &Value{What: what, Client: client.String(), Server: server.String(), Stream: k.Stream, Limited: c.limited}
	if !c.placed {
		v.Unknown = append(v.Unknown, "tcp_loss, hpack: inside TLS frames have no place in the TCP stream")
	}
	if c.noWindows {
		v.Unknown = append(v.Unknown, "flow_control: a SETTINGS or WINDOW_UPDATE was not captured; such waits count as server_order")
	}
	if c.gap {
		v.Unknown = append(v.Unknown, "bytes of the server were not captured: times and sizes are too small")
	}
	if c.rtt == 0 {
		v.Unknown = append(v.Unknown, "before, flow_control: the handshake was not captured; by a round trip too long, or too short")
	}
	return v
}

// row is that of one stream.
func (c *conn) row(k events.StreamKey, st *stream, turns map[*stream]turn) *Value {
	v := c.value(k, Stream)
	v.HTTPStream, v.Status, v.Bytes, v.Complete = st.id, st.status, st.bytes, st.phase == ended
	v.Duration = st.end.Sub(st.first)
	if st.request != nil {
		v.Method, v.Target = st.request.Method, st.request.Target
		v.Before = &st.before
	} else {
		v.Unknown = append(v.Unknown, "before: its request was not captured")
	}
	v.ServerOrder, v.FlowControl = st.order, st.flow
	v.Waited = st.order + st.flow
	if c.placed {
		loss, heads, own := st.other.Total(), st.heads.Total(), st.own.Total()
		v.Waited += loss
		loss -= heads
		v.TCPLoss, v.HPACK, v.OwnLoss = &loss, &heads, &own
	}
	v.Behind = longestFirst(st.behind)
	v.Count = uint32(len(c.period))
	if st.bytes > 0 && !st.kept {
		v.Interleaving = float64(st.sinceFirst) / float64(st.bytes)
	}
	if t, ok := turns[st]; ok {
		v.FCFSWait, v.Saved = &t.wait, &t.saved
	}
	v.RequestFrame, v.FirstFrame, v.LastFrame = st.requestFrame, st.firstFrame, st.lastFrame
	v.Frames = analyzers.Frames(st.requestFrame, st.firstFrame, st.lastFrame)
	v.Filter = k.Filter() + " && http2.streamid == " + strconv.FormatUint(st.id, 10)
	return v
}

// add counts a stream in the row of its period. Streams wait at the same time:
// the period waited as long as the one that waited longest.
func (p *Value) add(v *Value) {
	p.Count++
	if len(p.Streams) < keptStreams {
		p.Streams = append(p.Streams, v.HTTPStream)
	}
	p.Bytes += v.Bytes
	p.ServerOrder = max(p.ServerOrder, v.ServerOrder)
	p.FlowControl = max(p.FlowControl, v.FlowControl)
	for _, part := range []struct{ to, from **events.Duration }{{&p.HPACK, &v.HPACK}, {&p.OwnLoss, &v.OwnLoss}} {
		if d := *part.from; d != nil && (*part.to == nil || **part.to < *d) {
			worst := *d
			*part.to = &worst
		}
	}
	if v.Saved != nil && *v.Saved > 0 {
		p.Early++
	}
	if p.FirstFrame == 0 || v.FirstFrame < p.FirstFrame {
		p.FirstFrame = v.FirstFrame
	}
	p.LastFrame = max(p.LastFrame, v.LastFrame)
}

// name is what a stream was asked for.
func (v *Value) name() string {
	if v.Method == "" {
		return "unknown request"
	}
	return v.Method + " " + v.Target
}

// undecided is the row of a connection of which nothing is known.
func undecided(k events.StreamKey, flow events.Flow, emit analyzers.Emit, why string, frames ...uint64) {
	client, server := flow.Ends()
	emit(k.String(), &Value{
		What: Connection, Undecided: why, Client: client.String(), Server: server.String(), Stream: k.Stream,
		Frames: analyzers.Frames(frames...), Filter: k.Filter(),
	})
}
