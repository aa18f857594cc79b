package filter

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// step is an instruction for run: the opcodes are numbered without holes, so
// that a switch over them is a table.
type step struct {
	op     stepOp
	jt, jf uint8
	k      uint32
}

type stepOp uint8

const (
	stepRet stepOp = iota
	stepLdImm
	stepLdW
	stepLdH
	stepLdB
	stepLdIW
	stepLdIH
	stepLdIB
	stepLdMem
	stepLdLen
	stepLdxImm
	stepLdxMem
	stepLdxMsh
	stepSt
	stepTax
	stepTxa
	stepNeg
	stepAddK
	stepSubK
	stepMulK
	stepDivK
	stepModK
	stepAndK
	stepOrK
	stepXorK
	stepLshK
	stepRshK
	stepAddX
	stepSubX
	stepMulX
	stepDivX
	stepModX
	stepAndX
	stepOrX
	stepXorX
	stepLshX
	stepRshX
	stepJa
	stepJeqK
	stepJgtK
	stepJgeK
	stepJsetK
	stepJeqX
	stepJgtX
	stepJgeX
	stepJsetX
)

var stepOps = map[uint16]stepOp{
	opRet: stepRet, opLdImm: stepLdImm, opLdW: stepLdW, opLdH: stepLdH, opLdB: stepLdB, opLdIW: stepLdIW, opLdIH: stepLdIH,
	opLdIB: stepLdIB, opLdMem: stepLdMem, opLdLen: stepLdLen, opLdxImm: stepLdxImm, opLdxMem: stepLdxMem, opLdxMsh: stepLdxMsh,
	opSt: stepSt, opTax: stepTax, opTxa: stepTxa, opNeg: stepNeg,
	opAdd: stepAddK, opSub: stepSubK, opMul: stepMulK, opDiv: stepDivK, opMod: stepModK, opAnd: stepAndK, opOr: stepOrK,
	opXor: stepXorK, opLsh: stepLshK, opRsh: stepRshK,
	opAdd | srcX: stepAddX, opSub | srcX: stepSubX, opMul | srcX: stepMulX, opDiv | srcX: stepDivX, opMod | srcX: stepModX,
	opAnd | srcX: stepAndX, opOr | srcX: stepOrX, opXor | srcX: stepXorX, opLsh | srcX: stepLshX, opRsh | srcX: stepRshX,
	opJa: stepJa, opJeq: stepJeqK, opJgt: stepJgtK, opJge: stepJgeK, opJset: stepJsetK,
	opJeq | srcX: stepJeqX, opJgt | srcX: stepJgtX, opJge | srcX: stepJgeX, opJset | srcX: stepJsetX,
}

// load makes the steps of a program.
func load(raw []bpf.RawInstruction) []step {
	out := make([]step, len(raw))
	for i, r := range raw {
		op, ok := stepOps[r.Op]
		if !ok {
			panic("filter: opcode of no step")
		}
		out[i] = step{op, r.Jt, r.Jf, r.K}
	}
	return out
}

// run runs a program. All jumps of ours are forward, so it ends. As in libpcap,
// to read outside of the packet and to divide by zero ends it with 0, and a
// shift by 32 and more gives 0.
func run(prog []step, pkt []byte, wire uint32) uint32 {
	var a, x uint32
	var m [scratch]uint32
	for pc := 0; pc < len(prog); pc++ {
		s := prog[pc]
		switch s.op {
		case stepRet:
			return s.k
		case stepLdImm:
			a = s.k
		case stepLdW:
			if uint64(s.k)+4 > uint64(len(pkt)) {
				return 0
			}
			a = binary.BigEndian.Uint32(pkt[s.k:])
		case stepLdH:
			if uint64(s.k)+2 > uint64(len(pkt)) {
				return 0
			}
			a = uint32(binary.BigEndian.Uint16(pkt[s.k:]))
		case stepLdB:
			if uint64(s.k) >= uint64(len(pkt)) {
				return 0
			}
			a = uint32(pkt[s.k])
		case stepLdIW:
			k := uint64(s.k) + uint64(x)
			if k+4 > uint64(len(pkt)) {
				return 0
			}
			a = binary.BigEndian.Uint32(pkt[k:])
		case stepLdIH:
			k := uint64(s.k) + uint64(x)
			if k+2 > uint64(len(pkt)) {
				return 0
			}
			a = uint32(binary.BigEndian.Uint16(pkt[k:]))
		case stepLdIB:
			k := uint64(s.k) + uint64(x)
			if k >= uint64(len(pkt)) {
				return 0
			}
			a = uint32(pkt[k])
		case stepLdMem:
			a = m[s.k&(scratch-1)]
		case stepLdLen:
			a = wire
		case stepLdxImm:
			x = s.k
		case stepLdxMem:
			x = m[s.k&(scratch-1)]
		case stepLdxMsh:
			if uint64(s.k) >= uint64(len(pkt)) {
				return 0
			}
			x = uint32(pkt[s.k]&15) * 4
		case stepSt:
			m[s.k&(scratch-1)] = a
		case stepTax:
			x = a
		case stepTxa:
			a = x
		case stepNeg:
			a = -a
		case stepAddK:
			a += s.k
		case stepSubK:
			a -= s.k
		case stepMulK:
			a *= s.k
		case stepDivK:
			if s.k == 0 {
				return 0
			}
			a /= s.k
		case stepModK:
			if s.k == 0 {
				return 0
			}
			a %= s.k
		case stepAndK:
			a &= s.k
		case stepOrK:
			a |= s.k
		case stepXorK:
			a ^= s.k
		case stepLshK:
			a <<= s.k
		case stepRshK:
			a >>= s.k
		case stepAddX:
			a += x
		case stepSubX:
			a -= x
		case stepMulX:
			a *= x
		case stepDivX:
			if x == 0 {
				return 0
			}
			a /= x
		case stepModX:
			if x == 0 {
				return 0
			}
			a %= x
		case stepAndX:
			a &= x
		case stepOrX:
			a |= x
		case stepXorX:
			a ^= x
		case stepLshX:
			a <<= x
		case stepRshX:
			a >>= x
		case stepJa:
			pc += int(s.k)
		case stepJeqK:
			pc += s.jump(a == s.k)
		case stepJgtK:
			pc += s.jump(a > s.k)
		case stepJgeK:
			pc += s.jump(a >= s.k)
		case stepJsetK:
			pc += s.jump(a&s.k != 0)
		case stepJeqX:
			pc += s.jump(a == x)
		case stepJgtX:
			pc += s.jump(a > x)
		case stepJgeX:
			pc += s.jump(a >= x)
		case stepJsetX:
			pc += s.jump(a&x != 0)
		}
	}
	return 0
}

func (s step) jump(yes bool) int {
	if yes {
		return int(s.jt)
	}
	return int(s.jf)
}
