package rerun

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// build makes the bytes of one message; nil and no reason: it is part of one
// that was built before.
func (c *Conversation) build(e *events.Event) (*Message, Reason) {
	switch x := e.Body.(type) {
	case *events.DNSMessage:
		return c.dns(x)
	case *events.HTTPRequest:
		return c.httpRequest(x)
	case *events.HTTPResponse:
		return c.httpResponse(x)
	case *events.HTTPBody:
		return c.httpBody(e, x)
	case *events.SMTPCommand:
		switch x.Verb {
		case "BDAT":
			m := command(truth.SMTPCommand, "", x.Verb, x.Args)
			c.chunk = append(c.chunk, m)
			return m, ""
		case "RSET":
			if len(c.chunk) > 0 {
				return nil, Unbuilt // chunks of a message that never came
			}
		case "AUTH":
			return command(truth.SMTPCommand, "", x.Verb, maskTail(x.Args)), ""
		case "":
			return command(truth.SMTPCommand, "", "", mask(x.Args)), ""
		}
		return command(truth.SMTPCommand, "", x.Verb, x.Args), ""
	case *events.SMTPReply:
		return reply(truth.SMTPReply, x.Code, x.Lines), ""
	case *events.FTPCommand:
		if x.Verb == "PASS" || x.Verb == "ACCT" {
			return command(truth.FTPCommand, "", x.Verb, mask(x.Args)), ""
		}
		return command(truth.FTPCommand, "", x.Verb, x.Args), ""
	case *events.FTPReply:
		m := reply(truth.FTPReply, x.Code, x.Lines)
		m.answers = x.CommandFrame
		return m, ""
	case *events.POP3Command:
		c.pop3 = strings.TrimSpace(x.Verb + " " + x.Args)
		switch x.Verb {
		case "PASS", "":
			return command(truth.POP3Command, "", x.Verb, mask(x.Args)), ""
		case "APOP", "AUTH":
			return command(truth.POP3Command, "", x.Verb, maskTail(x.Args)), ""
		}
		return command(truth.POP3Command, "", x.Verb, x.Args), ""
	case *events.POP3Reply:
		return c.pop3Reply(x), ""
	case *events.FTPData:
		return c.ftpData(e, x)
	case *events.IMAPCommand:
		switch {
		case len(x.Literals) > 0:
			return c.literalCommand(x)
		case x.Verb == "LOGIN" || x.Verb == "AUTHENTICATE":
			return command(truth.IMAPCommand, x.Tag, x.Verb, maskTail(x.Args)), ""
		}
		return command(truth.IMAPCommand, x.Tag, x.Verb, x.Args), ""
	case *events.IMAPResponse:
		return c.imapResponse(x)
	case *events.MailMessage:
		return c.letter(x)
	}
	return nil, Unsupported
}

// command is a line of SMTP, POP3, IMAP or FTP.
func command(kind truth.Kind, tag, verb, args string) *Message {
	line := join(tag, verb, args)
	return &Message{Kind: kind, Bytes: []byte(line + "\r\n"), key: string(kind) + " " + line,
		fill: truth.Message{Line: &truth.Line{Tag: tag, Verb: verb, Args: args}}}
}

// reply is one of SMTP (RFC 5321 section 4.2.1) or FTP (RFC 959 section 4.2).
func reply(kind truth.Kind, code int, lines []string) *Message {
	var b strings.Builder
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		fmt.Fprintf(&b, "%03d%s%s\r\n", code, sep, l)
	}
	if len(lines) == 0 {
		fmt.Fprintf(&b, "%03d\r\n", code)
	}
	return &Message{Kind: kind, Bytes: []byte(b.String()), key: string(kind) + " " + strconv.Itoa(code) + strings.Join(lines, "\n"),
		fill: truth.Message{Line: &truth.Line{Code: code, Lines: lines}}}
}

