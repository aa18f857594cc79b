package simnet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/wiretale/wiretale/events"
)

const (
	nic = tcpip.NICID(1)

	// outbox holds packets between a stack's write and the pipe. It is
	// emptied within the write, so only concurrent writers fill it.
	outbox = 4096
)

// Purposes of a host's random numbers.
const (
	forStack uint64 = iota
	forSecure
)

// sockets make the connections of one host. A local address may be invalid:
// then it is chosen; a port of 0 too. An address to listen at may be unspecified:
// then it is every address of the host, of that family (of both for IPv6).
type sockets interface {
	dialTCP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error)
	dialUDP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error)
	listenTCP(at netip.AddrPort) (net.Listener, error)
	listenUDP(at netip.AddrPort) (net.PacketConn, error)
	setSendBuffer(bytes int) error
	close() // aborts all connections and ends all goroutines
}

// Host is one machine: a TCP/IP stack of its own with one interface, or, in a
// real network, one address of the loopback. The connections and listeners it
// makes belong to the caller, who closes them.
type Host struct {
	net   *Network
	name  string
	mac   net.HardwareAddr
	addrs []netip.Addr

	sockets sockets
	stack   *stack.Stack      // nil where the sockets are those of the machine
	link    *channel.Endpoint // of stack

	routes map[netip.Addr]*pipe // fixed once traffic flows
	via    []route              // longest prefix first; fixed once traffic flows

	out    sync.Mutex // keeps the order of the stack's writes
	cutOff bool       // under out
}

// AddHost makes a host. Names are for people; addresses must be unique.
func (n *Network) AddHost(name string, addrs ...netip.Addr) (*Host, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errors.New("simnet: closed")
	}
	if name == "" || len(addrs) == 0 {
		return nil, errors.New("simnet: a host needs a name and an address")
	}
	for _, other := range n.hosts {
		if other.name == name || slices.ContainsFunc(addrs, func(a netip.Addr) bool { return slices.Contains(other.addrs, a) }) {
			return nil, fmt.Errorf("simnet: host %s: name or address is taken by %s", name, other.name)
		}
	}
	if n.cfg.MTU < minMTU6 && slices.ContainsFunc(addrs, netip.Addr.Is6) {
		return nil, fmt.Errorf("simnet: host %s: IPv6 asks for an MTU of %d, here it is %d", name, minMTU6, n.cfg.MTU)
	}
	number := len(n.hosts)
	h := &Host{
		net: n, name: name, addrs: slices.Clone(addrs),
		mac:    hardwareAddr(number),
		routes: map[netip.Addr]*pipe{},
	}
	if err := n.boot(h, number); err != nil {
		return nil, fmt.Errorf("simnet: host %s: %w", name, err)
	}
	n.hosts = append(n.hosts, h)
	return h, nil
}

// hardwareAddr is a made-up MAC address: unicast, locally administered.
func hardwareAddr(number int) net.HardwareAddr {
	mac := net.HardwareAddr{0x02, 0x77, 0x74, 0, 0, 0} // "wt"
	binary.BigEndian.PutUint16(mac[4:], uint16(number+1))
	return mac
}

// Name is the name given to AddHost.
func (h *Host) Name() string { return h.name }

// HardwareAddr is the address of the host's interface in recorded frames.
func (h *Host) HardwareAddr() net.HardwareAddr { return h.mac }

// Addrs are the addresses given to AddHost.
func (h *Host) Addrs() []netip.Addr { return slices.Clone(h.addrs) }

// etherLen is the length of an Ethernet header without tags.
const etherLen = 14

// boot gives a new host its sockets. The caller holds n.mu.
func (n *Network) boot(h *Host, number int) error {
	if n.real != nil {
		return n.real.boot(h)
	}
	return h.bootStack(number)
}

// outgoing hears of packets that the stack wrote, within the write.
type outgoing struct{ h *Host }

func (o outgoing) WriteNotify() {
	h := o.h
	// Two writers may come at once, each finding the other's packet. With the
	// lock around both reading and sending, packets keep the stack's order.
	h.out.Lock()
	defer h.out.Unlock()
	for pkt := h.link.Read(); pkt != nil; pkt = h.link.Read() {
		h.transmit(pkt)
		pkt.DecRef()
	}
}

