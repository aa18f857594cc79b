package link

// tokenRing is IEEE 802.5 section 3.2: access and frame control, addresses,
// routing information where the source address says so, LLC.
func (d *Decoder) tokenRing(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 14 {
		return Malformed
	}
	if b[1]&0xc0 != 0x40 { // frame control: LLC frames only
		return NotIP
	}
	n := 14
	if b[8]&0x80 != 0 && len(b) > n {
		n += int(b[14] & 0x1f)
	}
	if len(b) < n {
		return Malformed
	}
	return d.llc(b[n:], wire-n, p)
}

// Protocol identifiers of ARCNET (RFC 1201 section 2; ATA 878.2 list).
const (
	arcIPOld = 240 // RFC 1051
	arcIP    = 212
	arcIPv6  = 196
)

// arcnet is LINKTYPE_ARCNET_BSD: addresses, protocol, and for protocols of
// RFC 1201 a split flag and a sequence number.
func (d *Decoder) arcnet(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 3 {
		return Malformed
	}
	if b[2] == arcIPOld {
		return d.ip4(b[3:], wire-3, p)
	}
	n := 6
	if len(b) > 3 && b[3] == 0xff { // exception: the real flag follows
		n = 10
	}
	return d.arcnetBody(b[2], b, n, n-3, wire, p)
}

// arcnetLinux is LINKTYPE_ARCNET_LINUX: two more bytes before the protocol.
func (d *Decoder) arcnetLinux(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 5 {
		return Malformed
	}
	if b[4] == arcIPOld {
		return d.ip4(b[5:], wire-5, p)
	}
	return d.arcnetBody(b[4], b, 8, 5, wire, p)
}

func (d *Decoder) arcnetBody(proto uint8, b []byte, n, flag, wire int, p *Packet) Verdict {
	if proto != arcIP && proto != arcIPv6 {
		return NotIP
	}
	if len(b) < n {
		return Malformed
	}
	if b[flag] != 0 {
		return Unknown // one of several parts
	}
	if proto == arcIPv6 {
		return d.ip6(b[n:], wire-n, p)
	}
	return d.ip4(b[n:], wire-n, p)
}

// clip is Classical IP over ATM (RFC 2225) as Linux hands it up: with LLC or
// without.
func (d *Decoder) clip(b []byte, wire int, p *Packet) Verdict {
	if len(b) >= 3 && b[0] == 0xaa && b[1] == 0xaa && b[2] == 0x03 {
		return d.llc(b, wire, p)
	}
	return d.raw(b, wire, p)
}

// sunATM: the low nibble of the first byte says what the circuit carries.
func (d *Decoder) sunATM(kind uint8, b []byte, wire int, p *Packet) Verdict {
	switch kind & 0x0f {
	case 1: // LAN emulation: a client identifier, then Ethernet
		if len(b) < 2 {
			return Malformed
		}
		return d.etherType(etherBridge, b[2:], wire-2, p)
	case 2:
		return d.llc(b, wire, p)
	}
	return NotIP
}
