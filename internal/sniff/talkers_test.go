package sniff

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

const ethernet = 1

// began is a whole second.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// packet is one over Ethernet, of size bytes on the wire, at a second; from and
// to are addresses with ports.
func packet(at float64, from, to string, proto uint8, size int) capture.Packet {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	b := make([]byte, 12, size)
	transport := max(size-14-20, 8)
	if src.Addr().Is4() {
		b = append(b, 8, 0, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+transport))
		b = append(b, 0, 7, 0, 0, 64, proto, 0, 0)
	} else {
		transport = max(size-14-40, 8)
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(transport))
		b = append(b, proto, 64)
	}
	b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = append(b, make([]byte, transport-4)...)
	return capture.Packet{Data: b, Wire: uint32(size), Link: ethernet, Time: events.TimeOf(began).Add(events.Duration(at * 1e9))}
}

// fragmentOf makes a packet over IPv4 a fragment at an offset.
func fragmentOf(p capture.Packet, offset int, more bool) capture.Packet {
	f := uint16(offset / 8)
	if more {
		f |= 0x2000
	}
	binary.BigEndian.PutUint16(p.Data[20:], f)
	return p
}

func limits(pairs int) *events.Limits {
	l := events.DefaultLimits()
	l.FoldPending = pairs
	return &l
}

