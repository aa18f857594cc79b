package filter

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// named is what q says of a name or an address.
func (p *parser) named(q qualifiers) *cond {
	t := p.next()
	if t.kind == tokV4 || t.kind == tokV6 {
		switch q.kind {
		case kindPort, kindPortrange, kindProto:
			p.fail(t, "an address cannot stand behind %q", p.expr[q.word.off:q.word.end])
		}
	}
	switch t.kind {
	case tokV4:
		addr, bits := p.v4(t)
		switch {
		case p.take("/"):
			n := p.next()
			if n.kind != tokNum || n.num > 32 {
				p.fail(n, "behind an IPv4 network and / there is a number up to 32")
			}
			return p.network(q, t, addr, uint32(uint64(noMask)<<(32-n.num)))
		case p.take("mask"):
			m := p.next()
			if m.kind != tokV4 {
				p.fail(m, "behind mask there is a mask such as 255.255.255.0")
			}
			mask, _ := p.v4(m)
			return p.network(q, t, addr, mask)
		}
		return p.host(q, t, addr, uint32(uint64(noMask)<<(32-bits)))
	case tokV6:
		return p.v6(q, t)
	case tokMAC:
		return p.mac(q, t)
	case tokName:
		return p.name(q, t)
	}
	p.fail(t, "%s", p.misplaced(t))
	return nil
}

// v4 is an address of 2 to 4 parts, with as many bits as were given.
func (p *parser) v4(t token) (addr uint32, bits int) {
	for part := range strings.SplitSeq(t.text, ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || n > 255 {
			p.fail(t, "a part of an IPv4 address is more than 255")
		}
		if len(part) > 3 {
			p.fail(t, "a part of an IPv4 address has more than 3 digits")
		}
		addr = addr<<8 | uint32(n)
		bits += 8
	}
	return addr << (32 - bits), bits
}

// network is an IPv4 network with its mask.
func (p *parser) network(q qualifiers, t token, addr, mask uint32) *cond {
	if q.kind != kindNet {
		p.fail(t, "an address with a mask is a network: write net")
	}
	if addr&^mask != 0 {
		p.fail(t, "bits are set that the mask leaves out; the network is %s", netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, addr&mask))))
	}
	return p.host(q, t, addr, mask)
}

// numbered is what q says of a number.
func (p *parser) numbered(q qualifiers, t token) *cond {
	switch q.kind {
	case kindPort:
		return p.port(q, t, t.num, t.num, protoPort(q.layer))
	case kindPortrange:
		return p.port(q, t, t.num, t.num, protoPort(q.layer))
	case kindProto:
		return p.proto(q, t, t.num)
	}
	if q.layer == "link" {
		p.fail(t, "a hardware address is written 00:11:22:aa:bb:cc")
	}
	addr, mask := t.num, uint32(noMask)
	if q.kind == kindNet { // the leading parts of an address, as in "net 10"
		for addr != 0 && addr&0xff000000 == 0 {
			addr <<= 8
			mask <<= 8
		}
	}
	return p.host(q, t, addr, mask)
}

// host is an IPv4 address or network.
func (p *parser) host(q qualifiers, t token, addr, mask uint32) *cond {
	ask := func(typ, src, dst uint32) *cond {
		c := p.carries(typ, t)
		match := func(off uint32) *cond { return p.masked(p.h.netAt(off, 4), mask, addr) }
		return ends(q.dir, and(c, match(src)), and(c, match(dst)))
	}
	switch q.layer {
	case "":
		c := ask(etherIP, 12, 16)
		if p.h.labels == 0 { // behind MPLS there is IP only
			c = or(or(c, ask(etherARP, 14, 24)), ask(etherRARP, 14, 24))
		}
		return c
	case "ip":
		return ask(etherIP, 12, 16)
	case "arp":
		return ask(etherARP, 14, 24)
	case "rarp":
		return ask(etherRARP, 14, 24)
	case "ip6":
		p.fail(t, "it is an IPv4 address, and behind %q there is one of IPv6", q.layer)
	case "link":
		p.fail(t, "a hardware address is written 00:11:22:aa:bb:cc")
	case "decnet":
		p.fail(t, "addresses of DECnet are not supported")
	}
	p.fail(t, "%q has no addresses; write: %s and host …", q.layer, q.layer)
	return nil
}

