package flows

import (
	"bufio"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// The marks that are compared, by the name of Wireshark's field.
var compared = []string{
	"tcp.stream", "udp.stream", "tcp.analysis.retransmission", "tcp.analysis.fast_retransmission",
	"tcp.analysis.spurious_retransmission", "tcp.analysis.out_of_order", "tcp.analysis.lost_segment",
	"tcp.analysis.duplicate_ack", "tcp.analysis.zero_window", "tcp.analysis.keep_alive", "tcp.analysis.ack_rtt",
}

// tsharkFrames runs tshark over a capture: fields by frame number.
func tsharkFrames(file string, more ...string) (map[uint64][]string, error) {
	args := []string{"-r", file, "-T", "fields", "-E", "occurrence=l", "-e", "frame.number"}
	for _, f := range compared {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", append(args, more...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	frames := map[uint64][]string{}
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		f := strings.Split(sc.Text(), "\t")
		n, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil || len(f) != len(compared)+1 {
			continue
		}
		if strings.Join(f[1:], "") != "" {
			frames[n] = f[1:]
		}
	}
	_ = cmd.Wait() // broken captures end in an error, after what could be read
	return frames, sc.Err()
}

// own is what our flows say of a capture, without decoders.
type own struct {
	frames  map[uint64][]string // fields as tsharkFrames gives them
	samples map[uint64][]events.TCPRTT
	other   map[uint64]bool // ICMP and the like: tshark shows the stream that an error quotes
	tcp     map[uint64]sent
	again   map[string][]events.Time // by tcp.stream: when something was sent that had been sent before
	karn    map[uint64]bool          // its sample was left out: of a segment sent again, or acknowledged by SACK before
}

type sent struct {
	stream string
	time   events.Time
	ack    bool
}

func ownFrames(file string) (*own, error) {
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	d, ws := NewDispatcher(&Config{Limits: limits(), Want: allKinds(), Workers: 1})
	defer d.Close()
	w := NewWork(1)
	x := &own{frames: map[uint64][]string{}, samples: map[uint64][]events.TCPRTT{}, other: map[uint64]bool{},
		tcp: map[uint64]sent{}, again: map[string][]events.Time{}, karn: map[uint64]bool{}}
	frames := x.frames
	ws[0].skipped = func(o *op, u *unacked) { x.karn[o.frame] = true }
	at := func(n uint64) []string {
		if frames[n] == nil {
			frames[n] = make([]string, len(compared))
		}
		return frames[n]
	}
	set := func(n uint64, field string) { at(n)[slices.Index(compared, field)] = "1" }
	for {
		w.Batch.Release()
		if err := src.Next(w.Batch); err != nil {
			break // io.EOF, or a break in the file: what came before counts
		}
		d.Dispatch(w)
		for _, o := range w.ops[0] {
			if o.kind == opLimit {
				continue
			}
			if o.kind == opOther {
				x.other[o.frame] = true
			} else if r := d.table.at(o.rec); o.kind == opTCP {
				at(o.frame)[0] = fmt.Sprint(r.stream)
				x.tcp[o.frame] = sent{at(o.frame)[0], o.time, o.flags&flagACK != 0}
			} else if o.kind == opUDP {
				at(o.frame)[1] = fmt.Sprint(r.stream)
			}
		}
		ws[0].Run(w)
		var m Merger
		for _, e := range m.Merge(w) {
			n := e.Pos.Frame
			switch b := e.Body.(type) {
			case *events.TCPRTT:
				x.samples[n] = append(x.samples[n], *b)
			case *events.TCPSegment:
				if b.Mark == events.KindTCPRetransmission || b.Mark == events.KindTCPKeepAlive && b.Why == "probe" {
					o := x.tcp[n]
					x.again[o.stream] = append(x.again[o.stream], o.time)
				}
				switch b.Mark {
				case events.KindTCPRetransmission:
					set(n, "tcp.analysis.retransmission")
					switch b.Why {
					case "fast":
						set(n, "tcp.analysis.fast_retransmission")
					case "spurious":
						set(n, "tcp.analysis.spurious_retransmission")
					}
				case events.KindTCPOutOfOrder:
					set(n, "tcp.analysis.out_of_order")
				case events.KindTCPLost:
					set(n, "tcp.analysis.lost_segment")
				case events.KindTCPDuplicateACK:
					set(n, "tcp.analysis.duplicate_ack")
				case events.KindTCPZeroWindow:
					if b.Why == "window" {
						set(n, "tcp.analysis.zero_window")
					}
				case events.KindTCPKeepAlive:
					if b.Why == "probe" {
						set(n, "tcp.analysis.keep_alive")
					}
				}
			}
		}
	}
	for n := range x.other {
		delete(frames, n)
	}
	return x, nil
}

// noRTT tells why tshark's sample v (in seconds) at frame n is none by
// definition: "" if it should be one.
func (x *own) noRTT(n uint64, v float64) string {
	o := x.tcp[n]
	switch {
	case x.karn[n]:
		return "of a segment that was sent again, or acknowledged by SACK before"
	case !o.ack:
		return "by a segment without ACK"
	}
	for _, t := range x.again[o.stream] {
		if d := float64(o.time-t)/1e9 - v; d < 1e-6 && d > -1e-6 {
			return "of a segment that was itself sent again, or a keep-alive"
		}
	}
	return ""
}

// captureFiles are the captures that others made, a sample of them unless
// WIRETALE_CAPTURES=all, and which of them hold DNS or HTTP/1.
func captureFiles(t *testing.T) (files []string, holds map[string]bool) {
	root := filepath.Join("..", "..", "shared", "captures")
	catalogue, err := os.ReadFile(filepath.Join(root, "catalogue.tsv"))
	if err != nil {
		t.Skip("the shared captures are not here:", err)
	}
	holds = map[string]bool{}
	for line := range strings.Lines(string(catalogue)) {
		if f := strings.Split(line, "\t"); len(f) > 2 {
			for _, p := range strings.Fields(f[2]) {
				if strings.HasPrefix(p, "dns:") || strings.HasPrefix(p, "http:") {
					holds[filepath.Join(root, f[0])] = true
				}
			}
		}
	}
	all := os.Getenv("WIRETALE_CAPTURES") == "all"
	seen := map[bool]int{}
	filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(p) == ".md" || filepath.Ext(p) == ".tsv" {
			return nil
		}
		h := holds[p]
		every := 100
		if h {
			every = 9
		}
		if all || seen[h]%every == 0 {
			files = append(files, p)
		}
		seen[h]++
		return nil
	})
	return files, holds
}

