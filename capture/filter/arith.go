package filter

// value is a calculation with numbers and bytes of the packet, in 32 bits
// without sign.
type value struct {
	kind  valueKind
	num   uint32 // valueConst
	op    uint16 // valueBinary: opAdd, …
	l, r  *value // valueBinary: both; valueNeg: l; valueLoad: l is the index, unless it is in f
	f     field  // valueLoad: off is the place to which the index is added
	check *cond  // what must hold before bytes are read
}

type valueKind uint8

const (
	valueConst valueKind = iota
	valueLen
	valueLoad
	valueBinary
	valueNeg
)

// strength is how strongly operators bind. % and ^ have none: in libpcap's
// grammar what is behind them is taken first, whatever it is, and so is the
// operand before them.
var strength = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 0, "^": 0}

const strengthNeg = 6

var operators = map[string]uint16{"|": opOr, "&": opAnd, "<<": opLsh, ">>": opRsh, "+": opAdd, "-": opSub,
	"*": opMul, "/": opDiv, "%": opMod, "^": opXor}

// relation reads two calculations and how they compare.
func (p *parser) relation() *cond {
	l := p.calculation(-1)
	op := p.next()
	jump, negated := uint16(0), false
	switch op.text {
	case "=":
		jump = opJeq
	case ">":
		jump = opJgt
	case ">=":
		jump = opJge
	case "!=":
		jump, negated = opJeq, true
	case "<=":
		jump, negated = opJgt, true
	case "<":
		jump, negated = opJge, true
	}
	if op.kind != tokWord || jump == 0 {
		p.fail(op, "a calculation is compared with something: =, !=, <, <=, > or >= is missing")
	}
	r := p.calculation(-1)
	c := p.compare(l, r, jump, op)
	if negated {
		c = not(c)
	}
	return and(and(l.check, r.check), c)
}

// compare is the test of two values.
func (p *parser) compare(l, r *value, jump uint16, t token) *cond {
	if r.kind != valueConst {
		g := gen{p: p, t: t}
		if l.kind == valueConst {
			g.value(r, 0)
			g.emit(opTax, 0)
			g.emit(opLdImm, l.num)
		} else {
			g.both(l, r, 0)
		}
		return &cond{test: test{code: g.code, computed: g.computed, jump: jump, x: true}}
	}
	if f, ok := l.field(); ok {
		return f.compare(jump, r.num)
	}
	if l.kind == valueConst {
		return always(decide(jump, l.num, r.num))
	}
	g := gen{p: p, t: t}
	g.value(l, 0)
	return &cond{test: test{code: g.code, computed: g.computed, jump: jump, k: r.num}}
}

// decide compares two numbers as a jump does.
func decide(jump uint16, a, k uint32) bool {
	switch jump {
	case opJeq:
		return a == k
	case opJgt:
		return a > k
	case opJge:
		return a >= k
	}
	return a&k != 0
}

// field is the value as a field at a fixed place, if it is one.
func (v *value) field() (f field, ok bool) {
	switch {
	case v.kind == valueLen:
		return field{mask: noMask}, true
	case v.kind == valueLoad && v.l == nil:
		return v.f, true
	case v.kind == valueBinary && v.op == opAnd && v.r.kind == valueConst && v.l.kind == valueLoad && v.l.l == nil:
		return v.l.f.with(v.r.num), true
	}
	return f, false
}

// calculation reads operands and operators as long as they bind more strongly
// than bound, the operator before; -1: there is none.
func (p *parser) calculation(bound int) *value {
	t := p.peek()
	p.grow(t)
	defer func() { p.depth-- }()
	l := p.operand()
	for {
		t := p.peek()
		s, ok := strength[t.text]
		if !ok || t.kind != tokWord || bound > 0 && s > 0 && bound >= s {
			return l
		}
		p.i++
		l = p.binary(t, l, p.calculation(s))
	}
}

// binary combines two values. Only the left one's check is kept: so does
// libpcap.
func (p *parser) binary(t token, l, r *value) *value {
	if p.conds++; p.conds > maxConds {
		p.fail(t, "the filter is too large")
	}
	op := operators[t.text]
	v := &value{kind: valueBinary, op: op, l: l, r: r, check: l.check}
	if r.kind == valueConst {
		switch {
		case r.num == 0 && (op == opDiv || op == opMod):
			p.fail(t, "division by zero")
		case r.num > 31 && (op == opLsh || op == opRsh):
			p.fail(t, "a shift by more than 31 bits")
		case l.kind == valueConst:
			return &value{num: calculate(op, l.num, r.num), check: l.check}
		case r.num == 0 && (op == opAnd || op == opMul):
			return &value{check: l.check}
		case op == opAnd && l.kind == valueBinary && l.op == opAnd && l.r.kind == valueConst:
			v.l, v.r = l.l, &value{num: l.r.num & r.num}
		}
		return v
	}
	if l.kind == valueConst && l.num == 0 {
		switch op {
		case opMul, opDiv, opMod, opAnd, opLsh, opRsh: // without looking at r, as libpcap's optimiser has it
			return &value{check: l.check}
		}
	}
	return v
}

