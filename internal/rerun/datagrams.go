package rerun

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// socket is a UDP port that all conversations of it share.
type socket struct {
	at   netip.AddrPort
	conn net.PacketConn
}

func (st *stage) socket(at netip.AddrPort) error {
	if st.sockets[at] != nil {
		return nil
	}
	conn, err := st.hosts[at.Addr()].ListenPacket("udp", at.String())
	if err != nil {
		return err
	}
	st.onEnd(conn.Close)
	st.sockets[at] = &socket{at, conn}
	return nil
}

// read hands each datagram to its role.
func (s *socket) read(st *stage) {
	for {
		b := make([]byte, buffer)
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		a, _ := netip.ParseAddrPort(from.String())
		var box chan []byte
		if x := st.cast[ends{a, s.at}]; x != nil {
			box = x.boxes[events.FromServer]
		} else if x := st.cast[ends{s.at, a}]; x != nil {
			box = x.boxes[events.FromClient]
		}
		select {
		case box <- b[:n]:
		default: // more than was sent: the network does not do that
		}
	}
}

// datagrams plays one side of a UDP conversation. What does not come in time
// was lost; the side goes on without it.
func (st *stage) datagrams(ctx context.Context, x *role, dir events.Dir) error {
	to, at := x.Server, x.from
	if dir == events.FromServer {
		to, at = at, to
	}
	conn := st.sockets[at].conn
	here := func(i int) bool { return !x.got[i].End.IsZero() }
	deadline := time.Now()
	for i, m := range x.Messages {
		think := min(m.Think, x.think)
		deadline = deadline.Add(think)
		if m.From == dir {
			if err := wait(ctx, think); err != nil {
				return err
			}
			start := st.now()
			x.sent[i] = truth.End{Host: x.host(dir), Start: start, End: start}
			if _, err := conn.WriteTo(m.Bytes, net.UDPAddrFromAddrPort(to)); err != nil {
				return err
			}
			continue
		}
		late := time.NewTimer(time.Until(deadline) + st.patience)
		for !here(i) {
			select {
			case b := <-x.boxes[dir]:
				k := slices.IndexFunc(x.Messages, func(o *Message) bool { return o.From != dir && bytes.Equal(o.Bytes, b) })
				for k >= 0 && k < len(x.Messages) && (x.Messages[k].From == dir || here(k) || !bytes.Equal(x.Messages[k].Bytes, b)) {
					k++
				}
				if k >= 0 && k < len(x.Messages) {
					t := st.now()
					x.got[k] = truth.End{Host: x.host(dir), Start: t, End: t}
				}
				continue
			case <-late.C:
			case <-ctx.Done():
				late.Stop()
				return context.Cause(ctx)
			}
			break
		}
		late.Stop()
		if !here(i) {
			deadline = time.Now()
		}
	}
	return nil
}
