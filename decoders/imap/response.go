package imap

import (
	"bytes"
	"math"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

type serverSide struct {
	now events.IMAPResponse // the one being read, as far as its head tells
}

// head is the beginning of a response (RFC 3501 section 7).
type head struct {
	tag, status, name string
	number            uint32
	numbered          bool
	text              []byte // what follows
}

// parseHead reads the beginning of a response. Strings are known ones, or cut
// out of line by own.
func parseHead(line []byte) (h head, ok bool) {
	switch {
	case len(line) == 1 && line[0] == '+':
		h.tag = "+"
		return h, true
	case bytes.HasPrefix(line, []byte("+ ")):
		h.tag, h.text = "+", line[2:]
		return h, true
	case bytes.HasPrefix(line, []byte("* ")):
		h.tag = "*"
		w, rest := cutWord(line[2:])
		if h.status = statusOf(w); h.status != "" {
			h.text = rest
			return h, true
		}
		if n, is := parseNumber(w); is {
			h.number, h.numbered = n, true
			w, rest = cutWord(rest)
		}
		if !isVerb(w) {
			return h, false
		}
		h.name, h.text = nameOf(w), rest
		return h, true
	}
	t, rest := cutWord(line)
	w, rest := cutWord(rest)
	h.status = statusOf(w)
	if !isTag(t) || h.status == "" || h.status == "PREAUTH" || h.status == "BYE" {
		return h, false
	}
	h.tag, h.text = string(t), rest
	return h, true
}

func parseNumber(b []byte) (n uint32, ok bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	return uint32(v), v <= math.MaxUint32
}

// statusOf is the name of a status response; "": it is none.
func statusOf(w []byte) string {
	for _, s := range [...]string{"OK", "NO", "BAD", "BYE", "PREAUTH"} {
		if len(w) == len(s) && strings.EqualFold(string(w), s) {
			return s
		}
	}
	return ""
}

// names are the data responses of RFC 3501, RFC 9051 and of extensions.
var names = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{
		"CAPABILITY", "ENABLED", "LIST", "LSUB", "STATUS", "SEARCH", "ESEARCH", "FLAGS", "NAMESPACE", "EXISTS", "RECENT", "EXPUNGE", "FETCH",
		"ID", "QUOTA", "QUOTAROOT", "ACL", "MYRIGHTS", "LISTRIGHTS", "SORT", "THREAD", "XLIST", "VANISHED", "METADATA", "ANNOTATION", "LANGUAGE", "COMPARATOR", "GENURLAUTH", "URLFETCH", "CONVERSION", "UIDBATCHES",
	} {
		m[n] = n
	}
	return m
}()

func nameOf(w []byte) string {
	if n, ok := names[string(w)]; ok {
		return n
	}
	up := bytes.ToUpper(w)
	if n, ok := names[string(up)]; ok {
		return n
	}
	return string(up)
}

// simple takes the common response: one line without a literal, of which
// nothing needs to be kept.
func (c *call) simple(line []byte, at decoders.Mark) bool {
	if len(line) == 0 || line[len(line)-1] == '}' || line[0] != '*' || len(line) > c.s.env.Limits.IMAPLine {
		return false
	}
	h, ok := parseHead(line)
	if !ok || h.name == "FETCH" && c.s.mail && bytes.IndexByte(line, '[') >= 0 {
		return false
	}
	c.d.build.cut = false
	e := &events.IMAPResponse{Tag: h.tag, Status: h.status, Name: h.name, Text: string(h.text), FirstFrame: at.Frame}
	if h.numbered {
		n := h.number
		e.Number = &n
	}
	c.s.tell(c.d, e, c.out)
	return true
}

// beginResponse reads the first line of a response; ok is false where it is
// none.
func (c *call) beginResponse(line []byte) (ok bool) {
	h, ok := parseHead(line)
	if !ok {
		c.strange(noLine[1])
		return false
	}
	now := &c.s.server.now
	*now = events.IMAPResponse{Tag: h.tag, Status: h.status, Name: h.name}
	if h.numbered {
		n := h.number
		now.Number = &n
	}
	c.more(h.text)
	c.bodies(h.text)
	return true
}

// mayHoldLiteral: of responses only those with data have literals. The text
// of others may end like one.
func (c *call) mayHoldLiteral() bool {
	if c.d.from == events.FromClient {
		return true
	}
	now := &c.s.server.now
	return now.Tag == "*" && now.Status == ""
}

// bodies gives the quoted strings of FETCH that are parts of a message to the
// mail decoder, and finds the item that a literal belongs to.
func (c *call) bodies(line []byte) {
	d := c.d
	if !c.s.mail || d.from == events.FromClient || c.s.server.now.Name != "FETCH" {
		return
	}
	d.build.item = scanFetch(line, d.build.item, func(item string, value []byte) {
		if hint, is := bodyItem(item); is {
			f := c.out.Open(decoders.Next{Protocol: "mail", Hint: hint})
			if len(value) > 0 {
				f.Data(d.from, unquote(value))
			}
			f.End(d.from, events.EndFIN)
			f.End(d.from.Other(), events.EndFIN)
		}
	})
}

// finishResponse tells the response; p is the command that it ends.
func (s *stream) finishResponse(out decoders.Sink, frame uint64) (p *command, status string) {
	d := &s.sides[events.FromServer]
	e := s.server.now
	e.Text, e.Literals, e.FirstFrame = string(d.build.text), d.build.literals, d.build.first
	d.build.literals = nil
	d.build.active = false
	if e.Tag != "*" && e.Tag != "+" {
		if p = s.open.take(e.Tag); p != nil {
			s.answered(p, e.Status, out, frame)
			e.Verb, e.CommandFrame = p.verb, p.frame
		} else if s.sides[events.FromClient].torn {
			d.build.cut = true // the command was lost
		}
	}
	s.tell(d, &e, out)
	return p, e.Status
}

// agreed does what a positive answer asks for.
func (c *call) agreed(p *command, status string) {
	s := c.s
	if p == nil {
		return
	}
	client := &s.sides[events.FromClient]
	switch p.kind {
	case securing:
		if s.client.mode == hello {
			s.client.mode = tagged
		}
		if status == "OK" && c.d.z == nil {
			c.change()
		}
	case compressing:
		if client.state != waiting {
			return
		}
		client.state = inLine
		if status == "OK" { // RFC 4978 section 3: from the next byte on, both sides
			client.z, c.d.z = new(inflater), new(inflater)
		}
	}
}

// answered: p is answered, so that the client's next line is a command.
func (s *stream) answered(p *command, status string, out decoders.Sink, frame uint64) {
	c := &s.sides[events.FromClient]
	if s.client.now == p && status != "OK" && s.client.sync {
		// The literal that it announced was refused (RFC 3501 section 7.5):
		// it will not come.
		c.hint, c.left = nil, 0
		c.state = inLine
		s.finishCommand(out, frame)
	}
	switch p.kind {
	case authenticating:
		if s.client.mode == steps {
			s.client.mode = tagged
		}
	case idling:
		if s.client.mode == idle {
			s.client.mode = tagged
		}
	}
}
