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
