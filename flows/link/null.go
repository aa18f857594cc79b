package link

// null is LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the byte order
// of the host that captured, or in network byte order. Families are below
// 256, so which of the two shows. IPv6 has a number of its own in each system.
func (d *Decoder) null(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 4 {
		return Malformed
	}
	af := be32(b)
	if af > 0xffff {
		af = le32(b)
	}
	b, wire = b[4:], wire-4
	switch af {
	case 2: // AF_INET everywhere
		return d.ip4(b, wire, p)
	case 24, 28, 30, 10: // NetBSD and OpenBSD, FreeBSD, Darwin, Linux
		return d.ip6(b, wire, p)
	case 7, 23: // OSI, and IPX or IPv6 of Windows
		if af == 23 && len(b) > 0 && b[0]>>4 == 6 {
			return d.ip6(b, wire, p)
		}
		return NotIP
	}
	if af > 1500 { // some systems write an Ethernet type
		return d.etherType(uint16(af), b, wire, p)
	}
	return Unknown
}
