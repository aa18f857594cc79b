package smtp

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// serverSide is the side that replies.
type serverSide struct {
	heard    bool // a reply was read
	torn     bool // bytes were lost: the next reply may lack its beginning
	tail     bool // the next bytes are the rest of a torn line, perhaps
	skipping bool // a line that is too long, up to its end
	reply    reply
}

// reply is one that is not whole yet.
type reply struct {
	code   int
	lines  []string
	frames []uint64 // where each line ended; nil: all in one
	last   uint64   // where the last line ended
	size   int
	full   bool   // smtp-reply was told
	first  uint64 // frame of its first byte; 0: there is none
}

// tear drops what is not whole: bytes are missing.
func (d *serverSide) tear() {
	d.reply = reply{}
	d.skipping = false
	d.torn, d.tail = true, true
}

// replyCode reads the head of a reply line (RFC 5321 section 4.2): 0 if it is
// none.
func replyCode(line []byte) (code int, more bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, false
	}
	switch line[3] {
	case '-':
		return code, true
	case ' ', '\t':
		return code, false
	}
	return 0, false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// serverLine takes a line of the server's.
func (c *call) serverLine() (want int, err error) {
	s := c.s
	d := &s.server
	b := c.rest()
	switch s.client.state {
	case agreedTLS:
		if code, _ := replyCode(b); code != 0 {
			break // the client went on in clear, but that was not captured
		}
		if len(b) < 4 && digit(b[0]) {
			return 4, nil
		}
		c.change()
		return 0, nil
	case afterTLS:
		if !d.torn || d.reply.first != 0 {
			break
		}
		if len(b) < 2 {
			return 2, nil
		}
		if b[0] == handshake && b[1] == 3 { // the reply was lost
			c.change()
			return 0, nil
		}
	}
	i := bytes.IndexByte(b, '\n')
	longest := s.env.Limits.SMTPLine
	if d.skipping || i > longest || i < 0 && len(b) > longest {
		if !s.spoken {
			return 0, errNotSMTP
		}
		if !d.skipping {
			d.skipping = true
			c.out.Limit("smtp-line", longest, "a reply line is passed over", 0)
		}
		if i < 0 {
			c.off = len(c.w.Bytes)
			return 0, nil
		}
		d.skipping = false
		c.off += i + 1
		return 0, nil
	}
	if i < 0 {
		return len(b) + 1, nil
	}
	line := b[:i]
	code, more := replyCode(trimCR(line))
	tail := d.tail
	d.tail = false
	r := &d.reply
	if code == 0 {
		switch {
		case !s.spoken && (!d.torn || c.passed(i+1)):
			return 0, errNotSMTP
		case tail:
		case r.first != 0:
			c.violation("a line of a reply without a code (RFC 5321 section 4.2.1)")
			s.addLine(trimCR(line), c.w.Frame, c.out)
		case !d.torn:
			c.violation("a line that is no reply (RFC 5321 section 4.2)")
		}
		c.off += i + 1
		return 0, nil
	}
	if r.first == 0 {
		r.first = c.w.At(c.off).Frame
	} else if r.code != code {
		c.violation("the lines of a reply differ in their code (RFC 5321 section 4.2.1)")
	}
	if !bytes.HasSuffix(line, []byte("\r")) {
		c.violation("a reply ends with a bare LF (RFC 5321 section 2.3.8)")
	}
	c.off += i + 1
	r.code = code
	text := trimCR(line)[3:]
	if len(text) > 0 {
		text = text[1:]
	}
	s.addLine(text, c.w.Frame, c.out)
	if !more {
		c.reply()
	}
	return 0, nil
}

// addLine keeps a line of the reply, as far as it may grow.
func (s *stream) addLine(text []byte, frame uint64, out decoders.Sink) {
	r := &s.server.reply
	if r.size += len(text) + 16; r.size > s.env.Limits.SMTPReply {
		if !r.full {
			r.full = true
			out.Limit("smtp-reply", s.env.Limits.SMTPReply, "lines beyond are not listed", 0)
		}
		return
	}
	if s.wantsReplies() {
		r.lines = append(r.lines, string(text))
		r.addFrame(frame)
	} else if len(r.lines) == 0 {
		r.lines = append(r.lines, "")
	}
}

