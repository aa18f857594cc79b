//go:build !libpcap

package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

// cable makes two interfaces, wl0 and wl1, joined by a cable, in a network
// namespace of this test's own, where nobody else says a word.
func cable(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may make a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip(8) is not installed")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	for _, args := range []string{
		"link set lo addrgenmode none up",
		"link add wl0 type veth peer name wl1",
		"link set wl0 addrgenmode none up",
		"link set wl1 addrgenmode none up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no veth can be made here: ip %s: %v: %s", args, err, out)
		}
	}
}

func ip(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// sender puts frames on an interface.
type sender struct {
	t  testing.TB
	fd int
	to unix.SockaddrLinklayer
}

func sendOn(t testing.TB, name string) *sender {
	t.Helper()
	d, err := find(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no packet socket can be made here: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &sender{t, fd, unix.SockaddrLinklayer{Ifindex: d.index}}
}

func (s *sender) send(frame []byte) {
	s.t.Helper()
	for {
		switch err := unix.Sendto(s.fd, frame, 0, &s.to); {
		case err == nil:
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS):
		default:
			s.t.Fatal(err)
		}
	}
}

// Addresses of the frames that tests send.
var (
	macA = []byte{2, 0, 0, 0, 0, 0xa}
	macB = []byte{2, 0, 0, 0, 0, 0xb}
)

// ethertype of frames that hold nothing but a number: for local experiments.
const experiment = 0x88b5

// frame is an Ethernet frame of size bytes that bears a number.
func frame(n uint32, size int) []byte {
	b := make([]byte, size)
	copy(b, macB)
	copy(b[6:], macA)
	binary.BigEndian.PutUint16(b[12:], experiment)
	binary.BigEndian.PutUint32(b[14:], n)
	for i := 18; i < size; i++ {
		b[i] = byte(n) + byte(i)
	}
	return b
}

// tag puts VLAN tags into a frame, the outer one first.
func tag(b []byte, tags ...uint32) []byte {
	out := bytes.Clone(b[:macsSize])
	for _, t := range tags {
		out = binary.BigEndian.AppendUint32(out, t)
	}
	return append(out, b[macsSize:]...)
}

func number(b []byte) uint32 { return binary.BigEndian.Uint32(b[14:]) }

func open(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := Open(c)
	if errors.Is(err, ErrPermission) {
		t.Skipf("not permitted here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rest stops s and reads it to its end; the packets own their bytes.
func rest(t testing.TB, s *Source) []capture.Packet {
	t.Helper()
	s.Stop()
	return all(t, s)
}

// all reads s to its end.
func all(t testing.TB, s *Source) []capture.Packet {
	t.Helper()
	out, err := readAll(s)
	if err != io.EOF {
		t.Fatal(err)
	}
	return out
}

func readAll(s *Source) (out []capture.Packet, err error) {
	var b capture.Batch
	for {
		if err := s.Next(&b); err != nil {
			return out, err
		}
		if b.First != uint64(len(out))+1 {
			return out, errors.New("frame numbers are not in a row")
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			out = append(out, p)
		}
		b.Release()
	}
}

// balance checks that the kernel's counts and ours are the same to the packet.
func balance(t testing.TB, s *Source, sent int) Stats {
	t.Helper()
	st := s.Stats()
	kernel := s.engine.stats()
	if kernel.Received != uint64(sent) || st.Delivered+st.Filtered+st.Dropped != uint64(sent) {
		t.Errorf("%d packets were sent; the kernel counted %d; %+v", sent, kernel.Received, st)
	}
	return st
}

func TestEveryPacketOnce(t *testing.T) {
	cable(t)
	const n = 20000
	sizes := []int{60, 61, 200, 1000, 1514}
	s := open(t, Config{Interface: "wl0", Buffer: 64 << 20})
	out := sendOn(t, "wl1")
	before := time.Now()
	for i := range n {
		out.send(frame(uint32(i), sizes[i%len(sizes)]))
	}
	after := time.Now()
	got := rest(t, s)
	if len(got) != n {
		t.Fatalf("%d packets of %d: %+v", len(got), n, s.Stats())
	}
	last := got[0].Time
	for i, p := range got {
		want := frame(uint32(i), sizes[i%len(sizes)])
		if !bytes.Equal(p.Data, want) || p.Wire != uint32(len(want)) || p.Link != capture.LinkEthernet {
			t.Fatalf("packet %d: %d bytes of %d, link %v: %x", i, len(p.Data), p.Wire, p.Link, p.Data)
		}
		if p.Time < last-1e6 {
			t.Errorf("packet %d: time goes back by %d ns", i, last-p.Time)
		}
		last = p.Time
	}
	// The clock of the stamps is the system's; 1 s for a clock that is set.
	if first := got[0].Time.Std(); first.Before(before.Add(-time.Second)) || last.Std().After(after.Add(time.Second)) {
		t.Errorf("stamps from %v to %v, sent from %v to %v", first, last.Std(), before, after)
	}
	st := balance(t, s, n)
	if st.Dropped != 0 || st.Filtered != 0 || st.Lossy() {
		t.Errorf("%+v", st)
	}
	m := s.Meta()
	if i := s.Interfaces(); len(i) != 1 || i[0].Name != "wl0" || i[0].Link != capture.LinkEthernet || m.Statistics[0].Received.N != n {
		t.Errorf("%+v, %+v", i, m)
	}
}

// The buffer is full: what is missing is counted to the packet, and told where
// it is missing.
func TestOverrun(t *testing.T) {
	cable(t)
	const n = 20000
	var lost []Loss
	s := open(t, Config{Interface: "wl0", Buffer: minBuffer, Lost: func(l Loss) { lost = append(lost, l) }})
	out := sendOn(t, "wl1")
	for i := range n {
		out.send(frame(uint32(i), 1000))
	}
	// The buffer is read, and has room again.
	var got []capture.Packet
	var b capture.Batch
	for len(got) < 500 {
		if err := s.Next(&b); err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			got = append(got, p)
		}
		b.Release()
	}
	for i := range 1000 {
		out.send(frame(uint32(n+i), 1000))
	}
	s.Stop()
	for {
		err := s.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			got = append(got, p)
		}
		b.Release()
	}
	st := balance(t, s, n+1000)
	if st.Dropped == 0 || !st.Lossy() || st.Freezes == 0 {
		t.Fatalf("nothing was dropped: %+v", st)
	}
	sum := uint64(0)
	for _, l := range lost {
		sum += l.Packets
		if l.Before == 0 {
			continue
		}
		if l.Before < 2 || number(got[l.Before-1].Data) == number(got[l.Before-2].Data)+1 {
			t.Errorf("%+v: nothing is missing there", l)
		} else if l.From != got[l.Before-2].Time || l.To != got[l.Before-1].Time {
			t.Errorf("%+v: the packets around it are of %d and %d", l, got[l.Before-2].Time, got[l.Before-1].Time)
		}
	}
	said := uint64(0)
	for i, p := range got {
		said += uint64(p.Dropped)
		if p.Dropped > 0 && !slices.ContainsFunc(lost, func(l Loss) bool { return l.Before == uint64(i+1) }) {
			t.Errorf("frame %d says that %d packets are missing before it", i+1, p.Dropped)
		}
	}
	for _, l := range lost {
		if l.Before == 0 {
			said += l.Packets // no packet is there to say it
		}
	}
	if said != st.Dropped {
		t.Errorf("%d packets were dropped, and packets say %d", st.Dropped, said)
	}
	if sum != st.Dropped {
		t.Errorf("%d packets were dropped, and told are %d: %+v", st.Dropped, sum, lost)
	}
	for i := 1; i < len(got); i++ {
		if number(got[i].Data) <= number(got[i-1].Data) {
			t.Fatalf("frame %d: number %d after %d", i+1, number(got[i].Data), number(got[i-1].Data))
		}
	}
	t.Logf("%+v; %+v", st, lost)
}
