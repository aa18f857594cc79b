package quic

import (
	"bytes"
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// connectionID is one that a side chose for what is sent to it.
type connectionID struct {
	known bool
	n     uint8
	b     [maxID]byte
	text  string // hex
}

func newID(b []byte) connectionID {
	id := connectionID{known: true, n: uint8(len(b)), text: hex.EncodeToString(b)}
	copy(id.b[:], b)
	return id
}

func (id *connectionID) bytes() []byte { return id.b[:id.n] }

// is: a known ID, which may be empty.
func (id *connectionID) is(b []byte) bool { return id.known && bytes.Equal(id.bytes(), b) }

// names: a known ID that tells connections apart.
func (id *connectionID) names(b []byte) bool { return id.n > 0 && id.is(b) }

// state says how far a connection has come.
type state uint8

const (
	unread   state = iota // no Initial of its client could be opened
	greeting              // Initials are read
	secured               // the client has sent 1-RTT packets: its handshake is complete
)

// connection is one connection of a flow.
type connection struct {
	state   state
	client  events.Dir // a guess while unread
	version version    // of the last Initial that was opened; before, of the first packet
	// ids are the connection IDs by the side that chose them. Those that come
	// later are told in protected packets; they have the same lengths.
	ids [2]connectionID
	// chosen is the Destination Connection ID of the client's first Initial;
	// origin that of the Initials from which keys are made: the same, or that
	// of a Retry.
	chosen, origin connectionID
	// other are IDs as long as those of ids, seen last on packets to a side.
	other [2]connectionID

	keys    *initialKeys
	tries   int      // Initials on which new keys were tried in vain
	largest [2]int64 // packet numbers of Initials, by side
	crypto  [2]crypto
	feed    decoders.Feed // of the handshake; nil before its first byte and once it is over
	told    bool          // that something cannot be read since it was joined midway
}

func newConnection(from events.Dir, h *header) *connection {
	c := &connection{client: events.FromClient, version: h.version, largest: [2]int64{-1, -1}}
	switch h.kind {
	case initial, zeroRTT:
		if len(h.token) > 0 || h.kind == zeroRTT {
			c.client = from
		}
		if from == c.client {
			c.chosen = newID(h.dcid)
			c.origin = c.chosen
		}
	case retry:
		c.client = from.Other()
	}
	c.learn(from, h)
	return c
}

// learn remembers the connection IDs of a long header.
func (c *connection) learn(from events.Dir, h *header) {
	to := from.Other()
	switch {
	case h.kind == retry || h.kind == negotiation:
		return
	case h.version.isGoogle() && from == c.client:
		c.set(to, h.dcid)
		c.set(from, nil)
		return
	case !c.ids[from].known:
		c.set(from, h.scid)
	}
	// What the client puts there first is not what the server will choose.
	if !c.ids[to].known && (to == c.client || h.kind == handshake) {
		c.set(to, h.dcid)
	}
}

func (c *connection) set(side events.Dir, id []byte) {
	if !c.ids[side].is(id) {
		c.ids[side] = newID(id)
	}
}

// find is the connection that a long header belongs to, nil for none.
func (d *decoder) find(from events.Dir, h *header) *connection {
	to := from.Other()
	for _, c := range d.conns {
		if c.ids[from].names(h.scid) || c.ids[to].names(h.dcid) ||
			from == c.client && (c.origin.names(h.dcid) || c.chosen.names(h.dcid)) ||
			from != c.client && h.kind == retry && c.ids[to].is(h.dcid) && c.state != secured {
			return c
		}
	}
	for _, c := range d.conns {
		if len(h.dcid) == 0 && c.ids[to].is(nil) && (!c.ids[from].known || c.ids[from].is(h.scid)) {
			return c
		}
	}
	return nil
}

// add begins with a connection, and gives up the oldest where there are too
// many.
func (d *decoder) add(from events.Dir, h *header, out decoders.Sink) *connection {
	c := newConnection(from, h)
	if limit := d.env.Limits.QUICConnections; len(d.conns) >= limit {
		if !d.told {
			d.told = true
			out.Limit("quic-connections", limit, "the oldest connection of the flow is forgotten", 0)
		}
		d.conns[len(d.conns)-1].end(events.EndEvicted)
		d.conns = d.conns[:limit-1]
	}
	d.conns = append(d.conns, nil)
	copy(d.conns[1:], d.conns)
	d.conns[0] = c
	return c
}

// receiver is the connection that a packet with a short header belongs to, and
// its Destination Connection ID.
func (d *decoder) receiver(from events.Dir, b []byte) (c *connection, id *connectionID) {
	to := from.Other()
	for _, c := range d.conns {
		for _, id := range [...]*connectionID{&c.ids[to], &c.other[to]} {
			if id.n > 0 && len(b) > int(id.n) && bytes.Equal(b[1:1+id.n], id.bytes()) {
				return c, id
			}
		}
	}
	if b[0]&fixedBit == 0 {
		return nil, nil // greased (RFC 9287), or something else: only the ID could tell
	}
	for _, c := range d.conns {
		switch n := int(c.ids[to].n); {
		case !c.ids[to].known:
		case n == 0:
			return c, &c.ids[to]
		case len(b) > n:
			c.other[to] = newID(b[1 : 1+n])
			return c, &c.other[to]
		}
	}
	if len(d.conns) == 0 {
		return nil, nil
	}
	c = d.conns[0]
	return c, &c.ids[to]
}

// secure ends the reading of the handshake: what follows it is not for us, and
// late Initials only repeat.
func (c *connection) secure() {
	c.state = secured
	c.keys = nil
	c.end(events.EndFIN)
}

// end closes the feed and lets go of what waits for it.
func (c *connection) end(why events.Ending) {
	c.crypto = [2]crypto{}
	if c.feed != nil {
		c.feed.End(events.FromClient, why)
		c.feed.End(events.FromServer, why)
		c.feed = nil
	}
}
