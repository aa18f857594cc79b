package ring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// together is how many bytes are given to the kernel at once, at least, between
// flushes.
const together = 128 << 10

// file is what is needed of an *os.File.
type file interface {
	io.WriteCloser
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
}

// news is what the disk did.
type news struct {
	packets, bytes, dropped uint64
	path                    string // of a file that was begun
	err                     error
}

// condition is what can be done with the file.
type condition int

const (
	writing condition = iota
	// full: it is at its limit, and there was no way to begin the next one.
	// That is not tried for each packet, but at the next flush.
	full
	// broken: what was cut at its end could not be taken away, so that nothing
	// can follow. Packets are dropped until another file begins.
	broken
)

// blocks are what is to be written next.
type blocks []byte

func (b *blocks) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// disk writes one file after the other.
type disk struct {
	c      *Config
	create creator
	told   func(news)
	files  []string // of this run that are there, the oldest first

	f         file
	path      string
	condition condition
	enc       capture.Writer // into next
	next      *blocks        // whole after enc.Flush
	pending   uint64         // packets in enc and next
	lost      uint32         // packets dropped here since the last one written
	size      int64          // with those
	written   int64          // without
	packets   uint64         // of the file, with pending
	first     events.Time    // of these
}

// chunk writes a chunk of the queue.
func (d *disk) chunk(c *chunk) {
	if c.rotate {
		// Nothing is at a limit: when it fails, the old file goes on.
		d.other(c.at)
	}
	c.each(d.packet)
}

// packet writes one packet, into the next file if it is time for that.
func (d *disk) packet(p capture.Packet) {
	p.Dropped += d.lost
	d.lost = 0
	size := int64(blockSize(len(p.Data), p.Dropped))
	if d.condition == writing && d.due(&p, size) {
		if err := d.begin(p.Time); err != nil {
			d.condition = full
			d.told(news{err: err})
		}
	}
	if d.condition != writing {
		d.lost = p.Dropped + 1
		d.told(news{dropped: 1})
		return
	}
	if err := d.enc.WritePacket(int(p.Iface), p); err != nil {
		d.lost = p.Dropped + 1
		d.told(news{dropped: 1, err: fmt.Errorf("ring: %s: %w", d.path, err)})
		return
	}
	if d.packets == 0 {
		d.first = p.Time
	}
	d.packets++
	d.pending++
	d.size += size
	if d.size-d.written >= together {
		d.flush()
	}
}

// due reports whether p, of size bytes, belongs to the next file.
func (d *disk) due(p *capture.Packet, size int64) bool {
	c := d.c
	return d.packets > 0 &&
		(c.MaxBytes > 0 && d.size+size > c.MaxBytes ||
			c.MaxPackets > 0 && d.packets >= c.MaxPackets ||
			c.MaxAge > 0 && p.Time-d.first >= events.Time(c.MaxAge))
}

// flush gives all blocks to the file. Where the file does not take them all, it
// is cut back to what it was.
func (d *disk) flush() {
	if d.pending == 0 {
		return
	}
	err := d.enc.Flush()
	if err == nil {
		_, err = d.f.Write(*d.next)
	}
	n := news{packets: d.pending, bytes: uint64(len(*d.next))}
	if err == nil {
		d.written = d.size
	} else {
		n = news{dropped: d.pending, err: fmt.Errorf("ring: %w", err)}
		d.lost += uint32(d.pending)
		d.packets -= d.pending
		d.size = d.written
		if d.f.Truncate(d.written) != nil || !d.back() {
			d.condition = broken
		}
	}
	*d.next, d.pending = (*d.next)[:0], 0
	d.told(n)
}

// back goes to the end of what was written.
func (d *disk) back() bool {
	_, err := d.f.Seek(d.written, io.SeekStart)
	return err == nil
}

// retry flushes, and tries again what failed before.
func (d *disk) retry() {
	d.flush()
	switch d.condition {
	case full:
		d.condition = writing
	case broken:
		if d.c.rotates() {
			d.other(events.TimeOf(time.Now()))
		}
	}
}

// end writes the rest and closes the file.
func (d *disk) end() {
	d.flush()
	if err := d.f.Close(); err != nil {
		d.told(news{err: fmt.Errorf("ring: %w", err)})
	}
}

// other begins another file; when that fails, it says so.
func (d *disk) other(at events.Time) {
	if err := d.begin(at); err != nil {
		d.told(news{err: err})
	}
}

// begin ends the file, if there is one, and begins the next. When that fails,
// the old one is left as it is, flushed.
func (d *disk) begin(at events.Time) error {
	if d.f != nil {
		d.flush()
	}
	next := &blocks{}
	enc := capture.NewPcapngWriter(next, d.c.Info)
	for _, i := range d.c.Interfaces {
		if _, err := enc.AddInterface(i); err != nil {
			return fmt.Errorf("ring: %s: %w", d.c.Path, err)
		}
	}
	if err := enc.Flush(); err != nil {
		return fmt.Errorf("ring: %s: %w", d.c.Path, err)
	}
	f, path, err := d.another(at, *next)
	if err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	size := int64(len(*next))
	n := news{path: path, bytes: uint64(size)}
	if d.f != nil {
		if err := d.f.Close(); err != nil {
			n.err = fmt.Errorf("ring: %w", err)
		}
	}
	*next = (*next)[:0]
	d.f, d.path, d.condition, d.enc, d.next = f, path, writing, enc, next
	d.size, d.written, d.packets, d.pending = size, size, 0, 0
	d.told(n)
	d.keep(path)
	return nil
}

// keep adds a file that was made to those of the run, and deletes the oldest.
// Where one of that name was before, somebody moved it away.
func (d *disk) keep(path string) {
	d.files = slices.DeleteFunc(d.files, func(f string) bool { return f == path })
	d.files = append(d.files, path)
	for d.c.Keep > 0 && len(d.files) > d.c.Keep {
		old := d.files[0]
		d.files = d.files[1:]
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.told(news{err: fmt.Errorf("ring: %w", err)})
		}
	}
}
