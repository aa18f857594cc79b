package compare

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// ftp is the control connection of FTP, and which data connections belong to
// which command.
var ftp = protocol{
	name:    "ftp",
	kinds:   []events.Kind{events.KindFTPCommand, events.KindFTPReply, events.KindFTPData},
	reader:  func() reader { return &ftpReader{last: map[side]uint64{}} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "ftp.request.command", of: ftpCommand("", func(c *events.FTPCommand, add func(string)) { add(c.Verb) }), wire: ftpVerb},
		{name: "ftp.request.arg", of: ftpCommand("", func(c *events.FTPCommand, add func(string)) { add(shownASCII(trimLeft(c.Args))) }), wire: trimLeft},
		{name: "ftp.response.code", of: ftpLine(func(l *ftpReplyLine, add func(string)) {
			if l.code != 0 {
				add(strconv.Itoa(l.code))
			}
		})},
		{name: "ftp.response.arg", of: ftpLine(func(l *ftpReplyLine, add func(string)) { add(shownASCII(l.text)) })},
		{name: "ftp.passive.ip", of: ftpReply(227, func(r *events.FTPReply, add func(string)) { add(r.DataHost) })},
		{name: "ftp.passive.port", of: ftpReply(227, func(r *events.FTPReply, add func(string)) { portText(r.DataPort, add) })},
		{name: "ftp.epsv.port", of: ftpReply(229, func(r *events.FTPReply, add func(string)) { portText(r.DataPort, add) })},
		{name: "ftp.active.cip", of: ftpCommand("PORT", func(c *events.FTPCommand, add func(string)) { add(c.DataHost) })},
		{name: "ftp.active.port", of: ftpCommand("PORT", func(c *events.FTPCommand, add func(string)) { portText(c.DataPort, add) })},
		{name: "ftp.eprt.port", of: ftpCommand("EPRT", func(c *events.FTPCommand, add func(string)) { portText(c.DataPort, add) })},
		{name: "ftp-data.command", told: true, of: func(m *message, add func(string)) {
			if d, ok := m.event.Body.(*events.FTPData); ok {
				add(shownASCII(strings.TrimSpace(d.Verb + " " + d.Path)))
			}
		}},
	},
}

// ftpReader tells what is in the first line of each segment: Wireshark looks
// at no other. Of a reply of several lines that is one line a segment.
type ftpReader struct {
	plain
	last map[side]uint64 // frame told of last
}

// ftpReplyLine is one line of a reply. code 0: it bears none.
type ftpReplyLine struct {
	code int
	text string
	// reply is set on the line that is told where the reply begins.
	reply *events.FTPReply
}

func (r *ftpReader) event(e *events.Event, tell func(message)) {
	s := side{e.Key(), e.From}
	first := func(frame uint64) bool {
		if r.last[s] == frame {
			return false
		}
		r.last[s] = frame
		return true
	}
	switch b := e.Body.(type) {
	case *events.FTPCommand:
		if first(e.Pos.Frame) {
			tell(message{frame: e.Pos.Frame, event: e})
		}
	case *events.FTPReply:
		for i, text := range b.Lines {
			l := ftpReplyLine{text: text}
			frame := b.FirstFrame
			if b.Frames != nil {
				frame = b.Frames[i]
			}
			if i == 0 {
				l.reply = b
			}
			if i == 0 || i == len(b.Lines)-1 {
				l.code = b.Code
			}
			if first(frame) {
				tell(message{frame: frame, event: e, row: l})
			}
		}
	case *events.FTPData:
		if b.FirstFrame != 0 && b.Verb != "" {
			tell(message{frame: b.FirstFrame, event: e})
		}
	}
}

func ftpCommand(verb string, f func(*events.FTPCommand, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if c, ok := m.event.Body.(*events.FTPCommand); ok && (verb == "" || c.Verb == verb) {
			f(c, add)
		}
	}
}

func ftpLine(f func(*ftpReplyLine, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if l, ok := m.row.(ftpReplyLine); ok && (l.code != 0 || l.text != "") {
			f(&l, add)
		}
	}
}

func ftpReply(code int, f func(*events.FTPReply, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if l, ok := m.row.(ftpReplyLine); ok && l.reply != nil && l.code == code {
			f(l.reply, add)
		}
	}
}

// ftpVerb is a verb of tshark's without Telnet's commands before it, which it
// takes for text (and shows as such).
func ftpVerb(s string) string { return strings.ToUpper(strings.TrimLeft(s, "\uFFFD")) }

func portText(p uint16, add func(string)) {
	if p != 0 {
		add(strconv.Itoa(int(p)))
	}
}

func trimLeft(s string) string { return strings.TrimLeft(s, " ") }
