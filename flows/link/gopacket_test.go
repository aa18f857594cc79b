package link

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"pgregory.net/rapid"
)

// The oracle of this file is gopacket's layers. It writes stacks of headers
// that ours must take off again, and it reads the packets made by hand. It
// panics on some packets, so it is asked through readOracle only
// (docs/decisions/001-gopacket.md).

// readOracle is the innermost IP packet with a transport that gopacket finds;
// ok: there is one. A panic of gopacket is no answer.
func readOracle(link capture.LinkType, data []byte) (src, dst string, payload []byte, ok bool) {
	defer func() {
		if x := recover(); x != nil {
			ok = false
		}
	}()
	p := gopacket.NewPacket(data, layers.LinkType(link), gopacket.DecodeOptions{})
	var network gopacket.NetworkLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case gopacket.NetworkLayer:
			network = l
		case *layers.TCP:
			if network == nil {
				return "", "", nil, false
			}
			f := network.NetworkFlow()
			src, dst, payload, ok = f.Src().String(), f.Dst().String(), append(bytes.Clone(l.Contents), l.Payload...), true
		}
	}
	return src, dst, payload, ok
}

// gopacketDiffers are packets that it reads otherwise, with the reason.
var gopacketDiffers = map[string]string{
	"802.11 from DS":             "takes the last four bytes for a frame check sequence, which is not there",
	"802.11 QoS":                 "as above",
	"802.11 QoS with HT control": "as above",
	"802.11 four addresses":      "as above",
	"Prism":                      "as above",
	"source route":               "gives the next hop as destination, not the last",
	"IPv6 routing type 0":        "as above",
}

// TestGopacketAgrees: where gopacket finds the TCP segment in a packet made by
// hand, it finds it where we do. It does not know all encapsulations; known is
// how many it must find, so that the test cannot go empty.
func TestGopacketAgrees(t *testing.T) {
	const known = 50
	agreed := 0
	for _, e := range encapsulations {
		if e.link > 0xff {
			continue // its link types are one byte
		}
		src, dst, payload, ok := readOracle(e.link, e.data)
		if !ok {
			t.Logf("gopacket does not know: %s", e.name)
			continue
		}
		var p Packet
		if v := newDecoder(t, nil).Decode(frame(e.link, e.data), &p); v != IP {
			t.Errorf("%s: verdict %v", e.name, v)
			continue
		}
		if why := gopacketDiffers[e.name]; why != "" {
			t.Logf("gopacket, %s: %s", e.name, why)
			continue
		}
		if p.Src.String() != src || p.Dst.String() != dst || !bytes.Equal(p.Payload, payload) {
			t.Errorf("%s: %v → %v %x; gopacket: %s → %s %x", e.name, p.Src, p.Dst, p.Payload, src, dst, payload)
			continue
		}
		agreed++
	}
	t.Logf("%d of %d", agreed, len(encapsulations))
	if agreed < known {
		t.Errorf("gopacket agreed on %d encapsulations, want %d", agreed, known)
	}
}

// stack draws headers from the outermost to the innermost, which is TCP or
// UDP in IP with a payload.
type stack struct {
	*rapid.T
	layers  []gopacket.SerializableLayer
	outer   int // UDP packets that carry a tunnel
	tunnels int
}

func (s *stack) add(l ...gopacket.SerializableLayer) { s.layers = append(s.layers, l...) }

func (s *stack) ethernet() {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	e := &layers.Ethernet{SrcMAC: mac, DstMAC: mac}
	s.add(e)
	next := &e.EthernetType
	for range rapid.IntRange(0, 2).Draw(s.T, "tags") {
		*next = layers.EthernetTypeDot1Q
		q := &layers.Dot1Q{VLANIdentifier: rapid.Uint16Range(0, 4095).Draw(s.T, "vlan")}
		s.add(q)
		next = &q.Type
	}
	switch rapid.IntRange(0, 3).Draw(s.T, "under IP") {
	case 0:
		*next = layers.EthernetTypePPPoESession
		ppp := &layers.PPP{PPPType: layers.PPPTypeIPv4}
		s.add(&layers.PPPoE{Version: 1, Type: 1, SessionId: 7}, ppp)
		if s.ip() {
			ppp.PPPType = layers.PPPTypeIPv6
		}
	case 1:
		*next = layers.EthernetTypeMPLSUnicast
		n := rapid.IntRange(1, 3).Draw(s.T, "labels")
		for i := range n {
			s.add(&layers.MPLS{Label: 16 + rapid.Uint32Range(0, 1000).Draw(s.T, "label"), TTL: 64, StackBottom: i == n-1})
		}
		s.ip()
	default:
		*next = layers.EthernetTypeIPv4
		if s.ip() {
			*next = layers.EthernetTypeIPv6
		}
	}
}

