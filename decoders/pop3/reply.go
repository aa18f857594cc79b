package pop3

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// serverState says what the server's next bytes are.
type serverState uint8

const (
	replying  serverState = iota // a status line
	listing                      // the lines of a multi-line reply
	messaging                    // a message
)

type serverSide struct {
	lineReader
	state serverState
	quiet bool              // a line that is no reply was told of, and no reply came since
	reply *events.POP3Reply // listing: what is being collected
	cut   bool              // listing: lines are missing
	mail  body
	// broken: bytes inside a multi-line reply were lost. clientAfter: and the
	// client has spoken since, so that the end may have been among them.
	broken, clientAfter bool
	heard               bool // bytes came since the loss
}

func (c *call) fromServer() (want int, err error) {
	s, d := c.s, &c.s.server
	d.heard = true
	if d.state == messaging && !(d.clientAfter && d.mail.at == lineStart) {
		n, over := d.mail.pass(c.rest())
		c.off += n
		if over {
			s.messageOver(events.EndFIN)
		}
		return 0, nil
	}
	if d.state == messaging {
		// The end of this message may have been lost, and this be the next
		// reply. Enough of the line is needed to tell.
		switch b := c.rest(); {
		case len(b) < len("-ERR") && partStatus(b):
			return len(b) + 1, nil
		case !isStatus(b):
			n, over := d.mail.pass(b[:1])
			c.off += n
			if over {
				s.messageOver(events.EndFIN)
			}
			return 0, nil
		}
		s.messageOver(events.EndReset)
	}
	at := c.w.At(c.off)
	line, used, want, long := d.next(c.rest(), s.lines)
	c.off += used
	switch {
	case long:
		switch {
		case d.state == listing:
			d.cut = true
		case !s.spoken:
			return 0, errNotPOP3
		default:
			s.queue.lostReplies(false)
		}
		c.tooLong(&d.lineReader)
	case line == nil:
	case d.state == listing:
		c.listed(line, at.Frame)
	default:
		return 0, c.reply(line, at.Frame)
	}
	return want, nil
}

// isStatus reports whether b begins with a status indicator (RFC 1939
// section 3).
func isStatus(b []byte) bool {
	return bytes.HasPrefix(b, []byte("+OK")) || bytes.HasPrefix(b, []byte("-ERR"))
}

// partStatus reports whether b may be the beginning of a status indicator.
func partStatus(b []byte) bool {
	return bytes.HasPrefix([]byte("+OK"), b) || bytes.HasPrefix([]byte("-ERR"), b)
}

// reply takes a line where a status line is due.
func (c *call) reply(line []byte, first uint64) error {
	s, d := c.s, &c.s.server
	text := trim(line)
	e := &events.POP3Reply{FirstFrame: first}
	switch {
	case bytes.HasPrefix(text, []byte("+OK")):
		e.OK = true
		text = text[len("+OK"):]
	case bytes.HasPrefix(text, []byte("-ERR")):
		text = text[len("-ERR"):]
	case len(text) == 1 && text[0] == '+' || bytes.HasPrefix(text, []byte("+ ")):
		e.Continue = true
		text = text[1:]
	default:
		if !s.spoken {
			return errNotPOP3
		}
		if !s.queue.adrift && !d.quiet {
			d.quiet = true
			c.violation("a line that is no reply")
		}
		return nil
	}
	if s.queue.adrift { // it answers something that is not known
		s.client.steps = e.Continue && challenge(bytes.TrimSpace(text))
		return nil
	}
	d.quiet = false
	e.Text = string(bytes.TrimLeft(text, " \t"))
	p := s.queue.front()
	if e.Continue {
		if p != nil && p.kind == auth {
			e.Verb, e.CommandFrame = p.verb, p.frame
			s.client.steps = true
		}
		if p == nil || p.kind == lost {
			s.client.steps = true
		}
		if p != nil && p.kind == lost {
			s.spoken = true
			c.out.Truncated(events.FromServer, e)
			return nil
		}
		s.emit(events.FromServer, e, c.out)
		return nil
	}
	if p == nil {
		s.emit(events.FromServer, e, c.out) // the greeting, or a farewell nobody asked for
		return nil
	}
	now := *p
	s.queue.pop()
	if now.kind == lost {
		s.spoken = true
		c.out.Truncated(events.FromServer, e) // its verb, and what may follow
		return nil
	}
	e.Verb, e.CommandFrame = now.verb, now.frame
	if now.kind == auth {
		s.client.steps = false
	}
	if !e.OK {
		if now.kind == stls {
			s.client.state = commanding
		}
		s.emit(events.FromServer, e, c.out)
		return nil
	}
	switch now.kind {
	case list:
		d.state, d.reply, d.cut = listing, e, false
		d.broken, d.clientAfter = false, false
		s.spoken = true
	case message:
		s.emit(events.FromServer, e, c.out)
		d.state = messaging
		d.broken, d.clientAfter = false, false
		d.mail = body{bare: !bytes.HasSuffix(line, []byte("\r\n"))}
		if s.env.WantsMail() {
			d.mail.feed = c.out.Open(decoders.Next{Protocol: "mail", Hint: decoders.HintMail{Via: name, From: events.FromServer, Section: now.section}})
		}
	case stls:
		s.emit(events.FromServer, e, c.out)
		s.change(c)
	default:
		s.emit(events.FromServer, e, c.out)
	}
	return nil
}

