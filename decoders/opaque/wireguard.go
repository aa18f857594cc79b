package opaque

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probeWireGuard: message types 1 to 4 in four little-endian bytes, each with
// its exact length (the protocol's paper, section 5.4). The two handshake
// messages end in a second MAC that is zero unless the peer is under load:
// only then they are certain.
func probeWireGuard(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) < 32 || b[1] != 0 || b[2] != 0 || b[3] != 0 {
		return decoders.No, from
	}
	switch b[0] {
	case 1:
		if len(b) == 148 {
			if zero(b[132:]) {
				return decoders.Yes, events.FromClient
			}
			return decoders.Maybe, events.FromClient
		}
	case 2:
		if len(b) == 92 {
			if zero(b[76:]) {
				return decoders.Yes, events.FromServer
			}
			return decoders.Maybe, events.FromServer
		}
	case 3:
		if len(b) == 64 {
			return decoders.Maybe, from
		}
	case 4:
		// Padded to 16 bytes, with a counter that begins small.
		if len(b)%16 == 0 && b[14] == 0 && b[15] == 0 {
			return decoders.Maybe, from
		}
	}
	return decoders.No, from
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
