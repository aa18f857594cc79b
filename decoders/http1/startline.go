package http1

import (
	"bytes"
	"strings"
)

// answer is what a look at the front of some bytes can say.
type answer uint8

const (
	no answer = iota
	partly
	yes
)

// statusLen is the length of "HTTP/1.1 200".
const statusLen = 12

// startsStatus says whether b begins with a status line (RFC 9112 section 4)
// of HTTP/1, or with the "ICY 200" of Shoutcast servers, which is read the
// same way.
func startsStatus(b []byte) answer {
	form := "HTTP/1.d ddd"
	if b[0] == 'I' {
		form = "ICY ddd"
	}
	for i := range min(len(b), len(form)) {
		digit := b[i] >= '0' && b[i] <= '9'
		if form[i] == 'd' && !digit || form[i] != 'd' && b[i] != form[i] {
			return no
		}
	}
	if len(b) < len(form) {
		return partly
	}
	return yes
}

// statusLine are the parts of a status line.
type statusLine struct {
	version string
	code    int
	reason  string
}

// parseStatusLine reads line, which startsStatus. The reason phrase, and the
// space before it, may be absent.
func parseStatusLine(line string) (l statusLine, ok bool) {
	line = trimEOL(line)
	rest := line
	if line[0] == 'I' {
		l.version, rest = "ICY", line[4:]
	} else {
		l.version, rest = line[5:8], line[9:]
	}
	l.code = int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
	rest = rest[3:]
	if rest == "" {
		return l, true
	}
	if rest[0] != ' ' && rest[0] != '\t' {
		return l, false
	}
	l.reason = strings.Trim(rest, " \t")
	return l, true
}

// requestLine are the parts of a request line as offsets into it.
type requestLine struct {
	methodEnd              int
	targetStart, targetEnd int
	version                string // "" for a simple request of HTTP/0.9
	spaced                 bool   // white space where the grammar has none
}

// parseRequestLine reads a whole line: method SP target SP HTTP/1.x
// (RFC 9112 section 3), or GET SP target (RFC 1945 section 5.1). As servers
// do, it takes the first word as the method and the last as the version.
func parseRequestLine(line []byte) (l requestLine, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	line = bytes.TrimRight(line, " \t")
	i := 0
	for i < len(line) && isToken[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ' ' {
		return l, false
	}
	l.methodEnd = i
	l.targetStart = i + 1
	l.targetEnd = len(line)
	if v := len(line) - len("HTTP/1.1"); v > i+1 && isVersion(line[v:]) && line[v-1] == ' ' {
		l.targetEnd = v - 1
		l.version = versionName(line[v:])
	} else if t := line[i+1:]; string(line[:i]) != "GET" || !bytes.HasPrefix(t, []byte("/")) && !bytes.HasPrefix(t, []byte("http://")) {
		// Other line protocols have a GET of their own, with other arguments.
		return l, false
	}
	for l.targetStart < l.targetEnd && line[l.targetStart] == ' ' {
		l.targetStart++
		l.spaced = true
	}
	for l.targetEnd > l.targetStart && line[l.targetEnd-1] == ' ' {
		l.targetEnd--
		l.spaced = true
	}
	if l.targetStart == l.targetEnd {
		return l, false
	}
	for _, c := range line[l.targetStart:l.targetEnd] {
		switch {
		case c == ' ' && l.version != "":
			l.spaced = true
		case c <= ' ' || c == 0x7f:
			if l.version == "" || c != '\t' {
				return l, false
			}
			l.spaced = true
		}
	}
	// White space in a target is forgiven where the rest is beyond doubt; a
	// line of text that ends in a version is no request.
	return l, !l.spaced || isKnown(line[:l.methodEnd])
}

func isKnown(method []byte) bool {
	for _, m := range knownMethods {
		if string(method) == m {
			return true
		}
	}
	return false
}

// plausibleRequest says whether b, in which no line ends yet, may become a
// request line. It accepts every beginning of what parseRequestLine accepts.
// The first checked bytes were found plausible before.
func plausibleRequest(b []byte, checked int) bool {
	i := 0
	for i < len(b) && isToken[b[i]] {
		i++
	}
	if i == len(b) {
		return true
	}
	if i == 0 || b[i] != ' ' {
		return false
	}
	for i = max(i, checked-1); i < len(b); i++ {
		if c := b[i]; c < ' ' && c != '\t' && !(c == '\r' && i == len(b)-1) || c == 0x7f {
			return false
		}
	}
	return true
}

// isVersion: HTTP/1.x only.
func isVersion(b []byte) bool {
	return string(b[:7]) == "HTTP/1." && b[7] >= '0' && b[7] <= '9'
}

func versionName(b []byte) string {
	switch b[7] {
	case '1':
		return "1.1"
	case '0':
		return "1.0"
	}
	return string(b[5:8])
}

// isToken are the characters of a token (RFC 9110 section 5.6.2).
var isToken = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// knownMethods are those trusted where a request line is looked for among
// other bytes: the IANA registry, and those of UPnP.
var knownMethods = [...]string{
	"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "LABEL", "LINK", "MERGE", "MKACTIVITY",
	"MKCALENDAR", "MKREDIRECTREF", "MKWORKSPACE", "ORDERPATCH", "QUERY", "REBIND", "REPORT", "SEARCH", "UNBIND",
	"UNCHECKOUT", "UNLINK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
	"NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "M-POST",
	"RPC_IN_DATA", "RPC_OUT_DATA", "BITS_POST", "CCM_POST", "BPROPFIND", "BPROPPATCH", "BMOVE", "BCOPY", "BDELETE", "POLL", "PURGE",
}

// skipBlank drops line ends before a start line (RFC 9112 section 2.2).
func skipBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

func trimEOL(s string) string {
	if n := len(s); n > 0 && s[n-1] == '\n' {
		s = s[:n-1]
	}
	if n := len(s); n > 0 && s[n-1] == '\r' {
		s = s[:n-1]
	}
	return s
}
