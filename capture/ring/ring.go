// Package ring writes packets into pcapng files while they are captured: one
// file, or a ring of them that rotates by size, capture time and count. Who
// captures hands packets over and never waits for a disk: what does not fit
// into the queue is dropped and counted. It must not look into packets.
//
// Only whole blocks are given to the kernel, at each flush and whenever 128 KiB
// are together. So a process that is killed leaves files that read to the last
// flush, at worst with a last block that is cut. A file appears with its head in
// it, on Linux; where the system or the disk has no way to do that, the newest
// may be empty.
package ring

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// What a Config has where it says 0.
const (
	defaultQueue = 64 << 20
	defaultFlush = time.Second
)

// Config says what is written where.
type Config struct {
	// Path is the file. With rotation, the time that a file starts at is put
	// before the extension: FILE-20260101T101500.123Z.pcapng. For the first
	// file and after Rotate that is the time of day, else the capture time of
	// its first packet. A file at Path is overwritten, one with a time in its
	// name never: when there is one, a counter follows the time (…Z_002).
	Path string
	// Info and Interfaces are written at the head of each file.
	Info       capture.Info
	Interfaces []capture.Interface

	// A file ends before the packet that would make it larger than MaxBytes,
	// the packet that is MaxAge or more later than its first, by capture time,
	// and the one after MaxPackets. 0: never. Each file has one packet at least,
	// however small MaxBytes is.
	MaxBytes   int64
	MaxAge     time.Duration
	MaxPackets uint64
	// Keep is how many files of this run are kept: the oldest are deleted when
	// there are more. 0: all.
	Keep int

	// Queue is how many bytes may wait to be written, counted as they will be
	// in the file. The memory used is about that and 2 MiB. 0: 64 MiB.
	Queue int
	// Flush is how often what was written is given to the file. 0: 1 s.
	Flush time.Duration
}

// check fills in what is left to us and refuses what makes no sense.
func (c *Config) check() error {
	switch {
	case c.Path == "":
		return errors.New("ring: no path to write to")
	case len(c.Interfaces) == 0:
		return fmt.Errorf("ring: %s: no interface to write packets of", c.Path)
	case c.MaxBytes < 0 || c.MaxAge < 0 || c.Keep < 0 || c.Queue < 0 || c.Flush < 0:
		return fmt.Errorf("ring: %s: a limit below 0", c.Path)
	}
	c.Interfaces = slices.Clone(c.Interfaces)
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.Flush == 0 {
		c.Flush = defaultFlush
	}
	return nil
}

// rotates reports whether files end without being told to.
func (c *Config) rotates() bool { return c.MaxBytes > 0 || c.MaxAge > 0 || c.MaxPackets > 0 }

// Stats are the figures of a Writer so far. After Close, Packets + Dropped are
// all packets that were given to Write.
type Stats struct {
	Packets uint64 // in files, of which some may be deleted by now
	Bytes   uint64 // of all files together, with their heads
	Dropped uint64 // no room in the queue, or the file could not be written
	Files   uint64 // begun
	Path    string // of the file that is written now
	Err     error  // the first one: disk full, a file that cannot be made, …
}

// Writer writes packets in a goroutine of its own until Close. Its methods may
// be called from any goroutine; packets of one goroutine keep their order.
//
// An error does not end it. What could not be written is dropped and counted,
// the file is cut back to its last whole block, and writing goes on there as
// soon as there is room again. Where a file is at its limit and the next one
// cannot be made, packets are dropped until it can; that is tried at each flush.
type Writer struct {
	c    Config
	wake chan struct{} // there is enough to write
	done chan struct{} // all is written
	disk disk          // of the goroutine

	mu    sync.Mutex // held for copying, never for writing
	q     queue
	stats Stats
}

// Open creates the first file, with its head, and starts to write. The error
// names the file and the cause.
func Open(c Config) (*Writer, error) { return start(c, create) }

func start(c Config, create creator) (*Writer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	w := &Writer{c: c, wake: make(chan struct{}, 1), done: make(chan struct{}), q: newQueue(c.Queue)}
	w.disk = disk{c: &w.c, create: create, told: w.told}
	if err := w.disk.begin(events.TimeOf(time.Now())); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// Write copies the packets into the queue, to be written as packets of
// Interfaces[p.Iface]. It does not wait for the disk: it gives the number of
// packets that were dropped because the queue was full (or because they have no
// place in the file: another interface, a time before 1970; Stats.Err says so).
// After Close it drops all.
func (w *Writer) Write(packets []capture.Packet) (dropped int) {
	w.mu.Lock()
	for i := range packets {
		p := &packets[i]
		switch {
		case int(p.Iface) >= len(w.c.Interfaces):
			w.fail(fmt.Errorf("ring: %s: a packet of interface %d, of %d that are known", w.stats.Path, p.Iface, len(w.c.Interfaces)))
			dropped++
		case p.Time < 0:
			w.fail(fmt.Errorf("ring: %s: a packet with a time before 1970", w.stats.Path))
			dropped++
		case !w.q.put(p, w.c.Interfaces[p.Iface].Snaplen):
			dropped++
		}
	}
	w.stats.Dropped += uint64(dropped)
	ready := w.q.ready()
	w.mu.Unlock()
	if ready {
		w.signal()
	}
	return dropped
}

// Rotate begins another file, for the packets that come after it. It does not
// wait for that. The file has a time in its name, but where nothing is at Path
// any more (another program moved it away), it is Path again.
func (w *Writer) Rotate() {
	w.mu.Lock()
	w.q.rotate(events.TimeOf(time.Now()))
	w.mu.Unlock()
	w.signal()
}

// Close writes what waits, closes the file and gives the first error of the
// run. It may be called again.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.q.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.done
	return w.Stats().Err
}

// Stats are the figures so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// signal wakes the goroutine that writes, if it is not awake.
func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// fail keeps the first error. The lock is held.
func (w *Writer) fail(err error) {
	if err != nil && w.stats.Err == nil {
		w.stats.Err = err
	}
}

// told adds what the disk says that it did.
func (w *Writer) told(n news) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Packets += n.packets
	w.stats.Bytes += n.bytes
	w.stats.Dropped += n.dropped
	if n.path != "" {
		w.stats.Files++
		w.stats.Path = n.path
	}
	w.fail(n.err)
}

// run writes until Close.
func (w *Writer) run() {
	defer close(w.done)
	tick := time.NewTicker(w.c.Flush)
	defer tick.Stop()
	for more := true; more; {
		flush := false
		select {
		case <-w.wake:
		case <-tick.C:
			flush = true
		}
		var chunks []*chunk
		w.mu.Lock()
		chunks, more = w.q.take()
		w.mu.Unlock()
		for _, c := range chunks {
			w.disk.chunk(c)
			w.mu.Lock()
			w.q.give(c)
			w.mu.Unlock()
		}
		if flush {
			w.disk.retry()
		}
	}
	w.disk.end()
}
