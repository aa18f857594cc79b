package live

import (
	"os"
	"sync"

	"github.com/wiretale/wiretale/capture"
)

// Bounds of what is lent, as package capture has them.
const (
	batchPackets = 4096
	leaseCount   = 8 // batches that may be unreleased at once
)

// memory is a piece of memory that packets lie in, counted.
type memory interface {
	drop()
}

// lease is what a Batch borrows.
type lease struct {
	packets []capture.Packet
	held    []memory
	pool    *leases
	release func() // bound once, so that handing it out allocates nothing
}

// hold keeps m until the batch is released.
func (l *lease) hold(m memory) { l.held = append(l.held, m) }

func (l *lease) giveBack() {
	for i, m := range l.held {
		m.drop()
		l.held[i] = nil
	}
	l.held = l.held[:0]
	p := l.pool
	p.mu.Lock()
	p.free = append(p.free, l)
	last := p.closed && len(p.free) == p.made
	p.mu.Unlock()
	p.freed.Signal()
	if last {
		p.done()
	}
}

// leases is a fixed set of them: take waits for one. done is called when it is
// closed and all have come back.
type leases struct {
	mu     sync.Mutex
	freed  sync.Cond
	free   []*lease
	made   int
	closed bool
	done   func()
}

func newLeases(done func()) *leases {
	p := &leases{done: done}
	p.freed.L = &p.mu
	return p
}

func (p *leases) take() (*lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && len(p.free) == 0 && p.made == leaseCount {
		p.freed.Wait()
	}
	if p.closed {
		return nil, os.ErrClosed
	}
	if i := len(p.free) - 1; i >= 0 {
		l := p.free[i]
		p.free = p.free[:i]
		return l, nil
	}
	p.made++
	l := &lease{packets: make([]capture.Packet, batchPackets), pool: p}
	l.release = l.giveBack
	return l, nil
}

// close makes take fail. It reports whether it was open.
func (p *leases) close() bool {
	p.mu.Lock()
	open := !p.closed
	p.closed = true
	idle := len(p.free) == p.made
	p.mu.Unlock()
	p.freed.Broadcast()
	if open && idle {
		p.done()
	}
	return open
}
