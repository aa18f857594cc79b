package pop3

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// clientState says what the client's next bytes are.
type clientState uint8

const (
	commanding clientState = iota // command lines, and the steps of AUTH
	securing                      // STLS is not answered: what is no command line waits
	deciding                      // the answer to STLS will not be known: the bytes must tell
)

type clientSide struct {
	lineReader
	state clientState
	steps bool // the server asked for a step of AUTH
}

// decide: the server's answer to STLS, if one is waited for, will not be seen.
func (d *clientSide) decide() {
	if d.state == securing {
		d.state = deciding
	}
}

// tlsRecord is the type of a TLS record with a handshake message (RFC 8446
// section 5.1). No command line begins so.
const tlsRecord = 0x16

func (c *call) fromClient() (want int, err error) {
	s, d := c.s, &c.s.client
	if b := c.rest(); d.state != commanding && !d.skip && b[0] == tlsRecord {
		if d.state == securing {
			return 0, nil
		}
		s.change(c)
		return 0, nil
	}
	at := c.w.At(c.off)
	line, used, want, long := d.next(c.rest(), s.lines)
	c.off += used
	switch {
	case long:
		if !s.spoken {
			return 0, errNotPOP3
		}
		c.tooLong(&d.lineReader)
		s.queue.hole()
	case line != nil:
		return 0, c.command(line, at.Frame)
	}
	return want, nil
}

// change hands the stream over to TLS.
func (s *stream) change(c *call) {
	s.server.abandon(events.EndReset)
	c.switched = true
	c.out.Switch(decoders.Next{Protocol: "tls"})
}

// command takes one line of the client.
func (c *call) command(line []byte, first uint64) error {
	s := c.s
	text := trim(line)
	word, args, _ := bytes.Cut(text, []byte(" "))
	verb, known := verbs[string(word)]
	if !known && len(word) <= maxVerb {
		verb = verbs[strings.ToUpper(string(word))]
	}
	if s.step(verb.name != "") {
		s.client.steps = false
		s.emit(events.FromClient, &events.POP3Command{Args: s.secret(string(text), "*"), FirstFrame: first}, c.out)
		return nil
	}
	if s.queue.authLost && len(text) == maxVerb && verb.name != "" {
		// Four letters may be base64 as well, and the answer that would tell
		// was lost.
		s.queue.authLost = false
		c.violation("a command, or a step of AUTH")
		return nil
	}
	if verb.name == "" {
		if !s.spoken {
			return errNotPOP3
		}
		if s.queue.torn() || !plausible(word) {
			c.violation("a line that is no command")
			s.queue.hole() // the server answers it or not
			return nil
		}
		verb = verbInfo{name: strings.ToUpper(string(word)), plain: unknown, with: unknown}
	}
	args = bytes.Trim(args, " \t")
	p := pending{verb: verb.name, kind: verb.plain, frame: c.w.Frame}
	if len(args) > 0 {
		p.kind = verb.with
	}
	if verb.name == "TOP" {
		if _, n, ok := bytes.Cut(args, []byte(" ")); ok {
			p.section = "TOP " + string(bytes.TrimSpace(n))
		}
	}
	e := &events.POP3Command{Verb: verb.name, Args: s.redact(verb.name, string(args)), FirstFrame: first}
	s.client.steps = false
	s.server.clientSpoke(&s.queue)
	if s.queue.push(p) {
		c.out.Limit("pending-requests", s.queue.max, "replies are not paired with commands", 0)
	}
	switch {
	case p.kind == stls && s.queue.torn():
		s.client.state = deciding
	case p.kind == stls:
		s.client.state = securing
	case s.client.state == deciding:
		s.client.state = commanding
	}
	s.emit(events.FromClient, e, c.out)
	return nil
}

func (s *stream) emit(from events.Dir, b events.Body, out decoders.Sink) {
	s.spoken = true
	out.Emit(from, b)
}

// step reports whether a line of the client is a step of AUTH (RFC 5034
// section 4). A client that did not wait to be asked is believed unless its
// line is a command.
func (s *stream) step(isCommand bool) bool {
	switch p := s.queue.last(); {
	case p == nil || s.queue.torn():
		// Of a command that was not captured.
		return s.client.steps || s.queue.authLost && !isCommand
	default:
		return p.kind == auth && (s.client.steps || !isCommand)
	}
}

// redact replaces what is secret in the arguments of a command.
func (s *stream) redact(verb, args string) string {
	switch verb {
	case "PASS":
		return s.secret(args)
	case "APOP", "AUTH":
		// The name and the digest (RFC 1939 section 7), the mechanism and the
		// initial response (RFC 5034 section 4; "=" is an empty one).
		what, secret, ok := strings.Cut(args, " ")
		if ok {
			return what + " " + s.secret(secret, "=")
		}
	}
	return args
}

// secret is v, unless it must not be shown. open are values that say nothing.
func (s *stream) secret(v string, open ...string) string {
	if v == "" || s.env.ShowSecrets {
		return v
	}
	for _, o := range open {
		if v == o {
			return v
		}
	}
	return decoders.Redacted
}

// verbInfo is a known command: what a positive reply is followed by, without
// and with arguments.
type verbInfo struct {
	name        string
	plain, with kind
}

// maxVerb is the longest known verb, in bytes.
const maxVerb = 4

// verbs are the known commands, in upper case.
var verbs = map[string]verbInfo{
	// RFC 1939
	"USER": {"USER", single, single}, "PASS": {"PASS", single, single}, "APOP": {"APOP", single, single},
	"STAT": {"STAT", single, single}, "LIST": {"LIST", list, single}, "RETR": {"RETR", message, message},
	"DELE": {"DELE", single, single}, "NOOP": {"NOOP", single, single}, "RSET": {"RSET", single, single},
	"TOP": {"TOP", message, message}, "UIDL": {"UIDL", list, single}, "QUIT": {"QUIT", single, single},
	// RFC 2449, RFC 2595, RFC 5034 (without arguments older servers list
	// their mechanisms), RFC 6856
	"CAPA": {"CAPA", list, list}, "STLS": {"STLS", stls, stls}, "AUTH": {"AUTH", list, auth},
	"UTF8": {"UTF8", single, single}, "LANG": {"LANG", list, single},
	// RFC 1081 and RFC 1460, gone since: still sent
	"LAST": {"LAST", single, single}, "RPOP": {"RPOP", single, single},
}

// plausible reports whether word may be a verb that is not known here.
func plausible(word []byte) bool {
	if len(word) < 3 || len(word) > 16 {
		return false
	}
	for _, b := range word {
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return true
}
