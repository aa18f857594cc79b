// Package extract writes the objects that conversations carried (bodies of
// HTTP, attachments of mail, files of FTP, pieces of torrents) into one
// folder. It never writes outside that folder, never over a file that is
// there, and never more than the limits allow. It must not look at what it
// writes.
package extract

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"

	"github.com/wiretale/wiretale/events"
)

// IndexName is the file that lists what was written, a JSON array.
const IndexName = "index.json"

// Entry is one object in the index.
type Entry struct {
	File      string      `json:"file,omitzero" doc:"in the folder; left out where a limit kept it from being written"`
	Number    int         `json:"number"`
	Protocol  string      `json:"protocol"`
	Name      string      `json:"name,omitzero" doc:"as the sender calls it"`
	Type      string      `json:"content_type,omitzero"`
	Bytes     int64       `json:"bytes"`
	SHA256    string      `json:"sha256" doc:"of what was written"`
	Complete  bool        `json:"complete"`
	Limit     string      `json:"limit,omitzero" doc:"the limit that cut it short"`
	Frame     uint64      `json:"frame" doc:"packet that completed it"`
	First     uint64      `json:"first_frame,omitzero"`
	Time      events.Time `json:"time"`
	Transport string      `json:"proto"`
	Stream    uint32      `json:"stream"`
	Client    string      `json:"client"`
	Server    string      `json:"server"`
	Layer     string      `json:"layer"`
	From      string      `json:"from"`
}

// Stats say what was done.
type Stats struct {
	Files int
	Bytes int64
	Limit map[string]int // objects that a limit cut short or left out, by its name
}

// Kinds are the events that a Writer takes.
func Kinds() events.KindSet { return events.SetOf(events.KindContentPart, events.KindContentEnd) }

// Writer writes objects. It is not safe for use by several goroutines.
type Writer struct {
	Stats   Stats
	limits  *events.Limits
	root    *os.Root
	dir     string
	index   *os.File
	reserve *reserve
	lines   *bufio.Writer // of index
	broken  bool          // the disk failed: nothing more is written
	first   bool          // no entry yet
	number  int
	parts   int             // temporary files ever made
	open    map[key]*object // under way
	oldest  *object         // list of them, by their last part
	newest  *object
	buf     []byte
}

// key tells the objects under way apart.
type key struct {
	stream events.StreamKey
	layer  string
	from   events.Dir
	object uint32
}

// object is one object under way. Small ones never see a file until they are
// over.
type object struct {
	key
	head         []byte   // bytes not written yet
	file         *os.File // nil: all are in head, or it was given up
	name         string   // of file
	sum          hash.Hash
	bytes        int64
	limit        string // that gave it up
	event        events.Event
	older, newer *object
}

// inMemory is how much of an object is held before it gets a file.
const inMemory = 16 << 10

// New prepares the folder dir, made if it is not there. The error says what
// to do where it holds an extraction already.
func New(dir string, l *events.Limits) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	reserve, err := newReserve(root)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("%s: no file can be made in it: %w", dir, reason(err))
	}
	index, err := root.OpenFile(IndexName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		err = errors.Join(err, reserve.free(), root.Close())
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s holds an extraction already (%s is there): give another folder, or remove it", dir, IndexName)
		}
		return nil, fmt.Errorf("%s: no file can be made in it: %w", dir, reason(err))
	}
	reserve.file = index
	w := &Writer{limits: l, root: root, dir: dir, index: index, reserve: reserve, lines: bufio.NewWriter(reserve), first: true, open: map[key]*object{}}
	w.Stats.Limit = map[string]int{}
	w.lines.WriteString("[")
	return w, nil
}

// Event takes an event; of Kinds, in Pos order. The error is that of the disk.
func (w *Writer) Event(e *events.Event) error {
	switch b := e.Body.(type) {
	case *events.ContentPart:
		k := key{e.Key(), e.Layer, e.From, b.Object}
		o := w.open[k]
		if o == nil {
			if len(w.open) >= w.limits.ExtractOpen {
				w.giveUp(w.oldest, "extract-open")
				if err := w.finish(w.oldest, &events.ContentEnd{Protocol: protocolOf(w.oldest.layer)}); err != nil {
					return err
				}
			}
			o = &object{key: k, sum: sha256.New()}
			w.open[k] = o
		} else {
			w.unlink(o)
		}
		w.link(o)
		o.event = *e
		return w.write(o, b.Bytes)
	case *events.ContentEnd:
		k := key{e.Key(), e.Layer, e.From, b.Object}
		o := w.open[k]
		if o == nil {
			o = &object{key: k, sum: sha256.New()}
			w.open[k] = o
			w.link(o)
		}
		o.event = *e
		if b.Drop {
			return w.drop(o)
		}
		return w.finish(o, b)
	}
	return nil
}

func (w *Writer) link(o *object) {
	o.older, o.newer = w.newest, nil
	if w.newest != nil {
		w.newest.newer = o
	} else {
		w.oldest = o
	}
	w.newest = o
}

func (w *Writer) unlink(o *object) {
	if o.older != nil {
		o.older.newer = o.newer
	} else {
		w.oldest = o.newer
	}
	if o.newer != nil {
		o.newer.older = o.older
	} else {
		w.newest = o.older
	}
}

