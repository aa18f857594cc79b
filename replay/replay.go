// Package replay makes captures whose truth is known: it lets reference
// implementations talk over a simulated network and records what a capture
// point sees, next to what hosts and network say that truly happened. It must
// not decode what it records.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/all"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Truth is what truly happened in a scenario.
type Truth = truth.Truth

// The bounds of what can be asked for.
const (
	MaxRTT       = 10 * time.Second // a scenario runs in real time
	MinRate      = 1_000            // bit/s
	MaxRate      = 100_000_000_000
	MaxLoss      = 0.5 // beyond it nothing gets through in a time worth waiting for
	MaxTimeScale = 10_000
)

// ErrUnknown says that there is no scenario of that name.
var ErrUnknown = errors.New("no such scenario")

// ErrOptions says that something was asked for that cannot be.
var ErrOptions = errors.New("this cannot be played")

// Options of one run. The zero value asks for nothing to be written.
type Options struct {
	Out   io.Writer // gets the capture as pcapng; nil for none
	Truth io.Writer // gets the truth as JSON; nil for none

	Keys    io.Writer // gets the secrets of TLS and QUIC as an NSS key log; nil for none
	Summary io.Writer // gets what happened, in words; nil for none

	RTT  time.Duration // to the main server of the scenario; 0 leaves the choice to it
	Seed uint64        // of all that is made up: contents, ports, identifiers
	At   string        // capture point: client (also ""), server or middle

	// The main link, each direction; 0 leaves the choice to the scenario.
	Rate    int64         // bit/s of whole frames
	Loss    float64       // share of packets lost, 0 to MaxLoss
	Jitter  time.Duration // at most so much more delay
	Reorder float64       // share of packets that the next one overtakes
	MTU     uint32        // bytes of the largest IP packet

	TimeScale float64 // seconds of the scenario's own timers in one second; 0 leaves the choice to it
	TLS       bool    // what can also go in clear goes under TLS

	// Real plays on the sockets of this machine's loopback. The capture is
	// anybody's who watches it; Out must be nil, and nothing may be asked of the
	// network. Plan gets, before the first packet, what is used of the loopback,
	// and filters for it; nil for none. The truth tells times and addresses as
	// they are in the packets, and no links or drops.
	Real bool
	Plan io.Writer

	Version string // of the program, for the capture's comment
}

// params checks o and gives what the scenario is to be played with.
func (o *Options) params(s *scenarios.Scenario) (scenarios.Params, error) {
	p := scenarios.Params{RTT: o.RTT, Seed: o.Seed, Rate: o.Rate, Loss: o.Loss, Jitter: o.Jitter, Reorder: o.Reorder,
		MTU: o.MTU, TimeScale: o.TimeScale, TLS: o.TLS}
	if p.RTT == 0 {
		p.RTT = s.RTT
	}
	switch {
	case p.RTT < 0 || p.RTT > MaxRTT:
		return p, badf("an RTT of %s is not between 0 and %s", o.RTT, MaxRTT)
	case p.Rate != 0 && (p.Rate < MinRate || p.Rate > MaxRate):
		return p, badf("a rate of %d bit/s is not between %s and %s", p.Rate, RateText(MinRate), RateText(MaxRate))
	case !(p.Loss >= 0 && p.Loss <= MaxLoss):
		return p, badf("a loss of %s is not between 0%% and %s", ShareText(p.Loss), ShareText(MaxLoss))
	case p.Jitter < 0 || p.Jitter > MaxRTT:
		return p, badf("a jitter of %s is not between 0 and %s", p.Jitter, MaxRTT)
	case !(p.Reorder >= 0 && p.Reorder <= 1):
		return p, badf("a reordering of %s is not between 0%% and 100%%", ShareText(p.Reorder))
	case p.MTU != 0 && (p.MTU < simnet.MinMTU || p.MTU > simnet.MaxMTU):
		return p, badf("an MTU of %d is not between %d and %d", p.MTU, simnet.MinMTU, simnet.MaxMTU)
	case p.MTU != 0 && p.MTU < s.MinMTU:
		return p, badf("%s needs an MTU of %d or more", s.Name, s.MinMTU)
	case p.TimeScale != 0 && !(p.TimeScale > 0 && p.TimeScale <= MaxTimeScale):
		return p, badf("a time scale of %g is not between 0 and %d", p.TimeScale, int(MaxTimeScale))
	}
	at, err := simnet.ParsePosition(o.At)
	p.At = at
	if err != nil {
		return p, badf("a capture point is client, middle or server, not %q", o.At)
	}
	if o.Real {
		p.Real = &simnet.Real{Announce: o.announce}
	}
	return p, nil
}

