package live

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// engine is how a system captures. next is called by one goroutine at a time,
// the rest by any.
type engine interface {
	// next waits for packets, fills l.packets with at least one and gives their
	// number. It gives io.EOF when it was stopped and is drained, ErrDown or
	// ErrGone likewise, os.ErrClosed when it was interrupted.
	next(l *lease) (int, error)
	stop()      // capture no more; next gives the rest
	interrupt() // next returns at once, now and ever
	free()      // give everything back; nobody is in next, and no packet is in use
	stats() Stats
}

// Source gives the packets of an interface, batch by batch. It is a
// capture.Input. Next may be called by one goroutine at a time; all else by any
// at any time.
type Source struct {
	engine  engine
	name    string
	link    capture.LinkType
	iface   capture.Interface
	notes   []string
	started events.Time

	leases *leases
	frames atomic.Uint64
	bytes  atomic.Uint64
	closed atomic.Bool
	end    error  // what Next gives from now on
	losses []Loss // told by the engine for the batch that it makes
}

// Open starts to capture. It fails with an *Error: with ErrPermission in it,
// the message says exactly what to do.
func Open(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Source{started: events.TimeOf(time.Now())}
	told := c.Lost
	c.Lost = func(l Loss) {
		s.losses = append(s.losses, l)
		if told != nil {
			told(l)
		}
	}
	if err := s.open(&c); err != nil {
		if e := (*Error)(nil); !errors.As(err, &e) {
			err = &Error{Interface: c.Interface, Err: err}
		}
		return nil, err
	}
	s.leases = newLeases(s.engine.free)
	s.iface = capture.Interface{
		Link: s.link, Name: s.name, Filter: c.FilterText, OS: runtime.GOOS, Snaplen: uint32(c.Snaplen),
		Resolution: 9, FCS: -1, File: s.name,
	}
	return s, nil
}

// Next waits for packets and fills b with them: at least one, at most 4,096.
// After Stop it gives what was captured until then, and io.EOF at the end; after
// Close os.ErrClosed. Where the interface went away it is an *Error.
//
// Each batch must be released once, in any order, by any goroutine. Its packets
// lie in the kernel's buffer: as long as they are not released there is less
// room for new ones. Next waits while eight batches are not released.
func (s *Source) Next(b *capture.Batch) error {
	*b = capture.Batch{}
	if s.end != nil {
		return s.end
	}
	l, err := s.leases.take()
	if err != nil {
		return err
	}
	n, err := s.engine.next(l)
	if err != nil {
		s.end = s.ending(err)
		l.giveBack()
		return s.end
	}
	size := 0
	for i := range l.packets[:n] {
		size += len(l.packets[i].Data)
	}
	s.bytes.Add(uint64(size))
	first := s.frames.Add(uint64(n)) - uint64(n) + 1
	for _, x := range s.losses {
		if i := x.Before - first; i < uint64(n) { // none: it is after the last packet of all
			l.packets[i].Dropped += uint32(x.Packets)
		}
	}
	s.losses = s.losses[:0]
	b.Lend(first, l.packets[:n], l.release)
	return nil
}

// ending makes of an engine's error what Next gives.
func (s *Source) ending(err error) error {
	switch {
	case err == io.EOF, errors.Is(err, os.ErrClosed):
		return err
	}
	e := &Error{Interface: s.name, Packets: s.frames.Load(), Err: err}
	switch {
	case errors.Is(err, ErrDown):
		e.Advice = bringUp(s.name) + ", then start again"
	case errors.Is(err, ErrGone):
		e.Advice = "it was removed; wiretale interfaces lists those there are"
	}
	return e
}

// Stop ends the capture: packets from now on are not taken, those from before
// Next still gives, and then io.EOF.
func (s *Source) Stop() { s.engine.stop() }

// Close ends the capture at once; a Next that waits returns. Batches that are
// not released yet stay valid.
func (s *Source) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.engine.interrupt()
	s.leases.close()
	return nil
}

// Stats are the figures so far. While packets are taken they are at most about
// half a second old; after the end of Next they are final.
func (s *Source) Stats() Stats {
	st := s.engine.stats()
	st.Delivered, st.Bytes = s.frames.Load(), s.bytes.Load()
	st.Received = max(st.Received, st.Delivered+st.Filtered+st.Dropped)
	return st
}

// Link is the type of all packets' link layer.
func (s *Source) Link() capture.LinkType { return s.link }

// Notes are sentences that say where the capture is not quite what was asked
// for; mostly there are none.
func (s *Source) Notes() []string { return slices.Clone(s.notes) }

// Interfaces is the one that is watched.
func (s *Source) Interfaces() []capture.Interface { return []capture.Interface{s.iface} }

// Meta says how many packets there were so far, as a capture file would.
func (s *Source) Meta() *capture.Meta {
	st := s.Stats()
	known := func(n uint64) capture.Counter { return capture.Counter{N: n, Known: true} }
	return &capture.Meta{
		Sections: []capture.Section{{File: s.name, Format: "live", OS: runtime.GOOS, Application: "wiretale"}},
		Statistics: []capture.Statistics{{
			Time: events.TimeOf(time.Now()), Start: s.started,
			Received: known(st.Received + st.NIC), Dropped: known(st.NIC),
			Accepted: known(st.Received - st.Filtered), DroppedByOS: known(st.Dropped), DeliveredUser: known(st.Delivered),
		}},
	}
}

// Position is how many bytes of packets were given; how many will come nobody
// knows.
func (s *Source) Position() (read, total int64) { return int64(s.bytes.Load()), -1 }
