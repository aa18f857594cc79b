package witness

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Traffic is what one end sent to another as datagrams, or got from it.
type Traffic struct {
	Datagrams  int
	Bytes      int64 // of the datagrams' content
	Start, End time.Time
}

func (t *Traffic) add(n int, start, end time.Time) {
	if t.Datagrams == 0 {
		t.Start = start
	}
	t.Datagrams++
	t.Bytes += int64(n)
	t.End = end
}

// PacketConn is a packet connection with a witness. It offers nothing beside
// net.PacketConn but buffer sizes, which it takes without effect: a simulated
// host has no system calls.
type PacketConn struct {
	net.PacketConn
	now func() events.Time

	mu   sync.Mutex
	sent map[netip.AddrPort]*Traffic
	read map[netip.AddrPort]*Traffic
}

// NewPacketConn wraps pc, whose addresses must be of UDP.
func NewPacketConn(pc net.PacketConn, now func() events.Time) *PacketConn {
	return &PacketConn{PacketConn: pc, now: now, sent: map[netip.AddrPort]*Traffic{}, read: map[netip.AddrPort]*Traffic{}}
}

// ReadFrom reads a datagram and notes it.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if err == nil {
		t := c.now().Std()
		c.note(c.read, from, n, t, t)
	}
	return n, from, err
}

// WriteTo writes a datagram and notes it. The note stands before the answer
// can be read.
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	start := c.now().Std()
	c.note(c.sent, to, len(b), start, start)
	return c.PacketConn.WriteTo(b, to)
}

func (c *PacketConn) note(ends map[netip.AddrPort]*Traffic, addr net.Addr, n int, start, end time.Time) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return
	}
	ap := a.AddrPort()
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	c.mu.Lock()
	defer c.mu.Unlock()
	t := ends[ap]
	if t == nil {
		t = new(Traffic)
		ends[ap] = t
	}
	t.add(n, start, end)
}

// With is what was sent to another end, and what was read from it, so far.
func (c *PacketConn) With(other netip.AddrPort) (sent, read Traffic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.sent[other]; t != nil {
		sent = *t
	}
	if t := c.read[other]; t != nil {
		read = *t
	}
	return sent, read
}

// Local is the connection's own address.
func (c *PacketConn) Local() netip.AddrPort {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// SetReadBuffer has no effect.
func (c *PacketConn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer has no effect.
func (c *PacketConn) SetWriteBuffer(int) error { return nil }
