package link

// PPP protocol numbers (iana.org/assignments/ppp-numbers).
const (
	pppIPv4   = 0x0021
	pppBridge = 0x0031 // RFC 3518
	pppMulti  = 0x003d // RFC 1990
	pppIPv6   = 0x0057
	pppMPLS   = 0x0281
	pppMPLSMu = 0x0283
)

// ppp is RFC 1661 section 2, with or without the address and control fields
// of RFC 1662 section 3.1; the protocol field may be compressed to one byte.
func (d *Decoder) ppp(b []byte, wire int, p *Packet) Verdict {
	if !d.layer(b) {
		return Unknown
	}
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b, wire = b[2:], wire-2
	}
	if len(b) < 1 {
		return Malformed
	}
	proto := uint16(b[0])
	n := 1
	if proto&1 == 0 {
		if len(b) < 2 {
			return Malformed
		}
		proto = be16(b)
		n = 2
	}
	b, wire = b[n:], wire-n
	switch proto {
	case pppIPv4:
		return d.ip4(b, wire, p)
	case pppIPv6:
		return d.ip6(b, wire, p)
	case pppMPLS, pppMPLSMu:
		return d.mpls(b, wire, p)
	case pppMulti:
		// A packet that fits one fragment begins and ends in it.
		if len(b) < 4 {
			return Malformed
		}
		if b[0]&0xc0 != 0xc0 {
			return Unknown
		}
		return d.ppp(b[4:], wire-4, p)
	case pppBridge:
		// RFC 3518 section 4.1: flags and pads, MAC type (1: Ethernet).
		if len(b) < 2 {
			return Malformed
		}
		if b[1] != 1 {
			return NotIP
		}
		return d.etherType(etherBridge, b[2:], wire-2, p)
	case 0x002d, 0x002f, 0x004d, 0x00fb, 0x00fd, 0x0053, 0x0055, 0x0061, 0x0063, 0x0065, 0x0067, 0x0069:
		return Unknown // compressed or encrypted
	}
	return NotIP // LCP, IPCP, PAP, CHAP, other network layers
}

// pppHDLC is what LINKTYPE_PPP and LINKTYPE_PPP_HDLC hold: PPP, or the HDLC
// of Cisco, told apart by the address byte.
func (d *Decoder) pppHDLC(b []byte, wire int, p *Packet) Verdict {
	if len(b) >= 1 && (b[0] == 0x0f || b[0] == 0x8f) {
		return d.ciscoHDLC(b, wire, p)
	}
	return d.ppp(b, wire, p)
}

// ciscoHDLC is RFC 4349 section 2: address, control, Ethernet type.
func (d *Decoder) ciscoHDLC(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 4 {
		return Malformed
	}
	switch t := be16(b[2:]); t {
	case 0x8035, 0x2000, 0xfefe: // SLARP, CDP, OSI
		return NotIP
	default:
		return d.etherType(t, b[4:], wire-4, p)
	}
}

// pppoe is RFC 2516 section 4: version and type 1, code 0 for a session.
func (d *Decoder) pppoe(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 6 {
		return Malformed
	}
	if b[0] != 0x11 || b[1] != 0 {
		return NotIP
	}
	n := int(be16(b[4:]))
	b, wire = b[6:], wire-6
	if n > 0 {
		b, wire = cut(b, wire, n)
	}
	return d.ppp(b, wire, p)
}
