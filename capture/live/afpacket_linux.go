//go:build !libpcap

package live

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/events"
)

const (
	// look is how often the counters are read when there is nothing else to do.
	look = 500 * time.Millisecond
	// nap is how long to wait where the kernel says that there is something,
	// but it is not for us: it says so as long as the block before is lent.
	nap = 2 * time.Millisecond
	// slack is how much later than it should the kernel may hand over a block.
	slack = 10 * time.Millisecond
	// overflow is how often the kernel's counters, of 32 bits, are read though
	// there are packets waiting. Otherwise they are read where a block says that
	// something is missing before it, and when all is read; for by reading them,
	// the blocks that are written after have no word of what was missing.
	overflow = time.Minute
	// drainTime is how long to wait for what the kernel counted but does not
	// hand over.
	drainTime = 3 * time.Second
)

// phase is how far a capture is.
type phase uint8

const (
	running  phase = iota
	draining       // nothing new is taken
	drained
)

// afpacket reads one or more rings.
type afpacket struct {
	rings []*ring
	flush time.Duration
	hold  time.Duration // how long packets wait for earlier ones of other rings
	lost  func(Loss)
	net   *netlink
	index int // of the interface; 0: all

	phase   phase
	why     error     // at the end of draining
	until   time.Time // give up draining
	looked  time.Time // when the figures were published
	counted time.Time // when the kernel's were read
	idle    bool      // what poll reported last was nothing
	due     time.Time
	poll    []unix.PollFd

	frames  uint64      // delivered
	last    events.Time // of the last of them
	missing uint64      // drops that are not told yet

	stopped, interrupted atomic.Bool

	mu     sync.Mutex // guards what is below
	wake   int        // an eventfd; -1: freed
	counts Stats
	nic0   uint64
}

// newAFPacket takes over rings that are running.
func newAFPacket(rings []*ring, c *Config, net *netlink, index int) (*afpacket, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	e := &afpacket{rings: rings, flush: c.Flush, lost: c.Lost, net: net, index: index, wake: wake, looked: time.Now(), counted: time.Now()}
	if len(rings) > 1 {
		e.hold = 2*fanoutFlush(c) + slack
	}
	e.nic0 = net.missed(index)
	return e, nil
}

// fanoutFlush is the flush time of each ring: with several, packets wait for
// those of the other rings besides.
func fanoutFlush(c *Config) time.Duration {
	if c.Fanout > 1 {
		return max(c.Flush/3, time.Millisecond)
	}
	return c.Flush
}

func (e *afpacket) next(l *lease) (int, error) {
	for _, r := range e.rings {
		if r.cur != nil {
			r.cur.lease = nil // the lease may be the one that held it before
		}
	}
	for !e.interrupted.Load() {
		if e.stopped.Load() {
			e.drain(io.EOF)
		}
		if n := e.take(l); n > 0 {
			e.frames += uint64(n)
			e.last = l.packets[n-1].Time
			switch {
			case time.Since(e.counted) > overflow:
				e.count()
			case time.Since(e.looked) > look:
				e.publish()
			}
			return n, nil
		}
		if err := e.ended(); err != nil {
			return 0, err
		}
		if err := e.wait(); err != nil {
			return 0, err
		}
	}
	return 0, os.ErrClosed
}

// take fills l with what is there, merged by time.
func (e *afpacket) take(l *lease) int {
	n := 0
	for n < len(l.packets) {
		r, until := e.first(n)
		if r == nil {
			break
		}
		n = r.pour(l, n, until)
		if n > 0 && r.cur == nil && len(e.rings) == 1 {
			break // a block is a batch
		}
	}
	if n > 0 {
		e.idle = false
	}
	return n
}

// first is the ring whose packet is next, and the time of the one that comes
// then in another ring. It is nil where there is none, or where a ring that is
// empty may still get an earlier one; then e.due says when it cannot any more.
func (e *afpacket) first(n int) (best *ring, until events.Time) {
	now := time.Now()
	e.due = time.Time{}
	empty := false
	until = math.MaxInt64
	for _, r := range e.rings {
		fresh := r.cur == nil
		ok, losing := r.load(now)
		if losing {
			e.count()
		}
		if fresh && ok && e.missing > 0 {
			e.tell(uint64(n), r.time)
		}
		switch {
		case !ok:
			empty = true
		case best == nil:
			best = r
		case r.time < best.time:
			best, until = r, best.time
		default:
			until = min(until, r.time)
		}
	}
	if best != nil && empty && e.phase != drained {
		if due := best.ready.Add(e.hold); now.Before(due) {
			e.due = due
			return nil, 0
		}
	}
	return best, until
}