// wantsReplies: as for commands, the first event is told in any case.
func (s *stream) wantsReplies() bool {
	return !s.spoken || s.env.Want == nil || s.env.Want.Has(events.KindSMTPReply)
}

// addFrame notes the frame of the last line, once there are two of them.
func (r *reply) addFrame(frame uint64) {
	n := len(r.lines)
	switch {
	case r.frames != nil:
		r.frames = append(r.frames, frame)
	case n > 1 && frame != r.last:
		for range n - 1 {
			r.frames = append(r.frames, r.last)
		}
		r.frames = append(r.frames, frame)
	}
	r.last = frame
}

// reply acts on a whole reply.
func (c *call) reply() {
	s := c.s
	d := &s.server
	r := d.reply
	d.reply = reply{}
	torn := d.torn
	d.torn = false
	e := s.pair(r.code, torn)
	unsure := s.queue.lossy && e == entry{} // the command may be one that was lost
	if unsure && s.queue.certain {
		s.queue.lostReplies()
	}
	s.tx.torn = s.tx.torn || unsure
	if s.wantsReplies() {
		body := &events.SMTPReply{Code: r.code, Lines: r.lines, Verb: e.verb, CommandFrame: e.frame, FirstFrame: r.first, Frames: r.frames}
		body.Enhanced = enhanced(r.code, r.lines)
		if torn || r.full || unsure {
			c.out.Truncated(events.FromServer, body)
		} else {
			c.out.Emit(events.FromServer, body)
		}
	}
	s.spoken, d.heard = true, true
	s.tx.answered(&e, r.code)
	switch {
	case r.code == 354 && (e.kind == toData || s.client.state == afterData || s.client.state == lostCommand):
		if s.client.state != inData {
			s.begin(c.out)
		}
	case r.code == 334 && s.client.state == lostCommand, e.kind == toAuth && r.code == 334:
		s.client.state = inAuth
	case e.kind == toAuth && s.client.state == afterAuth,
		e.kind == toData && s.client.state == afterData:
		s.refused()
	case e.kind == toTLS && s.client.state == afterTLS:
		s.client.state = inCommands
		if r.code == 220 {
			s.client.state = agreedTLS
		}
	case s.client.state == inData && e.kind == toMessage:
		s.answered(c.out)
	}
}

// refused: DATA was refused, or an AUTH exchange is over.
func (s *stream) refused() {
	s.client.state = inCommands
	if s.client.lost > 0 {
		s.client.lost = 0
		s.client.state = lostCommand
		s.tx.torn = true
	}
}

// pair finds what a reply answers.
func (s *stream) pair(code int, torn bool) (e entry) {
	q := &s.queue
	f := q.front()
	greets := code == 220 || code == 554 || code == 421
	if !s.server.heard && !torn && greets && s.client.state != afterTLS && (f == nil || f.kind == toOther) {
		// The greeting (RFC 5321 section 3.1), though the client may not have
		// waited for it.
		q.certain = q.certain || f == nil
		return e
	}
	if s.client.state == inData && f == nil && !s.message.early {
		// The answer to a message whose end was not seen, or not as such.
		return entry{verb: ".", kind: toMessage, frame: s.client.looseFrame}
	}
	if !q.certain || f == nil || f.kind != toMessage {
		return q.answer(code, s.client.state)
	}
	e = *f
	switch {
	case s.flavour == lmtpFlavour && !e.torn:
		if s.tx.accepted--; s.tx.accepted <= 0 {
			q.pop()
		}
	case s.flavour == smtpFlavour:
		q.pop()
	default:
		q.pop()
		q.lostReplies() // there may be more of them
	}
	return e
}

// enhanced is the code of RFC 3463 at the head of a reply.
func enhanced(code int, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	s := lines[0]
	if len(s) < 5 || int(s[0]-'0') != code/100 || s[0] != '2' && s[0] != '4' && s[0] != '5' || s[1] != '.' {
		return ""
	}
	dots, digits := 1, 0
	for i := 2; i < len(s); i++ {
		switch {
		case digit(s[i]) && digits < 3:
			digits++
		case s[i] == '.' && dots == 1 && digits > 0:
			dots, digits = 2, 0
		case s[i] == ' ' && dots == 2 && digits > 0:
			return s[:i]
		default:
			return ""
		}
	}
	if dots == 2 && digits > 0 {
		return s
	}
	return ""
}
