package capture

import (
	"os"
	"sync"
	"sync/atomic"
)

// The sizes of the reading side. A batch never spans two buffers, so a batch
// is at most bufferSize bytes of file, unless one record alone is larger.
const (
	bufferSize   = 1 << 20
	batchPackets = 1024
	leaseCount   = 16 // batches that may be unreleased at once
)

// buffer is a piece of a file in memory. It is shared by the reader that fills
// it and by every batch whose packets point into it, and counted by refs.
type buffer struct {
	b    []byte
	refs atomic.Int32
	pool *pool
}

func (b *buffer) ref() { b.refs.Add(1) }

func (b *buffer) unref() {
	if b.refs.Add(-1) == 0 {
		b.pool.put(b)
	}
}

// lease is what a Batch borrows: a slice of packets, and the buffers that
// their bytes lie in.
type lease struct {
	packets []Packet
	bufs    []*buffer
	pool    *pool
	release func() // bound once, so that handing it out allocates nothing
}

// hold adds a reference to b.
func (l *lease) hold(b *buffer) {
	b.ref()
	l.bufs = append(l.bufs, b)
}

func (l *lease) giveBack() {
	for i, b := range l.bufs {
		if len(b.b) > l.pool.size {
			// A stale packet slice must not keep a large buffer alive.
			clear(l.packets)
		}
		b.unref()
		l.bufs[i] = nil
	}
	l.bufs = l.bufs[:0]
	p := l.pool
	p.mu.Lock()
	p.leases = append(p.leases, l)
	p.mu.Unlock()
	p.freed.Signal()
}

// pool recycles buffers and leases. The leases are a fixed set: lease waits
// for one. That bounds the buffers, too, since only the readers and the leases
// hold any. Both lists are stacks: the memory used last is the warmest.
type pool struct {
	size int // bytes of a buffer

	mu     sync.Mutex
	freed  sync.Cond
	bufs   []*buffer
	leases []*lease
	made   int // leases so far
	closed bool
}

func newPool(size int) *pool {
	p := &pool{size: size}
	p.freed.L = &p.mu
	return p
}

// buffer gives a buffer of at least n bytes with one reference. Its length is
// the pool's size, or n where that is more; large ones are not recycled.
func (p *pool) buffer(n int) *buffer {
	if n <= p.size {
		p.mu.Lock()
		if i := len(p.bufs) - 1; i >= 0 {
			b := p.bufs[i]
			p.bufs = p.bufs[:i]
			p.mu.Unlock()
			b.refs.Store(1)
			return b
		}
		p.mu.Unlock()
	}
	b := &buffer{b: make([]byte, max(n, p.size)), pool: p}
	b.refs.Store(1)
	return b
}

func (p *pool) put(b *buffer) {
	if len(b.b) != p.size {
		return
	}
	p.mu.Lock()
	p.bufs = append(p.bufs, b)
	p.mu.Unlock()
}

// lease gives a free lease, or waits for one. After close it fails.
func (p *pool) lease() (*lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && len(p.leases) == 0 && p.made == leaseCount {
		p.freed.Wait()
	}
	if p.closed {
		return nil, os.ErrClosed
	}
	if i := len(p.leases) - 1; i >= 0 {
		l := p.leases[i]
		p.leases = p.leases[:i]
		return l, nil
	}
	p.made++
	l := &lease{packets: make([]Packet, batchPackets), pool: p}
	l.release = l.giveBack
	return l, nil
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.freed.Broadcast()
}
