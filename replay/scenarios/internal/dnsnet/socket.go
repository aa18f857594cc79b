package dnsnet

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/simnet"
)

// port is one UDP port of a host.
type port struct {
	host   string
	number uint16
}

// The ports that clients take, as in Linux.
const (
	firstPort = 32768
	lastPort  = 60999
)

// maxUDP is longer than every datagram.
const maxUDP = 65535

// datagram is what a socket read.
type datagram struct {
	from netip.AddrPort
	wire []byte
}

// Socket is a UDP socket that is read until the world ends, so that an answer
// that comes too late is known too.
type Socket struct {
	w     *World
	host  *simnet.Host
	local netip.AddrPort
	conn  net.PacketConn
	in    chan datagram // what was read; when it is full, the newest is let go
}

// open binds a socket. wish is the port, or 0 for one made up from the seed.
func (w *World) open(h *simnet.Host, wish uint16, purpose ...any) (*Socket, error) {
	number := wish
	w.mu.Lock()
	if wish == 0 {
		number = uint16(firstPort + w.Number(append([]any{"port", h.Name()}, purpose...)...)%(lastPort-firstPort+1))
		for w.ports[port{h.Name(), number}] {
			if number++; number > lastPort {
				number = firstPort
			}
		}
	}
	w.ports[port{h.Name(), number}] = true
	w.mu.Unlock()

	local := netip.AddrPortFrom(h.Addrs()[0], number)
	conn, err := h.ListenPacket("udp", local.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name(), err)
	}
	s := &Socket{w: w, host: h, local: local, conn: conn, in: make(chan datagram, 64)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read()
	}()
	w.atEnd(func() {
		conn.Close()
		<-done
	})
	return s, nil
}

func (s *Socket) read() {
	heard := &packetConn{PacketConn: s.conn, w: s.w, host: s.host.Name(), local: s.local}
	buf := make([]byte, maxUDP)
	for {
		n, from, err := heard.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		d := datagram{from: addrPort(from), wire: append([]byte(nil), buf[:n]...)}
		select {
		case s.in <- d:
		default:
		}
	}
}

// write sends one datagram.
func (s *Socket) write(wire []byte, to netip.AddrPort) error {
	c := &packetConn{PacketConn: s.conn, w: s.w, host: s.host.Name(), local: s.local}
	_, err := c.WriteTo(wire, net.UDPAddrFromAddrPort(to))
	return err
}

// Open binds a UDP socket of a host; what comes in is noted and let go.
func (w *World) Open(h *simnet.Host, port uint16) (*Socket, error) { return w.open(h, port) }

// Send sends a message, and does not wait for an answer.
func (s *Socket) Send(m *mdns.Msg, to netip.AddrPort) error {
	wire, err := m.Pack()
	if err != nil {
		return err
	}
	return s.write(wire, to)
}

// drain forgets what came before a question was asked.
func (s *Socket) drain() {
	for {
		select {
		case <-s.in:
		default:
			return
		}
	}
}

// Spoof sends a message from a host with the address of another as its source.
func (w *World) Spoof(h *simnet.Host, src, dst netip.AddrPort, m *mdns.Msg) error {
	wire, err := m.Pack()
	if err != nil {
		return err
	}
	ip, err := simnet.Datagram(src, dst, uint16(w.Number("ip", src, dst, m.Id)), wire)
	if err != nil {
		return err
	}
	start := w.Now()
	if err := h.SendIP(ip); err != nil {
		return err
	}
	w.log.send(note{host: h.Name(), transport: "udp", src: src, dst: dst, wire: string(wire), start: start, end: w.Now()})
	return nil
}

// packetConn notes what goes through a UDP socket.
type packetConn struct {
	net.PacketConn
	w     *World
	host  string
	local netip.AddrPort
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if err == nil {
		t := c.w.Now()
		c.w.log.receive(note{host: c.host, transport: "udp", src: addrPort(from), dst: c.local,
			wire: string(b[:n]), start: t, end: t})
	}
	return n, from, err
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	start := c.w.Now()
	n, err := c.PacketConn.WriteTo(b, to)
	if err == nil {
		c.w.log.send(note{host: c.host, transport: "udp", src: c.local, dst: addrPort(to),
			wire: string(b), start: start, end: c.w.Now()})
	}
	return n, err
}

// streamConn notes the messages that go through a TCP connection.
type streamConn struct {
	net.Conn
	w       *World
	host    string
	in, out framer
}

// stream wraps a connection of a host.
func (w *World) stream(host string, c net.Conn) *streamConn {
	local, remote := addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())
	return &streamConn{Conn: c, w: w, host: host,
		in:  framer{tell: w.log.receive, note: note{host: host, transport: "tcp", src: remote, dst: local}},
		out: framer{tell: w.log.send, note: note{host: host, transport: "tcp", src: local, dst: remote}},
	}
}

func (c *streamConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		t := c.w.Now()
		c.in.add(b[:n], t, t)
	}
	return n, err
}

func (c *streamConn) Write(b []byte) (int, error) {
	start := c.w.Now()
	n, err := c.Conn.Write(b)
	if n > 0 {
		c.out.add(b[:n], start, c.w.Now())
	}
	return n, err
}

// framer cuts one direction of a connection into messages (RFC 1035 section
// 4.2.2).
type framer struct {
	mu   sync.Mutex
	tell func(note)
	note note   // of the message that is under way
	held []byte // of it, with its length
}

func (f *framer) add(b []byte, start, end time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.held) == 0 {
		f.note.start = start
	}
	f.held = append(f.held, b...)
	for len(f.held) >= 2 {
		n := 2 + int(binary.BigEndian.Uint16(f.held))
		if len(f.held) < n {
			return
		}
		f.note.wire, f.note.end = string(f.held[2:n]), end
		f.tell(f.note)
		f.held = f.held[n:]
		f.note.start = start
	}
}

// addrPort is the address of a socket's end.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
