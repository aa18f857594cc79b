//go:build !libpcap

package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// The kernel takes the outer tag out of a frame that comes in; it is put back.
func TestVLANTagsAreRestored(t *testing.T) {
	cable(t)
	whole := frame(7, 100)
	frames := [][]byte{
		tag(whole, 0x8100<<16|0x2005), // priority 1, VLAN 5
		tag(whole, 0x8100<<16),        // VLAN 0: priority only
		tag(whole, 0x88a8<<16|100, 0x8100<<16|0xefff),
		whole,
	}
	s := open(t, Config{Interface: "wl0"})
	cooked := open(t, Config{Interface: Any})
	out := sendOn(t, "wl1")
	for _, f := range frames {
		out.send(f)
	}
	got := rest(t, s)
	if len(got) != len(frames) {
		t.Fatalf("%d packets", len(got))
	}
	for i, p := range got {
		if !bytes.Equal(p.Data, frames[i]) || int(p.Wire) != len(frames[i]) {
			t.Errorf("frame %d:\n%x (%d)\nwant\n%x", i, p.Data, p.Wire, frames[i])
		}
	}
	// Cooked, at wl0 where they came in: what is after the MAC addresses, behind
	// the header.
	d, _ := find("wl0")
	got = rest(t, cooked)
	got = slicesFilter(got, func(p capture.Packet) bool { return binary.BigEndian.Uint32(p.Data[4:]) == uint32(d.index) })
	if len(got) != len(frames) {
		t.Fatalf("any: %d packets at wl0", len(got))
	}
	for i, p := range got {
		want := cookedHeader(frames[i], d.index, 3 /* for another host */)
		if !bytes.Equal(p.Data, want) || int(p.Wire) != len(want) || p.Link != capture.LinkSLL2 {
			t.Errorf("any: frame %d:\n%x (%d)\nwant\n%x", i, p.Data, p.Wire, want)
		}
	}
}

// cookedHeader is an Ethernet frame as LINKTYPE_LINUX_SLL2 has it
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
func cookedHeader(frame []byte, index int, kind byte) []byte {
	b := append([]byte(nil), frame[12:14]...)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(index))
	b = append(b, 0, 1, kind, 6) // ARPHRD_ETHER
	b = append(b, frame[6:12]...)
	b = append(b, 0, 0)
	return append(b, frame[14:]...)
}

func slicesFilter(in []capture.Packet, keep func(capture.Packet) bool) (out []capture.Packet) {
	for _, p := range in {
		if keep(p) {
			out = append(out, p)
		}
	}
	return out
}

// Any sees a packet at each interface that it passes, and those of the loopback
// interface once.
func TestAny(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: Any, Promiscuous: true})
	if n := s.Notes(); len(n) != 1 {
		t.Errorf("notes: %q", n)
	}
	a, b := sendOn(t, "wl1"), sendOn(t, "lo")
	for i := range 10 {
		a.send(frame(uint32(i), 100))
		b.send(frame(uint32(i), 100))
	}
	got := map[[2]byte]int{}
	wl0, _ := find("wl0")
	wl1, _ := find("wl1")
	for _, p := range rest(t, s) {
		index, kind := binary.BigEndian.Uint32(p.Data[4:]), p.Data[10]
		got[[2]byte{byte(index), kind}]++
		if p.Link != capture.LinkSLL2 || !bytes.Equal(p.Data[sll2Size:], frame(binary.BigEndian.Uint32(p.Data[sll2Size:]), 100)[14:]) {
			t.Errorf("%x", p.Data)
		}
	}
	want := map[[2]byte]int{
		{byte(wl1.index), 4}: 10, // sent
		{byte(wl0.index), 3}: 10, // for another host
		{1, 3}:               10, // the loopback interface
	}
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("interface %d, type %d: %d packets, want %d", k[0], k[1], got[k], n)
		}
	}
	balance(t, s, 30)
}

func TestLoopbackOnce(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: "lo"})
	out := sendOn(t, "lo")
	for i := range 100 {
		out.send(frame(uint32(i), 100))
	}
	got := rest(t, s)
	for i, p := range got {
		if number(p.Data) != uint32(i) {
			t.Fatalf("packet %d: number %d", i, number(p.Data))
		}
	}
	if len(got) != 100 {
		t.Errorf("%d packets of 100", len(got))
	}
}

// What the machine sends is captured, too, once.
func TestOutgoing(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: "wl1"})
	out := sendOn(t, "wl1")
	vlan := tag(frame(1, 100), 0x8100<<16|5)
	out.send(frame(0, 100))
	out.send(vlan)
	got := rest(t, s)
	if len(got) != 2 || !bytes.Equal(got[0].Data, frame(0, 100)) || !bytes.Equal(got[1].Data, vlan) {
		t.Errorf("%x", got)
	}
}

