package mail

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// longestLine is the longest line that may be a boundary: what RFC 5322
// section 2.1.1 allows, without its line end.
const longestLine = 998

// state says what the next byte of the message belongs to.
type state uint8

const (
	inHeader  state = iota // a header line, of the message or of a part
	lineStart              // a body, at the start of a line that may be a boundary
	midLine                // a body, anywhere else
)

// lineEnd is a line end of a body that is held back: it belongs to the
// boundary if one follows (RFC 2046 section 5.1.1).
type lineEnd uint8

const (
	none lineEnd = iota
	cr           // may become crlf
	lf
	crlf
)

var lineEnds = [...][]byte{none: nil, cr: []byte("\r"), lf: []byte("\n"), crlf: []byte("\r\n")}

// level is an entity that holds others: a multipart, or a message/rfc822.
type level struct {
	boundary []byte // of a multipart; nil: a message
	digest   bool   // multipart/digest: its parts are messages by default
	part     int    // in msg.Parts
	start    int64  // walker.passed at its first byte
	missing  int64  // msg.Missing at its first byte
}

// walker goes through one message.
type walker struct {
	env  decoders.Env
	out  decoders.Sink // during a call only
	from events.Dir
	hint *decoders.HintMail
	msg  events.MailMessage
	told uint32 // faults, by bit

	state state
	held  lineEnd
	// line is the beginning of a line that is not whole yet: of a header, or
	// of what may be a boundary.
	line    []byte
	dropped bool // bytes of line were left out: the header is too long
	torn    bool // in a header, behind a gap: up to the next line end

	header header  // the one being read
	levels []level // open, outermost first
	bounds int     // multiparts among levels
	leaf   leaf
	passed int64 // bytes walked through, without the line end held back
	kept   int   // bytes of header kept
	// Limits that were told.
	full, manyParts, deep bool
	frame                 uint64 // of the bytes being read
	objects               uint32
	whole                 object // the message itself, for those who want its content
}

func (m *walker) init(env decoders.Env, hint *decoders.HintMail) {
	m.env, m.hint, m.from = env, hint, hint.From
	m.msg = events.MailMessage{
		Via: hint.Via, EnvelopeFrom: hint.EnvelopeFrom, EnvelopeTo: hint.EnvelopeTo, Section: hint.Section,
		Headers: []events.Header{}, Parts: []events.MailPart{},
	}
	if m.wantsContent() && hint.Section == "" {
		m.whole.begin(m)
		m.whole.mediaType = "message/rfc822"
	}
	if hint.NoHeader {
		m.open(entity{bare: true})
	}
}

func (m *walker) wantsContent() bool {
	return m.env.Want != nil && m.env.Want.Has(events.KindContentPart)
}

// write takes the next bytes of the message.
func (m *walker) write(b []byte) {
	m.msg.Bytes += int64(len(b))
	if m.whole.number != 0 {
		m.whole.write(m, b)
	}
	ascii := sevenBit(b)
	for len(b) > 0 {
		all, where := b, events.EightBitBody
		switch m.state {
		case inHeader:
			where = events.EightBitHeader
			b = m.headerBytes(b)
		case lineStart:
			b = m.atLine(b)
		default:
			b = m.inLine(b)
		}
		if !ascii && !sevenBit(all[:len(all)-len(b)]) {
			m.msg.EightBit |= where
		}
	}
}

// headerBytes takes bytes of a header up to the end of a line.
func (m *walker) headerBytes(b []byte) (rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		m.passed += int64(len(b))
		m.keep(b)
		return nil
	}
	m.passed += int64(i + 1)
	line, rest := b[:i], b[i+1:]
	if len(m.line) > 0 {
		m.keep(line)
		line = m.line
	}
	m.line = m.line[:0]
	torn, dropped := m.torn, m.dropped
	m.torn, m.dropped = false, false
	switch {
	case torn: // what is left of a line
	case len(line) > 0 && line[len(line)-1] == '\r':
		m.headerLine(line[:len(line)-1], dropped, crlf)
	default:
		m.tell(bareLF)
		m.headerLine(line, dropped, lf)
	}
	return rest
}

