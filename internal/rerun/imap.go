package rerun

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// imapResponse is a response with its literals.
func (c *Conversation) imapResponse(x *events.IMAPResponse) (*Message, Reason) {
	number := ""
	if x.Number != nil {
		number = strconv.FormatUint(uint64(*x.Number), 10)
	}
	text := join(number, x.Name, x.Text)
	line := join(x.Tag, x.Status, text)
	pieces, reason := c.withLiterals(line, x.Literals)
	if reason != "" {
		return nil, reason
	}
	var out []byte
	for _, p := range pieces {
		out = append(out, p.bytes...)
	}
	return &Message{Kind: truth.IMAPResponse, Bytes: out, key: fmt.Sprint("imap.response ", line, x.Literals),
		fill: truth.Message{Line: &truth.Line{Tag: x.Tag, Status: x.Status, Lines: []string{text}}}}, ""
}

// literalCommand is a command with literals. Before each that waits for the
// server's leave, what comes before it has been said: it is put before the
// continuation that gave the leave (RFC 9051 section 4.3).
func (c *Conversation) literalCommand(x *events.IMAPCommand) (*Message, Reason) {
	args := x.Args
	if x.Verb == "LOGIN" || x.Verb == "AUTHENTICATE" {
		args = maskBetween(args)
	}
	pieces, reason := c.withLiterals(join(x.Tag, x.Verb, args), x.Literals)
	if reason != "" {
		return nil, reason
	}
	whole := &Message{Kind: truth.IMAPCommand, key: fmt.Sprint("imap.command ", join(x.Tag, x.Verb, args), x.Literals),
		fill: truth.Message{Line: &truth.Line{Tag: x.Tag, Verb: x.Verb, Args: args}}}
	var leaves []int // of the server, since the command began
	for i, m := range c.Messages {
		if m.Kind == truth.IMAPResponse && m.fill.Line.Tag == "+" && m.frame >= x.FirstFrame {
			leaves = append(leaves, i)
		}
	}
	waits := 0
	for _, p := range pieces {
		if p.waits {
			waits++
		}
	}
	if waits > len(leaves) {
		return nil, Unbuilt // it is not known when the server gave leave
	}
	var said []byte
	added := 0
	for _, p := range pieces {
		said = append(said, p.bytes...)
		if !p.waits {
			continue
		}
		at := leaves[len(leaves)-waits] + added
		waits--
		added++
		leave := c.Messages[at]
		part := &Message{Kind: truth.IMAPCommand, From: events.FromClient, Bytes: said, Part: true, at: leave.at, frame: x.FirstFrame,
			Think: max(0, leave.Think-c.gaps[0]-c.gaps[1])}
		leave.Think = 0 // what was between is the client's
		c.Messages = append(c.Messages[:at], append([]*Message{part}, c.Messages[at:]...)...)
		said = nil
	}
	whole.Bytes = said
	return whole, ""
}

// piece is a part of a line: up to and with the announcement of a literal, or
// what comes behind one, with the literal before it.
type piece struct {
	bytes []byte
	waits bool // the literal that comes next waits for leave
}

// withLiterals puts literals of these sizes behind their announcements in
// line, and ends it.
func (c *Conversation) withLiterals(line string, sizes []int64) (out []piece, reason Reason) {
	mails := c.mails
	c.mails = nil
	var before []byte
	for _, n := range sizes {
		i, end, waits := announcement(line, n)
		if i < 0 || n > maxBytes {
			return nil, Unbuilt
		}
		out = append(out, piece{append(before, line[:end]+"\r\n"...), waits})
		line, before = line[end:], bytes.Repeat([]byte("x"), int(n))
		for k, m := range mails {
			if m.Bytes != n {
				continue
			}
			text, ok := section(m)
			if !ok {
				return nil, Unbuilt
			}
			before, mails = text, mails[k+1:]
			break
		}
	}
	return append(out, piece{append(before, line+"\r\n"...), false}), ""
}

// announcement finds that of a literal of n bytes in line, and says whether it
// waits for leave: of a server none does, and none of that form (RFC 7888).
func announcement(line string, n int64) (from, to int, waits bool) {
	from = -1
	for _, form := range []struct {
		text  string
		waits bool
	}{{fmt.Sprintf("{%d}", n), true}, {fmt.Sprintf("{%d+}", n), false}} {
		if i := strings.Index(line, form.text); i >= 0 && (from < 0 || i < from) {
			from, to, waits = i, i+len(form.text), form.waits
		}
	}
	return from, to, waits
}

// maskBetween masks what stands between announcements of literals.
func maskBetween(args string) string {
	var out strings.Builder
	for args != "" {
		i, k := strings.IndexByte(args, '{'), strings.IndexByte(args, '}')
		if i < 0 || k < i {
			i, k = len(args), len(args)-1
		}
		out.WriteString(mask(args[:i]))
		if i < len(args) {
			out.WriteString(args[i : k+1])
		}
		args = args[k+1:]
	}
	return out.String()
}

// section is the literal of a message or of a part of one.
func section(x *events.MailMessage) (text []byte, ok bool) {
	upper := strings.ToUpper(x.Section)
	switch {
	case strings.Contains(upper, "HEADER") || strings.Contains(upper, "MIME"):
		var b bytes.Buffer
		for _, h := range x.Headers {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		}
		behind := 0 // some servers give more than the head
		if len(x.Parts) == 1 {
			behind = int(x.Parts[0].Bytes)
		}
		pad := int(x.Bytes) - b.Len() - len("\r\n") - behind
		if pad < 0 || pad > maxBlanks || pad > 0 && len(x.Headers) == 0 {
			return nil, false
		}
		text = append(padded(b.Bytes(), pad), "\r\n"...)
		return append(text, madeUp(behind)...), true
	case len(x.Headers) == 0:
		return madeUp(int(x.Bytes)), true
	}
	text = mailText(x)
	return text, int64(len(text)) == x.Bytes
}
