package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func ftpCommandSummary(c *events.FTPCommand) string {
	s := c.Verb
	if s == "" {
		s = "command"
	}
	if c.Args != "" {
		s += " " + c.Args
	}
	return s
}

func ftpReplySummary(r *events.FTPReply) string {
	s := strconv.Itoa(r.Code)
	if len(r.Lines) > 0 {
		s += " " + r.Lines[0]
	}
	if n := len(r.Lines) - 1; n > 0 {
		s += " (+" + count(uint64(n), "line") + ")"
	}
	if r.Verb != "" {
		s += " (to " + r.Verb
		if r.CommandFrame != 0 {
			s += ", frame " + strconv.FormatUint(r.CommandFrame, 10)
		}
		s += ")"
	}
	return s
}

func ftpDataSummary(d *events.FTPData) string {
	what := strings.TrimSpace(d.Verb + " " + d.Path)
	if what == "" {
		what = "data"
	}
	s := join(what, analyzers.BytesText(d.Bytes), d.Mode, "control tcp:"+strconv.FormatUint(uint64(d.ControlStream), 10))
	if d.Restart > 0 {
		s += ", from byte " + strconv.FormatInt(d.Restart, 10)
	}
	if d.Protected {
		s += ", TLS"
	}
	switch {
	case d.Missing > 0:
		s += ", " + analyzers.BytesText(d.Missing) + " never captured"
	case !d.Complete:
		s += ", incomplete"
	}
	if d.Reply >= 400 {
		s += ", reply " + strconv.Itoa(d.Reply)
	}
	if d.SHA256 != "" {
		s += ", sha256 " + d.SHA256
	}
	return s
}