// keep appends to the line of a header, as far as it may grow.
func (m *walker) keep(b []byte) {
	room := len(b)
	if m.kept+len(m.line)+len(b) > m.env.Limits.MailHeader {
		room = min(len(b), max(0, longestLine+2-len(m.line)))
		m.dropped = m.dropped || room < len(b)
	}
	m.line = append(m.line, b[:room]...)
}

// headerLine takes one line of a header, without its line end.
func (m *walker) headerLine(line []byte, dropped bool, end lineEnd) {
	n := int64(len(line) + end.len())
	if level, last, ok := m.boundary(trimEnd(line)); ok {
		m.tell(headerOnly)
		m.passed -= n
		m.body()
		m.part(level, last, n)
		return
	}
	if len(line) == 0 {
		m.body()
		return
	}
	if line[0] == ' ' || line[0] == '\t' {
		if blank(line) && !m.header.any() {
			m.body() // an empty line that some editor filled with blanks
			return
		}
		if m.room(len(line), dropped) {
			m.header.fold(line)
		}
		return
	}
	if isFrom(line) && !m.header.any() {
		return // the envelope line of a mailbox file
	}
	if !isField(line) {
		m.passed -= n
		m.body()
		if m.state == inHeader { // of a message inside, which has no header at all
			m.body()
		}
		if level, last, ok := m.boundary(trimEnd(line)); ok {
			m.tell(headerOnly)
			m.part(level, last, n)
			return
		}
		// Postfix, Python and others take this for the first line of the body.
		m.tell(noColon)
		m.content(line)
		if m.bounds > 0 {
			m.held, m.state = end, lineStart
		} else {
			m.content(lineEnds[end])
		}
		return
	}
	m.flushField()
	if m.room(len(line), dropped) {
		m.header.begin(line)
	}
}

// room says whether n more bytes of header may be kept.
func (m *walker) room(n int, dropped bool) bool {
	if !dropped && m.kept+n <= m.env.Limits.MailHeader {
		m.kept += n
		return true
	}
	if !m.full {
		m.full = true
		m.out.Limit("mail-header", m.env.Limits.MailHeader, "header lines beyond are not read", int64(m.kept))
	}
	return false
}

func (e lineEnd) len() int { return len(lineEnds[e]) }

// body ends the header and begins what follows it.
func (m *walker) body() {
	m.flushField()
	e := m.header.entity
	e.digest = m.inDigest()
	m.header.reset()
	m.open(e)
}

// inDigest: the innermost multipart is a digest, and directly so.
func (m *walker) inDigest() bool {
	n := len(m.levels)
	return n > 0 && m.levels[n-1].digest
}

// atLine takes bytes at the start of a line of a body in which there are
// boundaries.
func (m *walker) atLine(b []byte) (rest []byte) {
	if len(m.line) == 0 && (b[0] != '-' || len(b) > 1 && b[1] != '-') {
		return m.notBoundary(b)
	}
	i := bytes.IndexByte(b, '\n')
	n := i + 1
	if i < 0 {
		n = len(b)
	}
	if len(m.line)+n > longestLine+2 {
		return m.notBoundary(b)
	}
	line := b[:n]
	if len(m.line) > 0 || i < 0 {
		m.line = append(m.line, line...)
		line = m.line
		b = b[n:]
		n = 0
	}
	if len(line) > 1 && line[1] != '-' {
		return m.notBoundary(b)
	}
	if i < 0 {
		return nil
	}
	if level, last, ok := m.boundary(trimEnd(line)); ok {
		m.line = m.line[:0]
		m.part(level, last, int64(len(line)))
		return b[n:]
	}
	return m.notBoundary(b)
}

// notBoundary: the line that begins in m.line and goes on in b is content.
func (m *walker) notBoundary(b []byte) (rest []byte) {
	m.flushHeld()
	m.state = midLine
	if line := m.line; len(line) > 0 {
		m.line = nil
		m.inLine(line) // takes all: a line end stands at its end only
		m.line = line[:0]
	}
	return b
}

