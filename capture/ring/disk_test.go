package ring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
)

// flaky is a disk that can be stopped, and that fails when it is told to. Its
// files are real ones.
type flaky struct {
	mu     sync.Mutex
	room   int64 // bytes that writes may still take; -1: no end
	sealed bool  // no file can be made
	uncut  bool  // no file can be cut
	// Where it is not nil, writes wait for it.
	gate chan struct{}
	// asked gets each write that is about to wait.
	asked chan struct{}
}

type flakyFile struct {
	*os.File
	disk *flaky
}

func (d *flaky) set(f func()) { d.mu.Lock(); f(); d.mu.Unlock() }

func (d *flaky) create(name string, head []byte, how mode) (file, error) {
	return inSteps(d.open, name, head, how)
}

func (d *flaky) open(name string, flag int) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	f, err := os.OpenFile(name, flag, 0o600)
	return flakyFile{f, d}, err
}

func (f flakyFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	gate := f.disk.gate
	f.disk.mu.Unlock()
	if gate != nil {
		select {
		case f.disk.asked <- struct{}{}:
		default:
		}
		<-gate
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.room < 0 || f.disk.room >= int64(len(b)) {
		if f.disk.room > 0 {
			f.disk.room -= int64(len(b))
		}
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:f.disk.room])
	f.disk.room = 0
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

func (f flakyFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.uncut {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

// on opens a Writer on a disk.
func on(t *testing.T, d *flaky, c Config) *Writer {
	t.Helper()
	c.Interfaces = ether
	w, err := start(c, d.create)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// until waits for figures.
func until(t *testing.T, w *Writer, ok func(Stats) bool) {
	t.Helper()
	for range 6000 {
		if ok(w.Stats()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %+v", w.Stats())
}

// The disk stands still: the queue takes what fits into it, to the byte, and
// each packet that does not is counted.
func TestQueueFull(t *testing.T) {
	const block = 32 + 1000
	const room = 100
	path := filepath.Join(t.TempDir(), "a.pcapng")
	d := &flaky{room: -1, asked: make(chan struct{}, 1)}
	// One byte less than a packet more would need.
	w := on(t, d, Config{Path: path, Queue: (room+1)*block - 1, Flush: time.Millisecond})
	gate := make(chan struct{})
	d.set(func() { d.gate = gate })
	// The first packet is taken to the disk, which holds it: it waits no more,
	// and nothing that comes later can leave the queue.
	if n := w.Write(numbered(0, 1, 1000)); n != 0 {
		t.Fatal(n)
	}
	<-d.asked
	if n := w.Write(numbered(1, room+25, 1000)); n != 25 {
		t.Errorf("%d dropped, want 25", n)
	}
	if n := w.Write(numbered(0, 3, 1000)); n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
	// A smaller one fits.
	if n := w.Write(numbered(1+room, 1, 900)); n != 0 {
		t.Errorf("%d dropped, where %d bytes are left", n, block-1)
	}
	if st := w.Stats(); st.Dropped != 28 || st.Packets != 0 || st.Err != nil {
		t.Errorf("%+v", st)
	}
	close(gate)
	st := closed(t, w)
	if of, err := numbers(t, []string{path}); err != nil || !slices.Equal(of[0], upTo(2+room)) {
		t.Error(of, err)
	}
	if st.Packets != 2+room || st.Dropped != 28 {
		t.Errorf("%+v", st)
	}
	// The file says where they are missing, in the last packet.
	if lost := dropped(t, path); lost[len(lost)-1] != 28 || slices.Max(lost[:len(lost)-1]) != 0 {
		t.Errorf("dropped before each packet: %v", lost)
	}
}

// dropped are how many packets a file says to be missing before each of its
// own.
func dropped(t *testing.T, path string) (of []int) {
	t.Helper()
	s, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for b := (capture.Batch{}); s.Next(&b) == nil; b.Release() {
		for _, p := range b.Packets {
			of = append(of, int(p.Dropped))
		}
	}
	return of
}

// Several capture, the queue is small: what was not dropped is in the files,
// once, in order.
func TestNothingIsLostInSilence(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Path: filepath.Join(dir, "a.pcapng"), Queue: 60_000, MaxBytes: 700_000, Flush: time.Millisecond})
	const each, workers = 20_000, 3
	var dropped [workers]int
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for i := 0; i < each; i += 50 {
				dropped[k] += w.Write(numbered(k*each+i, 50, 40+k*300))
				if k == 0 && i == each/2 {
					w.Rotate()
				}
			}
		})
	}
	wg.Wait()
	st := closed(t, w)
	sum := 0
	for _, n := range dropped {
		sum += n
	}
	of, err := numbers(t, w.disk.files)
	if err != nil {
		t.Fatal(err)
	}
	last := [workers]int{-1, -1, -1}
	n := 0
	for _, f := range of {
		n += len(f)
	}
	for _, i := range slices.Concat(of...) {
		if k := i / each; i <= last[k] {
			t.Fatalf("packet %d after %d", i, last[k])
		} else {
			last[k] = i
		}
	}
	t.Logf("%d of %d packets were dropped, %d files", sum, workers*each, st.Files)
	if st.Dropped != uint64(sum) || st.Packets != uint64(n) || n+sum != workers*each {
		t.Errorf("%d packets in files, %d dropped of %d; %+v", n, sum, workers*each, st)
	}
}

// The disk is full for a while: the file is cut to whole blocks, what was lost
// is counted, and it goes on when there is room.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pcapng")
	d := &flaky{room: -1}
	w := on(t, d, Config{Path: path, Flush: time.Millisecond})
	w.Write(numbered(0, 10, 100))
	until(t, w, func(s Stats) bool { return s.Packets == 10 })
	d.set(func() { d.room = 150 })
	w.Write(numbered(10, 5, 100))
	until(t, w, func(s Stats) bool { return s.Packets+s.Dropped == 15 })
	st := w.Stats()
	if st.Dropped == 0 || !errors.Is(st.Err, syscall.ENOSPC) || !strings.Contains(st.Err.Error(), path) {
		t.Errorf("%+v", st)
	}
	written := int(st.Packets)
	if of, err := numbers(t, []string{path}); err != nil || !slices.Equal(of[0], upTo(written)) {
		t.Error(of, err)
	}
	d.set(func() { d.room = -1 })
	w.Write(numbered(written, 3, 100))
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	of, err := numbers(t, []string{path})
	if err != nil || !slices.Equal(of[0], upTo(written+3)) {
		t.Error(of, err)
	}
	if lost := dropped(t, path); lost[written] != int(st.Dropped) || lost[written+1] != 0 {
		t.Errorf("dropped before each packet: %v, want %d before number %d", lost, st.Dropped, written)
	}
	if end := w.Stats(); end.Packets != uint64(written+3) || end.Dropped != st.Dropped {
		t.Errorf("%+v", end)
	}
	if i, err := os.Stat(path); err != nil || uint64(i.Size()) != w.Stats().Bytes {
		t.Errorf("%d bytes, %+v", i.Size(), w.Stats())
	}
}

