package simnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// shower sends many datagrams, each of its own length (8 bytes and more), and
// returns which arrived, in order of arrival, as numbers from 0.
func shower(t *testing.T, n *Network, client, server *Host, many int) []int {
	t.Helper()
	to := netip.AddrPortFrom(server.Addrs()[0], 9000)
	pc, err := server.ListenPacket("udp", ":9000")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	conn, err := client.DialContext(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := make(chan []int, 1)
	go func() {
		var out []int
		buf := make([]byte, 2000)
		for {
			k, _, err := pc.ReadFrom(buf)
			if err != nil {
				got <- out
				return
			}
			out = append(out, k-8)
		}
	}()
	for i := range many {
		if _, err := conn.Write(make([]byte, 8+i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Quiet(t.Context(), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the application reads what has arrived
	pc.Close()
	return <-got
}

func link(t *testing.T, cfg Config, there, back Path) (*Network, *Host, *Host) {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() }) // a test that fails leaves it open
	c, err := n.AddHost("client", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.AddHost("server", netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("2001:db8::2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(c, s, there, back); err != nil {
		t.Fatal(err)
	}
	return n, c, s
}

// What the receiver misses is exactly what the network says that it dropped,
// and the capture has what passed its point.
func TestDropsAreExact(t *testing.T) {
	const many = 400
	for _, c := range []struct {
		name   string
		path   Path
		reason string
		at     Position
		seen   bool // what was dropped is in the capture
	}{
		{"loss at the client", Path{Delay: time.Millisecond, Loss: 0.2}, ReasonLoss, AtClient, true},
		{"loss in the middle", Path{Delay: time.Millisecond, Loss: 0.2}, ReasonLoss, AtMiddle, true},
		{"loss at the server", Path{Delay: time.Millisecond, Loss: 0.2}, ReasonLoss, AtServer, false},
		{"queue at the client", Path{Rate: 2e6, Queue: 20_000}, ReasonQueue, AtClient, true},
		{"queue in the middle", Path{Rate: 2e6, Queue: 20_000}, ReasonQueue, AtMiddle, false},
		{"chosen at the server", Path{Drop: func(_ []byte, before uint64) bool { return before%3 == 0 }}, ReasonChosen, AtServer, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, client, server := link(t, Config{Seed: 5, At: c.at}, c.path, Path{})
			got := shower(t, n, client, server, many)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			rec := n.Recording()
			var lost []int
			for _, d := range rec.Drops {
				if d.Reason != c.reason || d.From != "client" || d.To != "server" || d.Proto != "udp" || d.DstPort != 9000 ||
					d.Bytes != 28+d.Payload || d.Captured != c.seen {
					t.Errorf("%+v", d)
				}
				lost = append(lost, d.Payload-8)
			}
			if !slices.IsSorted(got) {
				t.Error("the order has changed")
			}
			all := append(slices.Clone(got), lost...)
			slices.Sort(all)
			if len(all) != many || all[0] != 0 || all[many-1] != many-1 || len(slices.Compact(slices.Clone(all))) != many {
				t.Errorf("%d arrived, %d were dropped, of %d", len(got), len(lost), many)
			}
			if len(lost) == 0 || len(got) == 0 {
				t.Errorf("%d arrived, %d were dropped: this tests nothing", len(got), len(lost))
			}
			want := len(got)
			if c.seen {
				want = many
			}
			if len(rec.Packets) != want {
				t.Errorf("%d packets in the capture, want %d", len(rec.Packets), want)
			}
			if s := rec.Paths[0]; s.Packets != many || s.Dropped != uint64(len(lost)) {
				t.Errorf("%+v", s)
			}
			for i, p := range rec.Packets {
				checkFrame(t, i, p.Data)
			}
		})
	}
}

// A packet that is held back comes right after the next one; the last one
// comes too, though none passes it.
func TestReorder(t *testing.T) {
	t.Parallel()
	const many = 300
	n, client, server := link(t, Config{Seed: 6, At: AtServer}, Path{Delay: time.Millisecond, Reorder: 0.2}, Path{})
	got := shower(t, n, client, server, many)
	n.Close()
	swapped := 0
	for i := 0; i < len(got); i++ {
		switch {
		case got[i] == i:
		case i+1 < len(got) && got[i] == i+1 && got[i+1] == i:
			swapped++
			i++
		default:
			t.Fatalf("place %d has packet %d", i, got[i])
		}
	}
	if len(got) != many || swapped < many/12 || swapped > many/3 {
		t.Errorf("%d of %d arrived, %d pairs swapped", len(got), many, swapped)
	}

	n, client, server = link(t, Config{}, Path{Delay: time.Millisecond, Reorder: 1}, Path{})
	if got := shower(t, n, client, server, 1); len(got) != 1 {
		t.Error("a packet that none passed never arrived")
	}
	n.Close()
}

// TCP gets everything through, over each family, whatever the link does.
func TestTCPOverABadLink(t *testing.T) {
	for name, p := range map[string]Path{
		"loss":    {Delay: 5 * time.Millisecond, Loss: 0.03},
		"rate":    {Delay: 5 * time.Millisecond, Rate: 5e6, Queue: 15_000},
		"reorder": {Delay: 2 * time.Millisecond, Reorder: 0.05, Jitter: time.Millisecond},
	} {
		for _, server := range []string{"10.0.0.2", "2001:db8::2"} {
			t.Run(name+"/"+server, func(t *testing.T) {
				t.Parallel()
				n, c, s := link(t, Config{Seed: 8, MTU: 1280}, p, p)
				payload := bytes.Repeat([]byte("0123456789abcdef"), 8_000)
				transfer(t, c, s, server, "80", payload)
				n.Close()
				rec := n.Recording()
				var lost, segments int
				for _, d := range rec.Drops {
					if d.Proto != "tcp" || d.Reason != ReasonLoss && d.Reason != ReasonQueue {
						t.Errorf("%+v", d)
					}
					lost++
				}
				for i, k := range rec.Packets {
					if _, tcp := checkFrame(t, i, k.Data); len(k.Data) > etherLen+1280 {
						t.Fatalf("packet %d: %d bytes", i, len(k.Data))
					} else if tcp[13]&0xc0 != 0 {
						t.Fatalf("packet %d: ECN", i) // ECE and CWR
					} else if len(tcp) > int(tcp[12]>>4)*4 {
						segments++
					}
				}
				t.Logf("%d segments, %d drops", segments, lost)
				if name == "reorder" != (lost == 0) {
					t.Errorf("%d drops", lost)
				}
			})
		}
	}
}

func transfer(t *testing.T, c, s *Host, server, port string, payload []byte) {
	t.Helper()
	l, err := s.Listen("tcp", "[::]:"+port) // both families
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Write(payload)
		conn.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	conn, err := c.DialContext(ctx, "tcp", net.JoinHostPort(server, port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("read %d of %d bytes: %v", len(got), len(payload), err)
	}
}

// A false source: the server's answer goes to the one whose address it is.
func TestSendIP(t *testing.T) {
	leakCheck(t)
	n, liar, server := link(t, Config{At: AtServer}, Path{}, Path{})
	victim, err := n.AddHost("victim", netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("2001:db8::3"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(victim, server, Path{}, Path{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, dst string }{{"10.0.0.3:4000", "10.0.0.2:53"}, {"[2001:db8::3]:4000", "[2001:db8::2]:53"}} {
		src, dst := netip.MustParseAddrPort(c.src), netip.MustParseAddrPort(c.dst)
		at, err := victim.ListenPacket("udp", c.src)
		if err != nil {
			t.Fatal(err)
		}
		pc, err := server.ListenPacket("udp", c.dst)
		if err != nil {
			t.Fatal(err)
		}
		ip, err := Datagram(src, dst, 7, []byte("who am I?"))
		if err != nil {
			t.Fatal(err)
		}
		if err := liar.SendIP(ip); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		pc.SetReadDeadline(time.Now().Add(20 * time.Second))
		k, from, err := pc.ReadFrom(buf)
		if err != nil || string(buf[:k]) != "who am I?" || from.(*net.UDPAddr).AddrPort() != src {
			t.Fatalf("%q from %v: %v", buf[:k], from, err)
		}
		if _, err := pc.WriteTo([]byte("not who you said"), from); err != nil {
			t.Fatal(err)
		}
		at.SetReadDeadline(time.Now().Add(20 * time.Second))
		if k, _, err = at.ReadFrom(buf); err != nil || string(buf[:k]) != "not who you said" {
			t.Fatalf("%q: %v", buf[:k], err)
		}
		at.Close()
		pc.Close()
	}
	n.Close()
	if d := n.Drops(); len(d) != 0 {
		t.Errorf("%+v", d)
	}
	if got := len(n.Recording().Packets); got != 4 {
		t.Errorf("%d packets, want 4", got)
	}
	for i, p := range n.Recording().Packets {
		checkFrame(t, i, p.Data)
	}
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[2001:db8::2]:53")
	if _, err := Datagram(a, b, 0, nil); err == nil {
		t.Error("a datagram between two families")
	}
	if err := liar.SendIP([]byte("no packet")); err == nil {
		t.Error("what is no packet was sent")
	}
	if _, err := Datagram(a, a, 0, make([]byte, 65508)); err == nil {
		t.Error("a datagram that is too long")
	}
}

// client - router - server, with the slow link behind the router, and capture
// points at both ends of it.
func TestRouter(t *testing.T) {
	leakCheck(t)
	n, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	var hosts []*Host
	for i, name := range []string{"client", "router", "server"} {
		h, err := n.AddHost(name, netip.MustParseAddr(fmt.Sprintf("10.0.%d.1", i)), netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i)))
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	client, router, server := hosts[0], hosts[1], hosts[2]
	if err := client.Route(netip.MustParsePrefix("10.0.2.0/24"), router); err == nil {
		t.Error("a route over a host to which there is no link")
	}
	if err := n.ConnectAt(client, router, Path{}, Path{}); err != nil {
		t.Fatal(err)
	}
	slow := Path{Delay: 2 * time.Millisecond, Rate: 20e6}
	if err := n.ConnectAt(router, server, slow, slow, AtClient, AtServer); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		host *Host
		to   string
	}{{client, "0.0.0.0/0"}, {client, "::/0"}, {server, "10.0.0.0/16"}, {server, "2001:db8::/32"}} {
		if err := r.host.Route(netip.MustParsePrefix(r.to), router); err != nil {
			t.Fatal(err)
		}
	}
	payload := bytes.Repeat([]byte("x"), 50_000)
	transfer(t, client, server, "10.0.2.1", "80", payload)
	transfer(t, client, server, "2001:db8:2::1", "81", payload)
	if err := n.Quiet(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	// A packet that has no hop left dies at the router.
	ip, err := Datagram(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.2.1:9"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	ip[8] = 1 // TTL; its checksum is looked at by nobody on the way
	if err := client.SendIP(ip); err != nil {
		t.Fatal(err)
	}
	if err := n.Quiet(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	n.Close()
	rec := n.Recording()
	if len(rec.Drops) != 1 || rec.Drops[0].Reason != ReasonTTL || rec.Drops[0].From != "router" {
		t.Errorf("drops: %+v", rec.Drops)
	}
	if !slices.Equal(rec.Interfaces, []string{"router", "server"}) {
		t.Errorf("interfaces: %v", rec.Interfaces)
	}
	count := map[uint16]int{}
	for i, p := range rec.Packets {
		count[p.Iface]++
		checkFrame(t, i, p.Data)
		ip := p.Data[etherLen:]
		ttl, back := ip[8], ip[12:16]
		if ip[0]>>4 == 6 {
			ttl, back = ip[7], ip[8:24]
		}
		want := byte(63) // from the client, over the router
		if a, _ := netip.AddrFromSlice(back); slices.Contains(server.addrs, a) {
			want = 64
		}
		if ttl != want {
			t.Fatalf("packet %d: TTL %d, want %d", i, ttl, want)
		}
		if mac := p.Data[6:12]; binary.BigEndian.Uint16(mac[4:]) == 1 {
			t.Fatalf("packet %d bears the client's MAC behind the router", i)
		}
	}
	if count[0] == 0 || count[0] != count[1] {
		t.Errorf("%d packets at one end, %d at the other", count[0], count[1])
	}
}

func TestDialFrom(t *testing.T) {
	n, client, server := link(t, Config{}, Path{}, Path{})
	defer n.Close()
	l, err := client.Listen("tcp", ":2000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := server.DialFrom(t.Context(), "tcp", ":20", "10.0.0.1:2000") // as FTP's active mode
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if a := conn.LocalAddr().(*net.TCPAddr).AddrPort(); a.Port() != 20 {
		t.Errorf("from %s", a)
	}
	for _, bad := range []string{":x", "nowhere"} {
		if _, err := server.DialFrom(t.Context(), "tcp", bad, "10.0.0.1:2000"); err == nil {
			t.Errorf("dialled from %q", bad)
		}
	}
}

// The MTU is that of each family's rules.
func TestMTU(t *testing.T) {
	n, err := New(Config{MTU: 576})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.AddHost("six", netip.MustParseAddr("2001:db8::1")); err == nil {
		t.Error("IPv6 over an MTU of 576")
	}
	c, err := n.AddHost("c", netip.MustParseAddr("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.AddHost("s", netip.MustParseAddr("10.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(c, s, Path{}, Path{}); err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			conn.Write(make([]byte, 5000))
			conn.Close()
		}
	}()
	conn, err := c.DialContext(t.Context(), "tcp", "10.0.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if got, err := io.ReadAll(conn); err != nil || len(got) != 5000 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	longest := 0
	for _, p := range n.Recording().Packets {
		longest = max(longest, len(p.Data)-etherLen)
	}
	if longest > 576 || longest < 500 {
		t.Errorf("the longest packet has %d bytes", longest)
	}
}