// trimEnd is line without its line end and the blanks before it, which
// transports add (RFC 2046 section 5.1.1).
func trimEnd(line []byte) []byte { return bytes.TrimRight(line, " \t\r\n") }

// inLine takes bytes of a body, up to a line that may be a boundary.
func (m *walker) inLine(b []byte) (rest []byte) {
	if m.bounds == 0 {
		m.content(b)
		return nil
	}
	if m.held == cr {
		if b[0] == '\n' {
			m.held, m.state = crlf, lineStart
			return b[1:]
		}
		m.flushHeld()
	}
	i := bytes.Index(b, []byte("\n--"))
	if i < 0 {
		switch n := len(b); {
		case b[n-1] == '\n':
			i = n - 1
		case n > 1 && b[n-1] == '-' && b[n-2] == '\n':
			i = n - 2
		case b[n-1] == '\r':
			m.content(b[:n-1])
			m.held = cr
			return nil
		default:
			m.content(b)
			return nil
		}
	}
	end := i
	m.held = lf
	if i > 0 && b[i-1] == '\r' {
		end--
		m.held = crlf
	}
	h := m.held
	m.held = none
	m.content(b[:end])
	m.held, m.state = h, lineStart
	return b[i+1:]
}

// flushHeld: the line end was no part of a boundary.
func (m *walker) flushHeld() {
	if h := m.held; h != none {
		m.held = none
		m.content(lineEnds[h])
	}
}

// content takes bytes of a body.
func (m *walker) content(b []byte) {
	m.passed += int64(len(b))
	if m.leaf.open {
		m.leaf.write(m, b)
	}
}

// gap: n bytes are missing.
func (m *walker) gap(n int64) {
	m.msg.Missing += n
	m.msg.Bytes += n
	m.whole.lose(m)
	switch m.state {
	case inHeader:
		m.line = m.line[:0]
		m.header.drop()
		m.torn = true
	default:
		m.flushLine()
		m.flushHeld()
		if m.leaf.open {
			m.leaf.lose(m)
		}
		if m.bounds > 0 {
			m.state = lineStart
		}
	}
}

// flushLine: what looked like the beginning of a boundary is content.
func (m *walker) flushLine() {
	if len(m.line) > 0 {
		m.flushHeld()
		m.content(m.line)
		m.line = m.line[:0]
	}
}

// end ends the message. whole: at its proper end.
func (m *walker) end(whole bool) {
	switch m.state {
	case inHeader:
		// A partial fetch (RFC 3501 section 6.4.5) ends wherever its client said:
		// in the middle of a line too.
		if len(m.line) > 0 && !m.torn && !strings.HasSuffix(m.hint.Section, ">") {
			m.headerLine(bytes.TrimSuffix(m.line, []byte("\r")), m.dropped, none)
		}
		m.line = m.line[:0]
	case lineStart:
		if level, last, ok := m.boundary(trimEnd(m.line)); ok {
			n := int64(len(m.line))
			m.line = m.line[:0]
			m.part(level, last, n)
		}
	}
	for m.state == inHeader { // each opens a level, or a leaf
		m.body()
	}
	m.flushLine()
	m.flushHeld()
	if m.bounds > 0 && whole && m.msg.Missing == 0 && m.hint.Section == "" {
		m.tell(noEnd)
	}
	m.closeLeaf(whole)
	m.closeTo(0, whole)
	m.msg.Complete = whole && m.msg.Missing == 0
	m.whole.end(m, m.msg.Subject+".eml", m.msg.Complete)
	if m.env.Want != nil && !m.env.Want.Has(events.KindMailMessage) {
		return
	}
	msg := m.msg
	if msg.Missing > 0 || m.hint.Torn {
		m.out.Truncated(m.from, &msg)
	} else {
		m.out.Emit(m.from, &msg)
	}
}
