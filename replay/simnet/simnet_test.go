package simnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
)

// leakCheck fails when goroutines of simulated hosts outlive the test.
func leakCheck(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if runtime.NumGoroutine() <= before {
				return
			}
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

func pair(t *testing.T, cfg Config, client, server string, there, back time.Duration) (*Network, *Host, *Host) {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.AddHost("client", netip.MustParseAddr(client))
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.AddHost("server", netip.MustParseAddr(server))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(c, s, Path{Delay: there}, Path{Delay: back}); err != nil {
		t.Fatal(err)
	}
	return n, c, s
}

// sum is the Internet checksum (RFC 1071) over data with a correct checksum
// in it: 0xffff.
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for ; len(b) >= 2; b = b[2:] {
			s += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			s += uint32(b[0]) << 8
		}
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// checkFrame is a small independent reader of what the capture holds.
func checkFrame(t *testing.T, i int, f []byte) (proto byte, l4 []byte) {
	t.Helper()
	ip := f[14:]
	var src, dst []byte
	switch et := binary.BigEndian.Uint16(f[12:]); et {
	case 0x0800:
		if got := int(binary.BigEndian.Uint16(ip[2:])); got != len(ip) {
			t.Errorf("packet %d: IP total length %d of %d bytes", i, got, len(ip))
		}
		if s := sum(ip[:20]); s != 0xffff {
			t.Errorf("packet %d: IP checksum", i)
		}
		proto, src, dst, l4 = ip[9], ip[12:16], ip[16:20], ip[20:]
	case 0x86dd:
		proto, src, dst, l4 = ip[6], ip[8:24], ip[24:40], ip[40:]
	default:
		t.Fatalf("packet %d: EtherType %#04x", i, et)
	}
	if proto != 6 && proto != 17 {
		t.Fatalf("packet %d: IP protocol %d", i, proto)
	}
	if s := sum(src, dst, []byte{0, proto}, binary.BigEndian.AppendUint16(nil, uint16(len(l4))), l4); s != 0xffff {
		t.Errorf("packet %d: transport checksum", i)
	}
	return proto, l4
}

func TestTCPHasTheDelayOfTheLink(t *testing.T) {
	const there, back = 12 * time.Millisecond, 5 * time.Millisecond
	for _, c := range []struct {
		at             Position
		client, server string
	}{
		{AtClient, "10.0.0.1", "10.0.0.2"},
		{AtMiddle, "10.0.0.1", "10.0.0.2"},
		{AtServer, "2001:db8::1", "2001:db8::2"},
	} {
		t.Run(c.at.String(), func(t *testing.T) {
			leakCheck(t)
			n, client, server := pair(t, Config{Seed: 7, At: c.at}, c.client, c.server, there, back)
			l, err := server.Listen("tcp", ":80")
			if err != nil {
				t.Fatal(err)
			}
			payload := bytes.Repeat([]byte("0123456789"), 10_000)
			served := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					served <- err
					return
				}
				_, err = conn.Write(payload)
				conn.Close()
				served <- err
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			conn, err := client.DialContext(ctx, "tcp", net.JoinHostPort(c.server, "80"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("read %d bytes, %v", len(got), err)
			}
			conn.Close()
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			l.Close()
			if err := n.Quiet(ctx, 50*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			rec := n.Recording()
			if len(rec.Interfaces) != 1 {
				t.Errorf("interfaces: %v", rec.Interfaces)
			}

			// The handshake passes the point three times. What lies between
			// follows from the delays on either side of the point.
			toPoint := map[Position]time.Duration{AtClient: 0, AtMiddle: there / 2, AtServer: there}[c.at]
			fromPoint := map[Position]time.Duration{AtClient: back, AtMiddle: back / 2, AtServer: 0}[c.at]
			wantServer := there - toPoint + fromPoint // SYN to SYN-ACK
			wantClient := back - fromPoint + toPoint  // SYN-ACK to ACK
			gotServer := time.Duration(rec.Packets[1].Time - rec.Packets[0].Time)
			gotClient := time.Duration(rec.Packets[2].Time - rec.Packets[1].Time)
			for _, x := range []struct {
				what      string
				got, want time.Duration
			}{{"SYN to SYN-ACK", gotServer, wantServer}, {"SYN-ACK to ACK", gotClient, wantClient}} {
				// Late only: a host takes time, a link never hurries. The upper
				// bound is for a busy machine.
				if x.got < x.want || x.got > x.want+500*time.Millisecond {
					t.Errorf("%s took %s, want %s", x.what, x.got, x.want)
				}
				t.Logf("%s: %s late", x.what, x.got-x.want)
			}

			var last events.Time
			fins := map[uint16]bool{} // source ports
			var first, end uint32     // sequence numbers of the server
			for i, p := range rec.Packets {
				if p.Time < last || p.Time < events.TimeOf(Epoch) {
					t.Fatalf("packet %d: time goes back", i)
				}
				last = p.Time
				_, tcp := checkFrame(t, i, p.Data)
				port, seq := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint32(tcp[4:])
				if tcp[13]&0x01 != 0 {
					fins[port] = true
				}
				if port == 80 {
					if tcp[13]&0x02 != 0 {
						first, end = seq+1, seq+1
					} else if n := uint32(len(tcp) - int(tcp[12]>>4)*4); n > 0 && int32(seq+n-end) > 0 {
						end = seq + n // of payload: a FIN has a number too
					}
				}
			}
			if len(fins) != 2 {
				t.Errorf("FIN from %v, want one each way", fins)
			}
			if int(end-first) != len(payload) {
				t.Errorf("%d bytes of payload in the capture, want %d", end-first, len(payload))
			}
			var packets uint64
			for _, s := range n.Stats() {
				packets += s.Packets
			}
			if packets != uint64(len(rec.Packets)) {
				t.Errorf("statistics count %d packets, the capture has %d", packets, len(rec.Packets))
			}
			if d := n.Drops(); len(d) != 0 {
				t.Errorf("drops: %v", d)
			}
		})
	}
}

func TestUDPInOrder(t *testing.T) {
	leakCheck(t)
	n, client, server := pair(t, Config{}, "10.0.0.1", "10.0.0.2", 3*time.Millisecond, 3*time.Millisecond)
	pc, err := server.ListenPacket("udp", ":9000")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.DialContext(t.Context(), "udp", "10.0.0.2:9000")
	if err != nil {
		t.Fatal(err)
	}
	const many = 200
	go func() {
		for i := range many {
			fmt.Fprintf(conn, "%d", i)
		}
	}()
	pc.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 100)
	for i := range many {
		k, from, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:k]) != fmt.Sprint(i) {
			t.Fatalf("datagram %d is %q", i, buf[:k])
		}
		if i == 0 && from.(*net.UDPAddr).AddrPort().Addr().Unmap() != client.Addrs()[0] {
			t.Errorf("from %s", from)
		}
	}
	conn.Close()
	pc.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(n.Recording().Packets); got != many {
		t.Errorf("%d packets recorded, want %d", got, many)
	}
	for i, p := range n.Recording().Packets {
		checkFrame(t, i, p.Data)
	}
}

