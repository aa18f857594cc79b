package stage

import (
	"net"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Tap keeps what an application says and hears under TLS, where the library
// that speaks TLS shows both in one stream (a debug writer). It tells them
// apart by what happened last on the connection below, so it is for
// applications that read and write it in one goroutine.
type Tap struct {
	mu            sync.Mutex
	conn          *Conn
	written, read speech
}

// Attach names the connection, made by an Actor, before anything is said.
func (t *Tap) Attach(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch c := conn.(type) {
	case *Conn:
		t.conn = c
	case *lingerer:
		t.conn = c.Conn
	}
}

// Listener attaches the tap to each connection that l accepts: it is for one.
func (t *Tap) Listener(l net.Listener) net.Listener { return tapped{l, t} }

type tapped struct {
	net.Listener
	tap *Tap
}

func (l tapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.tap.Attach(c)
	}
	return c, err
}

// Write takes bytes right after they were written or read. It never fails.
func (t *Tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		from, start, end := t.conn.latest()
		if from {
			t.written.add(b, start, end)
		} else {
			t.read.add(b, start, end)
		}
	}
	return len(b), nil
}

// latest is what was done last: written or read, and when.
func (c *Conn) latest() (written bool, start, end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.read
	if c.wroteLast {
		s = &c.written
	}
	if len(s.marks) == 0 {
		return c.wroteLast, start, end
	}
	m := s.marks[len(s.marks)-1]
	return c.wroteLast, m.start, m.end
}

// Under is the conversation inside c, as the taps at both ends heard it. The
// server's tap was there from the beginning and heard, in clear, as many bytes
// of each side as plain says, by events.Dir of the sender; the client's came
// with TLS.
func (c *Conversation) Under(client, server *Tap, plain [2]int) (*Conversation, error) {
	in := *c
	in.client = &Conn{written: client.written, read: client.read}
	in.server = &Conn{
		written: server.written.behind(plain[events.FromServer]),
		read:    server.read.behind(plain[events.FromClient]),
	}
	return &in, in.agree()
}

// behind is what follows the first n bytes.
func (s *speech) behind(n int) speech {
	n = min(n, len(s.bytes))
	out := speech{bytes: s.bytes[n:]}
	for _, m := range s.marks {
		if m.upTo > n {
			m.upTo -= n
			out.marks = append(out.marks, m)
		}
	}
	return out
}
