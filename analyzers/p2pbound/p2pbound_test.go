package p2pbound_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers/swarmtest"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/p2pbound"
	"github.com/wiretale/wiretale/events"
)

const (
	client = events.FromClient
	server = events.FromServer
	hash   = swarmtest.Hash
)

func value(t *testing.T, rows []analyzers.Row, key string) *p2pbound.Value {
	t.Helper()
	return foldtest.Value[*p2pbound.Value](t, rows, key)
}

// The textbook's curves: F/u = 1 h, u_s = 10·u, d_min ≥ u_s. One server: N/10
// hours, a straight line. A swarm: below one hour for any N.
func TestTextbook(t *testing.T) {
	const (
		hour = 3600.0
		u    = 1e5
		f    = u * hour
	)
	curve := p2pbound.Curve(100, f, 10*u, 10*u, u)
	if len(curve) != 100 {
		t.Fatal(len(curve))
	}
	for i, p := range curve {
		n := float64(i + 1)
		if p.Peers != i+1 || math.Abs(p.Server-n/10*hour) > 1e-6 {
			t.Errorf("%d: D_cs ≥ %v s, want %v h", p.Peers, p.Server, n/10)
		}
		if want := max(0.1, n/(10+n)); math.Abs(p.Swarm-want*hour) > 1e-6 || p.Swarm >= hour {
			t.Errorf("%d: D_p2p ≥ %v s, want %v h", p.Peers, p.Swarm, want)
		}
	}
	for _, x := range []struct {
		n          int
		cs, p2p, d float64 // hours; d: d_min in u
	}{{10, 1, 0.5, 10}, {30, 3, 0.75, 10}, {1, 0.5, 0.5, 2}} {
		if got := p2pbound.Server(x.n, f, 10*u, x.d*u) / hour; math.Abs(got-x.cs) > 1e-9 {
			t.Errorf("D_cs(%d) = %v h, want %v", x.n, got, x.cs)
		}
		if got := p2pbound.Swarm(x.n, f, 10*u, x.d*u, float64(x.n)*u) / hour; math.Abs(got-x.p2p) > 1e-9 {
			t.Errorf("D_p2p(%d) = %v h, want %v", x.n, got, x.p2p)
		}
	}
}

