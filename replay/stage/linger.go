package stage

import (
	"io"
	"net"
	"sync"
	"time"
)

// patience is how long a lingering end waits for the other one's.
const patience = 10 * time.Second

// Lingering is a listener whose connections are closed in order: the server
// ends its side, reads until the client has ended its own, and only then gives
// the connection up. Else the client's last words (TLS: close_notify) meet a
// closed connection and are answered with a reset.
func Lingering(l net.Listener) net.Listener { return lingering{l} }

type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Linger(c), nil
}

// Linger is the same for one connection: also a client that does not read the
// server's last words would send a reset.
func Linger(c net.Conn) net.Conn {
	if k, ok := c.(*Conn); ok {
		return &lingerer{Conn: k}
	}
	return c
}

type lingerer struct {
	*Conn
	once sync.Once
	err  error
}

// Close gives the client time to end. Who calls it again waits for that.
func (c *lingerer) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		c.gaveUp = c.now()
		c.mu.Unlock()
		if c.closeWrite() == nil && c.SetReadDeadline(time.Now().Add(patience)) == nil {
			_, _ = io.Copy(io.Discard, c.Conn) // what is wrong with it shows at the client
		}
		c.err = c.Conn.Close()
	})
	return c.err
}
