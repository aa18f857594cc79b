package simnet

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Path is one direction of a link. A packet goes, in this order, past the
// sender's capture point, through the queue and out at Rate, over half of
// Delay, past the middle one, over the other half with its Jitter, and, unless
// it is lost there, past the receiver's capture point. So a packet that Loss or
// Drop took is seen at the sender's end and in the middle, and one that found
// the queue full at the sender's end only.
type Path struct {
	Delay time.Duration // propagation, from sender to receiver, not negative
	// Rate is in bit/s of whole Ethernet frames, as capture files count them;
	// 0: no limit, and no queue.
	Rate int64
	// Queue is how many bytes of frames may wait until those before them are
	// sent at Rate; one that is being sent does not wait. What does not fit is
	// dropped (tail drop). 0: DefaultQueue.
	Queue  int
	Jitter time.Duration // at most so much more delay, evenly spread; order is kept
	Loss   float64       // share of packets lost, 0 to 1, each by itself
	// Reorder is the share of packets that are held back until the next one
	// has passed them, or, when none comes, for Delay (at least minHold).
	Reorder float64
	// Drop picks packets to lose besides: it is given the IP packet, and how
	// many went before it on this path. nil: none. It must not keep ip.
	Drop func(ip []byte, before uint64) bool
}

// DefaultQueue is how many bytes wait at a link of limited rate.
const DefaultQueue = 64 << 10

// minHold is the least time for which a packet is held back.
const minHold = 5 * time.Millisecond

func (p *Path) check() error {
	switch {
	case p.Delay < 0:
		return fmt.Errorf("a delay of %s is negative", p.Delay)
	case p.Jitter < 0:
		return fmt.Errorf("a jitter of %s is negative", p.Jitter)
	case p.Rate < 0:
		return fmt.Errorf("a rate of %d bit/s is negative", p.Rate)
	case p.Queue < 0:
		return fmt.Errorf("a queue of %d bytes is negative", p.Queue)
	case !(p.Loss >= 0 && p.Loss <= 1): // NaN too
		return fmt.Errorf("a loss of %g is not between 0 and 1", p.Loss)
	case !(p.Reorder >= 0 && p.Reorder <= 1):
		return fmt.Errorf("a reordering of %g is not between 0 and 1", p.Reorder)
	}
	return nil
}

// Purposes of a path's random numbers. Each has its own, so that asking for
// jitter does not change which packets are lost.
const (
	forLoss uint64 = iota + 16
	forJitter
	forReorder
)

// road is the state of a path: what its queue holds, and what chance says.
type road struct {
	Path
	free  events.Time // when all that waits will have been sent
	queue []waiting   // frames whose sending has not begun, in order
	bytes int         // of queue

	before                uint64 // packets so far
	loss, jitter, reorder *rand.Rand
	last                  events.Time // arrival of the last packet in order
}

type waiting struct {
	begin events.Time // of its sending
	bytes int
}

func newRoad(p Path, seed uint64, number int) *road {
	if p.Queue == 0 {
		p.Queue = DefaultQueue
	}
	random := func(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(number)<<8|purpose)) }
	return &road{Path: p, loss: random(forLoss), jitter: random(forJitter), reorder: random(forReorder)}
}

// journey is the fate of one packet.
type journey struct {
	middle events.Time // when it passes the middle of the path
	due    events.Time // when it arrives
	lost   string      // reason of the drop; "": it arrives
	// held: it is to wait for the next packet.
	held bool
}

// travel decides the fate of the next packet, handed over at sent. This is the
// one place that knows what a path does.
func (r *road) travel(sent events.Time, frame []byte) (j journey) {
	before := r.before
	r.before++
	// All dice are thrown for every packet: the n-th has the same fate,
	// whatever became of those before it.
	chosen := r.Drop != nil && r.Drop(frame[etherLen:], before)
	unlucky := r.Loss > 0 && r.loss.Float64() < r.Loss
	held := r.Reorder > 0 && r.reorder.Float64() < r.Reorder
	var late events.Time
	if r.Jitter > 0 {
		late = events.Time(r.jitter.Int64N(int64(r.Jitter) + 1))
	}

	away, ok := r.transmit(sent, len(frame))
	if !ok {
		j.lost = ReasonQueue
		return j
	}
	j.middle = away + events.Time(r.Delay/2)
	switch {
	case chosen:
		j.lost = ReasonChosen
	case unlucky:
		j.lost = ReasonLoss
	default:
		j.due = max(away+events.Time(r.Delay)+late, r.last)
		if j.held = held; !held {
			r.last = j.due
		}
	}
	return j
}

// transmit is the moment at which the last bit of a frame is on the link; false
// when there is no room for it to wait.
func (r *road) transmit(sent events.Time, bytes int) (events.Time, bool) {
	if r.Rate == 0 {
		return sent, true
	}
	for len(r.queue) > 0 && r.queue[0].begin <= sent {
		r.bytes -= r.queue[0].bytes
		r.queue = r.queue[1:]
	}
	begin := max(sent, r.free)
	if begin > sent {
		if r.bytes+bytes > r.Queue {
			return 0, false
		}
		r.bytes += bytes
		r.queue = append(r.queue, waiting{begin, bytes})
	}
	r.free = begin + events.Time(float64(bytes)*8*1e9/float64(r.Rate))
	return r.free, true
}

// hold is how long a packet waits for the next one at most.
func (r *road) hold() time.Duration { return max(r.Delay, minHold) }
