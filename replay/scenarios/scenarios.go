// Package scenarios is the contract of a scenario: hosts that run reference
// implementations on a simulated network. Each scenario has a folder here and
// one line in scenarios/all.
package scenarios

import (
	"context"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Params is what a person may ask of every scenario.
type Params struct {
	RTT  time.Duration // to the main server; more than 0
	Seed uint64
	At   simnet.Position

	Rate    int64 // bit/s of the main link, each direction; 0: the scenario's own choice
	Loss    float64
	Jitter  time.Duration
	Reorder float64
	MTU     uint32 // 0: simnet.DefaultMTU
	// TimeScale is how many seconds of the scenario's own timers (rounds,
	// play-out, TTLs) go by in one second; 0: the scenario's own choice.
	TimeScale float64
	// TLS puts what can also go in clear under TLS.
	TLS bool
	// Real runs on the sockets of this machine's loopback instead; nil: not.
	Real *simnet.Real
}

// Network is the network that is asked for.
func (p *Params) Network() simnet.Config {
	return simnet.Config{Seed: p.Seed, At: p.At, MTU: p.MTU, Real: p.Real}
}

// Addr is the address of a host that speaks of it in its messages: with Real,
// that of the loopback, so that what is said is true of the packets.
func (p *Params) Addr(a netip.Addr) netip.Addr {
	if p.Real != nil {
		return simnet.Loopback(a)
	}
	return a
}

// Takes are the parameters that not every scenario heeds.
type Takes uint8

// The parameters.
const (
	TimeScale Takes = 1 << iota
	TLS
)

// Path is one direction of the main link, and of every other one that is to
// suffer what was asked for: half of rtt long.
func (p *Params) Path(rtt time.Duration) simnet.Path {
	return simnet.Path{Delay: rtt / 2, Rate: p.Rate, Loss: p.Loss, Jitter: p.Jitter, Reorder: p.Reorder}
}

// Result is what a scenario leaves behind. The common fields of the truth
// (scenario, seed, place, RTT, epoch) are filled in by the caller.
type Result struct {
	Recording simnet.Recording
	Truth     truth.Truth
	// Keys are the secrets of TLS and QUIC in NSS key log form; they go into
	// the capture (decryption secrets block) and to --keylog.
	Keys []byte
}

// Scenario is one thing that can be replayed.
type Scenario struct {
	Name string        // as on the command line
	Doc  string        // one sentence
	RTT  time.Duration // where Params leaves the choice to the scenario

	Takes  Takes  // what it heeds besides RTT, seed, place and network
	MinMTU uint32 // 0: simnet.MinMTU
	// Simulated says why the scenario cannot be played on real sockets, as the
	// end of a sentence; "": it can.
	Simulated string

	// Run plays the scenario to its end. It leaves no goroutine behind. An
	// error means that hosts and network did not do what the scenario says.
	Run func(ctx context.Context, p Params) (*Result, error)
}

// OnlySimulated is s, which cannot be played on real sockets; why is the end of
// a sentence.
func (s Scenario) OnlySimulated(why string) Scenario {
	s.Simulated = why
	return s
}

// Heeding is s, which heeds t too.
func (s Scenario) Heeding(t Takes) Scenario {
	s.Takes |= t
	return s
}
