package mail

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// boundary finds the open multipart that line (without its end) is a boundary
// of, the innermost first, and whether it is its last one (RFC 2046 section
// 5.1.1).
func (m *walker) boundary(line []byte) (level int, last, ok bool) {
	if m.bounds == 0 || len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return 0, false, false
	}
	line = line[2:]
	for i := len(m.levels) - 1; i >= 0; i-- {
		b := m.levels[i].boundary
		if b == nil || !bytes.HasPrefix(line, b) {
			continue
		}
		switch string(line[len(b):]) {
		case "":
			return i, false, true
		case "--":
			return i, true, true
		}
	}
	return 0, false, false
}

// part goes on behind a boundary of levels[level], a line of n bytes: with
// the header of its next part, or with what follows the last one.
func (m *walker) part(level int, last bool, n int64) {
	m.closeLeaf(true)
	m.closeTo(level+1, true)
	m.passed += int64(m.held.len()) + n
	m.held = none
	if !last {
		m.header.reset()
		m.state = inHeader
		return
	}
	m.closeTo(level, true)
	m.rest()
}

// rest sets the state for bytes of a body.
func (m *walker) rest() {
	m.state = midLine
	if m.bounds > 0 {
		m.state = lineStart
	}
}

// open begins the body of an entity.
func (m *walker) open(e entity) {
	m.rest()
	p, params := e.describe()
	p.Depth = len(m.levels)
	if len(m.msg.Parts) >= m.env.Limits.MailParts {
		if !m.manyParts {
			m.manyParts = true
			m.out.Limit("mail-parts", m.env.Limits.MailParts, "parts beyond are not listed", 0)
		}
		return
	}
	part := len(m.msg.Parts)
	m.msg.Parts = append(m.msg.Parts, p)
	multi := strings.HasPrefix(p.ContentType, "multipart/")
	inner := p.ContentType == "message/rfc822" || p.ContentType == "message/global"
	plain := codingOf(p.Encoding) == identity
	if !multi && !(inner && plain) {
		m.leaf.begin(m, part)
		return
	}
	if !plain {
		m.tell(twoTransfer)
	}
	l := level{part: part, start: m.passed, missing: m.msg.Missing}
	if multi {
		b := strings.TrimRight(params.get("boundary"), " \t")
		if b == "" || len(b) > longestLine-4 {
			m.tell(noBoundary)
			m.leaf.begin(m, part)
			return
		}
		l.boundary = []byte(b)
		l.digest = p.ContentType == "multipart/digest"
	}
	if len(m.levels) >= m.env.Limits.MailNesting {
		if !m.deep {
			m.deep = true
			m.out.Limit("mail-nesting", m.env.Limits.MailNesting, "what is deeper is one part", 0)
		}
		m.leaf.begin(m, part)
		return
	}
	m.levels = append(m.levels, l)
	if multi {
		m.bounds++
		m.state = lineStart
		return
	}
	m.header.reset()
	m.state = inHeader
}

// closeTo ends all levels from n on.
func (m *walker) closeTo(n int, whole bool) {
	for len(m.levels) > n {
		l := m.levels[len(m.levels)-1]
		m.levels = m.levels[:len(m.levels)-1]
		p := &m.msg.Parts[l.part]
		p.Complete = whole && l.missing == m.msg.Missing
		if l.boundary != nil {
			m.bounds--
		} else {
			p.Bytes = m.passed - l.start
		}
	}
}

// describe is what a header says of its part.
func (e *entity) describe() (p events.MailPart, params params) {
	value, params := parseParams(e.contentType)
	p.ContentType = strings.ToLower(value)
	if !e.bare && !validType(p.ContentType) {
		// RFC 2045 section 5.2, RFC 2046 section 5.1.5.
		p.ContentType = "text/plain"
		if e.digest {
			p.ContentType = "message/rfc822"
		}
	}
	p.Encoding, _ = parseParams(e.encoding)
	p.Encoding = strings.ToLower(p.Encoding)
	disposition, more := parseParams(e.disposition)
	p.Disposition = strings.ToLower(disposition)
	if p.Filename = more.text("filename"); p.Filename == "" {
		p.Filename = params.text("name")
	}
	return p, params
}

// validType: a type and a sub-type.
func validType(s string) bool {
	i := strings.IndexByte(s, '/')
	return i > 0 && i < len(s)-1
}

// attached: a part that a reader would save to a file.
func attached(p *events.MailPart) bool {
	return p.Filename != "" || p.Disposition == "attachment" || p.ContentType != "" && !strings.HasPrefix(p.ContentType, "text/") && !strings.HasPrefix(p.ContentType, "multipart/")
}
