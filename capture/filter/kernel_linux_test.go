package filter

import (
	"fmt"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

// kernelFilter is a pair of sockets with a filter between them: the kernel
// runs the same programs there as on a packet socket, and nobody needs to be
// root.
type kernelFilter struct{ in, out int }

func newKernelFilter(t *testing.T) *kernelFilter {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pair of sockets: %v", err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return &kernelFilter{fds[0], fds[1]}
}

func (k *kernelFilter) attach(prog []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(prog))
	for i, r := range prog {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(k.out, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))})
}

// selects reports whether the kernel lets data through.
func (k *kernelFilter) selects(data []byte) (bool, error) {
	if err := unix.Send(k.in, data, 0); err != nil && err != unix.EPERM {
		return false, err
	}
	var buf [1]byte
	_, _, err := unix.Recvfrom(k.out, buf[:], 0)
	switch err {
	case nil:
		return true, nil
	case unix.EAGAIN:
		return false, nil
	}
	return false, err
}

// The kernel takes our programs, and decides as Match does.
func TestKernelDecidesAsMatch(t *testing.T) {
	k := newKernelFilter(t)
	pkts := sharedPackets(t)[capture.LinkEthernet]
	pkts = pkts[:min(len(pkts), 400)]
	programs, alone := 0, 0
	for _, e := range handWritten() {
		p, err := Compile(e, capture.LinkEthernet, 0)
		if err != nil {
			continue
		}
		if !p.InKernel() {
			alone++
			continue
		}
		if err := k.attach(p.Raw()); err != nil {
			t.Errorf("%q: the kernel refuses: %v", e, err)
			continue
		}
		programs++
		for i := range pkts {
			d := pkts[i].data
			if len(d) == 0 || len(d) > 4000 {
				continue
			}
			got, err := k.selects(d)
			if err != nil {
				t.Fatalf("%q: %v", e, err)
			}
			if want := p.Match(d, len(d)); got != want {
				t.Errorf("%q: packet of %d bytes of %s: the kernel selects it: %t, Match: %t", e, len(d), pkts[i].from, got, want)
				break
			}
		}
	}
	t.Logf("%d programs run by the kernel, %d left to Match", programs, alone)
	if programs < 300 {
		t.Errorf("only %d programs", programs)
	}
}

// Jumps that are too long for one instruction go by way of others.
func TestKernelTakesLongPrograms(t *testing.T) {
	k := newKernelFilter(t)
	e := "port 1000"
	for i := 1; i < 250; i++ {
		e += fmt.Sprintf(" or %d", 1000+3*i)
	}
	p, err := Compile(e, capture.LinkEthernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Raw()) < 1000 {
		t.Fatalf("%d instructions: not long", len(p.Raw()))
	}
	if err := k.attach(p.Raw()); err != nil {
		t.Fatalf("the kernel refuses: %v", err)
	}
	pkt := udpPacket(7, 7)
	for port := range 1900 {
		pkt[36], pkt[37] = byte(port>>8), byte(port)
		want := port >= 1000 && port < 1750 && (port-1000)%3 == 0
		got, err := k.selects(pkt)
		if err != nil {
			t.Fatal(err)
		}
		if mine := p.Match(pkt, len(pkt)); got != want || mine != want {
			t.Errorf("port %d: the kernel selects it: %t, Match: %t, want %t", port, got, mine, want)
		}
	}
}
