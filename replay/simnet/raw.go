package simnet

import (
	"errors"
	"fmt"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

// SendIP puts a whole IP packet on the link that leads to its destination, as
// it is: the source address may be another's. ip is copied. The packet must
// not be longer than the MTU.
func (h *Host) SendIP(ip []byte) error {
	src, dst, ok := addresses(ip)
	switch {
	case !ok || !src.IsValid():
		return errors.New("simnet: this is no IP packet")
	case len(ip) > int(h.net.cfg.MTU):
		return fmt.Errorf("simnet: a packet of %d bytes, the MTU is %d", len(ip), h.net.cfg.MTU)
	}
	proto := tcpip.NetworkProtocolNumber(ipv4.ProtocolNumber)
	if dst.Is6() {
		proto = ipv6.ProtocolNumber
	}
	if h.net.real != nil {
		return fmt.Errorf("simnet: host %s: %w: packets with a made-up source", h.name, ErrReal)
	}
	h.out.Lock()
	defer h.out.Unlock()
	if h.cutOff {
		return errors.New("simnet: closed")
	}
	h.forward(h.net.Now(), proto, ip)
	return nil
}

// Datagram is an IP packet that carries one UDP datagram, with all checksums
// (RFC 768, RFC 8200 section 8.1). Both addresses must be of one family, and
// the payload must fit into 65,507 bytes. id is the identification of IPv4.
func Datagram(src, dst netip.AddrPort, id uint16, payload []byte) ([]byte, error) {
	switch {
	case !src.IsValid() || !dst.IsValid() || src.Addr().Is4() != dst.Addr().Is4():
		return nil, fmt.Errorf("simnet: a datagram from %s to %s", src, dst)
	case len(payload) > 65507:
		return nil, fmt.Errorf("simnet: a datagram of %d bytes", len(payload))
	}
	length := header.UDPMinimumSize + len(payload)
	from, to := tcpip.AddrFromSlice(src.Addr().AsSlice()), tcpip.AddrFromSlice(dst.Addr().AsSlice())
	var ip []byte
	var udp header.UDP
	if src.Addr().Is4() {
		ip = make([]byte, header.IPv4MinimumSize+length)
		header.IPv4(ip).Encode(&header.IPv4Fields{
			TotalLength: uint16(len(ip)), ID: id, TTL: 64, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: from, DstAddr: to,
		})
		header.IPv4(ip).SetChecksum(^header.IPv4(ip).CalculateChecksum())
		udp = ip[header.IPv4MinimumSize:]
	} else {
		ip = make([]byte, header.IPv6MinimumSize+length)
		header.IPv6(ip).Encode(&header.IPv6Fields{
			PayloadLength: uint16(length), TransportProtocol: header.UDPProtocolNumber, HopLimit: 64, SrcAddr: from, DstAddr: to,
		})
		udp = ip[header.IPv6MinimumSize:]
	}
	udp.Encode(&header.UDPFields{SrcPort: src.Port(), DstPort: dst.Port(), Length: uint16(length)})
	copy(udp.Payload(), payload)
	sum := header.PseudoHeaderChecksum(header.UDPProtocolNumber, from, to, uint16(length))
	sum = ^udp.CalculateChecksum(checksum.Checksum(payload, sum))
	if sum == 0 { // RFC 768: 0 would say that there is none
		sum = 0xffff
	}
	udp.SetChecksum(sum)
	return ip, nil
}