// ip adds an IP packet and what is in it, and reports whether it is IPv6.
func (s *stack) ip() (v6 bool) {
	v6 = rapid.Bool().Draw(s.T, "IPv6")
	var next *layers.IPProtocol
	if v6 {
		h := &layers.IPv6{Version: 6, HopLimit: 64, SrcIP: s.addr(16), DstIP: s.addr(16)}
		next = &h.NextHeader
		s.add(h)
	} else {
		h := &layers.IPv4{Version: 4, TTL: 64, SrcIP: s.addr(4), DstIP: s.addr(4), Id: 7}
		if rapid.Bool().Draw(s.T, "options") {
			h.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
		}
		next = &h.Protocol
		s.add(h)
	}
	kind := 0
	if s.tunnels < 3 {
		kind = rapid.IntRange(0, 6).Draw(s.T, "inside")
	}
	s.tunnels++
	switch kind {
	case 1: // IP in IP (RFC 2003, RFC 2473)
		*next = layers.IPProtocolIPv4
		if s.ip() {
			*next = layers.IPProtocolIPv6
		}
	case 2: // GRE (RFC 2784, RFC 2890)
		*next = layers.IPProtocolGRE
		g := &layers.GRE{Protocol: layers.EthernetTypeIPv4, KeyPresent: rapid.Bool().Draw(s.T, "key"), SeqPresent: rapid.Bool().Draw(s.T, "sequence"), Key: 9, Seq: 10}
		s.add(g)
		if s.ip() {
			g.Protocol = layers.EthernetTypeIPv6
		}
	case 3: // VXLAN (RFC 7348)
		*next = layers.IPProtocolUDP
		s.outer++
		s.add(&layers.UDP{SrcPort: 50000, DstPort: 4789}, &layers.VXLAN{ValidIDFlag: true, VNI: 100})
		s.ethernet()
	case 4:
		*next = layers.IPProtocolUDP
		s.add(&layers.UDP{SrcPort: 50000, DstPort: 50001})
	default:
		*next = layers.IPProtocolTCP
		s.add(&layers.TCP{SrcPort: 50000, DstPort: 50001, Seq: 1, Ack: 2, ACK: true, Window: 1000})
	}
	return v6
}

func (s *stack) addr(n int) net.IP {
	b := rapid.SliceOfN(rapid.Byte(), n, n).Draw(s.T, "address")
	b[0] = 0x20 // an IPv6 address of its own, not a mapped IPv4 one
	return net.IP(b)
}

// TestGopacketsStacks: what gopacket wraps up, we unwrap.
func TestGopacketsStacks(t *testing.T) {
	limits := events.DefaultLimits()
	rapid.Check(t, func(t *rapid.T) {
		s := &stack{T: t}
		s.ethernet()
		body := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
		s.add(gopacket.Payload(body))

		// The innermost IP packet is what the last two headers say.
		last := s.layers[len(s.layers)-3]
		var src, dst net.IP
		switch h := last.(type) {
		case *layers.IPv4:
			src, dst = h.SrcIP, h.DstIP
		case *layers.IPv6:
			src, dst = h.SrcIP, h.DstIP
		default:
			t.Fatalf("%T", last)
		}
		proto, header := uint8(events.ProtoTCP), 20
		if _, ok := s.layers[len(s.layers)-2].(*layers.UDP); ok {
			proto, header = events.ProtoUDP, 8
		}

		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, s.layers...); err != nil {
			t.Fatal(err)
		}
		data := buf.Bytes()
		d := NewDecoder(&limits)
		outer := 0
		d.Outer = func(*Packet) { outer++ }
		var p Packet
		if v := d.Decode(frame(1, data), &p); v != IP {
			t.Fatalf("verdict %v of %x", v, data)
		}
		want := fmt.Sprint(src, dst, proto, len(body)+header)
		if got := fmt.Sprint(p.Src, p.Dst, p.Proto, len(p.Payload)); got != want || !bytes.Equal(p.Payload[header:], body) {
			t.Errorf("got %s, want %s in %x", got, want, data)
		}
		if outer != s.outer {
			t.Errorf("%d outer packets, want %d", outer, s.outer)
		}
	})
}
