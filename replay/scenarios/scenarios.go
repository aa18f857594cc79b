// Package scenarios is the contract of a scenario: hosts that run reference
// implementations on a simulated network. Each scenario has a folder here and
// one line in scenarios/all.
package scenarios

import (
	"context"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Params is what a person may ask of every scenario.
type Params struct {
	RTT  time.Duration // to the main server; more than 0
	Seed uint64
	At   simnet.Position
}

// Result is what a scenario leaves behind. The common fields of the truth
// (scenario, seed, place, RTT, epoch) are filled in by the caller.
type Result struct {
	Recording simnet.Recording
	Truth     truth.Truth
}

// Scenario is one thing that can be replayed.
type Scenario struct {
	Name string        // as on the command line
	Doc  string        // one sentence
	RTT  time.Duration // where Params leaves the choice to the scenario

	// Run plays the scenario to its end. It leaves no goroutine behind. An
	// error means that hosts and network did not do what the scenario says.
	Run func(ctx context.Context, p Params) (*Result, error)
}
