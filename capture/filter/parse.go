package filter

import (
	"fmt"

	"github.com/wiretale/wiretale/capture"
)

// qualifiers are the words before a name or number. They are inherited: "port
// 80 or 443" is "port 80 or port 443".
type qualifiers struct {
	layer string // empty: not told
	dir   direction
	kind  kind
	word  token // the last of them, for messages
}

type direction uint8

const (
	dirAny direction = iota // not told: src or dst
	dirSrc
	dirDst
	dirOr
	dirAnd
)

type kind uint8

const (
	kindNone    kind = iota // there was no qualifier to inherit
	kindDefault             // not told: host
	kindHost
	kindNet
	kindPort
	kindPortrange
	kindProto
)

// parser reads an expression and makes its condition as it goes, for what was
// read moves the headers for what follows.
type parser struct {
	expr  string
	toks  []token
	match []int // of a bracket, where its other half is
	i     int
	depth int
	h     headers
	conds int
}

// parse gives the condition of an expression.
func parse(expr string, link capture.LinkType, bigEndian bool) (root *cond, err error) {
	h := headersOf(link)
	h.swapped = bigEndian
	toks, err := lex(expr)
	if err != nil {
		return nil, err
	}
	p := &parser{expr: expr, toks: toks, h: h}
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(*Error)
			if !ok {
				panic(x)
			}
			root, err = nil, e
		}
	}()
	if p.peek().kind == tokEnd {
		return condYes, nil
	}
	p.pair()
	root, _ = p.expression(qualifiers{})
	if t := p.peek(); t.kind != tokEnd {
		p.fail(t, "%s", p.misplaced(t))
	}
	return root, nil
}

// fail ends parse with an error at t.
func (p *parser) fail(t token, format string, args ...any) {
	e := &Error{Expr: p.expr, Offset: t.off, Word: p.expr[t.off:t.end], Msg: fmt.Sprintf(format, args...)}
	if len(p.expr) > 60 {
		e.Expr = shorten(p.expr)
	}
	panic(e)
}

