package link

// Ethernet type fields (IEEE 802 numbers, iana.org/assignments/ieee-802-numbers).
const (
	etherIPv4       = 0x0800
	etherARP        = 0x0806
	etherTRILL      = 0x22f3
	etherWLAN       = 0x2452 // 802.11 frames, as some access points send them
	etherBridge     = 0x6558 // transparent Ethernet bridging, RFC 1701
	etherFrameRelay = 0x6559
	etherEoIP       = 0x6400 // MikroTik's Ethernet in GRE
	etherVLAN       = 0x8100 // IEEE 802.1Q
	etherIPv6       = 0x86dd
	etherPPP        = 0x880b
	etherMPLS       = 0x8847
	etherMPLSMulti  = 0x8848
	etherPPPoEDisc  = 0x8863
	etherPPPoE      = 0x8864
	etherJumboLLC   = 0x8870
	etherQinQ       = 0x88a8 // IEEE 802.1ad
	etherMACsec     = 0x88e5
	etherITag       = 0x88e7 // IEEE 802.1ah
	etherCMD        = 0x8909 // Cisco MetaData
	etherVNTag      = 0x8926
	etherHSR        = 0x892f
	etherETag       = 0x893f // IEEE 802.1BR
	etherNSH        = 0x894f
	etherQinQ1      = 0x9100 // before 802.1ad
	etherQinQ2      = 0x9200
	etherQinQ3      = 0x9300
	etherRTag       = 0xf1c1 // IEEE 802.1CB
)

// ethernet is IEEE 802.3 section 3.1: destination, source, type or length.
func (d *Decoder) ethernet(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 14 {
		return Malformed
	}
	switch t := be16(b[12:]); t {
	case etherIPv4:
		return d.ip4(b[14:], wire-14, p)
	case etherIPv6:
		return d.ip6(b[14:], wire-14, p)
	case etherVLAN:
		// The one tag of most captures, without the detour.
		if len(b) >= 18 {
			d.vlan = be16(b[14:]) & 0x0fff
			switch be16(b[16:]) {
			case etherIPv4:
				return d.ip4(b[18:], wire-18, p)
			case etherIPv6:
				return d.ip6(b[18:], wire-18, p)
			}
		}
		return d.etherType(t, b[14:], wire-14, p)
	default:
		if t <= 1500 && isISL(b) {
			return d.isl(b, wire, p)
		}
		return d.etherType(t, b[14:], wire-14, p)
	}
}

// isISL: Cisco's Inter-Switch Link frames go to one of two group addresses.
func isISL(b []byte) bool {
	return (b[0] == 0x01 || b[0] == 0x03) && b[1] == 0 && b[2] == 0x0c && b[3] == 0 && b[4] == 0
}

// isl: 26 bytes before an Ethernet frame; the type is the high half of byte 5.
func (d *Decoder) isl(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 26 || !d.layer(b) {
		return Malformed
	}
	if b[5]>>4 != 0 {
		return Unknown
	}
	d.vlan = be16(b[20:]) >> 1 & 0x0fff
	return d.ethernet(b[26:], wire-26, p)
}

// etherType decodes what an Ethernet type announces; t <= 1500 is a length
// with LLC behind it (IEEE 802.3 section 3.2.6).
func (d *Decoder) etherType(t uint16, b []byte, wire int, p *Packet) Verdict {
	if !d.layer(b) {
		return Unknown
	}
	for {
		skip := 0 // bytes before the next type, which is the tag's last field
		switch t {
		case etherIPv4:
			return d.ip4(b, wire, p)
		case etherIPv6:
			return d.ip6(b, wire, p)
		case etherVLAN, etherQinQ, etherQinQ1, etherQinQ2, etherQinQ3:
			if len(b) < 4 {
				return Malformed
			}
			d.vlan = be16(b) & 0x0fff
			skip = 2
		case etherVNTag:
			skip = 4
		case etherHSR, etherRTag:
			skip = 4
		case etherETag, etherCMD:
			skip = 6
		case etherITag:
			// Four bytes of tag, then the customer's whole frame.
			if len(b) < 4 {
				return Malformed
			}
			return d.ethernet(b[4:], wire-4, p)
		case etherWLAN:
			return d.wlan(b, wire, false, p)
		case etherBridge, etherEoIP:
			return d.ethernet(b, wire, p)
		case etherMPLS, etherMPLSMulti:
			return d.mpls(b, wire, p)
		case etherPPPoE:
			return d.pppoe(b, wire, p)
		case etherPPP:
			return d.ppp(b, wire, p)
		case etherFrameRelay:
			return d.frameRelay(b, wire, p)
		case etherJumboLLC:
			return d.llc(b, wire, p)
		case etherTRILL:
			return d.trill(b, wire, p)
		case etherNSH:
			return d.nsh(b, wire, p)
		case etherMACsec:
			return d.macsec(b, wire, p)
		default:
			if t <= 1500 {
				b, wire = cut(b, wire, int(t))
				return d.llc(b, wire, p)
			}
			return notIP(t)
		}
		if len(b) < skip+2 {
			return Malformed
		}
		t = be16(b[skip:])
		b, wire = b[skip+2:], wire-skip-2
	}
}

