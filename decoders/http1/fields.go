package http1

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// fields are the field lines of a head or of a trailer section (RFC 9112
// section 5), and what framing and pairing need of them.
type fields struct {
	headers []events.Header
	faults  faults
	over    int // field lines beyond the limit: read, not kept

	host            string
	hosts           int
	length          int64 // Content-Length; -1: none that can be used
	transfer        string
	contentType     string
	contentEncoding string
	upgrade         string
	asksUpgrade     bool // Connection: upgrade
}

// parseFields reads text: field lines up to and with the empty line. Names
// and values are substrings of text wherever that is possible.
func parseFields(text string, env *decoders.Env) fields {
	f := fields{length: -1}
	lines := strings.Count(text, "\n") - 1
	f.headers = make([]events.Header, 0, max(0, min(lines, env.Limits.HTTPHeaders)))
	var cur events.Header // the field line being read; cur[0] == "": none
	folds, crlf := 0, 0
	for text2 := text; ; {
		nl := strings.IndexByte(text2, '\n')
		if nl < 0 {
			break
		}
		line := text2[:nl]
		text2 = text2[nl+1:]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
			crlf++
		}
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			switch more := trim(line); {
			case cur[0] == "":
				f.faults |= leadingSpace
			case more == "":
				f.faults |= folded
			default:
				f.faults |= folded
				// Joining costs a copy; so many are bounded like fields.
				if folds++; folds > env.Limits.HTTPHeaders {
					f.over++
				} else if cur[1] == "" {
					cur[1] = more
				} else {
					cur[1] += " " + more
				}
			}
			continue
		}
		f.add(cur, env)
		cur = f.split(line)
	}
	f.add(cur, env)
	if strings.Count(text, "\r") != crlf {
		f.faults |= bareCR
	}
	if strings.IndexByte(text, 0) >= 0 {
		f.faults |= nul
	}
	return f
}

// split cuts one line into name and value. A line without a colon has neither.
func (f *fields) split(line string) events.Header {
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		f.faults |= noColon
		return events.Header{}
	}
	name := line[:colon]
	if n := len(name); n > 0 && (name[n-1] == ' ' || name[n-1] == '\t') {
		f.faults |= spaceBeforeColon
		name = strings.TrimRight(name, " \t")
	}
	if name == "" {
		f.faults |= badName
		return events.Header{}
	}
	for i := 0; i < len(name); i++ {
		if !isToken[name[i]] {
			f.faults |= badName
			break
		}
	}
	return events.Header{name, trim(line[colon+1:])}
}

// add takes in one whole field.
func (f *fields) add(h events.Header, env *decoders.Env) {
	name, value := h[0], h[1]
	switch len(name) {
	case 0:
		return
	case 4:
		if is(name, "host") {
			if f.hosts++; f.hosts == 1 {
				f.host = value
			} else {
				f.faults |= twoHosts
			}
		}
	case 6:
		if is(name, "cookie") && !env.ShowSecrets {
			h[1] = decoders.RedactCookies(value)
		}
	case 7:
		if is(name, "upgrade") {
			f.upgrade = value
		}
	case 10:
		if is(name, "connection") {
			f.asksUpgrade = f.asksUpgrade || hasToken(value, "upgrade")
		} else if is(name, "set-cookie") && !env.ShowSecrets {
			h[1] = decoders.RedactSetCookie(value)
		}
	case 12:
		if is(name, "content-type") {
			f.contentType = value
		}
	case 13:
		if is(name, "authorization") && !env.ShowSecrets {
			h[1] = decoders.Redacted
		}
	case 14:
		if is(name, "content-length") {
			f.addLength(value)
		}
	case 16:
		if is(name, "content-encoding") {
			f.contentEncoding = appendList(f.contentEncoding, value)
		}
	case 17:
		if is(name, "transfer-encoding") {
			f.transfer = appendList(f.transfer, value)
		}
	case 19:
		if is(name, "proxy-authorization") && !env.ShowSecrets {
			h[1] = decoders.Redacted
		}
	}
	if len(f.headers) >= env.Limits.HTTPHeaders {
		f.over++
		return
	}
	f.headers = append(f.headers, h)
}

// addLength takes in one Content-Length (RFC 9112 section 6.3 rule 5): the
// same number several times is that number; of different ones the first is
// used, as most peers that do not refuse it do.
func (f *fields) addLength(value string) {
	for more := true; more; {
		var one string
		one, value, more = strings.Cut(value, ",")
		n, ok := parseLength(trim(one))
		switch {
		case !ok:
			f.faults |= badLength
		case f.length < 0:
			f.length = n
		case f.length != n:
			f.faults |= twoLengths
		}
	}
}

// parseLength is 1*DIGIT below 2^62.
func parseLength(s string) (n int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) || n > 1<<62/10-1 {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// is compares a field name with a lower-case one of the same length.
func is(name, lower string) bool {
	for i := 0; i < len(lower); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func equalFold(s, lower string) bool { return len(s) == len(lower) && is(s, lower) }

// hasToken looks for a lower-case token in a comma-separated list.
func hasToken(list, lower string) bool {
	for more := true; more; {
		var one string
		one, list, more = strings.Cut(list, ",")
		if equalFold(trim(one), lower) {
			return true
		}
	}
	return false
}

func appendList(list, more string) string {
	if list == "" {
		return more
	}
	return list + ", " + more
}

// trim drops optional white space (RFC 9110 section 5.6.3).
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for n := len(s); n > 0 && (s[n-1] == ' ' || s[n-1] == '\t'); n-- {
		s = s[:n-1]
	}
	return s
}

// fieldsPlausible says whether the whole lines at the front of b could be
// field lines without a fault. Where it says no, it says so for every longer b.
func fieldsPlausible(b []byte) bool {
	inName := true
	for i, c := range b {
		switch {
		case c == '\n':
			inName = true
		case !inName:
		case c == ':':
			if i == 0 || b[i-1] == '\n' {
				return false
			}
			inName = false
		case c == '\r': // of an empty line: the end
		case !isToken[c]:
			return false
		}
	}
	return true
}
