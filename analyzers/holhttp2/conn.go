package holhttp2

import (
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/holes"
	"github.com/wiretale/wiretale/events"
)

// leastRest is for how long, at least, nothing may be sent and the connection
// still counts as busy. Otherwise it is a round trip: TCP with a full
// congestion window sends nothing for nearly so long.
const leastRest = events.Duration(20 * time.Millisecond)

// keptPeriod is how many streams of one busy period are compared at most.
const keptPeriod = 1024

// frameHeader is the length of a frame without its payload (RFC 9113 section
// 4.1).
const frameHeader = 9

// conn is a connection of HTTP/2, as far as its server's responses go.
type conn struct {
	flow   events.Flow
	limit  int
	rtt    events.Duration // to the server and back; 0: not known
	rest   events.Duration
	placed bool   // its frames have a place in the TCP stream
	first  uint64 // frame
	frame  uint64 // of the last event

	tracker  holes.Tracker
	streams  map[uint64]*stream
	requests uint32
	frames   uint64 // of the server

	// The busy period: from the first response under way until none is and
	// nothing was sent for rest.
	period  []*stream // in the order of their first bytes
	active  int       // begun, not ended
	lastEnd events.Time
	runs    runs
	line    curve
	stall   analyzers.Union // when bytes of any stream waited behind a hole in another's

	closed events.Time // since when the connection's window is closed; 0: open
	shut   []span      // when it was, in this period

	gap        bool // bytes of the server were not captured
	noWindows  bool // a SETTINGS or WINDOW_UPDATE was not seen
	limited    bool
	unfollowed uint32 // streams beyond the limit
}

type span struct{ from, to events.Time }

// phase is how far a response is.
type phase uint8

const (
	asked phase = iota // not begun
	begun
	ended // END_STREAM
	reset
)

// stream is a request and its response.
type stream struct {
	id           uint64
	request      *events.HTTPRequest // nil: not captured
	requestFrame uint64
	asked        events.Time // the last byte of the request
	pushed       bool
	status       int
	phase        phase
	kept         bool // from a period that a limit ended

	firstFrame, lastFrame uint64
	first, end            events.Time // first byte of the response, last
	bytes                 int64       // of its frames
	sinceFirst            int64       // bytes of all frames from its first to its last
	start                 int64       // bytes on the line before it

	busy                events.Duration // of the line when its last frame ended
	before, order, flow events.Duration
	closed, opened      events.Time // its window: since when closed, from when open again; 0: not
	other, own, heads   analyzers.Union
	behind              []Behind
}

// placed says whether frames have a place in the TCP stream: not inside TLS.
func placed(e *events.Event) bool { return strings.Count(e.Layer, "/") == 1 }

// settle gives the streams the waits of earlier packets.
func (c *conn) settle() {
	if !c.tracker.Busy() {
		return
	}
	c.tracker.Settle(func(w holes.Wait) {
		st := c.streams[w.Owner]
		if st == nil {
			return
		}
		if w.Own {
			st.own.Add(w.Arrived, w.Released)
			return
		}
		st.other.Add(w.Arrived, w.Released)
		c.stall.Add(w.Arrived, w.Released)
		if w.Heads {
			st.heads.Add(w.Arrived, w.Released)
		}
	})
}

func (c *conn) stream(id uint64) *stream {
	if st := c.streams[id]; st != nil {
		return st
	}
	if len(c.streams) >= c.limit {
		c.unfollowed++
		c.limited = true
		return nil
	}
	st := &stream{id: id}
	c.streams[id] = st
	return st
}

func (c *conn) request(b *events.HTTPRequest, e *events.Event) {
	c.requests++
	if st := c.stream(b.HTTPStream); st != nil && st.phase == asked {
		st.request, st.requestFrame, st.asked, st.pushed = b, e.Pos.Frame, e.Time, e.From == events.FromServer
		st.busy = c.runs.busy
	}
}

func (c *conn) response(b *events.HTTPResponse) {
	if st := c.streams[b.HTTPStream]; st != nil && !b.Interim {
		st.status = b.Status
	}
}

// clientFrame opens windows and resets streams.
func (c *conn) clientFrame(b *events.HTTP2Frame, e *events.Event) {
	// What the client says reaches the server, and what the server then does
	// is seen, a round trip later.
	seen := e.Time.Add(c.rtt)
	switch b.Type {
	case "WINDOW_UPDATE":
		switch st := c.streams[b.HTTPStream]; {
		case b.HTTPStream == 0 && c.closed != 0 && b.ConnectionWindow > 0:
			c.shut = append(c.shut, span{c.closed, seen})
			if len(c.shut) > keptRuns {
				c.shut = slices.Delete(c.shut, 0, keptRuns/2)
				c.limited = true
			}
			c.closed = 0
		case st != nil && st.closed != 0 && st.opened == 0 && b.StreamWindow > 0:
			st.opened = seen
		}
	case "SETTINGS":
		for _, p := range b.Settings {
			if p.Name != "INITIAL_WINDOW_SIZE" || p.Value == 0 {
				continue
			}
			for _, st := range c.period {
				if st.closed != 0 && st.opened == 0 {
					st.opened = seen
				}
			}
		}
	case "RST_STREAM":
		c.reset(b.HTTPStream)
	}
}

func (c *conn) reset(id uint64) {
	switch st := c.streams[id]; {
	case st == nil:
	case st.phase == asked:
		delete(c.streams, id)
	case st.phase == begun:
		st.phase = reset
		c.active--
	}
}

