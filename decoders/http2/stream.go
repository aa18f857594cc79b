package http2

import (
	"cmp"
	"maps"
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// stream is one exchange (RFC 9113 section 5). The client's half is the
// request, the server's half the response; a pushed stream has no client's.
type stream struct {
	id           uint32
	requestFrame uint64 // of its http.request
	halves       [2]half
	target       string // what its contents are called, for --extract
	manifest     bool   // its target ends like the manifest of a film

	connect  *events.HTTPRequest // CONNECT waits for its answer, or is answered
	protocol string              // of an extended CONNECT (RFC 8441)
	feed     decoders.Feed       // of its tunnel
	fed      [2]bool             // the end of that side was told
	early    int64               // bytes of the client before there was a feed
}

// phase is how far one half of a stream is.
type phase uint8

const (
	unseen phase = iota // no final head yet
	opened              // content, or trailers, may follow
	ended               // END_STREAM, or reset
)

// past is a stream that ended.
type past struct {
	id           uint32
	requestFrame uint64
}

// pastKept is how many ended streams are remembered: frames that were under
// way when a stream was reset still come.
const pastKept = 64

// open is the stream that from opens; nil where there are too many.
func (c *conn) open(id uint32, from events.Dir) *stream {
	if st := c.streams[id]; st != nil {
		return st
	}
	d := &c.sides[from]
	odd := id&1 == 1
	switch {
	case odd != (from == events.FromClient):
		c.violation(from, "stream identifier of the other side (RFC 9113 section 5.1.1)")
	case d.whole && id <= c.opened[from]:
		c.violation(from, "stream identifier lower than one before (RFC 9113 section 5.1.1)")
	}
	c.opened[from] = max(c.opened[from], id)
	return c.make(id)
}

// join is a stream whose opening was not seen; nil where it is over, or cannot
// be.
func (c *conn) join(id uint32, from events.Dir) *stream {
	by := opener(id)
	if c.sides[by].whole {
		if id <= c.opened[by] {
			return nil
		}
		const idle = "frame on an idle stream (RFC 9113 section 5.1)"
		if by == from {
			c.violation(from, idle)
			return nil
		}
		if c.opened[by] > 0 || id != 1 { // which may be of an upgrade that was lost
			c.doubt(from, idle)
		}
	}
	return c.make(id)
}

// opener is the side that opens streams of this number (RFC 9113 section
// 5.1.1).
func opener(id uint32) events.Dir { return events.Dir(1 - id&1) }

// make is a new stream; nil where there are too many.
func (c *conn) make(id uint32) *stream {
	limit := c.env.Limits.HTTP2Streams
	if len(c.streams) >= limit {
		c.sweep()
	}
	if len(c.streams) >= limit {
		if !c.full {
			c.full = true
			c.out.Limit("http2-streams", limit, "streams beyond are not followed: no bodies, no pairing", 0)
		}
		return nil
	}
	c.full = false
	st := &stream{id: id}
	for i := range st.halves {
		st.halves[i].epoch = c.sides[i].epoch
		st.halves[i].length = -1
	}
	c.streams[id] = st
	return st
}

// sweep forgets the streams whose end may have been lost.
func (c *conn) sweep() {
	if c.sides[0].epoch == 0 && c.sides[1].epoch == 0 {
		return
	}
	for _, st := range c.sorted() {
		if h := &st.halves[events.FromServer]; c.tornHalf(h, events.FromServer) {
			c.endHalf(st, events.FromServer, events.EndEvicted, false)
			c.endHalf(st, events.FromClient, events.EndEvicted, false)
		}
	}
}

// ended is the stream of this id that ended lately.
func (c *conn) ended(id uint32) *past {
	for i := range c.past {
		if c.past[i].id == id && id != 0 {
			return &c.past[i]
		}
	}
	return nil
}

// sorted are all streams by number.
func (c *conn) sorted() []*stream {
	return slices.SortedFunc(maps.Values(c.streams), func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
}

// endHalf: what from sends on st is over. complete: its end was seen.
func (c *conn) endHalf(st *stream, from events.Dir, why events.Ending, complete bool) {
	h := &st.halves[from]
	if h.phase == opened {
		c.closeBody(st, from, complete)
	}
	h.phase = ended
	c.endFeed(st, from, why)
	c.release(st)
}

// release forgets a stream of which nothing more can come.
func (c *conn) release(st *stream) {
	cl, sv := &st.halves[events.FromClient], &st.halves[events.FromServer]
	if sv.phase != ended {
		return
	}
	if cl.phase == opened {
		if !c.tornHalf(cl, events.FromClient) {
			return
		}
		// Its end may have been lost.
		c.closeBody(st, events.FromClient, false)
		cl.phase = ended
	}
	c.endFeed(st, events.FromClient, events.EndCaptureOver)
	c.forget(st)
}

func (c *conn) forget(st *stream) {
	if c.streams[st.id] != st {
		return
	}
	delete(c.streams, st.id)
	c.past[c.pastAt] = past{st.id, st.requestFrame}
	c.pastAt = (c.pastAt + 1) % pastKept
}

// tornHalf says that any number of frames of a half may have been lost.
func (c *conn) tornHalf(h *half, from events.Dir) bool { return h.epoch != c.sides[from].epoch }

// reset ends both halves of a stream (RFC 9113 section 6.4).
func (c *conn) reset(from events.Dir, id uint32) {
	st := c.streams[id]
	if st == nil {
		return
	}
	for dir := range st.halves {
		h := &st.halves[dir]
		if h.phase == opened {
			c.closeBody(st, events.Dir(dir), false)
		}
		h.phase = ended
		c.endFeed(st, events.Dir(dir), events.EndReset)
	}
	c.forget(st)
}
