package btpeers_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/analyzers/btpeers"
	"github.com/wiretale/wiretale/analyzers/btpeers/swarmtest"
	"github.com/wiretale/wiretale/events"
)

func TestPieces(t *testing.T) {
	p := btpeers.OfHex("8001ff")
	want := []int{0, 15, 16, 17, 18, 19, 20, 21, 22, 23}
	var got []int
	p.Each(func(i int) { got = append(got, i) })
	if !slices.Equal(got, want) || p.Count() != len(want) || p.Top() != 23 || p.Has(1) || p.Has(1<<20) {
		t.Errorf("%v, want %v", got, want)
	}
	if h := p.Hex(24); h != "8001ff" {
		t.Errorf("back as %s", h)
	}
	// A bitfield of 10 pieces has two bytes.
	var q btpeers.Pieces
	q.Set(9)
	if h := q.Hex(10); h != "0040" || q.Top() != 9 {
		t.Errorf("%s, top %d", h, q.Top())
	}
	if btpeers.OfHex("").Top() != -1 {
		t.Error("nothing has a highest piece")
	}
}

// play tells the moments of a conversation, one a line.
func play(s *swarmtest.Swarm, l events.Limits) (*btpeers.Table, []string) {
	tab := btpeers.New(&l)
	var out []string
	do := func(m *btpeers.Moment) {
		out = append(out, fmt.Sprintf("%d %d %v %s %v", m.At%1e12/1e6, m.Frame, m.What, m.Peer().Name(), m.Sent))
	}
	for _, e := range s.In() {
		if btpeers.Wanted(e) {
			tab.Take(e, do)
		}
	}
	tab.Close(do)
	return tab, out
}

// A have that passed the capture before a request left later than it came,
// and each end has its own order.
func TestMoments(t *testing.T) {
	s := &swarmtest.Swarm{}
	c := s.Dial("10.0.0.1", "10.0.0.2")
	c.Trips(0, 0.0002, 0.1) // made at the server: the client is 50 ms away
	c.Hello(1)
	c.Say(2, events.FromServer, "unchoke")
	c.Block(2.03, events.FromClient, "request", 0, 0, 1) // left at 1.98 s, before it was unchoked
	c.Block(2.2, events.FromClient, "request", 0, 1, 1)
	_, got := play(s, events.DefaultLimits())
	// The unchoke comes at 2.049 s by the handshake; the request that it led to
	// passed 30 ms after it, so that the client is 15 ms away, not 50.
	if len(got) != 2*2+2*3 {
		t.Fatalf("%d moments, want two of each message: %q", len(got), got)
	}
	// At the client: unchoked, then asking, never the other way round.
	at := func(what string) int {
		return slices.IndexFunc(got, func(x string) bool { return len(x) > len(what) && x[len(x)-len(what):] == what })
	}
	unchoked := at(fmt.Sprintf("5 %v 10.0.0.1 false", btpeers.Unchoke))
	asks := at(fmt.Sprintf("6 %v 10.0.0.1 true", btpeers.Request))
	if unchoked < 0 || asks < 0 || asks < unchoked {
		t.Errorf("unchoked at place %d, asks at %d of %q", unchoked, asks, got)
	}
}

