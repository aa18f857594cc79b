package simnet

import (
	"net/netip"
	"testing"
	"time"
)

// Two connections from one port to two others, one after the other, the first
// of them in TIME-WAIT.
func TestDialFromTheSamePort(t *testing.T) {
	n, err := New(Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	a, err := n.AddHost("a", netip.MustParseAddr("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.AddHost("b", netip.MustParseAddr("10.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Connect(a, b, Path{Delay: time.Millisecond}, Path{Delay: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"10.0.0.2:1001", "10.0.0.2:1002"} {
		l, err := b.Listen("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := a.DialFrom(t.Context(), "tcp", ":20", to)
		if err != nil {
			t.Fatal(to, err)
		}
		if got := c.LocalAddr().String(); got != "10.0.0.1:20" {
			t.Errorf("dialled from %s", got)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close() // first: TIME-WAIT is here
		s.Close()
	}
}
