package rerun

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (st *stage) now() time.Time { return st.net.Now().Std() }

// connection plays one side of a TCP connection.
func (st *stage) connection(ctx context.Context, x *role, dir events.Dir) error {
	c := &x.connection
	var conn net.Conn
	if dir == events.FromClient {
		if err := st.await(ctx, x.opens, x.from.Addr()); err != nil {
			return err
		}
		if err := wait(ctx, min(x.lead, x.think)); err != nil {
			return err
		}
		c.Client, c.Server = x.from, x.Server
		c.ConnectStart = st.now()
		var err error
		if conn, err = st.hosts[x.from.Addr()].DialFrom(ctx, "tcp", x.from.String(), x.Server.String()); err != nil {
			return err
		}
		c.ConnectEnd = st.now()
		st.onEnd(conn.Close)
	} else {
		select {
		case conn = <-x.accepted:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		c.Accepted = st.now()
	}
	defer conn.Close()
	me := x.host(dir)
	heard := hearing{conn: conn, role: x, from: dir.Other(), host: x.host(dir), now: st.now}
	for i, m := range x.Messages {
		if m.From != dir {
			if err := heard.until(i); err != nil {
				return err
			}
			continue
		}
		if err := st.await(ctx, m.needs, x.ends().of(dir)); err != nil {
			return err
		}
		if err := wait(ctx, min(m.Think, x.think)); err != nil {
			return err
		}
		start := st.now()
		if _, err := conn.Write(m.Bytes); err != nil {
			return err
		}
		x.sent[i] = truth.End{Host: me, Start: start, End: st.now()}
		close(x.said[i])
		if dir == events.FromClient {
			c.ClientBytes += int64(len(m.Bytes))
		} else {
			c.ServerBytes += int64(len(m.Bytes))
		}
	}
	if x.ServerCloses != (dir == events.FromServer) {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
	}
	closed := st.now()
	if dir == events.FromClient {
		c.ClientClosed = closed
	} else {
		c.ServerClosed = closed
	}
	return conn.Close()
}

// await waits until message m is known to the host with that address: it was
// sent there, or it came. nil: nothing is waited for.
func (st *stage) await(ctx context.Context, m *mark, host netip.Addr) error {
	if m == nil || st.of[m.of] == nil {
		return nil
	}
	x := st.of[m.of]
	known := x.heard[m.message]
	if x.ends().of(x.Messages[m.message].From) == host {
		known = x.said[m.message]
	}
	select {
	case <-known:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (x *role) ends() ends { return ends{x.from, x.Server} }

// of is the address of one side.
func (e ends) of(dir events.Dir) netip.Addr {
	if dir == events.FromServer {
		return e.server.Addr()
	}
	return e.client.Addr()
}

func (x *role) host(dir events.Dir) string { return x.ends().of(dir).String() }

// hearing reads what the other side says and notes when.
type hearing struct {
	conn net.Conn
	role *role
	from events.Dir
	host string
	now  func() time.Time
	buf  []byte // read, and not yet of a message
	at   time.Time
}

// until reads message i to its end.
func (h *hearing) until(i int) error {
	m := h.role.Messages[i]
	start := h.at
	for rest := m.Bytes; len(rest) > 0; {
		if len(h.buf) == 0 {
			b := make([]byte, buffer)
			n, err := h.conn.Read(b)
			h.buf, h.at = b[:n], h.now()
			if n == 0 && err != nil {
				return fmt.Errorf("hearing message %d: %w", i, err)
			}
		}
		if len(rest) == len(m.Bytes) {
			start = h.at
		}
		n := min(len(rest), len(h.buf))
		if !bytes.Equal(rest[:n], h.buf[:n]) {
			return fmt.Errorf("message %d is not what was sent", i)
		}
		rest, h.buf = rest[n:], h.buf[n:]
	}
	if len(m.Bytes) == 0 {
		start, h.at = h.now(), h.now()
	}
	h.role.got[i] = truth.End{Host: h.host, Start: start, End: h.at}
	close(h.role.heard[i])
	return nil
}
