// Package link finds, in one captured packet, the innermost IP packet: through
// link layers, tags, tunnels, IPv6 extension headers and fragments. It keeps
// fragments and nothing else, and it must not look into the transport beyond
// what a tunnel needs.
package link

import (
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// Packet is what Decode finds.
type Packet struct {
	// Src and Dst are the two ends. Where a source route is not used up, Dst
	// is the last address of it, as in the checksum of the transport (RFC 791
	// section 3.1, RFC 8200 section 8.1).
	Src, Dst events.Addr
	Proto    uint8 // IP protocol of Payload, after extension headers
	V6       bool
	// Payload is the transport header and what follows it, as captured
	// (Ethernet padding is off). It is borrowed from the packet, or, for a
	// reassembled datagram, owned by whoever gets it.
	Payload []byte
	// Wire is the length of Payload on the wire by the IP header; more than
	// len(Payload) when the snaplen cut.
	Wire int
}

// Verdict says what became of a packet.
type Verdict uint8

// The verdicts.
const (
	IP        Verdict = iota // Packet holds the innermost IP packet
	Fragment                 // a fragment; its datagram is not whole (yet)
	NotIP                    // ARP, STP, …: nothing for flows
	Malformed                // headers are wrong or cut off
	Unknown                  // a link type or encapsulation that is not known, or encrypted
)

var verdicts = [...]string{IP: "ip", Fragment: "fragment", NotIP: "not_ip", Malformed: "malformed", Unknown: "unknown"}

func (v Verdict) String() string { return verdicts[v] }

// Decoder decodes packets one after another.
type Decoder struct {
	limits *events.Limits
	// Outer is called, where set, for each UDP packet that carries a tunnel
	// (VXLAN, GENEVE, …), outermost first, before Decode returns: Wireshark
	// counts these as udp.stream, too. Payload starts at the UDP header.
	Outer func(*Packet)
	// Also is called, where set, for each IP packet of the same frame that
	// stands before the one Decode returns (an 802.11 A-MSDU may hold
	// several). It is not called again for that one.
	Also func(*Packet)
	// Limit is called, where set, when a limit was reached.
	Limit func(name string, value int, reason string, bytes int64)

	now     events.Time // of the packet being decoded
	vlan    uint16      // its innermost VLAN
	tunnels int         // IP packets inside IP packets, so far
	layers  int         // other headers that may hold themselves, so far
	outers  []Packet    // UDP packets with a tunnel inside, so far
	also    []Packet    // IP packets before the last one of an A-MSDU, so far
	frags   fragments
}

// NewDecoder makes a Decoder. l is not copied.
func NewDecoder(l *events.Limits) *Decoder { return &Decoder{limits: l} }

// Decode decodes one packet into *p. What *p holds is defined only for the
// verdict IP, and its two ends for Fragment, too. in.Data is not changed;
// p.Payload may point into it.
func (d *Decoder) Decode(in *capture.Packet, p *Packet) Verdict {
	d.now, d.vlan, d.tunnels, d.layers = in.Time, 0, 0, 0
	b := in.Data
	wire := max(int(in.Wire), len(b))
	var v Verdict
	if in.Link == linkEthernet {
		v = d.ethernet(b, wire, p)
	} else {
		v = d.link(in.Link, b, wire, p)
	}
	if len(d.outers)+len(d.also) > 0 {
		d.outers = tell(d.outers, d.Outer)
		d.also = tell(d.also, d.Also)
	}
	return v
}

// tell hands packets to f, where set, and gives the empty list back.
func tell(list []Packet, f func(*Packet)) []Packet {
	for i := range list {
		if f != nil {
			f(&list[i])
		}
		list[i].Payload = nil // it is borrowed
	}
	return list[:0]
}

// Every function that decodes a layer takes the captured bytes of it, b, and
// the number of bytes that were there on the wire, wire >= len(b).

// layer counts one header that may hold itself again and says whether that is
// once too often. A legitimate packet has several such headers a tunnel, so
// the bound is a multiple of that for tunnels.
func (d *Decoder) layer(b []byte) bool {
	d.layers++
	if d.layers <= 4*d.limits.Nesting+4 {
		return true
	}
	d.limit("nesting", d.limits.Nesting, "headers inside headers", int64(len(b)))
	return false
}

func (d *Decoder) limit(name string, value int, reason string, bytes int64) {
	if d.Limit != nil {
		d.Limit(name, value, reason, bytes)
	}
}

func be16(b []byte) uint16 { _ = b[1]; return uint16(b[0])<<8 | uint16(b[1]) }

func be32(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func le16(b []byte) uint16 { _ = b[1]; return uint16(b[1])<<8 | uint16(b[0]) }

func le32(b []byte) uint32 {
	_ = b[3]
	return uint32(b[3])<<24 | uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

// cut makes b no longer than n on the wire: what follows is padding or a
// check sequence.
func cut(b []byte, wire, n int) ([]byte, int) {
	if n >= wire {
		return b, wire
	}
	return b[:min(n, len(b))], n
}
