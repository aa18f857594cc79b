package link

// ARPHRD_ values that change the meaning of the protocol field
// (www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html).
const (
	arphrdIPGRE    = 778
	arphrdWLAN     = 801
	arphrdPrism    = 802
	arphrdRadiotap = 803
	arphrdNetlink  = 824
)

// sll is LINKTYPE_LINUX_SLL: packet type, ARPHRD_ type, address length,
// address (8 bytes), protocol.
func (d *Decoder) sll(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 16 {
		return Malformed
	}
	return d.cooked(be16(b[2:]), be16(b[14:]), b[16:], wire-16, p)
}

// sll2 is LINKTYPE_LINUX_SLL2: protocol, reserved, interface, ARPHRD_ type,
// packet type, address length, address (8 bytes).
func (d *Decoder) sll2(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 20 {
		return Malformed
	}
	return d.cooked(be16(b[8:]), be16(b), b[20:], wire-20, p)
}

func (d *Decoder) cooked(hardware, proto uint16, b []byte, wire int, p *Packet) Verdict {
	if hardware == arphrdNetlink {
		return NotIP
	}
	if proto > 1500 {
		return d.etherType(proto, b, wire, p)
	}
	switch hardware { // a monitor interface: no protocol, whole 802.11 frames
	case arphrdWLAN:
		return d.wlan(b, wire, false, p)
	case arphrdPrism:
		return d.prism(b, wire, p)
	case arphrdRadiotap:
		return d.radiotap(b, wire, p)
	}
	switch proto {
	case 0x0001: // IPX right behind the length
		return NotIP
	case 0x0004:
		return d.llc(b, wire, p)
	case 0x000c, 0x000d, 0x000e: // CAN
		return NotIP
	case 0:
		if hardware == arphrdIPGRE {
			return NotIP // a keep-alive
		}
	}
	return Unknown
}
