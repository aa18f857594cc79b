package simnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

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
)

// stackSockets are those of a host's own TCP/IP stack.
type stackSockets struct{ h *Host }

func (h *Host) bootStack(number int) error {
	h.sockets = stackSockets{h}
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

func (s stackSockets) dialTCP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	full, proto := fullAddress(to)
	if from == (netip.AddrPort{}) {
		return gonet.DialContextTCP(ctx, s.h.stack, full, proto)
	}
	local, _ := fullAddress(from)
	return s.h.dialTCPFrom(ctx, local, full, proto)
}

func (s stackSockets) dialUDP(_ context.Context, from, to netip.AddrPort) (net.Conn, error) {
	full, proto := fullAddress(to)
	var bind *tcpip.FullAddress
	if from != (netip.AddrPort{}) {
		local, _ := fullAddress(from)
		bind = &local
	}
	return s.h.udpSocket(bind, &full, proto)
}

func (s stackSockets) listenTCP(at netip.AddrPort) (net.Listener, error) {
	full, proto := fullAddress(at)
	return gonet.ListenTCP(s.h.stack, full, proto)
}

func (s stackSockets) listenUDP(at netip.AddrPort) (net.PacketConn, error) {
	full, proto := fullAddress(at)
	return s.h.udpSocket(&full, nil, proto)
}

func (s stackSockets) setSendBuffer(bytes int) error {
	o := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: bytes, Max: bytes}
	if bytes < o.Min {
		return fmt.Errorf("%d bytes are under %d", bytes, o.Min)
	}
	if err := s.h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &o); err != nil {
		return errors.New(err.String())
	}
	return nil
}

func (s stackSockets) close() {
	s.h.stack.Close()
	s.h.stack.Wait()
	s.h.link.Close()
}

func fullAddress(a netip.AddrPort) (tcpip.FullAddress, tcpip.NetworkProtocolNumber) {
	proto := ipv4.ProtocolNumber
	if a.Addr().Is6() {
		proto = ipv6.ProtocolNumber
	}
	full := tcpip.FullAddress{NIC: nic, Port: a.Port()}
	if a.Addr().IsValid() && !a.Addr().IsUnspecified() {
		full.Addr = tcpip.AddrFromSlice(a.Addr().AsSlice())
	}
	return full, proto
}
