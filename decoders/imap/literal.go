package imap

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// literal is the announcement of one: "{n}", "{n+}" (RFC 7888), "~{n}" (RFC
// 3516 section 4.2).
type literal struct {
	size    int64
	nonSync bool
}

// parseLiteral reads the announcement at the end of a line.
func parseLiteral(line []byte) (l literal, ok bool) {
	n := len(line)
	if n < 3 || line[n-1] != '}' {
		return l, false
	}
	n--
	if line[n-1] == '+' {
		l.nonSync = true
		n--
	}
	i := n
	for i > 0 && line[i-1] >= '0' && line[i-1] <= '9' {
		i--
	}
	if i == 0 || i == n || line[i-1] != '{' || n-i > 18 {
		return l, false
	}
	for _, c := range line[i:n] {
		l.size = l.size*10 + int64(c-'0')
	}
	return l, true
}

// literal takes bytes of one.
func (c *call) literal() {
	d := c.d
	b := c.rest()
	if int64(len(b)) > d.left {
		b = b[:d.left]
	}
	if d.from == events.FromClient {
		c.s.client.sync = false // the client sends it: it was not refused
	}
	c.off += len(b)
	d.left -= int64(len(b))
	if d.hint != nil {
		d.openFeed(c.out)
	}
	if d.feed != nil {
		d.feed.Data(d.from, b)
	}
	if d.left == 0 {
		c.s.literalOver(d, c.out)
	}
}

// maxDoubt is how many bytes are looked at for a command where a literal may
// have been refused.
const maxDoubt = 512

// doubt: it is not known whether the literal was refused. If a command stands
// where it would begin, it was. The literal may be shorter than the look: at
// least a line end follows it.
func (c *call) doubt() (want int) {
	d := c.d
	b := c.rest()
	look := min(maxDoubt, c.s.lines)
	i := bytes.IndexByte(b[:min(len(b), look)], '\n')
	if i < 0 && len(b) < look {
		return len(b) + 1
	}
	c.s.client.doubt = false
	if i < 0 {
		return 0
	}
	torn := d.torn
	d.torn = true // a command that is surely one
	sure := c.sureCommand(trim(b[:i+1]))
	d.torn = torn
	if sure {
		d.hint, d.left = nil, 0
		d.state = inLine
		c.s.client.unsure = false
		c.s.finishCommand(c.out, c.w.Frame)
	}
	return 0
}

// openFeed begins the message that the literal is.
func (d *side) openFeed(out decoders.Sink) {
	if d.hint != nil {
		d.feed = out.Open(decoders.Next{Protocol: "mail", Hint: *d.hint})
		d.hint = nil
	}
}

// lose says that n bytes of a literal were lost.
func (d *side) lose(n int64, out decoders.Sink) {
	d.openFeed(out)
	if d.feed != nil && n > 0 {
		d.feed.Gap(d.from, n)
	}
}

// literalOver goes on with the line when the literal is whole.
func (s *stream) literalOver(d *side, out decoders.Sink) {
	if d.left == 0 {
		d.openFeed(out)
		d.endFeed(events.EndFIN)
		d.state = inLine
	}
}

func (d *side) endFeed(why events.Ending) {
	if f := d.feed; f != nil {
		d.feed = nil
		f.End(d.from, why)
		f.End(d.from.Other(), why)
	}
}

// messageHint says whether the literal that begins is a message, and which.
func (c *call) messageHint() (decoders.HintMail, bool) {
	if c.d.from == events.FromClient {
		if p := c.s.client.now; p != nil && p.kind == appending && isMessage(c.d.build.text) {
			return decoders.HintMail{Via: name, From: events.FromClient}, true
		}
		return decoders.HintMail{}, false
	}
	if c.s.server.now.Name != "FETCH" || c.d.build.item == "" {
		return decoders.HintMail{}, false
	}
	return bodyItem(c.d.build.item)
}

// isMessage reports whether the literal that ends the arguments of APPEND so
// far is a message (RFC 3501 section 6.3.11, RFC 3502), not the mailbox's
// name, and not a piece for CATENATE (RFC 4469).
func isMessage(args []byte) bool {
	i := bytes.LastIndexByte(args, '{')
	before := bytes.TrimRight(args[:max(i, 0)], "~")
	return len(bytes.TrimSpace(before)) > 0 && !bytes.Contains(bytes.ToUpper(before), []byte("CATENATE ("))
}

// bodyItem says what part of a message the data item of FETCH is (RFC 3501
// section 7.4.2, RFC 3516), if it is one.
func bodyItem(item string) (decoders.HintMail, bool) {
	h := decoders.HintMail{Via: name, From: events.FromServer, Section: item}
	up := strings.ToUpper(item)
	switch up {
	case "RFC822":
		h.Section = ""
		return h, true
	case "RFC822.HEADER":
		return h, true
	case "RFC822.TEXT":
		h.NoHeader = true
		return h, true
	}
	section, ok := strings.CutPrefix(up, "BODY[")
	if !ok {
		section, ok = strings.CutPrefix(up, "BINARY[")
	}
	section, origin, ok2 := strings.Cut(section, "]")
	if !ok || !ok2 {
		return h, false
	}
	section, _, _ = strings.Cut(section, " ")
	// What follows the numbers of a part says what of it: nothing is its body.
	what := strings.TrimLeft(section, "0123456789.")
	switch {
	case origin != "" && origin != "<0>":
		h.NoHeader = true
	case section == "":
		if origin == "" && up == "BODY[]" {
			h.Section = ""
		}
	case what == "" || what == "TEXT":
		h.NoHeader = true
	}
	return h, true
}

// scanFetch reads the items of FETCH in a line (RFC 3501 section 7.4.2):
// quoted is called for each one whose value is a quoted string; item is the
// one whose value comes next, as a literal.
func scanFetch(line []byte, item string, quoted func(item string, value []byte)) string {
	for i := 0; i < len(line); {
		switch b := line[i]; b {
		case ' ':
			i++
		case '(', ')':
			item = ""
			i++
		case '"':
			end := endOfQuoted(line, i)
			if item != "" && end <= len(line) {
				quoted(item, line[i+1:max(i+1, end-1)])
			}
			item = ""
			i = end
		case '{', '~':
			return item
		default:
			end := endOfItem(line, i)
			item = string(line[i:end])
			i = end
		}
	}
	return item
}

// endOfQuoted is behind the closing quote; beyond the line: there is none.
func endOfQuoted(line []byte, i int) int {
	for i++; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(line) + 1
}

// endOfItem is behind a word with its section: "BODY[HEADER.FIELDS (TO)]<0>".
func endOfItem(line []byte, i int) int {
	depth := 0
	for ; i < len(line); i++ {
		switch b := line[i]; {
		case b == '[':
			depth++
		case b == ']' && depth > 0:
			depth--
		case depth > 0 && b == '"':
			i = min(endOfQuoted(line, i), len(line)) - 1
		case depth == 0 && (b == ' ' || b == '(' || b == ')' || b == '"'):
			return i
		}
	}
	return i
}

// unquote takes the backslashes off a quoted string (RFC 3501 section 9:
// quoted). The result is b where there are none.
func unquote(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		out = append(out, b[i])
	}
	return out
}
