// Package onto puts the packets of a capture on a network interface, at their
// own pace or another. It must not change a packet.
package onto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// Pace says when packets are sent. At most one field is set; the zero value is
// the capture's own pace.
type Pace struct {
	Speed float64 // times the capture's own pace
	PPS   float64 // packets in a second
	Mbps  float64 // 10^6 bits of frames in a second
	Max   bool    // one after the other
}

// ErrPace says that a pace makes no sense.
var ErrPace = errors.New("this pace cannot be kept")

// check reports what is wrong with p.
func (p Pace) check() error {
	set := 0
	for _, v := range []float64{p.Speed, p.PPS, p.Mbps} {
		if v != 0 {
			set++
		}
		if v < 0 || v != v || v > 1e12 {
			return fmt.Errorf("%w: %g", ErrPace, v)
		}
	}
	if p.Max {
		set++
	}
	if set > 1 {
		return fmt.Errorf("%w: a speed, packets in a second and megabits in a second exclude each other", ErrPace)
	}
	return nil
}

// due is how long after the first packet another is sent, after so many packets
// and bytes.
func (p Pace) due(since events.Duration, packets, bytes uint64) time.Duration {
	switch {
	case p.Max:
		return 0
	case p.PPS > 0:
		return time.Duration(float64(packets) / p.PPS * 1e9)
	case p.Mbps > 0:
		return time.Duration(float64(bytes) * 8 / p.Mbps * 1e3)
	case p.Speed > 0:
		return time.Duration(float64(since) / p.Speed)
	}
	return since.Std()
}

// Stats are what became of the packets.
type Stats struct {
	Packets uint64 // sent
	Bytes   uint64 // of these
	Took    time.Duration

	Cut     uint64 // not sent: the capture has only a part of them
	Foreign uint64 // not sent: no Ethernet frames
	TooLong uint64 // not sent: longer than the interface takes

	// How late packets were handed over, measured for each: the mean and the
	// worst.
	Late, Latest time.Duration
}

func (s Stats) String() string {
	text := fmt.Sprintf("%d packets, %d bytes in %s", s.Packets, s.Bytes, s.Took.Round(time.Microsecond))
	if sec := s.Took.Seconds(); sec > 0 {
		text += fmt.Sprintf(": %.0f packets/s, %.3f Mbit/s", float64(s.Packets)/sec, float64(s.Bytes)*8/sec/1e6)
	}
	if s.Latest > 0 {
		text += fmt.Sprintf("; on the mean %s late, at most %s", s.Late.Round(time.Microsecond), s.Latest.Round(time.Microsecond))
	}
	for _, x := range []struct {
		n   uint64
		why string
	}{{s.Cut, "the capture has only a part of them"}, {s.Foreign, "they are no Ethernet frames"}, {s.TooLong, "they are longer than the interface takes"}} {
		if x.n > 0 {
			text += fmt.Sprintf("\n%d packets were not sent: %s", x.n, x.why)
		}
	}
	return text
}

// ErrNothing says that no packet of the capture can be sent.
var ErrNothing = errors.New("the capture has no whole Ethernet frame")

// errTooLong is a port's answer to a frame that is longer than it takes.
var errTooLong = errors.New("longer than the interface takes")

// port is an interface that takes frames.
type port interface {
	// send hands over frames in their order and says how many. An error is
	// about the frame after those.
	send(frames [][]byte) (int, error)
	close() error
}

// together is how many frames are handed over at once, where so many are due.
const together = 64

// Run sends all packets of src over the interface of that name. What was sent
// so far is told with an error too, and with the end of ctx.
func Run(ctx context.Context, iface string, src *capture.Source, pace Pace) (Stats, error) {
	if err := pace.check(); err != nil {
		return Stats{}, err
	}
	p, err := openPort(iface)
	if err != nil {
		return Stats{}, err
	}
	defer p.close()
	return play(ctx, p, src, pace)
}

// play sends the packets of src through p.
func play(ctx context.Context, p port, src *capture.Source, pace Pace) (st Stats, err error) {
	var (
		b       capture.Batch
		begin   time.Time
		first   events.Time
		last    time.Duration // when the packet before was due
		planned uint64        // bytes of packets that had their turn
		late    time.Duration
		run     = make([][]byte, 0, together)        // of frames that are due
		dues    = make([]time.Duration, 0, together) // of each
	)
	defer func() {
		if st.Packets > 0 {
			st.Took = time.Since(begin)
			st.Late = late / time.Duration(st.Packets)
		}
	}()
	for {
		if err := src.Next(&b); err != nil {
			if !errors.Is(err, io.EOF) {
				return st, err
			}
			if st.Packets == 0 {
				return st, ErrNothing
			}
			return st, nil
		}
		for i := 0; i < len(b.Packets); {
			run, dues = run[:0], dues[:0]
			var now time.Duration
			for ; i < len(b.Packets) && len(run) < together; i++ {
				k := &b.Packets[i]
				switch {
				case k.Link != capture.LinkEthernet || len(k.Data) < 14:
					st.Foreign++
					continue
				case k.Wire > uint32(len(k.Data)):
					st.Cut++
					continue
				}
				if begin.IsZero() {
					begin, first = time.Now(), k.Time
				}
				// Time never goes back here, even where the capture's does.
				due := max(last, pace.due(k.Time.Sub(first), st.Packets+uint64(len(run)), planned))
				if len(run) == 0 {
					if err := wait(ctx, begin.Add(due), pace.rest()); err != nil {
						b.Release()
						return st, err
					}
					now = time.Since(begin)
				} else if due > now {
					break
				}
				last = due
				planned += uint64(len(k.Data))
				run, dues = append(run, k.Data), append(dues, due)
			}
			for left := run; len(left) > 0; {
				n, err := p.send(left)
				took := time.Since(begin)
				for j, frame := range left[:n] {
					st.Packets++
					st.Bytes += uint64(len(frame))
					if !pace.Max {
						d := max(took-dues[len(run)-len(left)+j], 0)
						late += d
						st.Latest = max(st.Latest, d)
					}
				}
				left = left[n:]
				switch {
				case errors.Is(err, errTooLong):
					st.TooLong++
					left = left[1:]
				case err != nil:
					b.Release()
					return st, err
				}
			}
		}
		b.Release()
	}
}

// nap is the longest sleep, so that the end of ctx is heard.
const nap = 50 * time.Millisecond

// rest is the shortest sleep. A rate holds over milliseconds: between, the
// processor is left to whoever watches the wire, and what became due is sent at
// once.
func (p Pace) rest() time.Duration {
	if p.PPS > 0 || p.Mbps > 0 {
		return 250 * time.Microsecond
	}
	return 0
}

// wait returns at t, or when ctx ends; after rest at least if it waits at all.
func wait(ctx context.Context, t time.Time, rest time.Duration) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		d := time.Until(t)
		if d <= 0 {
			return nil
		}
		doze(min(max(d, rest), nap))
	}
}
