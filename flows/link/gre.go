package link

// Flags of GRE: RFC 1701, RFC 2784, RFC 2890; of its version 1: RFC 2637
// section 4.1.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // version 1
	greVersion  = 0x0007
)

// Protocol types that only GRE has; the others are Ethernet types.
const (
	greERSPAN2 = 0x88be // types I and II
	greERSPAN3 = 0x22eb
	greWCCP    = 0x883e
)

// gre decodes the GRE packet in p.Payload.
func (d *Decoder) gre(p *Packet) Verdict {
	b, wire := p.Payload, p.Wire
	if len(b) < 4 {
		return IP
	}
	flags, t := be16(b), be16(b[2:])
	n := 4
	switch flags & greVersion {
	case 0:
		if flags&(greChecksum|greRouting) != 0 {
			n += 4 // checksum and offset are there together
		}
		if flags&greKey != 0 {
			n += 4
		}
		if flags&greSequence != 0 {
			n += 4
		}
		if flags&greRouting != 0 {
			if n = greRoute(b, n); n < 0 {
				return IP
			}
		}
	case 1:
		n += 4 // the key is payload length and call
		if flags&greSequence != 0 {
			n += 4
		}
		if flags&greAck != 0 {
			n += 4
		}
	default:
		return IP
	}
	if len(b) < n {
		return IP
	}
	b, wire = b[n:], wire-n
	switch t {
	case greERSPAN2, greERSPAN3:
		if t == greERSPAN3 || flags&greSequence != 0 { // type I has no header
			n, t = erspan(b)
			if n < 0 {
				return IP
			}
			b, wire = b[n:], wire-n
		} else {
			t = etherBridge
		}
	case greWCCP:
		// Version 2 puts 4 bytes before the packet, version 1 does not.
		if len(b) >= 5 && b[0]>>4 != 4 {
			b, wire = b[4:], wire-4
		}
		t = etherIPv4
	}
	v, _ := d.inside(t, b, wire, p)
	return v
}

// greRoute is the end of the source route entries at n (RFC 1701), -1 when it
// is cut off.
func greRoute(b []byte, n int) int {
	for len(b) >= n+4 {
		af, size := be16(b[n:]), int(b[n+3])
		n += 4 + size
		if af == 0 && size == 0 {
			return n
		}
	}
	return -1
}

// erspan gives the length of the ERSPAN header that b begins with, -1 for one
// that is not known, and what follows it (draft-foschiano-erspan).
func erspan(b []byte) (n int, t uint16) {
	if len(b) < 8 {
		return -1, 0
	}
	switch b[0] >> 4 {
	case 1:
		return 8, etherBridge
	case 2:
		if len(b) < 12 {
			return -1, 0
		}
		f := be16(b[10:])
		n = 12
		if f&1 != 0 { // platform specific part
			n += 8
		}
		if len(b) <= n {
			return -1, 0
		}
		if f>>10&0x1f == 2 { // frame type: IP
			return n, ipType(b[n:])
		}
		return n, etherBridge
	}
	return -1, 0
}

// ipType is the Ethernet type of an IP packet by its version, for another one that
// nothing knows.
func ipType(b []byte) uint16 {
	if len(b) > 0 {
		switch b[0] >> 4 {
		case 4:
			return etherIPv4
		case 6:
			return etherIPv6
		}
	}
	return 0xffff
}
