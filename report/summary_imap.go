package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func imapCommandSummary(c *events.IMAPCommand) string {
	verb := c.Verb
	if verb == "" {
		verb = "auth step"
	}
	return strings.TrimSpace(strings.TrimSpace(c.Tag+" "+verb)+" "+c.Args) + literals(c.Literals)
}

func imapResponseSummary(r *events.IMAPResponse) string {
	s := r.Tag
	if s == "" {
		s = "response"
	}
	if r.Number != nil {
		s += " " + strconv.FormatUint(uint64(*r.Number), 10)
	}
	for _, w := range []string{r.Status, r.Name, r.Text} {
		if w != "" {
			s += " " + w
		}
	}
	return s + literals(r.Literals) + answers(r.Verb, r.CommandFrame)
}

// literals is " (2 literals, 12 B)"; of none it is nothing.
func literals(sizes []int64) string {
	if len(sizes) == 0 {
		return ""
	}
	var sum int64
	for _, n := range sizes {
		sum += n
	}
	return " (" + count(uint64(len(sizes)), "literal") + ", " + analyzers.BytesText(sum) + ")"
}

// answers is " (to VERB, frame 9)" of a reply to a command that is known.
func answers(verb string, frame uint64) string {
	if verb == "" {
		return ""
	}
	s := " (to " + verb
	if frame != 0 {
		s += ", frame " + strconv.FormatUint(frame, 10)
	}
	return s + ")"
}
