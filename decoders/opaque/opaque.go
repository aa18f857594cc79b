// Package opaque recognises protocols whose content cannot be read (yet):
// their probes are strict, and what follows is passed over without a look. It
// must not say anything but the name.
package opaque

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// The protocols.
var (
	SSH = decoders.Proto{
		Name: "ssh", TCPPorts: []uint16{22},
		Probe: probeSSH, Stream: newStream, Encrypted: true,
		Doc: "SSH: recognised, not decrypted",
	}
	DTLS = decoders.Proto{
		Name:  "dtls",
		Probe: probeDTLS, Datagram: newDatagram, Shared: true, Encrypted: true,
		Doc: "DTLS 1.0 to 1.3: recognised, not decrypted",
	}
	WireGuard = decoders.Proto{
		Name: "wireguard", UDPPorts: []uint16{51820},
		Probe: probeWireGuard, Datagram: newDatagram, Shared: true, Encrypted: true,
		Doc: "WireGuard: recognised, not decrypted",
	}
)

// Protos are all protocols of this package, in the order in which they are
// probed.
func Protos() []decoders.Proto {
	return []decoders.Proto{SSH, DTLS, WireGuard}
}

// closed takes everything and says nothing. It has no state, so that one
// value serves all flows.
type closed struct{}

func newStream(decoders.Env) decoders.Stream     { return closed{} }
func newDatagram(decoders.Env) decoders.Datagram { return closed{} }

// Data implements decoders.Stream.
func (closed) Data(w decoders.Window, _ decoders.Sink) (used, want int, err error) {
	return len(w.Bytes), 0, nil
}

// Gap implements decoders.Stream.
func (closed) Gap(events.Dir, int64, decoders.Sink) error { return nil }

// End implements decoders.Stream.
func (closed) End(events.Dir, events.Ending, decoders.Sink) {}

// Packet implements decoders.Datagram.
func (closed) Packet(decoders.Window, decoders.Sink) error { return nil }
