package link

// llc is IEEE 802.2: two service access points, a control field of one byte
// (unnumbered) or two, and behind SAP 0xaa the SNAP of RFC 1042.
func (d *Decoder) llc(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 3 {
		if wire < 3 {
			return NotIP
		}
		return Malformed
	}
	if b[0] == 0xff && b[1] == 0xff {
		return NotIP // IPX right behind the length
	}
	n := 4
	if b[2]&3 == 3 {
		n = 3
	}
	switch {
	case b[0] == 0xaa && b[1] == 0xaa && b[2] == 3:
		return d.snap(b[3:], wire-3, p)
	case b[0] == 0x06 && len(b) >= n: // IP itself, IEEE 802.2 reserved SAP
		return d.ip4(b[n:], wire-n, p)
	case b[0] == 0xfe && b[2] == 3 && len(b) > 3:
		return d.nlpid(b[3:], wire-3, p)
	}
	return NotIP
}

// snap: an organisation and a number of its own (RFC 1042; RFC 2684 section
// 5.2 for the bridged ones).
func (d *Decoder) snap(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 5 {
		return Malformed
	}
	pid := be16(b[3:])
	switch org := be32(b) >> 8; org {
	case 0x000000, 0x0000f8:
		if pid <= 1500 {
			return NotIP
		}
		return d.etherType(pid, b[5:], wire-5, p)
	case 0x0080c2: // IEEE 802.1, bridged
		skip := 5
		switch pid {
		case 0x0001, 0x0007:
			// Over ATM two bytes of padding come first. An Ethernet frame is
			// recognised by its type where there is a choice.
			if len(b) >= 5+2+14 && strongEther(b[5+2:]) && !strongEther(b[5:]) {
				skip += 2
			}
			return d.etherType(etherBridge, b[skip:], wire-skip, p)
		case 0x000e:
			return NotIP // spanning tree
		}
		return Unknown
	}
	return NotIP
}

// nlpid is ISO/IEC TR 9577 as used by RFC 2427 and RFC 2684 section 5.1.
func (d *Decoder) nlpid(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 1 {
		return Malformed
	}
	if b[0] == 0x00 && len(b) > 1 { // a byte of padding before SNAP
		b, wire = b[1:], wire-1
	}
	switch b[0] {
	case 0xcc:
		return d.ip4(b[1:], wire-1, p)
	case 0x8e:
		return d.ip6(b[1:], wire-1, p)
	case 0x80:
		return d.snap(b[1:], wire-1, p)
	case 0xcf:
		return d.ppp(b[1:], wire-1, p)
	case 0x81, 0x82, 0x83, 0x08, 0xb0, 0xb1: // OSI, Q.933, compression, fragments
		return NotIP
	}
	return Unknown
}

// strongEther: b begins like an Ethernet frame of a type that is common.
// A multicast source address does not exist.
func strongEther(b []byte) bool {
	if len(b) < 14 || b[6]&1 != 0 {
		return false
	}
	switch be16(b[12:]) {
	case etherIPv4, etherIPv6:
		return len(b) == 14 || b[14]>>4 == 4 || b[14]>>4 == 6
	case etherARP, etherVLAN, etherQinQ, etherQinQ1, etherQinQ2, etherMPLS, etherMPLSMulti,
		etherPPPoE, etherPPPoEDisc, 0x88cc, 0x8809, 0x888e, 0x8902, 0x9000:
		return true
	}
	return false
}

// weakEther: b begins like an 802.3 frame with LLC.
func weakEther(b []byte, wire int) bool {
	if len(b) < 17 || b[6]&1 != 0 {
		return false
	}
	n := int(be16(b[12:]))
	return n >= 3 && n <= 1500 && n <= wire-14
}
