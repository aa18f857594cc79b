package report

import (
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func smtpCommandSummary(c *events.SMTPCommand) string {
	s := c.Verb
	if s == "" {
		s = "AUTH step"
	}
	if c.Args != "" {
		s += " " + c.Args
	}
	return s
}

func smtpReplySummary(r *events.SMTPReply) string {
	s := strconv.Itoa(r.Code)
	if len(r.Lines) > 0 && r.Lines[0] != "" {
		s += " " + r.Lines[0]
	}
	if n := len(r.Lines) - 1; n > 0 {
		s += " (+" + count(uint64(n), "line") + ")"
	}
	to := r.Verb
	if to == "." {
		to = "message"
	}
	if to != "" {
		s += " (to " + to
		if r.CommandFrame != 0 {
			s += ", frame " + strconv.FormatUint(r.CommandFrame, 10)
		}
		s += ")"
	}
	return s
}

func mailSummary(m *events.MailMessage) string {
	s := "message"
	if m.Section != "" {
		s += " (" + m.Section + ")"
	}
	if m.Subject != "" {
		s += " " + strconv.Quote(m.Subject)
	}
	from := m.From
	if from == "" {
		from = m.EnvelopeFrom
	}
	if from != "" {
		s += " from " + from
	}
	files := 0
	for _, p := range m.Parts {
		if p.Filename != "" || p.Disposition == "attachment" {
			files++
		}
	}
	attached := ""
	if files > 0 {
		attached = count(uint64(files), "attachment")
	}
	s = join(s, analyzers.BytesText(m.Bytes), attached)
	switch {
	case m.Missing > 0:
		s += ", " + analyzers.BytesText(m.Missing) + " never captured"
	case !m.Complete && m.Section == "":
		s += ", incomplete"
	}
	return s
}
