package bittorrent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Swarm is bt-swarm's line in scenarios/all.
var Swarm = scenarios.Scenario{
	Name:  "bt-swarm",
	Doc:   "a seed and seven leechers of different rates with a tracker over HTTP: rarest first, tit-for-tat",
	RTT:   defaultRTT,
	Takes: scenarios.TimeScale,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, time.Minute, runSwarm)
	},
}

const (
	leechers = 7

	// The file is small, so that the capture is: 16 pieces of two blocks.
	pieceBytes = 2 << 10
	blockBytes = 1 << 10
	pieceCount = 16

	seedUpload  = 160_000 // bit/s
	leastUpload = 40_000
	mostUpload  = 160_000

	// pipeline is less than peers mostly have, for there are few pieces.
	pipeline = 3

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
	tracker, err := s.gather(pieceCount, seedUpload)
	if err != nil {
		return err
	}
	if err := s.begin(tracker); err != nil {
		return err
	}
	for i, m := range s.members {
		exchange := i%4 != 3
		if err := s.enter(ctx, m, i == 0, exchange); err != nil {
			return err
		}
	}
	return s.finish(ctx, s.members[1:], firstLeaves)
}

// gather makes a file of so many pieces, the tracker, a seed and the leechers.
func (s *swarm) gather(pieces int, seedRate int64) (tracker *simnet.Host, err error) {
	s.make(pieces*pieceBytes, pieceBytes, blockBytes)
	if tracker, err = s.w.Host("tracker", "tracker over HTTP", trackerAddr, trackerName); err != nil {
		return nil, err
	}
	if _, err := s.add("seed", "has the file", 0, seedRate); err != nil {
		return nil, err
	}
	for i, rate := range s.uploads(leechers) {
		if _, err := s.add(fmt.Sprintf("leecher%d", i+1), "wants the file", i+1, rate); err != nil {
			return nil, err
		}
	}
	return tracker, nil
}

// begin links all who were added, and lets the tracker listen.
func (s *swarm) begin(tracker *simnet.Host) error {
	s.tellRates()
	if err := s.join(s.p.RTT, tracker); err != nil {
		return err
	}
	return s.serveTracker(tracker)
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
	others, err := s.tell(ctx, m, "started", want)
	if err != nil {
		return err
	}
	m.peer.Meet(others)
	return pause(ctx, joinGap)
}

// leaving says who goes when it has the file, before the end.
type leaving uint8

const (
	nobodyLeaves leaving = iota
	firstLeaves
	allLeave
)

// finish waits for all of them to be complete; each tells the tracker when it
// is, and goes at once if it is one of those that leave. In the end all go.
func (s *swarm) finish(ctx context.Context, all []*member, who leaving) error {
	var mu sync.Mutex
	gone := map[*member]bool{}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() {
			if errs[i] = wait(ctx, m); errs[i] != nil {
				return
			}
			if _, errs[i] = s.tell(ctx, m, "completed", 0); errs[i] != nil {
				return
			}
			mu.Lock()
			leave := who == allLeave || who == firstLeaves && len(gone) == 0
			if leave {
				gone[m] = true
			}
			mu.Unlock()
			if leave {
				errs[i] = s.leave(ctx, m)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// A round more, in which those that were last say that they need nothing.
	if err := pause(ctx, time.Duration(float64(10*time.Second)/s.p.TimeScale)+s.p.RTT); err != nil {
		return err
	}
	var early []string
	for _, m := range s.members {
		switch {
		case gone[m]:
			early = append(early, m.name)
		case m.peer != nil:
			if _, err := s.tell(ctx, m, "stopped", 0); err != nil {
				return err
			}
		}
	}
	s.w.Fact("left_early", early)
	return nil
}

// leave: m says farewell to the tracker and to its neighbours.
func (s *swarm) leave(ctx context.Context, m *member) error {
	if _, err := s.tell(ctx, m, "stopped", 0); err != nil {
		return err
	}
	m.peer.Stop(ctx)
	return nil
}