// pop3Reply is a status line and, where the command asks for it, more lines
// (RFC 1939 section 3).
func (c *Conversation) pop3Reply(x *events.POP3Reply) *Message {
	status := "-ERR"
	switch {
	case x.Continue:
		status = "+"
	case x.OK:
		status = "+OK"
	}
	var b strings.Builder
	b.WriteString(join(status, x.Text) + "\r\n")
	listing := c.pop3 == "CAPA" || c.pop3 == "LIST" || c.pop3 == "UIDL" || c.pop3 == "AUTH"
	if len(x.Lines) > 0 || x.OK && listing {
		for _, l := range x.Lines {
			if strings.HasPrefix(l, ".") {
				b.WriteByte('.')
			}
			b.WriteString(l + "\r\n")
		}
		b.WriteString(".\r\n")
	}
	return &Message{Kind: truth.POP3Reply, Bytes: []byte(b.String()), key: strings.Join(append([]string{"pop3.reply", status, x.Text}, x.Lines...), "\n"),
		fill: truth.Message{Line: &truth.Line{Status: status, Lines: append([]string{x.Text}, x.Lines...)}}}
}

// letter is a mail with the fields of its head, and a made-up body that fills
// it up to its size. A multipart needs its structure, which is made in parts.
// Where other messages carry its bytes it has none itself.
func (c *Conversation) letter(x *events.MailMessage) (*Message, Reason) {
	if !x.Complete || x.Missing > 0 {
		return nil, CutOff
	}
	if x.Via == "imap" {
		text, _ := section(x)
		c.mails = append(c.mails, x)
		return told(x, nil, text), ""
	}
	text := mailText(x)
	if text == nil {
		return nil, Unbuilt
	}
	if len(c.chunk) == 0 {
		return told(x, append(stuffed(text), ".\r\n"...), text), ""
	}
	if !inPieces(c.chunk, text) {
		return nil, Unbuilt
	}
	c.chunk = nil
	return told(x, nil, text), ""
}

// told is a mail of that text.
func told(x *events.MailMessage, bytes, text []byte) *Message {
	return &Message{Kind: truth.MailMessage, Bytes: bytes, key: mailKey(x),
		fill: truth.Message{Object: &truth.Object{Name: x.MessageID, Bytes: int64(len(text)), SHA256: sum(text)}}}
}

// inPieces puts text behind the commands BDAT that announce its pieces
// (RFC 3030 section 2); false where they are not as long.
func inPieces(chunks []*Message, text []byte) bool {
	for _, m := range chunks {
		size, _, _ := strings.Cut(m.fill.Line.Args, " ")
		n, err := strconv.Atoi(size)
		if err != nil || n < 0 || n > len(text) {
			return false
		}
		m.Bytes = append(m.Bytes, text[:n]...)
		text = text[n:]
	}
	return len(text) == 0
}

// stuffed doubles the dot at the beginning of a line (RFC 5321 section 4.5.2).
func stuffed(text []byte) []byte {
	var out []byte
	for line := range bytes.SplitAfterSeq(text, []byte("\n")) {
		if len(line) > 0 && line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
	}
	return out
}

// madeUp is n bytes of text in lines, the last of which is ended.
func madeUp(n int) []byte {
	const line = "What stood here is not known; this is as long as that was, line by line.\r\n"
	out := make([]byte, 0, n)
	for len(out) < n {
		rest := n - len(out)
		switch {
		case rest >= len(line)+2:
			out = append(out, line...)
		case rest >= 2:
			out = append(append(out, strings.Repeat("x", rest-2)...), "\r\n"...)
		default:
			out = append(out, 'x')
		}
	}
	return out
}

// mask hides a secret and keeps its length and its form.
func mask(s string) string {
	b := []byte(s)
	for i, x := range b {
		if x >= '0' && x <= '9' || x >= 'a' && x <= 'z' || x >= 'A' && x <= 'Z' || x >= 0x80 {
			b[i] = 'x'
		}
	}
	return string(b)
}

// maskTail masks all but the first word.
func maskTail(s string) string {
	word, rest, ok := strings.Cut(s, " ")
	if !ok {
		return s
	}
	return word + " " + mask(rest)
}

func join(words ...string) string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
