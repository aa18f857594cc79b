package simnet

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/wiretale/wiretale/events"
)

// Drop is a packet that the network did not deliver.
type Drop struct {
	Time   events.Time // when the sender handed it over
	From   string      // name of the host that sent it
	To     string      // name of the host at the other end of the link; "": there is no link
	Src    netip.Addr
	Dst    netip.Addr
	Bytes  int // IP header included
	Reason string

	// What any router can read of the headers. Of a fragment without that of
	// the transport, and of other protocols, Proto is "".
	Proto            string // tcp, udp
	SrcPort, DstPort uint16
	Seq              uint32   // of TCP, as on the wire
	Flags            []string // of TCP, those that are set, in the order of the header's lowest bits: fin, syn, rst, psh, ack
	Payload          int      // bytes behind the header of the transport
	Captured         bool     // it passed a capture point before it was lost
}

// The reasons of drops.
const (
	ReasonNoRoute = "no route" // no link leads to the destination
	ReasonQueue   = "queue"    // the queue in front of the link was full
	ReasonLoss    = "loss"     // by chance, as Path.Loss asks
	ReasonChosen  = "chosen"   // by Path.Drop
	ReasonTTL     = "ttl"      // it passed too many routers
)

// flagNames are the flags of TCP from the lowest bit up (RFC 9293 section 3.1).
var flagNames = [...]string{"fin", "syn", "rst", "psh", "ack"}

// newDrop reads the headers of an IP packet.
func newDrop(ip []byte) Drop {
	d := Drop{Bytes: len(ip)}
	d.Src, d.Dst, _ = addresses(ip)
	var proto byte
	var l4 []byte
	switch {
	case !d.Src.IsValid():
		return d
	case d.Src.Is4():
		// A fragment that is not the first has no header of the transport.
		if n := int(ip[0]&15) * 4; n <= len(ip) && binary.BigEndian.Uint16(ip[6:])&0x1fff == 0 {
			proto, l4 = ip[9], ip[n:]
		}
	default:
		proto, l4 = ip[6], ip[header.IPv6MinimumSize:]
	}
	switch {
	case proto == 6 && len(l4) >= header.TCPMinimumSize:
		d.Proto, d.Seq = "tcp", binary.BigEndian.Uint32(l4[4:])
		d.Payload = max(len(l4)-int(l4[12]>>4)*4, 0)
		for bit, name := range flagNames {
			if l4[13]&(1<<bit) != 0 {
				d.Flags = append(d.Flags, name)
			}
		}
	case proto == 17 && len(l4) >= header.UDPMinimumSize:
		d.Proto, d.Payload = "udp", len(l4)-header.UDPMinimumSize
	default:
		return d
	}
	d.SrcPort, d.DstPort = binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	return d
}
