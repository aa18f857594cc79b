package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// began is when packets begin: after today, so that the first file, which has
// the time of day in its name, sorts before the others.
var began = events.TimeOf(time.Date(2099, 1, 1, 10, 15, 0, 123e6, time.UTC))

var ether = []capture.Interface{{Link: capture.LinkEthernet, Name: "eth0", Resolution: 9}}

// numbered are packets of size bytes, with their number, a second from each to
// the next.
func numbered(from, n, size int) []capture.Packet {
	var ps []capture.Packet
	for i := from; i < from+n; i++ {
		data := make([]byte, size)
		binary.BigEndian.PutUint32(data, uint32(i))
		ps = append(ps, capture.Packet{Data: data, Time: began + events.Time(i)*1e9, Wire: uint32(size)})
	}
	return ps
}

// numbers reads the files one by one and gives the numbers of their packets,
// and the error of the last file; one of another fails the test.
func numbers(t *testing.T, files []string) (of [][]int, last error) {
	t.Helper()
	for i, name := range files {
		var ns []int
		s, err := capture.Open([]string{name}, capture.Options{})
		if err == nil {
			var b capture.Batch
			for err == nil {
				if err = s.Next(&b); err == nil {
					for _, p := range b.Packets {
						ns = append(ns, int(binary.BigEndian.Uint32(p.Data)))
					}
					b.Release()
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if !errors.Is(err, io.EOF) {
			if last = err; i < len(files)-1 {
				t.Errorf("%s: %v", name, err)
			}
		}
		of = append(of, ns)
	}
	return of, last
}

// glob are the files of a folder, sorted.
func glob(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// counts are the lengths of lists.
func counts(of [][]int) (n []int) {
	for _, l := range of {
		n = append(n, len(l))
	}
	return n
}

// upTo are the numbers 0 … n-1.
func upTo(n int) (ns []int) {
	for i := range n {
		ns = append(ns, i)
	}
	return ns
}

func open(t *testing.T, c Config) *Writer {
	t.Helper()
	if c.Interfaces == nil {
		c.Interfaces = ether
	}
	w, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closed(t *testing.T, w *Writer) Stats {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.Stats()
}

// headSize is what a file of nothing has.
func headSize(t *testing.T) int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.pcapng")
	closed(t, open(t, Config{Path: path}))
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestRotation(t *testing.T) {
	head := headSize(t)
	const block = 32 + 100 // a packet of 100 bytes
	for _, k := range []struct {
		name string
		c    Config
		want []int // packets of each file that is left, of 25
	}{
		{"never", Config{}, []int{25}},
		{"keep alone", Config{Keep: 3}, []int{25}},
		{"size, to the byte", Config{MaxBytes: head + 10*block}, []int{10, 10, 5}},
		{"size, a byte short", Config{MaxBytes: head + 10*block - 1}, []int{9, 9, 7}},
		{"size below one packet", Config{MaxBytes: 1, Keep: 2}, []int{1, 1}},
		{"count", Config{MaxPackets: 8}, []int{8, 8, 8, 1}},
		{"age", Config{MaxAge: 7 * time.Second}, []int{7, 7, 7, 4}},
		{"age, a moment more", Config{MaxAge: 7*time.Second + 1}, []int{8, 8, 8, 1}},
		{"keep", Config{MaxPackets: 4, Keep: 3}, []int{4, 4, 1}},
		{"the first that says so", Config{MaxPackets: 6, MaxAge: 5 * time.Second, MaxBytes: head + 7*block}, []int{5, 5, 5, 5, 5}},
	} {
		t.Run(k.name, func(t *testing.T) {
			dir := t.TempDir()
			k.c.Path = filepath.Join(dir, "a.pcapng")
			w := open(t, k.c)
			for i := 0; i < 25; i += 5 {
				if n := w.Write(numbered(i, 5, 100)); n != 0 {
					t.Fatal(n, "dropped")
				}
			}
			st := closed(t, w)
			files := glob(t, dir)
			of, last := numbers(t, files)
			if last != nil || !slices.Equal(counts(of), k.want) {
				t.Errorf("files have %v packets, want %v; %v", counts(of), k.want, last)
			}
			all := slices.Concat(of...)
			if !slices.Equal(all, upTo(25)[25-len(all):]) {
				t.Error(all)
			}
			if st.Packets != 25 || st.Dropped != 0 || st.Path != files[len(files)-1] {
				t.Errorf("%+v", st)
			}
			if k.c.Keep == 0 {
				var bytes int64
				for _, f := range files {
					i, err := os.Stat(f)
					if err != nil {
						t.Fatal(err)
					}
					if bytes += i.Size(); k.c.MaxBytes > 0 && i.Size() > k.c.MaxBytes {
						t.Errorf("%s has %d bytes", f, i.Size())
					}
				}
				if st.Bytes != uint64(bytes) || st.Files != uint64(len(files)) {
					t.Errorf("%+v, but %d bytes in %d files", st, bytes, len(files))
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.b.pcapng")
	w := open(t, Config{Path: path, MaxPackets: 1})
	ps := numbered(0, 4, 60)
	ps[3].Time = ps[2].Time // the same millisecond
	w.Write(ps)
	closed(t, w)
	files := glob(t, dir)
	first := filepath.Base(files[0]) // today's
	if !regexp.MustCompile(`^a\.b-20\d{6}T\d{6}\.\d{3}Z\.pcapng$`).MatchString(first) {
		t.Error(first)
	}
	for i, want := range []string{"a.b-20990101T101501.123Z.pcapng", "a.b-20990101T101502.123Z.pcapng", "a.b-20990101T101502.123Z_002.pcapng"} {
		if got := filepath.Base(files[i+1]); got != want {
			t.Error(got, want)
		}
	}
	of, _ := numbers(t, files)
	if want := "[[0] [1] [2] [3]]"; fmt.Sprint(of) != want {
		t.Error(of)
	}
}

// A plain file is overwritten, as tcpdump does; one with a time in its name is
// not.
func TestFilesThatExist(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.pcapng")
	taken := filepath.Join(dir, "a-20990101T101501.123Z.pcapng")
	for _, p := range []string{path, taken} {
		if err := os.WriteFile(p, make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := open(t, Config{Path: path})
	w.Write(numbered(0, 2, 60))
	closed(t, w)
	if of, err := numbers(t, []string{path}); err != nil || fmt.Sprint(of) != "[[0 1]]" {
		t.Error(of, err)
	}
	w = open(t, Config{Path: path, MaxPackets: 1})
	w.Write(numbered(0, 2, 60))
	if st := closed(t, w); !strings.HasSuffix(st.Path, "Z_002.pcapng") {
		t.Error(st.Path)
	}
	if b, err := os.ReadFile(taken); err != nil || len(b) != 5000 {
		t.Error("overwritten", err)
	}
	if of, err := numbers(t, []string{path}); err != nil || fmt.Sprint(of) != "[[0 1]]" {
		t.Error(of, err)
	}
}

func TestRotateByHand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.pcapng")
	w := open(t, Config{Path: path, Flush: time.Hour})
	w.Write(numbered(0, 3, 60))
	w.Rotate()
	w.Write(numbered(3, 4, 60))
	st := closed(t, w)
	if of, err := numbers(t, []string{path, st.Path}); err != nil || fmt.Sprint(of) != "[[0 1 2] [3 4 5 6]]" || st.Path == path || st.Files != 2 {
		t.Error(of, err, st)
	}
	w.Rotate()
	if n := w.Write(numbered(0, 3, 60)); n != 3 || w.Stats().Dropped != 3 {
		t.Error("after Close", n)
	}
	closed(t, w)
}

// Another program moves the file away and asks for a new one.
func TestRotateMovedAway(t *testing.T) {
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "a.pcapng"), filepath.Join(dir, "a.pcapng.1")
	w := open(t, Config{Path: path, Keep: 1})
	w.Write(numbered(0, 3, 60))
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	w.Rotate()
	w.Write(numbered(3, 4, 60))
	closed(t, w)
	if of, err := numbers(t, []string{moved, path}); err != nil || fmt.Sprint(of) != "[[0 1 2] [3 4 5 6]]" {
		t.Error(of, err)
	}
}

// What is written is what was given: times, lengths, interfaces, the cut.
func TestContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pcapng")
	ifaces := []capture.Interface{
		{Link: capture.LinkEthernet, Name: "eth0", Resolution: 9},
		{Link: capture.LinkRaw, Name: "tun0", Resolution: 9, Snaplen: 5},
	}
	w := open(t, Config{Path: path, Interfaces: ifaces, Info: capture.Info{Application: "wiretale"}})
	data := []byte("abcdefgh")
	if n := w.Write([]capture.Packet{
		{Data: data, Time: began, Wire: 1500, Iface: 0},
		{Data: data[:3], Time: began + 1, Wire: 3, Iface: 1},
		{Data: data, Time: began + 2, Wire: 8, Iface: 1},
		{Data: nil, Time: began + 3, Iface: 0},
	}); n != 0 {
		t.Error(n)
	}
	copy(data, "????????") // it was borrowed
	closed(t, w)
	s, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b capture.Batch
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range b.Packets {
		got = append(got, fmt.Sprintf("%s %d %d %s %d", p.Data, p.Time-began, p.Wire, s.Interfaces()[p.Iface].Name, p.Link))
	}
	if want := "[abcdefgh 0 1500 eth0 1 abc 1 3 tun0 101 abcde 2 8 tun0 101  3 0 eth0 1]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if m := s.Meta(); m.Sections[0].Application != "wiretale" {
		t.Error(m.Sections)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []Config{
		{Interfaces: ether},
		{Path: filepath.Join(dir, "a.pcapng")},
		{Path: filepath.Join(dir, "a.pcapng"), Interfaces: ether, MaxBytes: -1},
		{Path: filepath.Join(dir, "a.pcapng"), Interfaces: ether, Queue: -1},
	} {
		if _, err := Open(c); err == nil {
			t.Errorf("%+v", c)
		}
	}
	missing := filepath.Join(dir, "no", "a.pcapng")
	if _, err := Open(Config{Path: missing, Interfaces: ether}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		if _, err := Open(Config{Path: "/dev/full", Interfaces: ether}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/dev/full") {
			t.Error(err)
		}
	}
	// Packets that have no place.
	w := open(t, Config{Path: filepath.Join(dir, "b.pcapng")})
	ps := numbered(0, 3, 60)
	ps[0].Iface, ps[2].Time = 1, -1
	if n := w.Write(ps); n != 2 {
		t.Error(n)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "b.pcapng: a packet of interface 1, of 1") {
		t.Error(err)
	}
	if st := w.Stats(); st.Packets != 1 || st.Dropped != 2 {
		t.Errorf("%+v", st)
	}
}
