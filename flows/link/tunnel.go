package link

import "github.com/wiretale/wiretale/events"

// IP protocols that carry another packet (iana.org/assignments/protocol-numbers).
const (
	protoIPv4     = 4   // RFC 2003
	protoIPv6     = 41  // RFC 4213
	protoGRE      = 47  // RFC 2784
	protoIPIP     = 94  // historic
	protoEtherIP  = 97  // RFC 3378
	protoPIM      = 103 // RFC 7761 section 4.9.3: Register
	protoMPLS     = 137 // RFC 4023
	protoEthernet = 143 // RFC 8986 section 9.1
)

// dispatch looks into the protocols that may carry another packet. *p holds
// the IP packet so far; it stays the answer where nothing better is inside.
// ICMP errors quote a packet and do not carry it.
func (d *Decoder) dispatch(p *Packet) Verdict {
	switch p.Proto {
	case events.ProtoUDP:
		if len(p.Payload) >= 8 && tunnelPorts(p.Payload) {
			return d.udpTunnel(p)
		}
		return IP
	case extAH:
		return d.ah(p)
	}
	return d.carried(p)
}

// carried is dispatch for what is neither TCP nor UDP.
func (d *Decoder) carried(p *Packet) Verdict {
	b, wire := p.Payload, p.Wire
	var v Verdict
	switch p.Proto {
	case extAH:
		return d.ah(p)
	case protoIPv4, protoIPIP:
		v, _ = d.inside(etherIPv4, b, wire, p)
	case protoIPv6:
		v, _ = d.inside(etherIPv6, b, wire, p)
	case protoMPLS:
		v, _ = d.inside(etherMPLS, b, wire, p)
	case protoEthernet:
		v, _ = d.inside(etherBridge, b, wire, p)
	case protoEtherIP:
		if len(b) < 2 || b[0]>>4 != 3 {
			return IP
		}
		v, _ = d.inside(etherBridge, b[2:], wire-2, p)
	case protoPIM:
		// Version 2, Register, and not the empty one of section 4.9.3.
		if len(b) < 8 || b[0] != 0x21 || b[4]&0x40 != 0 {
			return IP
		}
		v, _ = d.inside(ipType(b[8:]), b[8:], wire-8, p)
	case protoGRE:
		return d.gre(p)
	default:
		return IP
	}
	return v
}

// ah is RFC 4302 section 2: its length is in units of 4 bytes, less 2.
func (d *Decoder) ah(p *Packet) Verdict {
	b := p.Payload
	if len(b) < 12 {
		return IP
	}
	n := (int(b[1]) + 2) * 4
	if n < 12 || n > len(b) {
		return IP
	}
	p.Payload, p.Wire, p.Proto = b[n:], p.Wire-n, b[0]
	if p.V6 {
		return d.extensions(p)
	}
	return d.dispatch(p)
}

// inside decodes what the IP packet *p carries. Where that is no IP packet,
// *p stays as it was and is the answer; ok tells which of the two it is.
func (d *Decoder) inside(t uint16, b []byte, wire int, p *Packet) (v Verdict, ok bool) {
	if d.tunnels >= d.limits.Nesting {
		d.limit("nesting", d.limits.Nesting, "tunnels inside tunnels", int64(len(b)))
		return IP, false
	}
	d.tunnels++
	outer, vlan := *p, d.vlan
	if v = d.etherType(t, b, wire, p); v == IP || v == Fragment {
		return v, true
	}
	*p, d.vlan = outer, vlan
	return IP, false
}
