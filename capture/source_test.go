package capture

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/wiretale/wiretale/events"
)

func openBytes(t testing.TB, file []byte, l *events.Limits) *Source {
	t.Helper()
	s, err := Open([]string{"-"}, Options{Stdin: bytes.NewReader(file), Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// manyPackets is a pcap of n packets of mixed sizes, one a microsecond.
func manyPackets(n, size int) []byte {
	le := binary.LittleEndian
	b := pcapHead(le, 0xa1b2c3d4, 262144, 1)
	data := strings.Repeat("0123456789abcdef", size/16+1)
	for i := range n {
		b = append(b, pcapPacket(le, i/1e6, i%1e6, data[:(i*7919)%(size+1)])...)
	}
	return b
}

func zipped(b []byte) []byte {
	var w bytes.Buffer
	z := gzip.NewWriter(&w)
	z.Write(b)
	z.Close()
	return w.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	var w bytes.Buffer
	z, err := zstd.NewWriter(&w)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(b)
	z.Close()
	return w.Bytes()
}

func write(t testing.TB, dir, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shape is where batches begin and end, and a sum over their packets.
func shape(t testing.TB, s *Source) (shape []string) {
	t.Helper()
	var b Batch
	for {
		err := s.Next(&b)
		if err == io.EOF {
			return shape
		}
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		size := 0
		for _, p := range b.Packets {
			fmt.Fprintln(h, p.Time, p.Wire, p.Link, p.Iface, len(p.Data))
			h.Write(p.Data)
			size += len(p.Data) + 16
		}
		if len(b.Packets) == 0 || len(b.Packets) > 4096 || size > 1<<20 && len(b.Packets) > 1 {
			t.Errorf("batch of %d packets, %d bytes", len(b.Packets), size)
		}
		shape = append(shape, fmt.Sprintf("%d+%d %x", b.First, len(b.Packets), h.Sum(nil)))
		b.Release()
	}
}

// The same content gives the same batches, however it arrives.
func TestBatchesDependOnContentOnly(t *testing.T) {
	for _, file := range [][]byte{manyPackets(20000, 300), manyPackets(3000, 3000), manyPackets(100, 200000)} {
		dir := t.TempDir()
		var want []string
		for _, path := range []string{
			write(t, dir, "plain", file), write(t, dir, "gz", zipped(file)), write(t, dir, "zst", zstandard(t, file)),
		} {
			s, err := Open([]string{path}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := shape(t, s)
			if want == nil {
				want = got
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(path, d)
			}
			s.Close()
		}
		regular, err := os.Open(filepath.Join(dir, "plain"))
		if err != nil {
			t.Fatal(err)
		}
		defer regular.Close()
		for _, in := range []io.Reader{regular, iotest.HalfReader(bytes.NewReader(zipped(file)))} {
			s, err := Open([]string{"-"}, Options{Stdin: in})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, shape(t, s)); d != "" {
				t.Error("standard input:", d)
			}
		}
	}
}

// A live pipe gives other batches, but the same packets.
func TestPipeGivesTheSamePackets(t *testing.T) {
	for _, file := range [][]byte{manyPackets(5000, 300), manyPackets(3000, 3000), manyPackets(40, 200000), manyPackets(3, 3<<20)} {
		_, want, err := readBytes(t, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []io.Reader{
			iotest.OneByteReader(bytes.NewReader(file)), iotest.HalfReader(bytes.NewReader(file)), iotest.DataErrReader(bytes.NewReader(file)),
		} {
			s, err := Open([]string{"-"}, Options{Stdin: in})
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(s)
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Error(d, err)
			}
		}
	}
}

// Packets are delivered when they are there, not when a buffer is full.
func TestPipeIsLive(t *testing.T) {
	le := binary.LittleEndian
	pcapFile := fields(le, pcapHead(le, 0xa1b2c3d4, 65535, 1))
	one := fields(le, pcapPacket(le, 1, 2, "first"))
	two := fields(le, pcapPacket(le, 3, 4, "second packet"))
	ng := fields(le, section(le), iface(le, 1, 0))
	ngOne, ngTwo := fields(le, enhanced(le, 0, 5, "first")), fields(le, enhanced(le, 0, 6, "second packet"))
	for _, c := range []struct {
		name           string
		head, one, two []byte
	}{{"pcap", pcapFile, one, two}, {"pcapng", ng, ngOne, ngTwo}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.SetReadDeadline(time.Now().Add(10 * time.Second)) // a failure, not a hang
		w.Write(c.head)
		s, err := Open([]string{"-"}, Options{Stdin: r})
		if err != nil {
			t.Fatal(c.name, err)
		}
		next := func(first uint64, want ...string) {
			t.Helper()
			var b Batch
			if err := s.Next(&b); err != nil {
				t.Fatal(c.name, err)
			}
			var got []string
			for _, p := range b.Packets {
				got = append(got, string(p.Data))
			}
			if d := cmp.Diff(want, got); d != "" || b.First != first {
				t.Error(c.name, b.First, d)
			}
			defer b.Release() // after the next, as in a busy program
		}
		w.Write(c.one)
		next(1, "first")
		w.Write(append(bytes.Clone(c.two), c.one[:9]...))
		next(2, "second packet")
		w.Write(append(bytes.Clone(c.one[9:]), c.two...))
		next(3, "first", "second packet")
		w.Write(c.two[:20])
		w.Close()
		if err := s.Next(&Batch{}); err == io.EOF || !strings.Contains(err.Error(), "stdin: at byte ") {
			t.Error(c.name, err)
		}
		s.Close()
		r.Close()
	}
}

func TestCompressed(t *testing.T) {
	file := manyPackets(5000, 1000)
	count := func(b []byte) (int, string) {
		_, all, err := readBytes(t, b)
		if err != nil {
			return len(all), err.Error()
		}
		return len(all), ""
	}
	half := len(file) / 2
	skippable := []byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc")
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"gzip", zipped(file)},
		{"gzip of several members", append(zipped(file[:half]), zipped(file[half:])...)},
		{"gzip and zeros", append(zipped(file), make([]byte, 512)...)},
		{"gzip and text", append(zipped(file), "something else"...)},
		{"zstd", zstandard(t, file)},
		{"zstd of several frames", append(zstandard(t, file[:half]), zstandard(t, file[half:])...)},
		{"zstd after a skippable frame", append(skippable, zstandard(t, file)...)},
	} {
		if n, err := count(c.file); n != 5000 || err != "" {
			t.Errorf("%s: %d packets, %s", c.name, n, err)
		}
	}
	z := zipped(file)
	if n, err := count(z[:len(z)/2]); n < 1000 || n >= 5000 || !strings.Contains(err, "the gzip data is cut off") {
		t.Errorf("cut gzip: %d packets, %s", n, err)
	}
	broken := bytes.Clone(z)
	broken[len(z)-6] ^= 1 // in the checksum
	if n, err := count(broken); n != 5000 || !strings.Contains(err, fmt.Sprintf("at byte %d: the gzip data is damaged", len(file))) {
		t.Errorf("wrong checksum: %d packets, %s", n, err)
	}
	// Random bytes do not compress, so half of the frames are in one half.
	z = zstandard(t, file)
	if _, err := count(z[:len(z)-10]); !strings.Contains(err, "the zstd data is") {
		t.Errorf("cut zstd: %s", err)
	}
	if _, err := count(zipped(z)); !strings.Contains(err, "compressed twice") {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	le := binary.LittleEndian
	head := pcapHead(le, 0xa1b2c3d4, 65535, 1)
	o := both[1].order
	dir := t.TempDir()
	write(t, dir, "a.txt", []byte("a note about these files"))
	write(t, dir, "b.cap.gz", zipped(fields(le, head, pcapPacket(le, 3, 0, "3b"), pcapPacket(le, 5, 0, "5b"), pcapPacket(le, 4, 0, "4b"))))
	write(t, dir, "c", section(o), iface(o, 101, 0), enhanced(o, 0, 1e6, "1c", opt(o, 1, []byte("first"))), block(o, 0xbad, 1), enhanced(o, 0, 3e6, "3c", opt(o, 1, []byte("fourth"))))
	write(t, dir, "d.zst", zstandard(t, fields(le, head, pcapPacket(le, 6, 0, "6d"))))
	write(t, dir, "empty")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sub"), "e.pcap", head, pcapPacket(le, 2, 0, "2e"))

	s, err := Open([]string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := read(s)
	// Within one file the order stays, also where time goes back. The custom
	// block has a frame number.
	want := []got{
		{1, 1e9, "1c", 2, LinkRaw, 0}, {2, 3e9, "3b", 2, LinkEthernet, 1},
		{4, 3e9, "3c", 2, LinkRaw, 0}, {5, 5e9, "5b", 2, LinkEthernet, 1},
		{6, 4e9, "4b", 2, LinkEthernet, 1}, {7, 6e9, "6d", 2, LinkEthernet, 2},
	}
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Error(err, d)
	}
	m := s.Meta()
	if d := cmp.Diff([]string{filepath.Join(dir, "a.txt"), filepath.Join(dir, "empty")}, m.Skipped); d != "" {
		t.Error(d)
	}
	if len(m.Comments) != 2 || m.Comments[0].Frame != 1 || m.Comments[1].Frame != 4 {
		t.Error(m.Comments)
	}
	if d := cmp.Diff([]string{"zstd", "gzip", ""}, []string{m.Sections[2].Compression, m.Sections[1].Compression, m.Sections[0].Compression}); d != "" {
		t.Error(d)
	}
	if read, total := s.Position(); read != total || total == 0 {
		t.Error(read, total)
	}

	if _, err := Open([]string{t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "no captures") {
		t.Error(err)
	}
	if _, err := Open([]string{filepath.Join(dir, "nothing")}, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open([]string{filepath.Join(dir, "a.txt"), dir}, Options{}); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

// A large merge: every packet once, by time, ties by file.
func TestMerge(t *testing.T) {
	le := binary.LittleEndian
	dir := t.TempDir()
	var paths []string
	const files, each = 7, 3000
	for f := range files {
		b := pcapHead(le, 0xa1b2c3d4, 65535, 1)
		for i := range each {
			b = append(b, pcapPacket(le, i*i%13/12+i, 0, fmt.Sprint(f, " ", i, strings.Repeat("x", i%700)))...)
		}
		paths = append(paths, write(t, dir, fmt.Sprint(f), b))
	}
	s, err := Open(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := read(s)
	if err != nil || len(all) != files*each {
		t.Fatal(len(all), err)
	}
	next := [files]int{}
	for i, g := range all {
		var f, k int
		fmt.Sscan(g.Data, &f, &k)
		if g.Frame != uint64(i+1) || k != next[f] {
			t.Fatalf("packet %d: frame %d, %d of file %d, want %d", i, g.Frame, k, f, next[f])
		}
		next[f]++
		if i > 0 {
			if g.Time < all[i-1].Time {
				t.Fatalf("packet %d: time falls", i)
			}
			if g.Time == all[i-1].Time && f < int(all[i-1].Iface) && next[f] == 1 {
				t.Fatalf("packet %d: tie out of order", i)
			}
		}
	}
	a, _ := Open(paths, Options{})
	b, _ := Open(append([]string{"-"}, paths[1:]...), Options{Stdin: mustOpen(t, paths[0])})
	if d := cmp.Diff(shape(t, a), shape(t, b)); d != "" {
		t.Error(d)
	}
}

func mustOpen(t testing.TB, path string) io.Reader {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return iotest.DataErrReader(f)
}

// Faults of single files come after the packets of all, in the order of files.
func TestMergeFaults(t *testing.T) {
	dir := t.TempDir()
	good := manyPackets(100, 100)
	a := write(t, dir, "a", good[:len(good)-3])
	b := write(t, dir, "b", good)
	c := write(t, dir, "c", good[:24+16+5])
	d := write(t, dir, "d")
	s, err := Open([]string{a, b, c, d}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := read(s)
	e, _ := err.(*Error)
	if e == nil || e.File != a || len(e.More) != 2 || e.More[0].File != c || e.More[1].File != d {
		t.Fatal(err)
	}
	if len(all) != 99+100+1 {
		t.Error(len(all))
	}
	if again := s.Next(&Batch{}); again != err {
		t.Error(again)
	}

	s, err = Open([]string{b, b, b}, Options{Limits: &events.Limits{CaptureMeta: 1 << 20, MergeFiles: 2}})
	if err != nil {
		t.Fatal(err)
	}
	all, err = read(s)
	if len(all) != 200 || err == nil || !strings.Contains(err.Error(), "limit merge-files") {
		t.Error(len(all), err)
	}
}

// Ring files, one after the other in time, are open one at a time.
func TestMergeOpensLate(t *testing.T) {
	le := binary.LittleEndian
	dir := t.TempDir()
	var paths []string
	for f := range 50 {
		paths = append(paths, write(t, dir, fmt.Sprintf("%02d", f), pcapHead(le, 0xa1b2c3d4, 65535, 1),
			pcapPacket(le, 10*f, 0, "a"), pcapPacket(le, 10*f+9, 0, "b")))
	}
	s, err := Open(paths, Options{Limits: &events.Limits{CaptureMeta: 1 << 20, MergeFiles: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := read(s); len(all) != 100 || err != nil {
		t.Error(len(all), err)
	}
}

// Batches live until their Release, whoever releases them, and there are eight.
func TestRelease(t *testing.T) {
	file := manyPackets(60000, 200)
	s := openBytes(t, file, nil)
	batches := make(chan Batch, 3)
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 3 {
		wg.Go(func() {
			for b := range batches {
				runtime.Gosched()
				for i, p := range b.Packets {
					k := int(b.First) - 1 + i
					if len(p.Data) != (k*7919)%201 || p.Time != events.Time(k)*1000 || len(p.Data) > 0 && p.Data[0] != '0' {
						t.Errorf("packet %d is broken", k)
						break
					}
				}
				mu.Lock()
				n += len(b.Packets)
				mu.Unlock()
				b.Release()
			}
		})
	}
	for {
		var b Batch
		if err := s.Next(&b); err != nil {
			break
		}
		s.Position()
		batches <- b
	}
	close(batches)
	wg.Wait()
	if n != 60000 {
		t.Error(n)
	}
}

func TestNextWaits(t *testing.T) {
	s := openBytes(t, manyPackets(60000, 200), nil)
	var held [leaseCount]Batch
	for i := range held {
		if err := s.Next(&held[i]); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error)
	go func() { ended <- s.Next(&Batch{}) }()
	select {
	case err := <-ended:
		t.Fatal("Next did not wait:", err)
	case <-time.After(20 * time.Millisecond):
	}
	held[3].Release()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	go func() { ended <- s.Next(&Batch{}) }()
	s.Close()
	if err := <-ended; err != os.ErrClosed {
		t.Error(err)
	}
}

// No allocation per packet, nor per batch.
func TestNoAllocations(t *testing.T) {
	file := manyPackets(200000, 100)
	s := openBytes(t, file, nil)
	var b Batch
	next := func() {
		if err := s.Next(&b); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	next()
	if n := testing.AllocsPerRun(30, next); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// Inputs that lie about lengths cost a constant.
func TestLiesAllocateLittle(t *testing.T) {
	le := binary.LittleEndian
	ng := fields(le, section(le), iface(le, 1, 1<<30))
	for name, file := range map[string][]byte{
		"pcap 1 GiB":         fields(le, pcapHead(le, 0xa1b2c3d4, 1<<30, 1), 1, 2, 1<<30, 1<<30),
		"pcap 16 MiB":        fields(le, pcapHead(le, 0xa1b2c3d4, 1<<30, 1), 1, 2, 1<<24, 1<<24),
		"pcapng 1 GiB":       fields(le, ng, 6, 1<<30, 0, 0, 0, 1<<30-32, 1<<30-32),
		"pcapng 16 MiB":      fields(le, ng, 6, 1<<24, 0, 0, 0, 1<<24-32, 1<<24-32),
		"pcapng unknown":     fields(le, ng, 0x7777, uint32(0xfffffffc), 0),
		"pcapng secrets":     fields(le, ng, 10, 1<<24, 0x544c534b, 1<<24),
		"pcapng section":     fields(le, 0x0a0d0d0a, 1<<24, 0x1a2b3c4d, uint16(1), uint16(0), ^uint64(0)),
		"zstd window 1 GiB":  []byte("\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00"),
		"zstd window 64 MiB": []byte("\x28\xb5\x2f\xfd\x00\x80\x0b\x00\x00x"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if s, err := Open([]string{"-"}, Options{Stdin: bytes.NewReader(file)}); err == nil {
			read(s)
			s.Close()
		}
		runtime.ReadMemStats(&after)
		most := uint64(6 << 20)
		if strings.HasPrefix(name, "zstd window 64") {
			most += 64 << 20 // the decoder makes its window at once, and leaves it untouched
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > most {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, n, len(file))
		}
	}
}

func TestPosition(t *testing.T) {
	file := manyPackets(30000, 200)
	path := write(t, t.TempDir(), "x", file)
	s, err := Open([]string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if read, total := s.Position(); read > 1<<20 || total != int64(len(file)) {
		t.Error(read, total)
	}
	read(s)
	if read, total := s.Position(); read != total {
		t.Error(read, total)
	}
	if _, total := openBytes(t, file, nil).Position(); total != -1 {
		t.Error(total)
	}
}
