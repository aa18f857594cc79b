package http1

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: a complete request line or a status line is certain. HTTP/2's
// preface ("PRI * HTTP/2.0") and relatives with another version name (SIP,
// RTSP) are not HTTP/1.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	b := skipBlank(head)
	if len(b) == 0 {
		return decoders.Maybe, from
	}
	switch startsStatus(b) {
	case yes:
		return decoders.Yes, events.FromServer
	case partly:
		return decoders.Maybe, from
	}
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		if plausibleRequest(b, 0) {
			return decoders.Maybe, from
		}
		return later(from, b)
	}
	l, ok := parseRequestLine(b[:nl+1])
	if ok && l.version != "" {
		return decoders.Yes, events.FromClient
	}
	// A simple request stands alone (RFC 1945 section 4.1).
	if ok && len(skipBlank(b[nl+1:])) == 0 {
		return decoders.Yes, events.FromClient
	}
	return later(from, b)
}

// later: a connection joined midway may show a start line further on. That is
// too weak to say it aloud.
func later(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if at, _ := findStatus(b); at >= 0 {
		return decoders.Maybe, from
	}
	if at, _ := findRequest(b); at >= 0 {
		return decoders.Maybe, from
	}
	return decoders.No, from
}
