// Package web plays HTTP exchanges with reference clients and servers:
// net/http, golang.org/x/net/http2, quic-go. It is given hosts, connections and
// what is to be said, when; it must not know of captures.
package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// Version is an HTTP to play over.
type Version string

// The versions.
const (
	HTTP1 Version = "http1"
	HTTP2 Version = "http2"
	HTTP3 Version = "http3"
)

// Versions are all of them.
var Versions = []string{string(HTTP1), string(HTTP2), string(HTTP3)}

// ParseVersion reads the name of a version; "" is one, too: none.
func ParseVersion(s string) (Version, error) {
	switch v := Version(s); v {
	case "", HTTP1, HTTP2, HTTP3:
		return v, nil
	}
	return "", fmt.Errorf("%q is not one of %s", s, strings.Join(Versions, ", "))
}

// Library is what speaks this version at both ends.
func (v Version) Library() string {
	switch v {
	case HTTP1:
		return "net/http"
	case HTTP2:
		return "x/net/http2"
	default:
		return "quic-go/http3"
	}
}

// Exchange is one request and its response: what is to be said, and, after
// Run, what was.
type Exchange struct {
	Version Version
	Client  netip.Addr
	Server  netip.AddrPort // where it listened in clear
	// Lane: exchanges of one lane share one connection; of HTTP/1, as many as
	// Parallel says. All of a lane have the same client and server.
	Lane     int
	Parallel int
	Port     uint16 // of the client's first connection; 0: any

	Method, Host, Target string
	Fields               []events.Header
	Content              []byte
	Chunked              bool // the request's content came in chunks

	Status int
	Answer []events.Header
	Body   []byte

	// After is the exchange whose response (of which Head: its head) the client
	// waited for; nil: it began at Start after the beginning. Then it thought.
	After *Exchange
	Head  bool
	Start time.Duration
	Think time.Duration
	// Behind: over HTTP/1 the client also waits for this one to be over.
	Behind *Exchange
	// Ready is how long the server thinks when it has the request.
	Ready time.Duration

	Told Told

	lane                    *lane
	prev                    *Exchange // before it in its lane
	sent, found, head, done chan struct{}
}

// Told is what both ends say of an exchange.
type Told struct {
	Client, Server netip.AddrPort
	Asked, Got     truth.End // the request, at the client and at the server
	Said, Heard    truth.End // the response, at the server and at the client
	GotBytes       int64     // of the request's content
	Status         int       // as heard
	Bytes          int64     // of the response's content, as heard
	// Err is why it failed; nil: it did not.
	Err error
}

// Refused says why the libraries do not take x; nil: they do.
func (x *Exchange) Refused() error {
	authority, target := x.aim(HTTP2)
	switch {
	case !httpguts.ValidHeaderFieldName(x.Method) || x.Method == http.MethodConnect:
		return fmt.Errorf("method %q", x.Method)
	case x.Status < 200 || x.Status > 999:
		return fmt.Errorf("status %d", x.Status)
	case !httpguts.ValidHostHeader(authority) || authority == "":
		return fmt.Errorf("host %q", authority)
	case target != "*" && !strings.HasPrefix(target, "/") || target == "*" && x.Method != http.MethodOptions || strings.HasPrefix(target, "//"):
		return fmt.Errorf("target %q", target)
	case len(x.Body) > 0 && !x.bodyAllowed():
		return fmt.Errorf("content with status %d", x.Status)
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("target %q", target)
		}
	}
	_, err := url.ParseRequestURI(target)
	return err
}

func (x *Exchange) bodyAllowed() bool {
	return x.Method != http.MethodHead && x.Status != http.StatusNoContent && x.Status != http.StatusNotModified
}

// aim is where a request of that version goes: a whole URL as target, as for a
// proxy, is there of HTTP/1 alone (RFC 9112 section 3.2.2, RFC 9113 section
// 8.3.1).
func (x *Exchange) aim(v Version) (authority, target string) {
	_, rest, ok := strings.Cut(x.Target, "://")
	if !ok || strings.HasPrefix(x.Target, "/") {
		return x.Host, x.Target
	}
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		i = len(rest)
	}
	authority, target = rest[:i], rest[i:]
	if v == HTTP1 {
		return authority, x.Target
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return authority, target
}

// URL is what is asked for.
func (x *Exchange) URL(scheme string) string {
	authority, target := x.aim(HTTP2)
	return scheme + "://" + authority + target
}