func TestSnaplen(t *testing.T) {
	for _, filter := range [][]bpf.RawInstruction{nil, {{Op: ldHalf, K: 12}, {Op: ret, K: 0x40000}}} {
		func() {
			cable(t)
			s := open(t, Config{Interface: "wl0", Snaplen: 64, Filter: filter})
			out := sendOn(t, "wl1")
			vlan := tag(frame(1, 100), 0x8100<<16|5)
			out.send(frame(0, 60))
			out.send(vlan)
			out.send(frame(2, 1514))
			got := rest(t, s)
			want := [][]byte{frame(0, 60), vlan[:64], frame(2, 1514)[:64]}
			wire := []uint32{60, 104, 1514}
			if len(got) != 3 {
				t.Fatalf("%d packets", len(got))
			}
			for i, p := range got {
				if !bytes.Equal(p.Data, want[i]) || p.Wire != wire[i] {
					t.Errorf("packet %d: %d bytes of %d: %x", i, len(p.Data), p.Wire, p.Data)
				}
			}
			if i := s.Interfaces(); i[0].Snaplen != 64 {
				t.Errorf("%+v", i)
			}
		}()
	}
}

// numbersFrom is: ether proto 0x88b5 and ether[14:4] >= n.
func numbersFrom(n uint32) []bpf.RawInstruction {
	code, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: experiment, SkipFalse: 3},
		bpf.LoadAbsolute{Off: 14, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: n, SkipFalse: 1},
		bpf.RetConstant{Val: 0x40000},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		panic(err)
	}
	return code
}

// A filter selects what it selects in a file of the same frames: a tagged frame
// is no bare one, though the kernel shows it like that.
func TestFilter(t *testing.T) {
	cable(t)
	frames := [][]byte{frame(4, 60), frame(5, 60), tag(frame(6, 60), 0x8100<<16|5), frame(7, 60), tag(frame(8, 60), 0x88a8<<16|5)}
	tagged, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipFalse: 1},
		bpf.RetConstant{Val: 1000},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range [][]bpf.RawInstruction{numbersFrom(5), tagged} {
		code, _ := bpf.Disassemble(f)
		vm, err := bpf.NewVM(code)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Interface: "wl0", Filter: f, FilterText: "what it is"})
		out := sendOn(t, "wl1")
		var want [][]byte
		for _, b := range frames {
			if n, _ := vm.Run(b); n > 0 {
				want = append(want, b)
			}
			out.send(b)
		}
		got := rest(t, s)
		if len(got) != len(want) || len(want) == 0 {
			t.Fatalf("%d packets, want %d", len(got), len(want))
		}
		for i, p := range got {
			if !bytes.Equal(p.Data, want[i]) {
				t.Errorf("%x, want %x", p.Data, want[i])
			}
		}
		st := s.Stats()
		if st.Received != st.Delivered+st.Filtered || st.Filtered == 0 {
			t.Errorf("%+v", st)
		}
		if s.Interfaces()[0].Filter != "what it is" {
			t.Error("the filter's text is lost")
		}
	}
}

// A filter for cooked frames is run by the kernel, where it can be, and gives
// the same as for a file.
func TestFilterOfAny(t *testing.T) {
	cable(t)
	wl0, _ := find("wl0")
	abs := func(off, size, val uint32) []bpf.RawInstruction {
		code, err := bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: off, Size: int(size)},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: val, SkipFalse: 1},
			bpf.RetConstant{Val: 0x40000},
			bpf.RetConstant{Val: 0},
		})
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	long, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 110, SkipFalse: 1},
		bpf.RetConstant{Val: 0x40000},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		filter []bpf.RawInstruction
		kernel bool
	}{
		{"protocol", abs(0, 2, experiment), true},
		{"tagged", abs(0, 2, 0x8100), true},
		{"interface", abs(4, 4, uint32(wl0.index)), true},
		{"hardware", abs(8, 2, 1), true},
		{"type", abs(10, 1, 3), true},
		{"payload", abs(20, 4, 3), true},
		{"reserved", abs(2, 2, 0), true},
		{"address", abs(12, 2, 0x0200), false},
		{"address length", abs(11, 1, 6), false},
		{"length", long, false},
	} {
		if _, ok := uncooked(c.filter); ok != c.kernel {
			t.Errorf("%s: the kernel can run it: %v", c.name, ok)
		}
		code, _ := bpf.Disassemble(c.filter)
		vm, err := bpf.NewVM(code)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Interface: Any, Filter: c.filter, Snaplen: 100, Buffer: minBuffer, Flush: 5 * time.Millisecond})
		everything := open(t, Config{Interface: Any, Buffer: minBuffer, Flush: 5 * time.Millisecond})
		out := sendOn(t, "wl1")
		for i := range 5 {
			out.send(frame(uint32(i), 100+i*10))
			out.send(tag(frame(uint32(i), 100), 0x8100<<16|5))
		}
		var want [][]byte
		for _, p := range rest(t, everything) {
			if n, _ := vm.Run(p.Data); n > 0 {
				want = append(want, p.Data[:min(100, len(p.Data))])
			}
		}
		got := rest(t, s)
		if len(got) != len(want) || len(want) == 0 {
			t.Errorf("%s: %d packets, want %d", c.name, len(got), len(want))
			continue
		}
		for i, p := range got {
			if !bytes.Equal(p.Data, want[i]) {
				t.Errorf("%s:\n%x\nwant\n%x", c.name, p.Data, want[i])
			}
		}
	}
}

