package bittorrent

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
)

// FreeRider is bt-free-rider's line in scenarios/all.
var FreeRider = scenarios.Scenario{
	Name:  "bt-free-rider",
	Doc:   "a swarm with one peer that takes and never gives: the others choke it but for the optimistic unchoke",
	RTT:   defaultRTT,
	Takes: scenarios.TimeScale,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, time.Minute, runFreeRider)
	},
}

const (
	riderPieces = 20
	riderStart  = 8 // of them, drawn for each but the seed
	riderSeed   = 80_000
)

// runFreeRider begins in the middle: leechers and rider have some pieces each,
// so that most are interested in most others. The leechers leave when they
// have the file, so nobody but the seed gives for nothing. The run is over when
// they are gone, whatever the rider has by then.
func runFreeRider(ctx context.Context, s *swarm) error {
	tracker, err := s.gather(riderPieces, riderSeed)
	if err != nil {
		return err
	}
	rider, err := s.add("rider", "wants the file and gives nothing", 1+leechers, 0)
	if err != nil {
		return err
	}
	if err := s.begin(tracker); err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(s.p.Seed, 0x7269646572)) // "rider"
	for i, m := range s.members {
		if err := s.start(m, s.content, func(c *peer.Config) {
			c.FreeRider = m == rider
			if i > 0 {
				c.Have = s.share(rnd, riderStart)
			}
		}); err != nil {
			return err
		}
		others, err := s.tell(ctx, m, "started", many)
		if err != nil {
			return err
		}
		m.peer.Meet(others)
		if err := pause(ctx, joinGap); err != nil {
			return err
		}
	}
	return s.finish(ctx, s.members[1:1+leechers], allLeave)
}

// share draws n pieces.
func (s *swarm) share(rnd *rand.Rand, n int) peer.Bitfield {
	has := peer.NewBitfield(len(s.torrent.Pieces))
	for _, i := range rnd.Perm(len(s.torrent.Pieces))[:n] {
		has.Set(i)
	}
	return has
}
