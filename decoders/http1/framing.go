package http1

import (
	"math"
	"strings"
)

// framing says how the end of a body is found (RFC 9112 section 6.3).
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// transferCodings splits Transfer-Encoding: whether chunked is last, and the
// codings under it ("" mostly). "identity" was dropped from HTTP with RFC 7230
// but is still sent, and means nothing.
func (f *fields) transferCodings() (chunked bool, under string, any bool) {
	for rest, more := f.transfer, f.transfer != ""; more; {
		var one string
		one, rest, more = strings.Cut(rest, ",")
		one, _, _ = strings.Cut(one, ";")
		one = trim(one)
		if one == "" || equalFold(one, "identity") {
			continue
		}
		if chunked {
			f.faults |= chunkedNotLast
			under = appendList(under, "chunked")
		}
		if chunked = equalFold(one, "chunked"); !chunked {
			under = appendList(under, one)
		}
		any = true
	}
	return chunked, under, any
}

// common is the part of the rules that requests and responses share. coded:
// Transfer-Encoding decides.
func (f *fields) common(version string) (how framing, under string, coded bool) {
	chunked, under, coded := f.transferCodings()
	if !coded {
		return noBody, "", false
	}
	if f.length >= 0 {
		f.faults |= lengthAndCoding
	}
	if version == "1.0" {
		f.faults |= codingIn10
	}
	if chunked {
		return byChunks, under, true
	}
	return byClose, under, true
}

// requestFraming: rules 3 to 7. under are transfer codings below chunked.
func (f *fields) requestFraming(version string) (how framing, length int64, under string) {
	how, under, coded := f.common(version)
	switch {
	case coded:
		if how == byClose {
			// The server cannot know the length, answers 400 and closes: all
			// that follows belongs to this request.
			f.faults |= chunkedNotLast
		}
		return how, math.MaxInt64, under
	case f.length > 0:
		return byLength, f.length, ""
	}
	return noBody, 0, ""
}

// responseFraming: rules 1 and 3 to 8; rule 2 (CONNECT) is a switch of
// protocol. toHEAD: it answers a HEAD.
func (f *fields) responseFraming(version string, code int, toHEAD bool) (how framing, length int64, under string) {
	how, under, coded := f.common(version)
	switch {
	case toHEAD, code < 200, code == 204, code == 304:
		return noBody, 0, ""
	case coded:
		return how, math.MaxInt64, under
	case f.length > 0:
		return byLength, f.length, ""
	case f.length == 0:
		return noBody, 0, ""
	}
	return byClose, math.MaxInt64, ""
}
