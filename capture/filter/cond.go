package filter

// cond is a condition on a packet: a test, or conditions that are combined.
// They are tried from left to right, and only as far as needed: that a packet
// is too short ends all with "no", so the order is part of the meaning.
type cond struct {
	op   condOp
	a, b *cond // and, or: both; not: a
	test test
}

type condOp uint8

const (
	condTest condOp = iota
	condTrue
	condFalse
	condAnd
	condOr
	condNot
)

// test compares one value of the packet.
type test struct {
	val field // where code is nil
	// code leaves a computed value in A, and what it is compared with in X
	// if x is set.
	code     []ins
	computed bool // code reads at offsets that it computes

	jump uint16 // opJeq, opJgt, opJge or opJset
	x    bool   // compare with X, not k
	k    uint32
}

// field is a value at a fixed place of the packet, or behind an IPv4 header.
// Equal fields have equal values.
type field struct {
	off    uint32
	size   uint8  // 1, 2, 4; 0: the length on the wire
	behind bool   // off counts from the end of the IPv4 header at …
	ip     uint32 // … this place (minus that place)
	mask   uint32
}

const noMask = 0xffffffff

var (
	condYes = &cond{op: condTrue}
	condNo  = &cond{op: condFalse}
)

func and(a, b *cond) *cond {
	switch {
	case a == nil || a.op == condTrue:
		return b
	case b == nil || b.op == condTrue:
		return a
	}
	return &cond{op: condAnd, a: a, b: b}
}

func or(a, b *cond) *cond {
	switch {
	case a == nil || a.op == condFalse:
		return b
	case b == nil || b.op == condFalse:
		return a
	}
	return &cond{op: condOr, a: a, b: b}
}

func not(a *cond) *cond {
	switch a.op {
	case condTrue:
		return condNo
	case condFalse:
		return condYes
	}
	return &cond{op: condNot, a: a}
}

// at is the field of size bytes at off.
func at(off uint32, size uint8) field { return field{off: off, size: size, mask: noMask} }

func (f field) with(mask uint32) field {
	f.mask = mask
	return f
}

func (f field) compare(jump uint16, k uint32) *cond {
	return &cond{test: test{val: f, jump: jump, k: k}}
}

func (f field) is(k uint32) *cond { return f.compare(opJeq, k) }

// code loads the field into A.
func (f field) code() []ins {
	if f.size == 0 {
		return []ins{{opLdLen, 0}}
	}
	var out []ins
	op := uint16(opLdB)
	switch f.size {
	case 2:
		op = opLdH
	case 4:
		op = opLdW
	}
	if f.behind {
		out = append(out, ins{opLdxMsh, f.ip})
		op += opLdIW - opLdW
	}
	out = append(out, ins{op, f.off})
	if f.mask != noMask {
		out = append(out, ins{opAnd, f.mask})
	}
	return out
}
