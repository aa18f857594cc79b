package link

import (
	"bytes"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// encapsulations are all ways here to carry in4 or in6. outer is the number
// of UDP packets that carry a tunnel.
var encapsulations = []struct {
	name  string
	link  capture.LinkType
	data  []byte
	v6    bool
	outer int
}{
	// Links.
	{name: "ethernet", link: 1, data: eth(0x0800, in4)},
	{name: "ethernet IPv6", link: 1, data: eth(0x86dd, in6), v6: true},
	{name: "ethernet padded", link: 1, data: cat(eth(0x0800, in4), make([]byte, 18))},
	{name: "802.3 SNAP", link: 1, data: eth(8+len(in4), snap(0x0800, in4))},
	{name: "802.3 SNAP, padded", link: 1, data: cat(eth(8+len(in6), snap(0x86dd, in6)), make([]byte, 4)), v6: true},
	{name: "802.3 SAP 6", link: 1, data: eth(3+len(in4), cat([]byte{6, 6, 3}, in4))},
	{name: "raw 101", link: 101, data: in4},
	{name: "raw 101 IPv6", link: 101, data: in6, v6: true},
	{name: "raw 12", link: 12, data: in4},
	{name: "raw 14", link: 14, data: in6, v6: true},
	{name: "raw 228", link: 228, data: in4},
	{name: "raw 229", link: 229, data: in6, v6: true},
	{name: "null, little endian", link: 0, data: cat(l32(2), in4)},
	{name: "null, big endian", link: 0, data: cat(u32(2), in4)},
	{name: "null, 24", link: 0, data: cat(l32(24), in6), v6: true},
	{name: "null, 28", link: 0, data: cat(l32(28), in6), v6: true},
	{name: "null, 30", link: 0, data: cat(l32(30), in6), v6: true},
	{name: "null, 10", link: 0, data: cat(l32(10), in6), v6: true},
	{name: "loop", link: 108, data: cat(u32(24), in6), v6: true},
	{name: "cooked", link: 113, data: cat(u16(0), u16(1), u16(6), make([]byte, 8), u16(0x0800), in4)},
	{name: "cooked VLAN", link: 113, data: cat(u16(0), u16(1), u16(6), make([]byte, 8), u16(0x8100), u16(5), u16(0x86dd), in6), v6: true},
	{name: "cooked LLC", link: 113, data: cat(u16(0), u16(1), u16(6), make([]byte, 8), u16(4), snap(0x0800, in4))},
	{name: "cooked 2", link: 276, data: cat(u16(0x86dd), u16(0), u32(2), u16(1), []byte{0, 6}, make([]byte, 8), in6), v6: true},
	{name: "PPP", link: 9, data: cat([]byte{0xff, 3}, u16(0x21), in4)},
	{name: "PPP without framing", link: 9, data: cat(u16(0x57), in6), v6: true},
	{name: "PPP, short protocol", link: 50, data: cat([]byte{0xff, 3, 0x21}, in4)},
	{name: "PPP multilink, one fragment", link: 50, data: cat([]byte{0xff, 3}, u16(0x3d), u32(0xc0000001), u16(0x21), in4)},
	{name: "PPP direction", link: 204, data: cat([]byte{1, 0xff, 3}, u16(0x21), in4)},
	{name: "pppd", link: 166, data: cat([]byte{1, 3}, u16(0x21), in4)},
	{name: "Cisco HDLC", link: 104, data: cat([]byte{0x0f, 0}, u16(0x0800), in4)},
	{name: "Cisco HDLC as PPP", link: 50, data: cat([]byte{0x0f, 0}, u16(0x86dd), in6), v6: true},
	{name: "PPPoE link", link: 51, data: cat([]byte{0x11, 0}, u16(1), u16(2+len(in4)), u16(0x21), in4)},
	{name: "frame relay", link: 107, data: cat([]byte{0x18, 0x41, 3, 0xcc}, in4)},
	{name: "frame relay SNAP", link: 107, data: cat([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0}, u16(0x86dd), in6), v6: true},
	{name: "frame relay Cisco", link: 107, data: cat([]byte{0x18, 0x41}, u16(0x0800), in4)},
	{name: "token ring", link: 6, data: cat([]byte{0x10, 0x40}, macs, snap(0x0800, in4))},
	{name: "token ring, routed", link: 6, data: cat([]byte{0x10, 0x40}, macs[:6], []byte{0x82, 0, 0, 0, 0, 1}, []byte{0x06, 0, 0, 0, 0, 0}, snap(0x0800, in4))},
	{name: "FDDI", link: 10, data: cat([]byte{0x50}, macs, snap(0x0800, in4))},
	{name: "ATM LLC", link: 100, data: snap(0x0800, in4)},
	{name: "ATM NLPID", link: 100, data: cat([]byte{0xfe, 0xfe, 3, 0xcc}, in4)},
	{name: "ATM bridged", link: 100, data: cat([]byte{0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0}, eth(0x0800, in4))},
	{name: "IPoIB", link: 242, data: cat(make([]byte, 40), u16(0x0800), u16(0), in4)},
	{name: "IPNET", link: 226, data: cat([]byte{1, 2}, make([]byte, 22), in4)},
	{name: "NFLOG", link: 239, data: cat([]byte{2, 0}, u16(0), l16(5), l16(10), []byte{'x', 0, 0, 0}, l16(4+len(in4)), l16(9), in4)},
	{name: "NFLOG, big endian", link: 239, data: cat([]byte{10, 0}, u16(0), u16(8), u16(1), u32(0), u16(4+len(in6)), u16(9), in6), v6: true},
	{name: "PKTAP", link: 258, data: cat(l32(108), l32(1), l32(1), make([]byte, 96), eth(0x0800, in4))},
	{name: "PPI", link: 192, data: cat([]byte{0, 0}, l16(8), l32(1), eth(0x0800, in4))},
	{name: "switch tag", link: 284, data: cat(macs, u32(0x40000000), u16(0x0800), in4)},

	// 802.11.
	{name: "802.11 from DS", link: 105, data: cat([]byte{0x08, 2, 0, 0}, macs, macs[:6], u16(0x1000), snap(0x0800, in4))},
	{name: "802.11 QoS", link: 105, data: cat([]byte{0x88, 1, 0, 0}, macs, macs[:6], u16(0), l16(0), snap(0x86dd, in6)), v6: true},
	{name: "802.11 QoS with HT control", link: 105, data: cat([]byte{0x88, 0x81, 0, 0}, macs, macs[:6], u16(0), l16(0), u32(0), snap(0x0800, in4))},
	{name: "802.11 four addresses", link: 105, data: cat([]byte{0x08, 3, 0, 0}, macs, macs[:6], u16(0), macs[:6], snap(0x0800, in4))},
	{name: "802.11 mesh", link: 105, data: cat([]byte{0x88, 3, 0, 0}, macs, macs[:6], u16(0), macs[:6], l16(0x100), []byte{0, 31, 1, 0, 0, 0}, snap(0x0800, in4))},
	{name: "802.11 A-MSDU", link: 105, data: cat([]byte{0x88, 2, 0, 0}, macs, macs[:6], u16(0), l16(0x80), macs, u16(8+len(in4)), snap(0x0800, in4))},
	{name: "radiotap", link: 127, data: cat([]byte{0, 0}, l16(8), l32(0), []byte{0x08, 2, 0, 0}, macs, macs[:6], u16(0), snap(0x0800, in4))},
	{name: "radiotap, FCS and pad", link: 127, data: cat([]byte{0, 0}, l16(17), l32(3), make([]byte, 8), []byte{0x30}, []byte{0x88, 2, 0, 0}, macs, macs[:6], u16(0), l16(0), u16(0), snap(0x0800, in4), u32(0x12345678))},
	{name: "Prism", link: 119, data: cat(l32(0x44), l32(144), make([]byte, 136), []byte{0x08, 2, 0, 0}, macs, macs[:6], u16(0), snap(0x0800, in4))},
	{name: "AVS", link: 163, data: cat(u32(0x80211001), u32(64), make([]byte, 56), []byte{0x08, 2, 0, 0}, macs, macs[:6], u16(0), snap(0x0800, in4))},

	// Tags.
	{name: "VLAN", link: 1, data: eth(0x8100, cat(u16(5), u16(0x0800), in4))},
	{name: "VLAN LLC", link: 1, data: eth(0x8100, cat(u16(5), u16(8+len(in4)), snap(0x0800, in4)))},
	{name: "QinQ 88a8", link: 1, data: eth(0x88a8, cat(u16(5), u16(0x8100), u16(6), u16(0x86dd), in6)), v6: true},
	{name: "QinQ 9100", link: 1, data: eth(0x9100, cat(u16(5), u16(0x8100), u16(6), u16(0x0800), in4))},
	{name: "QinQ 9200", link: 1, data: eth(0x9200, cat(u16(5), u16(0x0800), in4))},
	{name: "I-TAG", link: 1, data: eth(0x88a8, cat(u16(5), u16(0x88e7), u32(7), eth(0x0800, in4)))},
	{name: "MPLS", link: 1, data: eth(0x8847, cat(u32(16<<12|64), u32(17<<12|0x100|64), in4))},
	{name: "MPLS IPv6", link: 1, data: eth(0x8848, cat(u32(17<<12|0x100|64), in6)), v6: true},
	{name: "pseudowire", link: 1, data: eth(0x8847, cat(u32(17<<12|0x100|64), u32(0), eth(0x0800, in4)))},
	{name: "pseudowire without control word", link: 1, data: eth(0x8847, cat(u32(17<<12|0x100|64), eth(0x0800, in4)))},
	{name: "pseudowire, sequence", link: 1, data: eth(0x8847, cat(u32(17<<12|0x100|64), u32(77), eth(0x8100, cat(u16(3), u16(0x0800), in4))))},
	{name: "PPPoE", link: 1, data: eth(0x8864, cat([]byte{0x11, 0}, u16(1), u16(2+len(in4)), u16(0x21), in4))},
	{name: "NSH", link: 1, data: eth(0x894f, cat([]byte{0, 2, 2, 1}, u32(0x100), in4))},

	{name: "ISL", link: 1, data: cat([]byte{1, 0, 0x0c, 0, 0, 0}, macs[:6], u16(80), []byte{0xaa, 0xaa, 3}, make([]byte, 3), u16(5<<1), u32(0), eth(0x0800, in4), u32(0))},
	{name: "TRILL", link: 1, data: eth(0x22f3, cat(u16(0x0040), u32(0), u32(0), eth(0x0800, in4)))},
	{name: "HSR", link: 1, data: eth(0x892f, cat(u32(0), u16(0x0800), in4))},
	{name: "MACsec, not encrypted", link: 1, data: eth(0x88e5, cat([]byte{0x20, 0}, u32(1), make([]byte, 8), u16(0x0800), in4, make([]byte, 16)))},
	{name: "Juniper Ethernet", link: 178, data: cat([]byte{0x4d, 0x47, 0x43, 0x80}, u16(2), u16(0), eth(0x0800, in4))},

	// IP in IP.
	{name: "IP in IP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 4, in4)},
	{name: "6in4", link: 101, data: v4("192.0.2.1", "192.0.2.2", 41, in6), v6: true},
	{name: "4in6", link: 101, data: v6("2001:db8::a", "2001:db8::b", 4, in4)},
	{name: "6in6", link: 101, data: v6("2001:db8::a", "2001:db8::b", 41, in6), v6: true},
	{name: "EtherIP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 97, cat(u16(0x3000), eth(0x0800, in4)))},
	{name: "MPLS in IP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 137, cat(u32(17<<12|0x100|64), in4))},
	{name: "PIM register", link: 101, data: v4("192.0.2.1", "192.0.2.2", 103, cat([]byte{0x21, 0, 0, 0}, u32(0), in4))},
	{name: "AH, tunnel", link: 101, data: v4("192.0.2.1", "192.0.2.2", 51, cat([]byte{4, 4}, u16(0), u32(1), u32(1), make([]byte, 12), in4))},

	// GRE.
	{name: "GRE", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0), u16(0x0800), in4))},
	{name: "GRE over IPv6", link: 101, data: v6("2001:db8::a", "2001:db8::b", 47, cat(u16(0), u16(0x86dd), in6)), v6: true},
	{name: "GRE, all fields", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0xf000), u16(0x0800),
		u16(0), u16(0), u32(1), u32(2), // checksum and offset, key, sequence
		u16(0x0800), []byte{0, 4}, a4("192.0.2.9"), u32(0), // one route entry, the end
		in4))},
	{name: "GRE, checksum", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x8000), u16(0x0800), u32(0), in4))},
	{name: "NVGRE", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x2000), u16(0x6558), u32(0x64), eth(0x0800, in4)))},
	{name: "ERSPAN I", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0), u16(0x88be), eth(0x0800, in4)))},
	{name: "ERSPAN II", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x1000), u16(0x88be), u32(1), u32(0x10000000), u32(0), eth(0x0800, in4)))},
	{name: "ERSPAN III", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x1000), u16(0x22eb), u32(1), u32(0x20000000), u32(0), u32(1), u32(0), u32(0), eth(0x0800, in4)))},
	{name: "PPTP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x3081), u16(0x880b), u16(4+len(in4)), u16(9), u32(1), u32(2), []byte{0xff, 3}, u16(0x21), in4))},
	{name: "WCCP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0), u16(0x883e), u32(0), in4))},
	{name: "EoIP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0x2001), u16(0x6400), u16(14+len(in4)), l16(7), eth(0x0800, in4)))},
	{name: "GRE MPLS", link: 101, data: v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0), u16(0x8847), u32(17<<12|0x100|64), in4))},

	// Over UDP.
	{name: "VXLAN", link: 1, data: eth(0x0800, v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4789, cat(u32(0x08000000), u32(0x6400), eth(0x0800, in4))))), outer: 1},
	{name: "VXLAN over IPv6", link: 1, data: eth(0x86dd, v6("2001:db8::a", "2001:db8::b", 17, udp(50000, 4789, cat(u32(0x08000000), u32(0x6400), eth(0x86dd, in6))))), v6: true, outer: 1},
	{name: "VXLAN in VXLAN", link: 1, data: eth(0x0800, v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4789, cat(u32(0x08000000), u32(0x6400),
		eth(0x0800, v4("192.0.2.3", "192.0.2.4", 17, udp(50001, 4789, cat(u32(0x08000000), u32(0x6500), eth(0x0800, in4))))))))), outer: 2},
	{name: "VXLAN-GPE", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4790, cat(u32(0x0c000001), u32(0x6400), in4))), outer: 1},
	{name: "GENEVE", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 6081, cat(u16(0x0200), u16(0x6558), u32(0x6400), u32(0), u32(0), eth(0x0800, in4)))), outer: 1},
	{name: "GENEVE IP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 6081, cat(u16(0), u16(0x86dd), u32(0x6400), in6))), v6: true, outer: 1},
	{name: "GTP-U", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(2152, 2152, cat([]byte{0x30, 0xff}, u16(len(in4)), u32(7), in4))), outer: 1},
	{name: "GTP-U, extension", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(2152, 2152, cat([]byte{0x36, 0xff}, u16(8+len(in4)), u32(7), u16(1), []byte{0, 0x85}, []byte{1, 0, 0, 0}, in4))), outer: 1},
	{name: "L2TP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(1701, 1701, cat(u16(0x0002), u16(1), u16(2), []byte{0xff, 3}, u16(0x21), in4))), outer: 1},
	{name: "MPLS in UDP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 6635, cat(u32(17<<12|0x100|64), in4))), outer: 1},
	{name: "LISP", link: 101, data: v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4341, cat(make([]byte, 8), in6))), v6: true, outer: 1},

	// Inside IP itself.
	{name: "AH", link: 101, data: v4("10.0.0.1", "10.0.0.2", 51, cat([]byte{6, 4}, u16(0), u32(1), u32(1), make([]byte, 12), segment))},
	{name: "options", link: 101, data: cat([]byte{0x46, 0}, u16(24+len(segment)), u32(0), []byte{64, 6, 0, 0}, a4("10.0.0.1"), a4("10.0.0.2"), []byte{1, 1, 1, 0}, segment)},
	{name: "source route", link: 101, data: cat([]byte{0x47, 0}, u16(28+len(segment)), u32(0), []byte{64, 6, 0, 0}, a4("10.0.0.1"), a4("10.9.9.9"), []byte{131, 7, 4}, a4("10.0.0.2"), []byte{0}, segment)},
	{name: "total length 0", link: 101, data: cat([]byte{0x45, 0}, u16(0), u32(0), []byte{64, 6, 0, 0}, a4("10.0.0.1"), a4("10.0.0.2"), segment)},
	{name: "IPv6 headers", link: 101, v6: true, data: v6("2001:db8::1", "2001:db8::2", 0, cat(
		[]byte{60, 0, 5, 2, 0, 0, 0, 0},        // hop-by-hop
		[]byte{43, 1, 1, 12}, make([]byte, 12), // destination, 16 bytes
		[]byte{44, 0, 0, 0, 0, 0, 0, 0}, // routing, nothing left
		[]byte{51, 0}, u16(0), u32(9),   // atomic fragment
		[]byte{6, 4}, u16(0), u32(1), u32(1), make([]byte, 12), // authentication
		segment))},
	{name: "IPv6 routing type 0", link: 101, v6: true, data: v6("2001:db8::1", "2001:db8::9", 43, cat([]byte{6, 2, 0, 1}, u32(0), a6("2001:db8::2"), segment))},
	{name: "IPv6 segment routing", link: 101, v6: true, data: v6("2001:db8::1", "2001:db8::9", 43, cat([]byte{6, 4, 4, 1, 1, 0, 0, 0}, a6("2001:db8::2"), a6("2001:db8::9"), segment))},
	{name: "IPv6 payload length 0", link: 101, v6: true, data: cat([]byte{0x60, 0, 0, 0, 0, 0, 6, 64}, a6("2001:db8::1"), a6("2001:db8::2"), segment)},
}

