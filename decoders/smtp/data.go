package smtp

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// message is the message that is being sent. Nobody may want it: then it is
// only passed over.
type message struct {
	open  bool
	torn  bool // bytes of it are missing
	feed  decoders.Feed
	early bool // it was answered before its end
}

func (m *message) data(b []byte) {
	if m.feed != nil && len(b) > 0 {
		m.feed.Data(events.FromClient, b)
	}
}

func (m *message) gap(n int64) {
	m.torn = true
	if m.feed != nil && n > 0 {
		m.feed.Gap(events.FromClient, n)
	}
}

// end ends the message; events.EndFIN where that is its proper end.
func (m *message) end(why events.Ending) {
	if m.feed != nil {
		m.feed.End(events.FromClient, why)
		m.feed.End(events.FromServer, why)
	}
	*m = message{}
}

// begin starts a message behind DATA.
func (s *stream) begin(out decoders.Sink) {
	s.openMessage(out)
	s.client.state, s.client.dot = inData, atStart
	if n := s.client.lost; n > 0 {
		s.client.lost = 0
		s.message.gap(n)
		s.client.dot = afterGap
	}
}

// openMessage starts to hand on a message.
func (s *stream) openMessage(out decoders.Sink) {
	s.message.end(events.EndEvicted)
	s.message.open = true
	if s.env.WantsMail() {
		s.message.feed = out.Open(decoders.Next{Protocol: "mail", Hint: decoders.HintMail{
			Via: "smtp", From: events.FromClient,
			EnvelopeFrom: s.tx.from, EnvelopeTo: s.tx.recipients(), Torn: s.tx.torn || !s.tx.begun,
		}})
	}
}

// dot is the place within a message that a line with a dot ends (RFC 5321
// section 4.5.2). Only CRLF ends a line there. What other line ends some
// servers take for it counts as an end only if the server answers then.
type dot uint8

const (
	atStart   dot = iota // of a line
	inText               // anywhere else
	afterCR              // behind a CR
	afterDot             // behind the dot that begins a line, which is not text
	dotCR                // behind that, and a CR
	looseLine            // behind a bare LF
	looseDot             // behind that, and a dot
	looseCR              // behind that, and a CR
	looseEnd             // behind a line with a dot that bare line ends delimit
	afterGap             // behind lost bytes: a CR may have been the last
)

// data takes bytes of a message up to its end.
func (c *call) data() {
	s := c.s
	b := c.rest()
	for len(b) > 0 {
		switch d := &s.client.dot; *d {
		case atStart:
			if b[0] == '.' {
				*d, b = afterDot, b[1:]
			} else {
				*d = inText
			}
		case afterCR:
			*d = inText
			if b[0] == '\n' {
				s.message.data(b[:1])
				*d, b = atStart, b[1:]
			}
		case afterDot:
			switch b[0] {
			case '\r':
				*d, b = dotCR, b[1:]
			case '\n':
				c.loose("\n")
				b = b[1:]
			default:
				*d = inText
			}
		case dotCR:
			if b[0] == '\n' {
				c.off = len(c.w.Bytes) - len(b) + 1
				s.dataOver(c.w.Frame, c.out)
				return
			}
			s.message.data([]byte("\r"))
			*d = inText
		case looseLine:
			*d = inText
			if b[0] == '.' {
				*d, b = looseDot, b[1:]
			}
		case looseDot:
			switch b[0] {
			case '\r':
				*d, b = looseCR, b[1:]
			case '\n':
				c.loose(".\n")
				b = b[1:]
			default:
				s.message.data([]byte("."))
				*d = inText
			}
		case looseCR:
			if b[0] == '\n' {
				c.loose(".\r\n")
				b = b[1:]
				break
			}
			s.message.data([]byte(".\r"))
			*d = inText
		case looseEnd:
			// The client goes on: it was text.
			s.message.data([]byte(s.client.loose))
			s.client.looseFrame = 0
			*d = looseLine
			if strings.HasSuffix(s.client.loose, "\r\n") {
				*d = atStart
			}
		default:
			b = c.text(b)
		}
	}
	c.off = len(c.w.Bytes)
}

// loose: a line with a dot that is none by RFC 5321. It is the end only where
// the server takes it for that.
func (c *call) loose(text string) {
	d := &c.s.client
	d.dot, d.loose, d.looseFrame = looseEnd, text, c.w.Frame
}

// text takes bytes up to the next line that begins with a dot.
func (c *call) text(b []byte) (rest []byte) {
	s := c.s
	d := &s.client.dot
	torn := *d == afterGap
	*d = inText
	i := bytes.Index(b, []byte("\n."))
	if i < 0 {
		s.message.data(b)
		switch n := len(b); {
		case b[n-1] == '\r':
			*d = afterCR
		case b[n-1] != '\n':
		case n > 1 && b[n-2] == '\r' || n == 1 && torn:
			*d = atStart
		default:
			*d = looseLine
		}
		return nil
	}
	s.message.data(b[:i+1])
	if i > 0 && b[i-1] == '\r' || i == 0 && torn {
		*d = afterDot
	} else {
		*d = looseDot
	}
	return b[i+2:]
}

// dataOver: the line with the dot was read.
func (s *stream) dataOver(frame uint64, out decoders.Sink) {
	if !s.message.early {
		s.queue.push(entry{verb: ".", kind: toMessage, frame: frame, torn: s.tx.torn || !s.tx.begun}, out)
	}
	s.message.end(events.EndFIN)
	s.client.state = inCommands
	s.tx.end()
}

// looseEnd: the server takes a dot between bare line ends for the end.
func (s *stream) looseEnd(out decoders.Sink) {
	s.client.looseFrame = 0
	violation(events.FromClient, out, "a message ends with a dot between bare line ends (RFC 5321 section 2.3.8)")
	s.message.end(events.EndFIN)
	s.client.state = inCommands
	s.tx.end()
}

// answered: the server spoke while the message was being sent. If its end may
// have been lost, or was written with bare line ends, it is over.
func (s *stream) answered(out decoders.Sink) {
	switch {
	case s.client.dot == looseEnd:
		s.looseEnd(out)
	case s.message.torn:
		s.message.end(events.EndEvicted)
		s.client.state = lostCommand
		s.tx.end()
		s.queue.lostReplies() // commands may have been lost with the end
	default:
		s.message.early = true
	}
}

// chunk passes a chunk of BDAT through.
func (c *call) chunk() {
	d := &c.s.client
	n := int(min(int64(len(c.rest())), d.left))
	c.s.message.data(c.rest()[:n])
	c.off += n
	if d.left -= int64(n); d.left == 0 {
		c.s.chunkOver(c.out)
	}
}

// chunkOver: the last byte of a chunk was read.
func (s *stream) chunkOver(out decoders.Sink) {
	s.client.state = inCommands
	if s.client.last {
		s.message.end(events.EndFIN)
		s.tx.end()
	}
}
