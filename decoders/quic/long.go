package quic

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// maxTries is how often new keys are tried on a connection of which no Initial
// could be opened yet.
const maxTries = 8

// long reads one packet with a long header; p is what was captured of it.
func (d *decoder) long(w *decoders.Window, h *header, p []byte, out decoders.Sink) {
	var c *connection
	if h.kind != negotiation {
		c = d.find(w.From, h)
		// Of a Retry without its connection nothing hangs: the next Initial
		// brings the new connection ID.
		if c == nil && h.kind != retry {
			c = d.add(w.From, h, out)
		}
	}
	var o opened
	switch {
	case c == nil:
	case h.kind == initial:
		o = d.open(w, c, h, p, out)
	case h.kind == retry:
		c.retried(w.From, h, p, out)
	}
	if c != nil {
		c.learn(w.From, h)
		if c.state == unread && (h.kind == handshake || h.kind == initial && !h.cut) && h.version.suite().salt != "" {
			c.midway(w.From, out)
		}
	}
	if d.tells() {
		d.tell(describe(h, &o), w.From, h.cut, out)
	}
	if o.ok && c.state == greeting {
		d.feed(w.From, c, o.payload, out)
	}
}

// describe makes the event of a packet with a long header.
func describe(h *header, o *opened) *packet {
	e := &packet{number: o.number}
	e.Type, e.Length, e.Token = h.kind.String(), h.size, h.tokenLen
	e.DCID, e.SCID = hex.EncodeToString(h.dcid), hex.EncodeToString(h.scid)
	if h.kind == negotiation {
		e.Versions = versionList(h.versions)
		return e
	}
	e.Version = h.version.String()
	if o.ok {
		e.PacketNumber = &e.number
		e.list(h.version, o.payload)
	}
	return e
}

// opened is what an Initial packet shows without its protection.
type opened struct {
	ok      bool
	number  uint64
	payload []byte // whole frames; in the decoder's scratch
}

// open unprotects an Initial packet, where that is possible.
func (d *decoder) open(w *decoders.Window, c *connection, h *header, p []byte, out decoders.Sink) (o opened) {
	if h.cut || h.pn == 0 || h.version.suite().salt == "" {
		return o
	}
	if o = d.unprotect(c, w.From, h, p); !o.ok {
		if c.state != unread {
			violation(w.From, out, "initial: it cannot be authenticated")
		}
		return o
	}
	if c.state == unread {
		c.state = greeting
	}
	c.version = h.version
	c.largest[w.From] = max(c.largest[w.From], int64(o.number))
	c.set(w.From, h.scid) // after a Retry, or where the client begins anew, it is another one
	if c.state == secured {
		c.keys = nil
	}
	for rest := o.payload; len(rest) > 0; {
		_, next, err := nextFrame(h.version, rest)
		if err != nil {
			violation(w.From, out, err.Error())
			o.payload = o.payload[:len(o.payload)-len(rest)]
			break
		}
		rest = next
	}
	return o
}

// unprotect tries the keys of the connection, and where the client may have
// begun anew those of this packet.
func (d *decoder) unprotect(c *connection, from events.Dir, h *header, p []byte) (o opened) {
	try := func(k *initialKeys, sender int) bool {
		number, payload, ok := k.sender[sender].open(p, h.pn, c.largest[from], &d.scratch)
		if ok {
			c.keys = k
			o = opened{ok, number, payload}
		}
		return ok
	}
	if c.state == unread {
		if c.tries >= maxTries {
			return o
		}
		c.tries++
	}
	if c.origin.known && (c.state != unread || from != c.client || !c.origin.is(h.dcid)) {
		k := c.keys
		if k == nil || k.version != h.version { // after the handshake, or another version (RFC 9368)
			k = deriveInitial(h.version, c.origin.bytes())
		}
		sender := byClient
		if from != c.client {
			sender = byServer
		}
		if try(k, sender) {
			return o
		}
		// A Retry that was not captured may have given it another ID to use.
		if c.state != unread && (from != c.client || c.origin.is(h.dcid) || c.ids[from.Other()].is(h.dcid)) {
			return o
		}
	}
	if !try(deriveInitial(h.version, h.dcid), byClient) {
		return o
	}
	c.origin, c.client = newID(h.dcid), from
	if c.state == unread {
		c.chosen = c.origin
	}
	return o
}

// retried follows a Retry: the client begins anew with the ID that it brings,
// and with the same bytes of its handshake (RFC 9000 section 17.2.5).
func (c *connection) retried(from events.Dir, h *header, p []byte, out decoders.Sink) {
	if h.cut || from == c.client || !c.chosen.known || c.origin != c.chosen || c.state == secured {
		return
	}
	if h.version.oldRetry() {
		if !c.chosen.is(h.replaces) {
			violation(from, out, "retry: it bears another connection ID than the client's")
			return
		}
	} else if fits, known := retryTagFits(h.version, p, c.chosen.bytes()); known && !fits {
		violation(from, out, "retry: the integrity tag does not fit")
		return
	}
	c.origin, c.keys = newID(h.scid), nil
	c.ids[from] = connectionID{}
}

// list names the frames of a payload, and tells how it closed the connection.
func (e *packet) list(v version, payload []byte) {
	for len(payload) > 0 {
		f, rest, err := nextFrame(v, payload)
		if err != nil {
			return
		}
		e.Frames = append(e.Frames, f.name())
		if f.kind == frameClose || f.kind == frameApplicationDone {
			e.code = f.code
			e.ErrorCode, e.Reason = &e.code, string(f.data)
		}
		payload = rest
	}
}

// feed hands the CRYPTO frames of a payload to TLS.
func (d *decoder) feed(from events.Dir, c *connection, payload []byte, out decoders.Sink) {
	deliver := func(b []byte) {
		if len(b) == 0 {
			return
		}
		if c.feed == nil {
			c.feed = out.Open(decoders.Next{Protocol: "tls", Hint: decoders.HintTLS{QUIC: true}})
		}
		c.feed.Data(from, b)
	}
	for len(payload) > 0 {
		f, rest, err := nextFrame(c.version, payload)
		if err != nil {
			return
		}
		payload = rest
		if f.kind != frameCrypto {
			continue
		}
		k := &c.crypto[from]
		if limit := d.env.Limits.QUICCrypto; !k.add(f.offset, f.data, limit, deliver) && !k.told {
			k.told = true
			out.Limit("quic-crypto", limit, "bytes of a handshake that lie further ahead are not kept", int64(len(f.data)))
		}
	}
}

func versionList(b []byte) []string {
	out := make([]string, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, version(binary.BigEndian.Uint32(b)).String())
	}
	return out
}