func TestNoRouteIsADrop(t *testing.T) {
	leakCheck(t)
	n, client, _ := pair(t, Config{}, "10.0.0.1", "10.0.0.2", time.Millisecond, time.Millisecond)
	conn, err := client.DialContext(t.Context(), "udp", "10.9.9.9:9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	d := n.Drops()
	if len(d) != 1 || d[0].Reason != ReasonNoRoute || d[0].From != "client" || d[0].Bytes != 20+8+8 || d[0].Dst != netip.MustParseAddr("10.9.9.9") {
		t.Errorf("drops: %+v", d)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if len(n.Recording().Packets) != 0 {
		t.Error("a packet without a link passed a capture point")
	}
}

func TestCloseUnderTraffic(t *testing.T) {
	leakCheck(t)
	n, client, server := pair(t, Config{}, "10.0.0.1", "10.0.0.2", 20*time.Millisecond, 20*time.Millisecond)
	l, err := server.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn)
		}
	}()
	conn, err := client.DialContext(t.Context(), "tcp", "10.0.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := conn.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}()
	time.Sleep(60 * time.Millisecond)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	l.Close()
	if err := n.Close(); err == nil {
		t.Error("the second Close says nothing")
	}
}

// The same seed gives the same ports and initial sequence numbers.
func TestSeed(t *testing.T) {
	syn := func(seed uint64) string {
		n, client, _ := pair(t, Config{Seed: seed}, "10.0.0.1", "10.0.0.2", time.Millisecond, time.Millisecond)
		conn, err := client.DialContext(t.Context(), "udp", "10.0.0.2:9")
		if err != nil {
			t.Fatal(err)
		}
		port := conn.LocalAddr().String()
		conn.Close()
		n.Close()
		return port
	}
	if a, b := syn(1), syn(1); a != b {
		t.Errorf("one seed, two ports: %s, %s", a, b)
	}
	if a, b := syn(1), syn(2); a == b {
		t.Errorf("two seeds, one port: %s", a)
	}
}

func TestBadConfig(t *testing.T) {
	if _, err := New(Config{MTU: 100}); err == nil {
		t.Error("MTU 100 was accepted")
	}
	if _, err := New(Config{At: 9}); err == nil {
		t.Error("position 9 was accepted")
	}
	if _, err := ParsePosition("roof"); err == nil || !strings.Contains(err.Error(), "client, middle, server") {
		t.Errorf("ParsePosition(roof): %v", err)
	}
	for _, s := range []string{"client", "middle", "server"} {
		if p, err := ParsePosition(s); err != nil || p.String() != s {
			t.Errorf("ParsePosition(%s) = %v, %v", s, p, err)
		}
	}
	n, client, server := pair(t, Config{}, "10.0.0.1", "10.0.0.2", 0, 0)
	defer n.Close()
	if err := n.Connect(client, server, Path{}, Path{}); err == nil {
		t.Error("a second link was accepted")
	}
	if err := n.Connect(client, server, Path{Delay: -1}, Path{}); err == nil {
		t.Error("a negative delay was accepted")
	}
	if _, err := n.AddHost("client", netip.MustParseAddr("10.0.0.9")); err == nil {
		t.Error("a name was accepted twice")
	}
	if _, err := n.AddHost("other", netip.MustParseAddr("10.0.0.1")); err == nil {
		t.Error("an address was accepted twice")
	}
	if _, err := client.DialContext(t.Context(), "tcp", "www.example.test:80"); err == nil {
		t.Error("a name was dialled")
	}
}
