package replay

import (
	"fmt"
	"io"
	"strconv"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
)

// write writes a recording as pcapng: one interface for each capture point,
// times in nanoseconds, the keys of what is encrypted, the names of hosts, and
// the command that makes it again as a comment.
func write(w io.Writer, s scenarios.Scenario, p scenarios.Params, r *scenarios.Result, version string) error {
	made := "wiretale replay"
	if version != "" {
		made = "wiretale " + version + " replay"
	}
	out := capture.NewPcapngWriter(w, capture.Info{
		Application: made,
		Comment:     fmt.Sprintf("%s: %s\n%s\nmade by %s; all hosts are simulated, time begins at %s", s.Name, s.Doc, command(s.Name, &p), made, simnet.Epoch.Format("2006-01-02")),
	})
	rec := &r.Recording
	ifaces := make([]int, len(rec.Interfaces))
	for i, name := range rec.Interfaces {
		var err error
		ifaces[i], err = out.AddInterface(capture.Interface{
			Link: capture.LinkEthernet, Name: name, Resolution: 9,
			Description: "capture point on a simulated network, at: " + p.At.String(),
		})
		if err != nil {
			return err
		}
	}
	if len(r.Keys) > 0 {
		if err := out.WriteSecrets(capture.SecretsTLS, r.Keys); err != nil {
			return err
		}
	}
	for _, k := range rec.Packets {
		if err := out.WritePacket(ifaces[k.Iface], k); err != nil {
			return err
		}
	}
	return out.Flush()
}

// command is the command line that plays the same again.
func command(name string, p *scenarios.Params) string {
	s := fmt.Sprintf("wiretale replay %s --rtt %s --seed %d --at %s", name, p.RTT, p.Seed, p.At)
	if p.Real != nil {
		s = fmt.Sprintf("wiretale replay %s --real --seed %d", name, p.Seed)
	}
	if p.Rate != 0 {
		s += " --rate " + RateText(p.Rate)
	}
	if p.Loss != 0 {
		s += " --loss " + ShareText(p.Loss)
	}
	if p.Jitter != 0 {
		s += " --jitter " + p.Jitter.String()
	}
	if p.Reorder != 0 {
		s += " --reorder " + ShareText(p.Reorder)
	}
	if p.MTU != 0 {
		s += " --mtu " + strconv.FormatUint(uint64(p.MTU), 10)
	}
	if p.TimeScale != 0 {
		s += " --time-scale " + strconv.FormatFloat(p.TimeScale, 'g', -1, 64)
	}
	if p.TLS {
		s += " --tls"
	}
	return s
}
