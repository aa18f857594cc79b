package link

// Bits of the IEEE 802.11 frame control field, second byte (section 9.2.4.1).
const (
	wlanToDS      = 0x01
	wlanFromDS    = 0x02
	wlanMore      = 0x04 // more fragments
	wlanProtected = 0x40
	wlanOrder     = 0x80 // in QoS data: HT control is there
)

// wlan is an IEEE 802.11 frame (section 9.3.2). padded: the header is filled
// up to a multiple of 4 bytes, as some drivers do.
func (d *Decoder) wlan(b []byte, wire int, padded bool, p *Packet) Verdict {
	if len(b) < 2 {
		return Malformed
	}
	if b[0]&3 != 0 {
		return Unknown // protocol version
	}
	const data, noData, qos = 2, 4, 8
	sub := b[0] >> 4
	if b[0]>>2&3 != data || sub&noData != 0 {
		return NotIP
	}
	flags := b[1]
	n := 24
	if flags&(wlanToDS|wlanFromDS) == wlanToDS|wlanFromDS {
		n = 30 // four addresses
	}
	amsdu := false
	if sub&qos != 0 {
		if len(b) < n+2 {
			return Malformed
		}
		amsdu = b[n]&0x80 != 0
		n += 2
		if flags&wlanOrder != 0 {
			n += 4
		}
	}
	if padded {
		n = (n + 3) &^ 3
	}
	if len(b) < n {
		return Malformed
	}
	if flags&wlanMore != 0 || b[22]&0x0f != 0 {
		return Unknown // a fragment of an 802.11 frame
	}
	if flags&wlanProtected != 0 {
		iv := clearText(b[n:])
		if iv < 0 {
			return Unknown
		}
		return d.llc(b[n+iv:], wire-n-iv, p)
	}
	src, dst := wlanEnds(b, flags)
	b, wire = b[n:], wire-n
	if amsdu {
		return d.amsdu(b, wire, p)
	}
	if sub&qos != 0 {
		if m := meshControl(b); m > 0 {
			b, wire = b[m:], wire-m
		}
	}
	// Some cards put the whole Ethernet frame into the body.
	if len(b) >= 14 && ([6]byte(b) == dst || [6]byte(b[6:]) == src) {
		return d.etherType(etherBridge, b, wire, p)
	}
	return d.llc(b, wire, p)
}

// clearText: some drivers decrypt a frame and leave its flag, and the IV of
// WEP (4 bytes) or the header of TKIP and CCMP (8 bytes), where they were. It
// is the length of that, or -1 where the body is encrypted: six bytes of SNAP
// header do not come about by chance.
func clearText(b []byte) int {
	for _, n := range [...]int{0, 4, 8} {
		if len(b) >= n+6 && be32(b[n:]) == 0xaaaa0300 && be16(b[n+4:]) == 0 {
			return n
		}
	}
	return -1
}

// meshControl is the length of the mesh control field (section 9.2.4.7.3)
// that b begins with. The bit that announces it means something else outside
// of a mesh and is not set by older drivers, so what counts is that a SNAP
// header stands behind the field.
func meshControl(b []byte) int {
	if len(b) < 12 || be16(b) == 0xaaaa {
		return 0
	}
	n := 6 + [4]int{0, 6, 12, 0}[b[0]&3]
	if len(b) < n+6 || be32(b[n:]) != 0xaaaa0300 || be16(b[n+4:]) != 0 {
		return 0
	}
	return n
}

// wlanEnds are the source and destination of a data frame (table 9-30).
func wlanEnds(b []byte, flags uint8) (src, dst [6]byte) {
	a1, a2, a3 := [6]byte(b[4:]), [6]byte(b[10:]), [6]byte(b[16:])
	switch flags & (wlanToDS | wlanFromDS) {
	case 0:
		return a2, a1
	case wlanToDS:
		return a2, a3
	case wlanFromDS:
		return a3, a1
	}
	return [6]byte(b[24:]), a3
}

// amsdu is section 9.3.2.2.2: several frames, each filled up to 4 bytes. The
// last that is IP is the answer, those before it go to Also.
func (d *Decoder) amsdu(b []byte, wire int, p *Packet) Verdict {
	found := NotIP
	for len(b) >= 14 {
		n := 14 + int(be16(b[12:]))
		sub, subWire := cut(b, wire, n)
		mark := len(d.also)
		if found == IP {
			d.also = append(d.also, *p)
		}
		v := d.llc(sub[14:], subWire-14, p)
		switch {
		case v == IP:
			found = IP
		case found == IP: // the one before it stays the answer
			*p = d.also[mark]
			d.also = d.also[:mark]
		case v == Fragment || found == NotIP:
			found = v
		}
		n = (n + 3) &^ 3
		if n >= len(b) {
			break
		}
		b, wire = b[n:], wire-n
	}
	return found
}

// radiotap is www.radiotap.org: version, pad, length and bitmaps, little
// endian. Only the field "flags" matters here.
func (d *Decoder) radiotap(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 8 {
		return Malformed
	}
	n := int(le16(b[2:]))
	if b[0] != 0 || n < 8 || n > len(b) {
		return Malformed
	}
	const (
		tsft, flags, more = 1 << 0, 1 << 1, 1 << 31
		fcs, pad, badFCS  = 0x10, 0x20, 0x40
	)
	var f uint8
	if present := le32(b[4:]); present&flags != 0 {
		at := 8
		for w := present; w&more != 0 && at+4 <= n; at += 4 {
			w = le32(b[at:])
		}
		if present&tsft != 0 {
			at = (at+7)&^7 + 8
		}
		if at < n {
			f = b[at]
		}
	}
	b, wire = b[n:], wire-n
	if f&fcs != 0 {
		b, wire = cut(b, wire, max(0, wire-4))
	}
	if f&badFCS != 0 {
		return Malformed
	}
	return d.wlan(b, wire, f&pad != 0, p)
}

// prism is the header of wlan-ng and others: 144 bytes, or the newer AVS
// header, which says so in its first word.
func (d *Decoder) prism(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 8 {
		return Malformed
	}
	n := int(be32(b[4:]))
	if be32(b)&0xfffff000 != 0x80211000 {
		// Host byte order: the lesser of the two is meant.
		if m := int(le32(b[4:])); m < n {
			n = m
		}
	}
	if n < 8 || n > len(b) {
		return Malformed
	}
	return d.wlan(b[n:], wire-n, false, p)
}
