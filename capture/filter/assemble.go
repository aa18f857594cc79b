package filter

import (
	"slices"

	"golang.org/x/net/bpf"
)

// assemble writes nodes as instructions. A conditional jump reaches 255
// instructions; where that is not enough it goes by way of a long one.
func assemble(nodes []node, entry int, snaplen uint32) []bpf.RawInstruction {
	if entry <= accept {
		k := uint32(0)
		if entry == accept {
			k = snaplen
		}
		return []bpf.RawInstruction{{Op: opRet, K: k}}
	}
	// From the end to the front, for all jumps are forward: where they lead is
	// known then.
	out := []bpf.RawInstruction{{Op: opRet, K: 0}, {Op: opRet, K: snaplen}}
	place := make([]int, len(nodes)) // counted from the end
	place[accept] = 1
	long := make([]int, len(nodes)) // the place of a long jump to a node; 0: there is none
	for i := 2; i <= entry; i++ {
		n := &nodes[i]
		// far gives the place to jump to: that of a node, or, if it is too far with
		// back instructions more between, of a long jump to it.
		far := func(to, back int) int {
			for _, at := range [2]int{place[to], long[to]} {
				if (at > 0 || to == reject) && len(out)-1+back-at <= 255 {
					return at
				}
			}
			long[to] = len(out)
			out = append(out, bpf.RawInstruction{Op: opJa, K: uint32(len(out) - 1 - place[to])})
			return len(out) - 1
		}
		no := far(n.no, 1)
		yes := far(n.yes, 0)
		last := len(out) - 1
		op := n.jump
		if n.x {
			op |= srcX
		}
		out = append(out, bpf.RawInstruction{Op: op, Jt: uint8(last - yes), Jf: uint8(last - no), K: n.k})
		code := n.instructions()
		for _, c := range slices.Backward(code) {
			out = append(out, bpf.RawInstruction{Op: c.op, K: c.k})
		}
		place[i] = len(out) - 1
	}
	slices.Reverse(out)
	return out
}

// instructions are the loads of a node, without those that are not needed.
func (n *node) instructions() []ins {
	if n.code != nil {
		return n.code
	}
	if n.skip&loadedA != 0 {
		return nil
	}
	code := n.val.code()
	if n.val.behind && n.skip&loadedX != 0 {
		code = code[1:]
	}
	return code
}
