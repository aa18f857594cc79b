// Package pop3 observes POP3 (RFC 1939, with RFC 2449, 2595, 5034 and 6856)
// as a third party: commands, replies paired with them, and messages, which
// pass through to the mail decoder without being held. It must not judge:
// what breaks the rules is a flow.violation and the conversation goes on.
package pop3

import (
	"bytes"
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "pop3"

// Proto is POP3 over a byte stream.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: []uint16{110},
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:      "POP3: commands, replies, messages, STLS",
}

// errNotPOP3 ends a decoder that was chosen by port and met something else.
var errNotPOP3 = errors.New("pop3: neither a command nor a reply")

// stream is one connection.
type stream struct {
	env    decoders.Env
	client clientSide
	server serverSide
	queue  queue
	spoken bool // a pop3 event was made
	lines  int  // longest line that is read, bytes with its end
}

func newStream(env decoders.Env) *stream {
	return &stream{env: env, queue: queue{max: env.Limits.PendingRequests}, lines: max(1, min(env.Limits.POP3Line, env.Limits.Waiting-1))}
}

// lineReader finds the ends of the lines of one side.
type lineReader struct {
	// scanned are the bytes at the front of what was not taken that hold no
	// line end.
	scanned int
	// skip: the bytes up to the next line end belong to a line that was torn
	// or is too long.
	skip bool
	told bool // the limit on lines was told
}

// next is the line at the front of b, with its end. nil: it is not whole;
// then used bytes can be taken, and want is what Data must ask for.
func (l *lineReader) next(b []byte, limit int) (line []byte, used, want int, long bool) {
	if l.skip {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return nil, len(b), 0, false
		}
		l.skip = false
		return nil, i + 1, 0, false
	}
	l.scanned = min(l.scanned, len(b))
	i := bytes.IndexByte(b[l.scanned:], '\n')
	n := l.scanned + i + 1
	if i < 0 {
		n = len(b)
	}
	switch {
	case n > limit:
		// Only what is beyond the limit tells that it is reached, however
		// the line was cut.
		l.scanned, l.skip = 0, true
		return nil, limit, 0, true
	case i < 0:
		l.scanned = n
		return nil, 0, n + 1, false
	}
	l.scanned = 0
	return b[:n], n, 0, false
}

// call is one call of Data.
type call struct {
	s        *stream
	w        decoders.Window
	out      decoders.Sink
	off      int // bytes taken so far
	switched bool
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	c := call{s: s, w: w, out: out}
	for c.off < len(w.Bytes) && want == 0 && !c.switched {
		off := c.off
		if w.From == events.FromClient {
			want, err = c.fromClient()
		} else {
			want, err = c.fromServer()
		}
		if err != nil {
			s.server.abandon(events.EndReset)
			return c.off, 0, err
		}
		if c.off == off {
			break
		}
	}
	return c.off, want, nil
}

// rest are the bytes not taken yet.
func (c *call) rest() []byte { return c.w.Bytes[c.off:] }

func (c *call) violation(reason string) {
	c.s.spoken = true
	c.out.Emit(c.w.From, &events.FlowViolation{Protocol: name, Reason: reason})
}

func (c *call) tooLong(l *lineReader) {
	if !l.told {
		l.told = true
		c.out.Limit("pop3-line", c.s.env.Limits.POP3Line, "a longer line is passed over", int64(c.s.lines))
	}
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	if from == events.FromClient {
		s.client.lineReader.scanned, s.client.skip = 0, true
		if s.client.state == deciding {
			s.client.state = commanding
		}
		s.queue.hole()
		return nil
	}
	s.server.gap(n)
	s.queue.lostReplies(s.server.state != replying)
	s.client.decide()
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if from == events.FromServer {
		s.breakOff(why, out)
		s.client.decide()
	}
}

// trim is a line without its end.
func trim(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
