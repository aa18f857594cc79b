package web

import (
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/wiretale/wiretale/events"
)

// perConnection are the fields that only HTTP/1 has (RFC 9113 section 8.2.2).
var perConnection = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Http2-Settings", "Te"}

// framing are the fields that a library sets by itself, or that would make it
// wait (Expect).
var framing = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Expect"}

// known are the fields that net/http looks for under their usual name.
var known = []string{"User-Agent", "Connection", "Content-Type", "Date", "Referer", "Cookie"}

// header is fields for the library of a version. Over HTTP/1 names are spelled
// as they were; the library sorts them. What is no field is left out.
func header(v Version, fields []events.Header) http.Header {
	h := http.Header{}
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f[0])
		switch {
		case in(framing, name), v != HTTP1 && in(perConnection, name),
			!httpguts.ValidHeaderFieldName(f[0]), !httpguts.ValidHeaderFieldValue(f[1]):
			continue
		case v == HTTP1 && !in(known, name):
			name = f[0]
		}
		h[name] = append(h[name], f[1])
	}
	return h
}

func in(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// answer is the head of the response of x, and whether it is to go before its
// content is known to be all: then no length is told.
func (x *Exchange) answer() (h http.Header, open bool) {
	h = header(x.Version, x.Answer)
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // so that the library makes none up
		}
	}
	length := events.Get(x.Answer, "Content-Length")
	chunked := strings.Contains(strings.ToLower(events.Get(x.Answer, "Transfer-Encoding")), "chunked")
	switch {
	case !x.bodyAllowed():
		if _, err := strconv.ParseUint(length, 10, 63); err == nil && x.Status != http.StatusNoContent {
			h.Set("Content-Length", length)
		}
	case length != "", x.Version == HTTP1 && !chunked:
		h.Set("Content-Length", strconv.Itoa(len(x.Body)))
	default:
		return h, true
	}
	return h, false
}
