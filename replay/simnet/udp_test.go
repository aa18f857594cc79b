package simnet

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

// The fragments of a datagram have one identification, which is not that of
// the next one's.
func TestFragments(t *testing.T) {
	n, err := New(Config{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	a, err := n.AddHost("a", netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.AddHost("b", netip.MustParseAddr("192.0.2.2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(a, b, Path{}, Path{}); err != nil {
		t.Fatal(err)
	}
	in, err := b.ListenPacket("udp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := a.ListenPacket("udp", ":5000")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	const datagrams, size = 3, 3000
	buf := make([]byte, 2*size)
	for range datagrams {
		if _, err := out.WriteTo(make([]byte, size), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 53}); err != nil {
			t.Fatal(err)
		}
		if err := in.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := in.ReadFrom(buf); err != nil || n != size {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	perID := map[uint16]int{}
	for _, p := range n.Recording().Packets {
		ip := p.Data[etherLen:]
		if ip[6]&0x40 != 0 {
			t.Error("a fragment that must not be fragmented")
		}
		perID[binary.BigEndian.Uint16(ip[4:])]++
	}
	if len(perID) != datagrams {
		t.Errorf("%d datagrams have %d identifications", datagrams, len(perID))
	}
	for id, n := range perID {
		if n != 3 {
			t.Errorf("identification %#x: %d fragments, not 3", id, n)
		}
	}
}
