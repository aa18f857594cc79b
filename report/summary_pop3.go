package report

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

func pop3CommandSummary(c *events.POP3Command) string {
	verb := c.Verb
	if verb == "" {
		verb = "auth step"
	}
	return strings.TrimSpace(verb + " " + c.Args)
}

func pop3ReplySummary(r *events.POP3Reply) string {
	s := "-ERR"
	switch {
	case r.OK:
		s = "+OK"
	case r.Continue:
		s = "+"
	}
	if r.Text != "" {
		s += " " + r.Text
	}
	if n := len(r.Lines); n > 0 {
		s += " (" + count(uint64(n), "line") + ")"
	}
	return s + answers(r.Verb, r.CommandFrame)
}
