package stage

import (
	"context"
	"errors"
	"net"
	"sort"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// Side holds the connections of one application of a host.
type Side struct {
	witness.Side
	name string
	st   *Stage

	mu    sync.Mutex
	conns map[*witness.Conn]*Conn
}

func newSide(st *Stage, host string) *Side {
	return &Side{Side: witness.Side{Now: st.Net.Now}, name: host, st: st, conns: map[*witness.Conn]*Conn{}}
}

// NewSide is for a second application on a's host: its connections are joined
// apart from those of the first.
func (a *Actor) NewSide() *Actor {
	return &Actor{Host: a.Host, Side: newSide(a.st, a.Name()), st: a.st}
}

// Conn keeps all that an application wrote to it and read from it.
type Conn struct {
	net.Conn // a *witness.Conn
	now      func() time.Time

	writing sync.Mutex // one write at a time: what is kept has the order of what is sent
	mu      sync.Mutex
	written speech
	read    speech

	wroteLast bool      // what was done last was a write
	gaveUp    time.Time // first Close of a connection that lingers
}

// speech is what went one way, and when each byte did.
type speech struct {
	bytes []byte
	marks []mark
}

// mark says when the bytes up to a place, from the last mark on, were written
// or read.
type mark struct {
	upTo       int
	start, end time.Time
}

func (s *speech) add(b []byte, start, end time.Time) {
	if len(b) == 0 {
		return
	}
	s.bytes = append(s.bytes, b...)
	s.marks = append(s.marks, mark{len(s.bytes), start, end})
}

// when is the time of the bytes from a up to b.
func (s *speech) when(a, b int) (start, end time.Time) {
	at := func(i int) mark {
		return s.marks[sort.Search(len(s.marks), func(k int) bool { return s.marks[k].upTo > i })]
	}
	return at(a).start, at(b - 1).end
}

func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	t := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.add(b[:n], t, t)
	if n > 0 {
		c.wroteLast = false
	}
	return n, err
}

func (c *Conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	start := c.now()
	n, err := c.Conn.Write(b)
	end := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written.add(b[:n], start, end)
	c.wroteLast = true
	return n, err
}

// CloseWrite ends this side: a FIN, while the other may still speak.
func (c *Conn) CloseWrite() error { return c.closeWrite() }

func (c *Conn) closeWrite() error {
	if w, ok := c.Conn.(*witness.Conn).Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.New("stage: this connection cannot be closed by half")
}

func (s *Side) keep(conn net.Conn) (net.Conn, error) {
	w := conn.(*witness.Conn)
	c := &Conn{Conn: w, now: s.st.Now}
	s.mu.Lock()
	s.conns[w] = c
	s.mu.Unlock()
	if err := s.st.onEnd(c.Close); err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Side) dial(ctx context.Context, dial witness.Dialer, network, address string) (net.Conn, error) {
	conn, err := s.Side.Dial(dial)(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return s.keep(conn)
}

func (s *Side) listener(l net.Listener) net.Listener { return listener{s.Side.Listener(l), s} }

type listener struct {
	net.Listener
	side *Side
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.side.keep(conn)
}

func (s *Side) of(w *witness.Conn) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[w]
}

// endAt is a message at one host.
func endAt(host string, s *speech, a, b int) truth.End {
	start, end := s.when(a, b)
	return truth.End{Host: host, Start: start, End: end}
}
