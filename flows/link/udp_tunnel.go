package link

// UDP ports of tunnels (iana.org/assignments/service-names-port-numbers).
const (
	portL2TP     = 1701
	portGTPU     = 2152
	portLISP     = 4341
	portVXLAN    = 4789
	portVXLANGPE = 4790
	portGENEVE   = 6081
	portMPLS     = 6635
)

// tunnelPorts: the UDP header h goes to the port of a tunnel, or comes from
// it.
func tunnelPorts(h []byte) bool {
	return isTunnelPort(be16(h[2:])) || isTunnelPort(be16(h))
}

func isTunnelPort(port uint16) bool {
	switch port {
	case portVXLAN, portGENEVE, portGTPU, portL2TP, portVXLANGPE, portMPLS, portLISP:
		return true
	}
	return false
}

// udpTunnel decodes what is inside the UDP packet *p, whose port is one of a
// tunnel.
func (d *Decoder) udpTunnel(p *Packet) Verdict {
	h := p.Payload
	b, wire := h[8:], p.Wire-8
	if n := int(be16(h[4:])); n >= 8 {
		b, wire = cut(b, wire, n-8)
	}
	n, t := tunnelHeader(h, b)
	if n < 0 || len(b) < n {
		return IP
	}
	mark := len(d.outers)
	d.outers = append(d.outers, *p)
	v, ok := d.inside(t, b[n:], wire-n, p)
	if !ok {
		d.outers = d.outers[:mark]
	}
	return v
}

// tunnelHeader gives the length of the tunnel's header that b begins with, -1
// where it is none, and the Ethernet type of what follows.
func tunnelHeader(h, b []byte) (n int, t uint16) {
	if len(b) < 4 {
		return -1, 0
	}
	port := be16(h[2:])
	if !isTunnelPort(port) {
		port = be16(h)
	}
	switch port {
	case portVXLAN:
		if b[0]&0x08 == 0 { // the network identifier must be valid, RFC 7348 section 5
			return -1, 0
		}
		return 8, etherBridge
	case portVXLANGPE:
		return vxlanGPE(b)
	case portGENEVE:
		if b[0]>>6 != 0 {
			return -1, 0
		}
		return 8 + int(b[0]&0x3f)*4, be16(b[2:]) // RFC 8926 section 3.4
	case portGTPU:
		return gtpu(b)
	case portL2TP:
		return l2tp(b)
	case portLISP:
		if len(b) <= 8 {
			return -1, 0
		}
		return 8, ipType(b[8:]) // RFC 9300 section 5.3
	case portMPLS:
		return 0, etherMPLS // RFC 7510
	}
	return -1, 0
}

// vxlanGPE is draft-ietf-nvo3-vxlan-gpe section 3.
func vxlanGPE(b []byte) (n int, t uint16) {
	if b[0]&0x30 != 0 || b[0]&0x08 == 0 {
		return -1, 0
	}
	switch b[3] { // some senders fill it in without its flag, 0x04
	case 0:
		if b[0]&0x04 == 0 {
			return 8, etherBridge
		}
	case 1:
		return 8, etherIPv4
	case 2:
		return 8, etherIPv6
	case 3:
		return 8, etherBridge
	case 4:
		return 8, etherNSH
	case 5:
		return 8, etherMPLS
	}
	return -1, 0
}

// gtpu is 3GPP TS 29.281 section 5: only the G-PDU carries a packet.
func gtpu(b []byte) (n int, t uint16) {
	const (
		version1  = 0x20
		isGTP     = 0x10
		extension = 0x04
		optional  = 0x07
		gPDU      = 0xff
	)
	if b[0]&0xf0 != version1|isGTP || b[1] != gPDU {
		return -1, 0
	}
	n = 8
	if b[0]&optional != 0 {
		n += 4
		if len(b) < n {
			return -1, 0
		}
		if b[0]&extension != 0 {
			for next := b[n-1]; next != 0; next = b[n-1] {
				if len(b) <= n || b[n] == 0 || len(b) < n+int(b[n])*4 {
					return -1, 0
				}
				n += int(b[n]) * 4
			}
		}
	}
	if len(b) <= n {
		return -1, 0
	}
	return n, ipType(b[n:])
}

// l2tp is RFC 2661 section 3.1: data messages carry PPP.
func l2tp(b []byte) (n int, t uint16) {
	const (
		control  = 0x8000
		length   = 0x4000
		sequence = 0x0800
		offset   = 0x0200
		version  = 0x000f
	)
	f := be16(b)
	if f&control != 0 || f&version != 2 {
		return -1, 0
	}
	n = 2 + 4
	if f&length != 0 {
		n += 2
	}
	if f&sequence != 0 {
		n += 4
	}
	if f&offset != 0 {
		if len(b) < n+2 {
			return -1, 0
		}
		n += 2 + int(be16(b[n:]))
	}
	return n, etherPPP
}
