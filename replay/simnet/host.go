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
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

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

// Host is one machine: a TCP/IP stack of its own with one interface. The
// connections and listeners it makes belong to the caller, who closes them.
type Host struct {
	net   *Network
	name  string
	mac   net.HardwareAddr
	addrs []netip.Addr
	stack *stack.Stack
	link  *channel.Endpoint

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
	if err := h.boot(number); err != nil {
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

func (h *Host) boot(number int) error {
	h.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocolCUBIC, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		RandSource:         h.net.random(number, forStack),
		SecureRNG:          h.net.random(number, forSecure),
	})
	// Linux's range: clients look as they mostly do.
	if err := h.stack.SetPortRange(32768, 60999); err != nil {
		return errors.New(err.String())
	}
	h.link = channel.New(outbox, h.net.cfg.MTU, tcpip.LinkAddress(h.mac))
	h.link.AddNotify(outgoing{h})
	if err := h.stack.CreateNIC(nic, h.link); err != nil {
		return errors.New(err.String())
	}
	for _, a := range h.addrs {
		proto := ipv4.ProtocolNumber
		if a.Is6() {
			proto = ipv6.ProtocolNumber
		}
		pa := tcpip.ProtocolAddress{Protocol: proto, AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
		if err := h.stack.AddProtocolAddress(nic, pa, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("%s: %s", a, err)
		}
	}
	h.stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic},
		{Destination: header.IPv6EmptySubnet, NIC: nic},
	})
	return nil
}

// Name is the name given to AddHost.
func (h *Host) Name() string { return h.name }

// HardwareAddr is the address of the host's interface in recorded frames.
func (h *Host) HardwareAddr() net.HardwareAddr { return h.mac }

// Addrs are the addresses given to AddHost.
func (h *Host) Addrs() []netip.Addr { return slices.Clone(h.addrs) }

// etherLen is the length of an Ethernet header without tags.
const etherLen = 14

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
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fail(err)
	}
	full, proto := fullAddress(a)
	var from tcpip.FullAddress
	switch {
	case strings.HasPrefix(local, ":"):
		port, err := strconv.ParseUint(local[1:], 10, 16)
		if err != nil {
			return fail(err)
		}
		from = tcpip.FullAddress{NIC: nic, Port: uint16(port)}
	case local != "":
		b, err := netip.ParseAddrPort(local)
		if err != nil {
			return fail(err)
		}
		from, _ = fullAddress(b)
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
		if local != "" {
			return h.dialTCPFrom(ctx, from, full, proto)
		}
		return gonet.DialContextTCP(ctx, h.stack, full, proto)
	case "udp", "udp4", "udp6":
		var bind *tcpip.FullAddress
		if local != "" {
			bind = &from
		}
		return h.udpSocket(bind, &full, proto)
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
	full, proto, err := h.local(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return gonet.ListenTCP(h.stack, full, proto)
}

// ListenPacket waits for UDP datagrams at "IP:port" or ":port" (the host's
// first address), or as Listen at all addresses.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	switch network {
	case "udp", "udp4", "udp6":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	full, proto, err := h.local(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return h.udpSocket(&full, nil, proto)
}

// local reads "IP:port" or ":port", the latter at the host's first address.
func (h *Host) local(address string) (tcpip.FullAddress, tcpip.NetworkProtocolNumber, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return tcpip.FullAddress{}, 0, err
	}
	a := h.addrs[0]
	if host != "" {
		if a, err = netip.ParseAddr(host); err != nil {
			return tcpip.FullAddress{}, 0, err
		}
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return tcpip.FullAddress{}, 0, err
	}
	full, proto := fullAddress(netip.AddrPortFrom(a, uint16(p)))
	return full, proto, nil
}

func fullAddress(a netip.AddrPort) (tcpip.FullAddress, tcpip.NetworkProtocolNumber) {
	proto := ipv4.ProtocolNumber
	if a.Addr().Is6() {
		proto = ipv6.ProtocolNumber
	}
	full := tcpip.FullAddress{NIC: nic, Port: a.Port()}
	if !a.Addr().IsUnspecified() {
		full.Addr = tcpip.AddrFromSlice(a.Addr().AsSlice())
	}
	return full, proto
}

// cut takes the host off its links: what it writes from now on goes nowhere.
func (h *Host) cut() {
	h.out.Lock()
	defer h.out.Unlock()
	h.cutOff = true
}

// destroy aborts all connections and ends the stack's goroutines.
func (h *Host) destroy() {
	h.stack.Close()
	h.stack.Wait()
	h.link.Close()
}