// A have that the capture saw at 2 s, at the server, comes to the client 50 ms
// later (less haste), if it is not lost on the way: its ACK says so.
func TestSettled(t *testing.T) {
	const none = -1
	ack := func(c *swarmtest.Conn, at float64, of uint64, trip float64) { c.Ack(at, events.FromClient, of, trip) }
	for _, c := range []struct {
		name string
		acks func(c *swarmtest.Conn, have uint64)
		at   float64
		but  int
		want bool
	}{
		{"before it came", func(c *swarmtest.Conn, have uint64) { ack(c, 2.1, have, 0.1) }, 2.04, none, true},
		{"at that moment", func(c *swarmtest.Conn, have uint64) { ack(c, 2.1, have, 0.1) }, 2.0495, none, false},
		{"it is why the peer acts", func(c *swarmtest.Conn, have uint64) { ack(c, 2.1, have, 0.1) }, 2.0495, 7, true},
		{"after it came", func(c *swarmtest.Conn, have uint64) { ack(c, 2.1, have, 0.1) }, 2.06, none, true},
		{"its ACK waited for another segment", func(c *swarmtest.Conn, have uint64) { ack(c, 2.14, have, 0.14) }, 2.06, none, true},
		{"no ACK", func(c *swarmtest.Conn, have uint64) { ack(c, 1.9, have-1, 0.1) }, 2.9, none, false},
		{"it came late: before", func(c *swarmtest.Conn, have uint64) { ack(c, 2.5, have, 0.5) }, 2.4, none, false},
		{"it came late: after", func(c *swarmtest.Conn, have uint64) { ack(c, 2.5, have, 0.5) }, 2.46, none, true},
		// Sent again, it gives no sample (Karn), but what was sent after it does.
		{"ACK of a later segment: before", func(c *swarmtest.Conn, have uint64) { ack(c, 2.5, have+1, 0.1) }, 2.44, none, false},
		{"ACK of a later segment: after", func(c *swarmtest.Conn, have uint64) { ack(c, 2.5, have+1, 0.1) }, 2.46, none, true},
		{"a SACK: something before it is missing", func(c *swarmtest.Conn, have uint64) {
			c.Emit(2.1, events.FromClient, &events.TCPRTT{Of: events.RTTData, SegmentFrame: have, RTT: 1e8, SACK: true})
		}, 2.2, none, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &swarmtest.Swarm{}
			x := s.Dial("10.0.0.1", "10.0.0.2")
			x.Trips(0, 0.0002, 0.1)
			x.Hello(1)
			c.acks(x, x.Have(2, events.FromServer, 7))
			l := events.DefaultLimits()
			tab := btpeers.New(&l)
			for _, e := range s.Events {
				tab.Take(e, func(*btpeers.Moment) {})
			}
			side := &tab.Swarm(swarmtest.Hash).Conns[0].Sides[events.FromClient]
			if got := side.Settled(swarmtest.Start.Add(events.Duration(c.at*1e9)), c.but); got != c.want {
				t.Errorf("settled: %v", got)
			}
		})
	}
}

// Moments come in the order of their times, whatever the order in which
// connections of different distance bring them.
func TestOrder(t *testing.T) {
	s := &swarmtest.Swarm{}
	rnd := rand.New(rand.NewPCG(1, 2))
	var cs []*swarmtest.Conn
	for i := range 5 {
		c := s.Dial("10.0.0.1", fmt.Sprintf("10.0.0.%d", i+2))
		c.Trips(0, 0.01*float64(i+1), 0.05*float64(5-i))
		c.Hello(1)
		cs = append(cs, c)
	}
	for i := range 200 {
		cs[rnd.IntN(5)].Have(2+0.003*float64(i), events.Dir(rnd.IntN(2)), uint32(i))
	}
	l := events.DefaultLimits()
	tab := btpeers.New(&l)
	var last events.Time
	n := 0
	do := func(m *btpeers.Moment) {
		if m.At < last {
			t.Errorf("frame %d: %d after %d", m.Frame, m.At, last)
		}
		last = m.At
		n++
	}
	for _, e := range s.In() {
		tab.Take(e, do)
	}
	tab.Close(do)
	if n != 2*(10+200) {
		t.Errorf("%d moments, want two of each message", n)
	}
}

// A peer is known by its id on all its connections, and by its address until
// that came.
func TestWho(t *testing.T) {
	s := &swarmtest.Swarm{}
	a, b := s.Dial("10.0.0.1", "10.0.0.2"), s.Dial("10.0.0.3", "10.0.0.1")
	b.IDs[1] = a.IDs[0]
	a.Hello(0)
	b.Hello(1)
	tab, _ := play(s, events.DefaultLimits())
	w := tab.Swarm(swarmtest.Hash)
	var names []string
	for _, p := range w.Peers {
		if !p.Absent() {
			names = append(names, fmt.Sprintf("%s %d", p.Name(), len(p.Conns)))
		}
	}
	if want := []string{"10.0.0.1:6881 2", "10.0.0.2:6881 1", "10.0.0.3 1"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if v := w.Viewpoint(); v == nil || v.Name() != "10.0.0.1:6881" {
		t.Errorf("viewpoint %v", v)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldPending = 1
	s := &swarmtest.Swarm{}
	for i := range 40 {
		s.Dial(fmt.Sprintf("10.0.1.%d", i+1), "10.0.0.1").Hello(float64(i))
	}
	tab, _ := play(s, l)
	w := tab.Swarm(swarmtest.Hash)
	if len(w.Conns) > 16 || len(w.Peers) > 18 || w.Stray == 0 || tab.Limited == 0 {
		t.Errorf("%d connections, %d peers, %d left out", len(w.Conns), len(w.Peers), w.Stray)
	}
}