// heeded says what was asked for that would be without effect.
func (o *Options) heeded(s *scenarios.Scenario) error {
	for _, x := range []struct {
		asked bool
		flag  scenarios.Takes
	}{{o.TimeScale != 0, scenarios.TimeScale}, {o.TLS, scenarios.TLS}} {
		if x.asked && s.Takes&x.flag == 0 {
			return badf("%s does not use %s; it takes %s", s.Name, strings.Join(flags(x.flag), ""), takes(s.Takes, true))
		}
	}
	if !o.Real {
		return nil
	}
	if s.Simulated != "" {
		return badf("%s plays on its simulated network only, not on real sockets: %s", s.Name, s.Simulated)
	}
	for _, x := range []struct {
		asked bool
		name  string
	}{
		{o.RTT != 0, "--rtt"}, {o.Rate != 0, "--rate"}, {o.Loss != 0, "--loss"}, {o.Jitter != 0, "--jitter"},
		{o.Reorder != 0, "--reorder"}, {o.MTU != 0, "--mtu"},
	} {
		if x.asked {
			return badf("%s goes without --real: the kernel's loopback has no delay, rate or loss to set; with --real, %s takes %s",
				x.name, s.Name, takes(s.Takes, false))
		}
	}
	switch {
	case o.At != "":
		return badf("--at goes without --real: the loopback has one place only")
	case o.Out != nil:
		return badf("with --real the kernel carries the packets: capture them while it plays, with sudo wiretale sniff -i lo -w FILE")
	}
	return nil
}

// takes names all that a scenario heeds, as flags; network: what is asked of a
// simulated network too.
func takes(t scenarios.Takes, network bool) string {
	out := []string{"--seed"}
	if network {
		out = append(out, "--rtt", "--rate", "--loss", "--jitter", "--reorder", "--mtu", "--at")
	}
	return strings.Join(append(out, flags(t)...), ", ")
}

// flags are those of a command line.
func flags(t scenarios.Takes) (out []string) {
	if t&scenarios.TimeScale != 0 {
		out = append(out, "--time-scale")
	}
	if t&scenarios.TLS != 0 {
		out = append(out, "--tls")
	}
	return out
}

// announce tells of a real network before its first packet.
func (o *Options) announce(_ context.Context, p simnet.Plan) error {
	if o.Plan == nil {
		return nil
	}
	_, err := io.WriteString(o.Plan, "on the loopback of this machine:\n"+p.String())
	return err
}

func badf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
}

// Info is what a person chooses a scenario by.
type Info struct {
	Name string
	Doc  string        // one sentence
	RTT  time.Duration // where Options say nothing

	Takes     string // flags, in words
	MinMTU    uint32 // 0: that of the network
	Simulated string // why it cannot be played on real sockets; "": it can
}

// Names are the scenarios that Run knows.
func Names() []Info {
	out := make([]Info, len(all.Scenarios))
	for i, s := range all.Scenarios {
		out[i] = Info{Name: s.Name, Doc: s.Doc, RTT: s.RTT, Takes: takes(s.Takes, true), MinMTU: s.MinMTU, Simulated: s.Simulated}
	}
	return out
}

// Help is what a person may read about a scenario before playing it; "" when
// there is nothing.
func Help(name string) string { return scenarios.Readme(name) }

