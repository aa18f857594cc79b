package httpopen

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers/sites"
	"github.com/wiretale/wiretale/events"
)

// Ending is how an exchange ended.
type Ending uint8

// The endings of an exchange.
const (
	Open       Ending = iota
	Complete          // its response is whole
	Incomplete        // its response began, and is not whole
	Unanswered        // no response was captured
)

// Form is how a request names what it asks for (RFC 9112 section 3.2).
type Form uint8

// The forms of a request target.
const (
	Origin   Form = iota // a path, or "*"
	Absolute             // a whole URL: to a proxy that the client was told of
	Tunnel               // CONNECT
)

// Account says on whose behalf a request was sent.
type Account uint8

// On whose behalf.
const (
	Own        Account = iota // its client's own, as far as the capture shows
	ForProxy                  // for somebody who asked the client as a proxy
	ForReverse                // for somebody who took the client for the server
)

// Progress says what the server of an exchange did upstream for it.
type Progress uint8

// What became of what was sent upstream.
const (
	NotForwarded Progress = iota
	Sent                  // and not answered yet
	Answered              // before the exchange was
	Late                  // the exchange was answered first
)

// Forward is the request that the server of an exchange sent on its behalf.
type Forward struct {
	Progress    Progress
	Conditional bool // under a condition on what is stored
	Status      int
	Frame       uint64 // of the request upstream; of several the first
	Host        string // that was asked
	Server      events.Addr
}

// Site is one authority at one address: what a request is for.
type Site struct {
	Server events.Addr
	Host   string // authority in small letters, without the port of its scheme
	Domain string // the site that the host is of (sites.Of)
	// Forwarded counts the requests for it that its server sent on: the server
	// stands between client and origin, and its other side is captured.
	Forwarded uint64
	// Rest is set of the one that stands for all beyond the limit.
	Rest bool
}

// Exchange is a request and as much of its response as came. It is borrowed
// from its Table: what is kept longer is copied.
type Exchange[U any] struct {
	Request  *events.HTTPRequest // where it was not captured: an empty one
	Response *events.HTTPResponse
	Site     *Site
	URL      uint64 // hash of scheme, authority and target
	Flow     events.Flow
	Stream   uint32
	Layer    string

	// RequestFrame is 0 where the request was not captured.
	RequestFrame, ResponseFrame, EndFrame uint64
	Asked, FirstByte, Ended               events.Time // first byte of the request and of the response; its end
	WireBytes                             int64       // of the response's body, as the wire carried or announced it
	Missing                               int64       // of these, not captured

	Ending    Ending
	Truncated bool // a head is not whole
	Form      Form
	Account   Account
	Forward   Forward
	// Joined is set where the same was already being fetched by the server when
	// this was asked.
	Joined bool

	User U // of the fold

	parent, child *Exchange[U]
	older, newer  *Exchange[U]
}

// Key is the conversation that it is in.
func (x *Exchange[U]) Key() events.StreamKey {
	return events.StreamKey{Stream: x.Stream, Proto: x.Flow.Proto}
}

// Scheme is that of its URL.
func (x *Exchange[U]) Scheme() string {
	r := x.Request
	if i := absolute(r.Target); i > 0 {
		return strings.ToLower(r.Target[:i])
	}
	switch {
	case r.Scheme != "":
		return r.Scheme
	case strings.Contains(x.Layer, "/tls"), x.Flow.Proto == events.ProtoUDP:
		return "https"
	}
	return "http"
}

// absolute is where the scheme of a target in absolute form ends, or 0: a URL
// may also stand in a query.
func absolute(target string) int {
	for i := range len(target) {
		switch b := target[i]; {
		case b == ':':
			if strings.HasPrefix(target[i:], "://") {
				return i
			}
			return 0
		case 'a' <= b|0x20 && b|0x20 <= 'z':
		case i > 0 && ('0' <= b && b <= '9' || b == '+' || b == '-' || b == '.'):
		default:
			return 0
		}
	}
	return 0
}

// Path is the target from its path on, with the query.
func (x *Exchange[U]) Path() string {
	t := x.Request.Target
	if i := absolute(t); i > 0 {
		t = t[i+3:]
		if j := strings.IndexAny(t, "/?"); j >= 0 {
			return t[j:]
		}
		return "/"
	}
	return t
}

// Host is the authority that was asked for, as in Site.Host, also of a site
// beyond the limit.
func (x *Exchange[U]) Host() string {
	if x.Site.Rest {
		return Authority(x.Scheme(), x.Request.Host)
	}
	return x.Site.Host
}

// Domain is the site that was asked, as in Site.Domain.
func (x *Exchange[U]) Domain() string {
	if x.Site.Rest {
		return sites.Of(x.Host())
	}
	return x.Site.Domain
}

// AppendAddress appends its URL as text (RFC 9110 section 7.1); nothing where
// the request was not captured.
func (x *Exchange[U]) AppendAddress(to []byte) []byte {
	if x.RequestFrame == 0 {
		return to
	}
	if x.Form == Tunnel {
		return append(to, x.Request.Target...)
	}
	to = append(append(to, x.Scheme()...), "://"...)
	to = append(to, x.Host()...)
	if path := x.Path(); path != "*" {
		to = append(to, path...)
	}
	return to
}

// Wait is the time from the first byte of the request to that of the response.
func (x *Exchange[U]) Wait() events.Duration { return max(x.FirstByte.Sub(x.Asked), 0) }

// Took is the time from the first byte of the request to the last of the
// response.
func (x *Exchange[U]) Took() events.Duration { return max(x.Ended.Sub(x.Asked), 0) }

// Conditions are the fields that make a request conditional (RFC 9110 section
// 13.1) in a way that 304 may answer.
func Conditions(hs []events.Header) (tag, since string) {
	return events.Get(hs, "If-None-Match"), events.Get(hs, "If-Modified-Since")
}

// Authority is a host in small letters, without the port of its scheme.
func Authority(scheme, host string) string {
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(host) // the same string where nothing changes
}

// Split takes a URL apart as Referer and Location hold it: authority (in the
// form of Site.Host) and path with query. ok is false of what is no absolute
// URL of HTTP.
func Split(url string) (scheme, host, path string, ok bool) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return "", "", "", false
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		return "", "", "", false
	}
	host, path = rest, "/"
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.IndexByte(path, '#'); i >= 0 {
		path = path[:i]
	}
	if path == "" || path[0] == '?' {
		path = "/" + path
	}
	return scheme, Authority(scheme, host), path, host != ""
}

// Filter is the Wireshark display filter for some streams, in their order.
// more says that there are others, so that none are named.
func Filter(keys []events.StreamKey, more bool, rest string) string {
	if len(keys) == 0 || more {
		return rest
	}
	var b []byte
	for n, k := range keys {
		if n > 0 {
			b = append(b, " || "...)
		}
		b = append(b, k.Filter()...)
	}
	if len(keys) > 1 {
		b = append(append([]byte{'('}, b...), ')')
	}
	if rest != "" {
		b = append(append(b, " && "...), rest...)
	}
	return string(b)
}

// FrameFilter is the filter that shows just these frames.
func FrameFilter(frames []uint64) string {
	b := []byte("frame.number in {")
	for i, f := range frames {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, f, 10)
	}
	return string(append(b, '}'))
}
