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
	Fragment                 // a fragment, kept; the datagram is not whole yet
	NotIP                    // ARP, STP, …: nothing for flows
	Malformed                // headers are wrong or cut off
	Unknown                  // a link type or encapsulation that is not known
)

// Decoder decodes packets one after another.
type Decoder struct {
	limits *events.Limits
	// Outer is called, where set, for each UDP packet that carries a tunnel
	// (VXLAN, GENEVE, …), outermost first, before Decode returns: Wireshark
	// counts these as udp.stream, too. Payload starts at the UDP header.
	Outer func(*Packet)
	// Limit is called, where set, when a limit was reached.
	Limit func(name string, value int, reason string, bytes int64)
}

// NewDecoder makes a Decoder.
func NewDecoder(l *events.Limits) *Decoder { return &Decoder{limits: l} }

// Decode decodes one packet into *p.
func (d *Decoder) Decode(in *capture.Packet, p *Packet) Verdict {
	return Unknown
}
