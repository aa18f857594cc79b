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

// MaxRTT is the longest round-trip time that can be asked for: a scenario runs
// in real time.
const MaxRTT = 10 * time.Second

// ErrUnknown says that there is no scenario of that name.
var ErrUnknown = errors.New("no such scenario")

// Options of one run. The zero value asks for nothing to be written.
type Options struct {
	Out   io.Writer // gets the capture as pcapng; nil for none
	Truth io.Writer // gets the truth as JSON; nil for none

	RTT  time.Duration // to the main server of the scenario; 0 leaves the choice to it
	Seed uint64        // of all that is made up: contents, ports, identifiers
	At   string        // capture point: client (also ""), server or middle
}

// Info is what a person chooses a scenario by.
type Info struct {
	Name string
	Doc  string        // one sentence
	RTT  time.Duration // where Options say nothing
}

// Names are the scenarios that Run knows.
func Names() []Info {
	out := make([]Info, len(all.Scenarios))
	for i, s := range all.Scenarios {
		out[i] = Info{Name: s.Name, Doc: s.Doc, RTT: s.RTT}
	}
	return out
}

// Run plays a scenario in real time and writes its capture and its truth. It
// leaves no goroutine behind. Timing differs by microseconds from run to run;
// hosts, names, contents, ports and identifiers are those of the seed.
func Run(ctx context.Context, name string, o Options) error {
	i := slices.IndexFunc(all.Scenarios, func(s scenarios.Scenario) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range all.Scenarios {
			names = append(names, s.Name)
		}
		return fmt.Errorf("replay: %w: %q; there are: %s", ErrUnknown, name, strings.Join(names, ", "))
	}
	s := all.Scenarios[i]

	p := scenarios.Params{RTT: o.RTT, Seed: o.Seed}
	if p.RTT == 0 {
		p.RTT = s.RTT
	}
	if p.RTT < 0 || p.RTT > MaxRTT {
		return fmt.Errorf("replay: an RTT of %s is not between 0 and %s", o.RTT, MaxRTT)
	}
	var err error
	if p.At, err = simnet.ParsePosition(o.At); err != nil {
		return fmt.Errorf("replay: %w", err)
	}

	r, err := s.Run(ctx, p)
	if err != nil {
		return fmt.Errorf("replay: %s: %w", name, err)
	}
	if o.Out != nil {
		if err := write(o.Out, s, p, r.Recording); err != nil {
			return fmt.Errorf("replay: writing the capture: %w", err)
		}
	}
	if o.Truth != nil {
		t := r.Truth
		tell(&t, s, &p, &r.Recording)
		if err := t.Write(o.Truth); err != nil {
			return fmt.Errorf("replay: writing the truth: %w", err)
		}
	}
	return nil
}

// tell fills in what every truth says: what was asked for, and what the network
// did.
func tell(t *truth.Truth, s scenarios.Scenario, p *scenarios.Params, r *simnet.Recording) {
	t.Scenario, t.Seed, t.At, t.RTT, t.Epoch = s.Name, p.Seed, p.At.String(), truth.Duration(p.RTT), simnet.Epoch
	t.Rate, t.Loss, t.Jitter, t.Reorder = p.Rate, p.Loss, truth.Duration(p.Jitter), p.Reorder
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
			x.Seq = &d.Seq
		}
		t.Drops = append(t.Drops, x)
	}
}