// count is how often both sides, or one, said something.
type count struct{ both, ours, theirs int }

func (c *count) add(o count) { c.both += o.both; c.ours += o.ours; c.theirs += o.theirs }

func (c *count) all() int { return c.both + max(c.ours, c.theirs) }

func (c *count) agree() float64 { return float64(c.both) / float64(max(1, c.all())) }

// fewest is the number of frames below which a share says nothing: a sample
// of the captures has few of some marks.
const fewest = 60

// TestAgainstTshark compares stream numbers, TCP marks and RTT samples with
// tshark, over a sample of the captures that others made; with
// WIRETALE_CAPTURES=all over all of them, which takes ten minutes.
//
// What stays different, and why, stands in docs/wireshark-differences.md.
func TestAgainstTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tshark over many captures: not in -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	files, holds := captureFiles(t)
	root := filepath.Join("..", "..", "shared", "captures")
	var mu sync.Mutex
	total, fair := map[string]*count{}, map[string]*count{} // all captures; without those of the lists
	for _, f := range compared {
		total[f], fair[f] = new(count), new(count)
	}
	group := map[string]*count{"tcp.stream": {}, "udp.stream": {}} // equal but for the numbers
	excluded := map[string]int{}
	noSample := map[string]int{}
	var wg sync.WaitGroup
	next := make(chan string)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for file := range next {
				theirs, err := tsharkFrames(file)
				if err != nil {
					t.Errorf("%s: tshark: %v", file, err)
					continue
				}
				x, err := ownFrames(file)
				if err != nil {
					continue // not a capture for us: capture's own test compares that
				}
				for n := range x.other {
					delete(theirs, n)
				}
				name, _ := filepath.Rel(root, file)
				name = filepath.ToSlash(name)
				mu.Lock()
				per, first := compareFrames(x.frames, theirs)
				rtt := compared[len(compared)-1]
				for _, n := range framesOf(nil, theirs) {
					v, err := strconv.ParseFloat(theirs[n][len(compared)-1], 64)
					if err != nil {
						continue
					}
					ok := false
					for _, o := range x.samples[n] {
						d := float64(o.RTT)/1e9 - v
						ok = ok || d < 1e-6 && d > -1e-6
					}
					if ok {
						per[rtt].both++
					} else if why := x.noRTT(n, v); why != "" {
						noSample[why]++
					} else {
						per[rtt].theirs++
						first = append(first, fmt.Sprintf("%s frame %d: ours %v, tshark %v", rtt, n, x.samples[n], v))
					}
				}
				for i, f := range compared[:2] {
					same, all := grouped(x.frames, theirs, i)
					group[f].both += same
					group[f].ours += all - same
				}
				bad := 0
				for i, f := range compared {
					c := per[f]
					total[f].add(*c)
					bad += c.ours + c.theirs
					switch stream := i < 2; {
					case stream && madeByDissector(name) != nil:
						excluded[f] += c.all()
					case stream && !holds[file]:
					case !stream && noTruth[name] != "":
						excluded[f] += c.all()
					default:
						fair[f].add(*c)
					}
				}
				if bad > 0 {
					t.Logf("%s: %d differences\n\t%s", name, bad, strings.Join(first[:min(6, len(first))], "\n\t"))
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
	for _, why := range slices.Sorted(maps.Keys(noSample)) {
		t.Logf("%d samples of tshark are none: %s", noSample[why], why)
	}
	for _, f := range compared[:2] {
		c := group[f]
		t.Logf("%s: the same packets in one stream: %.4f of %d frames", f, c.agree(), c.all())
		if c.agree() < 0.98 {
			t.Errorf("%s: %.4f of frames are in the same streams, want 0.98", f, c.agree())
		}
	}
	for _, f := range compared {
		c := total[f]
		t.Logf("%-40s all:  agreed %7d, only ours %5d, only tshark %5d: %.4f", f, c.both, c.ours, c.theirs, c.agree())
	}
	for i, f := range compared {
		c := fair[f]
		t.Logf("%-40s fair: agreed %7d, only ours %5d, only tshark %5d: %.4f; %d frames excluded", f, c.both, c.ours, c.theirs, c.agree(), excluded[f])
		if (i < 2 || c.all() >= fewest) && c.agree() < 0.98 {
			t.Errorf("%s: %.4f of frames agree, want 0.98", f, c.agree())
		}
	}
}

// compareFrames counts by field, but for the RTT samples, and describes the
// differences.
func compareFrames(ours, theirs map[uint64][]string) (map[string]*count, []string) {
	per := map[string]*count{}
	var first []string
	for i, f := range compared {
		c := new(count)
		per[f] = c
		if f == "tcp.analysis.ack_rtt" {
			continue
		}
		for _, n := range framesOf(ours, theirs) {
			var a, b string
			if x := ours[n]; x != nil {
				a = x[i]
			}
			if x := theirs[n]; x != nil {
				b = x[i]
			}
			if f == "udp.stream" && a == "" && ours[n] != nil && ours[n][0] != "" {
				continue // TCP inside a tunnel over UDP: ours is the inner one
			}
			if a == b && a != "" {
				c.both++
			} else if a != b {
				if a != "" {
					c.ours++
				}
				if b != "" {
					c.theirs++
				}
				first = append(first, fmt.Sprintf("%s frame %d: ours %q, tshark %q", f, n, a, b))
			}
		}
	}
	return per, first
}

func framesOf(a, b map[uint64][]string) []uint64 {
	var ns []uint64
	for n := range a {
		ns = append(ns, n)
	}
	for n := range b {
		if a[n] == nil {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns
}

// grouped counts the frames that are in the same streams on both sides,
// whatever the streams' numbers: streams are paired one to one, first those
// that share most frames.
func grouped(ours, theirs map[uint64][]string, i int) (same, all int) {
	type pair struct{ a, b string }
	shared := map[pair]int{}
	var pairs []pair // by their first frame
	for _, n := range framesOf(ours, theirs) {
		if ours[n] == nil || theirs[n] == nil || ours[n][i] == "" || theirs[n][i] == "" {
			continue
		}
		p := pair{ours[n][i], theirs[n][i]}
		if shared[p] == 0 {
			pairs = append(pairs, p)
		}
		shared[p]++
		all++
	}
	slices.SortStableFunc(pairs, func(p, q pair) int { return shared[q] - shared[p] })
	to, from := map[string]bool{}, map[string]bool{}
	for _, p := range pairs {
		if !to[p.a] && !from[p.b] {
			to[p.a], from[p.b] = true, true
			same += shared[p]
		}
	}
	return same, all
}
