package simnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// kernelSockets are those of the machine, for one host of a real network.
type kernelSockets struct {
	h    *Host
	l    *loopback
	send atomic.Int64 // bytes of a send buffer; 0: the machine's
}

// from is where a connection to another host begins: as the host knows it, and
// on the loopback. A port that was not asked for is 0.
func (k *kernelSockets) from(ctx context.Context, proto string, from netip.AddrPort) (inside, outside netip.AddrPort, err error) {
	if err := k.l.begin(ctx); err != nil {
		return inside, outside, err
	}
	addr := from.Addr()
	if !addr.IsValid() {
		addr = k.h.addrs[0]
	}
	inside = netip.AddrPortFrom(addr, from.Port())
	outside = netip.AddrPortFrom(Loopback(addr), from.Port())
	if p := from.Port(); p != 0 && p < privileged && !mayOpen(p) {
		outside = netip.AddrPortFrom(outside.Addr(), p+raised)
	}
	k.l.names(proto, inside, outside)
	return inside, outside, nil
}

// mayOpen reports whether this process may open a port that needs privileges.
var mayOpen = func() func(port uint16) bool {
	var once sync.Once
	var may bool
	return func(port uint16) bool {
		once.Do(func() {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			may = !errors.Is(err, os.ErrPermission)
			if err == nil {
				l.Close()
			}
		})
		return may
	}
}()

func (k *kernelSockets) dialTCP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	to = k.l.own(to)
	inside, outside, err := k.from(ctx, "tcp", from)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(outside)}
	if from.Port() != 0 {
		d.Control = reuse // as servers do: a port that an earlier connection still holds
	}
	c, err := d.DialContext(ctx, "tcp", k.l.outside("tcp", to).String())
	if err != nil {
		return nil, err
	}
	if inside.Port() == 0 {
		inside = k.l.within("tcp", c.LocalAddr().(*net.TCPAddr).AddrPort())
	}
	return k.conn(c.(*net.TCPConn), inside, to)
}

// conn is a connection as its host sees it.
func (k *kernelSockets) conn(c *net.TCPConn, local, remote netip.AddrPort) (net.Conn, error) {
	if n := k.send.Load(); n > 0 {
		if err := c.SetWriteBuffer(int(n)); err != nil {
			c.Close()
			return nil, err
		}
	}
	k2 := &kernelConn{TCPConn: c, l: k.l, local: net.TCPAddrFromAddrPort(local), remote: net.TCPAddrFromAddrPort(remote)}
	return k2, k.l.keep(k2)
}

// kernelConn is a TCP connection with the addresses that its host knows.
type kernelConn struct {
	*net.TCPConn
	l             *loopback
	local, remote *net.TCPAddr
}

func (c *kernelConn) LocalAddr() net.Addr  { return c.local }
func (c *kernelConn) RemoteAddr() net.Addr { return c.remote }

func (c *kernelConn) Close() error {
	c.l.forget(c)
	return c.TCPConn.Close()
}

