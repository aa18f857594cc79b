package truth

import (
	"net/netip"
	"time"
)

// Move takes the whole account to another clock and to other addresses: each
// moment that much later, and each socket where at says; proto is tcp or udp.
// What messages themselves say, and the facts, stay as they are.
func (t *Truth) Move(later time.Duration, at func(proto string, a netip.AddrPort) netip.AddrPort) {
	move := func(moments ...*time.Time) {
		for _, m := range moments {
			if !m.IsZero() {
				*m = m.Add(later)
			}
		}
	}
	addr := func(a netip.Addr) netip.Addr { return at("tcp", netip.AddrPortFrom(a, 0)).Addr() }

	move(&t.Epoch)
	for i := range t.Hosts {
		addrs := make([]netip.Addr, len(t.Hosts[i].Addrs))
		for k, a := range t.Hosts[i].Addrs {
			addrs[k] = addr(a)
		}
		t.Hosts[i].Addrs = addrs
	}
	for i := range t.Connections {
		c := &t.Connections[i]
		c.Client, c.Server = at("tcp", c.Client), at("tcp", c.Server)
		move(&c.ConnectStart, &c.ConnectEnd, &c.Accepted, &c.ClientClosed, &c.ServerClosed)
	}
	for _, ms := range [][]Message{t.Messages, t.Protected} {
		for i := range ms {
			m := &ms[i]
			m.Client, m.Server = at(m.Transport, m.Client), at(m.Transport, m.Server)
			move(&m.Sender.Start, &m.Sender.End, &m.Receiver.Start, &m.Receiver.End)
			if m.HTTP != nil && m.HTTP.Ready != nil {
				h, ready := *m.HTTP, *m.HTTP.Ready // they may be shared with another message
				move(&ready)
				h.Ready, m.HTTP = &ready, &h
			}
		}
	}
	for i := range t.Drops {
		d := &t.Drops[i]
		d.Src, d.Dst = addr(d.Src), addr(d.Dst)
		move(&d.Time)
	}
	for i := range t.Cache {
		move(&t.Cache[i].Time)
	}
	for i := range t.Choices {
		move(&t.Choices[i].Time)
	}
	for i := range t.Peers {
		move(&t.Peers[i].Time)
	}
}
