// Package dns decodes DNS messages (RFC 1035) over UDP and TCP, and their
// siblings on the same format: multicast DNS (RFC 6762) and LLMNR (RFC 4795).
// It must not resolve, validate or match anything: an answer is tied to its
// question by an analysis.
package dns

import (
	"github.com/wiretale/wiretale/decoders"
)

// Proto is DNS.
var Proto = decoders.Proto{
	Name:     "dns",
	TCPPorts: []uint16{53, 5353, 5355},
	UDPPorts: []uint16{53, 5353, 5355},
	Probe:    probe,
	Stream:   newStream,
	Datagram: newDatagram,
	Shared:   true,
	Doc:      "DNS over UDP and TCP, multicast DNS, LLMNR: every record type in zone-file form, EDNS",
}

// headerLen is the length of the header, RFC 1035 section 4.1.1.
const headerLen = 12
