package http2

import (
	"encoding/hex"

	"github.com/wiretale/wiretale/events"
)

// read takes the whole payload b of a frame that is not DATA.
func (k *call) read(b []byte) {
	d, f := k.d, &k.d.frame
	switch f.typ {
	case typeHeaders, typePushPromise, typeContinuation:
		k.fragment(b)
		return
	case typeData: // on stream 0
		b = nil
	}
	e := f.event()
	fault := f.fault()
	if fault == "" {
		fault = k.apply(e, b)
	}
	k.tell(d, e, false)
	if fault != "" {
		k.violation(d.from, fault)
	}
	if fault == "" && f.typ == typeRSTStream {
		k.reset(d.from, f.stream)
	}
}

// tell emits a frame where somebody wants it.
func (c *conn) tell(d *side, e *events.HTTP2Frame, truncated bool) {
	if !c.env.Want.Has(events.KindHTTP2Frame) {
		return
	}
	if truncated {
		c.out.Truncated(d.from, e)
	} else {
		c.out.Emit(d.from, e)
	}
}

// apply does what the frame says, and says in e what that is. fault is what
// breaks RFC 9113 in it.
func (k *call) apply(e *events.HTTP2Frame, b []byte) (fault string) {
	d, f := k.d, &k.d.frame
	switch f.typ {
	case typePriority:
		return priority(e, b)
	case typeRSTStream:
		e.ErrorCode = errorName(be32(b))
	case typeSettings:
		if f.has(flagAck) {
			k.sides[d.from.Other()].settings.ack()
			return ""
		}
		var over bool
		if e.Settings, over = list(b, k.env.Limits.HTTP2Settings); over {
			k.out.Limit("http2-settings", k.env.Limits.HTTP2Settings, "a SETTINGS frame has more parameters; they count and are not listed", int64(len(b)))
		}
		fault = settingsFault(b)
		d.settings.take(b)
	case typePing:
		e.Opaque = hex.EncodeToString(b)
	case typeGoaway:
		last := uint64(be32(b) & 0x7fffffff)
		e.LastStream = &last
		e.ErrorCode = errorName(be32(b[4:]))
		e.Debug = string(b[8:])
	case typeWindowUpdate:
		e.WindowIncrement = be32(b) & 0x7fffffff
		return k.update(e)
	case typeAltSvc:
		n := int(be16(b))
		if n > len(b)-2 {
			return "ALTSVC shorter than its Origin (RFC 7838 section 4)"
		}
		if n > 0 {
			e.Origins = []string{string(b[2 : 2+n])}
		}
		e.Value = string(b[2+n:])
	case typeOrigin:
		for len(b) > 0 {
			if len(b) < 2 || int(be16(b)) > len(b)-2 {
				return "ORIGIN ends inside an entry (RFC 8336 section 2)"
			}
			if len(e.Origins) == k.env.Limits.HTTPHeaders {
				k.out.Limit("http-headers", k.env.Limits.HTTPHeaders, "an ORIGIN frame has more entries", 0)
				break
			}
			n := int(be16(b))
			e.Origins = append(e.Origins, string(b[2:2+n]))
			b = b[2+n:]
		}
	case typePriorityUpdate:
		e.PrioritizedStream = uint64(be32(b) & 0x7fffffff)
		e.Value = string(b[4:])
	}
	return fault
}

// priority reads the 5 bytes of RFC 9113 section 6.3.
func priority(e *events.HTTP2Frame, b []byte) (fault string) {
	e.Exclusive = b[0]&0x80 != 0
	e.DependsOn = uint64(be32(b) & 0x7fffffff)
	e.Weight = int(b[4]) + 1
	if e.DependsOn == e.HTTPStream {
		return "stream depends on itself (RFC 7540 section 5.3.1)"
	}
	return ""
}

// skipped1 ends a frame that was not read: it is too long, or bytes of it
// were lost.
func (c *conn) skipped1(d *side) {
	d.state = atHeader
	f := &d.frame
	e := f.event()
	if !d.torn {
		c.out.Limit("http-head", c.longest(), "the payload of a frame is longer; it is not read", int64(f.length))
	}
	switch f.typ {
	case typeHeaders, typePushPromise, typeContinuation:
		d.table.lose()
		e.Undecodable = f.has(flagEndHeaders)
		c.tell(d, e, d.torn)
		c.lostFragment(d)
		return
	case typeSettings, typeWindowUpdate:
		d.windows = false
	case typeRSTStream: // which is all that matters
		c.tell(d, e, d.torn)
		c.reset(d.from, f.stream)
		return
	}
	c.tell(d, e, d.torn)
}
