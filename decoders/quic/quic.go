// Package quic reads what QUIC shows to everybody: the headers of all packets,
// and the Initial packets, whose keys follow from a connection ID (RFC 8999,
// RFC 9000, RFC 9001, RFC 9369, the drafts, and Google's versions before
// them). The TLS handshake in Initials is handed to the decoder named "tls".
// It must not guess: a packet number is told only where the packet's tag fits.
package quic

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Proto is QUIC over UDP.
var Proto = decoders.Proto{
	Name: "quic", UDPPorts: []uint16{443, 853, 8443},
	Probe: probe, Datagram: newDatagram, Encrypted: true,
	Doc: "QUIC versions 1 and 2, drafts, Google's: headers, and the TLS hellos in Initial packets",
}

// errNotQUIC says that a datagram does not begin with a packet of QUIC.
var errNotQUIC = errors.New("quic: no packet of QUIC")

// decoder reads the datagrams of one flow.
type decoder struct {
	env     decoders.Env
	wanted  bool          // somebody listens to quic.packet
	conns   []*connection // newest first
	google  publicFlow
	spoke   bool   // an event was made
	told    bool   // that there are too many connections
	scratch []byte // unprotected packet; free between calls
}

func newDatagram(env decoders.Env) decoders.Datagram {
	return &decoder{env: env, wanted: env.Want.Has(events.KindQUICPacket)}
}

// Packet implements decoders.Datagram.
func (d *decoder) Packet(w decoders.Window, out decoders.Sink) error {
	b := w.Bytes
	if len(b) == 0 {
		return nil
	}
	if b[0]&longForm == 0 {
		return d.lone(&w, out)
	}
	h, ok := parseLong(b, w.Missing)
	sure := h.kind == negotiation || b[0]&fixedBit != 0 && (h.version.known() || h.version.isGreased())
	if !ok || !sure && h.version != q044 && d.find(w.From, &h) == nil {
		return errNotQUIC
	}
	for {
		p := b[:min(h.size, len(b))]
		d.long(&w, &h, p, out)
		b = b[len(p):]
		if len(b) == 0 {
			return nil
		}
		// Packets of one datagram are of one connection; others are ignored,
		// and so is what fills it up (RFC 9000 section 12.2).
		if b[0]&longForm == 0 {
			d.coalesced(&w, &h, b, out)
			return nil
		}
		next, ok := parseLong(b, w.Missing)
		if !ok || string(next.dcid) != string(h.dcid) || next.kind == unnamed {
			return nil
		}
		h = next
	}
}

// lone reads a datagram that begins with a short header.
func (d *decoder) lone(w *decoders.Window, out decoders.Sink) error {
	b := w.Bytes
	if d.google.known || isPublic(b) {
		return d.public(w, out)
	}
	if len(b)+w.Missing < minShort {
		return errNotQUIC
	}
	c, id := d.receiver(w.From, b)
	if c == nil {
		if !looksShort(b, w.Missing) {
			return errNotQUIC
		}
		// Chosen by port, in the midst of a connection.
		c = &connection{largest: [2]int64{-1, -1}}
		d.conns = append(d.conns, c)
		id = &c.ids[w.From.Other()]
	}
	d.short(w, c, id, b, out)
	return nil
}

// coalesced reads a short header behind a long one.
func (d *decoder) coalesced(w *decoders.Window, h *header, b []byte, out decoders.Sink) {
	if b[0]&fixedBit == 0 || len(b)+w.Missing < minShort || len(b) < 1+len(h.dcid) || string(b[1:1+len(h.dcid)]) != string(h.dcid) {
		return
	}
	c := d.find(w.From, h)
	if c == nil {
		return
	}
	id := &c.ids[w.From.Other()]
	if !id.is(h.dcid) {
		other := newID(h.dcid)
		id = &other
	}
	d.short(w, c, id, b, out)
}

// short tells of a 1-RTT packet.
func (d *decoder) short(w *decoders.Window, c *connection, id *connectionID, b []byte, out decoders.Sink) {
	if d.tells() {
		if !id.known {
			c.midway(w.From, out)
		}
		e := &packet{spin: b[0]&spinBit != 0}
		e.Type, e.DCID, e.Length, e.Spin = oneRTT.String(), id.text, len(b)+w.Missing, &e.spin
		d.tell(e, w.From, w.Missing > 0, out)
	}
	if c.state == greeting && w.From == c.client {
		// It has sent its Finished (RFC 9001 section 4.1.1).
		c.secure()
		d.scratch = nil
	}
}

// tells: the event of this packet must be made. The first one always is: where
// the port decides, it shows that the flow is what it was taken for.
func (d *decoder) tells() bool { return d.wanted || !d.spoke }

// tell says e.
func (d *decoder) tell(e *packet, from events.Dir, cut bool, out decoders.Sink) {
	d.spoke = true
	if cut {
		out.Truncated(from, &e.QUICPacket)
	} else {
		out.Emit(from, &e.QUICPacket)
	}
}

// packet is an event with the memory that its pointers need.
type packet struct {
	events.QUICPacket
	spin   bool
	number uint64
	code   uint64
}

// midway tells, once a connection, that a part of it cannot be read since its
// beginning was not captured.
func (c *connection) midway(from events.Dir, out decoders.Sink) {
	if !c.told {
		c.told = true
		out.Emit(from, &events.FlowGap{Protocol: Proto.Name, Reason: "midway"})
	}
}

// violation tells of a rule that was broken; reading goes on.
func violation(from events.Dir, out decoders.Sink, reason string) {
	out.Emit(from, &events.FlowViolation{Protocol: Proto.Name, Reason: reason})
}
