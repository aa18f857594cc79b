package rerun

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// mouth is a place that is listened at. What comes is a conversation that is
// played message by message, or for the server of the libraries.
type mouth struct {
	net.Listener
	conns chan net.Conn // for the libraries
	over  chan struct{}
	once  sync.Once
}

// Accept gives what is for the libraries.
func (m *mouth) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.over:
		return nil, net.ErrClosed
	}
}

// Close ends it.
func (m *mouth) Close() (err error) {
	m.once.Do(func() {
		close(m.over)
		err = m.Listener.Close()
	})
	return err
}

// listen opens a place, once.
func (st *stage) listen(at netip.AddrPort) (*mouth, error) {
	if m := st.mouths[at]; m != nil {
		return m, nil
	}
	l, err := st.hosts[at.Addr()].Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	m := &mouth{Listener: l, conns: make(chan net.Conn), over: make(chan struct{})}
	st.mouths[at] = m
	st.onEnd(m.Close)
	st.wg.Go(func() { st.serve(m, at) })
	return m, nil
}

// serve hands each connection to whom it is for.
func (st *stage) serve(m *mouth, at netip.AddrPort) {
	for {
		conn, err := m.Listener.Accept()
		if err != nil {
			return
		}
		st.onEnd(conn.Close)
		a, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
		if x := st.cast[ends{a, at}]; x != nil {
			x.accepted <- conn
			continue
		}
		select {
		case m.conns <- conn:
		case <-m.over:
			return
		}
	}
}

// firstPort is the first that a client takes whose own is not free.
const firstPort = 20_000

// dial connects from the port of the capture, or the next that is free.
func (st *stage) dial(ctx context.Context, from netip.Addr, port uint16, to netip.AddrPort) (net.Conn, error) {
	st.mu.Lock()
	k := ends{netip.AddrPortFrom(from, port), to}
	for n := uint16(firstPort); st.used[k] || k.client.Port() == 0; n++ {
		k.client = netip.AddrPortFrom(from, n)
	}
	st.used[k] = true
	st.mu.Unlock()
	return st.hosts[from].DialFrom(ctx, "tcp", k.client.String(), to.String())
}