// A seed sends a file of two pieces of 100 kB, one each to B and C, which
// send them on. Blocks are 10 kB.
func swarm() *swarmtest.Swarm {
	s := &swarmtest.Swarm{}
	b, c, x := s.Dial("10.0.0.2", "10.0.0.1"), s.Dial("10.0.0.3", "10.0.0.1"), s.Dial("10.0.0.2", "10.0.0.3")
	for _, k := range []*swarmtest.Conn{b, c, x} {
		k.Hello(0)
	}
	for _, k := range []*swarmtest.Conn{b, c} {
		k.Bitfield(0.1, server, "c0")
		k.Say(0.2, client, "interested")
	}
	x.Say(0.2, client, "interested")
	x.Say(0.2, server, "interested")
	// The seed: a block each 50 ms in turn, 200 kB/s, from 1.0 s to 1.95 s.
	for i := range uint32(10) {
		b.Block(1+0.1*float64(i), server, "piece", 0, i*10000, 10000)
		c.Block(1.05+0.1*float64(i), server, "piece", 1, i*10000, 10000)
	}
	b.Have(1.9, client, 0)
	c.Have(1.95, client, 1)
	// B and C: a block each 100 ms, 100 kB/s, from 3.0 s to 3.9 s.
	for i := range uint32(10) {
		x.Block(3+0.1*float64(i), client, "piece", 0, i*10000, 10000)
		x.Block(3+0.1*float64(i), server, "piece", 1, i*10000, 10000)
	}
	b.Have(3.9, client, 1)
	c.Have(4, client, 0)
	return s
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestSwarm(t *testing.T) {
	s := swarm()
	v := value(t, foldtest.Rows(t, p2pbound.Question, s.In()...), hash)
	// F = 200 kB, N = 2, u_s = 200 kB/s, u_i = 100 kB/s each, d_i = 100 kB/s.
	if v.File != 200000 || v.FileBy != "blocks" || v.FileMost || v.N != 2 || v.Complete != 2 || v.Undecided != "" {
		t.Fatalf("%+v", v)
	}
	near(t, "u_s", v.SeedUp, 200e3)
	near(t, "Σu_i", v.SumUp, 200e3)
	near(t, "d_min", v.LeastDn, 100e3)
	near(t, "took", v.Took.Std().Seconds(), 4)
	near(t, "first", v.First.Std().Seconds(), 3.9)
	near(t, "D_cs", *v.BoundCS, 2)   // max(2·200/200, 200/100)
	near(t, "D_p2p", *v.BoundP2P, 2) // max(1, 2, 400/400)
	near(t, "stretch", *v.Stretch, 2)
	if v.P2PLimit != "F/d_min" || v.Saved == nil || math.Abs(*v.Saved+2) > 1e-6 || len(v.Curve) != 30 {
		t.Errorf("limit %s, saved %v, %d points", v.P2PLimit, *v.Saved, len(v.Curve))
	}
}

// Three clients GET 100 kB from one server at the same time, a fourth later.
func TestServer(t *testing.T) {
	s := &swarmtest.Swarm{}
	get := func(host string, from, to float64, n int64) {
		s.Dial(host, "192.0.2.1").Emit(to, server, &events.HTTPBody{Of: "response", Bytes: n, Complete: true, FirstFrame: 1, FirstTime: foldtest.Start.Add(events.Duration(from * 1e9))})
	}
	get("10.0.0.1", 1, 4, 100000)
	get("10.0.0.2", 1, 5, 100000)
	get("10.0.0.3", 2, 6, 100000)
	get("10.0.0.4", 2, 6, 100001) // another object
	get("10.0.0.5", 7, 8, 100000) // alone
	get("10.0.0.6", 9, 10, 1000)
	rows := foldtest.Rows(t, p2pbound.Question, s.Events...)
	if len(rows) != 1 {
		t.Fatalf("%q", foldtest.Keys(rows))
	}
	v := value(t, rows, "192.0.2.1:6881 100000 bytes")
	if v.N != 3 || v.Complete != 3 || v.File != 100000 || v.Took.Std().Seconds() != 5 || v.First.Std().Seconds() != 3 || v.CSLimit != "N·F/u_s" || v.BoundP2P != nil {
		t.Errorf("%+v", v)
	}
	near(t, "u_s", v.SeedUp, 60e3)
	near(t, "d_min", v.LeastDn, 25e3)
	near(t, "D_cs", *v.BoundCS, 5)
}

func TestUndecided(t *testing.T) {
	for _, x := range []struct {
		name, key, why string
		make           func() *swarmtest.Swarm
	}{
		{"encrypted", "encrypted (MSE)", "encrypted (MSE): neither the info hash nor a message can be read", func() *swarmtest.Swarm {
			s := &swarmtest.Swarm{}
			s.Dial("10.0.0.1", "10.0.0.2").Encrypted(0)
			return s
		}},
		{"midway", "info hash not captured", "joined midway: no handshake was captured, so neither the info hash nor who has what is known", func() *swarmtest.Swarm {
			s := &swarmtest.Swarm{}
			c := s.Dial("10.0.0.1", "10.0.0.2")
			c.Hash = ""
			c.Block(1, server, "piece", 0, 0, 16384)
			return s
		}},
		{"one direction", hash, "one direction only: nothing that it sent was captured", func() *swarmtest.Swarm {
			s := swarm()
			kept := s.Events[:0]
			for _, e := range s.Events {
				if !(e.From == client && e.Flow.Client == events.Addr4([4]byte{10, 0, 0, 2})) {
					kept = append(kept, e)
				}
			}
			s.Events = kept
			return s
		}},
		{"no file", hash, "how long the file is does not show", func() *swarmtest.Swarm {
			s := &swarmtest.Swarm{}
			c := s.Dial("10.0.0.1", "10.0.0.2")
			c.Hello(0)
			c.Bitfield(1, server, "c0")
			return s
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			v := value(t, foldtest.Rows(t, p2pbound.Question, x.make().In()...), x.key)
			if v.Undecided != x.why || v.BoundP2P != nil || v.BoundCS != nil {
				t.Errorf("%+v, want %q", v, x.why)
			}
		})
	}
}

// What a peer that has nothing says to a tracker is the length of the file.
func TestLeft(t *testing.T) {
	s := swarm()
	left := int64(199_500)
	c := s.Dial("10.0.0.2", "192.0.2.10")
	c.Emit(0, client, &events.TrackerRequest{Tracker: "http", Action: "announce", InfoHash: hash, Left: &left})
	v := value(t, foldtest.Rows(t, p2pbound.Question, s.In()...), hash)
	if v.File != left || v.FileBy != "tracker_left" {
		t.Errorf("F %d by %s", v.File, v.FileBy)
	}
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &swarmtest.Swarm{}
	c := s.Dial("10.0.0.1", "10.0.0.2")
	c.Hello(0)
	for i := range uint32(64) {
		c.Block(1.5+float64(i), server, "piece", i, 0, 16384)
	}
	run := p2pbound.Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	for _, e := range s.Events[:2] {
		run.Step(e, emit)
	}
	b.ReportAllocs()
	rest := s.Events[2:]
	for i := 0; b.Loop(); i++ {
		e := rest[i%len(rest)]
		e.Time = foldtest.Start.Add(events.Duration(100e9 + 1e6*int64(i)))
		run.Step(e, emit)
	}
}

func ExampleSwarm() {
	// F/u = 1 h, u_s = 10·u, ten peers: half an hour, where a server takes one.
	fmt.Println(p2pbound.Swarm(10, 3600, 10, 10, 10), p2pbound.Server(10, 3600, 10, 10))
	// Output: 1800 3600
}
