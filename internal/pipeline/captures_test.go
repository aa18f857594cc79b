package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	questions "github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/report"
)

const captures = "../../../shared/captures"

// captureFiles are all files of ../shared/captures, in order, and which of
// them Wireshark complains of.
func captureFiles(t testing.TB) (files []string, broken map[string]bool) {
	t.Helper()
	err := filepath.WalkDir(captures, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Dir(path) != captures {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Skipf("needs the captures in ../shared/captures: %v", err)
	}
	broken = map[string]bool{}
	list, err := os.Open(filepath.Join(captures, "catalogue.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	rows := csv.NewReader(list)
	rows.Comma, rows.LazyQuotes, rows.FieldsPerRecord = '\t', true, -1
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return files, broken
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(row) > 3 && row[3] == "broken" {
			broken[filepath.Join(captures, row[0])] = true
		}
	}
}

// sample is every n-th file, chosen by name, and all the broken ones; all with
// WIRETALE_CAPTURES=all.
func sample(t testing.TB, n uint32) []string {
	files, broken := captureFiles(t)
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		return files
	}
	if testing.Short() {
		n *= 10
	}
	return slices.DeleteFunc(files, func(f string) bool {
		h := fnv.New32a()
		h.Write([]byte(strings.TrimPrefix(f, captures)))
		return h.Sum32()%n != 0 && !broken[f] && !slices.Contains(toldUs, strings.TrimPrefix(f, captures+"/"))
	})
}

// toldUs are captures that brought a fault to light.
var toldUs = []string{
	"ajbanjara_Wireshark/SampleCaptures__DangerM.pcap",      // time-outs looked at one silent tunnel for ever
	"ajbanjara_Wireshark/SampleCaptures__ho.pcap",           // streams of the past forgotten by chance
	"the-tcpdump-group_tcpdump/tests__mpls-traceroute.pcap", // order of an evicted flow's end
}

// all asks for everything: every kind of event and every question.
func all(c Config) Config {
	if c.Limits == (events.Limits{}) {
		c.Limits = events.DefaultLimits()
	}
	c.Want = events.SetOf(events.Kinds()...)
	c.Questions = questions.Questions()
	return c
}

// record runs c and writes its events and its rows as JSON lines.
func record(ctx context.Context, c Config, evs, rows io.Writer) (Stats, error) {
	e, r := report.NewEventLines(evs), report.NewRowLines(rows)
	c.Events = func(list []*events.Event) error {
		for _, ev := range list {
			if err := e.Event(ev); err != nil {
				return err
			}
		}
		return nil
	}
	c.Rows = func(list []analyzers.Row) error {
		for i := range list {
			if err := r.Row(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	stats, err := Run(ctx, c)
	return stats, errors.Join(err, e.Flush(), r.Flush())
}

// digest is a run in short.
type digest struct {
	Events, Rows string
	Lines        int
	Err          string
	Stats        Stats
}

// counter hashes what is written and counts its lines.
type counter struct {
	hash.Hash
	lines int
}

func (c *counter) Write(b []byte) (int, error) {
	c.lines += bytes.Count(b, []byte{'\n'})
	return c.Hash.Write(b)
}

// digestOf runs c over everything, and checks that an error is one that a user
// can act upon.
func digestOf(t testing.TB, c Config) digest {
	t.Helper()
	evs, rows := counter{Hash: sha256.New()}, counter{Hash: sha256.New()}
	stats, err := record(t.Context(), all(c), &evs, &rows)
	d := digest{Events: fmt.Sprintf("%x", evs.Sum(nil)), Rows: fmt.Sprintf("%x", rows.Sum(nil)), Lines: evs.lines + rows.lines, Stats: stats}
	if err != nil {
		d.Err = err.Error()
		checkError(t, c.Paths, err)
	}
	return d
}

// checkError: an error of the input names the file, the place and the cause; a
// fault of ours is none.
func checkError(t testing.TB, paths []string, err error) {
	t.Helper()
	var e *capture.Error
	var path *fs.PathError
	switch {
	case errors.As(err, new(*Fault)):
		t.Errorf("%q: %v", paths, err)
	case errors.As(err, &e):
		if e.File == "" || e.Offset < 0 || e.Err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s: at byte %d: ", e.File, e.Offset)) {
			t.Errorf("%q: the error does not tell file, place and cause: %v", paths, err)
		}
	case errors.As(err, &path):
	default:
		t.Errorf("%q: the error is not of the input: %v", paths, err)
	}
}

// memory is the largest memory of the process, sampled.
type memory struct {
	most uint64
	stop chan struct{}
	done chan struct{}
}

func watchMemory() *memory {
	m := &memory{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			m.most = max(m.most, s.Sys-s.HeapReleased)
			select {
			case <-tick.C:
			case <-m.stop:
				return
			}
		}
	}()
	return m
}

// check fails t above limit bytes.
func (m *memory) check(t *testing.T, limit uint64) {
	close(m.stop)
	<-m.done
	t.Logf("memory: at most %d MiB", m.most>>20)
	if m.most > limit {
		t.Errorf("memory: %d bytes, more than %d", m.most, limit)
	}
}

// memoryLimit is what any capture may take.
const memoryLimit = 512 << 20

// All captures: no fault, errors that name file and place, the same bytes for
// any number of workers, with and without hashes of bodies, and with limits so
// small that they are reached.
func TestCaptures(t *testing.T) {
	files := sample(t, 8)
	mem := watchMemory()
	tight := tightLimits()
	type slow struct {
		time time.Duration
		file string
	}
	var slowest []slow
	var packets uint64
	lines, failed := 0, 0
	for _, file := range files {
		start := time.Now()
		var first digest
		for _, v := range []struct {
			name string
			Config
		}{{"plain", Config{}}, {"hash", Config{Hash: true, ShowSecrets: true}}, {"tight", Config{Hash: true, Limits: tight}}} {
			v.Paths = []string{file}
			v.Workers = 1
			want := digestOf(t, v.Config)
			if v.name == "plain" {
				first = want
			}
			if want.Stats != first.Stats && v.name == "hash" {
				t.Errorf("%s: hashing changes the figures: %+v, %+v", file, want.Stats, first.Stats)
			}
			for _, n := range []int{2, 7} {
				v.Workers = n
				if got := digestOf(t, v.Config); got != want {
					t.Errorf("%s, %s: %d workers give another result than one:\n%+v\n%+v", file, v.name, n, got, want)
				}
			}
		}
		packets += first.Stats.Packets
		lines += first.Lines
		if first.Err != "" {
			failed++
		}
		slowest = append(slowest, slow{time.Since(start), file})
	}
	slices.SortFunc(slowest, func(a, b slow) int { return int(b.time - a.time) })
	t.Logf("%d files, %d of them broken, %d packets, %d lines", len(files), failed, packets, lines)
	for _, s := range slowest[:min(5, len(slowest))] {
		t.Logf("nine runs in %v: %s", s.time.Round(time.Millisecond), s.file)
	}
	mem.check(t, memoryLimit)
}

// tightLimits are reached by any capture of some size.
func tightLimits() events.Limits {
	l := events.DefaultLimits()
	l.Flows, l.PastFlows = 8, 16
	l.Fragments, l.FragmentBytes, l.FragmentSeconds = 2, 4096, 1
	l.OutOfOrder, l.OutOfOrderTotal = 4096, 64*2048
	l.Unacked = 4
	l.Waiting, l.Unknown = 2048, 512
	l.Nesting, l.Expectations, l.PendingRequests = 2, 2, 2
	l.HTTPHead, l.HTTPHeaders = 1024, 8
	l.DecodedBytes, l.DecodedRatio = 1<<16, 10
	l.DNSRecords, l.DNSText = 8, 2048
	l.CaptureMeta = 1 << 10
	l.FoldKeys, l.FoldSamples, l.FoldPending = 8, 4, 2
	return l
}

// Standard input gives what the file gives, however its bytes arrive. Short
// captures only: idle time-outs are judged at the end of batches, and a pipe
// cuts batches by arrival.
func TestCapturesFromPipe(t *testing.T) {
	for _, file := range sample(t, 24) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1<<20 {
			continue
		}
		c := Config{Paths: []string{"-"}, Workers: 2}
		c.Stdin = bytes.NewReader(b)
		want := digestOf(t, c)
		if span(t, file) > shortest {
			continue
		}
		c.Stdin = iotest.HalfReader(bytes.NewReader(b))
		if got := digestOf(t, c); got != want {
			t.Errorf("%s: in halves:\n%+v\n%+v", file, got, want)
		}
		c.Stdin = &pieces{b: b}
		if got := digestOf(t, c); got != want {
			t.Errorf("%s: in pieces:\n%+v\n%+v", file, got, want)
		}
	}
}

// span is the time from the earliest packet of a file to the latest.
func span(t *testing.T, file string) time.Duration {
	t.Helper()
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return 0
	}
	defer src.Close()
	first, last := events.Time(math.MaxInt64), events.Time(math.MinInt64)
	var b capture.Batch
	for src.Next(&b) == nil {
		for i := range b.Packets {
			first, last = min(first, b.Packets[i].Time), max(last, b.Packets[i].Time)
		}
		b.Release()
	}
	return time.Duration(max(last-first, 0))
}

// shortest is the shortest idle time-out of the program.
const shortest = 5 * time.Second

// pieces gives 1, 2, 3, … bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	p.n++
	n := copy(b[:min(len(b), p.n)], p.b)
	p.b = p.b[n:]
	return n, nil
}