func TestBadFilters(t *testing.T) {
	cable(t)
	for _, f := range [][]bpf.RawInstruction{
		{{Op: 0xffff}},
		{{Op: ldHalf, K: 12}}, // no end
		{{Op: jeq, Jt: 100}, {Op: ret}},
		{{Op: ldWord, K: adTagged}, {Op: ret}},
	} {
		if s, err := Open(Config{Interface: "wl0", Filter: f}); err == nil {
			s.Close()
			t.Errorf("%v was taken", f)
		} else if e := (*Error)(nil); !errors.As(err, &e) || e.Interface != "wl0" {
			t.Errorf("%v", err)
		}
	}
	// Longer than the kernel takes: filtered here.
	var f []bpf.RawInstruction
	for range 4090 {
		f = append(f, bpf.RawInstruction{Op: ldHalf, K: 12})
	}
	f = append(f, numbersFrom(3)...)
	s := open(t, Config{Interface: "wl0", Filter: f})
	if len(s.Notes()) != 1 {
		t.Errorf("notes: %q", s.Notes())
	}
	out := sendOn(t, "wl1")
	for i := range 5 {
		out.send(frame(uint32(i), 60))
	}
	if got := rest(t, s); len(got) != 2 || number(got[0].Data) != 3 {
		t.Errorf("%x", got)
	}
}

// Several rings: every packet once, in the order of time.
func TestFanout(t *testing.T) {
	cable(t)
	const n = 5000
	s := open(t, Config{Interface: "wl0", Fanout: 3, Buffer: 48 << 20})
	out := sendOn(t, "wl1")
	for i := range n {
		f := frame(uint32(i), 200)
		f[11] = byte(i % 7) // the ring is by what looks like a flow
		copy(f[12:], []byte{0x08, 0x00, 0x45, 0, 0, 186, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, byte(i % 7), 10, 0, 0, 99})
		binary.BigEndian.PutUint32(f[100:], uint32(i))
		out.send(f)
	}
	got := rest(t, s)
	if len(got) != n {
		t.Fatalf("%d packets of %d", len(got), n)
	}
	used := 0
	for _, r := range s.engine.(*afpacket).rings {
		if r.taken > 0 {
			used++
		}
	}
	if used < 2 {
		t.Errorf("%d rings were used", used)
	}
	seen := make([]bool, n)
	last := events.Time(math.MinInt64)
	back := 0
	for _, p := range got {
		k := binary.BigEndian.Uint32(p.Data[100:])
		if seen[k] {
			t.Fatalf("packet %d twice", k)
		}
		seen[k] = true
		if p.Time < last {
			back++
		}
		last = p.Time
	}
	if back > 0 {
		t.Errorf("time goes back %d times", back)
	}
	balance(t, s, n)
}

// A packet on a quiet interface comes without another one behind it.
func TestQuiet(t *testing.T) {
	cable(t)
	for _, rings := range []int{1, 2} {
		s := open(t, Config{Interface: "wl0", Fanout: rings})
		out := sendOn(t, "wl1")
		var worst time.Duration
		for i := range 5 {
			time.Sleep(time.Duration(i*13) * time.Millisecond)
			out.send(frame(uint32(i), 60))
			begin := time.Now()
			var b capture.Batch
			if err := s.Next(&b); err != nil || len(b.Packets) != 1 || number(b.Packets[0].Data) != uint32(i) {
				t.Fatalf("%v, %v", err, b.Packets)
			}
			worst = max(worst, time.Since(begin))
			b.Release()
		}
		t.Logf("%d rings: delivered within %s", rings, worst.Round(time.Millisecond))
		if os.Getenv("WIRETALE_TIMING") == "1" && worst > 120*time.Millisecond {
			t.Errorf("a packet waited %s", worst)
		}
		s.Close()
	}
}