func (h *Host) transmit(pkt *stack.PacketBuffer) {
	if h.cutOff {
		return
	}
	sent := h.net.Now()
	view := pkt.ToView()
	defer view.Release()
	ip := view.AsSlice()

	h.forward(sent, pkt.NetworkProtocolNumber, ip)
}

// forward puts a packet on the link that leads to its destination. ip is
// copied.
func (h *Host) forward(sent events.Time, proto tcpip.NetworkProtocolNumber, ip []byte) {
	_, dst, ok := addresses(ip)
	if !ok {
		return // the stack writes IP only
	}
	p := h.pipeTo(dst)
	if p == nil {
		d := newDrop(ip)
		d.Time, d.From, d.Reason = sent, h.name, ReasonNoRoute
		h.net.drop(d)
		return
	}
	h.net.last.Store(int64(sent))
	frame := make([]byte, etherLen, etherLen+len(ip))
	copy(frame, p.to.mac)
	copy(frame[6:], h.mac)
	binary.BigEndian.PutUint16(frame[12:], uint16(proto)) // EtherType
	p.send(sent, proto, append(frame, ip...))
}

// addresses reads source and destination of an IP packet.
func addresses(ip []byte) (src, dst netip.Addr, ok bool) {
	switch {
	case len(ip) >= header.IPv4MinimumSize && ip[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20])), true
	case len(ip) >= header.IPv6MinimumSize && ip[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40])), true
	}
	return src, dst, false
}

// DialContext connects to an address of another host. network is tcp, tcp4,
// tcp6, udp, udp4 or udp6; address is IP:port, for nothing resolves names here.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return h.DialFrom(ctx, network, "", address)
}

// DialFrom is DialContext from a local "IP:port" or ":port" (the address is
// chosen by the route), as FTP's active mode asks for. "" leaves both to the
// stack.
func (h *Host) DialFrom(ctx context.Context, network, local, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: network, Err: err} }
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fail(err)
	}
	var from netip.AddrPort
	switch {
	case strings.HasPrefix(local, ":"):
		port, err := strconv.ParseUint(local[1:], 10, 16)
		if err != nil {
			return fail(err)
		}
		from = netip.AddrPortFrom(netip.Addr{}, uint16(port))
	case local != "":
		if from, err = netip.ParseAddrPort(local); err != nil {
			return fail(err)
		}
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
		return h.sockets.dialTCP(ctx, from, to)
	case "udp", "udp4", "udp6":
		return h.sockets.dialUDP(ctx, from, to)
	}
	return fail(net.UnknownNetworkError(network))
}

// Listen waits for TCP connections at "IP:port" or ":port" (the host's
// first address). At "0.0.0.0:port" it waits at all IPv4 addresses, and at
// "[::]:port" at all of both families.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	at, err := h.local(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return h.sockets.listenTCP(at)
}

// ListenPacket waits for UDP datagrams at "IP:port" or ":port" (the host's
// first address), or as Listen at all addresses.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	switch network {
	case "udp", "udp4", "udp6":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	at, err := h.local(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return h.sockets.listenUDP(at)
}

// SetSendBuffer makes the host keep at most about so many bytes that an
// application wrote to a TCP connection and that are not acknowledged yet. A
// small one makes the application wait for the network early, so that it can
// still choose what to send next. It holds for connections made after it.
func (h *Host) SetSendBuffer(bytes int) error {
	if err := h.sockets.setSendBuffer(bytes); err != nil {
		return fmt.Errorf("simnet: host %s: send buffer: %w", h.name, err)
	}
	return nil
}

// local reads "IP:port" or ":port", the latter at the host's first address.
func (h *Host) local(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a := h.addrs[0]
	if host != "" {
		if a, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, err
		}
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, uint16(p)), nil
}

// cut takes the host off its links: what it writes from now on goes nowhere.
func (h *Host) cut() {
	h.out.Lock()
	defer h.out.Unlock()
	h.cutOff = true
}
