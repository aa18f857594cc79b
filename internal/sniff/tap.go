// Package sniff is what lies between an interface that is watched and a run: it
// keeps copies of packets in files, counts, and ends the capture in time. It
// must not look further into packets than to see between whom they are.
package sniff

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/filter"
	"github.com/wiretale/wiretale/capture/live"
)

// Keeper takes copies of packets, without waiting.
type Keeper interface {
	Write([]capture.Packet) (dropped int)
}

// Tap is a capture.Input over a live source.
type Tap struct {
	*live.Source
	Count uint64 // how many packets at most; 0: no end
	// Filter, where set, selects packets that the kernel could not select.
	Filter *filter.Program
	Keep   Keeper // nil: none
	// Talkers, where set, count what is given to the run.
	Talkers *Talkers

	lost uint32 // before packets that Filter left out

	given, filtered, unkept atomic.Uint64
	bytes                   atomic.Uint64

	mu     sync.Mutex
	losses []live.Loss
	rate   []float64 // bytes of each second, as they came
	second int64
}

// maxLosses are the first losses whose place is kept.
const maxLosses = 16

// Lost is for live.Config: it remembers where packets are missing.
func (t *Tap) Lost(l live.Loss) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.losses) < maxLosses {
		t.losses = append(t.losses, l)
	}
}

// Losses are the first places at which packets are missing.
func (t *Tap) Losses() []live.Loss {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.losses)
}

// Figures are how many packets and bytes (on the wire) were given to the run,
// how many the filter left out here, and how many Keep had no room for.
func (t *Tap) Figures() (given, bytes, filtered, unkept uint64) {
	return t.given.Load(), t.bytes.Load(), t.filtered.Load(), t.unkept.Load()
}

// Next is that of capture.Input.
func (t *Tap) Next(b *capture.Batch) error {
	if t.Count > 0 && t.given.Load() >= t.Count {
		return io.EOF
	}
	if err := t.Source.Next(b); err != nil {
		return err
	}
	if t.Filter != nil {
		kept := b.Packets[:0]
		for _, p := range b.Packets {
			p.Dropped += t.lost
			t.lost = 0
			if t.Filter.Match(p.Data, int(p.Wire)) {
				kept = append(kept, p)
			} else {
				t.lost = p.Dropped
			}
		}
		t.filtered.Add(uint64(len(b.Packets) - len(kept)))
		b.Packets = kept
	}
	given := t.given.Load()
	if t.Count > 0 && given+uint64(len(b.Packets)) >= t.Count {
		b.Packets = b.Packets[:t.Count-given]
		t.Stop()
	}
	// Frames are those of a file that holds what is given.
	b.First = given + 1
	if t.Keep != nil {
		t.unkept.Add(uint64(t.Keep.Write(b.Packets)))
	}
	var bytes uint64
	for i := range b.Packets {
		bytes += uint64(b.Packets[i].Wire)
	}
	t.given.Add(uint64(len(b.Packets)))
	t.bytes.Add(bytes)
	now := time.Now()
	t.count(bytes, now.Unix())
	if t.Talkers != nil {
		t.Talkers.Add(b.Packets, now)
	}
	return nil
}

// rateSeconds is how far back Rates goes.
const rateSeconds = 120

// count adds bytes to the rate of a second.
func (t *Tap) count(bytes uint64, second int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(second)
	t.rate[len(t.rate)-1] += float64(bytes)
}

func (t *Tap) turn(second int64) {
	if len(t.rate) == 0 || second-t.second > rateSeconds {
		t.rate, t.second = []float64{0}, second
	}
	for ; t.second < second; t.second++ {
		t.rate = append(t.rate, 0)
	}
	if n := len(t.rate) - rateSeconds; n > 0 {
		t.rate = slices.Delete(t.rate, 0, n)
	}
}

// Rates are the bytes of each of the last seconds that are over, oldest first.
func (t *Tap) Rates(now time.Time) []float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now.Unix())
	return slices.Clone(t.rate[:len(t.rate)-1])
}

var _ capture.Input = (*Tap)(nil)
