package link

// frameRelay is RFC 2427 section 4: a Q.922 address whose last byte is odd,
// control 0x03, and an NLPID. Cisco's own form has an Ethernet type instead.
func (d *Decoder) frameRelay(b []byte, wire int, p *Packet) Verdict {
	if !d.layer(b) {
		return Unknown
	}
	n := 0
	for {
		if n >= len(b) || n >= 4 {
			return Malformed
		}
		n++
		if b[n-1]&1 != 0 {
			break
		}
	}
	if n < 2 || len(b) < n+2 {
		return Malformed
	}
	b, wire = b[n:], wire-n
	if b[0] != 0x03 {
		t := be16(b)
		if t == 0x0308 || b[0] == 0x08 && b[1] != 0 {
			return NotIP // Q.933 signalling
		}
		return d.etherType(t, b[2:], wire-2, p)
	}
	return d.nlpid(b[1:], wire-1, p)
}
