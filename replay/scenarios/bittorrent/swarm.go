package bittorrent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
)

// Swarm is bt-swarm's line in scenarios/all.
var Swarm = scenarios.Scenario{
	Name: "bt-swarm",
	Doc:  "a seed and seven leechers of different rates with a tracker over HTTP: rarest first, tit-for-tat",
	RTT:  defaultRTT,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, time.Minute, runSwarm)
	},
}

const (
	leechers = 7

	// The file is small, so that the capture is: 24 pieces of two blocks.
	pieceBytes = 2 << 10
	blockBytes = 1 << 10
	pieceCount = 24

	seedUpload  = 240_000 // bit/s
	leastUpload = 40_000
	mostUpload  = 160_000

	// few is how many peers the tracker names to those that know peer exchange.
	few = 3
	// many is for the others.
	many = 50
)

// runSwarm: the peers join one after the other. Two of them know no
// extensions and hear from all by the tracker; the others hear of three, and
// of the rest by peer exchange. Who is complete first leaves; the others stay
// until all are.
func runSwarm(ctx context.Context, s *swarm) error {
	s.make(pieceCount*pieceBytes, pieceBytes, blockBytes)
	tracker, err := s.w.Host("tracker", "tracker over HTTP", trackerAddr, trackerName)
	if err != nil {
		return err
	}
	if _, err := s.add("seed", "has the file", 0, seedUpload); err != nil {
		return err
	}
	rates := s.uploads(leechers)
	for i := range leechers {
		if _, err := s.add(fmt.Sprintf("leecher%d", i+1), "wants the file", i+1, rates[i]); err != nil {
			return err
		}
	}
	s.tellRates()
	if err := s.join(s.p.RTT, tracker); err != nil {
		return err
	}
	if err := s.serveTracker(tracker); err != nil {
		return err
	}
	for i, m := range s.members {
		exchange := i%4 != 3
		if err := s.enter(ctx, m, i == 0, exchange); err != nil {
			return err
		}
	}
	return s.finish(ctx, s.members[1:], true)
}

// uploads are n rates, spread evenly, in an order that the seed makes up.
func (s *swarm) uploads(n int) []int64 {
	rnd := rand.New(rand.NewPCG(s.p.Seed, 0x72617465)) // "rate"
	out := make([]int64, n)
	for k, i := range rnd.Perm(n) {
		out[k] = leastUpload + int64(i)*(mostUpload-leastUpload)/int64(n-1)
	}
	return out
}

func (s *swarm) tellRates() {
	rates := map[string]int64{}
	for _, m := range s.members {
		rates[m.name] = m.upload
	}
	s.w.Fact("upload_bits", rates)
}

// enter makes m a peer, tells the tracker, and meets those that it names.
func (s *swarm) enter(ctx context.Context, m *member, seed, exchange bool) error {
	var content []byte
	if seed {
		content = s.content
	}
	if err := s.start(m, content, func(c *peer.Config) { c.Exchange = exchange }); err != nil {
		return err
	}
	want := many
	if exchange {
		want = few
	}
	others, err := s.announce(ctx, m, "started", want)
	if err != nil {
		return err
	}
	m.peer.Meet(others)
	return pause(ctx, joinGap)
}

// finish waits for all of them to be complete; each tells the tracker when it
// is. leave: the first of them goes at once. In the end all go.
func (s *swarm) finish(ctx context.Context, all []*member, leave bool) error {
	done := make(chan *member, len(all))
	for _, m := range all {
		go func() {
			select {
			case <-m.peer.Complete():
				done <- m
			case <-ctx.Done():
			}
		}()
	}
	var gone *member
	for range all {
		var m *member
		select {
		case m = <-done:
		case <-ctx.Done():
			return fmt.Errorf("not all peers have all pieces: %w", context.Cause(ctx))
		}
		if _, err := s.announce(ctx, m, "completed", 0); err != nil {
			return err
		}
		if leave && gone == nil {
			gone = m
			s.w.Fact("left_early", m.name)
			if err := s.leave(ctx, m); err != nil {
				return err
			}
		}
	}
	// A round more, in which those that were last say that they need nothing.
	if err := pause(ctx, time.Duration(float64(10*time.Second)/s.p.TimeScale)+s.p.RTT); err != nil {
		return err
	}
	for _, m := range s.members {
		if m.peer != nil && m != gone {
			if _, err := s.announce(ctx, m, "stopped", 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave: m says farewell to the tracker and to its neighbours.
func (s *swarm) leave(ctx context.Context, m *member) error {
	if _, err := s.announce(ctx, m, "stopped", 0); err != nil {
		return err
	}
	m.peer.Stop(ctx)
	return nil
}