// after is a moment of the test's clock.
func after(seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

// take gives packets to t as they would come, in one batch.
func (t *Talkers) take(packets ...capture.Packet) {
	t.Add(packets, packets[len(packets)-1].Time.Std())
}

func about(client, server string, proto uint8, b events.Body) *events.Event {
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	return &events.Event{Body: b, Flow: events.Flow{Client: events.AddrOf(c.Addr()), Server: events.AddrOf(s.Addr()), ClientPort: c.Port(), ServerPort: s.Port(), Proto: proto}}
}

func expectRows(t *testing.T, rows [][]string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join(r, " | "))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const (
	alice, web = "10.0.0.9:5000", "10.0.0.1:80"
	tcp, udp   = events.ProtoTCP, events.ProtoUDP
)

// Pairs of hosts, whichever ports and directions; who sent first is A.
func TestTalkers(t *testing.T) {
	k := NewTalkers(limits(100))
	arp := packet(0, alice, web, tcp, 60)
	arp.Data[12], arp.Data[13] = 8, 6
	k.take(
		packet(0, alice, web, tcp, 100),
		packet(0.1, web, alice, tcp, 1000),
		packet(0.2, "10.0.0.1:9999", "10.0.0.9:7", udp, 300),
		packet(0.3, "[2001:db8::1]:1", "[2001:db8::2]:2", udp, 200),
		arp,
		packet(1.5, web, alice, tcp, 340),
	)
	// At 2.5 s the seconds 0 and 1 are over: 1740 and 200 bytes in two seconds.
	s := k.Section(after(2.5))
	expectRows(t, s.Rows,
		"10.0.0.9 | 10.0.0.1 | 1.74 kB | 87.0 % | 6.96 kb/s | 100 B | 1.64 kB | 4",
		"2001:db8::1 | 2001:db8::2 | 200 B | 10.0 % | 800 b/s | 200 B | 0 B | 1")
	if want := "2.00 kB between 2 pairs of hosts; 60 B not IP."; s.Lead != want {
		t.Errorf("lead %q, want %q", s.Lead, want)
	}
	// Five seconds later nothing is sent any more.
	if now := k.Section(after(7.5)).Rows[0][4]; now != "–" {
		t.Errorf("now %s", now)
	}
	if len(NewTalkers(limits(100)).Section(began).Rows) != 0 {
		t.Error("rows of nothing")
	}
}

// The fragments of a datagram are between the same two hosts, though only the
// first has ports.
func TestTalkersFragments(t *testing.T) {
	k := NewTalkers(limits(100))
	for _, size := range []int{60, 1514} {
		k.take(
			fragmentOf(packet(0, alice, web, udp, size), 0, true),
			fragmentOf(packet(0, "10.0.0.9:0", "10.0.0.1:0", udp, size), size-34, false))
	}
	if s := k.Section(after(1)); len(s.Rows) != 1 || s.Rows[0][2] != "3.15 kB" || s.Rows[0][7] != "4" {
		t.Errorf("%q", s.Rows)
	}
	if n, _ := k.decoder.Incomplete(); n != 0 {
		t.Errorf("%d datagrams are held", n)
	}
}

// More pairs than there is room for: the large stay, nothing is lost of the sum.
func TestTalkersAreBounded(t *testing.T) {
	k := NewTalkers(limits(8))
	var sum uint64
	for i := range 1000 {
		k.take(packet(float64(i)/100, fmt.Sprintf("10.1.%d.%d:99", i/250, i%250), web, udp, 60), packet(float64(i)/100, alice, web, tcp, 500))
		sum += 560
	}
	if len(k.talks) > 8 || len(k.talks)+len(k.spare) > 8 {
		t.Errorf("%d pairs are held, %d to use again", len(k.talks), len(k.spare))
	}
	s := k.Section(after(10))
	if s.Rows[0][0] != "10.0.0.9" || s.Rows[0][2] != "500 kB" {
		t.Errorf("%q", s.Rows)
	}
	held := k.small
	for _, x := range k.talks {
		held += x.bytes
	}
	if held != sum || k.total != sum {
		t.Errorf("%d bytes in pairs, %d in all, want %d", held, k.total, sum)
	}
	if !strings.Contains(s.Lead, "given up") {
		t.Errorf("lead %q", s.Lead)
	}
}

// Who sends most now is told, though a hundred others sent more in all.
func TestTalkersOfNow(t *testing.T) {
	k := NewTalkers(limits(1000))
	for i := range 2 * mostTalkers {
		k.take(packet(0, fmt.Sprintf("10.1.0.%d:99", i), web, udp, 1000+i))
	}
	k.take(packet(50, alice, web, tcp, 100))
	s := k.Section(after(51.5))
	if len(s.Rows) != mostTalkers+1+mostTalkers-1 && len(s.Rows) != mostTalkers+1 {
		t.Errorf("%d rows", len(s.Rows))
	}
	if last := s.Rows[len(s.Rows)-1]; last[0] != "10.0.0.9" || last[4] != "160 b/s" {
		t.Errorf("%q", last)
	}
	if len(s.Rows)+s.More != 2*mostTalkers+1 {
		t.Errorf("%d rows and %d more", len(s.Rows), s.More)
	}
}

// A flow's bytes are unknown until it is known what it speaks; then they all
// are of that, at once, while it is open.
func TestProtocols(t *testing.T) {
	k := NewTalkers(limits(100))
	k.take(packet(0, alice, web, tcp, 100), packet(0.2, web, alice, tcp, 900), packet(0.4, "10.0.0.9:0", "10.0.0.1:0", 1, 500))
	expectRows(t, k.Protocols(after(1)).Rows, "unknown | 1.00 kB | 66.7 % | 8.00 kb/s | 2", "icmp | 500 B | 33.3 % | 4.00 kb/s | 1")
	k.Events([]*events.Event{about(alice, web, tcp, &events.FlowDetected{Protocol: "http1"})})
	expectRows(t, k.Protocols(after(1)).Rows, "http1 | 1.00 kB | 66.7 % | 8.00 kb/s | 2", "icmp | 500 B | 33.3 % | 4.00 kb/s | 1")
	k.take(packet(1, web, alice, tcp, 500))
	expectRows(t, k.Protocols(after(2)).Rows, "http1 | 1.50 kB | 75.0 % | 6.00 kb/s | 3", "icmp | 500 B | 25.0 % | 2.00 kb/s | 1")
	// What is inside is told with the bytes of a second; what was counted stays.
	k.Events([]*events.Event{about(alice, web, tcp, &events.FlowBytes{Protocol: "websocket"})})
	k.take(packet(1.5, web, alice, tcp, 2000))
	s := k.Protocols(after(2))
	expectRows(t, s.Rows, "websocket | 2.00 kB | 50.0 % | 8.00 kb/s | 1", "http1 | 1.50 kB | 37.5 % | 6.00 kb/s | 3", "icmp | 500 B | 12.5 % | 2.00 kb/s | 1")
	if s.Brief != "websocket 50.0 %, http1 37.5 %, icmp 12.5 %" {
		t.Errorf("brief %q", s.Brief)
	}
	// Over: the next flow on these ports is another one.
	k.Events([]*events.Event{about(alice, web, tcp, &events.FlowEnd{Protocol: "websocket"})})
	if len(k.protocols.flows) != 0 {
		t.Errorf("%d flows are held", len(k.protocols.flows))
	}
	k.take(packet(3, web, alice, tcp, 96))
	if r := k.Protocols(after(4)).Rows; r[len(r)-1][0] != unknown || r[len(r)-1][1] != "96 B" {
		t.Errorf("%q", r)
	}
	// One that is known only when it ends.
	k.Events([]*events.Event{about(alice, web, tcp, &events.FlowEnd{Protocol: "tls"})})
	if r := k.Protocols(after(4)).Rows; r[len(r)-1][0] != "tls" || r[len(r)-1][1] != "96 B" {
		t.Errorf("%q", r)
	}
}

// A flow between two ports of one host has one name from both sides.
func TestProtocolsOfOneHost(t *testing.T) {
	const a, b = "127.0.0.1:40000", "127.0.0.1:80"
	k := NewTalkers(limits(100))
	k.take(packet(0, a, b, tcp, 100), packet(0, b, a, tcp, 100))
	if len(k.protocols.flows) != 1 {
		t.Errorf("%d flows", len(k.protocols.flows))
	}
	k.Events([]*events.Event{about(a, b, tcp, &events.FlowDetected{Protocol: "http1"})})
	if r := k.Protocols(after(1)).Rows; len(r) != 1 || r[0][0] != "http1" {
		t.Errorf("%q", r)
	}
}

// More flows than there is room for: those seen least lately are forgotten, and
// what they carried is not.
func TestProtocolsAreBounded(t *testing.T) {
	l := limits(100)
	l.Flows = 8
	k := NewTalkers(l)
	for i := range 100 {
		k.take(packet(float64(i), fmt.Sprintf("10.0.0.9:%d", 1000+i), web, tcp, 100), packet(float64(i), alice, web, tcp, 100))
		if i == 0 {
			k.Events([]*events.Event{about(alice, web, tcp, &events.FlowDetected{Protocol: "http1"})})
		}
	}
	p := &k.protocols
	if len(p.flows) > 8 || len(p.flows)+len(p.spare) > 8 {
		t.Errorf("%d flows are held, %d to use again", len(p.flows), len(p.spare))
	}
	expectRows(t, k.Protocols(after(1000)).Rows, "http1 | 10.0 kB | 50.0 % | – | 100", "unknown | 10.0 kB | 50.0 % | – | 100")
}

func TestLately(t *testing.T) {
	var l lately
	for s := int64(100); s <= 110; s++ {
		l.add(s, uint64(s))
	}
	l.add(109, 1000) // late, but kept
	l.add(102, 5000) // too late
	for _, c := range []struct {
		from, to int64
		want     uint64
	}{{110, 110, 110}, {109, 109, 1109}, {103, 104, 207}, {0, 102, 0}, {111, 200, 0}, {109, 300, 1219}} {
		if got := l.sum(c.from, c.to); got != c.want {
			t.Errorf("%d to %d: %d, want %d", c.from, c.to, got, c.want)
		}
	}
	l.add(1000, 7)
	if got := l.sum(0, 2000); got != 7 {
		t.Errorf("after a long silence: %d", got)
	}
}

// batch is one of packets of some flows.
func batch(flows int) []capture.Packet {
	var list []capture.Packet
	for i := range 256 {
		list = append(list, packet(float64(i)/256, fmt.Sprintf("10.0.%d.9:%d", i%flows, 1000+i%flows), web, tcp, 1514))
	}
	return list
}

// The packet path allocates nothing.
func TestTalkersAllocateNothing(t *testing.T) {
	k, list := NewTalkers(limits(100)), batch(50)
	k.Add(list, began)
	if n := testing.AllocsPerRun(20, func() { k.Add(list, began) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// New hosts and flows all the time, in full tables.
	l := limits(8)
	l.Flows = 8
	k = NewTalkers(l)
	k.Add(list, began)
	if n := testing.AllocsPerRun(20, func() { k.Add(list, began) }); n > 1 { // a map may still grow
		t.Errorf("%v allocations in full tables", n)
	}
}

// BenchmarkTalkers is the cost of a batch of 256 packets.
func BenchmarkTalkers(b *testing.B) {
	for _, flows := range []int{1, 50, 200} {
		b.Run(fmt.Sprint(flows, " flows"), func(b *testing.B) {
			k, list := NewTalkers(limits(4096)), batch(flows)
			b.ReportAllocs()
			for b.Loop() {
				k.Add(list, began)
			}
		})
	}
}
