// Package pipeline wires capture, flows, decoders and analyzers into one run.
// It holds the goroutines of the program, and nothing else.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture"
	protocols "github.com/wiretale/wiretale/decoders/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/flows"
)

// Config says what to run over which captures, and who gets the results.
type Config struct {
	Paths []string  // files, folders, "-"
	Stdin io.Reader // what "-" reads
	// Input, where set, is read instead of Paths. Run closes it, and when ctx
	// ends it closes it at once, so that nobody waits for a packet.
	Input capture.Input
	// Filter is a capture filter (package filter): what it does not select is
	// not seen at all, but the numbers of frames stay. Empty: all.
	Filter            string
	Workers           int // goroutines that follow flows; 0: half as many as CPUs
	Limits            events.Limits
	Hash, ShowSecrets bool

	// Events gets the events of the kinds in Want, in Pos order, borrowed
	// until it returns.
	Want   events.KindSet
	Events func(evs []*events.Event) error
	// Rows gets the answers to Questions, in (frame, analysis, key) order,
	// borrowed until it returns. It runs beside Events.
	Questions  []analyzers.Question
	AccessLink analyzers.AccessLink // for http.cache.whatif
	// TrustAnchors are for dnssec; none: those of the root.
	TrustAnchors []string
	Rows         func(rows []analyzers.Row) error
	// Lent: Rows keeps no value of a row either.
	Lent bool

	// Start is called once, before all others, with the time of the first
	// packet: from it relative times are counted, as in Wireshark.
	Start func(events.Time)
	// Progress is called a few times a second.
	Progress func(Progress)
	// Source, where set, is called once with the opened input.
	Source func(*capture.Source)
}

// Progress says how far a run is.
type Progress struct {
	Read, Total int64 // bytes of input; Total is -1 where it is not known
	Packets     uint64
}

// Stats are the figures of a run.
type Stats = flows.Stats

// inFlight is how many batches are on their way at once.
const inFlight = 8

// job is one batch on its way through the workers.
type job struct {
	*flows.Work
	done sync.WaitGroup
}