// write adds b to o, as far as the limits allow.
func (w *Writer) write(o *object, b []byte) error {
	if o.limit != "" {
		return nil
	}
	if room := int64(w.limits.ExtractBytes) - o.bytes; int64(len(b)) > room {
		b = b[:room]
		w.giveUp(o, "extract-bytes")
	}
	if room := int64(w.limits.ExtractTotal) - w.Stats.Bytes; int64(len(b)) > room {
		b = b[:room]
		w.giveUp(o, "extract-total")
	}
	o.bytes += int64(len(b))
	w.Stats.Bytes += int64(len(b))
	o.sum.Write(b)
	if o.head = append(o.head, b...); len(o.head) <= inMemory {
		return nil
	}
	return w.flush(o)
}

// flush moves what is in memory to the file.
func (w *Writer) flush(o *object) error {
	if o.file == nil {
		if err := w.create(o); err != nil {
			return err
		}
	}
	_, err := o.file.Write(o.head)
	o.head = o.head[:0]
	return w.failed(err)
}

// failed says of which folder err is, which ends the writing.
func (w *Writer) failed(err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", w.dir, reason(err))
		w.broken = true
	}
	return err
}

// create makes a file for an object that is not over: its name is not known.
func (w *Writer) create(o *object) error {
	for {
		w.parts++
		name := fmt.Sprintf(".part-%06d", w.parts)
		f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		o.file, o.name = f, name
		return w.failed(err)
	}
}

func (w *Writer) giveUp(o *object, limit string) {
	if o.limit == "" {
		o.limit = limit
		w.Stats.Limit[limit]++
	}
}

// drop removes what was written of o.
func (w *Writer) drop(o *object) error {
	w.unlink(o)
	delete(w.open, o.key)
	w.Stats.Bytes -= o.bytes
	if o.file == nil {
		return nil
	}
	return errors.Join(o.file.Close(), w.root.Remove(o.name))
}

// finish gives o its name and a place in the index.
func (w *Writer) finish(o *object, end *events.ContentEnd) error {
	w.unlink(o)
	delete(w.open, o.key)
	w.number++
	sum := hex.EncodeToString(o.sum.Sum(nil))
	entry := Entry{
		Number: w.number, Protocol: end.Protocol, Name: end.Name, Type: end.Type,
		Bytes: o.bytes, SHA256: sum, Complete: end.Complete && o.limit == "", Limit: o.limit,
		Frame: o.event.Pos.Frame, First: end.FirstFrame, Time: o.event.Time,
		Transport: o.event.Flow.Transport(), Stream: o.event.Stream,
		Layer: o.event.Layer, From: o.event.From.String(),
	}
	client, server := o.event.Flow.Ends()
	entry.Client, entry.Server = client.String(), server.String()
	if w.Stats.Files >= w.limits.ExtractFiles {
		w.giveUp(o, "extract-files")
		entry.Limit, entry.Complete = o.limit, false
		if o.file != nil {
			if err := errors.Join(o.file.Close(), w.root.Remove(o.name)); err != nil {
				return err
			}
		}
		return w.enter(&entry)
	}
	name, final, err := w.place(sum, hint(end))
	if err != nil {
		return w.failed(err)
	}
	if o.file == nil {
		_, err = final.Write(o.head)
		err = errors.Join(err, final.Close())
	} else {
		_, err = o.file.Write(o.head)
		// The place is ours: the part takes it.
		err = errors.Join(err, o.file.Close(), final.Close(), w.root.Rename(o.name, name))
	}
	if err != nil {
		// What is not whole is not left behind as if it were.
		w.root.Remove(name)
		if o.file != nil {
			w.root.Remove(o.name)
		}
		return w.failed(err)
	}
	w.Stats.Files++
	entry.File = name
	return w.enter(&entry)
}

// place makes the file of an object, which nobody had before.
func (w *Writer) place(sum, hint string) (name string, f *os.File, err error) {
	for try := 0; ; try++ {
		name = fmt.Sprintf("%06d-%s", w.number, sum)
		if try > 0 {
			name += fmt.Sprintf("-%d", try)
		}
		name += hint
		f, err = w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return name, f, err
		}
	}
}

// enter writes one entry of the index.
func (w *Writer) enter(e *Entry) error {
	w.buf = append(w.buf[:0], ",\n"...)
	if w.first {
		w.buf, w.first = append(w.buf[:0], '\n'), false
	}
	w.buf = events.AppendJSON(w.buf, e)
	_, err := w.lines.Write(w.buf)
	return err
}

// Close ends what is under way, and the index. After an error of the disk what
// is under way is removed.
func (w *Writer) Close() error {
	var err error
	for w.oldest != nil {
		if w.broken {
			err = errors.Join(err, w.drop(w.oldest))
			continue
		}
		err = errors.Join(err, w.finish(w.oldest, &events.ContentEnd{Protocol: protocolOf(w.oldest.layer)}))
	}
	w.lines.WriteString("\n]\n")
	return errors.Join(err, w.lines.Flush(), w.index.Close(), w.reserve.free(), w.root.Close())
}
