package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/wiretale/wiretale/events"
)

// Several files share this much buffer, within these bounds for each.
const (
	mergeBuffers   = 16 << 20
	mergeBufferMin = 16 << 10
	mergeChunk     = 512 // packets taken from one file at a time
)

func mergeBuffer(files int) int {
	return min(max(mergeBuffers/files, mergeBufferMin), bufferSize)
}

// merger merges files by time. A file is opened when its first packet is due
// and closed at its end, so a long row of ring files costs little more than
// one file.
type merger struct {
	source *Source
	heap   []*cursor // by the time of their next packet
	frames uint64    // so far
	open   int
	limit  int // of files open at once
	faults []*fileFault
}

// fileFault keeps the order of files among faults.
type fileFault struct {
	index int
	err   *Error
}

// cursor is the place in one file.
type cursor struct {
	in     *input
	index  int
	r      *reader // nil: not opened yet
	file   *os.File
	time   events.Time // of the next packet
	chunk  []Packet
	at     int    // next in chunk
	frame  uint64 // number of the next packet within the file
	gap    uint64 // frame numbers to leave out before the next packet
	lease  *lease // the lease that held, last,
	buffer *buffer
}

// before is the order of packets: time, then file.
func (c *cursor) before(d *cursor) bool {
	return c.time < d.time || c.time == d.time && c.index < d.index
}

func newMerger(s *Source, ins []input, limit int) (*merger, error) {
	m := &merger{source: s, limit: limit}
	p := newPool(sniffSize)
	for i := range ins {
		c := &cursor{in: &ins[i], index: i}
		if c.in.again() {
			t, err := c.in.firstTime(p)
			if err != nil {
				if !m.fault(c, err, errEmpty) {
					return nil, err
				}
				continue
			}
			c.time = t
		} else if err := m.wake(c); err != nil {
			if err == io.EOF || m.fault(c, err, nil) {
				continue
			}
			return nil, err
		}
		m.push(c)
	}
	return m, nil
}

// firstTime is the time of a file's first packet. A file without one comes
// first, so that what else it holds is known early.
func (in *input) firstTime(p *pool) (events.Time, error) {
	f, err := os.Open(in.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, err := newReader(in.name, f, false, p, nil)
	if err != nil {
		return 0, err
	}
	defer r.close()
	var first [1]Packet
	if _, _, err := r.next(first[:]); err != nil {
		return math.MinInt64, nil
	}
	return first[0].Time, nil
}

// fault notes an error of one file, to be told after the packets of all. With
// only set, it takes no other cause. It reports whether it took err.
func (m *merger) fault(c *cursor, err, only error) bool {
	e := (*Error)(nil)
	if !errors.As(err, &e) || only != nil && !errors.Is(err, only) || errors.Is(err, ErrFormat) {
		return false
	}
	m.faults = append(m.faults, &fileFault{c.index, e})
	return true
}

// wake opens a file and reads its first packets.
func (m *merger) wake(c *cursor) error {
	if m.open == m.limit {
		return &Error{File: c.in.name, Err: fmt.Errorf("not read: more than %d files are of the same time (limit merge-files)", m.limit)}
	}
	r, f, err := m.source.open(c.in, false)
	if err != nil {
		if e := (*Error)(nil); !errors.As(err, &e) {
			err = &Error{File: c.in.name, Err: err}
		}
		return err
	}
	m.open++
	c.r, c.file, c.frame = r, f, 1
	c.chunk = make([]Packet, 0, mergeChunk)
	return m.load(c)
}

// load reads the next packets of a file; at the end of it, it closes it.
func (m *merger) load(c *cursor) error {
	n, first, err := c.r.next(c.chunk[:cap(c.chunk)])
	if err != nil {
		m.open--
		m.source.closeFile(c.file)
		c.r.close()
		c.chunk = nil
		return err
	}
	c.chunk, c.at = c.chunk[:n], 0
	c.gap = first - c.frame
	c.frame = first
	c.time = c.chunk[0].Time
	return nil
}

// next fills a lease with packets.
func (m *merger) next(l *lease) (n int, first uint64, err error) {
	out := l.packets
	size := 0
	for n < len(out) && size < bufferSize && len(m.heap) > 0 {
		c := m.heap[0]
		if c.r == nil {
			m.settle(c, m.wake(c))
			continue
		}
		if c.gap > 0 {
			if n > 0 {
				break
			}
			m.frames += c.gap
			c.gap = 0
		}
		if c.lease != l || c.buffer != c.r.buf {
			l.hold(c.r.buf)
			c.lease, c.buffer = l, c.r.buf
		}
		rival := m.rival()
		for n < len(out) && size < bufferSize && c.at < len(c.chunk) {
			p := &c.chunk[c.at]
			c.time = p.Time
			if rival != nil && rival.before(c) {
				break
			}
			if n > 0 && size+len(p.Data)+pcapRecord > bufferSize {
				size = bufferSize
				break
			}
			out[n] = *p
			n++
			c.at++
			size += len(p.Data) + pcapRecord
			m.frames++
			if len(c.r.comments) > 0 {
				m.tellComments(c)
			}
			c.frame++
		}
		if c.at == len(c.chunk) {
			m.settle(c, m.load(c))
		} else {
			m.sift(0)
		}
	}
	// The next lease may be this one again, with other buffers.
	for _, c := range m.heap {
		c.lease, c.buffer = nil, nil
	}
	if n == 0 {
		return 0, 0, m.outcome()
	}
	return n, m.frames - uint64(n) + 1, nil
}

// settle puts the cursor at the top of the heap to its place after a wake or a
// load with the result err.
func (m *merger) settle(c *cursor, err error) {
	if err == nil {
		m.sift(0)
		return
	}
	if err != io.EOF {
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			e = &Error{File: c.in.name, Err: err}
		}
		m.faults = append(m.faults, &fileFault{c.index, e})
	}
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	m.sift(0)
}

// tellComments passes on the comments of the packet just taken from c.
func (m *merger) tellComments(c *cursor) {
	cs := c.r.comments
	for len(cs) > 0 && cs[0].frame <= c.frame {
		m.source.notes.comment(Comment{Frame: m.frames, Iface: -1, Text: cs[0].text})
		cs = cs[1:]
	}
	c.r.comments = append(c.r.comments[:0], cs...)
}

// outcome is what to say when all files are read: io.EOF, or the fault of the
// first file that has one, with those of the others in More.
func (m *merger) outcome() error {
	if len(m.faults) == 0 {
		return io.EOF
	}
	for i := range m.faults { // few: insertion by file
		for j := i; j > 0 && m.faults[j].index < m.faults[j-1].index; j-- {
			m.faults[j], m.faults[j-1] = m.faults[j-1], m.faults[j]
		}
	}
	e := *m.faults[0].err
	for _, f := range m.faults[1:] {
		e.More = append(e.More, f.err)
	}
	return &e
}

// rival is the cursor whose packet comes next after those of the top one.
func (m *merger) rival() *cursor {
	switch h := m.heap; {
	case len(h) < 2:
		return nil
	case len(h) > 2 && h[2].before(h[1]):
		return h[2]
	default:
		return h[1]
	}
}

func (m *merger) push(c *cursor) {
	m.heap = append(m.heap, c)
	h := m.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// sift moves the cursor at i down to its place.
func (m *merger) sift(i int) {
	h := m.heap
	for {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < len(h) && h[k].before(h[least]) {
				least = k
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
