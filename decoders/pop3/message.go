package pop3

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// place says where in a line of a message the next byte is.
type place uint8

const (
	lineStart place = iota
	dot             // behind a "." at the start of a line
	dotCR           // behind ".\r"
	text
)

// body is a message on its way through: "." is taken off lines that begin
// with it, and a line of "." alone ends it (RFC 1939 section 3). A line feed
// alone ends a line, as clients have it. No byte is kept.
type body struct {
	feed decoders.Feed // nil: nobody listens
	at   place
	bare bool // the reply ended with a line feed alone, and so may the message
}

// pass takes bytes of the message; over: its last line was among them.
func (m *body) pass(b []byte) (n int, over bool) {
	for n < len(b) {
		switch rest := b[n:]; m.at {
		case text:
			i := bytes.Index(rest, []byte("\n."))
			if i < 0 {
				m.give(rest)
				if rest[len(rest)-1] == '\n' {
					m.at = lineStart
				}
				return len(b), false
			}
			m.give(rest[:i+1])
			n += i + 1
			m.at = lineStart
		case lineStart:
			m.at = text
			if rest[0] == '.' {
				m.at = dot
				n++
			} else if rest[0] == '\n' {
				m.give(rest[:1])
				n++
				m.at = lineStart
			}
		case dot:
			switch {
			case rest[0] == '\r':
				m.at = dotCR
				n++
			case rest[0] == '\n' && m.bare:
				return n + 1, true
			case rest[0] == '\n':
				m.give(rest[:1])
				n++
				m.at = lineStart
			default:
				m.at = text
			}
		case dotCR:
			if rest[0] == '\n' {
				return n + 1, true
			}
			m.give(crlf[:1])
			m.at = text
		}
	}
	return n, false
}

var crlf = []byte("\r\n")

func (m *body) give(b []byte) {
	if m.feed != nil && len(b) > 0 {
		m.feed.Data(events.FromServer, b)
	}
}

// lose says that n bytes were lost, and with them the place in the line.
func (m *body) lose(n int64) {
	m.at = text
	if m.feed != nil {
		m.feed.Gap(events.FromServer, n)
	}
}

// end closes the message.
func (m *body) end(why events.Ending) {
	if m.feed != nil {
		m.feed.End(events.FromServer, why)
		m.feed.End(events.FromClient, why)
	}
	*m = body{}
}
