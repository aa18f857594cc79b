package compare

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// pop3 is the commands and replies of POP3. Wireshark's filters call it pop.
var pop3 = protocol{
	name:    "pop3",
	kinds:   []events.Kind{events.KindPOP3Command, events.KindPOP3Reply},
	reader:  func() reader { return &popReader{last: map[side]uint64{}} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "pop.request.command", wire: strings.ToUpper, of: popCommand(func(c *events.POP3Command) string {
			if c.Verb == "" {
				return strings.ToUpper(c.Args) // a step of AUTH
			}
			return c.Verb
		})},
		{name: "pop.request.parameter", wire: strings.TrimSpace, of: popCommand(func(c *events.POP3Command) string {
			if c.Verb == "" {
				return ""
			}
			return shownASCII(c.Args)
		})},
		{name: "pop.response.indicator", of: popReply(func(r *events.POP3Reply) string {
			if r.OK {
				return "+OK"
			}
			return "-ERR"
		})},
		{name: "pop.response.description", wire: strings.TrimSpace, of: popReply(func(r *events.POP3Reply) string { return shownASCII(strings.TrimSpace(r.Text)) })},
	},
}

// popReader tells what is in the first line of each segment: Wireshark looks
// at no other. A reply stands where its first line is.
type popReader struct {
	plain
	last map[side]uint64 // frame told of last
}

func (r *popReader) event(e *events.Event, tell func(message)) {
	frame := e.Pos.Frame
	if b, ok := e.Body.(*events.POP3Reply); ok && b.Lines != nil {
		frame = b.FirstFrame
	}
	s := side{e.Key(), e.From}
	if r.last[s] == frame {
		return
	}
	r.last[s] = frame
	tell(message{frame: frame, event: e})
}

func popCommand(f func(*events.POP3Command) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if c, ok := m.event.Body.(*events.POP3Command); ok {
			add(f(c))
		}
	}
}

// popReply: "+ …", a step of AUTH, Wireshark shows as data of a reply.
func popReply(f func(*events.POP3Reply) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if r, ok := m.event.Body.(*events.POP3Reply); ok && !r.Continue {
			add(f(r))
		}
	}
}