// pair finds the other half of each bracket.
func (p *parser) pair() {
	p.match = make([]int, len(p.toks))
	var open []int
	for i, t := range p.toks {
		if t.kind != tokWord {
			continue
		}
		switch t.text {
		case "(", "[":
			if len(open) == maxDepth {
				p.fail(t, "more than %d brackets within each other", maxDepth)
			}
			open = append(open, i)
		case ")", "]":
			if len(open) == 0 {
				p.fail(t, "nothing opens this bracket")
			}
			o := open[len(open)-1]
			if p.toks[o].text == "(" != (t.text == ")") {
				p.fail(t, "it does not close the %q at character %d", p.toks[o].text, p.toks[o].off+1)
			}
			p.match[o], p.match[i] = i, o
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		p.fail(p.toks[open[len(open)-1]], "nothing closes this bracket")
	}
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

// is reports whether the next word is one of words.
func (p *parser) is(words ...string) bool {
	t := p.peek()
	if t.kind != tokWord {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

func (p *parser) take(word string) bool {
	if p.is(word) {
		p.i++
		return true
	}
	return false
}

func (p *parser) want(word, why string) {
	if !p.take(word) {
		p.fail(p.peek(), "%q is missing %s", word, why)
	}
}

// misplaced says what a word is that nothing expected.
func (p *parser) misplaced(t token) string {
	switch t.kind {
	case tokEnd:
		return "something is missing"
	case tokName:
		return "no such word" + hint(t.text)
	case tokWord:
		if why, ok := notHere[t.text]; ok {
			return why
		}
		switch t.text {
		case "and", "or", ")", "]", "[", ":", "mask":
			return "not expected here"
		}
		return "not expected here; terms are joined with and, or"
	case tokV4, tokV6, tokMAC:
		return "an address needs a word before it, such as host, net or src (ether host for hardware addresses)"
	}
	return "a number needs a word before it, such as port or host; several are joined with or"
}

// grow counts the nesting of conditions that are not in brackets.
func (p *parser) grow(t token) {
	if p.depth++; p.depth > 4*maxDepth {
		p.fail(t, "too deep")
	}
}

// expression reads terms joined by and, or, which bind alike, from the left.
// It gives what the last term leaves to those behind. outer is what there is
// to inherit before the first term.
func (p *parser) expression(outer qualifiers) (*cond, qualifiers) {
	if t := p.peek(); p.startsID(p.i) {
		p.fail(t, "%s", p.misplaced(t))
	}
	c, q := p.term(outer)
	for {
		op := p.peek()
		if !p.is("and", "or") {
			return c, q
		}
		p.i++
		var c2 *cond
		if p.startsID(p.i) {
			if q.kind == kindNone {
				t := p.idToken()
				if t.kind == tokName {
					p.fail(t, "%s", p.misplaced(t))
				}
				p.fail(t, "there are no words before it to inherit: write host, port, … again")
			}
			c2 = p.id(q)
		} else {
			c2, q = p.term(q)
		}
		c = p.join(op, c, c2)
	}
}

func (p *parser) join(op token, a, b *cond) *cond {
	if p.conds++; p.conds > maxConds {
		p.fail(op, "the filter is too large")
	}
	if op.text == "and" {
		return and(a, b)
	}
	return or(a, b)
}

// startsID reports whether a name, address or number begins at word i, with
// what is before it inherited; else it is a term of its own.
func (p *parser) startsID(i int) bool {
	for {
		switch t := p.toks[i]; t.kind {
		case tokName, tokV4, tokV6, tokMAC:
			return true
		case tokNum:
			return !p.calculates(i + 1)
		case tokWord:
			if t.text != "!" && t.text != "(" || t.text == "(" && p.calculates(p.match[i]+1) {
				return false
			}
		default:
			return false
		}
		i++
	}
}

// idToken is the word that startsID means.
func (p *parser) idToken() token {
	i := p.i
	for p.toks[i].kind == tokWord {
		i++
	}
	return p.toks[i]
}

// calculates reports whether word i goes on with a calculation or comparison.
func (p *parser) calculates(i int) bool {
	t := p.toks[i]
	if t.kind != tokWord {
		return false
	}
	switch t.text {
	case "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// id reads what q is said of: a name, address or number, or several in
// brackets.
func (p *parser) id(q qualifiers) *cond {
	t := p.peek()
	p.grow(t)
	defer func() { p.depth-- }()
	switch {
	case p.take("!"):
		return not(p.id(q))
	case p.is("("):
		if v, ok := p.number(); ok {
			return p.numbered(q, v)
		}
		p.i++
		c := p.ids(q)
		p.want(")", "behind the list")
		return c
	case t.kind == tokNum:
		p.i++
		return p.numbered(q, t)
	}
	return p.named(q)
}

// ids reads a list in brackets. The grammar wants no bracket at its front.
func (p *parser) ids(q qualifiers) *cond {
	var c *cond
	t := p.peek()
	v, isNum := p.number()
	switch {
	case isNum && !p.is("and", "or"):
		p.fail(p.peek(), "and, or are missing between the members of a list")
	case isNum:
		c = p.numbered(q, v)
	case p.is("("):
		p.fail(t, "a list cannot begin with another list")
	default:
		c = p.id(q)
	}
	for p.is("and", "or") {
		op := p.next()
		if !p.startsID(p.i) {
			p.fail(p.peek(), "in brackets behind %q there can be names, addresses and numbers only", p.expr[q.word.off:q.word.end])
		}
		c = p.join(op, c, p.id(q))
	}
	return c
}

// number takes a number, which may be in brackets. It is left where there is
// more than a number.
func (p *parser) number() (token, bool) {
	i, open := p.i, 0
	for p.toks[i].kind == tokWord && p.toks[i].text == "(" {
		i++
		open++
	}
	v := p.toks[i]
	if v.kind != tokNum {
		return v, false
	}
	i++
	for range open {
		if p.toks[i].kind != tokWord || p.toks[i].text != ")" {
			return v, false
		}
		i++
	}
	p.i = i
	return v, true
}

// term reads a primitive, with nothing inherited but for what follows brackets.
func (p *parser) term(outer qualifiers) (*cond, qualifiers) {
	t := p.peek()
	p.grow(t)
	defer func() { p.depth-- }()
	if p.conds++; p.conds > maxConds {
		p.fail(t, "the filter is too large")
	}
	if t.kind == tokNum {
		return p.relation(), qualifiers{}
	}
	if t.kind != tokWord {
		p.fail(t, "%s", p.misplaced(t))
	}
	switch t.text {
	case "!":
		p.i++
		if t := p.peek(); p.startsID(p.i) {
			p.fail(t, "%s", p.misplaced(p.idToken()))
		}
		c, q := p.term(outer)
		return not(c), q
	case "(":
		if p.calculates(p.match[p.i] + 1) {
			return p.relation(), qualifiers{}
		}
		p.i++
		c, _ := p.expression(outer)
		p.want(")", "behind the terms")
		return c, outer
	case "len", "-":
		return p.relation(), qualifiers{}
	}
	if layers[t.text] && p.toks[p.i+1].kind == tokWord {
		switch p.toks[p.i+1].text {
		case "[":
			return p.relation(), qualifiers{}
		}
	}
	return p.primitive()
}

// primitive reads qualifiers and what they are said of, or a word that is a
// term by itself.
func (p *parser) primitive() (*cond, qualifiers) {
	q := qualifiers{kind: kindDefault, word: p.peek()}
	first := q.word
	if layers[first.text] {
		p.i++
		q.layer = first.text
	}
	if q.layer == "" {
		if c, ok := p.word(); ok {
			return c, qualifiers{}
		}
	}
	t := p.peek()
	switch {
	case p.is("src", "dst"):
		q.dir = p.direction()
		q.word = p.toks[p.i-1]
		if p.is("host", "net", "port", "portrange") {
			q.word = p.next()
			q.kind = kinds[q.word.text]
		} else if p.is("proto", "protochain", "gateway", "broadcast", "multicast") {
			p.fail(p.peek(), "it has no direction")
		}
	case p.is("host", "net", "port", "portrange", "proto"):
		q.word = p.next()
		q.kind = kinds[t.text]
	case p.is("broadcast"):
		p.i++
		return p.broadcast(q.layer, t), qualifiers{}
	case p.is("multicast"):
		p.i++
		return p.multicast(q.layer, t), qualifiers{}
	case t.kind == tokWord && notHere[t.text] != "":
		p.fail(t, "%s", notHere[t.text])
	case q.layer != "":
		switch t.kind {
		case tokName, tokNum, tokV4, tokV6, tokMAC:
			like := ""
			if t.kind == tokName {
				like = hint(t.text)
			}
			p.fail(t, "a word is missing between %q and this, such as host, net or port%s", p.expr[first.off:first.end], like)
		}
		return p.layer(first), qualifiers{}
	default:
		p.fail(t, "%s", p.misplaced(t))
	}
	if !p.startsID(p.i) {
		t := p.peek()
		if t.kind == tokWord && q.kind == kindProto && (layers[t.text] || t.text == "loopback") {
			p.fail(t, `names of protocols need a backslash: proto \%s`, t.text)
		}
		what := "a host, network or port is missing"
		if t.kind == tokNum {
			what = "there can be no calculation"
			if p.toks[p.i+1].text == "/" {
				what = "a network with / has its dots, such as 10.0.0.0/8"
			}
		}
		p.fail(t, "behind %q %s", p.expr[q.word.off:q.word.end], what)
	}
	return p.id(q), q
}

var kinds = map[string]kind{"host": kindHost, "net": kindNet, "port": kindPort, "portrange": kindPortrange, "proto": kindProto}

// direction reads src, dst, src or dst, src and dst.
func (p *parser) direction() direction {
	first := p.next().text
	other := "src"
	if first == "src" {
		other = "dst"
	}
	if p.is("and", "or") && p.toks[p.i+1].kind == tokWord && p.toks[p.i+1].text == other {
		op := p.next().text
		p.i++
		if op == "and" {
			return dirAnd
		}
		return dirOr
	}
	if p.is("and", "or") {
		p.fail(p.peek(), "behind %q a host, network or port is missing", first)
	}
	if first == "src" {
		return dirSrc
	}
	return dirDst
}

// word reads the words that are terms by themselves.
func (p *parser) word() (*cond, bool) {
	t := p.peek()
	switch t.text {
	case "less", "greater":
		p.i++
		n := p.next()
		if n.kind != tokNum {
			p.fail(n, "a number is missing behind %q", t.text)
		}
		length := field{mask: noMask}
		if t.text == "less" {
			return not(length.compare(opJgt, n.num)), true
		}
		return length.compare(opJge, n.num), true
	case "inbound", "outbound":
		p.i++
		return p.bound(t), true
	case "ifindex":
		p.i++
		n := p.next()
		if n.kind != tokNum {
			p.fail(n, "a number is missing behind %q", t.text)
		}
		if p.h.link != linkSLL2 {
			p.fail(t, "packets of link type %s do not tell their interface; sll2 does", p.h.name)
		}
		return at(4, 4).is(n.num), true
	case "vlan":
		p.i++
		v, ok := p.number()
		return p.vlan(t, v, ok), true
	case "mpls":
		p.i++
		v, ok := p.number()
		return p.mpls(t, v, ok), true
	case "pppoed":
		p.i++
		return p.carries(etherPPPoED, t), true
	case "pppoes":
		p.i++
		v, ok := p.number()
		return p.pppoes(t, v, ok), true
	}
	return nil, false
}

// carries is headers.carries, with the error at t.
func (p *parser) carries(typ uint32, t token) *cond {
	c, msg := p.h.carries(typ)
	if msg != "" {
		p.fail(t, "%s", msg)
	}
	return c
}
