package http2

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// fields are the fields of one header block, within the limits, and what can
// be reused for the next one.
type fields struct {
	list    []events.Header
	most    int  // fields that are kept
	room    int  // bytes that are left
	over    bool // there were more
	secrets bool // secrets are shown
	scratch text
}

func (f *fields) reset(env *decoders.Env) {
	f.list, f.over = f.list[:0], false
	f.most, f.room, f.secrets = env.Limits.HTTPHeaders, env.Limits.HTTPHead, env.ShowSecrets
}

// fits says whether one more field is kept. One that is not kept, and not put
// into the table, need not be made.
func (f *fields) fits() bool {
	if len(f.list) >= f.most || f.room < 0 {
		f.over = true
		return false
	}
	return true
}

// add takes one field, whose strings own their memory.
func (f *fields) add(name, value string) {
	if !f.fits() {
		return
	}
	if f.room -= len(name) + len(value); f.fits() {
		f.list = append(f.list, events.Header{name, value})
	}
}

// show is what may be shown of the value of a field.
func (f *fields) show(name, value string) string {
	if f.secrets {
		return value
	}
	switch name {
	case "cookie":
		return decoders.RedactCookies(value)
	case "set-cookie":
		return decoders.RedactSetCookie(value)
	case "authorization", "proxy-authorization":
		return decoders.Redacted
	}
	return value
}

// pseudo are the pseudo-header fields (RFC 9113 section 8.3).
type pseudo struct {
	method, scheme, authority, path, protocol, status string
}

// faults is a set of things in one header block that make its message
// malformed (RFC 9113 section 8.1.1).
type faults uint32

const (
	upperCase faults = 1 << iota
	badName
	pseudoLate
	pseudoTwice
	pseudoUnknown
	connectionField
	badTE
	badLength
	twoLengths
	noMethod
	noStatus
	badStatus
	pseudoInTrailers
	trailersNotLast
	secondHead
	notTheirs
)

var faultReasons = [...]string{
	"upper-case field name (RFC 9113 section 8.2.1)",
	"field name is not a token (RFC 9110 section 5.1)",
	"pseudo-header field behind a regular one (RFC 9113 section 8.3)",
	"pseudo-header field twice (RFC 9113 section 8.3)",
	"unknown pseudo-header field (RFC 9113 section 8.3)",
	"connection-specific field (RFC 9113 section 8.2.2)",
	"TE other than trailers (RFC 9113 section 8.2.2)",
	"Content-Length is not a number (RFC 9110 section 8.6)",
	"Content-Length fields differ (RFC 9110 section 8.6)",
	"request without its pseudo-header fields (RFC 9113 section 8.3.1)",
	"response without :status (RFC 9113 section 8.3.2)",
	":status is not three digits (RFC 9113 section 8.3.2)",
	"pseudo-header field in trailers (RFC 9113 section 8.1)",
	"trailers without END_STREAM (RFC 9113 section 8.1)",
	"second final head on a stream (RFC 9113 section 8.1)",
	"head that its sender cannot send (RFC 9113 section 8.1)",
}

// tell emits one violation a fault.
func (c *conn) tellFaults(from events.Dir, f faults) {
	for i := 0; f != 0; i++ {
		if f&1 != 0 {
			c.violation(from, faultReasons[i])
		}
		f >>= 1
	}
}

// head is what framing and pairing need of a header block.
type head struct {
	pseudo
	headers     []events.Header
	faults      faults
	host        string
	contentType string
	encoding    string
	length      int64 // Content-Length; -1: none
}

// parse splits the fields of a block. The regular ones keep their order.
func (f *fields) parse() head {
	h := head{length: -1}
	n := 0
	for _, x := range f.list {
		if x[0] == "" || x[0][0] != ':' {
			n++
		}
	}
	h.headers = make([]events.Header, 0, n)
	seen := uint(0)
	for _, x := range f.list {
		name, value := x[0], x[1]
		if name != "" && name[0] == ':' {
			if len(h.headers) > 0 {
				h.faults |= pseudoLate
			}
			to, bit := h.pseudo.field(name)
			if to == nil {
				h.faults |= pseudoUnknown
				continue
			}
			if seen&bit != 0 {
				h.faults |= pseudoTwice
				continue
			}
			seen |= bit
			*to = value
			continue
		}
		h.regular(name, value)
		h.headers = append(h.headers, x)
	}
	return h
}

func (p *pseudo) field(name string) (to *string, bit uint) {
	switch name {
	case ":method":
		return &p.method, 1
	case ":scheme":
		return &p.scheme, 2
	case ":authority":
		return &p.authority, 4
	case ":path":
		return &p.path, 8
	case ":status":
		return &p.status, 16
	case ":protocol": // RFC 8441 section 4
		return &p.protocol, 32
	}
	return nil, 0
}

// none says that p holds none.
func (p *pseudo) none() bool { return *p == pseudo{} }

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

// regular looks at a field that is no pseudo-header field.
func (h *head) regular(name, value string) {
	if name == "" {
		h.faults |= badName
	}
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			h.faults |= upperCase
		} else if !isToken[c] {
			h.faults |= badName
		}
	}
	switch name {
	case "host":
		if h.host == "" {
			h.host = value
		}
	case "content-type":
		h.contentType = value
	case "content-encoding":
		if h.encoding != "" {
			value = h.encoding + ", " + value
		}
		h.encoding = value
	case "content-length":
		switch n, ok := parseLength(value); {
		case !ok:
			h.faults |= badLength
		case h.length < 0:
			h.length = n
		case h.length != n:
			h.faults |= twoLengths
		}
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		h.faults |= connectionField
	case "te":
		if !strings.EqualFold(strings.TrimSpace(value), "trailers") {
			h.faults |= badTE
		}
	}
}

// parseLength is 1*DIGIT below 2^62.
func parseLength(s string) (n int64, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 1<<62/10-1 {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, s != ""
}