func (k *kernelSockets) dialUDP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	to = k.l.own(to)
	inside, outside, err := k.from(ctx, "udp", from)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(outside)}
	c, err := d.DialContext(ctx, "udp", k.l.outside("udp", to).String())
	if err != nil {
		return nil, err
	}
	if inside.Port() == 0 {
		inside = k.l.within("udp", c.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	u := &kernelDatagrams{UDPConn: c.(*net.UDPConn), l: k.l, local: net.UDPAddrFromAddrPort(inside), remote: net.UDPAddrFromAddrPort(to)}
	return u, k.l.keep(u)
}

// kernelDatagrams is a connected UDP socket with the addresses that its host
// knows.
type kernelDatagrams struct {
	*net.UDPConn
	l             *loopback
	local, remote *net.UDPAddr
}

func (c *kernelDatagrams) LocalAddr() net.Addr  { return c.local }
func (c *kernelDatagrams) RemoteAddr() net.Addr { return c.remote }

func (c *kernelDatagrams) Close() error {
	c.l.forget(c)
	return c.UDPConn.Close()
}

// listen opens a port by f, at the first address and port that may be had.
func (k *kernelSockets) listen(proto string, at netip.AddrPort, f func(outside netip.AddrPort) (opened net.Addr, err error)) (inside netip.AddrPort, err error) {
	addr := at.Addr()
	if addr.IsUnspecified() {
		addr = k.h.addrs[0]
	}
	for _, port := range ports(at.Port()) {
		var opened net.Addr
		if opened, err = f(netip.AddrPortFrom(Loopback(addr), port)); err != nil {
			if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, os.ErrPermission) {
				continue
			}
			return inside, err
		}
		var outside netip.AddrPort
		switch a := opened.(type) {
		case *net.TCPAddr:
			outside = a.AddrPort()
		case *net.UDPAddr:
			outside = a.AddrPort()
		}
		outside = netip.AddrPortFrom(outside.Addr().Unmap(), outside.Port())
		inside = netip.AddrPortFrom(addr, at.Port())
		if at.Port() == 0 {
			inside = netip.AddrPortFrom(addr, outside.Port())
		}
		k.l.names(proto, inside, outside)
		k.l.serves(k.h, proto, inside, outside)
		return inside, nil
	}
	return inside, err
}

func (k *kernelSockets) listenTCP(at netip.AddrPort) (net.Listener, error) {
	var l *net.TCPListener
	inside, err := k.listen("tcp", at, func(outside netip.AddrPort) (_ net.Addr, err error) {
		if l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(outside)); err != nil {
			return nil, err
		}
		return l.Addr(), nil
	})
	if err != nil {
		return nil, err
	}
	kl := &kernelListener{TCPListener: l, k: k, local: inside}
	return kl, k.l.keep(kl)
}

// kernelListener accepts connections with the addresses that its host knows.
type kernelListener struct {
	*net.TCPListener
	k     *kernelSockets
	local netip.AddrPort
}

func (l *kernelListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

func (l *kernelListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return l.k.conn(c, l.local, l.k.l.within("tcp", c.RemoteAddr().(*net.TCPAddr).AddrPort()))
}

func (l *kernelListener) Close() error {
	l.k.l.forget(l)
	return l.TCPListener.Close()
}

func (k *kernelSockets) listenUDP(at netip.AddrPort) (net.PacketConn, error) {
	var c *net.UDPConn
	inside, err := k.listen("udp", at, func(outside netip.AddrPort) (_ net.Addr, err error) {
		if c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(outside)); err != nil {
			return nil, err
		}
		return c.LocalAddr(), nil
	})
	if err != nil {
		return nil, err
	}
	p := &kernelPacketConn{PacketConn: c, l: k.l, local: net.UDPAddrFromAddrPort(inside)}
	return p, k.l.keep(p)
}

// kernelPacketConn is a UDP socket that knows the addresses of the scenario
// only. It hides what else a socket of the kernel can do, for with that one
// would see others.
type kernelPacketConn struct {
	net.PacketConn
	l     *loopback
	local *net.UDPAddr
}

func (c *kernelPacketConn) LocalAddr() net.Addr { return c.local }

func (c *kernelPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if a, ok := from.(*net.UDPAddr); ok {
		from = net.UDPAddrFromAddrPort(c.l.within("udp", a.AddrPort()))
	}
	return n, from, err
}

func (c *kernelPacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if err := c.l.begin(context.Background()); err != nil {
		return 0, err
	}
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("simnet: %v is no address of UDP", to)
	}
	inside := a.AddrPort()
	inside = netip.AddrPortFrom(inside.Addr().Unmap(), inside.Port())
	return c.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(c.l.outside("udp", inside)))
}

func (c *kernelPacketConn) Close() error {
	c.l.forget(c)
	return c.PacketConn.Close()
}

func (k *kernelSockets) setSendBuffer(bytes int) error {
	if bytes <= 0 {
		return fmt.Errorf("%d bytes", bytes)
	}
	k.send.Store(int64(bytes))
	return nil
}

// close ends what all hosts left open.
func (k *kernelSockets) close() { k.l.close() }
