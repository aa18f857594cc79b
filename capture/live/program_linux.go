//go:build !libpcap

package live

import (
	"fmt"
	"math"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where the kernel's filter finds what is not in the packet (linux/filter.h).
const (
	adOffset   = 0xfffff000 // SKF_AD_OFF
	adProtocol = adOffset + 0
	adType     = adOffset + 4
	adIndex    = adOffset + 8
	adHardware = adOffset + 28
	adTagged   = adOffset + 48 // SKF_AD_VLAN_TAG_PRESENT
)

// whole is a snaplen that cuts nothing.
const whole = 0x40000

// Instructions of classic BPF, by their codes.
const (
	ldWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	ldHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	ldByte = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	ldImm  = unix.BPF_LD | unix.BPF_IMM
	jeq    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	ret    = unix.BPF_RET | unix.BPF_K
)

// program is a filter divided between the kernel and us.
type program struct {
	kernel []bpf.RawInstruction
	user   *bpf.VM // for the packets that the kernel cannot judge; nil: there are none
	all    bool    // the kernel judges no packet
}

// scope is what a program depends on besides the filter.
type scope struct {
	cooked   bool
	any      bool // all interfaces: those of the loopback one are told by its index
	loopback int  // its index where it is watched, or 0
	snaplen  int
}

// compile divides a filter for whole frames, as in a file, between the kernel
// and us. The kernel shows a frame without its VLAN tag, and without any link
// header where packets are cooked.
func compile(filter []bpf.RawInstruction, s scope) (program, error) {
	var p program
	p.dedupe(s)
	if len(filter) == 0 {
		p.add(ret, uint32(s.snaplen))
		return p, nil
	}
	code, known := bpf.Disassemble(filter)
	if !known {
		return p, fmt.Errorf("the filter has an instruction that is none of classic BPF")
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		return p, fmt.Errorf("the filter is not valid: %w", err)
	}
	p.user = vm
	body, ok := filter, true
	if s.cooked {
		body, ok = uncooked(filter)
	}
	if !ok {
		p.all = true
		p.add(ret, whole)
		return p, nil
	}
	p.add(ldWord, adTagged)
	p.jump(jeq, 0, 1, 0)
	p.add(ret, whole)
	if s.cooked {
		p.add(ldHalf, adProtocol)
		p.jump(jeq, unix.ETH_P_8021Q, 1, 0)
		p.jump(jeq, unix.ETH_P_8021AD, 0, 1)
		p.add(ret, whole)
	}
	for _, i := range body {
		if i.Op == ret && i.K > 0 {
			i.K = min(i.K, uint32(s.snaplen))
		}
		p.kernel = append(p.kernel, i)
	}
	return p, nil
}

// dedupe drops a packet of the loopback interface on its way out: it comes in
// again.
func (p *program) dedupe(s scope) {
	switch {
	case s.loopback == 0:
		return
	case s.any:
		p.add(ldWord, adIndex)
		p.jump(jeq, uint32(s.loopback), 0, 3)
	}
	p.add(ldByte, adType)
	p.jump(jeq, unix.PACKET_OUTGOING, 0, 1)
	p.add(ret, 0)
}

func (p *program) add(op uint16, k uint32) {
	p.kernel = append(p.kernel, bpf.RawInstruction{Op: op, K: k})
}

func (p *program) jump(op uint16, k uint32, yes, no uint8) {
	p.kernel = append(p.kernel, bpf.RawInstruction{Op: op, K: k, Jt: yes, Jf: no})
}

// uncooked makes of a filter for LINKTYPE_LINUX_SLL2 one for the packets
// without that header. It reports false where that cannot be: the kernel does
// not tell all fields, and no length with the header.
func uncooked(filter []bpf.RawInstruction) ([]bpf.RawInstruction, bool) {
	out := make([]bpf.RawInstruction, 0, len(filter))
	for _, i := range filter {
		class, mode, size := i.Op&0x07, i.Op&0xe0, i.Op&0x18
		load := class == unix.BPF_LD || class == unix.BPF_LDX
		switch {
		case !load || mode == unix.BPF_IMM || mode == unix.BPF_MEM:
		case mode == unix.BPF_LEN:
			return nil, false
		case i.K >= sll2Size && i.K <= math.MaxInt32:
			i.K -= sll2Size
		case class == unix.BPF_LD && mode == unix.BPF_ABS:
			switch [2]uint32{i.K, uint32(size)} {
			case [2]uint32{0, unix.BPF_H}:
				i = bpf.RawInstruction{Op: ldHalf, K: adProtocol}
			case [2]uint32{2, unix.BPF_H}:
				i = bpf.RawInstruction{Op: ldImm}
			case [2]uint32{4, unix.BPF_W}:
				i = bpf.RawInstruction{Op: ldWord, K: adIndex}
			case [2]uint32{8, unix.BPF_H}:
				i = bpf.RawInstruction{Op: ldHalf, K: adHardware}
			case [2]uint32{10, unix.BPF_B}:
				i = bpf.RawInstruction{Op: ldByte, K: adType}
			default:
				return nil, false
			}
		default:
			return nil, false
		}
		out = append(out, i)
	}
	return out, true
}

// sock is the program as the kernel wants it.
func sock(prog []bpf.RawInstruction) unix.SockFprog {
	f := make([]unix.SockFilter, len(prog))
	for i, x := range prog {
		f[i] = unix.SockFilter{Code: x.Op, Jt: x.Jt, Jf: x.Jf, K: x.K}
	}
	return unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
}

// nothing lets no packet pass.
var nothing = []bpf.RawInstruction{{Op: ret}}