func TestClose(t *testing.T) {
	cable(t)
	before := runtime.NumGoroutine()
	for range 10 {
		s := open(t, Config{Interface: "wl0", Buffer: minBuffer})
		out := sendOn(t, "wl1")
		out.send(frame(1, 60))
		var held, b capture.Batch
		if err := s.Next(&held); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- s.Next(&b) }()
		time.Sleep(time.Millisecond)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, os.ErrClosed) {
			t.Fatalf("Next: %v", err)
		}
		if err := s.Next(&b); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("Next again: %v", err)
		}
		// What is lent stays.
		if !bytes.Equal(held.Packets[0].Data, frame(1, 60)) {
			t.Fatalf("%x", held.Packets[0].Data)
		}
		mem := s.engine.(*afpacket).rings[0]
		if mem.mem == nil {
			t.Fatal("the memory is gone before its packets")
		}
		held.Release()
		if mem.mem != nil || mem.fd != -1 {
			t.Fatal("the memory is not given back")
		}
		s.Stop()
		s.Stats()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d", runtime.NumGoroutine(), before)
}

// Next waits while eight batches are out, and Close frees it.
func TestBatchesOut(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: "wl0", Buffer: minBuffer})
	out := sendOn(t, "wl1")
	for i := range leaseCount {
		out.send(frame(uint32(i), 60))
		var b capture.Batch
		if err := s.Next(&b); err != nil {
			t.Fatal(err)
		}
		defer b.Release()
	}
	done := make(chan error)
	go func() {
		var b capture.Batch
		done <- s.Next(&b)
	}()
	select {
	case err := <-done:
		t.Fatalf("a ninth batch: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	s.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// An interface that goes down or away ends the capture: after its packets, with
// a reason.
func TestInterfaceEnds(t *testing.T) {
	for _, c := range []struct {
		do   string
		want error
	}{{"link set wl0 down", ErrDown}, {"link del wl0", ErrGone}} {
		for _, rings := range []int{1, 2} {
			func() {
				cable(t)
				s := open(t, Config{Interface: "wl0", Fanout: rings})
				out := sendOn(t, "wl1")
				for i := range 10 {
					out.send(frame(uint32(i), 60))
				}
				ip(t, c.do)
				got, err := readAll(s)
				if len(got) != 10 || !errors.Is(err, c.want) {
					t.Errorf("%s: %d packets, %v", c.do, len(got), err)
				}
				t.Log(err)
				var b capture.Batch
				if again := s.Next(&b); again != err {
					t.Errorf("then: %v", again)
				}
			}()
		}
	}
}

func TestCannotOpen(t *testing.T) {
	cable(t)
	ip(t, "link set wl1 down")
	for _, c := range []struct {
		Config
		want error
	}{
		{Config{Interface: "nowhere0"}, ErrNoInterface},
		{Config{Interface: "wl1"}, ErrIsDown},
		{Config{Interface: "wl0", Snaplen: 1}, nil},
		{Config{Interface: "wl0", Buffer: 1000}, nil},
		{Config{Interface: "wl0", Fanout: -1}, nil},
		{Config{Interface: "wl0", Flush: -1}, nil},
		{Config{}, nil},
	} {
		s, err := Open(c.Config)
		if err == nil {
			s.Close()
			t.Errorf("%+v was opened", c.Config)
		} else if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.Config, err)
		}
		t.Log(err)
	}
	// Hardware stamps where there are none: the kernel's, and a note.
	s := open(t, Config{Interface: "wl0", Stamps: HardwareStamps, Promiscuous: true})
	if n := s.Notes(); len(n) != 1 {
		t.Errorf("notes: %q", n)
	}
	if link, err := LinkOf("wl0"); err != nil || link != capture.LinkEthernet || s.Link() != link {
		t.Errorf("%v, %v", link, err)
	}
	// By number.
	d, _ := find("wl0")
	byNumber, err := find(string(rune('0' + d.index)))
	if err != nil || byNumber.name != "wl0" {
		t.Errorf("%+v, %v", byNumber, err)
	}
	if got := rest(t, s); len(got) != 0 {
		t.Errorf("%d packets", len(got))
	}
	var b capture.Batch
	if err := s.Next(&b); err != io.EOF {
		t.Error(err)
	}
}
