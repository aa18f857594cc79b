package smtp

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// verbs are the commands that are known: RFC 5321, and what its relatives and
// extensions add.
var verbs = [...]string{
	"EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT", "NOOP", "VRFY", "EXPN", "HELP",
	"AUTH", "STARTTLS", "X-ANONYMOUSTLS", "SEND", "SOML", "SAML", "TURN", "ETRN", "ATRN", "BURL", "XCLIENT", "XFORWARD",
}

// knownVerb is word in upper case, where it is a known verb, else "".
func knownVerb(word []byte) string {
	for _, v := range verbs {
		if len(word) == len(v) && strings.EqualFold(string(word), v) {
			return v
		}
	}
	return ""
}

// command is a command line without its line end.
type command struct {
	verb  string // upper case
	args  string
	known bool
}

// splitWord parts a line at the first blank, or at the colon of "MAIL:"… .
func splitWord(line []byte) (word, args []byte) {
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.Trim(line[i:], " \t")
}

// parseCommand reads a line. ok is false where it is no text at all.
func parseCommand(line []byte) (c command, ok bool) {
	word, args := splitWord(bytes.TrimRight(line, " \t"))
	for _, b := range word {
		if b <= ' ' || b >= 0x7f {
			return c, false
		}
	}
	if c.verb = knownVerb(word); c.verb != "" {
		c.known = true
	} else {
		c.verb = strings.ToUpper(string(word))
	}
	c.args = string(args)
	return c, len(word) > 0
}

// sure: what was found while searching is a command beyond doubt.
func (c *command) sure() bool {
	if !c.known {
		return false
	}
	for i := range len(c.args) {
		if b := c.args[i]; b < ' ' || b == 0x7f {
			return false
		}
	}
	prefix := func(p string) bool { return len(c.args) > len(p) && strings.EqualFold(c.args[:len(p)], p) }
	switch c.verb {
	case "MAIL":
		return prefix("FROM:")
	case "RCPT":
		return prefix("TO:")
	case "EHLO", "HELO", "LHLO":
		return c.args != "" && !strings.Contains(c.args, " ")
	case "DATA", "RSET", "QUIT", "STARTTLS", "X-ANONYMOUSTLS", "TURN":
		return c.args == ""
	case "BDAT":
		_, _, ok := chunkSize(c.args)
		return ok
	case "AUTH", "VRFY", "EXPN", "ETRN":
		return c.args != "" && strings.Count(c.args, " ") <= 1
	}
	return false
}

// leadingVerb is the known verb that the first line of b begins with, as a
// command beyond doubt; "" if it is something else. whole is false while that
// cannot be told.
func leadingVerb(b []byte, longest int) (verb string, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return "", len(b) > longest
	}
	if c, ok := parseCommand(trimCR(b[:i])); ok && c.sure() {
		return c.verb, true
	}
	return "", true
}

// trimCR is line without its CR, or CRs: some servers send CR CR LF.
func trimCR(line []byte) []byte { return bytes.TrimRight(line, "\r") }

// commandLine takes a line of the client's.
func (c *call) commandLine() (want int, err error) {
	s := c.s
	d := &s.client
	b := c.rest()
	i := bytes.IndexByte(b, '\n')
	longest := s.env.Limits.SMTPLine
	if d.skipping || i > longest || i < 0 && len(b) > longest {
		return 0, c.skipLine(i)
	}
	if d.state == lostCommand && b[0] == handshake && (len(b) == 1 || b[1] == 3) {
		// STARTTLS was lost.
		if len(b) == 1 {
			return 2, nil
		}
		c.change()
		return 0, nil
	}
	if i < 0 {
		if !s.spoken && d.state == inCommands && !plausible(b) {
			return 0, errNotSMTP
		}
		return len(b) + 1, nil
	}
	first := c.w.At(c.off).Frame
	line := b[:i]
	c.off += i + 1
	if d.state == inAuth {
		s.authStep(string(trimCR(line)), first, c)
		return 0, nil
	}
	cmd, ok := parseCommand(trimCR(line))
	if d.state == lostCommand {
		if !ok || !cmd.sure() {
			if !s.spoken && c.passed(i+1) {
				return 0, errNotSMTP
			}
			return 0, nil
		}
		d.state = inCommands
	} else if !s.spoken && !cmd.known {
		c.off -= i + 1
		return 0, errNotSMTP
	}
	if !bytes.HasSuffix(line, []byte("\r")) {
		c.violation("a command ends with a bare LF (RFC 5321 section 2.3.8)")
	}
	if !ok {
		if len(trimCR(line)) > 0 {
			c.violation("a line that is no command (RFC 5321 section 4.1.1)")
		}
		s.queue.push(entry{frame: c.w.Frame}, c.out)
		return 0, nil
	}
	c.command(&cmd, first)
	return 0, nil
}