// calculate is the operation on numbers; the divisor is not 0.
func calculate(op uint16, a, b uint32) uint32 {
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		return a / b
	case opMod:
		return a % b
	case opAnd:
		return a & b
	case opOr:
		return a | b
	case opXor:
		return a ^ b
	case opLsh:
		return a << b
	}
	return a >> b
}

func (p *parser) operand() *value {
	t := p.next()
	if t.kind == tokNum {
		return &value{num: t.num}
	}
	if t.kind == tokWord {
		switch t.text {
		case "len":
			return &value{kind: valueLen}
		case "-":
			v := p.calculation(strengthNeg)
			if v.kind == valueConst {
				return &value{num: -v.num, check: v.check}
			}
			return &value{kind: valueNeg, l: v, check: v.check}
		case "(":
			v := p.calculation(-1)
			p.want(")", "behind the calculation")
			return v
		}
		if layers[t.text] && p.take("[") {
			return p.load(t)
		}
	}
	if t.kind == tokName {
		p.fail(t, "%s", p.misplaced(t))
	}
	p.fail(t, "a number, len or bytes such as tcp[13] are missing here")
	return nil
}

// load reads what is between [ and ].
func (p *parser) load(layer token) *value {
	index := p.calculation(-1)
	size := uint32(1)
	if p.take(":") {
		n := p.next()
		if n.kind != tokNum || n.num != 1 && n.num != 2 && n.num != 4 {
			p.fail(n, "behind : there is the number of bytes, 1, 2 or 4")
		}
		size = n.num
	}
	p.want("]", "behind the offset")
	f, check := p.bytes(layer)
	f.size, f.mask = uint8(size), noMask
	v := &value{kind: valueLoad, f: f, l: index, check: and(index.check, check)}
	if index.kind == valueConst {
		v.f.off += index.num
		v.l = nil
	}
	return v
}

// bytes says where a layer begins, and what must hold so that it is there.
func (p *parser) bytes(t token) (f field, check *cond) {
	h := &p.h
	switch t.text {
	case "link":
		if h.link == linkOther {
			p.fail(t, "%s", h.unknown())
		}
		return field{off: h.head}, nil
	case "ip", "ip6", "arp", "rarp", "atalk", "decnet", "lat", "sca", "mopdl", "moprc":
		return field{off: h.payload + h.net}, p.layer(t)
	case "tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp":
		f = field{off: h.payload + h.net, behind: true, ip: h.payload + h.net}
		first := not(h.netAt(6, 2).compare(opJset, 0x1fff))
		return f, and(p.carries(etherIP, t), and(p.layer(t), first))
	case "icmp6":
		return field{off: h.payload + h.net + 40}, and(p.carries(etherIPv6, t), h.netAt(6, 1).is(58))
	}
	if why := notHere[t.text]; why != "" {
		p.fail(t, "%s", why)
	}
	p.fail(t, "its bytes cannot be named")
	return f, nil
}

// gen makes the instructions of a calculation.
type gen struct {
	p        *parser
	t        token
	code     []ins
	computed bool // an offset is
}

func (g *gen) emit(op uint16, k uint32) { g.code = append(g.code, ins{op, k}) }

// value leaves v in A. The memory from M[free] on may be used.
func (g *gen) value(v *value, free int) {
	if f, ok := v.field(); ok {
		g.code = append(g.code, f.code()...)
		return
	}
	switch v.kind {
	case valueConst:
		g.emit(opLdImm, v.num)
	case valueNeg:
		g.value(v.l, free)
		g.emit(opTax, 0)
		g.emit(opLdImm, 0)
		g.emit(opSub|srcX, 0)
	case valueLoad:
		g.computed = true
		g.value(v.l, free)
		if v.f.behind {
			g.emit(opLdxMsh, v.f.ip)
			g.emit(opAdd|srcX, 0)
		}
		g.emit(opTax, 0)
		f := v.f
		f.behind = false
		load := f.code()[0]
		g.emit(load.op+opLdIW-opLdW, load.k)
	case valueBinary:
		switch {
		case v.r.kind == valueConst:
			g.value(v.l, free)
			g.emit(v.op, v.r.num)
		case v.l.kind == valueConst:
			g.value(v.r, free)
			g.emit(opTax, 0)
			g.emit(opLdImm, v.l.num)
			g.emit(v.op|srcX, 0)
		default:
			g.both(v.l, v.r, free)
			g.emit(v.op|srcX, 0)
		}
	}
}

// both leaves l in A and r in X.
func (g *gen) both(l, r *value, free int) {
	if free == scratch {
		g.p.fail(g.t, "the calculation is too deep")
	}
	g.value(r, free)
	g.emit(opSt, uint32(free))
	g.value(l, free+1)
	g.emit(opLdxMem, uint32(free))
}
