// Package smtp observes SMTP (RFC 5321), its submission (RFC 6409) and LMTP
// (RFC 2033) as a third party: it reads commands and replies, pairs them, and
// hands the messages on. It must not hold a message, reject what real peers
// accept, or judge: what breaks the rules is a flow.violation and the
// conversation goes on.
package smtp

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "smtp"

// Proto is SMTP over a byte stream.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: []uint16{25, 587, 24, 465, 2525},
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:      "SMTP, submission and LMTP: commands, replies, messages, STARTTLS",
}

// errNotSMTP ends a decoder that was chosen by port and met something else.
var errNotSMTP = errors.New("smtp: neither a command nor a reply")

// stream is one connection.
type stream struct {
	env     decoders.Env
	client  clientSide
	server  serverSide
	queue   queue
	tx      transaction
	message message
	flavour flavour
	spoken  bool  // an event was made
	skipped int64 // bytes passed over before that
}

// flavour is what the client's greeting says.
type flavour uint8

const (
	unknownFlavour flavour = iota // no greeting was read
	smtpFlavour
	lmtpFlavour // a message gets a reply for each recipient (RFC 2033 section 4.2)
)

// clientState says what the next byte of the client belongs to.
type clientState uint8

const (
	inCommands  clientState = iota
	afterData               // DATA is unanswered: what follows depends on the answer
	afterAuth               // as well, behind AUTH or a step of it
	afterTLS                // as well, behind STARTTLS
	agreedTLS               // the server agreed to TLS: the next byte shows it
	inAuth                  // a step of an AUTH exchange (RFC 4954 section 4)
	inData                  // a message, up to a line with a dot (RFC 5321 section 4.1.1.4)
	inChunk                 // a chunk of known length (RFC 3030 section 2)
	lostCommand             // looking for the next line that is certainly a command
)

// clientSide is the side that commands.
type clientSide struct {
	state    clientState
	skipping bool // a line that is too long, up to its end
	dot      dot  // inData
	// inData, looseEnd: what is text if it is no end, and its frame.
	loose      string
	looseFrame uint64
	left       int64 // inChunk: bytes to go
	last       bool  // inChunk: it ends the message
	stalled    bool  // bytes wait for an answer
	lost       int64 // bytes lost while the answer to DATA was waited for
}

// waits: what comes next depends on an answer.
func (d *clientSide) waits() bool {
	return d.state == afterData || d.state == afterAuth || d.state == afterTLS
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env}
	s.queue.max = env.Limits.PendingRequests
	return s
}

// call is one call of Data.
type call struct {
	s        *stream
	w        decoders.Window
	out      decoders.Sink
	off      int // bytes taken so far
	switched bool
}

// rest are the bytes not taken yet.
func (c *call) rest() []byte { return c.w.Bytes[c.off:] }

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	c := call{s: s, w: w, out: out}
	for c.off < len(w.Bytes) && !c.switched {
		off, state := c.off, s.client.state
		if w.From == events.FromClient {
			want, err = c.clientStep()
		} else {
			want, err = c.serverLine()
		}
		if err != nil {
			s.abandon(events.EndEvicted)
			return c.off, 0, err
		}
		if c.off == off && s.client.state == state {
			return c.off, want, nil
		}
		if w.From == events.FromServer && s.client.stalled && !s.client.waits() {
			return c.off, 0, nil // first what the client said before it knew this answer
		}
	}
	return c.off, 0, nil
}

// clientStep works on the client's bytes from c.off on. It takes bytes, or
// changes the state, or says how many bytes it wants.
func (c *call) clientStep() (want int, err error) {
	c.s.client.stalled = false
	switch c.s.client.state {
	case inData:
		c.data()
		return 0, nil
	case inChunk:
		c.chunk()
		return 0, nil
	case afterData, afterAuth, afterTLS:
		return c.unanswered()
	case agreedTLS:
		return c.agreed()
	default:
		return c.commandLine()
	}
}

// passed counts n bytes passed over before anything was said; it is true where
// they are too many.
func (c *call) passed(n int) bool {
	c.s.skipped += int64(n)
	return c.s.skipped > int64(c.s.env.Limits.Unknown)
}

func (c *call) violation(reason string) { violation(c.w.From, c.out, reason) }

func violation(from events.Dir, out decoders.Sink, reason string) {
	out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// change hands the stream over: from the first byte not taken on it is TLS.
func (c *call) change() {
	c.s.abandon(events.EndEvicted)
	c.switched = true
	c.out.Switch(decoders.Next{Protocol: "tls"})
}

// handshake is the first byte of a TLS record that begins a handshake (RFC
// 8446 section 5.1).
const handshake = 0x16

// agreed: TLS begins here, unless the capture was decrypted and written again,
// which leaves the commands behind STARTTLS in clear.
func (c *call) agreed() (want int, err error) {
	b := c.rest()
	for i, ch := range b[:min(len(b), tellingBytes)] {
		switch {
		case ch == '\r' || ch == '\n' || i == tellingBytes-1 && ch >= ' ' && ch < 0x7f:
			c.violation("text after STARTTLS was accepted (RFC 3207 section 4)")
			c.s.client.state = inCommands
			if !c.s.queue.certain {
				c.s.client.state = lostCommand
			}
			return 0, nil
		case ch < ' ' || ch >= 0x7f:
			c.change()
			return 0, nil
		}
	}
	return len(b) + 1, nil
}

// tellingBytes are so many that ciphertext, which follows a gap, is hardly
// ever all text.
const tellingBytes = 8

// unanswered: the client goes on, and how depends on an answer that is not
// there. It waits for it, unless it cannot come any more.
func (c *call) unanswered() (want int, err error) {
	s := c.s
	if s.server.heard && s.queue.certain && len(c.rest()) <= s.env.Limits.Waiting/2 {
		s.client.stalled = true
		return 0, nil
	}
	switch s.client.state {
	case afterTLS:
		if c.rest()[0] == handshake {
			c.change()
			return 0, nil
		}
		s.client.state = inCommands
	default:
		verb, whole := leadingVerb(c.rest(), s.env.Limits.SMTPLine)
		switch {
		case !whole:
			return len(c.rest()) + 1, nil
		case verb != "":
			s.client.state = inCommands
		case s.client.state == afterAuth:
			s.client.state = inAuth
		default:
			s.begin(c.out)
		}
	}
	return 0, nil
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	if from == events.FromServer {
		s.server.tear()
		s.queue.lostReplies()
		s.tx.torn = true
		return nil
	}
	d := &s.client
	d.skipping = false
	switch d.state {
	case inData:
		s.message.gap(n)
		d.dot = afterGap
		return nil
	case inChunk:
		lost := min(n, d.left)
		d.left -= lost
		s.message.gap(lost)
		if d.left == 0 {
			s.chunkOver(out)
		}
		if n == lost {
			return nil
		}
	case afterData:
		d.lost += n
		s.queue.lostCommands()
		return nil
	case afterTLS, agreedTLS:
		s.queue.lostCommands()
		return nil
	}
	d.state = lostCommand
	s.tx.torn = true
	s.message.end(events.EndEvicted)
	s.queue.lostCommands()
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if from == events.FromServer {
		return
	}
	if s.client.state == inData && s.client.dot == looseEnd && why == events.EndFIN {
		s.looseEnd(out)
		return
	}
	s.abandon(why)
}

// abandon ends the message in progress before its end.
func (s *stream) abandon(why events.Ending) {
	if why == events.EndFIN {
		why = events.EndReset // its sender closed in the middle
	}
	s.message.end(why)
}
