package streaming

import (
	"fmt"
	"time"
)

// How much must be in the buffer before the picture moves: at the start, and
// after it stood still.
const (
	enoughToStart  = segmentTime
	enoughToResume = 2 * segmentTime
)

// state is what a viewer sees.
type state uint8

const (
	waiting state = iota // for the first picture
	playing
	stalled
)

// playout is the buffer of a player: segments go in, time goes by and takes
// them out, and when nothing is left, the picture stands still.
type playout struct {
	scale float64 // seconds of the film in a second
	note  func(at time.Time, what, of, why string)

	state   state
	at      time.Time     // up to which buffer is right
	buffer  time.Duration // of film
	stalls  int
	stalled time.Duration // of film that could have been seen, in all
	since   time.Time     // when it stalled
	started time.Time
}

// real is how long a stretch of the film takes.
func (p *playout) real(film time.Duration) time.Duration {
	return time.Duration(float64(film) / p.scale)
}

// advance lets time go by.
func (p *playout) advance(now time.Time) {
	if p.state == playing {
		if empty := p.at.Add(p.real(p.buffer)); empty.Before(now) {
			p.state, p.since, p.buffer = stalled, empty, 0
			p.stalls++
			p.note(empty, "stall_begin", "", "the buffer is empty")
		} else {
			p.buffer -= time.Duration(float64(now.Sub(p.at)) * p.scale)
		}
	}
	p.at = now
}

// add puts a segment in; after the last there is nothing more to wait for.
func (p *playout) add(now time.Time, film time.Duration, number int, last bool) {
	p.advance(now)
	p.buffer += film
	why := fmt.Sprintf("segment %d is there, buffer %.2f s", number, p.buffer.Seconds())
	switch {
	case p.state == waiting && (last || p.buffer >= enoughToStart):
		p.state, p.started = playing, now
		p.note(now, "play", "", why)
	case p.state == stalled && (last || p.buffer >= enoughToResume):
		p.state = playing
		p.stalled += time.Duration(float64(now.Sub(p.since)) * p.scale)
		p.note(now, "stall_end", "", why)
	}
}
