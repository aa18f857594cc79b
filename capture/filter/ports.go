package filter

import "strings"

// over says which protocols a port is looked for in.
type over uint8

const (
	overTCP over = 1 << iota
	overUDP
	overSCTP
	overAll = overTCP | overUDP | overSCTP
)

// protoPort are the protocols that a layer's name leaves; 0: it has no ports.
func protoPort(layer string) over {
	switch layer {
	case "":
		return overAll
	case "tcp":
		return overTCP
	case "udp":
		return overUDP
	case "sctp":
		return overSCTP
	}
	return 0
}

// service is what a name of a port means.
type service struct {
	port uint32
	in   over // overAll: not told by the name
}

// service finds a port by its name; a number is its own name.
func (p *parser) service(t token, name string) service {
	tcp, isTCP := lookUp(tcpServices, name)
	udp, isUDP := lookUp(udpServices, name)
	switch {
	case isTCP && isUDP && tcp == udp:
		return service{tcp, overAll}
	case isTCP && isUDP:
		p.fail(t, "%s is port %d of TCP and %d of UDP: write the number", name, tcp, udp)
	case isTCP:
		return service{tcp, overTCP}
	case isUDP:
		return service{udp, overUDP}
	}
	if name != "" && strings.Trim(name, "0123456789") == "" && len(name) <= 5 {
		n := uint32(0)
		for _, c := range name {
			n = n*10 + uint32(c-'0')
		}
		return service{n, overAll}
	}
	p.fail(t, "no port of the name %q is known; write its number", name)
	return service{}
}

// over are the protocols that the name of the port and that of the layer leave.
func (s service) over(p *parser, layer string, t token) over {
	in := protoPort(layer)
	switch {
	case layer == "":
		return s.in
	case s.in != overAll && in != s.in && in != 0:
		p.fail(t, "this port is not one of %s; write its number", layer)
	}
	return in
}

// portrange is a range written with names or numbers and a - between.
func (p *parser) portrange(q qualifiers, t token) *cond {
	first, last, ok := strings.Cut(t.text, "-")
	if !ok {
		s := p.service(t, first)
		return p.port(q, t, s.port, s.port, s.over(p, q.layer, t))
	}
	if first == "" || last == "" {
		p.fail(t, "a range of ports is written 6000-6008")
	}
	a, b := p.service(t, first), p.service(t, last)
	if a.in != b.in {
		a.in = overAll // as in libpcap
	}
	return p.port(q, t, a.port, b.port, a.over(p, q.layer, t))
}

// port is the condition that a port is in a range. Of IPv6 it sees ports right
// behind the header only; of IPv4 in first fragments only, for others have
// none.
func (p *parser) port(q qualifiers, t token, first, last uint32, in over) *cond {
	switch {
	case in == 0:
		p.fail(t, "%q has no ports; tcp, udp and sctp have", q.layer)
	case max(first, last) > 0xffff:
		p.fail(t, "a port has a number up to 65535")
	}
	h := &p.h
	v6, v4 := p.carries(etherIPv6, t), p.carries(etherIP, t)
	var c6, c4 *cond
	for _, proto := range []struct {
		over over
		num  uint32
	}{{overSCTP, 132}, {overTCP, 6}, {overUDP, 17}} {
		if in&proto.over == 0 {
			continue
		}
		p.conds += 8
		c6 = or(c6, and(h.netAt(6, 1).is(proto.num),
			ends(q.dir, between(h.netAt(40, 2), first, last), between(h.netAt(42, 2), first, last))))
		whole := not(h.netAt(6, 2).compare(opJset, 0x1fff))
		behind := func(off uint32) field {
			f := h.netAt(off, 2)
			f.behind, f.ip = true, h.payload+h.net
			return f
		}
		c4 = or(c4, and(h.netAt(9, 1).is(proto.num), and(whole,
			ends(q.dir, between(behind(0), first, last), between(behind(2), first, last)))))
	}
	if p.conds > maxConds {
		p.fail(t, "the filter is too large")
	}
	return or(and(v6, c6), and(v4, c4))
}

func between(f field, first, last uint32) *cond {
	if first == last {
		return f.is(first)
	}
	return and(f.compare(opJge, min(first, last)), not(f.compare(opJgt, max(first, last))))
}
