package utp

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// doubt decides whether a flow whose SYN was not captured is uTP at all: two
// packets must belong together in all that they say.
type doubt struct {
	state    belief
	looked   int // packets that did not decide
	suspects []suspect
}

type belief uint8

const (
	doubtful belief = iota
	certain
)

type suspect struct {
	h    header // owns its bytes
	from events.Dir
	time events.Time
}

const (
	maxSuspects = 8  // packets kept
	maxLooks    = 64 // packets looked at
)

func (d *doubt) believed() bool { return d.state == certain }
func (d *doubt) believe()       { d.state, d.suspects = certain, nil }

// err is errDoubt once too many packets did not belong together.
func (d *doubt) err() error {
	if d.looked > maxLooks {
		return errDoubt
	}
	return nil
}

// look is an earlier packet that belongs together with this one, which then
// decides; else this one is kept.
func (d *doubt) look(h *header, w *decoders.Window) *suspect {
	d.looked++
	if !h.strict() {
		return nil
	}
	for i := len(d.suspects) - 1; i >= 0; i-- {
		s := &d.suspects[i]
		if s.from != w.From && answers(&s.h, h) || s.from == w.From && follows(&s.h, h, w.Time.Sub(s.time)) {
			found := *s
			return &found
		}
	}
	s := suspect{*h, w.From, w.Time}
	s.h.payload, s.h.extensions = bytes.Clone(h.payload), nil
	if len(d.suspects) == maxSuspects {
		// The first stays: time must pass between two of one side.
		d.suspects = append(d.suspects[:1], d.suspects[2:]...)
	}
	d.suspects = append(d.suspects, s)
	return nil
}

// near is how far apart the numbers of packets under way may be. No client
// has more than 1,024 under way.
const near = 1024

// answers reports whether two packets of both sides belong to one connection:
// ids one apart, each acknowledging about what the other sends.
func answers(p, q *header) bool {
	if p.id+1 != q.id && q.id+1 != p.id || p.window|q.window == 0 || p.timestamp == 0 || q.timestamp == 0 {
		return false
	}
	return p.seq|p.ack != 0 && within(p.seq-q.ack, near) && within(q.seq-p.ack, near)
}

// follows reports whether two packets of one side belong to one connection:
// the same id, numbers that went on, and a clock of microseconds that went on
// as the clock of the capture did. Half a second must lie between, so that a
// constant is not taken for a clock.
func follows(p, q *header, dt events.Duration) bool {
	const least, jitter = 500_000, 200_000 // µs
	us := int64(dt) / 1000
	if p.id != q.id || us < least || us > 1<<31 || int16(q.seq-p.seq) < 0 || int16(q.seq-p.seq) > near || int16(q.ack-p.ack) < -1 || int16(q.ack-p.ack) > near {
		return false
	}
	off := int64(q.timestamp-p.timestamp) - us
	return off > -jitter-us/16 && off < jitter+us/16
}

func within(d uint16, n int16) bool { return int16(d) <= n && int16(d) >= -n }
