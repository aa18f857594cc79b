package weblinks

import "bytes"

// cut is what of an HTML document can name a part of it: the start tags of
// elements that show something and of those with a style or a background, and
// the text of style elements; in their order. All other text, scripts and
// comments are skipped, which is most of a page: the tokenizer, which reads
// byte for byte, sees the rest only. Where tags, comments and raw text end is
// the tokenizer's rule (HTML section 13.2.5), and fuzzed against it.
func cut(doc []byte) []byte {
	c := cutter{doc: doc}
	for c.next() {
	}
	return c.kept
}

type cutter struct {
	doc  []byte
	at   int
	kept []byte
}

// until goes behind the next b; false: there is none.
func (c *cutter) until(b byte) bool {
	i := bytes.IndexByte(c.doc[c.at:], b)
	if i < 0 {
		return false
	}
	c.at += i + 1
	return true
}

// peek is the byte at offset n from here; 0 behind the end.
func (c *cutter) peek(n int) byte {
	if c.at+n < len(c.doc) {
		return c.doc[c.at+n]
	}
	return 0
}

// next goes behind the next tag, comment or declaration; false: that was all.
func (c *cutter) next() bool {
	if !c.until('<') {
		return false
	}
	switch b := c.peek(0); {
	case letter(b):
		return c.start()
	case b == '/' && letter(c.peek(1)):
		c.at++
		_, _, ok := c.tag()
		return ok
	case b == '/':
		c.at++
		return c.until('>')
	case b == '!' && c.peek(1) == '-' && c.peek(2) == '-':
		c.at += len("!--")
		return c.comment()
	case b == '!', b == '?':
		c.at++
		return c.until('>')
	}
	return true
}

// start reads a start tag, whose name is next, and the text of its element
// where that is raw.
func (c *cutter) start() bool {
	from := c.at - 1
	name, styled, ok := c.tag()
	if !ok {
		return false
	}
	raw := rawText(name)
	keep := styled || loading(name)
	if keep {
		c.kept = append(c.kept, c.doc[from:c.at]...)
	}
	if raw == "" {
		return true
	}
	text := c.at
	if raw == "script" {
		c.script()
	} else {
		c.raw(raw)
	}
	if keep {
		if raw == "style" {
			c.kept = append(c.kept, c.doc[text:c.at]...)
		}
		c.kept = append(append(append(c.kept, "</"...), raw...), '>')
	}
	return true
}

// tag goes behind a tag, whose name is next. styled: one of its attributes is
// named style or background. Not ok: it does not end.
func (c *cutter) tag() (name []byte, styled, ok bool) {
	from := c.at
	for c.at < len(c.doc) && !space(c.doc[c.at]) && c.doc[c.at] != '/' && c.doc[c.at] != '>' {
		c.at++
	}
	name = c.doc[from:c.at]
	for c.skipSpace(); c.at < len(c.doc); c.skipSpace() {
		if c.doc[c.at] == '>' {
			c.at++
			return name, styled, true
		}
		key := c.at
		for c.at < len(c.doc) {
			if b := c.doc[c.at]; space(b) || b == '/' || b == '>' || b == '=' && c.at > key {
				break
			}
			c.at++
		}
		k := c.doc[key:c.at]
		styled = styled || is(k, "style") || is(k, "background")
		if !c.value() {
			break
		}
	}
	return name, false, false
}

// value goes behind what follows the name of an attribute; false: the document
// is over.
func (c *cutter) value() bool {
	c.skipSpace()
	switch c.peek(0) {
	case '/':
		c.at++
		return true
	case '=':
		c.at++
	default:
		return c.at < len(c.doc)
	}
	c.skipSpace()
	switch q := c.peek(0); q {
	case '>':
	case '"', '\'':
		c.at++
		return c.until(q)
	default:
		for c.at < len(c.doc) && !space(c.doc[c.at]) && c.doc[c.at] != '>' {
			c.at++
		}
	}
	return true
}

func (c *cutter) skipSpace() {
	for c.at < len(c.doc) && space(c.doc[c.at]) {
		c.at++
	}
}

// comment goes behind the end of a comment.
func (c *cutter) comment() bool {
	for dashes, first := 0, true; c.at < len(c.doc); {
		b := c.doc[c.at]
		c.at++
		switch {
		case b == '-':
			dashes++
			continue
		case b == '>' && (dashes >= 2 || first):
			return true
		case b == '!' && dashes >= 2:
			switch c.peek(0) {
			case '>':
				c.at++
				return true
			case '-':
				c.at++
				dashes, first = 1, false
				continue
			}
			c.at++
		}
		dashes, first = 0, false
	}
	return false
}

// raw goes to the end tag of an element of raw text.
func (c *cutter) raw(name string) {
	if name == "plaintext" {
		c.at = len(c.doc)
	}
	for c.until('<') {
		if c.closes(name) {
			c.at--
			return
		}
	}
	c.at = len(c.doc)
}

// closes reports whether an end tag of that name is here, behind its <.
func (c *cutter) closes(name string) bool { return c.peek(0) == '/' && c.named(1, name) }

// named reports whether a tag's name is n bytes from here.
func (c *cutter) named(n int, name string) bool {
	from, to := c.at+n, c.at+n+len(name)
	if to >= len(c.doc) || !is(c.doc[from:to], name) {
		return false
	}
	b := c.doc[to]
	return space(b) || b == '/' || b == '>'
}

// script goes to the end tag of a script. Behind <!-- one that is begun within
// is passed over with its end tag.
func (c *cutter) script() {
	const plain, escaped, doubly = 0, 1, 2
	mode, dashes := plain, 0
	for c.at < len(c.doc) {
		if mode == plain && !c.until('<') {
			break
		}
		if mode == plain {
			switch {
			case c.closes("script"):
				c.at--
				return
			case c.peek(0) == '!' && c.peek(1) == '-' && c.peek(2) == '-':
				c.at += len("!--")
				mode, dashes = escaped, 2
			}
			continue
		}
		b := c.doc[c.at]
		c.at++
		switch {
		case b == '-':
			dashes++
			continue
		case b == '>' && dashes >= 2:
			mode = plain
		case b == '<' && c.closes("script") && mode == escaped:
			c.at--
			return
		case b == '<' && c.closes("script"):
			c.at += len("/script>")
			mode = escaped
		case b == '<' && mode == escaped && letter(c.peek(0)):
			if c.named(0, "script") {
				c.at += len("script>")
				mode = doubly
			}
		case b == '<' && mode == escaped && c.peek(0) != '/':
			mode = plain
		}
		dashes = 0
	}
	c.at = len(c.doc)
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func space(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' || b == '\f' }

// is compares with a name in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		x := b[i]
		if x >= 'A' && x <= 'Z' {
			x |= 0x20
		}
		if x != lower[i] {
			return false
		}
	}
	return true
}

// rawText are the elements whose text is not markup; "": it is another one.
func rawText(name []byte) string { return among(name, rawTexts[:]) }

var rawTexts = [...]string{"script", "style", "iframe", "noscript", "title", "textarea", "noembed", "noframes", "xmp", "plaintext"}

// loading reports whether an element may load something, or says from where.
func loading(name []byte) bool { return among(name, loaders[:]) != "" }

var loaders = [...]string{
	"img", "script", "link", "source", "style", "input", "iframe", "video", "audio", "embed",
	"object", "track", "frame", "base", "image", "use",
}

func among(name []byte, list []string) string {
	for _, s := range list {
		if is(name, s) {
			return s
		}
	}
	return ""
}
