package replay

import (
	"fmt"
	"io"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
)

// write writes a recording as pcapng: one interface for each capture point,
// times in nanoseconds, and the command that makes it again as a comment.
func write(w io.Writer, s scenarios.Scenario, p scenarios.Params, r simnet.Recording) error {
	out := capture.NewPcapngWriter(w, capture.Info{
		Application: "wiretale replay",
		Comment: fmt.Sprintf("%s: %s\nwiretale replay %s --rtt %s --seed %d --at %s",
			s.Name, s.Doc, s.Name, p.RTT, p.Seed, p.At),
	})
	ifaces := make([]int, len(r.Interfaces))
	for i, name := range r.Interfaces {
		var err error
		ifaces[i], err = out.AddInterface(capture.Interface{
			Link: capture.LinkEthernet, Name: name, Resolution: 9,
			Description: "capture point on a simulated network, at: " + p.At.String(),
		})
		if err != nil {
			return err
		}
	}
	for _, k := range r.Packets {
		if err := out.WritePacket(ifaces[k.Iface], k); err != nil {
			return err
		}
	}
	return out.Flush()
}
