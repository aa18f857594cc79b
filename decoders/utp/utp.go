// Package utp decodes the Micro Transport Protocol of BitTorrent (BEP 29): a
// byte stream with its own order, loss and end inside UDP packets. What the
// stream carries is opened under the name bittorrent. It must not judge
// congestion, and must not look into the stream.
package utp

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Proto is uTP. It has no port of its own: it shares the port of the peer.
var Proto = decoders.Proto{
	Name:     "utp",
	Probe:    probe,
	Datagram: newDatagram,
	Trial:    true,
	Doc:      "uTP, BitTorrent's transport over UDP: packets, order, loss, and the stream inside",
}

// What makes a packet not uTP.
var (
	errShort  = errors.New("utp: shorter than a header")
	errHeader = errors.New("utp: not a header of version 1")
	errDoubt  = errors.New("utp: packets that do not belong together")
)

// datagram decodes the packets of one UDP flow: any number of connections,
// told apart by their ids.
type datagram struct {
	limits   *events.Limits
	want     *events.KindSet
	segments bool // somebody listens to utp.segment, or nothing was said yet
	conns    []*conn
	doubt    doubt
}

func newDatagram(env decoders.Env) decoders.Datagram {
	return &datagram{limits: env.Limits, want: env.Want, segments: true}
}

// Packet implements decoders.Datagram. Before it is certain that this is uTP
// it says nothing.
func (d *datagram) Packet(w decoders.Window, out decoders.Sink) error {
	var h header
	if err := h.parse(w.Bytes, w.Missing); err != nil {
		return err
	}
	c := d.find(&h, w.From)
	found := c != nil
	if !found {
		var certain bool
		if c, certain = d.meet(&h, &w, out); !certain {
			return d.doubt.err()
		}
	}
	why := ""
	switch {
	case c != nil && h.carries():
		why = c.side[w.From].placeOf(h.seq)
	case found && h.typ == typeSYN:
		why = retransmission
	}
	if d.segments {
		if h.cut {
			out.Truncated(w.From, h.segment(why))
		} else {
			out.Emit(w.From, h.segment(why))
		}
		d.segments = d.want == nil || d.want.Has(events.KindUTPSegment)
	}
	if h.wrong != "" {
		out.Emit(w.From, &events.FlowViolation{Protocol: Proto.Name, Reason: h.wrong, Bytes: int64(len(w.Bytes) + w.Missing)})
	}
	if c != nil {
		c.take(&h, w.From, d.limits, out)
	}
	return nil
}

// End implements decoders.DatagramEnder: what waits behind a hole is told,
// and every stream is over.
func (d *datagram) End(why events.Ending, out decoders.Sink) {
	for _, c := range d.conns {
		c.end(why, out)
	}
	d.conns = nil
}

// find is the connection of a packet: by the ids that each side writes, the
// newest first. A SYN bears the id of the answers to it (BEP 29, "connection
// setup"); a RESET may bear either.
func (d *datagram) find(h *header, from events.Dir) *conn {
	for i := len(d.conns) - 1; i >= 0; i-- {
		c := d.conns[i]
		switch {
		case h.typ == typeSYN:
			if c.id[from.Other()] == known(h.id) && c.opened == from && c.syn == known(h.seq) {
				return c
			}
		case c.id[from] == known(h.id):
			return c
		case h.typ == typeReset && c.id[from.Other()] == known(h.id):
			return c
		case c.id[from] == 0 && (c.id[from.Other()] == known(h.id+1) || c.id[from.Other()] == known(h.id-1)):
			c.id[from] = known(h.id) // joined midway, and this side is heard first
			return c
		}
	}
	return nil
}

// meet takes the first packet of a connection. certain is false while the
// flow may be something else.
func (d *datagram) meet(h *header, w *decoders.Window, out decoders.Sink) (c *conn, certain bool) {
	switch {
	case h.typ == typeSYN && (d.doubt.believed() || h.first()):
		d.doubt.believe()
		c = &conn{opened: w.From, syn: known(h.seq)}
		c.id[w.From], c.id[w.From.Other()] = known(h.id+1), known(h.id)
		c.side[w.From].put(h.seq+1, placed)
		d.reuse(h.id, w.From, out)
		d.add(c, out)
		return c, true
	case !d.doubt.believed():
		p := d.doubt.look(h, w)
		if p == nil {
			return nil, false
		}
		c = &conn{}
		c.id[p.from], c.id[w.From] = known(p.h.id), known(h.id)
		d.add(c, out)
		c.take(&p.h, p.from, d.limits, out)
		d.doubt.believe()
		return c, true
	case h.typ == typeReset:
		return nil, true // of a connection that was before us
	}
	c = &conn{}
	c.id[w.From] = known(h.id)
	d.add(c, out)
	return c, true
}

// reuse ends a connection whose ids a new SYN takes.
func (d *datagram) reuse(id uint16, from events.Dir, out decoders.Sink) {
	for _, c := range d.conns {
		if c.id[from.Other()] == known(id) || c.id[from] == known(id+1) {
			c.end(events.EndIdle, out)
			c.id = [2]uint32{}
		}
	}
}

// add keeps c; where there are too many, one that is over goes first, else
// the oldest.
func (d *datagram) add(c *conn, out decoders.Sink) {
	if n := d.limits.UTPConnections; len(d.conns) >= n {
		gone := 0
		for i, o := range d.conns {
			if o.over {
				gone = i
				break
			}
		}
		if o := d.conns[gone]; !o.over {
			out.Limit("utp-connections", n, "the oldest connection is forgotten", 0)
			o.end(events.EndEvicted, out)
		}
		d.conns = append(d.conns[:gone], d.conns[gone+1:]...)
	}
	d.conns = append(d.conns, c)
}
