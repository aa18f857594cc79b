package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/filter"
	"github.com/wiretale/wiretale/events"
)

// seen are the frames that an Input gives, and their packets.
func seen(t *testing.T, in capture.Input) (frames []uint64, packets [][]byte, err error) {
	t.Helper()
	var b capture.Batch
	for {
		if err := in.Next(&b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return frames, packets, err
		}
		for i := range b.Packets {
			frames = append(frames, b.Frame(i))
			packets = append(packets, append([]byte(nil), b.Packets[i].Data...))
		}
		b.Release()
	}
}

func open(t *testing.T, paths ...string) *capture.Source {
	t.Helper()
	src, err := capture.Open(paths, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// What is left of a capture are the packets that the filter selects, with the
// numbers that they have in the file.
func TestFilterKeepsFrameNumbers(t *testing.T) {
	const file, expr = "../../pcaps/page.pcapng", "udp or tcp[tcpflags] & tcp-syn != 0"
	p, err := filter.Compile(expr, capture.LinkEthernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []uint64
	src := open(t, file)
	var b capture.Batch
	all := uint64(0)
	for src.Next(&b) == nil {
		for i, pkt := range b.Packets {
			if all++; p.Match(pkt.Data, int(pkt.Wire)) {
				want = append(want, b.First+uint64(i))
			}
		}
		b.Release()
	}
	s := newSieve(open(t, file), expr)
	got, _, err := seen(t, s)
	if err != nil || !slices.Equal(got, want) || len(want) < 4 || uint64(len(want)) == all {
		t.Errorf("%v: frames %v, want %v", err, got, want)
	}
	if s.left+uint64(len(got)) != all {
		t.Errorf("%d left out and %d kept of %d", s.left, len(got), all)
	}
}

// A run with a filter tells of nothing that is left out, for any number of
// workers alike.
func TestRunWithFilter(t *testing.T) {
	run := func(expr string, workers int) (string, Stats) {
		var out strings.Builder
		stats, err := Run(context.Background(), Config{
			Paths: []string{"../../pcaps/page.pcapng"}, Workers: workers, Limits: events.DefaultLimits(), Filter: expr,
			Want: events.SetOf(events.Kinds()...),
			Events: func(evs []*events.Event) error {
				for _, e := range evs {
					fmt.Fprintf(&out, "%d %s %v\n", e.Pos.Frame, e.Body.Kind(), e.Flow)
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), stats
	}
	whole, all := run("", 1)
	dns, stats := run("port 53", 1)
	if !strings.Contains(whole, "http.request") || strings.Contains(dns, "http.request") || !strings.Contains(dns, "dns") {
		t.Errorf("port 53:\n%s", dns)
	}
	if stats.Filtered == 0 || stats.Packets == 0 || stats.Filtered+stats.Packets != all.Packets || all.Filtered != 0 {
		t.Errorf("%d packets and %d left out of %d", stats.Packets, stats.Filtered, all.Packets)
	}
	for line := range strings.Lines(dns) {
		if !strings.Contains(line, " flow.") && !strings.Contains(whole, line) {
			t.Errorf("not told without the filter: %s", line)
		}
	}
	for _, n := range []int{2, 7} {
		if got, _ := run("port 53", n); got != dns {
			t.Errorf("%d workers:\n%s\nwant\n%s", n, got, dns)
		}
	}
}

// What a filter cannot be said of is an error that names the packet; what
// came before is given.
func TestFilterOfAnotherLinkType(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "two.pcapng")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := capture.NewPcapngWriter(f, capture.Info{})
	for _, l := range []capture.LinkType{capture.LinkEthernet, capture.LinkNFLog} {
		if _, err := w.AddInterface(capture.Interface{Link: l, Resolution: 9}); err != nil {
			t.Fatal(err)
		}
	}
	udp := make([]byte, 60)
	udp[12], udp[14], udp[23] = 8, 0x45, 17
	for i, iface := range []int{0, 0, 1, 0} {
		if err := w.WritePacket(iface, capture.Packet{Data: udp, Wire: 60, Time: events.Time(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	frames, _, err := seen(t, newSieve(open(t, file), "udp"))
	if !slices.Equal(frames, []uint64{1, 2}) {
		t.Errorf("frames %v", frames)
	}
	if err == nil || !strings.Contains(err.Error(), "packet 3, of link type nflog") {
		t.Errorf("%v: want one that names packet 3 and its link type", err)
	}
}

// samePacket compares a packet with what tcpdump wrote of it: of records that
// claim to hold more than was on the wire it writes another length.
func samePacket(a, b []byte) bool { return bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a) }

// tcpdump -r with a filter keeps the same packets of other people's captures,
// of link types and byte orders of all kinds.
func TestFilterKeepsWhatTcpdumpKeeps(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	files, _ := filepath.Glob("../../../shared/captures/*/*")
	if len(files) == 0 {
		t.Skip("no shared captures in ../../../shared/captures")
	}
	exprs := []string{"ip", "ip6", "tcp port 80 or 443", "udp", "port 53 or 5353", "not tcp", "net 192.168.0.0/16 or 10", "host 10.0.0.1",
		"tcp[tcpflags] & tcp-syn != 0", "ip[6:2] & 0x3fff != 0", "vlan", "ip broadcast", "multicast", "less 100", "len > 200", "icmp or icmp6", "inbound",
		"arp", "mpls and ip", "pppoes and ip", "src net 10 and not dst net 10", "portrange 1-1023", "ether[0] & 1 = 0", "ip6 proto 17", "stp"}
	step := 6
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		step = 1
	}
	compared, refused, matched := 0, 0, 0
	for i := 0; i < len(files); i += step {
		src, err := capture.Open(files[i:i+1], capture.Options{})
		if err != nil {
			continue
		}
		_, _, err = seen(t, src)
		links := map[capture.LinkType]bool{}
		for _, f := range src.Interfaces() {
			links[f.Link] = true
		}
		src.Close()
		if err != nil || len(links) != 1 {
			continue // tcpdump reads such files otherwise, or not
		}
		for k := range 3 {
			expr := exprs[(i/step*3+k)%len(exprs)]
			var out, errs bytes.Buffer
			cmd := exec.Command("tcpdump", "-r", files[i], "-w", "-", "--", expr)
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				continue // it does not know the file, or the link type
			}
			theirs, err := capture.Open([]string{"-"}, capture.Options{Stdin: &out})
			if err != nil {
				t.Fatalf("%s %q: %v", files[i], expr, err)
			}
			_, want, err := seen(t, theirs)
			theirs.Close()
			if err != nil {
				continue
			}
			src := open(t, files[i])
			_, got, err := seen(t, newSieve(src, expr))
			src.Close()
			if err != nil {
				refused++
				t.Logf("%s: %v", filepath.Base(files[i]), err)
				continue
			}
			compared++
			if len(want) > 0 {
				matched++
			}
			if !slices.EqualFunc(got, want, samePacket) {
				t.Errorf("%s %q: %d packets, tcpdump has %d", files[i], expr, len(got), len(want))
			}
		}
	}
	t.Logf("%d runs of tcpdump -r compared, %d of them with packets; %d that we refuse", compared, matched, refused)
	if compared < 100 || matched < 50 {
		t.Error("that shows little")
	}
}