// plausible: the beginning of a known verb, or more.
func plausible(b []byte) bool {
	word, _ := splitWord(b)
	for _, v := range verbs {
		if n := min(len(word), len(v)); strings.EqualFold(string(word[:n]), v[:n]) && len(word) <= len(v)+2 {
			return true
		}
	}
	return false
}

// skipLine passes over a line that is too long; i is where it ends, or -1.
func (c *call) skipLine(i int) error {
	s := c.s
	if !s.spoken && s.client.state != lostCommand {
		return errNotSMTP
	}
	if !s.client.skipping {
		s.client.skipping = true
		c.out.Limit("smtp-line", s.env.Limits.SMTPLine, "a command line is passed over", 0)
		if s.client.state != lostCommand {
			s.queue.push(entry{frame: c.w.Frame}, c.out)
		}
		if s.client.state == inAuth {
			s.client.state = afterAuth
		}
		s.tx.torn = true
	}
	if i < 0 {
		c.off = len(c.w.Bytes)
		return nil
	}
	c.off += i + 1
	s.client.skipping = false
	return nil
}

// command acts on a command.
func (c *call) command(cmd *command, first uint64) {
	s := c.s
	e := entry{verb: cmd.verb, frame: c.w.Frame}
	shown := cmd.args
	var size int64
	chunk := false
	switch cmd.verb {
	case "EHLO", "HELO", "LHLO":
		if !s.queue.certain && s.queue.len() == 0 && !s.spoken {
			s.queue.certain = true // the first command of a connection
		}
		s.flavour = smtpFlavour
		if cmd.verb == "LHLO" {
			s.flavour = lmtpFlavour
		}
		s.reset()
	case "RSET":
		s.reset()
	case "MAIL":
		s.reset()
		s.tx.start(cmd.args)
		e.kind, e.tx = toMail, s.tx.id
	case "RCPT":
		e.kind, e.tx = toRecipient, s.tx.id
		e.index = s.tx.add(cmd.args, s.env.Limits.MailRecipients, c.out)
	case "DATA":
		e.kind = toData
		s.client.state, s.client.lost = afterData, 0
	case "BDAT":
		size, s.client.last, chunk = chunkSize(cmd.args)
		if chunk && s.client.last {
			e.kind, e.torn = toMessage, s.tx.torn || !s.tx.begun
		}
	case "AUTH":
		e.kind = toAuth
		s.client.state = afterAuth
		shown = s.secret(cmd.args)
	case "STARTTLS", "X-ANONYMOUSTLS": // the latter is Exchange's
		e.kind = toTLS
		s.client.state = afterTLS
	case "BURL":
		if !s.env.ShowSecrets { // the URL bears the right to fetch (RFC 4467)
			shown = decoders.Redacted
		}
	}
	s.queue.push(e, c.out)
	s.say(&events.SMTPCommand{Verb: cmd.verb, Args: shown, FirstFrame: first}, c.out)
	if !chunk {
		return
	}
	if !s.message.open {
		s.openMessage(c.out)
	}
	s.client.left, s.client.state = size, inChunk
	if size == 0 {
		s.chunkOver(c.out)
	}
}

// reset: what was begun of a transaction is over.
func (s *stream) reset() {
	s.message.end(events.EndReset)
	s.tx.end()
}

// say emits a command that somebody wants. The first is told in any case: it
// shows flows that the protocol is found.
func (s *stream) say(e *events.SMTPCommand, out decoders.Sink) {
	if !s.spoken || s.env.Want == nil || s.env.Want.Has(events.KindSMTPCommand) {
		out.Emit(events.FromClient, e)
	}
	s.spoken = true
}

// secret is the argument of AUTH without what proves who the client is.
func (s *stream) secret(args string) string {
	mechanism, initial, _ := strings.Cut(args, " ")
	initial = strings.TrimSpace(initial)
	if s.env.ShowSecrets || initial == "" || initial == "=" {
		return args
	}
	return mechanism + " " + decoders.Redacted
}

// authStep takes a line of an AUTH exchange (RFC 4954 section 4).
func (s *stream) authStep(line string, first uint64, c *call) {
	if !s.env.ShowSecrets && line != "*" && line != "" {
		line = decoders.Redacted
	}
	s.client.state = afterAuth
	s.queue.push(entry{verb: "AUTH", kind: toAuth, frame: c.w.Frame}, c.out)
	s.say(&events.SMTPCommand{Args: line, FirstFrame: first}, c.out)
}

// chunkSize reads the argument of BDAT (RFC 3030 section 2).
func chunkSize(args string) (n int64, last, ok bool) {
	size, end, more := strings.Cut(args, " ")
	if more && !strings.EqualFold(strings.TrimSpace(end), "LAST") {
		return 0, false, false
	}
	n, err := strconv.ParseInt(size, 10, 64)
	return n, more, err == nil && n >= 0
}
