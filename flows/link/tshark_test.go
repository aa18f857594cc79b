package link

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// TestTshark compares the innermost packet with what tshark finds, for every
// frame in which either of them sees TCP or UDP. A run over all captures takes
// minutes and is made with WIRETALE_CAPTURES=all; without it every 40th is
// taken. WIRETALE_TSHARK_CACHE names a folder in which answers of tshark are
// kept between runs. WIRETALE_VERBOSE=1 prints each difference.
//
// What stays different, and why, stands in differences.md.
func TestTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("tshark takes its time")
	}
	root := filepath.Join("..", "..", "..", "shared", "captures")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no captures: %v", err)
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skipf("no tshark: %v", err)
	}
	var files []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && path != filepath.Join(root, "README.md") && path != filepath.Join(root, "catalogue.tsv") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := os.Getenv("WIRETALE_CAPTURES") == "all"
	var agreed, frames int
	different := map[string]int{}
	for i, f := range files {
		if !all && i%40 != 0 {
			continue
		}
		a, n := compareFile(t, f, different)
		agreed, frames = agreed+a, frames+n
	}
	if frames == 0 {
		t.Fatal("no frame compared")
	}
	share := float64(agreed) / float64(frames)
	t.Logf("agreed on %d of %d frames with TCP or UDP (%.5f)", agreed, frames, share)
	var lines []string
	for k, n := range different {
		lines = append(lines, fmt.Sprintf("%6d %s", n, k))
	}
	slices.Sort(lines)
	slices.Reverse(lines)
	t.Logf("differences:\n%s", strings.Join(lines, "\n"))
	if share < 0.99 {
		t.Errorf("agreement %.5f is below 0.99", share)
	}
}

// ends is an answer: the innermost packet, and its ports where it has any.
type ends struct {
	src, dst string
	proto    string // tcp, udp or ""
	sp, dp   string
}

func compareFile(t *testing.T, file string, different map[string]int) (agreed, frames int) {
	packets := readPackets(t, file)
	if len(packets) == 0 {
		return
	}
	limits := events.DefaultLimits()
	d := NewDecoder(&limits)
	answers := tsharkAnswers(t, file)
	for i := range packets {
		var p Packet
		v := d.Decode(&packets[i], &p)
		ours := oursOf(v, &p)
		a, ok := answers[i+1]
		if !ok {
			continue // tshark stopped reading the file before
		}
		theirs := theirsOf(a)
		if ours.proto == "" && theirs.proto == "" {
			continue
		}
		frames++
		if ours == theirs {
			agreed++
			continue
		}
		kind := "other packet"
		switch {
		case ours.proto == "":
			kind = "only tshark (" + v.String() + ")"
		case theirs.proto == "":
			kind = "only wiretale"
		case ours.src == theirs.src && ours.dst == theirs.dst:
			kind = "other ports"
		}
		if kind == "other packet" && ours.src == theirs.src && ours.proto == theirs.proto {
			kind = "other destination"
		}
		chain := a.chain
		for j, x := range chain { // application protocols do not matter here
			if (x == "tcp" || x == "udp") && !slices.Contains(chain[j:], "ip") && !slices.Contains(chain[j:], "ipv6") {
				chain = chain[:j+1]
				break
			}
		}
		key := fmt.Sprintf("%s: link %d %s in %s", kind, packets[i].Link, strings.Join(chain, ":"), filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file))
		different[key]++
		if os.Getenv("WIRETALE_VERBOSE") != "" && different[key] <= 2 {
			t.Logf("frame %d ours %v theirs %v %s", i+1, ours, theirs, key)
		}
	}
	return
}

func oursOf(v Verdict, p *Packet) ends {
	if v != IP {
		return ends{}
	}
	e := ends{src: p.Src.String(), dst: p.Dst.String()}
	switch p.Proto {
	case events.ProtoTCP:
		e.proto = "tcp"
	case events.ProtoUDP:
		e.proto = "udp"
	default:
		return e
	}
	if len(p.Payload) < 4 {
		e.proto = ""
		return e
	}
	e.sp, e.dp = strconv.Itoa(int(be16(p.Payload))), strconv.Itoa(int(be16(p.Payload[2:])))
	return e
}

// answer is one line of tshark.
type answer struct {
	chain                          []string
	ip4src, ip4dst, ip6src, ip6dst []string
	tcpsrc, tcpdst, udpsrc, udpdst []string
}

// theirsOf finds the innermost packet of a frame in tshark's lists. What an
// ICMP error quotes does not count.
func theirsOf(a answer) (e ends) {
	var n4, n6, nTCP, nUDP int
	for _, x := range a.chain {
		switch x {
		case "ip":
			n4++
			e = ends{src: at(a.ip4src, n4), dst: at(a.ip4dst, n4)}
		case "ipv6":
			n6++
			e = ends{src: at(a.ip6src, n6), dst: at(a.ip6dst, n6)}
		case "tcp":
			nTCP++
			e.proto, e.sp, e.dp = "tcp", at(a.tcpsrc, nTCP), at(a.tcpdst, nTCP)
		case "udp":
			nUDP++
			e.proto, e.sp, e.dp = "udp", at(a.udpsrc, nUDP), at(a.udpdst, nUDP)
		case "icmp", "icmpv6":
			return e
		}
	}
	if e.sp == "" {
		e.proto = "" // its header was cut off
	}
	return e
}

func at(list []string, n int) string {
	if n > len(list) {
		return ""
	}
	return list[n-1]
}

func tsharkAnswers(t *testing.T, file string) map[int]answer {
	fields := []string{"frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
		"tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"}
	args := []string{"-n", "-r", file, "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out := cached(strings.Join(args, " "), func() []byte {
		// tshark fails at the end of a broken file; what it printed counts.
		b, _ := exec.Command("tshark", args...).Output()
		return b
	})
	answers := map[int]answer{}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		f := strings.Split(s.Text(), "\t")
		if len(f) != len(fields) {
			continue
		}
		n, err := strconv.Atoi(f[0])
		if err != nil {
			continue
		}
		list := func(i int) []string {
			if f[i] == "" {
				return nil
			}
			return strings.Split(f[i], ",")
		}
		answers[n] = answer{strings.Split(f[1], ":"), list(2), list(3), list(4), list(5), list(6), list(7), list(8), list(9)}
	}
	return answers
}

func cached(key string, make func() []byte) []byte {
	dir := os.Getenv("WIRETALE_TSHARK_CACHE")
	if dir == "" {
		return make()
	}
	name := filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256([]byte(key))))
	if b, err := os.ReadFile(name); err == nil {
		return b
	}
	b := make()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		panic(err)
	}
	return b
}

// readPackets reads what it can of a capture: a broken one up to the break.
func readPackets(t *testing.T, file string) (out []capture.Packet) {
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil // no capture, or of a format that nobody here reads
	}
	defer src.Close()
	var batch capture.Batch
	for {
		if err := src.Next(&batch); err != nil {
			return out
		}
		for _, p := range batch.Packets {
			p.Data = slices.Clone(p.Data)
			out = append(out, p)
		}
		batch.Release()
	}
}
