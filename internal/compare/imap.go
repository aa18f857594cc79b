package compare

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// imap is the commands and responses of IMAP.
var imap = protocol{
	name:    "imap",
	kinds:   []events.Kind{events.KindIMAPCommand, events.KindIMAPResponse},
	reader:  func() reader { return &imapReader{spans: map[events.StreamKey][]imapSpan{}} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "imap.request_tag", wire: strings.ToUpper, of: imapCommand(func(c *events.IMAPCommand) string {
			if c.Tag == "" { // "DONE", or a step of AUTHENTICATE
				return strings.ToUpper(c.Verb + c.Args)
			}
			return strings.ToUpper(c.Tag)
		})},
		{name: "imap.request.command", wire: strings.ToUpper, of: imapCommand(func(c *events.IMAPCommand) string {
			if c.Tag == "" {
				return ""
			}
			return strings.TrimPrefix(c.Verb, "UID ")
		})},
		{name: "imap.response_tag", of: imapResponse(func(r *events.IMAPResponse) string { return r.Tag })},
		{name: "imap.response.status", wire: strings.ToUpper, of: imapResponse(func(r *events.IMAPResponse) string {
			if r.Tag == "+" { // Wireshark shows the first word of its text
				w, _, _ := strings.Cut(r.Text, " ")
				return strings.ToUpper(w)
			}
			return r.Status
		})},
		{name: "imap.response.command", wire: strings.ToUpper, of: imapResponse(func(r *events.IMAPResponse) string {
			w, more, _ := strings.Cut(r.Text, " ")
			if r.Tag == "+" {
				w, _, _ = strings.Cut(more, " ")
			}
			return strings.ToUpper(shownASCII(w))
		})},
		{name: "imap.line", wire: imapLine, of: func(m *message, add func(string)) { add(imapLine(shownASCII(lineOf(m)))) }},
	},
}

// lineOf is the line of a command or a response that is one line.
func lineOf(m *message) string {
	switch b := m.event.Body.(type) {
	case *events.IMAPCommand:
		return b.Tag + " " + b.Verb + " " + b.Args
	case *events.IMAPResponse:
		if b.Tag == "+" {
			return "+ " + b.Text
		}
		n := ""
		if b.Number != nil {
			n = strconv.FormatUint(uint64(*b.Number), 10) + " "
		}
		return b.Tag + " " + n + b.Status + b.Name + " " + b.Text
	}
	return ""
}

// imapLine is a line without its end, in upper case: names are kept so.
func imapLine(s string) string {
	s = strings.TrimSuffix(strings.TrimSuffix(s, `\n`), `\r`)
	return strings.ToUpper(strings.TrimSpace(s))
}

// imapSpan is the frames of one message with a literal.
type imapSpan struct{ first, last uint64 }

// imapReader notes where literals are: Wireshark takes the lines of a
// literal, and what follows it, for responses or commands of their own.
type imapReader struct {
	plain
	spans map[events.StreamKey][]imapSpan
}

func (r *imapReader) event(e *events.Event, tell func(message)) {
	var literals []int64
	var first uint64
	switch b := e.Body.(type) {
	case *events.IMAPCommand:
		literals, first = b.Literals, b.FirstFrame
	case *events.IMAPResponse:
		literals, first = b.Literals, b.FirstFrame
	}
	frame := e.Pos.Frame
	if literals != nil {
		r.spans[e.Key()] = append(r.spans[e.Key()], imapSpan{first, frame})
		frame = first
	}
	tell(message{frame: frame, event: e})
}

// Literal is why values in the frames of a literal are counted apart.
const Literal = "in the frames of a literal, whose lines tshark takes for messages"

func (r *imapReader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	for _, s := range r.spans[f.stream] {
		if f.ok && s.first <= d.Frame && d.Frame <= s.last {
			return Literal
		}
	}
	return ""
}

func imapCommand(f func(*events.IMAPCommand) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if c, ok := m.event.Body.(*events.IMAPCommand); ok {
			add(f(c))
		}
	}
}

// imapResponse: of untagged responses Wireshark shows the line only.
func imapResponse(f func(*events.IMAPResponse) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if r, ok := m.event.Body.(*events.IMAPResponse); ok && r.Tag != "*" {
			add(f(r))
		}
	}
}