// Run plays a scenario in real time and writes its capture and its truth. It
// leaves no goroutine behind. Timing differs by microseconds from run to run;
// hosts, names, contents, ports and identifiers are those of the seed. An error
// that is ErrUnknown or ErrOptions is the caller's.
func Run(ctx context.Context, name string, o Options) error {
	s, err := find(name)
	if err != nil {
		return err
	}
	if err := o.heeded(s); err != nil {
		return err
	}
	return Play(ctx, *s, o)
}

// Check says whether there is a scenario of that name; else it is ErrUnknown.
func Check(name string) error {
	_, err := find(name)
	return err
}

func find(name string) (*scenarios.Scenario, error) {
	i := slices.IndexFunc(all.Scenarios, func(s scenarios.Scenario) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range all.Scenarios {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("%w: %q; there are: %s", ErrUnknown, name, strings.Join(names, ", "))
	}
	return &all.Scenarios[i], nil
}

// Play is Run for a scenario that is not among those named, and that sees to it
// itself that nothing is asked in vain.
func Play(ctx context.Context, s scenarios.Scenario, o Options) error {
	p, err := o.params(&s)
	if err != nil {
		return err
	}

	r, err := s.Run(ctx, p)
	if err != nil {
		return fmt.Errorf("replay: %s: %w", s.Name, err)
	}
	t := r.Truth
	tell(&t, s, &p, &r.Recording)
	if o.Out != nil {
		if err := write(o.Out, s, p, r, o.Version); err != nil {
			return fmt.Errorf("replay: writing the capture: %w", err)
		}
	}
	if o.Truth != nil {
		if err := t.Write(o.Truth); err != nil {
			return fmt.Errorf("replay: writing the truth: %w", err)
		}
	}
	if o.Keys != nil {
		if _, err := o.Keys.Write(r.Keys); err != nil {
			return fmt.Errorf("replay: writing the keys: %w", err)
		}
	}
	if o.Summary != nil {
		if err := summarize(o.Summary, &s, &p, &t, &r.Recording, len(r.Keys) > 0); err != nil {
			return fmt.Errorf("replay: writing the summary: %w", err)
		}
	}
	return nil
}

// tell fills in what every truth says: what was asked for, and what the network
// did.
func tell(t *truth.Truth, s scenarios.Scenario, p *scenarios.Params, r *simnet.Recording) {
	t.Scenario, t.Seed, t.At, t.RTT, t.Epoch = s.Name, p.Seed, p.At.String(), truth.Duration(p.RTT), simnet.Epoch
	t.Rate, t.Loss, t.Jitter, t.Reorder = p.Rate, p.Loss, truth.Duration(p.Jitter), p.Reorder
	if real := r.Real; real != nil {
		t.At, t.RTT = "loopback", 0
		t.Move(real.Start.Sub(simnet.Epoch), real.OnLoopback)
	}
	if r.Paths == nil {
		return
	}
	t.Paths, t.Drops = nil, nil
	for _, s := range r.Paths {
		x := truth.Path{From: s.From, To: s.To, Delay: truth.Duration(s.Path.Delay), Packets: s.Packets, Bytes: s.Bytes,
			Rate: s.Path.Rate, Loss: s.Path.Loss, Jitter: truth.Duration(s.Path.Jitter), Reorder: s.Path.Reorder, Dropped: s.Dropped}
		if s.Path.Rate > 0 {
			x.Queue = s.Path.Queue
		}
		t.Paths = append(t.Paths, x)
	}
	for _, d := range r.Drops {
		x := truth.Drop{Time: d.Time.Std(), From: d.From, To: d.To, Src: d.Src, Dst: d.Dst, Bytes: d.Bytes, Reason: d.Reason,
			Proto: d.Proto, SrcPort: d.SrcPort, DstPort: d.DstPort, Payload: d.Payload, Captured: d.Captured}
		if d.Proto == "tcp" {
			x.Seq, x.Flags = &d.Seq, d.Flags
		}
		t.Drops = append(t.Drops, x)
	}
}
