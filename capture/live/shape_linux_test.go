//go:build !libpcap

package live

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A second tag that the kernel leaves in a cooked packet, but not in its type,
// is told from what a packet with one tag may begin with.
func TestInside(t *testing.T) {
	type c struct {
		name     string
		protocol uint16
		data     []byte
		wire     uint32
		want     bool
	}
	ip4 := func(total, id, flags uint16) []byte {
		b := []byte{0x45, 0}
		b = binary.BigEndian.AppendUint16(b, total)
		b = binary.BigEndian.AppendUint16(b, id)
		b = binary.BigEndian.AppendUint16(b, flags)
		return append(b, make([]byte, int(total)-8)...)
	}
	within := func(tags []uint16, protocol uint16, b []byte) []byte {
		var out []byte
		for i, tci := range tags {
			out = binary.BigEndian.AppendUint16(out, tci)
			next := uint16(0x8100)
			if i == len(tags)-1 {
				next = protocol
			}
			out = binary.BigEndian.AppendUint16(out, next)
		}
		return append(out, b...)
	}
	ip6 := append([]byte{0x60, 0, 0x86, 0xdd, 0, 20, 17, 64}, make([]byte, 52)...)
	arp := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 20)...)
	for _, c := range []c{
		{"IPv4", unix.ETH_P_IP, ip4(100, 7, 0), 100, false},
		{"IPv4 in a tag", unix.ETH_P_IP, within([]uint16{5}, unix.ETH_P_IP, ip4(100, 7, 0)), 104, true},
		{"IPv4 in two tags", unix.ETH_P_IP, within([]uint16{5, 6}, unix.ETH_P_IP, ip4(100, 7, 0)), 108, true},
		{"IPv4 of 2,048 bytes", unix.ETH_P_IP, ip4(0x0800, 0x4500, 0x4000), 0x0800, false},
		{"IPv4 of 2,048 bytes, may be fragmented", unix.ETH_P_IP, ip4(0x0800, 0x4500, 0), 0x0800, false},
		{"IPv4 of 2,048 bytes in a tag", unix.ETH_P_IP, within([]uint16{0x4500}, unix.ETH_P_IP, ip4(0x0800, 7, 0x4000)), 0x0804, true},
		{"IPv6", unix.ETH_P_IPV6, ip6, 60, false},
		{"IPv6 in a tag", unix.ETH_P_IPV6, within([]uint16{5}, unix.ETH_P_IPV6, ip6), 64, true},
		{"ARP", unix.ETH_P_ARP, arp, 28, false},
		{"ARP in a tag", unix.ETH_P_ARP, within([]uint16{5}, unix.ETH_P_ARP, arp), 32, true},
		{"nothing", unix.ETH_P_IP, nil, 0, false},
		{"cut", unix.ETH_P_IP, []byte{0, 5, 8, 0}, 104, true},
	} {
		if got := inside(c.data, c.wire, binary.BigEndian.AppendUint16(nil, c.protocol)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Many small blocks rather than few large ones; never too small for a packet of
// 64 KiB.
func TestBlockSize(t *testing.T) {
	for ring, want := range map[int]int{minBuffer: 128 << 10, minBuffer / 64: 128 << 10, 8 << 20: 128 << 10, 32 << 20: 256 << 10, 1 << 30: 1 << 20} {
		if got := blockSize(ring); got != want {
			t.Errorf("ring of %d: blocks of %d, want %d", ring, got, want)
		}
	}
}

// What a permission error says can be typed.
func TestForbidden(t *testing.T) {
	if got := quote("/opt/my tools/wiretale"); got != "'/opt/my tools/wiretale'" {
		t.Error(got)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for root, want := range map[bool]string{
		false: "eth0: not permitted: capturing needs the capability CAP_NET_RAW: give it to the program, once (and again when it is replaced):\n" +
			"  sudo setcap cap_net_raw,cap_net_admin=ep " + exe + "\nor run it as root; it drops all privileges once the interface is open:\n  sudo " + exe + " …",
		true: "eth0: not permitted: capturing needs the capability CAP_NET_RAW: root does not have it here, as in most containers; start the container with\n" +
			"  docker run --cap-add=NET_RAW --cap-add=NET_ADMIN …",
	} {
		err := forbiddenTo("eth0", root)
		if err.Error() != want || !errors.Is(err, ErrPermission) {
			t.Errorf("%v", err)
		}
	}
}
