//go:build !libpcap

package live

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

const (
	vlanSize = 4
	macsSize = 12 // what comes before the tag of a frame
	sll2Size = 20
)

// shape makes packets of what the kernel puts into a ring.
type shape struct {
	link    capture.LinkType
	cooked  bool // sockets are SOCK_DGRAM: packets come without their link header
	snaplen int
	filter  *bpf.VM // nil: the kernel is the only one that filters
	all     bool    // the kernel filters nothing
}

// packet makes a packet of a ring's frame: it puts back the VLAN tag that the
// kernel or the network card took out, and writes the cooked header. It reports
// false for one that the filter does not let pass.
func (s *shape) packet(h []byte, p *capture.Packet) bool {
	captured := int(binary.NativeEndian.Uint32(h[frameSnaplen:]))
	p.Wire = binary.NativeEndian.Uint32(h[frameWire:])
	status := binary.NativeEndian.Uint32(h[frameStatus:])
	at := int(binary.NativeEndian.Uint16(h[frameMAC:]))
	tag, tagged := tagOf(h, status)
	filtered := s.all || tagged
	if s.cooked {
		addr := h[frameAddr : frameAddr+frameAddrSize]
		filtered = filtered || tpid(binary.BigEndian.Uint16(addr[addrProtocol:]))
		n := sll2Size
		if tagged {
			n += vlanSize
		}
		cook(h[at-n:at], addr, tag, tagged)
		if tagged && addr[addrType] != unix.PACKET_OUTGOING && inside(h[at:at+captured], p.Wire, h[at-2:]) {
			binary.BigEndian.PutUint16(h[at-2:], unix.ETH_P_8021Q)
		}
		at, captured, p.Wire = at-n, captured+n, p.Wire+uint32(n)
	} else if tagged && s.link == capture.LinkEthernet && captured >= macsSize {
		copy(h[at-vlanSize:], h[at:at+macsSize])
		binary.BigEndian.PutUint32(h[at-vlanSize+macsSize:], tag)
		at, captured, p.Wire = at-vlanSize, captured+vlanSize, p.Wire+vlanSize
	}
	p.Data = h[at : at+captured : at+captured]
	if s.filter != nil && filtered {
		if n, err := s.filter.Run(p.Data); err != nil || n == 0 {
			return false
		}
	}
	if captured > s.snaplen {
		p.Data = p.Data[:s.snaplen:s.snaplen]
	}
	return true
}

// tagOf is the VLAN tag that was taken out of a frame: TPID, then TCI.
func tagOf(h []byte, status uint32) (tag uint32, tagged bool) {
	if status&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, false
	}
	tpid := uint32(unix.ETH_P_8021Q)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = uint32(binary.NativeEndian.Uint16(h[frameTPID:]))
	}
	return tpid<<16 | binary.NativeEndian.Uint32(h[frameVLAN:])&0xffff, true
}

// tpid reports whether an EtherType announces a tag.
func tpid(t uint16) bool { return t == unix.ETH_P_8021Q || t == unix.ETH_P_8021AD }

// inside reports whether a cooked packet begins with a second VLAN tag though
// its type is that of what comes after it. Linux says so since 6.10 for what is
// not outgoing: sll_protocol skips all tags, the data only the first (commit
// 79eecf631c14, "af_packet: Handle outgoing VLAN packets without hardware
// offloading"). The packet itself cannot look like that: an ARP packet has
// another type there, and an IP packet would have to bear its type as its
// length or flow label.
func inside(b []byte, wire uint32, protocol []byte) bool {
	i := 2
	for i+4 < len(b) && tpid(binary.BigEndian.Uint16(b[i:])) {
		i += vlanSize
	}
	if i+2 > len(b) || [2]byte(b[i:]) != [2]byte(protocol) {
		return false
	}
	b, wire = b[i+2:], wire-uint32(i+2)
	switch binary.BigEndian.Uint16(protocol) {
	case unix.ETH_P_IP:
		// An IPv4 packet of 2,048 bytes has an identification and the flags here.
		return len(b) < 4 || b[0]>>4 == 4 && int(binary.BigEndian.Uint16(b[2:])) >= 20 && uint32(binary.BigEndian.Uint16(b[2:])) <= wire
	case unix.ETH_P_IPV6:
		return len(b) < 1 || b[0]>>4 == 6 // the high bits of a length of 24 KiB
	}
	return true
}

// cook writes a LINKTYPE_LINUX_SLL2 header, and behind it what is left of a
// VLAN tag, as the type of the packet says that there is one.
func cook(b, addr []byte, tag uint32, tagged bool) {
	copy(b, addr[addrProtocol:addrProtocol+2])
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint32(b[4:], binary.NativeEndian.Uint32(addr[addrIndex:]))
	binary.BigEndian.PutUint16(b[8:], binary.NativeEndian.Uint16(addr[addrHardware:]))
	b[10], b[11] = addr[addrType], addr[addrLength]
	copy(b[12:sll2Size], addr[addrAddress:])
	if tagged {
		copy(b[sll2Size+2:], b[:2])
		binary.BigEndian.PutUint16(b[sll2Size:], uint16(tag))
		binary.BigEndian.PutUint16(b, uint16(tag>>16))
	}
}
