package filter

import (
	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
)

// Where the kernel has what it took off a packet, for loads of a program
// (SKF_AD_OFF and its offsets, linux/filter.h).
const (
	aboutPacket   = 0xfffff000
	aboutProtocol = aboutPacket + 0
	aboutType     = aboutPacket + 4
	aboutIfindex  = aboutPacket + 8
	aboutTagged   = aboutPacket + 48
)

// Kernel is the program for a packet socket (AF_PACKET) of Linux: SOCK_RAW for
// Ethernet and raw IP, SOCK_DGRAM, as for all interfaces at once, for LinkSLL
// and LinkSLL2. It lets through at least what Match selects; ask Match about
// each packet as it will be in the capture, for the kernel takes VLAN tags off
// before the program sees a packet, so packets that had one are let through.
//
// ok is false where the kernel would decide otherwise: no program is to be
// attached then, and Match decides alone.
func (p Program) Kernel() (prog []bpf.RawInstruction, ok bool) {
	if len(p.raw) == 0 || len(p.raw)+3 > maxCode {
		return nil, false
	}
	keep := uint32(0)
	body := make([]bpf.RawInstruction, len(p.raw))
	for i, r := range p.raw {
		if r, ok = p.inKernel(r); !ok {
			return nil, false
		}
		if r.Op == opRet {
			keep = max(keep, r.K)
		}
		body[i] = r
	}
	return append([]bpf.RawInstruction{
		{Op: opLdB, K: aboutTagged},
		{Op: opJeq, Jt: 1, K: 0},
		{Op: opRet, K: keep},
	}, body...), true
}

// inKernel is an instruction as the kernel must have it.
func (p Program) inKernel(r bpf.RawInstruction) (bpf.RawInstruction, bool) {
	switch r.Op {
	case opLsh | srcX, opRsh | srcX: // 32 and more are taken modulo 32 there
		return r, false
	case opLdIW, opLdIH, opLdIB:
		if p.computed || r.K >= 1<<31 { // X+k is taken modulo 2^32 there
			return r, false
		}
	case opLdLen:
		return r, p.link != capture.LinkSLL && p.link != capture.LinkSLL2
	case opLdW, opLdH, opLdB, opLdxMsh:
		if r.K >= 1<<31 {
			return r, false
		}
	default:
		return r, true
	}
	var head uint32
	switch p.link {
	case capture.LinkSLL:
		head = 16
		switch {
		case r.Op == opLdH && r.K == 14:
			r.K = aboutProtocol
			return r, true
		case r.Op == opLdH && r.K == 0:
			r.K = aboutType
			return r, true
		}
	case capture.LinkSLL2:
		head = 20
		switch {
		case r.Op == opLdH && r.K == 0:
			r.K = aboutProtocol
			return r, true
		case r.Op == opLdW && r.K == 4:
			r.K = aboutIfindex
			return r, true
		case r.Op == opLdB && r.K == 10:
			r.K = aboutType
			return r, true
		}
	}
	if r.K < head { // the kernel makes the rest of the cooked header later
		return r, false
	}
	r.K -= head
	return r, true
}
