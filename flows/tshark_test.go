package flows

import (
	"bufio"
	"fmt"
	"io/fs"
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
func tsharkFrames(file string) (map[uint64][]string, error) {
	args := []string{"-r", file, "-T", "fields", "-E", "occurrence=l", "-e", "frame.number"}
	for _, f := range compared {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
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

// ownFrames says the same from our own flows, without decoders.
func ownFrames(file string) (map[uint64][]string, map[uint64][]events.TCPRTT, map[uint64]string, map[uint64]bool, error) {
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	defer src.Close()
	d, ws := NewDispatcher(&Config{Limits: limits(), Want: allKinds(), Workers: 1})
	w := NewWork(1)
	frames := map[uint64][]string{}
	samples := map[uint64][]events.TCPRTT{}
	skipped := map[uint64]string{}
	other := map[uint64]bool{} // ICMP and the like: tshark shows the stream that an error quotes
	ws[0].skipped = func(o *op, u *unacked) {
		skipped[o.frame] = fmt.Sprintf("again %v, by SACK %v", u.again, u.sacked)
	}
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
				other[o.frame] = true
			} else if r := d.table.at(o.rec); o.kind == opTCP {
				at(o.frame)[0] = fmt.Sprint(r.stream)
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
				samples[n] = append(samples[n], *b)
			case *events.TCPSegment:
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
	for n := range other {
		delete(frames, n)
	}
	return frames, samples, skipped, other, nil
}

// TestAgainstTshark compares stream numbers, TCP marks and RTT samples with
// tshark over every capture that others made.
func TestAgainstTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tshark over all shared captures: not in -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	root := filepath.Join("..", "..", "shared", "captures")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared captures are not here:", err)
	}
	var files []string
	filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(p) != ".md" && filepath.Ext(p) != ".tsv" {
			files = append(files, p)
		}
		return nil
	})
	type count struct{ both, ours, theirs int }
	var mu sync.Mutex
	total := map[string]*count{}
	noSample := 0
	group := map[string]*count{"tcp.stream": {}, "udp.stream": {}} // equal but for the numbers
	for _, f := range compared {
		total[f] = new(count)
	}
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
				ours, samples, skipped, other, err := ownFrames(file)
				if err != nil {
					continue // not a capture for us: capture's own test compares that
				}
				mu.Lock()
				per := map[string]*count{}
				var first []string
				for n := range other {
					delete(theirs, n)
				}
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
						switch {
						case a == b && a != "":
							c.both++
						case a != b:
							if a != "" {
								c.ours++
							}
							if b != "" {
								c.theirs++
							}
							if len(first) < 6 {
								first = append(first, fmt.Sprintf("%s frame %d: ours %q, tshark %q", f, n, a, b))
							}
						}
					}
				}
				rtt := compared[len(compared)-1]
				for n, x := range theirs {
					s := x[len(compared)-1]
					if s == "" {
						continue
					}
					v, err := strconv.ParseFloat(s, 64)
					if err != nil {
						continue
					}
					ok := false
					for _, o := range samples[n] {
						d := float64(o.RTT)/1e9 - v
						ok = ok || d < 1e-6 && d > -1e-6
					}
					switch {
					case ok:
						per[rtt].both++
					case skipped[n] != "":
						noSample++ // Karn, or sampled before from a SACK: by definition
					default:
						per[rtt].theirs++
						if len(first) < 6 {
							first = append(first, fmt.Sprintf("%s frame %d: ours %v, tshark %v", rtt, n, samples[n], v))
						}
					}
				}
				for i, f := range compared[:2] {
					same, all := grouped(ours, theirs, i)
					group[f].both += same
					group[f].ours += all - same
				}
				bad := 0
				for f, c := range per {
					total[f].both += c.both
					total[f].ours += c.ours
					total[f].theirs += c.theirs
					bad += c.ours + c.theirs
				}
				if bad > 0 {
					t.Logf("%s: %d differences\n\t%s", file, bad, strings.Join(first, "\n\t"))
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
	t.Logf("%d ACKs gave tshark a sample from a segment that was sent again, or acknowledged by SACK before", noSample)
	for _, f := range compared[:2] {
		c := group[f]
		t.Logf("%s: the same packets in one stream: %.4f of frames", f, float64(c.both)/float64(c.both+c.ours))
	}
	for _, f := range compared {
		c := total[f]
		agree := float64(c.both) / float64(max(1, c.both+max(c.ours, c.theirs)))
		t.Logf("%-40s agreed %7d, only ours %5d, only tshark %5d: %.4f", f, c.both, c.ours, c.theirs, agree)
		if agree < 0.98 {
			t.Errorf("%s: %.4f of frames agree, want 0.98", f, agree)
		}
	}
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
// whatever the streams' numbers: a stream of one side is paired with that of
// the other with which it shares its first frame.
func grouped(ours, theirs map[uint64][]string, i int) (same, all int) {
	to, from := map[string]string{}, map[string]string{}
	for _, n := range framesOf(ours, theirs) {
		var a, b string
		if x := ours[n]; x != nil {
			a = x[i]
		}
		if x := theirs[n]; x != nil {
			b = x[i]
		}
		if a == "" || b == "" {
			continue
		}
		all++
		if to[a] == "" && from[b] == "" {
			to[a], from[b] = b, a
		}
		if to[a] == b && from[b] == a {
			same++
		}
	}
	return same, all
}
