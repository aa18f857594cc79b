package http2

import "bytes"

// longestFound bounds the frames that a search can find: it holds one until
// the header behind it is there.
const longestFound = 16<<10 + 64

// search passes over bytes until a place where a frame stands. A whole frame
// of a type of which enough is fixed shows it. What looks like the header of
// DATA stands in any content now and then: there must be frames in a row.
func (k *call) search() (want int, err error) {
	b := k.rest()
	for i := 0; ; i++ {
		// No frame that is looked for is so long that its first byte is not 0.
		if z := bytes.IndexByte(b[i:], 0); z >= 0 {
			i += z
		} else {
			i = len(b)
		}
		found, more := k.frameAt(b[i:])
		if !found && !more {
			continue
		}
		k.off += i
		if !k.spoken {
			if k.skipped += int64(i); k.skipped > 4*int64(k.env.Limits.Unknown) {
				return 0, errNotHTTP2
			}
		}
		if found {
			k.d.state = atHeader
			return 0, nil
		}
		return len(b) - i + 1, nil
	}
}

// frameAt says whether frames stand at the front of b, or that more bytes are
// needed to tell.
func (k *call) frameAt(b []byte) (found, more bool) {
	longest := min(longestFound, k.env.Limits.Waiting/3-headerLen)
	for n, weight := 0, 0; n < 3; n++ {
		if len(b) < headerLen {
			return false, prefixPlausible(b, longest)
		}
		h := parseHeader(b)
		if !h.plausible(longest) || !k.near(h.stream) || n == 0 && h.typ == typeContinuation {
			return false, false
		}
		if weight++; k.streams[h.stream] != nil || n > 0 && h.typ != typeData {
			weight++
		}
		if n > 0 && weight > 2 {
			return true, false
		}
		b = b[headerLen:]
		if len(b) < h.length {
			return false, true
		}
		if !plausiblePayload(&h, b[:h.length]) {
			return false, false
		}
		if h.alone() {
			return true, false
		}
		b = b[h.length:]
	}
	return true, false
}

// near says that a stream of this number may have been opened meanwhile.
func (c *conn) near(id uint32) bool {
	highest := max(c.opened[0], c.opened[1])
	return highest == 0 || id <= highest+1<<16
}

// alone says that a whole frame with such a header, and a plausible payload,
// is hardly anything else.
func (h *header) alone() bool {
	switch h.typ {
	case typeHeaders:
		return h.has(flagEndHeaders) && h.length > 2
	case typeSettings:
		return h.length > 0
	}
	return h.typ != typeData && h.typ < typeContinuation
}

// prefixPlausible says whether b, shorter than a header, may become one.
func prefixPlausible(b []byte, longest int) bool {
	if len(b) >= 3 && int(b[0])<<16|int(b[1])<<8|int(b[2]) > longest {
		return false
	}
	if len(b) >= 1 && b[0] > byte(longest>>16) {
		return false
	}
	return len(b) < 4 || frameType(b[3]).rule() != nil
}

// plausiblePayload looks into a whole payload as far as its type says what
// stands in it.
func plausiblePayload(h *header, b []byte) bool {
	switch h.typ {
	case typeData:
		return !h.has(flagPadded) || len(b) > 0 && int(b[0]) < len(b)
	case typeHeaders, typePushPromise:
		if h.has(flagPadded) {
			if len(b) == 0 || int(b[0]) >= len(b) {
				return false
			}
			b = b[1 : len(b)-int(b[0])]
		}
		skip := 0
		switch {
		case h.typ == typePushPromise:
			skip = 4
		case h.has(flagPriority):
			skip = 5
		}
		return len(b) > skip && (!h.has(flagEndHeaders) || wellFormed(b[skip:]))
	case typePriority:
		return be32(b)&0x7fffffff != h.stream
	case typeRSTStream:
		return be32(b) < uint32(len(errorNames))
	case typeGoaway:
		return be32(b)&0x80000000 == 0 && be32(b[4:]) < uint32(len(errorNames))
	case typeWindowUpdate:
		return be32(b) > 0 && be32(b) <= maxWindow
	case typeSettings:
		return settingsFault(b) == "" && knownSettings(b)
	case typeAltSvc:
		return int(be16(b)) <= len(b)-2
	}
	return true
}

// knownSettings says that the parameters are ones that are in use, or are
// meant to be ignored (RFC 8701).
func knownSettings(b []byte) bool {
	for ; len(b) >= 6; b = b[6:] {
		id := be16(b)
		if id == 0 || int(id) >= len(settingNames) && id&0x0f0f != 0x0a0a && id < 0x1000 {
			return false
		}
	}
	return true
}
