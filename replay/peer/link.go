package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// note is a message as one end of a link knows it.
type note struct {
	wire       *truth.Wire // of a sender only
	start, end time.Time
}

// link is a connection to another peer: a goroutine that reads messages, and
// one that writes what is queued. It does not know what messages mean.
type link struct {
	conn          net.Conn
	now           func() events.Time
	infoHash      Hash
	local, remote netip.AddrPort
	dialled       bool
	opened, ready time.Time // as truth.Connection has them

	mu       sync.Mutex
	some     *sync.Cond
	queue    []*message
	ending   bool // nothing more will be queued
	flushed  bool // all that is queued may be written
	writing  bool
	sent     []note
	bytes    int64
	closed   time.Time
	received []note
	err      error

	wrote chan struct{} // after each write
}

func newLink(conn net.Conn, now func() events.Time, infoHash Hash, opened time.Time) (*link, error) {
	l := &link{conn: conn, now: now, infoHash: infoHash, opened: opened, ready: now().Std()}
	l.some = sync.NewCond(&l.mu)
	l.wrote = make(chan struct{}, 1)
	for _, x := range []struct {
		a  net.Addr
		to *netip.AddrPort
	}{{conn.LocalAddr(), &l.local}, {conn.RemoteAddr(), &l.remote}} {
		t, ok := x.a.(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("peer: %v is no TCP address", x.a)
		}
		ap := t.AddrPort()
		*x.to = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return l, nil
}

// run reads and writes until both sides have said all. got is called for each
// message, in order, and over when there will be no more.
func (l *link) run(got func(message), over func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		l.write()
	}()
	l.fail(l.read(got))
	over()
	wg.Wait()
	l.conn.Close()
}

func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && err != nil {
		l.err = fmt.Errorf("peer: %s to %s: %w", l.local, l.remote, err)
	}
}

// say queues m, for flush. Behind end it does nothing.
func (l *link) say(m *message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ending {
		l.queue = append(l.queue, m)
	}
}

// patience is how long flush waits: a full send buffer must not hold up the
// peer.
const patience = 5 * time.Millisecond

// flush has what is queued written. Where that is short and nothing is being
// written, it waits for it, so that what is said to several peers at once
// leaves in the order in which it was decided.
func (l *link) flush() {
	l.mu.Lock()
	wait := len(l.queue) > 0 && !l.writing && !slices.ContainsFunc(l.queue, func(m *message) bool { return m.kind == pieceBlock })
	select {
	case <-l.wrote: // of a write that nobody waited for
	default:
	}
	l.flushed = true
	l.some.Signal()
	l.mu.Unlock()
	if wait {
		select {
		case <-l.wrote:
		case <-time.After(patience):
		}
	}
}

// end lets the writer close its direction when all that is queued is written.
// What the other side still says is read.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	l.some.Signal()
}

// next waits for messages; none means that the link is to end.
func (l *link) next() []*message {
	l.mu.Lock()
	defer l.mu.Unlock()
	for (len(l.queue) == 0 || !l.flushed) && !l.ending {
		l.some.Wait()
	}
	q := l.queue
	l.queue, l.flushed, l.writing = nil, false, true
	return q
}

// write writes what is queued, all that waits at a time, as a peer does that
// does not want a packet for each small message.
func (l *link) write() {
	var b []byte
	for batch := l.next(); len(batch) > 0; batch = l.next() {
		b = b[:0]
		for _, m := range batch {
			b = m.append(b)
		}
		n := note{start: l.now().Std()}
		_, err := l.conn.Write(b)
		n.end = l.now().Std()
		if err != nil {
			l.fail(err)
			l.end()
			break
		}
		l.mu.Lock()
		for _, m := range batch {
			n.wire = m.truth(l.infoHash)
			l.sent = append(l.sent, n)
		}
		l.bytes += int64(len(b))
		l.writing = false
		l.mu.Unlock()
		select {
		case l.wrote <- struct{}{}:
		default:
		}
	}
	l.mu.Lock()
	l.closed = l.now().Std()
	l.mu.Unlock()
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // fails where the other side is gone, which its reader tells
	}
}

// read reads messages to the end of the connection.
func (l *link) read(got func(message)) error {
	r := stamped{r: l.conn, now: l.now}
	b, start, end, err := r.take(handshakeLen)
	if errors.Is(err, io.EOF) {
		return nil // it went before it said anything
	}
	if err != nil {
		return err
	}
	m, err := parseHandshake(b)
	for err == nil {
		l.mu.Lock()
		l.received = append(l.received, note{start: start, end: end})
		l.mu.Unlock()
		got(m)
		var length []byte
		if length, start, end, err = r.take(4); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		n := int(length[0])<<24 | int(length[1])<<16 | int(length[2])<<8 | int(length[3])
		if n > longest {
			return errMessage
		}
		if n > 0 {
			if b, _, end, err = r.take(n); err != nil {
				return noEOF(err)
			}
			m, err = parse(b)
		} else {
			m, err = parse(nil)
		}
	}
	return err
}

// noEOF: an end inside a message is none of the ends that are wanted.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// stamped reads and remembers when.
type stamped struct {
	r      io.Reader
	now    func() events.Time
	held   []byte
	stamps []stamp // of held, in order
	buf    [16 << 10]byte
}

// stamp: n bytes were read at that moment.
type stamp struct {
	n  int
	at time.Time
}

// take gives the next n bytes, and when the first and the last of them were
// read. They are valid until the next call. io.EOF stands for an end before
// the first byte.
func (s *stamped) take(n int) (b []byte, first, last time.Time, err error) {
	for len(s.held) < n {
		k, err := s.r.Read(s.buf[:])
		if k > 0 {
			s.held = append(s.held, s.buf[:k]...)
			s.stamps = append(s.stamps, stamp{k, s.now().Std()})
		}
		if err != nil && len(s.held) < n {
			if len(s.held) > 0 {
				err = noEOF(err)
			}
			return nil, first, last, err
		}
	}
	b, s.held = s.held[:n:n], s.held[n:]
	first = s.stamps[0].at
	for n > 0 {
		last = s.stamps[0].at
		k := min(n, s.stamps[0].n)
		n -= k
		if s.stamps[0].n -= k; s.stamps[0].n == 0 {
			s.stamps = s.stamps[1:]
		}
	}
	return b, first, last, nil
}
