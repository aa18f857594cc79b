package utp

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// conn is one connection.
type conn struct {
	id     [2]uint32  // what each side writes in its packets, see known; 0: not heard yet
	opened events.Dir // who sent the SYN
	syn    uint32     // its number, see known; 0: not captured
	over   bool
	side   [2]side
	feed   decoders.Feed // nil: nothing was carried yet, or it is over
}

// known is a number of 16 bits that was seen: 0 stands for none.
func known(n uint16) uint32 { return uint32(n) | 1<<16 }

// take moves the connection on by one packet.
func (c *conn) take(h *header, from events.Dir, limits *events.Limits, out decoders.Sink) {
	if c.over {
		return
	}
	s, o := &c.side[from], &c.side[from.Other()]
	switch h.typ {
	case typeSYN:
		return // its ack says nothing
	case typeReset:
		c.finish(from, events.EndReset, out)
		return
	case typeState:
		if s.place == nowhere && c.syn != 0 && from != c.opened {
			s.put(h.seq, supposed)
		}
	}
	// What the other side sent comes first: this packet may answer it.
	d := delivery{c, from.Other(), limits, out}
	if o.place == nowhere && c.syn != 0 && from == c.opened && h.carries() && known(h.seq-1) == c.syn {
		o.put(h.ack+1, placed) // it answers the answer to the SYN, which was not captured
	}
	d.acked(o, h.ack)
	if h.carries() {
		d.from = from
		d.add(s, h)
	}
	if c.side[0].place == finished && c.side[1].place == finished {
		c.finish(from, events.EndFIN, out)
	}
}

// open is the stream inside. Nobody uses uTP for another protocol, and joined
// midway only a decoder that was named looks for its place; of one that is
// encrypted it says so itself.
func (c *conn) open(out decoders.Sink) decoders.Feed {
	if c.feed == nil {
		c.feed = out.Open(decoders.Next{Protocol: "bittorrent"})
		for from := range c.side {
			if c.side[from].place == finished { // a side that closed without a word
				c.feed.End(events.Dir(from), events.EndFIN)
			}
		}
	}
	return c.feed
}

// end is finish after all that waits behind a hole was handed on.
func (c *conn) end(why events.Ending, out decoders.Sink) {
	if c.over {
		return
	}
	for from := events.FromClient; from <= events.FromServer; from++ {
		d := delivery{c: c, from: from, out: out}
		d.flush(&c.side[from], "end")
	}
	c.finish(events.FromClient, why, out)
}

// finish ends the connection: from first, then the other side.
func (c *conn) finish(from events.Dir, why events.Ending, out decoders.Sink) {
	c.over = true
	for _, d := range [2]events.Dir{from, from.Other()} {
		s := &c.side[d]
		if c.feed != nil && s.place != finished {
			c.feed.End(d, why)
		}
		s.place, s.held = finished, nil
	}
	c.feed = nil
}
