package rerun

import (
	"context"
	"fmt"
	"time"

	"github.com/wiretale/wiretale/internal/rerun/web"
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
	if len(s.Conversations)+len(s.exchanges) == 0 {
		out := ErrNothing
		for _, left := range []map[Reason]int{s.Left, s.LeftExchanges} {
			if why := list(left); why != "" {
				out = fmt.Errorf("%w; %s", out, why)
			}
		}
		if s.Broken != nil {
			out = fmt.Errorf("%w; %w", out, s.Broken)
		}
		return out
	}
	s.secure = o.TLS
	rtt := s.RTT
	if rtt == 0 {
		rtt = defaultRTT
	}
	between := s.between
	if o.RTT != 0 {
		between = nil
	}
	x := scenarios.Scenario{
		Simulated: "its hosts have the addresses of the capture",
		Name:      "--from " + name + s.flag(), Doc: "the exchanges of a capture, played again", RTT: min(rtt, replay.MaxRTT),
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			return s.play(ctx, p, think, between)
		},
	}
	if s.As != "" {
		x.Takes |= scenarios.TLS
	}
	if s.As == web.HTTP3 {
		x.MinMTU = web.MinQUIC
	}
	return replay.Play(ctx, x, o)
}

// flag says what HTTP is played over, as on the command line.
func (s *Script) flag() string {
	if s.As == "" {
		return ""
	}
	return " --as " + string(s.As)
}
