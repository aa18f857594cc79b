package rerun

import (
	"context"
	"fmt"
	"time"

	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios"
)

// MaxThink is how long a host thinks at most where Options say nothing.
const MaxThink = 200 * time.Millisecond

// defaultRTT is for captures in which no handshake tells.
const defaultRTT = 20 * time.Millisecond

// ErrNothing says that the capture holds no conversation to be played.
var ErrNothing = fmt.Errorf("no conversation in it can be played again")

// Run plays s and writes capture and truth as o says. name is what the result
// calls the capture. An
// RTT of 0 gives each pair of hosts that of the capture.
func (s *Script) Run(ctx context.Context, name string, o replay.Options, think time.Duration) error {
	if think <= 0 {
		think = MaxThink
	}
	if len(s.Conversations) == 0 {
		if left := s.leftOut(); left != "" {
			return fmt.Errorf("%w: %s", ErrNothing, left)
		}
		return ErrNothing
	}
	rtt := s.RTT
	if rtt == 0 {
		rtt = defaultRTT
	}
	between := s.between
	if o.RTT != 0 {
		between = nil
	}
	return replay.Play(ctx, scenarios.Scenario{
		Name: "--from " + name, Doc: "the exchanges of a capture, played again", RTT: min(rtt, replay.MaxRTT),
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			return s.play(ctx, p, think, between)
		},
	}, o)
}
