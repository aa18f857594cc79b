// Package http1 observes HTTP/0.9, 1.0 and 1.1 (RFC 1945, RFC 9110, RFC 9112)
// as a third party: it frames messages, pairs responses with requests, and
// lets bodies pass through unread. It must not reject what real peers accept,
// hold a body, or judge: what breaks the rules is a flow.violation and the
// conversation goes on.
package http1

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "http1"

// Proto is HTTP/0.9 to 1.1 over a byte stream.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: []uint16{80, 591, 631, 2869, 3128, 3132, 5985, 8000, 8008, 8080, 8088, 8888, 11371},
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:      "HTTP/0.9, 1.0 and 1.1: heads, bodies, pipelining, upgrades",
}

// errNotHTTP ends a decoder that was chosen by port and never found a message.
var errNotHTTP = errors.New("http1: no start line found")

// stream is one connection. Its two sides are nearly independent: what they
// share is the queue of requests that wait for an answer.
type stream struct {
	env    decoders.Env
	sides  [2]side
	queue  queue
	spoken bool // an http event was made
	// answeredEarly: a response came while the only open request was still
	// inside its head; that request is not waited for again.
	answeredEarly bool
	objects       uint32 // bodies that were wanted as objects
}

// state says what the next byte of a side belongs to.
type state uint8

const (
	inHead      state = iota // CRLFs before a start line, a start line, or its fields
	inLength                 // a body of known length: left bytes to go
	inChunkSize              // a chunk-size line (RFC 9112 section 7.1)
	inChunkData              // chunk data: left bytes to go
	inChunkEnd               // the CRLF after chunk data
	inTrailers               // the trailer section (RFC 9112 section 7.1.2)
	untilClose               // a body that the end of the connection delimits
	waiting                  // client: CONNECT or Upgrade is unanswered; these bytes may be another protocol
	unanswered               // client: as waiting, but the answer was lost
	lost                     // looking for the next plausible start line
)

// side is one direction.
type side struct {
	state state
	from  events.Dir
	// scanned are the bytes of an incomplete head (or lines of trailers) that
	// need not be searched again, counted from the first byte not taken.
	scanned int
	left    int64
	taken   bool // bytes were taken: garbage from here on is a violation
	strict  bool // the head was found by searching: any fault rejects it
	torn    bool // waiting: bytes were lost meanwhile
	// peek: the next bytes of this body may be a new status line in truth.
	peek     bool
	peeked   [statusLen]byte // bytes offered but not taken while peeking
	nPeeked  int
	peekedAt decoders.Mark
	line     int   // bytes of the start line of an incomplete head; 0: not whole yet
	skipped  int64 // bytes passed over since the start, while nothing was said
	body     body
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env}
	s.sides[events.FromServer].from = events.FromServer
	s.queue.max = env.Limits.PendingRequests
	return s
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	// The bulk path: a packet inside a body that nobody reads.
	if n := int64(len(w.Bytes)); d.body.counting && n < d.left {
		d.left -= n
		d.body.wire += n
		d.body.bytes += n
		return len(w.Bytes), 0, nil
	}
	d.body.object.by(out)
	c := call{s: s, d: d, w: w, out: out}
	for c.off < len(w.Bytes) {
		st, off := d.state, c.off
		want, err = c.step()
		if err != nil {
			s.stop()
			return c.off, 0, err
		}
		if c.switched {
			return c.off, 0, nil
		}
		if c.off > off {
			d.taken = true
		} else if d.state == st {
			break
		}
		want = 0
	}
	return c.off, want, nil
}

// call is one call of Data.
type call struct {
	s        *stream
	d        *side
	w        decoders.Window
	out      decoders.Sink
	off      int // bytes taken so far
	switched bool
}

// step works on the bytes from c.off on. It takes bytes, or changes the
// state, or says how many bytes it wants (0: none before the other side has
// spoken).
func (c *call) step() (want int, err error) {
	d := c.d
	switch d.state {
	case inHead:
		return c.head(), nil
	case inLength, inChunkData, untilClose:
		return c.pass(), nil
	case inChunkSize:
		return c.chunkSize(), nil
	case inChunkEnd:
		return c.chunkEnd(), nil
	case inTrailers:
		return c.trailers(), nil
	case waiting:
		return c.wait(), nil
	case unanswered:
		return c.leave(), nil
	default:
		return c.search()
	}
}

// rest are the bytes not taken yet.
func (c *call) rest() []byte { return c.w.Bytes[c.off:] }

func (c *call) violation(reason string) { violation(c.d.from, c.out, reason) }

func violation(from events.Dir, out decoders.Sink, reason string) {
	out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// change hands the stream over.
func (c *call) change(n decoders.Next) {
	c.s.stop()
	c.switched = true
	c.out.Switch(n)
}

// stop lets go of what the bodies in progress hold.
func (s *stream) stop() {
	for i := range s.sides {
		s.sides[i].body.abandon()
	}
	s.queue.unanswered()
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.sides[from]
	d.body.object.by(out)
	s.takePeeked(d)
	d.scanned = 0
	switch d.state {
	case inLength, inChunkData:
		lost := min(n, d.left)
		d.left -= lost
		d.body.lose(lost)
		if n == lost {
			if d.left == 0 {
				s.partOver(d, out)
			}
			return nil
		}
		s.closeBody(d, false, out)
	case untilClose:
		d.body.lose(n)
		return nil
	case inChunkSize, inChunkEnd, inTrailers:
		s.closeBody(d, false, out)
	case waiting, unanswered:
		d.torn = true
		return nil
	}
	s.tear(d)
	return nil
}

// tear gives up the place of d in its messages: heads may have been lost.
func (s *stream) tear(d *side) {
	d.state = lost
	d.strict = false
	if d.from == events.FromClient {
		s.queue.lostRequests()
		s.answeredEarly = false
		return
	}
	s.queue.lostResponses()
	if c := &s.sides[events.FromClient]; c.state == waiting {
		c.state = unanswered
	}
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &s.sides[from]
	d.body.object.by(out)
	s.takePeeked(d)
	switch d.state {
	case inLength, inChunkSize, inChunkData, inChunkEnd, inTrailers:
		s.closeBody(d, false, out)
	case untilClose:
		s.closeBody(d, why == events.EndFIN && d.body.delimited, out)
	case inHead:
		if d.scanned > 0 && (why == events.EndFIN || why == events.EndReset) && !d.strict && s.spoken {
			violation(from, out, "connection closed inside a head")
		}
	}
	d.state = lost
	d.strict = false
	if from == events.FromServer {
		s.queue.unanswered()
	}
}