func TestEncapsulations(t *testing.T) {
	for _, e := range encapsulations {
		t.Run(e.name, func(t *testing.T) {
			d := newDecoder(t, nil)
			outers := 0
			d.Outer = func(o *Packet) {
				outers++
				if o.Proto != events.ProtoUDP || len(o.Payload) < 8 {
					t.Errorf("outer packet is no UDP: %+v", o)
				}
			}
			var p Packet
			if v := d.Decode(frame(e.link, e.data), &p); v != IP {
				t.Fatalf("verdict %v", v)
			}
			src, dst := "10.0.0.1", "10.0.0.2"
			if e.v6 {
				src, dst = "2001:db8::1", "2001:db8::2"
			}
			if p.Src.String() != src || p.Dst.String() != dst || p.V6 != e.v6 || p.Proto != 6 {
				t.Errorf("got %v → %v, IPv6 %v, protocol %d", p.Src, p.Dst, p.V6, p.Proto)
			}
			if !bytes.Equal(p.Payload, segment) || p.Wire != len(segment) {
				t.Errorf("payload %x, %d on the wire", p.Payload, p.Wire)
			}
			if outers != e.outer {
				t.Errorf("%d outer packets, want %d", outers, e.outer)
			}
		})
	}
}

// TestEveryCut: a packet cut anywhere is malformed, or what its intact
// headers say, and never has more payload than was captured.
func TestEveryCut(t *testing.T) {
	for _, e := range encapsulations {
		for n := range e.data {
			in := &capture.Packet{Link: e.link, Data: e.data[:n:n], Wire: uint32(len(e.data))}
			var p Packet
			if v := newDecoder(t, nil).Decode(in, &p); v == IP && (len(p.Payload) > n || len(p.Payload) > p.Wire) {
				t.Errorf("%s cut to %d: payload %d, wire %d", e.name, n, len(p.Payload), p.Wire)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	ip := func(change func(b []byte)) []byte {
		b := bytes.Clone(in4)
		change(b)
		return b
	}
	for _, c := range []struct {
		name string
		link capture.LinkType
		data []byte
		want Verdict
	}{
		{"empty", 1, nil, Malformed},
		{"ARP", 1, eth(0x0806, make([]byte, 28)), NotIP},
		{"STP", 1, eth(38, cat([]byte{0x42, 0x42, 3}, make([]byte, 35))), NotIP},
		{"unknown type", 1, eth(0x7777, in4), Unknown},
		{"unknown link", 9999, in4, Unknown},
		{"USB", 220, make([]byte, 64), Unknown},
		{"version 6 in an IPv4 frame", 1, eth(0x0800, in6), Malformed},
		{"version 4 in an IPv6 frame", 1, eth(0x86dd, cat(in4, make([]byte, 20))), Malformed},
		{"header of 16 bytes", 101, ip(func(b []byte) { b[0] = 0x44 }), Malformed},
		{"total length 19", 101, ip(func(b []byte) { b[3] = 19 }), Malformed},
		{"header cut", 101, in4[:19], Malformed},
		{"bad header checksum", 101, ip(func(b []byte) { b[10] ^= 0xff }), IP},
		{"802.11 beacon", 105, cat([]byte{0x80, 0, 0, 0}, macs, macs), NotIP},
		{"802.11 null data", 105, cat([]byte{0x48, 1, 0, 0}, macs, macs), NotIP},
		{"802.11 protected", 105, cat([]byte{0x08, 0x42, 0, 0}, macs, macs[:6], u16(0), make([]byte, 60)), Unknown},
		{"MACsec, encrypted", 1, eth(0x88e5, cat([]byte{0x2c, 0}, make([]byte, 60))), Unknown},
		{"PPP LCP", 9, cat([]byte{0xff, 3}, u16(0xc021), make([]byte, 8)), NotIP},
		{"PPPoE discovery", 1, eth(0x8863, cat([]byte{0x11, 9}, make([]byte, 10))), NotIP},
		{"VLAN cut", 1, eth(0x8100, []byte{0}), Malformed},
	} {
		var p Packet
		if v := newDecoder(t, nil).Decode(frame(c.link, c.data), &p); v != c.want {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

// TestOuterStays: where the inside of a tunnel is no IP packet, the packet
// around it is the answer and is not told to Outer as well.
func TestOuterStays(t *testing.T) {
	for _, c := range []struct {
		name  string
		proto uint8
		data  []byte
	}{
		{"ICMP error", 1, v4("192.0.2.1", "192.0.2.2", 1, cat([]byte{3, 1, 0, 0}, u32(0), in4))},
		{"VXLAN with ARP", 17, v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4789, cat(u32(0x08000000), u32(0), eth(0x0806, make([]byte, 28)))))},
		{"VXLAN without its flag", 17, v4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4789, cat(u32(0), u32(0), eth(0x0800, in4))))},
		{"GRE keep-alive", 47, v4("192.0.2.1", "192.0.2.2", 47, cat(u16(0), u16(0)))},
		{"GTP echo", 17, v4("192.0.2.1", "192.0.2.2", 17, udp(2152, 2152, cat([]byte{0x32, 1}, make([]byte, 10))))},
		{"L2TP control", 17, v4("192.0.2.1", "192.0.2.2", 17, udp(1701, 1701, cat(u16(0xc802), make([]byte, 10))))},
		{"ESP", 50, v4("192.0.2.1", "192.0.2.2", 50, make([]byte, 40))},
		{"IP in IP, malformed", 4, v4("192.0.2.1", "192.0.2.2", 4, make([]byte, 40))},
	} {
		d := newDecoder(t, nil)
		d.Outer = func(*Packet) { t.Errorf("%s: Outer was called", c.name) }
		var p Packet
		v := d.Decode(frame(101, c.data), &p)
		if v != IP || p.Proto != c.proto || p.Src.String() != "192.0.2.1" || !bytes.Equal(p.Payload, c.data[20:]) {
			t.Errorf("%s: %v %+v", c.name, v, p)
		}
	}
}

func TestSnaplen(t *testing.T) {
	whole := eth(0x0800, v4("10.0.0.1", "10.0.0.2", 6, cat(segment, make([]byte, 1000))))
	in := &capture.Packet{Link: 1, Data: whole[:64], Wire: uint32(len(whole))}
	var p Packet
	if v := newDecoder(t, nil).Decode(in, &p); v != IP || len(p.Payload) != 64-34 || p.Wire != len(segment)+1000 {
		t.Errorf("%v, payload %d, wire %d", v, len(p.Payload), p.Wire)
	}
}

// TestJumbo: RFC 2675, and a snaplen.
func TestJumbo(t *testing.T) {
	b := cat([]byte{0x60, 0, 0, 0, 0, 0, 0, 64}, a6("2001:db8::1"), a6("2001:db8::2"),
		[]byte{6, 0, 0xc2, 4}, u32(100_008), segment)
	in := &capture.Packet{Link: 101, Data: b, Wire: 100_048}
	var p Packet
	if v := newDecoder(t, nil).Decode(in, &p); v != IP || p.Wire != 100_000 || !bytes.Equal(p.Payload, segment) {
		t.Errorf("%v, payload %d, wire %d", v, len(p.Payload), p.Wire)
	}
}

func TestNesting(t *testing.T) {
	b := in4
	for range 10 {
		b = v4("192.0.2.1", "192.0.2.2", 4, b)
	}
	d := newDecoder(t, nil)
	told := ""
	d.Limit = func(name string, value int, _ string, _ int64) { told = name }
	var p Packet
	// Eight tunnels are gone through; what remains are two.
	if v := d.Decode(frame(101, b), &p); v != IP || p.Proto != 4 || len(p.Payload) != 20+len(in4) || told != "nesting" {
		t.Errorf("%v, protocol %d, payload %d, limit %q", v, p.Proto, len(p.Payload), told)
	}
	// Headers that hold themselves without an IP header between them.
	b = in4
	for range 1000 {
		b = cat(u32(17<<12|0x100|64), u32(0), eth(0x8847, b))
	}
	told = ""
	if v := d.Decode(frame(1, eth(0x8847, b)), &p); v != Unknown || told != "nesting" {
		t.Errorf("%v, limit %q", v, told)
	}
}

func TestAMSDU(t *testing.T) {
	sub := func(b []byte) []byte { return cat(macs, u16(8+len(b)), snap(0x0800, b)) }
	first, second := sub(v4("10.0.0.3", "10.0.0.4", 17, udp(1, 2, []byte("abc")))), sub(in4)
	for len(first)%4 != 0 {
		first = append(first, 0)
	}
	d := newDecoder(t, nil)
	var also []string
	d.Also = func(p *Packet) { also = append(also, p.Src.String()) }
	var p Packet
	v := d.Decode(frame(105, cat([]byte{0x88, 2, 0, 0}, macs, macs[:6], u16(0), l16(0x80), first, second)), &p)
	if v != IP || !bytes.Equal(p.Payload, segment) || len(also) != 1 || also[0] != "10.0.0.3" {
		t.Errorf("%v %+v, also %v", v, p, also)
	}
}