// serverFrame takes a frame of the server.
func (c *conn) serverFrame(k events.StreamKey, b *events.HTTP2Frame, e *events.Event, emit analyzers.Emit) {
	c.frames++
	size := frameHeader + int64(b.Length)
	head := false
	switch b.Type {
	case "HEADERS", "CONTINUATION", "PUSH_PROMISE":
		head = true
	case "DATA":
	case "RST_STREAM":
		c.reset(b.HTTPStream)
		fallthrough
	default:
		if c.placed {
			c.tracker.Piece(b.Offset, size, 0, false) // of no response
		}
		return
	}
	if c.placed {
		c.tracker.Piece(b.Offset, size, b.HTTPStream, head)
	}
	gap := b.FirstTime.Sub(c.lastEnd)
	if len(c.period) > 0 && c.active == 0 && gap > c.rest {
		c.flush(k, emit, false)
	}
	if len(c.period) >= min(c.limit, keptPeriod) {
		c.flush(k, emit, false)
	}
	from := c.taken(b)
	c.line.add(b.FirstTime, e.Time, size)
	st := c.stream(b.HTTPStream)
	if st == nil {
		c.runs.add(from, e.Time, b.HTTPStream)
		c.lastEnd = max(c.lastEnd, e.Time)
		return
	}
	switch st.phase {
	case asked:
		c.begin(st, b, size)
	case begun:
		c.silence(st, b.FirstTime)
	}
	c.runs.add(from, e.Time, st.id)
	c.lastEnd = max(c.lastEnd, e.Time)
	st.bytes += size
	st.end, st.lastFrame = e.Time, e.Pos.Frame
	st.sinceFirst = c.line.total - st.start
	st.busy = c.runs.busy
	st.closed, st.opened = 0, 0
	last := len(b.Flags) > 0 && b.Flags[0] == "END_STREAM"
	if b.Type == "DATA" {
		switch {
		case !b.WindowsKnown:
			c.noWindows = true
		case b.StreamWindow <= 0 && !last:
			st.closed = e.Time
		}
		if b.WindowsKnown && b.ConnectionWindow <= 0 && c.closed == 0 {
			c.closed = e.Time
		}
	}
	if last && b.Type != "PUSH_PROMISE" && st.phase == begun {
		st.phase = ended
		c.active--
	}
}

// packetBytes is what a full packet carries, about.
const packetBytes = 1460

// taken is from when on the line was taken by a frame: from its first byte on,
// and before that for the time of the packet that brought it, at the rate of
// the period so far. What lies between that and the frame before is nobody's:
// nothing was sent.
func (c *conn) taken(b *events.HTTP2Frame) events.Time {
	if len(c.line.points) == 0 || c.line.total == 0 {
		return b.FirstTime
	}
	busy := c.lastEnd.Sub(c.line.points[0].at)
	packet := events.Duration(float64(busy) * (packetBytes / float64(c.line.total)))
	return max(c.lastEnd, b.FirstTime.Add(-max(packet, 0)))
}

// begin takes the first frame of a response.
func (c *conn) begin(st *stream, b *events.HTTP2Frame, size int64) {
	st.phase, st.first, st.firstFrame = begun, b.FirstTime, b.FirstFrame
	st.start = c.line.total - size
	c.active++
	c.period = append(c.period, st)
	if st.asked == 0 {
		return
	}
	from := st.asked
	if !st.pushed {
		from = from.Add(c.rtt)
	}
	c.runs.each(from, st.first, func(_ uint64, d events.Duration) { st.before += d })
	if c.runs.forgot > from {
		// What is left of the runs does not reach back; a round trip of it may
		// have been before the request arrived.
		st.before = max(st.before, c.runs.since(st.busy, st.first)-c.rtt)
	}
}

// silence counts what others sent from the last frame of st up to the first
// byte of its next one.
func (c *conn) silence(st *stream, next events.Time) {
	if next <= st.end {
		return
	}
	others := c.runs.since(st.busy, next)
	c.runs.each(st.end, next, func(id uint64, d events.Duration) { st.waitedFor(id, d, c.streams[id]) })
	var shut []span
	if st.closed != 0 {
		to := next
		if st.opened != 0 {
			to = min(to, st.opened)
		}
		shut = append(shut, span{max(st.closed, st.end), to})
	}
	for _, s := range c.shut {
		if s.to > st.end && s.from < next {
			shut = append(shut, span{max(s.from, st.end), min(s.to, next)})
		}
	}
	if c.closed != 0 && c.closed < next {
		shut = append(shut, span{max(c.closed, st.end), next})
	}
	for _, s := range union(shut) {
		st.flow += s.to.Sub(s.from)
		c.runs.each(s.from, s.to, func(_ uint64, d events.Duration) { others -= d })
	}
	st.order += max(others, 0)
}

// union joins spans that overlap.
func union(in []span) (out []span) {
	slices.SortFunc(in, func(a, b span) int { return int(max(min(a.from-b.from, 1), -1)) })
	for _, s := range in {
		switch n := len(out); {
		case s.to <= s.from:
		case n > 0 && s.from <= out[n-1].to:
			out[n-1].to = max(out[n-1].to, s.to)
		default:
			out = append(out, s)
		}
	}
	return out
}

// keptBehind is how many streams a row lists that were sent meanwhile.
const keptBehind = 8

func (st *stream) waitedFor(id uint64, d events.Duration, other *stream) {
	for i := range st.behind {
		if st.behind[i].HTTPStream == id {
			st.behind[i].Time += d
			return
		}
	}
	if len(st.behind) >= 4*keptBehind {
		st.behind = longestFirst(st.behind)
	}
	b := Behind{HTTPStream: id, Time: d}
	if other != nil && other.request != nil {
		b.Target = other.request.Target
	}
	st.behind = append(st.behind, b)
}
