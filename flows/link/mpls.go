package link

// Label values of RFC 3032 section 2.1 and RFC 5586 section 4.
const (
	labelIPv4Null = 0
	labelIPv6Null = 2
	labelGAL      = 13
)

// mpls is RFC 3032 section 2.1. What is under the stack is not announced; it
// is told by its first nibble (RFC 4928 section 3), as Wireshark does.
func (d *Decoder) mpls(b []byte, wire int, p *Packet) Verdict {
	var label uint32
	for {
		if len(b) < 4 {
			return Malformed
		}
		e := be32(b)
		label = e >> 12
		b, wire = b[4:], wire-4
		if e&0x100 != 0 { // bottom of stack
			break
		}
	}
	if len(b) == 0 {
		return Malformed
	}
	switch {
	case label == labelIPv4Null:
		return d.ip4(b, wire, p)
	case label == labelIPv6Null:
		return d.ip6(b, wire, p)
	}
	switch b[0] >> 4 {
	case 4:
		if v := d.ip4(b, wire, p); v != Malformed {
			return v
		}
	case 6:
		if v := d.ip6(b, wire, p); v != Malformed {
			return v
		}
	case 1:
		if v, ok := d.ach(b, wire, p); ok || label == labelGAL {
			return v
		}
	case 0:
		return d.pseudowire(b, wire, p)
	}
	if strongEther(b) || weakEther(b, wire) {
		return d.etherType(etherBridge, b, wire, p)
	}
	return Unknown
}

// pseudowire: Ethernet with or without the control word of RFC 4448 section
// 4.6, four bytes whose first nibble is 0, as it is in many MAC addresses.
func (d *Decoder) pseudowire(b []byte, wire int, p *Packet) Verdict {
	word := len(b) > 4
	switch {
	case word && strongEther(b[4:]):
	case strongEther(b):
		word = false
	case word && be32(b)>>16 == 0 && weakEther(b[4:], wire-4):
	case weakEther(b, wire):
		word = false
	case word && be32(b) == 0: // an unknown type behind an unused control word
	default:
		return Unknown
	}
	if word {
		b, wire = b[4:], wire-4
	}
	return d.etherType(etherBridge, b, wire, p)
}

// ach is the associated channel header, RFC 4385 section 5, with the channel
// types that hold IP.
func (d *Decoder) ach(b []byte, wire int, p *Packet) (Verdict, bool) {
	if len(b) < 4 {
		return Malformed, false
	}
	if b[0]&0x0f != 0 || b[1] != 0 {
		return Unknown, false
	}
	switch be16(b[2:]) {
	case 0x0021:
		return d.ip4(b[4:], wire-4, p), true
	case 0x0057:
		return d.ip6(b[4:], wire-4, p), true
	}
	return NotIP, false
}
