// Package imap observes IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051, with
// RFC 2177, 2595, 3502, 4978, 5161 and 7888) as a third party: commands and
// responses with their literals, which pass through unread or go to the mail
// decoder where they are messages. It must not judge, and it never holds a
// literal.
package imap

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "imap"

// Proto is IMAP over a byte stream.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: []uint16{143},
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:      "IMAP4: commands, responses, literals, messages, IDLE, STARTTLS, COMPRESS=DEFLATE",
}

var (
	// errNotIMAP ends a decoder that was chosen by port and met something else.
	errNotIMAP = errors.New("imap: neither a command nor a response")
	// errCompress: nobody knows where compression began, if it did.
	errCompress = errors.New("imap: the answer to COMPRESS was lost")
)

// stream is one connection.
type stream struct {
	env    decoders.Env
	sides  [2]side
	client clientSide
	server serverSide
	open   commands
	spoken bool // an imap event was made
	lines  int  // longest line that is read, bytes with its end
	mail   bool // somebody listens to messages
}

// state says what the next byte of a side is.
type state uint8

const (
	seeking   state = iota // the start of a line that must be surely of IMAP
	inLine                 // a line, or the rest of one behind a literal
	inLiteral              // left bytes of a literal
	longLine               // the rest of a line that is too long to be read
	tornLine               // the rest of a line of which bytes were lost
	waiting                // client: COMPRESS is not answered
	deaf                   // nothing of this side can be read any more
)

// side is one direction.
type side struct {
	from  events.Dir
	state state
	// scanned are the bytes at the front of what was not taken that hold no
	// line end.
	scanned int
	build   building
	left    int64 // bytes to go of a literal
	// hint says what message the literal is; nil: it is none, or its feed is
	// open. It is opened with its first byte: the literal may be refused.
	hint   *decoders.HintMail
	feed   decoders.Feed // takes the literal; nil: nobody does
	tail   tail          // of a line that is too long
	torn   bool          // bytes were lost at some time
	quiet  bool          // a line that is none was told of, and no other came since
	told   [2]bool       // limits that were told: imap-line, imap-literals
	z      *inflater     // COMPRESS=DEFLATE is on
	held   []byte        // inflated bytes of a line that is not whole
	heldAt decoders.Mark
}

// building is the command or response whose lines and literals are coming in.
type building struct {
	active   bool
	text     []byte // lines after the first one's head, without line ends
	literals []int64
	cut      bool // more was said than is kept
	first    uint64
	item     string // FETCH: the data item that the next string belongs to
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env, lines: max(1, min(env.Limits.IMAPLine, env.Limits.Waiting-1)), mail: env.WantsMail()}
	s.sides[events.FromServer].from = events.FromServer
	s.open.max = env.Limits.PendingRequests
	return s
}

// call is one call of Data, or one piece of what it inflated.
type call struct {
	s        *stream
	d        *side
	w        decoders.Window
	out      decoders.Sink
	off      int // bytes taken so far
	switched bool
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	if d.z != nil || d.state == deaf {
		s.inflate(d, &w, 0, out)
		return len(w.Bytes), 0, nil
	}
	c := call{s: s, d: d, w: w, out: out}
	want, err = c.run()
	if err != nil {
		s.abandon()
		return c.off, 0, err
	}
	if d.z != nil && !c.switched && c.off < len(w.Bytes) {
		s.inflate(d, &w, c.off, out) // compression began within these bytes
		return len(w.Bytes), 0, nil
	}
	return c.off, want, nil
}

// run takes what it can of the window.
func (c *call) run() (want int, err error) {
	d := c.d
	began := d.z
	for c.off < len(c.w.Bytes) && want == 0 && !c.switched && d.z == began {
		off, st := c.off, d.state
		switch d.state {
		case inLiteral:
			if d.from == events.FromClient && c.s.client.doubt {
				if want = c.doubt(); want > 0 || d.state != inLiteral {
					break
				}
			}
			c.literal()
		case longLine, tornLine:
			c.skip()
		case waiting:
			return 0, nil
		case deaf:
			c.off = len(c.w.Bytes)
		default:
			if d.from == events.FromClient && c.secured() {
				break
			}
			want, err = c.readLine()
		}
		if err != nil || c.off == off && d.state == st {
			return want, err
		}
	}
	return want, nil
}

// rest are the bytes not taken yet.
func (c *call) rest() []byte { return c.w.Bytes[c.off:] }

func (c *call) violation(reason string) {
	c.s.spoken = true
	c.out.Emit(c.d.from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// strange tells of a line that is none, once until a better one comes.
func (c *call) strange(reason string) {
	if !c.d.quiet {
		c.d.quiet = true
		c.violation(reason)
	}
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.sides[from]
	d.torn = true
	d.scanned = 0
	if d.z != nil {
		s.stopInflating(d, "compressed bytes were lost: what follows cannot be read", out)
		return nil
	}
	if from == events.FromServer {
		if s.sides[events.FromClient].state == waiting {
			s.abandon()
			return errCompress
		}
		s.client.lostAnswers()
		if s.client.sync {
			// It may have been the refusal of the client's literal.
			s.client.doubt, s.client.unsure = true, true
			s.sides[events.FromClient].build.cut = true
		}
	}
	switch {
	case d.state == deaf:
		return nil
	case d.state == waiting:
		s.abandon()
		return errCompress
	case d.state == inLiteral && n <= d.left:
		d.left -= n
		d.lose(n, out)
		s.literalOver(d, out)
		return nil
	case d.state == inLiteral:
		d.lose(d.left, out)
	}
	s.breakOff(d, out)
	d.state = seeking
	if from == events.FromClient {
		d.state = tornLine // the end of a tag may be a tag
	}
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &s.sides[from]
	s.breakOff(d, out)
	d.state = deaf
	if from == events.FromServer {
		s.client.lostAnswers()
	}
}

// breakOff gives up the command or response of d: one with a literal is told
// as far as it is known, for its message was told too.
func (s *stream) breakOff(d *side, out decoders.Sink) {
	d.hint = nil
	d.endFeed(events.EndReset)
	if d.build.active {
		d.build.cut = true
		s.finish(d, out, 0)
	}
	if d.from == events.FromClient {
		s.client.now = nil
	}
}

// abandon lets go of the literals in progress.
func (s *stream) abandon() {
	for i := range s.sides {
		s.sides[i].endFeed(events.EndReset)
	}
}

// finish tells the command or response of d.
func (s *stream) finish(d *side, out decoders.Sink, frame uint64) {
	if d.from == events.FromClient {
		s.finishCommand(out, frame)
	} else {
		s.finishResponse(out, frame)
	}
}

func (s *stream) tell(d *side, b events.Body, out decoders.Sink) {
	s.spoken = true
	d.quiet = false
	if d.build.cut {
		out.Truncated(d.from, b)
	} else {
		out.Emit(d.from, b)
	}
}
