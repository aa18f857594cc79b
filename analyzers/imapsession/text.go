package imapsession

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// What is kept of texts that a stranger chose.
const (
	longestName     = 255
	longestCriteria = 200
	maxFlags        = 64
)

func clip(s string, n int) string { return strings.Clone(s[:min(len(s), n)]) }

// arguments are those of a command, read one by one (RFC 9051 section 9).
type arguments struct{ rest string }

// next is the next atom or quoted string; false: it is something else, as a
// literal, whose bytes no event holds.
func (a *arguments) next() (string, bool) {
	s := strings.TrimLeft(a.rest, " ")
	if !strings.HasPrefix(s, `"`) {
		word, rest, _ := strings.Cut(s, " ")
		a.rest = rest
		if word == "" || strings.HasPrefix(word, "{") || strings.HasPrefix(word, "~{") || strings.HasPrefix(word, "(") {
			return "", false
		}
		return clip(word, longestName), true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			a.rest = s[i+1:]
			return clip(b.String(), longestName), true
		default:
			b.WriteByte(s[i])
		}
	}
	a.rest = ""
	return "", false
}

// store reads "2 +FLAGS.SILENT (\Seen \Flagged)".
func (c *command) store(a arguments) {
	if _, ok := a.next(); !ok {
		return
	}
	rest := strings.TrimLeft(a.rest, " ")
	if strings.HasPrefix(rest, "(") { // (UNCHANGEDSINCE n) of RFC 7162
		_, rest, _ = strings.Cut(rest, ")")
	}
	item, flags, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	switch {
	case strings.HasPrefix(item, "+"), strings.HasPrefix(item, "-"):
		c.sign = item[0]
	default:
		c.sign = '='
	}
	for _, name := range strings.Fields(strings.Trim(flags, "() ")) {
		if len(c.flags) < maxFlags {
			c.flags = append(c.flags, clip(name, longestName))
		}
	}
}

// all counts what ESEARCH tells: COUNT, or the numbers of ALL.
func all(text string) int {
	f := strings.Fields(text)
	n := 0
	for i := 0; i+1 < len(f); i++ {
		switch strings.ToUpper(f[i]) {
		case "COUNT":
			if v, err := strconv.ParseUint(f[i+1], 10, 32); err == nil {
				return int(v)
			}
		case "ALL":
			for _, r := range strings.Split(f[i+1], ",") {
				a, b, isRange := strings.Cut(r, ":")
				from, err := strconv.ParseUint(a, 10, 32)
				if err != nil {
					continue
				}
				to := from
				if isRange {
					if to, err = strconv.ParseUint(b, 10, 32); err != nil {
						continue
					}
				}
				n += int(max(from, to)-min(from, to)) + 1
			}
		}
	}
	return n
}

// capabilities looks for STARTTLS where the server tells what it can do before
// the log-in.
func (t *talk) capabilities(b *events.IMAPResponse) {
	if t.login.Set || t.row.STARTTLS != NotSeen && t.row.STARTTLS != NotOffered {
		return
	}
	text := b.Text
	if b.Name != "CAPABILITY" {
		i := strings.Index(text, "[CAPABILITY ")
		if i < 0 || b.Tag != "*" { // tagged: behind the log-in, as a rule
			return
		}
		text, _, _ = strings.Cut(text[i+len("[CAPABILITY "):], "]")
	}
	t.row.STARTTLS = NotOffered
	for _, word := range strings.Fields(text) {
		if strings.EqualFold(word, "STARTTLS") {
			t.row.STARTTLS = Offered
		}
	}
}
