package link

import "github.com/wiretale/wiretale/events"

// mapped is the first 12 bytes of every IPv4-mapped address.
var mapped = events.Addr{10: 0xff, 11: 0xff}

// ip4 is RFC 791 section 3.1. The header checksum is not looked at: network
// cards fill it in after the capture point.
func (d *Decoder) ip4(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 20 || b[0]>>4 != 4 {
		return Malformed
	}
	hl := int(b[0]&0x0f) * 4
	total := int(be16(b[2:]))
	if total == 0 {
		total = wire // the network card was to cut this into segments
	}
	if hl < 20 || hl > len(b) || total < hl {
		return Malformed
	}
	p.Src, p.Dst = mapped, mapped
	*(*[4]byte)(p.Src[12:]) = [4]byte(b[12:16])
	*(*[4]byte)(p.Dst[12:]) = [4]byte(b[16:20])
	p.Proto = b[9]
	p.V6 = false
	p.Payload = b[hl:min(total, len(b))]
	p.Wire = total - hl
	if hl > 20 {
		sourceRoute4(b[20:hl], p)
	}
	if f := be16(b[6:]); f&0x3fff != 0 {
		k := fragKey{src: p.Src, dst: p.Dst, id: uint32(be16(b[4:])), vlan: d.vlan, proto: b[9]}
		if v := d.fragment(k, int(f&0x1fff)*8, f&0x2000 != 0, b[9], p); v != IP {
			return v
		}
	}
	switch p.Proto {
	case events.ProtoTCP:
		return IP
	case events.ProtoUDP:
		if len(p.Payload) >= 8 && tunnelPorts(p.Payload) {
			return d.udpTunnel(p)
		}
		return IP
	}
	return d.carried(p)
}

// sourceRoute4 puts the last address of a route that is not used up into
// p.Dst (RFC 791, loose and strict source routing).
func sourceRoute4(o []byte, p *Packet) {
	for len(o) > 0 {
		switch o[0] {
		case 0: // end of options
			return
		case 1: // no operation
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return
		}
		n := int(o[1])
		if (o[0] == 131 || o[0] == 137) && n >= 7 && int(o[2]) <= n-3 {
			*(*[4]byte)(p.Dst[12:]) = [4]byte(o[n-4 : n])
			return
		}
		o = o[n:]
	}
}