// challenge reports whether b may be what a server asks with in AUTH: base64
// (RFC 5034 section 4).
func challenge(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=') {
			return false
		}
	}
	return len(b)%4 == 0
}

// listed takes a line of a multi-line reply.
func (c *call) listed(line []byte, first uint64) {
	s, d := c.s, &c.s.server
	if d.clientAfter && isStatus(line) {
		s.listOver(true, c.out)
		_ = c.reply(line, first) // a status line is no error
		return
	}
	text := trim(line)
	if len(text) == 1 && text[0] == '.' {
		s.listOver(false, c.out)
		return
	}
	if len(text) > 0 && text[0] == '.' {
		text = text[1:]
	}
	if limit := s.env.Limits.POP3Lines; len(d.reply.Lines) >= limit {
		if !d.cut {
			d.cut = true
			c.out.Limit("pop3-lines", limit, "further lines of a reply are not listed", 0)
		}
		return
	}
	d.reply.Lines = append(d.reply.Lines, string(text))
}

// listOver tells a multi-line reply. cut: its end was lost.
func (s *stream) listOver(cut bool, out decoders.Sink) {
	d := &s.server
	if cut || d.cut || d.broken {
		out.Truncated(events.FromServer, d.reply)
	} else {
		out.Emit(events.FromServer, d.reply)
	}
	d.reply = nil
	d.state = replying
}

// messageOver ends a message.
func (s *stream) messageOver(why events.Ending) {
	s.server.mail.end(why)
	s.server.state = replying
}

// gap notes that n bytes were lost.
func (d *serverSide) gap(n int64) {
	d.scanned = 0
	if d.state == messaging {
		d.mail.lose(n)
	} else {
		d.skip = true
	}
	d.broken, d.clientAfter, d.heard = true, false, false
	d.cut = true
}

// clientSpoke notes a new command. Where the server was silent before it, its
// next byte begins a line.
func (d *serverSide) clientSpoke(q *queue) {
	if d.state == replying && q.adrift || d.broken && !d.heard {
		d.skip = false
		d.mail.at = lineStart
	}
	if d.broken {
		d.clientAfter = true
	}
}

// breakOff tells what the end of the server's side interrupted.
func (s *stream) breakOff(why events.Ending, out decoders.Sink) {
	switch s.server.state {
	case listing:
		s.listOver(true, out)
	case messaging:
		if why == events.EndFIN {
			why = events.EndReset // it is no proper end of a message
		}
		s.messageOver(why)
	}
}

// abandon lets go of a message in progress.
func (d *serverSide) abandon(why events.Ending) {
	if d.state == messaging {
		d.mail.end(why)
		d.state = replying
	}
}
