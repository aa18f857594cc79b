package capture

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wiretale/wiretale/events"
)

// Options change how Open reads.
type Options struct {
	Stdin  io.Reader      // what "-" is; nil: os.Stdin
	Limits *events.Limits // nil: events.DefaultLimits
}

// Source gives the packets of one or more captures, batch by batch. Next and
// Close apart, its methods may be called from any goroutine at any time.
type Source struct {
	pool  *pool
	notes *notes
	total int64
	read  atomic.Int64

	one   *reader // the only file, or
	merge *merger // several
	end   error   // what Next gives from now on

	mu     sync.Mutex
	closed bool
	files  map[*os.File]struct{} // open ones
}

// Open starts to read captures: files, folders (all captures in one, by name,
// not those in its folders) and "-" for standard input, each pcap or pcapng,
// plain or compressed with gzip or zstd. Several are merged by time, as a
// whole: packets of the same time are in the order of their files. A pipe that
// is read alone and is not compressed is read as it is written: Next gives what
// has arrived.
//
// It fails where a file cannot be opened (an *os.PathError, mostly) and where
// one is not a capture (an *Error around ErrFormat). It reads the first bytes
// of each, so on a pipe it waits for them. Faults further on are told by Next.
func Open(paths []string, o Options) (*Source, error) {
	if o.Limits == nil {
		l := events.DefaultLimits()
		o.Limits = &l
	}
	s := &Source{notes: &notes{budget: o.Limits.CaptureMeta}, files: map[*os.File]struct{}{}}
	ins, err := findInputs(paths, o.Stdin, s.notes)
	if err != nil {
		return nil, err
	}
	for _, in := range ins {
		if in.size < 0 || s.total < 0 {
			s.total = -1
		} else {
			s.total += in.size
		}
	}
	switch len(ins) {
	case 0:
		return nil, errors.New("no captures to read")
	case 1:
		s.pool = newPool(bufferSize)
		s.one, _, err = s.open(&ins[0], ins[0].size < 0)
	default:
		s.pool = newPool(mergeBuffer(len(ins)))
		s.merge, err = newMerger(s, ins, o.Limits.MergeFiles)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open starts to read one input: live, if its packets are to be delivered as
// they arrive. The file is nil for a stream.
func (s *Source) open(in *input, live bool) (*reader, *os.File, error) {
	raw := in.r
	var f *os.File
	if in.path != "" {
		var err error
		if f, err = os.Open(in.path); err != nil {
			return nil, nil, err
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			f.Close()
			return nil, nil, os.ErrClosed
		}
		s.files[f] = struct{}{}
		s.mu.Unlock()
		raw = f
	}
	r, err := newReader(in.name, &counted{raw, &s.read}, live, s.pool, s.notes)
	if err != nil {
		s.closeFile(f)
		return nil, nil, err
	}
	return r, f, nil
}

func (s *Source) closeFile(f *os.File) {
	if f == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, f)
	f.Close()
}

// Next fills b with the next packets: at most 4,096, from at most 1 MiB of
// file unless one packet alone is larger; of a live pipe, at least one. At the end it gives io.EOF; at a
// fault first everything before it and then an *Error, and the same again if
// called again. With several files, those without fault are read to their end
// before the *Error comes.
//
// Whatever b held is overwritten, not released. Each batch must be released
// once, in any order, by any goroutine; Next waits while eight are not.
func (s *Source) Next(b *Batch) error {
	*b = Batch{}
	if s.end != nil {
		return s.end
	}
	l, err := s.pool.lease()
	if err != nil {
		return err
	}
	var n int
	var first uint64
	if s.one != nil {
		n, first, err = s.one.next(l.packets)
		if err == nil {
			l.hold(s.one.buf)
			s.tellComments(s.one)
		}
	} else {
		n, first, err = s.merge.next(l)
	}
	if err != nil {
		l.giveBack()
		s.mu.Lock()
		if s.closed {
			err = os.ErrClosed
		}
		s.mu.Unlock()
		s.end = err
		return err
	}
	*b = Batch{First: first, Packets: l.packets[:n], release: l.release}
	return nil
}

// tellComments passes on the comments of packets that were read.
func (s *Source) tellComments(r *reader) {
	for _, c := range r.comments {
		s.notes.comment(Comment{Frame: c.frame, Iface: -1, Section: s.notes.lastSection(), Text: c.text})
	}
	r.comments = slices.Delete(r.comments, 0, len(r.comments))
}

// Interfaces are those described so far; Packet.Iface is an index into it. A
// pcapng file may describe more at any place.
func (s *Source) Interfaces() []Interface { return s.notes.interfaces() }

// Meta is what the captures said so far besides their packets.
func (s *Source) Meta() *Meta { return s.notes.snapshot() }

// Position is how many bytes of the files were read, as they lie on the disk,
// and how many there are; total is -1 when that is not known.
func (s *Source) Position() (read, total int64) { return s.read.Load(), s.total }

// Close closes the files. Batches that are not released yet stay valid. A Next
// that waits for a Release ends with os.ErrClosed; one that waits for standard
// input goes on waiting.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.pool != nil {
		s.pool.close()
	}
	var err error
	for f := range s.files {
		err = errors.Join(err, f.Close())
	}
	clear(s.files)
	return err
}
