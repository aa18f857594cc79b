//go:build !libpcap

package live

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// tcpdump is started on an interface of this test's, and stop gives its packets, once
// its file has at least want bytes.
func tcpdump(t *testing.T, iface string) (stop func(want int64) []capture.Packet) {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	file := filepath.Join(t.TempDir(), "tcpdump.pcap")
	cmd := exec.Command(path, "-i", iface, "-p", "-U", "-B", "32768", "--time-stamp-precision=nano", "-w", file, "-Z", "root")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	buf := make([]byte, 1024)
	for !strings.Contains(said.String(), "listening on") {
		n, err := stderr.Read(buf)
		if err != nil {
			t.Skipf("tcpdump does not run here: %s", &said)
		}
		said.Write(buf[:n])
	}
	return func(want int64) []capture.Packet {
		// It writes what it has when its own block time-out, of a second, is over;
		// a little later what should not be there would be, too.
		deadline := time.Now().Add(5 * time.Second)
		for time.Now().Before(deadline) {
			time.Sleep(200 * time.Millisecond)
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() >= want {
				time.Sleep(200 * time.Millisecond)
				break
			}
		}
		cmd.Process.Signal(os.Interrupt)
		rest, _ := io.ReadAll(stderr)
		cmd.Wait()
		src, err := capture.Open([]string{file}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		var out []capture.Packet
		var b capture.Batch
		for {
			err := src.Next(&b)
			if err == io.EOF {
				t.Logf("tcpdump: %s", bytes.ReplaceAll(bytes.TrimSpace(rest), []byte("\n"), []byte(", ")))
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range b.Packets {
				p.Data = bytes.Clone(p.Data)
				out = append(out, p)
			}
			b.Release()
		}
	}
}

// talk is TCP, both ways, over the namespace's loopback interface or a cable:
// large writes, so that packets are larger than the MTU where the system has
// offloads.
func talk(t *testing.T, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, err = io.Copy(c, io.LimitReader(c, 1<<20))
			c.Close()
		}
		done <- err
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go c.Write(make([]byte, 1<<20))
	if n, err := io.Copy(io.Discard, c); n != 1<<20 || err != nil {
		t.Fatalf("%d bytes came back, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// oneProcessor keeps all threads on one processor until t and its parts are
// over: what two send at the same moment may come to two sockets in another
// order.
func oneProcessor(t *testing.T) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for i := 0; one.Count() == 0; i++ {
		if all.IsSet(i) {
			one.Set(i)
		}
	}
	set := func(to *unix.CPUSet) {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range threads {
			if id, err := strconv.Atoi(x.Name()); err == nil {
				_ = unix.SchedSetaffinity(id, to) // one that has ended meanwhile
			}
		}
	}
	set(&one)
	t.Cleanup(func() { set(&all) })
}

// tcpdump on the same wire has the same packets, byte for byte, at the same
// times.
func TestAsTcpdump(t *testing.T) {
	oneProcessor(t)
	for _, c := range []struct {
		iface string
		play  func(t *testing.T)
	}{
		{"lo", func(t *testing.T) { talk(t, "127.0.0.1:0") }},
		{"wl0", func(t *testing.T) {
			out := sendOn(t, "wl1")
			for i := range 500 {
				out.send(frame(uint32(i), 60+i))
				out.send(tag(frame(uint32(i), 60+i), 0x8100<<16|5))
			}
		}},
		{Any, func(t *testing.T) {
			talk(t, "127.0.0.1:0")
			out := sendOn(t, "wl1") // without tags: tcpdump does not restore them here
			for i := range 100 {
				out.send(frame(uint32(i), 100))
			}
		}},
	} {
		t.Run(c.iface, func(t *testing.T) {
			t.Parallel()
			cable(t)
			stop := tcpdump(t, c.iface)
			s := open(t, Config{Interface: c.iface})
			c.play(t)
			got := rest(t, s)
			size := int64(24) // of a pcap file without packets
			for _, p := range got {
				size += 16 + int64(len(p.Data))
			}
			want := stop(size)
			if s.Stats().Lossy() {
				t.Skipf("packets were dropped: %+v", s.Stats())
			}
			if len(got) != len(want) || len(got) < 30 {
				t.Fatalf("%s: %d packets, tcpdump has %d", c.iface, len(got), len(want))
			}
			apart := events.Duration(0)
			for i := range got {
				g, w := got[i], want[i]
				d := g.Time.Sub(w.Time)
				apart = max(apart, d, -d)
				// Each of two sockets may have its own look at the clock.
				if !bytes.Equal(g.Data, w.Data) || apart > 1e8 || g.Wire != w.Wire || g.Link != w.Link {
					t.Fatalf("%s: packet %d:\n%v %d %d %.200x\ntcpdump:\n%v %d %d %.200x", c.iface, i+1, g.Link, g.Time, g.Wire, g.Data, w.Link, w.Time, w.Wire, w.Data)
				}
			}
			t.Logf("%s: %d packets are the same, stamps at most %v apart", c.iface, len(got), apart.Std())
		})
	}
}

// Packets that the card is to cut, or that the kernel has put together, are
// whole: larger than the MTU.
func TestOffloads(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: "lo"})
	talk(t, "127.0.0.1:0")
	got := rest(t, s)
	largest := 0
	for i, p := range got {
		largest = max(largest, len(p.Data))
		if int(p.Wire) != len(p.Data) {
			t.Errorf("packet %d was cut: %d bytes of %d", i+1, len(p.Data), p.Wire)
		}
		if binary.BigEndian.Uint16(p.Data[12:]) != unix.ETH_P_IP || p.Data[23] != unix.IPPROTO_TCP {
			t.Errorf("packet %d: %x", i+1, p.Data)
		}
	}
	t.Logf("%d packets, the largest has %d bytes", len(got), largest)
	if largest < 32<<10 {
		t.Errorf("the largest packet has %d bytes", largest)
	}
}
