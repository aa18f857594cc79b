package link

import "github.com/wiretale/wiretale/events"

// IPv6 extension headers (RFC 8200 section 4; iana.org/assignments/ipv6-parameters).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAH          = 51
	extNone        = 59
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// ip6 is RFC 8200 section 3.
func (d *Decoder) ip6(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 40 || b[0]>>4 != 6 {
		return Malformed
	}
	n := int(be16(b[4:]))
	next := b[6]
	if n == 0 && next != extNone {
		// A jumbogram, or the network card was to cut this into segments.
		n = wire - 40
		if next == extHopByHop {
			n = jumbo(b[40:], n)
		}
	}
	p.Src = events.Addr(b[8:24])
	p.Dst = events.Addr(b[24:40])
	p.V6 = true
	p.Proto = next
	p.Payload = b[40:min(40+n, len(b))]
	p.Wire = n
	switch next {
	case events.ProtoTCP, events.ProtoICMPv6:
		return IP
	case events.ProtoUDP:
		if len(p.Payload) >= 8 && tunnelPorts(p.Payload) {
			return d.udpTunnel(p)
		}
		return IP
	}
	return d.extensions(p)
}

// jumbo finds the length in a hop-by-hop header (RFC 2675 section 2), or
// gives n back.
func jumbo(b []byte, n int) int {
	if len(b) < 8 {
		return n
	}
	o := b[2:min(8+int(b[1])*8, len(b))]
	for len(o) >= 2 {
		switch {
		case o[0] == 0: // Pad1
			o = o[1:]
			continue
		case o[0] == 0xc2 && o[1] == 4 && len(o) >= 6:
			if v := int64(be32(o[2:])); v > 65535 && v <= 1<<31-1 {
				return int(v)
			}
			return n
		}
		if 2+int(o[1]) > len(o) {
			return n
		}
		o = o[2+int(o[1]):]
	}
	return n
}

// extensions walks the headers that p.Payload begins with and decodes what
// follows them.
func (d *Decoder) extensions(p *Packet) Verdict {
	for {
		b := p.Payload
		n := 0
		switch p.Proto {
		case extHopByHop, extDestination, extRouting:
			if len(b) < 8 {
				return Malformed
			}
			n = 8 + int(b[1])*8
		case extMobility, extHIP, extShim6:
			// Built like extension headers, though so far nothing may follow
			// them: then they are the payload.
			if len(b) < 8 || b[0] == extNone {
				return IP
			}
			n = 8 + int(b[1])*8
		case extFragment:
			if len(b) < 8 {
				return Malformed
			}
			p.Payload, p.Wire, p.Proto = b[8:], p.Wire-8, b[0]
			f := be16(b[2:])
			if f&0xfff9 == 0 {
				continue // atomic, RFC 6946: stands for itself
			}
			k := fragKey{src: p.Src, dst: p.Dst, id: be32(b[4:]), vlan: d.vlan, v6: true}
			if v := d.fragment(k, int(f&0xfff8), f&1 != 0, b[0], p); v != IP {
				return v
			}
			continue
		default:
			return d.dispatch(p)
		}
		if len(b) < n {
			return Malformed
		}
		if p.Proto == extRouting {
			sourceRoute6(b[:n], p)
		}
		p.Payload, p.Wire, p.Proto = b[n:], p.Wire-n, b[0]
	}
}

// sourceRoute6 puts the last address of a routing header that is not used up
// into p.Dst: types 0 (RFC 2460 section 4.4), 2 (RFC 6275 section 6.4) and 4
// (RFC 8754 section 2, where the list is in reverse order).
func sourceRoute6(b []byte, p *Packet) {
	if b[3] == 0 || len(b) < 24 {
		return
	}
	switch b[2] {
	case 0, 2:
		n := 8 + (len(b)-8)/16*16
		p.Dst = events.Addr(b[n-16 : n])
	case 4:
		p.Dst = events.Addr(b[8:24])
	}
}