// notIP tells protocols that are known to carry no IP from ones that nobody
// here has heard of.
func notIP(t uint16) Verdict {
	switch t {
	case etherARP,
		etherPPPoEDisc,
		0x0842,                 // Wake-on-LAN
		0x2000, 0x2004, 0x200e, // CDP, DTP, …
		0x6000, 0x6001, 0x6002, 0x6003, 0x6004, 0x6005, 0x6006, 0x6007, // DEC
		0x8035,         // RARP
		0x809b, 0x80f3, // AppleTalk, AARP
		0x8137, 0x8138, // IPX
		0x8808, 0x8809, // pause, slow protocols
		0x887b, 0x887e, // HomePlug
		0x888e,         // EAPOL
		0x8892,         // PROFINET
		0x889a,         // HyperSCSI
		0x88a2,         // ATA over Ethernet
		0x88a4,         // EtherCAT
		0x88ab,         // POWERLINK
		0x88b8, 0x88b9, // GOOSE, GSE
		0x88ba,         // sampled values
		0x88bf,         // MikroTik RoMON
		0x88c7,         // 802.11i pre-authentication
		0x88ca,         // TIPC
		0x88cc,         // LLDP
		0x88cd,         // SERCOS III
		0x88d9,         // LLTD
		0x88dc,         // WSMP
		0x88e1,         // HomePlug AV
		0x88e3,         // MRP
		0x88f5, 0x88f6, // MVRP, MMRP
		0x88f7,         // PTP
		0x88f8,         // NC-SI
		0x88fb,         // PRP
		0x8902,         // CFM
		0x8906, 0x8914, // FCoE, FIP
		0x8915, // RoCE
		0x8940, // EVB
		0x8947, // GeoNetworking
		0x9000, // loopback test
		0x9003: // HDLC keep-alive
		return NotIP
	}
	return Unknown
}

// trill is RFC 6325 section 3: options in units of 4 bytes, then an Ethernet
// frame.
func (d *Decoder) trill(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 6 {
		return Malformed
	}
	n := 6 + int(be16(b)>>6&0x1f)*4
	if len(b) < n {
		return Malformed
	}
	return d.ethernet(b[n:], wire-n, p)
}

// nsh is RFC 8300 section 2.2: its length is in units of 4 bytes.
func (d *Decoder) nsh(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 8 {
		return Malformed
	}
	n := int(b[1]&0x3f) * 4
	if n < 8 || len(b) < n {
		return Malformed
	}
	return d.nextProtocol(b[3], b[n:], wire-n, p)
}

// nextProtocol is the one-byte field that NSH and VXLAN-GPE share.
func (d *Decoder) nextProtocol(next uint8, b []byte, wire int, p *Packet) Verdict {
	switch next {
	case 1:
		return d.ip4(b, wire, p)
	case 2:
		return d.ip6(b, wire, p)
	case 3:
		return d.etherType(etherBridge, b, wire, p)
	case 4:
		return d.etherType(etherNSH, b, wire, p)
	case 5:
		return d.etherType(etherMPLS, b, wire, p)
	}
	return Unknown
}

// macsec is IEEE 802.1AE section 9: the content is readable only where the
// frame is protected and not encrypted (E and C are both 0).
func (d *Decoder) macsec(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 6 {
		return Malformed
	}
	const (
		explicitSCI = 0x20
		encrypted   = 0x08
		changed     = 0x04
		icv         = 16
	)
	if b[0]&(encrypted|changed) != 0 {
		return Unknown
	}
	n := 6
	if b[0]&explicitSCI != 0 {
		n += 8
	}
	if len(b) < n+2 || wire < n+2+icv {
		return Malformed
	}
	t := be16(b[n:])
	b, wire = cut(b[n+2:], wire-n-2, wire-n-2-icv)
	return d.etherType(t, b, wire, p)
}
