package simnet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/wiretale/wiretale/events"
)

// route says which neighbour leads to a prefix.
type route struct {
	to   netip.Prefix
	pipe *pipe
}

// Route makes h send what is for a prefix to a neighbour, which passes it on if
// it knows how: a host is a router as soon as it gets packets for others. Hosts
// joined by a link of their own need none. Routes are to be made before traffic
// flows, after the link to the neighbour.
func (h *Host) Route(to netip.Prefix, neighbour *Host) error {
	if h.net.real != nil {
		return nil // the loopback joins all
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	p := h.routes[neighbour.addrs[0]]
	if p == nil {
		return fmt.Errorf("simnet: host %s: a route over %s, to which there is no link", h.name, neighbour.name)
	}
	h.via = append(h.via, route{to.Masked(), p})
	slices.SortStableFunc(h.via, func(a, b route) int { return cmp.Compare(b.to.Bits(), a.to.Bits()) })
	return nil
}

// pipeTo is the link that leads to an address, or nil.
func (h *Host) pipeTo(a netip.Addr) *pipe {
	if p := h.routes[a]; p != nil {
		return p
	}
	for _, r := range h.via {
		if r.to.Contains(a) {
			return r.pipe
		}
	}
	return nil
}

// receive takes an IP packet from a link at the moment at which it arrived: it
// is for the stack, or to be passed on.
func (h *Host) receive(due events.Time, proto tcpip.NetworkProtocolNumber, ip []byte) {
	_, dst, ok := addresses(ip)
	if ok && !slices.Contains(h.addrs, dst) && h.pipeTo(dst) != nil {
		h.pass(due, proto, ip)
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(ip)})
	h.link.InjectInbound(proto, pkt)
	pkt.DecRef()
}

// pass is what a router does: one hop less to live (RFC 1812 section 5.3.1, RFC
// 8200 section 3). It takes no time.
func (h *Host) pass(due events.Time, proto tcpip.NetworkProtocolNumber, ip []byte) {
	at := 8 // TTL
	if ip[0]>>4 == 6 {
		at = 7 // hop limit
	}
	h.out.Lock()
	defer h.out.Unlock()
	if h.cutOff {
		return
	}
	if ip[at] <= 1 {
		d := newDrop(ip)
		d.Time, d.From, d.Reason = due, h.name, ReasonTTL
		h.net.drop(d)
		return
	}
	ip = slices.Clone(ip) // the recording keeps the one that arrived
	ip[at]--
	if at == 8 { // RFC 1624: the checksum of one word less by 0x0100
		sum := uint32(binary.BigEndian.Uint16(ip[10:])) + 0x0100
		binary.BigEndian.PutUint16(ip[10:], uint16(sum+sum>>16))
	}
	h.forward(due, proto, ip)
}