// Run runs c until the input is over. When ctx ends first, or the input is
// broken, all answers up to there are given before the error.
func Run(ctx context.Context, c Config) (Stats, error) {
	if c.Workers <= 0 {
		// The reader, the questions and the writing of rows take the other half.
		c.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	src, err := c.open()
	if err != nil {
		return Stats{}, err
	}
	defer src.Close()
	var sieve *sieve
	if c.Filter != "" {
		sieve = newSieve(src, c.Filter)
		src = sieve
	}

	want := c.Want
	var engine analyzers.Engine
	if len(c.Questions) > 0 {
		engine = analyzers.NewParallel(c.Questions, analyzers.Options{Limits: &c.Limits, AccessLink: c.AccessLink, TrustAnchors: c.TrustAnchors}, runtime.GOMAXPROCS(0))
		want = want.Or(engine.Want())
	}
	d, workers := flows.NewDispatcher(&flows.Config{
		Limits: &c.Limits, Protos: protocols.Protos(), Want: want, Hash: c.Hash, ShowSecrets: c.ShowSecrets, Workers: c.Workers,
	})

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.Input != nil {
		defer context.AfterFunc(ctx, func() { c.Input.Close() })()
	}
	r := &run{Config: c, engine: engine, src: src, cancel: cancel,
		free: make(chan *job, inFlight), order: make(chan *job, inFlight)}
	for i := range inFlight {
		w := flows.NewWork(c.Workers)
		w.Slot = i
		r.free <- &job{Work: w}
	}
	var wg sync.WaitGroup
	for _, w := range workers {
		in := make(chan *job, inFlight)
		r.in = append(r.in, in)
		wg.Go(func() {
			for j := range in {
				r.guard(j, func() { w.Run(j.Work) })
				j.done.Done()
			}
		})
	}
	var readErr error
	wg.Go(func() { readErr = r.read(ctx, d) })
	outErr := r.write()
	wg.Wait()
	d.Close()
	if sieve != nil {
		d.Stats.Filtered = sieve.left
	}

	switch cause := context.Cause(ctx); {
	case outErr != nil:
		err = outErr
	case cause != nil:
		err = cause
	default:
		err = readErr
	}
	return d.Stats, err
}

// open is what the run reads.
func (c *Config) open() (capture.Input, error) {
	if c.Input != nil {
		return c.Input, nil
	}
	src, err := capture.Open(c.Paths, capture.Options{Stdin: c.Stdin, Limits: &c.Limits})
	if err != nil {
		return nil, err
	}
	if c.Source != nil {
		c.Source(src)
	}
	return src, nil
}

type run struct {
	Config
	engine analyzers.Engine
	src    capture.Input
	cancel context.CancelCauseFunc
	free   chan *job   // back to the reader
	in     []chan *job // to each worker
	order  chan *job   // to the writer
}

// guard turns a panic, which is a fault of wiretale, into an error that ends
// the run after the answers so far.
func (r *run) guard(j *job, f func()) {
	if err := safely(j.Frame, func() error { f(); return nil }); err != nil {
		r.cancel(err)
	}
}

// safely runs f and gives its panic, if any, as a fault.
func safely(frame uint64, f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = &Fault{Frame: frame, Value: x, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Fault is a bug of wiretale that a capture brought to light.
type Fault struct {
	Frame uint64 // the last packet of the batch in which it happened
	Value any
	Stack []byte
}

func (f *Fault) Error() string {
	return fmt.Sprintf("internal fault near frame %d: %v (please report it with the capture)\n%s", f.Frame, f.Value, f.Stack)
}

// read walks over the input and hands its batches to the workers.
func (r *run) read(ctx context.Context, d *flows.Dispatcher) error {
	var err error
	for err == nil && ctx.Err() == nil {
		j := <-r.free
		if err = safely(d.Stats.Packets, func() error { return r.src.Next(j.Batch) }); err != nil {
			r.free <- j
			break
		}
		r.guard(j, func() { d.Dispatch(j.Work) })
		r.send(j)
	}
	for more := true; more; {
		j := <-r.free
		r.guard(j, func() { more = false; more = d.Finish(j.Work) })
		r.send(j)
	}
	for _, in := range r.in {
		close(in)
	}
	close(r.order)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (r *run) send(j *job) {
	j.done.Add(len(r.in))
	for _, in := range r.in {
		in <- j
	}
	r.order <- j
}

// write takes the batches in order when their workers are done. After an
// error it lets the rest pass, so that nobody waits for it.
func (r *run) write() error {
	var merger flows.Merger
	var err error
	var frame uint64
	var now events.Time
	var packets uint64
	last := time.Now()
	rows := newRowWriter(r.Rows)
	if r.Lent && r.engine != nil {
		rows.over = r.engine.Reuse
	}
	// answer runs the engine, whose faults are faults of wiretale.
	answer := func(f func()) {
		if fault := safely(frame, func() error { f(); return nil }); fault != nil {
			err = fault
		}
	}
	for j := range r.order {
		j.done.Wait()
		if err == nil {
			evs := merger.Merge(j.Work)
			frame, now = j.Frame, j.Time
			if packets == 0 && len(j.Batch.Packets) > 0 && r.Start != nil {
				r.Start(j.Batch.Packets[0].Time)
			}
			packets += uint64(len(j.Batch.Packets))
			if r.Events != nil {
				err = r.Events(evs)
			}
			if r.engine != nil {
				answer(func() { r.answer(evs, j.Work, rows.add) })
			}
			if e := rows.failed(); e != nil && err == nil {
				err = e
			}
			if err != nil {
				r.cancel(err)
			}
		}
		j.Batch.Release()
		r.free <- j
		if r.Progress != nil && time.Since(last) > 100*time.Millisecond {
			last = time.Now()
			read, total := r.src.Position()
			r.Progress(Progress{Read: read, Total: total, Packets: packets})
		}
	}
	if err == nil && r.engine != nil {
		answer(func() { r.engine.Close(frame, now, rows.add) })
	}
	if e := rows.close(); err == nil {
		err = e
	}
	return err
}

// answer gives the engine the events of one batch and the ticks among them.
func (r *run) answer(evs []*events.Event, w *flows.Work, out func([]analyzers.Row)) {
	for _, t := range w.Ticks {
		n := sort.Search(len(evs), func(i int) bool { return evs[i].Pos.Frame >= t.Frame })
		r.engine.Step(evs[:n], t.Frame, out)
		if t.Dropped > 0 { // before what time brings: the loss was earlier
			r.engine.Dropped(t.Since, t.Time)
		}
		r.engine.Tick(t.Frame, t.Time)
		evs = evs[n:]
	}
	r.engine.Step(evs, w.Frame, out)
}

// rowWriter hands rows on in a goroutine of its own, for turning them into
// text takes about as long as finding them.
type rowWriter struct {
	full, empty chan []analyzers.Row
	err         atomic.Pointer[error]
	done        chan struct{}
	over        func([]analyzers.Row) // takes rows that were handed on
}

func newRowWriter(to func([]analyzers.Row) error) *rowWriter {
	w := &rowWriter{full: make(chan []analyzers.Row, 4), empty: make(chan []analyzers.Row, 4), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for rows := range w.full {
			if to != nil && w.err.Load() == nil {
				if err := safely(0, func() error { return to(rows) }); err != nil {
					w.err.Store(&err)
				}
			}
			select {
			case w.empty <- rows:
			default:
			}
		}
	}()
	return w
}

// add takes rows that are borrowed until it returns.
func (w *rowWriter) add(rows []analyzers.Row) {
	if len(rows) == 0 {
		return
	}
	var buf []analyzers.Row
	select {
	case buf = <-w.empty:
		if w.over != nil {
			w.over(buf)
		}
		clear(buf)
	default:
	}
	w.full <- append(buf[:0], rows...)
}

// failed is the error of the receiver, if any so far.
func (w *rowWriter) failed() error {
	if e := w.err.Load(); e != nil {
		return *e
	}
	return nil
}

// close waits until all rows are handed on.
func (w *rowWriter) close() error {
	close(w.full)
	<-w.done
	return w.failed()
}