// The end of the file cannot be taken away: nothing is written behind it, and
// with rotation another file begins.
func TestFileBroken(t *testing.T) {
	for _, rotates := range []bool{false, true} {
		t.Run(fmt.Sprint("rotates ", rotates), func(t *testing.T) {
			c := Config{Path: filepath.Join(t.TempDir(), "a.pcapng"), Flush: time.Millisecond}
			if rotates {
				c.MaxPackets = 1000
			}
			d := &flaky{room: -1}
			w := on(t, d, c)
			w.Write(numbered(0, 10, 100))
			until(t, w, func(s Stats) bool { return s.Packets == 10 })
			old := w.Stats().Path
			d.set(func() { d.room, d.uncut = 70, true })
			w.Write(numbered(10, 1, 100))
			until(t, w, func(s Stats) bool { return s.Dropped == 1 })
			d.set(func() { d.room = -1 })
			if rotates {
				until(t, w, func(s Stats) bool { return s.Files == 2 })
			}
			w.Write(numbered(11, 4, 100))
			if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
			of, last := numbers(t, []string{old})
			var e *capture.Error
			if !errors.As(last, &e) || !strings.Contains(last.Error(), "cut off") || !slices.Equal(of[0], upTo(10)) {
				t.Error(of, last)
			}
			st := w.Stats()
			if !rotates {
				if st.Packets != 10 || st.Dropped != 5 || st.Files != 1 {
					t.Errorf("%+v", st)
				}
				return
			}
			if of, err := numbers(t, []string{st.Path}); err != nil || fmt.Sprint(of) != "[[11 12 13 14]]" || st.Dropped != 1 {
				t.Errorf("%v %v %+v", of, err, st)
			}
		})
	}
}

// The next file cannot be made: the limit of the old one holds, what is more is
// dropped, until it can.
func TestNoNextFile(t *testing.T) {
	dir := t.TempDir()
	d := &flaky{room: -1}
	w := on(t, d, Config{Path: filepath.Join(dir, "a.pcapng"), MaxPackets: 4, Flush: time.Millisecond})
	d.set(func() { d.sealed = true })
	w.Rotate() // fails as well; the old file goes on
	w.Write(numbered(0, 7, 100))
	until(t, w, func(s Stats) bool { return s.Packets+s.Dropped == 7 })
	if st := w.Stats(); st.Packets != 4 || st.Files != 1 || !errors.Is(st.Err, syscall.EACCES) || !strings.Contains(st.Err.Error(), dir) {
		t.Errorf("%+v", st)
	}
	d.set(func() { d.sealed = false })
	// It is tried again at a flush: packets may be dropped before.
	for n := 7; w.Stats().Files < 2 && n < 6000; n++ {
		w.Write(numbered(n, 1, 100))
		time.Sleep(10 * time.Millisecond)
	}
	w.Close()
	of, err := numbers(t, glob(t, dir))
	if err != nil || len(of) < 2 || len(of[0]) != 4 || len(of[1]) == 0 {
		t.Error(of, err)
	}
}

// A file whose head cannot be written is not left behind.
func TestNoHead(t *testing.T) {
	dir := t.TempDir()
	d := &flaky{room: 20}
	if _, err := start(Config{Path: filepath.Join(dir, "a.pcapng"), Interfaces: ether, MaxPackets: 4}, d.create); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if f := glob(t, dir); len(f) > 0 {
		t.Error(f)
	}
}
