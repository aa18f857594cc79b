package streaming

import (
	"context"
	"fmt"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	// safety is the share of the measured throughput that a rate may have.
	safety = 0.8
	// remembered is how many segments the throughput is measured over.
	remembered = 3
	// mostBuffered is for how long the player plays what it has; more it does
	// not fetch.
	mostBuffered = 2 * time.Second
)

// player fetches one segment after the other, over one connection, and chooses
// the level of each by the throughput of those before it.
type player struct {
	w      *web.World
	host   string
	get    func(url string) ([]byte, error)
	before func(segment int) error // called when a segment is about to be fetched

	*manifest
	playout    playout
	throughput []float64 // bit/s of each segment so far, in time of the film
	known      map[string]bool
	level      int // of the segment before
	switches   int
}

func (p *player) now() time.Time { return p.w.Net.Now().Std() }

// play fetches the whole film.
func (p *player) play(ctx context.Context, read reader) (err error) {
	start := p.now()
	if p.manifest, err = read(p.get); err != nil {
		return err
	}
	if p.count == 0 {
		return fmt.Errorf("streaming: the film has no segments")
	}
	p.known = map[string]bool{"": true}
	p.playout = playout{scale: p.w.Scale(), note: func(at time.Time, what, of, why string) {
		p.w.Choose(truth.Choice{Time: at, Host: p.host, What: what, Of: of, Why: why})
	}}
	for n := 1; n <= p.count; n++ {
		if err := p.room(ctx); err != nil {
			return err
		}
		if err := p.fetch(n); err != nil {
			return err
		}
	}
	p.w.Fact("segment_seconds", p.segment.Seconds())
	p.w.Fact("segments", p.count)
	p.w.Fact("switches", p.switches)
	p.w.Fact("stalls", p.playout.stalls)
	p.w.Fact("stall_seconds", p.playout.stalled.Seconds())
	p.w.Fact("startup_seconds", p.playout.started.Sub(start).Seconds()*p.w.Scale())
	return nil
}

// room waits until the buffer has room for a segment.
func (p *player) room(ctx context.Context) error {
	p.playout.advance(p.now())
	over := p.playout.buffer + p.segment - mostBuffered
	if over <= 0 {
		return nil
	}
	return p.w.Until(ctx, p.now().Add(p.playout.real(over)))
}

// fetch chooses a level and fetches one segment of it.
func (p *player) fetch(n int) error {
	if err := p.before(n); err != nil {
		return err
	}
	p.playout.advance(p.now())
	to := p.choose()
	why := "nothing measured yet"
	if len(p.throughput) > 0 {
		why = fmt.Sprintf("throughput %.0f kbit/s", p.estimate()/1000)
	}
	why += fmt.Sprintf(", buffer %.2f s", p.playout.buffer.Seconds())
	if n > 1 && to != p.level {
		p.switches++
		p.w.Choose(truth.Choice{Host: p.host, What: "switch", Of: p.levels[p.level].name + " to " + p.levels[to].name, Why: why})
	}
	p.level = to
	l := p.levels[to]
	p.w.Choose(truth.Choice{Host: p.host, What: "choose", Of: fmt.Sprintf("segment %d: %s", n, l.name), Why: why})

	if !p.known[l.first] {
		if _, err := p.get(l.first); err != nil {
			return err
		}
		p.known[l.first] = true
	}
	asked := p.now()
	body, err := p.get(l.url(n))
	if err != nil {
		return err
	}
	got := p.now()
	// In time of the film: at twice the speed, twice the rate carries the same.
	p.throughput = append(p.throughput, float64(8*len(body))/got.Sub(asked).Seconds()/p.w.Scale())
	p.playout.add(got, p.segment, n, n == p.count)
	return nil
}

// choose is the next level: as high as the throughput allows, down at once, up
// one step at a time.
func (p *player) choose() int {
	if len(p.throughput) == 0 {
		return 0
	}
	best := 0
	for i, l := range p.levels {
		if float64(l.rate) <= safety*p.estimate() {
			best = i
		}
	}
	return min(best, p.level+1)
}

// estimate is the harmonic mean of the last few: of the time that the bytes
// took, not of the moments at which they were fast.
func (p *player) estimate() float64 {
	last := p.throughput[max(0, len(p.throughput)-remembered):]
	var sum float64
	for _, t := range last {
		sum += 1 / t
	}
	return float64(len(last)) / sum
}
