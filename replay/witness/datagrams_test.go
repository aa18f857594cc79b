package witness

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
)

// packets is a packet connection of which the other end sends what was sent
// to it.
type packets struct {
	net.PacketConn
	queue [][]byte
	other *net.UDPAddr
}

func (p *packets) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.queue = append(p.queue, append([]byte(nil), b...))
	return len(b), nil
}

func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(p.queue) == 0 {
		return 0, nil, net.ErrClosed
	}
	n := copy(b, p.queue[0])
	p.queue = p.queue[1:]
	return n, p.other, nil
}

func (p *packets) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7} }

func TestPacketConn(t *testing.T) {
	start := events.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	now := start
	other := netip.MustParseAddrPort("192.0.2.1:443")
	c := NewPacketConn(&packets{other: net.UDPAddrFromAddrPort(other)}, func() events.Time { now += events.Time(time.Second); return now })
	for _, n := range []int{100, 20} {
		if _, err := c.WriteTo(make([]byte, n), net.UDPAddrFromAddrPort(other)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1500)
	for range 2 {
		if _, _, err := c.ReadFrom(buf); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.ReadFrom(buf); err == nil {
		t.Fatal("read from a closed connection")
	}
	at := func(seconds int) time.Time { return start.Std().Add(time.Duration(seconds) * time.Second) }
	sent, read := c.With(other)
	if want := (Traffic{Datagrams: 2, Bytes: 120, Start: at(1), End: at(2)}); sent != want {
		t.Errorf("sent %+v, want %+v", sent, want)
	}
	if want := (Traffic{Datagrams: 2, Bytes: 120, Start: at(3), End: at(4)}); read != want {
		t.Errorf("read %+v, want %+v", read, want)
	}
	if sent, read := c.With(netip.MustParseAddrPort("192.0.2.2:443")); sent != (Traffic{}) || read != (Traffic{}) {
		t.Errorf("with nobody: %+v, %+v", sent, read)
	}
	if got, want := c.Local(), netip.MustParseAddrPort("10.0.0.1:7"); got != want {
		t.Errorf("local address %s, want %s", got, want)
	}
}
