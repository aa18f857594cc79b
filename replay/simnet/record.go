package simnet

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// Position says where on a link packets are captured.
type Position uint8

// The positions.
const (
	AtClient Position = iota // as the client's own interface sees them
	AtMiddle                 // half of the delay away from both ends
	AtServer                 // as the server's own interface sees them
)

var positions = [...]string{AtClient: "client", AtMiddle: "middle", AtServer: "server"}

func (p Position) valid() bool { return int(p) < len(positions) }

// String is the name that ParsePosition reads.
func (p Position) String() string {
	if !p.valid() {
		return fmt.Sprintf("Position(%d)", p)
	}
	return positions[p]
}

// ParsePosition reads "client", "middle" or "server"; "" is AtClient.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return AtClient, nil
	}
	if i := slices.Index(positions[:], s); i >= 0 {
		return Position(i), nil
	}
	return 0, fmt.Errorf("simnet: position %q is none of client, middle, server", s)
}

// Recording is what the capture points saw: Ethernet frames, and what the
// network itself says of the same time.
type Recording struct {
	Interfaces []string         // name of each capture point
	Packets    []capture.Packet // in order of time; Iface is an index into Interfaces
	Paths      []PathStats      // as of Network.Stats
	Drops      []Drop           // as of Network.Drops
	Real       *RealRun         // of a real network, of which all the rest is empty
}

// recorder collects the packets of all capture points.
type recorder struct {
	mu      sync.Mutex
	ifaces  []string
	packets []capture.Packet
	stopped bool
}

// point is the index of the capture point of a link. All links of a client
// end at its one interface, so they share a point there.
func (r *recorder) point(at Position, client, server *Host) uint16 {
	var name string
	switch at {
	case AtClient:
		name = client.name
	case AtMiddle:
		name = client.name + "-" + server.name
	case AtServer:
		name = server.name
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.ifaces, name); i >= 0 {
		return uint16(i)
	}
	r.ifaces = append(r.ifaces, name)
	return uint16(len(r.ifaces) - 1)
}

func (r *recorder) record(iface uint16, pass events.Time, frame []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.packets = append(r.packets, capture.Packet{
		Data: frame, Time: pass, Wire: uint32(len(frame)), Link: capture.LinkEthernet, Iface: iface,
	})
}

func (r *recorder) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

// Recording is what was captured so far, in order of time. A packet is noted
// when it is sent, with the moment at which it passes the point, so packets
// still before the point are part of it.
func (n *Network) Recording() Recording {
	if n.real != nil {
		return Recording{Real: &RealRun{Start: n.start, net: n.real}}
	}
	out := Recording{Paths: n.Stats(), Drops: n.Drops()}
	r := &n.rec
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Interfaces, out.Packets = slices.Clone(r.ifaces), slices.Clone(r.packets)
	slices.SortStableFunc(out.Packets, func(a, b capture.Packet) int { return cmp.Compare(a.Time, b.Time) })
	return out
}