// masked is the condition that the bits of mask in f are those of k. Nothing is
// read where the mask is empty, as libpcap's optimiser has it.
func (p *parser) masked(f field, mask, k uint32) *cond {
	if mask == 0 {
		return condYes
	}
	return f.with(mask).is(k)
}

// ends combines what is asked of source and destination.
func ends(d direction, src, dst *cond) *cond {
	switch d {
	case dirSrc:
		return src
	case dirDst:
		return dst
	case dirAnd:
		return and(src, dst)
	}
	return or(src, dst)
}

// v6 is an IPv6 address or network.
func (p *parser) v6(q qualifiers, t token) *cond {
	a, err := netip.ParseAddr(t.text)
	if err != nil {
		p.fail(t, "no IPv6 address")
	}
	addr, bits := a.As16(), 128
	if p.take("/") {
		n := p.next()
		if n.kind != tokNum || n.num > 128 {
			p.fail(n, "behind an IPv6 network and / there is a number up to 128")
		}
		bits = int(n.num)
		if prefix := netip.PrefixFrom(a, bits).Masked(); prefix.Addr() != a {
			p.fail(t, "bits are set that the mask leaves out; the network is %s", prefix.Addr())
		}
		if bits != 128 && q.kind != kindNet {
			p.fail(t, "an address with a mask is a network: write net")
		}
	}
	switch q.layer {
	case "", "ip6":
	case "link":
		p.fail(t, "a hardware address is written 00:11:22:aa:bb:cc")
	case "ip", "arp", "rarp":
		p.fail(t, "it is an IPv6 address, and behind %q there is one of IPv4", q.layer)
	default:
		p.fail(t, "%q has no addresses; write: %s and host …", q.layer, q.layer)
	}
	v6 := p.carries(etherIPv6, t)
	match := func(off uint32) *cond {
		c := condYes
		for i := range uint32(4) {
			mask := uint32(uint64(noMask) << max(0, min(32, 32*int(i)+32-bits)))
			c = and(c, p.masked(p.h.netAt(off+4*i, 4), mask, binary.BigEndian.Uint32(addr[4*i:])))
		}
		return and(v6, c)
	}
	return ends(q.dir, match(8), match(24))
}

// mac is a hardware address.
func (p *parser) mac(q qualifiers, t token) *cond {
	switch {
	case q.layer != "link" || q.kind != kindHost && q.kind != kindDefault:
		p.fail(t, "it is a hardware address: write ether host, ether src or ether dst")
	case p.h.link != linkEther:
		p.fail(t, "there are no hardware addresses %s", p.h.where())
	}
	addr := macBytes(t.text)
	dst, src := p.hardware(0, addr), p.hardware(6, addr)
	return ends(q.dir, src, dst)
}

// name is a port or a protocol by its name. Hosts and networks by name would
// need a resolver.
func (p *parser) name(q qualifiers, t token) *cond {
	switch q.kind {
	case kindPort:
		s := p.service(t, t.text)
		return p.port(q, t, s.port, s.port, s.over(p, q.layer, t))
	case kindPortrange:
		return p.portrange(q, t)
	case kindProto:
		if q.layer == "link" {
			if n, ok := etherNames[t.text]; ok {
				return p.carries(n, t)
			}
		} else if n, ok := lookUp(ipProtocols, t.text); ok {
			return p.proto(q, t, n)
		}
		p.fail(t, "no protocol of this name is known; write its number")
	}
	if q.layer == "link" {
		p.fail(t, "names of hardware addresses are not looked up; write the address, such as 00:11:22:aa:bb:cc")
	}
	if q.kind != kindNet && strings.HasPrefix(p.expr[t.off:], `\`) {
		if addr, err := netip.ParseAddr(t.text); err == nil && addr.Is4() {
			b := addr.As4()
			return p.host(q, t, binary.BigEndian.Uint32(b[:]), noMask)
		}
	}
	p.fail(t, "names of hosts and networks are not looked up; write the address")
	return nil
}

// proto is a protocol by its number.
func (p *parser) proto(q qualifiers, t token, n uint32) *cond {
	switch q.layer {
	case "":
		return p.ipProto(n, t)
	case "link":
		return p.carries(n, t)
	case "ip":
		return p.ip4Proto(n, t)
	case "ip6":
		return p.ip6Proto(n, t)
	case "iso":
		return p.iso(n, t)
	}
	p.fail(t, "%q carries no protocols that have numbers; ether, ip and ip6 do", q.layer)
	return nil
}
