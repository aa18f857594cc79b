package filter

// bound is "inbound" and "outbound": the cooked headers of Linux tell the way
// of a packet, 4 is out.
func (p *parser) bound(t token) *cond {
	var way field
	switch {
	case p.h.link == linkSLL && p.h.head == 0:
		way = at(0, 2)
	case p.h.link == linkSLL2 && p.h.head == 0:
		way = at(10, 1)
	default:
		p.fail(t, "packets of link type %s do not tell their direction; sll and sll2 do", p.h.name)
	}
	if t.text == "inbound" {
		return not(way.is(4))
	}
	return way.is(4)
}

// vlan is "vlan" and "vlan ID" (IEEE 802.1Q); what follows in the expression
// is behind the tag.
func (p *parser) vlan(t, id token, hasID bool) *cond {
	h := &p.h
	switch {
	case h.labels > 0:
		p.fail(t, "no vlan is found behind mpls")
	case h.link != linkEther:
		p.fail(t, "there is no vlan %s", h.where())
	case hasID && id.num > 4095:
		p.fail(id, "a VLAN has a number up to 4095")
	}
	typ := at(h.typeOff, 2)
	c := or(or(typ.is(etherVLAN), typ.is(etherQinQ)), typ.is(etherQinQOld))
	if hasID {
		c = and(c, at(h.payload, 2).with(0xfff).is(id.num))
	}
	h.typeOff += 4
	h.payload += 4
	return c
}

// where names the place for messages.
func (h *headers) where() string {
	if h.head > 0 {
		return "behind pppoes"
	}
	if h.link == linkOther {
		return "that could be found: " + h.unknown()
	}
	return "with link type " + h.name
}

// mpls is "mpls" and "mpls LABEL" (RFC 3032); what follows is behind the label.
func (p *parser) mpls(t, label token, hasLabel bool) *cond {
	h := &p.h
	var c *cond
	switch {
	case hasLabel && label.num > 1<<20-1:
		p.fail(label, "an MPLS label has a number up to 1048575")
	case h.labels > 0:
		c = at(h.payload+h.net-2, 1).with(1).is(0) // the label before is not the last
	case h.link == linkEther, h.link == linkCHDLC:
		c = at(h.typeOff, 2).is(etherMPLS)
	case h.link == linkPPP && !h.serial:
		c = at(h.typeOff, 2).is(0x281) // RFC 3032 section 4.3
	default:
		p.fail(t, "there is no mpls %s", h.where())
	}
	if hasLabel {
		c = and(c, h.netAt(0, 4).with(0xfffff000).is(label.num<<12))
	}
	h.net += 4
	h.labels++
	return c
}

// pppoes is "pppoes" and "pppoes SESSION" (RFC 2516); what follows is within
// PPP.
func (p *parser) pppoes(t, session token, hasSession bool) *cond {
	h := &p.h
	if hasSession && session.num > 0xffff {
		p.fail(session, "a PPPoE session has a number up to 65535")
	}
	c := p.carries(etherPPPoES, t)
	if hasSession {
		c = and(c, at(h.payload, 4).with(0xffff).is(session.num))
	}
	h.link, h.serial = linkPPP, false
	h.head = h.payload + 6
	h.typeOff = h.head
	h.payload = h.head + 2
	h.net = 0
	return c
}

// broadcast is "ether broadcast" and "ip broadcast". A capture does not tell
// the mask of the network, so of IPv4 there are all ones and all zeros only.
func (p *parser) broadcast(layer string, t token) *cond {
	switch layer {
	case "", "link":
		if p.h.link != linkEther {
			p.fail(t, "there are no hardware addresses %s", p.h.where())
		}
		return p.hardware(0, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	case "ip":
		dst := p.h.netAt(16, 4)
		return and(p.carries(etherIP, t), or(dst.is(0), dst.is(0xffffffff)))
	}
	p.fail(t, "only ether and ip have broadcasts")
	return nil
}

func (p *parser) multicast(layer string, t token) *cond {
	switch layer {
	case "", "link":
		if p.h.link != linkEther {
			p.fail(t, "there are no hardware addresses %s", p.h.where())
		}
		return at(p.h.head, 1).compare(opJset, 1)
	case "ip":
		return and(p.carries(etherIP, t), p.h.netAt(16, 1).compare(opJge, 224))
	case "ip6":
		return and(p.carries(etherIPv6, t), p.h.netAt(24, 1).is(255))
	}
	p.fail(t, "only ether, ip and ip6 have multicasts")
	return nil
}

// hardware is the condition that the address at off of the Ethernet header is
// mac.
func (p *parser) hardware(off uint32, mac [6]byte) *cond {
	low := uint32(mac[2])<<24 | uint32(mac[3])<<16 | uint32(mac[4])<<8 | uint32(mac[5])
	return and(at(p.h.head+off+2, 4).is(low), at(p.h.head+off, 2).is(uint32(mac[0])<<8|uint32(mac[1])))
}

// layer is the name of a protocol as a term by itself.
func (p *parser) layer(t token) *cond {
	switch t.text {
	case "link":
		p.fail(t, "it says nothing by itself; behind it come host, src, dst, proto, broadcast, multicast or [OFFSET]")
	case "ip", "ip6", "arp", "rarp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "stp", "ipx", "netbeui":
		return p.carries(etherNames[t.text], t)
	case "esis", "clnp", "isis":
		return p.iso(map[string]uint32{"clnp": 0x81, "esis": 0x82, "isis": 0x83}[t.text], t)
	}
	if n, ok := inIP[t.text]; ok {
		return p.ipProto(n, t)
	}
	if n, ok := inIPv4[t.text]; ok {
		return p.ip4Proto(n, t)
	}
	if t.text == "icmp6" {
		return p.ip6Proto(58, t)
	}
	p.fail(t, "%s", notHere[t.text])
	return nil
}

// The protocols that are looked for in IPv4 and IPv6, and in IPv4 only (the
// registry of IANA).
var (
	inIP   = map[string]uint32{"tcp": 6, "udp": 17, "sctp": 132, "esp": 50, "ah": 51, "pim": 103}
	inIPv4 = map[string]uint32{"icmp": 1, "igmp": 2, "igrp": 9, "vrrp": 112, "carp": 112}
)

func (p *parser) ipProto(n uint32, t token) *cond {
	return or(p.ip4Proto(n, t), p.ip6Proto(n, t))
}

func (p *parser) ip4Proto(n uint32, t token) *cond {
	return and(p.carries(etherIP, t), p.h.netAt(9, 1).is(n))
}

// ip6Proto looks at the next header and behind a fragment header (RFC 8200
// section 4.5), but at no other extension header.
func (p *parser) ip6Proto(n uint32, t token) *cond {
	first := p.h.netAt(6, 1)
	return and(p.carries(etherIPv6, t), or(first.is(n), and(first.is(44), p.h.netAt(40, 1).is(n))))
}

// iso is a protocol of OSI, by its network layer protocol identifier (ISO
// 9577), which lies behind IEEE 802.2 or, in PPP, at the front.
func (p *parser) iso(n uint32, t token) *cond {
	off := p.h.payload
	switch p.h.link {
	case linkEther:
		off += 3
	case linkCHDLC:
		off++
	case linkPPP:
	default:
		p.fail(t, "it is not found %s", p.h.where())
	}
	return and(p.carries(sapISO, t), at(off, 1).is(n))
}
