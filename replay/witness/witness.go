// Package witness notes when an application handed bytes to its connection and
// when it read them, at both ends, and joins the two accounts. It must not
// change what is said, nor look at packets.
package witness

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// Run is a stretch of a connection in which one side spoke, as one end saw it.
type Run struct {
	Written bool // by this end; otherwise read
	Start   time.Time
	End     time.Time
	Bytes   int64
}

// Account is what one end of a connection knows.
type Account struct {
	Local, Remote netip.AddrPort
	Opened        time.Time // dialled: before the first packet; accepted: when the application got it
	Ready         time.Time // dialled: after the handshake; accepted: as Opened
	Closed        time.Time // first Close; zero if there was none
	Runs          []Run
}

// Conn is a connection with a witness.
type Conn struct {
	net.Conn
	now func() events.Time

	mu      sync.Mutex
	account Account
}

// Account is what was noted so far.
func (c *Conn) Account() Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.account
	a.Runs = append([]Run(nil), a.Runs...)
	return a
}

// note adds n bytes at a moment to the run of that side, or opens a new one.
func (c *Conn) note(written bool, start, end time.Time, n int) {
	runs := c.account.Runs
	if len(runs) == 0 || runs[len(runs)-1].Written != written {
		runs = append(runs, Run{Written: written, Start: start})
	}
	last := &runs[len(runs)-1]
	last.End = end
	last.Bytes += int64(n)
	c.account.Runs = runs
}

func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		t := c.now().Std()
		c.mu.Lock()
		c.note(false, t, t, n)
		c.mu.Unlock()
	}
	return n, err
}

func (c *Conn) Write(b []byte) (int, error) {
	start := c.now().Std()
	c.mu.Lock()
	// Opened before the bytes are gone: the answer may be read by another
	// goroutine before this one comes back.
	c.note(true, start, start, 0)
	run := len(c.account.Runs) - 1
	c.mu.Unlock()

	n, err := c.Conn.Write(b)

	end := c.now().Std()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account.Runs[run].End = end
	c.account.Runs[run].Bytes += int64(n)
	return n, err
}

// Close notes the first call.
func (c *Conn) Close() error {
	t := c.now().Std()
	c.mu.Lock()
	if c.account.Closed.IsZero() {
		c.account.Closed = t
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// Side collects the connections of one host: as a client by Dial, as a server
// by Listener.
type Side struct {
	Now func() events.Time // the network's clock

	mu    sync.Mutex
	conns []*Conn
}

func (s *Side) add(conn net.Conn, opened time.Time) (*Conn, error) {
	local, err := addrPort(conn.LocalAddr())
	if err != nil {
		return nil, err
	}
	remote, err := addrPort(conn.RemoteAddr())
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: conn, now: s.Now, account: Account{
		Local: local, Remote: remote, Opened: opened, Ready: s.Now().Std(),
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
	return c, nil
}

// Conns are all connections so far, in the order in which they were ready.
func (s *Side) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Conn(nil), s.conns...)
}

// Dialer is a function like net.Dialer.DialContext.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Dial wraps a dialer; what it returns are Conns.
func (s *Side) Dial(dial Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		start := s.Now().Std()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c, err := s.add(conn, start)
		if err != nil {
			conn.Close()
			return nil, err
		}
		return c, nil
	}
}

// Listener wraps a listener; what it accepts are Conns.
func (s *Side) Listener(l net.Listener) net.Listener { return listener{l, s} }

type listener struct {
	net.Listener
	side *Side
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c, err := l.side.add(conn, l.side.Now().Std())
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Pair is both ends of a connection.
type Pair struct {
	Client, Server *Conn
}

// Join finds the two ends of each connection, in the order of the client's
// dialling. An end without its other is an error.
func Join(client, server *Side) ([]Pair, error) {
	type key struct{ client, server netip.AddrPort }
	ends := map[key]*Conn{}
	for _, c := range server.Conns() {
		a := c.Account()
		ends[key{a.Remote, a.Local}] = c
	}
	var pairs []Pair
	for _, c := range client.Conns() {
		a := c.Account()
		k := key{a.Local, a.Remote}
		s := ends[k]
		if s == nil {
			return nil, fmt.Errorf("witness: connection %s to %s: never accepted", a.Local, a.Remote)
		}
		delete(ends, k)
		pairs = append(pairs, Pair{Client: c, Server: s})
	}
	if len(ends) > 0 {
		return nil, fmt.Errorf("witness: %d accepted connections were never dialled", len(ends))
	}
	return pairs, nil
}

// Connection is the truth about a pair.
func (p Pair) Connection(id int) truth.Connection {
	c, s := p.Client.Account(), p.Server.Account()
	return truth.Connection{
		ID: id, Client: c.Local, Server: c.Remote,
		ConnectStart: c.Opened, ConnectEnd: c.Ready, Accepted: s.Opened,
		ClientClosed: c.Closed, ServerClosed: s.Closed,
		ClientBytes: c.written(), ServerBytes: s.written(),
	}
}

func (a Account) written() int64 {
	var n int64
	for _, r := range a.Runs {
		if r.Written {
			n += r.Bytes
		}
	}
	return n
}

// addrPort reads the address of a TCP connection.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("witness: %v is no TCP address", a)
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}
