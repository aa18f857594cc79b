package compare

import (
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// smtp is SMTP in clear, without the messages.
var smtp = protocol{
	name:    "smtp",
	kinds:   []events.Kind{events.KindSMTPCommand, events.KindSMTPReply},
	reader:  func() reader { return smtpReader{} },
	decoded: true,
	outside: inSOCKS,
	fields: []field{
		{name: "smtp.req.command", wire: smtpVerb, of: smtpCommand(func(c *events.SMTPCommand, add func(string)) { add(shownASCII(c.Verb)) })},
		{name: "smtp.req.parameter", wire: smtpParameter, of: smtpCommand(func(c *events.SMTPCommand, add func(string)) {
			if c.Verb != "" {
				add(shownASCII(c.Args))
			}
		})},
		{name: "smtp.response.code", of: smtpLines(func(r *events.SMTPReply, _ []string, add func(string)) { add(strconv.Itoa(r.Code)) })},
		{name: "smtp.rsp.parameter", of: smtpLines(func(_ *events.SMTPReply, lines []string, add func(string)) {
			for _, l := range lines {
				add(shownASCII(l))
			}
		})},
	},
}

// smtpVerb is a command of tshark's, which takes the first four letters of a
// line for it.
func smtpVerb(s string) string {
	if s = strings.ToUpper(s); s == "STAR" {
		return "STARTTLS"
	}
	return s
}

func smtpParameter(s string) string {
	if s == "TLS" { // of STARTTLS
		return ""
	}
	return strings.TrimSpace(s)
}

// smtpReader tells the lines of a reply where they end: Wireshark shows those
// of each segment there.
type smtpReader struct{ plain }

func (smtpReader) event(e *events.Event, tell func(message)) {
	r, ok := e.Body.(*events.SMTPReply)
	if !ok || r.Frames == nil {
		m := message{frame: e.Pos.Frame, event: e}
		if ok {
			m.row = r.Lines
		}
		tell(m)
		return
	}
	for i := 0; i < len(r.Lines); {
		j := i + 1
		for j < len(r.Lines) && r.Frames[j] == r.Frames[i] {
			j++
		}
		tell(message{frame: r.Frames[i], event: e, row: r.Lines[i:j]})
		i = j
	}
}

// inSOCKS leaves out what a proxy was asked to carry, which wiretale does not
// read.
func inSOCKS(path []string) string {
	if slices.Contains(path, "socks") {
		return "inside SOCKS, which wiretale does not read yet"
	}
	return quoted(path)
}

func smtpCommand(f func(*events.SMTPCommand, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if c, ok := m.event.Body.(*events.SMTPCommand); ok {
			f(c, add)
		}
	}
}

func smtpLines(f func(*events.SMTPReply, []string, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if r, ok := m.event.Body.(*events.SMTPReply); ok {
			f(r, m.row.([]string), add)
		}
	}
}
