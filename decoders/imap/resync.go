package imap

import (
	"bytes"

	"github.com/wiretale/wiretale/events"
)

// sure reports whether a line is surely of IMAP. At the start any command or
// response is believed; after a loss the lines may be of a literal whose
// beginning was lost, that is, of somebody's letter.
func (c *call) sure(line []byte) bool {
	if c.d.from == events.FromClient {
		return c.sureCommand(line)
	}
	return c.sureResponse(line)
}

func (c *call) sureCommand(line []byte) bool {
	d := &c.s.client
	if isDone(line) && (d.mode == idle || !c.d.torn) {
		return true
	}
	if !c.d.torn && d.mode == steps && bytes.IndexByte(line, ' ') < 0 {
		return true
	}
	tag, rest, _ := bytes.Cut(line, space)
	word, args := cutWord(rest)
	v, ok := verbs[string(bytes.ToUpper(word[:min(len(word), 16)]))]
	if !ok || !isTag(tag) {
		return false
	}
	if !c.d.torn {
		return true
	}
	if d.tags != 0 && abs(len(tag)-d.tags) > 1 || d.tags == 0 && !bytes.ContainsAny(tag, "0123456789") {
		return false // clients count, or draw tags of one length
	}
	return v.args.fits(args)
}

func abs(n int) int { return max(n, -n) }

// fits reports whether the arguments are of this shape.
func (s shape) fits(args []byte) bool {
	switch s {
	case nothing:
		return len(args) == 0
	case quoted:
		return len(args) > 0 && (args[0] == '"' || args[0] == '{') || bytes.EqualFold(args, []byte("INBOX")) || len(args) > 6 && bytes.EqualFold(args[:6], []byte("INBOX "))
	case set:
		w, rest := cutWord(args)
		return isSet(w) && len(rest) > 0
	case listed:
		return len(args) > 1 && args[0] == '('
	case uid:
		w, rest := cutWord(args)
		v, ok := verbs[string(bytes.ToUpper(w[:min(len(w), 16)]))]
		return ok && v.args == set && v.args.fits(rest)
	}
	return false
}

// isSet: a sequence set (RFC 3501 section 9).
func isSet(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c == ':' || c == ',' || c == '*') {
			return false
		}
	}
	return len(b) > 0
}

func (c *call) sureResponse(line []byte) bool {
	h, ok := parseHead(line)
	if !ok {
		return false
	}
	torn := c.d.torn
	switch {
	case h.tag == "+":
		return !torn
	case h.tag != "*":
		return c.s.open.has([]byte(h.tag)) || !torn
	case h.status != "":
		return !torn || len(h.text) > 0 && h.text[0] == '['
	}
	text := h.text
	switch h.name {
	case "EXISTS", "RECENT", "EXPUNGE":
		return h.numbered && len(bytes.TrimSpace(text)) == 0
	case "FETCH":
		return h.numbered && len(text) > 0 && text[0] == '('
	case "LIST", "LSUB", "XLIST", "FLAGS":
		return !h.numbered && len(text) > 0 && text[0] == '('
	case "CAPABILITY":
		return !h.numbered && bytes.Contains(bytes.ToUpper(text), []byte("IMAP4"))
	case "STATUS":
		return !h.numbered && bytes.HasSuffix(bytes.TrimSpace(text), []byte(")"))
	case "SEARCH", "SORT":
		return !h.numbered && isSet(bytes.ReplaceAll(bytes.TrimSpace(text), space, nil))
	}
	return !torn && names[h.name] != ""
}
