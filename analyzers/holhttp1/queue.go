package holhttp1

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// state is what is kept of a connection: most of the time no request is open.
type state struct {
	flow     events.Flow
	rtt      events.Duration // from the capture point to the server and back; 0: not known
	requests uint32          // so far
	unasked  uint32          // responses whose requests were not captured
	endless  uint32          // responses whose end is not known, and others came behind them
	frame    uint64          // the first of those, or the hello that promised HTTP/1 under TLS
	last     uint64          // the last of those
	sealed   bool            // TLS that carries HTTP/1
	cut      bool            // exchanges of the queue were given up for a limit
	// queue are the requests since the connection was last at rest, in order:
	// HTTP/1 answers in the order of requests (RFC 9112 section 9.3.2).
	queue []exchange
}

// progress is how far a response is.
type progress uint8

const (
	waiting progress = iota // not begun
	begun
	over
	lost // not captured: a later request was answered
)

// exchange is a request and its response.
type exchange struct {
	request      *events.HTTPRequest
	requestFrame uint64
	asked        events.Time // the last byte of the request
	number       uint32      // on its connection, from 1

	progress   progress
	status     int
	bytes      int64 // head and body on the wire
	endless    bool  // nothing says how long it is (RFC 9112 section 6.3): the end of the connection ends it
	firstFrame uint64
	lastFrame  uint64
	first, end events.Time // the first byte of the response, the last
}

// keptFree is how many slices are kept to be used again, and shortQueue the
// longest of them.
const (
	keptFree   = 1024
	shortQueue = 4
)

func (s *state) seal(e *events.Event) {
	s.flow, s.sealed = e.Flow, true
	s.mark(e.Pos.Frame)
}

// mark notes a frame that an undecided row will name.
func (s *state) mark(frame uint64) {
	if s.frame == 0 {
		s.frame = frame
	}
	s.last = frame
}

func (f *fold) request(k events.StreamKey, s *state, e *events.Event, r *events.HTTPRequest, emit analyzers.Emit) {
	s.requests++
	if len(s.queue) >= f.pending && !f.makeRoom(k, s, emit) {
		return
	}
	if n := len(f.free); s.queue == nil && n > 0 {
		s.queue, f.free = f.free[n-1], f.free[:n-1]
	}
	s.queue = append(s.queue, exchange{request: r, requestFrame: e.Pos.Frame, asked: e.Time, number: s.requests})
}

// find is the first exchange of the request told in frame that is at p.
func (s *state) find(frame uint64, p progress) *exchange {
	for i := range s.queue {
		if x := &s.queue[i]; x.requestFrame == frame && x.progress == p {
			return x
		}
	}
	return nil
}

func (f *fold) response(k events.StreamKey, s *state, e *events.Event, r *events.HTTPResponse, emit analyzers.Emit) {
	if r.Interim && r.Status != 101 {
		return
	}
	var x *exchange
	if r.RequestFrame != 0 {
		x = s.find(r.RequestFrame, waiting)
	}
	if x == nil {
		if s.cut {
			return // to a request that the limit kept out
		}
		s.unasked++
		s.mark(e.Pos.Frame)
		return
	}
	for i := range s.queue {
		o := &s.queue[i]
		if o == x {
			break
		}
		if o.progress != over {
			o.progress = lost
		}
	}
	x.progress, x.status, x.bytes = begun, r.Status, r.Bytes
	x.first, x.firstFrame = r.FirstTime, r.FirstFrame
	x.end, x.lastFrame = e.Time, e.Pos.Frame
	x.endless = r.HasBody && events.Get(r.Headers, "Content-Length") == "" && events.Get(r.Headers, "Transfer-Encoding") == ""
	if !r.HasBody {
		x.progress = over
		f.rest(k, s, emit)
	}
}

func (f *fold) body(k events.StreamKey, s *state, e *events.Event, b *events.HTTPBody, emit analyzers.Emit) {
	if b.Of == "request" {
		if x := s.find(b.RequestFrame, waiting); x != nil {
			x.asked = e.Time
		}
		return
	}
	if x := s.find(b.RequestFrame, begun); x != nil {
		x.progress, x.end, x.lastFrame = over, e.Time, e.Pos.Frame
		x.bytes += b.WireBytes
		f.rest(k, s, emit)
	}
}

// rest answers for the queue once the connection is at rest.
func (f *fold) rest(k events.StreamKey, s *state, emit analyzers.Emit) {
	if p := s.queue[len(s.queue)-1].progress; p != over && p != lost {
		return
	}
	f.settle(k, s, emit)
	f.release(s)
}

// makeRoom answers for the exchanges that are over. Where none is, the next
// request is not followed: no pairing that is sure would be left.
func (f *fold) makeRoom(k events.StreamKey, s *state, emit analyzers.Emit) bool {
	f.settle(k, s, emit)
	n := 0
	for n < len(s.queue) && s.queue[n].progress >= over {
		n++
	}
	s.drop(n)
	s.cut = true
	return n > 0
}

func (s *state) drop(n int) {
	m := copy(s.queue, s.queue[n:])
	clear(s.queue[m:])
	s.queue = s.queue[:m]
}

// release forgets the queue.
func (f *fold) release(s *state) {
	clear(s.queue)
	if c := cap(s.queue); c > 0 && c <= shortQueue && len(f.free) < keptFree {
		f.free = append(f.free, s.queue[:0])
	}
	s.queue, s.cut = nil, false
}
