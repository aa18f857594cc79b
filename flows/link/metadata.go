package link

import "github.com/wiretale/wiretale/capture"

// ppi is CACE's Per-Packet Information: version, flags, length and link type,
// little endian.
func (d *Decoder) ppi(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 8 {
		return Malformed
	}
	n, t := int(le16(b[2:])), le32(b[4:])
	if n < 8 || n > len(b) || t > 0xffff {
		return Malformed
	}
	return d.link(linkOf(t), b[n:], wire-n, p)
}

// pktap is LINKTYPE_PKTAP of Darwin: length, kind (1: a packet), link type.
func (d *Decoder) pktap(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 12 {
		return Malformed
	}
	n, kind, t := le32(b), le32(b[4:]), le32(b[8:])
	if n < 12 || int64(n) > int64(len(b)) || t > 0xffff {
		return Malformed
	}
	if kind != 1 {
		return NotIP
	}
	return d.link(linkOf(t), b[n:], wire-int(n), p)
}

// linkOf turns the DLT_ of a running system into a LINKTYPE_ of a file: only
// the low numbers differ.
func linkOf(dlt uint32) capture.LinkType {
	switch dlt {
	case 11:
		return linkATM
	case 12, 14:
		return linkRaw
	}
	return capture.LinkType(dlt)
}

// nflog is LINKTYPE_NFLOG: family, version 0, resource, then values with
// length and type in the byte order of the host that captured.
func (d *Decoder) nflog(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 4 || b[1] != 0 {
		return Malformed
	}
	family := b[0]
	const payload = 9
	get := le16
	if len(b) >= 6 && le16(b[4:]) > be16(b[4:]) && be16(b[4:]) >= 4 {
		get = be16
	}
	b, wire = b[4:], wire-4
	for len(b) >= 4 {
		n, t := int(get(b)), get(b[2:])&0x7fff
		if n < 4 {
			return Malformed
		}
		if t == payload {
			b, wire = cut(b, wire, n)
			b, wire = b[4:], wire-4
			switch family {
			case 2:
				return d.ip4(b, wire, p)
			case 10:
				return d.ip6(b, wire, p)
			}
			return d.raw(b, wire, p)
		}
		n = (n + 3) &^ 3
		if n > len(b) {
			return Malformed
		}
		b, wire = b[n:], wire-n
	}
	return NotIP
}

// pflog is LINKTYPE_PFLOG of the BSDs: its first byte is its length without
// padding, its second the address family.
func (d *Decoder) pflog(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 2 {
		return Malformed
	}
	n := (int(b[0]) + 3) &^ 3
	if n < 4 || n > len(b) {
		return Malformed
	}
	return d.raw(b[n:], wire-n, p)
}

// juniper: a magic number, flags, and where the flags say so extensions with
// their length; then the link layer, or IP where that was taken away.
func (d *Decoder) juniper(t capture.LinkType, b []byte, wire int, p *Packet) Verdict {
	const noLink, extended = 0x02, 0x80
	if len(b) < 4 || be32(b)>>8 != 0x4d4743 {
		return Malformed
	}
	n := 4
	if b[3]&extended != 0 {
		if len(b) < 6 {
			return Malformed
		}
		n += 2 + int(be16(b[4:]))
	}
	if len(b) < n {
		return Malformed
	}
	raw := b[3]&noLink != 0
	b, wire = b[n:], wire-n
	if raw {
		if len(b) < 4 { // the protocol family, in the host's byte order
			return Malformed
		}
		return d.raw(b[4:], wire-4, p)
	}
	switch t {
	case linkJuniperEther:
		return d.ethernet(b, wire, p)
	case linkJuniperFR:
		return d.frameRelay(b, wire, p)
	}
	return d.pppHDLC(b, wire, p)
}