// tell reports the drops that are not told yet, before the packet that comes
// after n of the batch that is being made; 0: there is none.
func (e *afpacket) tell(n uint64, to events.Time) {
	if e.missing == 0 || e.lost == nil {
		e.missing = 0
		return
	}
	loss := Loss{Packets: e.missing, From: e.last, To: to}
	if to != 0 {
		loss.Before = e.frames + n + 1
	}
	e.missing = 0
	e.lost(loss)
}

// count reads the kernel's counters.
func (e *afpacket) count() {
	e.counted = time.Now()
	for _, r := range e.rings {
		// An error is of a socket that is no more: there is nothing to count.
		drops, _ := r.count()
		e.missing += drops
	}
	e.publish()
}

// publish makes the figures known.
func (e *afpacket) publish() {
	e.looked = time.Now()
	var st Stats
	for _, r := range e.rings {
		st.Received += r.received
		st.Dropped += r.dropped
		st.Freezes += r.freezes
		st.Filtered += r.filtered
	}
	nic := e.net.missed(e.index)
	e.mu.Lock()
	defer e.mu.Unlock()
	st.NIC = e.counts.NIC
	if nic > e.nic0 { // it is 0 where the interface is gone
		st.NIC = nic - e.nic0
	}
	e.counts = st
}

func (e *afpacket) stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// drain begins the end: no packet is taken in any more.
func (e *afpacket) drain(why error) {
	if e.phase != running {
		return
	}
	e.phase, e.why = draining, why
	e.until = time.Now().Add(drainTime + 2*e.flush)
	for _, r := range e.rings {
		// It cannot fail for lack of memory that matters; if it does, the end
		// is where the time is over.
		_ = r.attach(nothing)
	}
}

// ended is the reason of the end, once all that the kernel had was taken.
func (e *afpacket) ended() error {
	switch e.phase {
	case running:
		return nil
	case draining:
		e.count()
		for _, r := range e.rings {
			if !r.drained() && time.Now().Before(e.until) {
				return nil
			}
		}
		e.phase = drained
		return nil // once more, for what another CPU was about to hand over
	}
	e.count()
	e.tell(0, 0)
	return e.why
}

// wait returns when there may be packets, or something else to see to.
func (e *afpacket) wait() error {
	timeout := look
	if e.phase == draining {
		timeout = nap
	}
	if e.phase == drained {
		timeout = 0
	}
	if !e.due.IsZero() {
		timeout = min(timeout, max(time.Until(e.due), time.Millisecond))
	}
	e.poll = append(e.poll[:0], unix.PollFd{Fd: int32(e.wake), Events: unix.POLLIN})
	if e.idle {
		timeout = min(timeout, nap)
	} else {
		for _, r := range e.rings {
			if r.cur == nil && !r.down {
				e.poll = append(e.poll, unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN})
			}
		}
	}
	e.idle = false
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.Poll(e.poll, ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	if n <= 0 {
		if time.Since(e.looked) > look {
			e.count()
		}
		return nil
	}
	if e.poll[0].Revents != 0 {
		var b [8]byte
		_, _ = unix.Read(e.wake, b[:]) // it says only what the flags say
	}
	for _, p := range e.poll[1:] {
		e.idle = e.idle || p.Revents&unix.POLLIN != 0
		if p.Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			e.failed(int(p.Fd))
		}
	}
	return nil
}

// failed finds out what is wrong with a socket.
func (e *afpacket) failed(fd int) {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	why := error(unix.Errno(errno))
	switch {
	case err != nil:
		why = err
	case errno == 0:
		return
	case unix.Errno(errno) == unix.ENETDOWN && e.net.exists(e.index):
		why = ErrDown
	case unix.Errno(errno) == unix.ENETDOWN, unix.Errno(errno) == unix.ENODEV, unix.Errno(errno) == unix.ENXIO:
		why = ErrGone
	}
	for _, r := range e.rings {
		r.down = r.down || r.fd == fd
	}
	e.drain(why)
}

func (e *afpacket) stop() {
	e.stopped.Store(true)
	e.ring()
}

func (e *afpacket) interrupt() {
	e.interrupted.Store(true)
	e.ring()
}

// ring wakes the reader.
func (e *afpacket) ring() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wake >= 0 {
		var b [8]byte
		binary.NativeEndian.PutUint64(b[:], 1)
		_, _ = unix.Write(e.wake, b[:]) // full is as good
	}
}

func (e *afpacket) free() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.rings {
		r.free()
	}
	unix.Close(e.wake)
	e.wake = -1
	e.net.close()
}
