package http2

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: the client's preface is certain. So are, of a server or joined
// midway, whole frames in a row of which enough is fixed.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	if n := min(len(head), len(prefaceText)); string(head[:n]) == prefaceText[:n] {
		if n == len(prefaceText) {
			return decoders.Yes, events.FromClient
		}
		return decoders.Maybe, from
	}
	return chain(head), from
}

// enough is what the frames of a chain must weigh together.
const enough = 8

// chain follows the frames from the front of b on. Each weighs as much as it
// has bytes that other protocols would hardly have there.
func chain(b []byte) decoders.Verdict {
	weight, frames := 0, 0
	for len(b) >= headerLen && frames < 8 {
		h := parseHeader(b)
		if !h.plausible(longestFound) || h.typ == typeContinuation || h.typ > typeContinuation {
			return decoders.No
		}
		if h.stream > 1<<24 {
			return decoders.No
		}
		body := b[headerLen:]
		if len(body) < h.length {
			break
		}
		if !plausiblePayload(&h, body[:h.length]) {
			return decoders.No
		}
		weight += weigh(&h, body[:h.length])
		frames++
		b = body[h.length:]
	}
	if frames == 0 && len(b) >= headerLen && parseHeader(b).typ == typeData {
		return decoders.No // too little to go on for as long as it may take
	}
	if len(b) > 0 && len(b) < headerLen && !prefixPlausible(b, longestFound) {
		return decoders.No
	}
	if weight >= enough && frames >= 1 {
		return decoders.Yes
	}
	return decoders.Maybe
}

// weigh is how much a whole frame says for HTTP/2.
func weigh(h *header, b []byte) int {
	switch h.typ {
	case typeSettings:
		return 3 + 3*(len(b)/6)
	case typeWindowUpdate, typeRSTStream, typePing, typeGoaway:
		return 5
	case typeHeaders, typePushPromise, typePriority:
		return 4
	}
	return 1
}
