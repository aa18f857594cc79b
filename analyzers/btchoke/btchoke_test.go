package btchoke_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btchoke"
	"github.com/wiretale/wiretale/analyzers/btpeers/swarmtest"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	client = events.FromClient
	server = events.FromServer
	hash   = swarmtest.Hash
)

func value(t *testing.T, rows []analyzers.Row, key string) *btchoke.Value {
	t.Helper()
	return foldtest.Value[*btchoke.Value](t, rows, key)
}

func isNear(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1e-9 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// rounds are the example of docs/analyses/bt.choke.md: P, 10.0.0.9, has six
// neighbours A to F that are interested. Rounds are 10 s apart, at 5, 15, …;
// in each one E and F are choked or unchoked in turn, which shows the period.
// In the 20 s before 45 s A sent 400 kB, B 300, C 200, D 100, E fifth, F none;
// at 45 s F is unchoked, and E is choked.
func rounds(fifth uint32) (*swarmtest.Swarm, []*swarmtest.Conn) {
	s := &swarmtest.Swarm{}
	var cs []*swarmtest.Conn
	for i := range 6 {
		c := s.Dial("10.0.0.9", fmt.Sprintf("10.0.0.%d", i+1))
		cs = append(cs, c)
		c.Hello(0)
		c.Bitfield(0.1, server, "c0")
		c.Bitfield(0.1, client, "20")
		c.Say(1, server, "interested")
		c.Say(1.1, client, "interested")
	}
	for _, c := range cs[:4] {
		c.Say(5, client, "unchoke")
	}
	cs[4].Say(5, client, "unchoke")
	cs[4].Say(15, client, "choke")
	cs[5].Say(15, client, "unchoke")
	cs[5].Say(25, client, "choke")
	cs[4].Say(25, client, "unchoke")
	cs[4].Say(35, client, "choke")
	cs[5].Say(35, client, "unchoke")
	for i, n := range []uint32{400e3, 300e3, 200e3, 100e3, fifth} {
		if n > 0 {
			cs[i].Block(30, client, "request", 0, 0, n)
			cs[i].Block(40, server, "piece", 0, 0, n)
		}
	}
	cs[5].Say(36, client, "choke") // out of turn
	cs[4].Say(36, client, "unchoke")
	cs[4].Say(45, client, "choke")
	cs[5].Say(45, client, "unchoke")
	cs[0].Say(55, client, "choke")
	return s, cs
}

func TestExample(t *testing.T) {
	for _, x := range []struct {
		fifth uint32
		slot  btchoke.Slot
		why   string
	}{
		{50e3, btchoke.Optimistic, "four sent more"},
		{100e3, btchoke.Optimistic, "four sent more"}, // five sent more
	} {
		s, _ := rounds(x.fifth)
		v := value(t, foldtest.Rows(t, btchoke.Question, s.In()...), hash+" 10.0.0.9")
		if v.Period == nil || math.Abs(v.Period.Std().Seconds()-10) > 0.2 {
			t.Fatalf("period %v of %+v", v.Period.Std(), v.Decisions)
		}
		d := v.Decisions[len(v.Decisions)-2]
		if d.What == "choke" {
			d = v.Decisions[len(v.Decisions)-3]
		}
		if d.What != "unchoke" || d.Of != "10.0.0.6:6881" || d.Slot != x.slot || d.Why != x.why || d.Rivals != 6 || d.Rank != 6 && x.fifth > 0 {
			t.Errorf("%+v, want %s", d, x.slot)
		}
		for _, r := range v.Rounds {
			if math.Abs(r.Time.Std().Sub(foldtest.Start.Std()).Seconds()-45) > 0.5 {
				continue
			}
			if len(r.Ranked) != 6 || r.Ranked[0].Peer != "10.0.0.1:6881" || math.Abs(r.Ranked[0].Rate-20e3) > 500 || !r.Ranked[3].Unchoked || r.Ranked[4].Unchoked || !r.Ranked[5].Unchoked {
				t.Errorf("round %+v", r)
			}
		}
		if v.Took != 1e6+int64(x.fifth) || v.Gave != 0 {
			t.Errorf("took %d, gave %d", v.Took, v.Gave)
		}
	}
}

// The unchoke of one of two that sent as much, for the last slot.
func TestTie(t *testing.T) {
	s := &swarmtest.Swarm{}
	var cs []*swarmtest.Conn
	for i := range 5 {
		c := s.Dial("10.0.0.9", fmt.Sprintf("10.0.0.%d", i+1))
		cs = append(cs, c)
		c.Hello(0)
		c.Bitfield(0.1, server, "c0")
		c.Say(1, server, "interested")
	}
	for i, at := range []float64{5, 15, 25, 35, 45, 55} { // what shows the period
		what := []string{"unchoke", "choke"}[i%2]
		cs[0].Say(at, client, what)
		cs[1].Say(at, client, []string{"unchoke", "choke"}[(i+1)%2])
	}
	for i, n := range []uint32{400e3, 300e3, 200e3, 100e3, 100e3} {
		cs[i].Block(60, server, "piece", 0, 0, n)
	}
	cs[4].Say(65, client, "unchoke")
	v := value(t, foldtest.Rows(t, btchoke.Question, s.In()...), hash+" 10.0.0.9")
	if d := v.Decisions[len(v.Decisions)-1]; d.Slot != btchoke.Undecided || d.Rank != 4 || d.Rivals != 5 {
		t.Errorf("period %v: %+v", v.Period, d)
	}
}

// Who takes, is wanted, and gives nothing; who is not wanted; who gives.
func TestFreeRider(t *testing.T) {
	for _, x := range []struct {
		name          string
		wanted, gives bool
		want          btchoke.Verdict
	}{
		{"rides", true, false, btchoke.Yes},
		{"has nothing", false, false, btchoke.Unknown},
		{"gives", true, true, btchoke.No},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := &swarmtest.Swarm{}
			c, d := s.Dial("10.0.0.1", "10.0.0.2"), s.Dial("10.0.0.2", "10.0.0.3")
			e := s.Dial("10.0.0.1", "10.0.0.3")
			for _, k := range []*swarmtest.Conn{c, d, e} {
				k.Hello(0)
				k.Bitfield(0.1, client, "80")
				k.Bitfield(0.1, server, "40")
			}
			if x.wanted {
				c.Say(1, server, "interested")
			}
			c.Say(2, server, "unchoke")
			c.Block(3, client, "request", 1, 0, 1000)
			c.Block(4, server, "piece", 1, 0, 1000)
			if x.gives {
				c.Say(5, client, "unchoke")
				c.Block(6, server, "request", 0, 0, 500)
				c.Block(7, client, "piece", 0, 0, 500)
			}
			c.Say(40, server, "not_interested")
			v := value(t, foldtest.Rows(t, btchoke.Question, s.In()...), hash+" 10.0.0.1")
			if v.FreeRider != x.want || v.Took != 1000 {
				t.Errorf("%+v, want %s", v, x.want)
			}
			if x.gives {
				isNear(t, "returned", v.Returned, 1)
			}
			if x.wanted && v.Opportunity.Std().Seconds() != 39 {
				t.Errorf("wanted for %v, want 39 s", v.Opportunity)
			}
		})
	}
}

// 70 s without a block that is owed: snubbed; 50 s: not, for rounds are taken
// to be 10 s.
func TestSnubbed(t *testing.T) {
	for _, wait := range []float64{50, 70} {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Hello(0)
		c.Say(1, server, "unchoke")
		c.Block(2, client, "request", 0, 0, 1000)
		c.Block(2, client, "request", 0, 1000, 1000)
		c.Block(4, server, "piece", 0, 0, 1000)
		c.Block(4+wait, server, "piece", 0, 1000, 1000)
		v := value(t, foldtest.Rows(t, btchoke.Question, s.In()...), hash+" 10.0.0.1")
		if wait < 60 && len(v.Snubbed) != 0 || wait > 60 && (len(v.Snubbed) != 1 || v.Snubbed[0].For.Std().Seconds() != wait || v.Snubbed[0].By != "10.0.0.2:6881") {
			t.Errorf("%v s: %+v", wait, v.Snubbed)
		}
	}
}

// A seed has no rates to go by.
func TestSeed(t *testing.T) {
	s := &swarmtest.Swarm{}
	for i := range 6 {
		c := s.Dial(fmt.Sprintf("10.0.0.%d", i+1), "10.0.0.9")
		c.Hello(0)
		c.Bitfield(0.1, server, "c0")
		c.Say(1, client, "interested")
		c.Say(5, server, "unchoke")
	}
	v := value(t, foldtest.Rows(t, btchoke.Question, s.In()...), hash+" 10.0.0.9:6881")
	if v.SeedSince == nil || v.Unchokes != 6 {
		t.Fatalf("%+v", v)
	}
	for _, d := range v.Decisions {
		if d.Slot != btchoke.Seeding {
			t.Errorf("%+v", d)
		}
	}
}

func TestUndecided(t *testing.T) {
	t.Run("encrypted", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		s.Dial("10.0.0.1", "10.0.0.2").Encrypted(0)
		rows := foldtest.Rows(t, btchoke.Question, s.In()...)
		if v := value(t, rows, "encrypted (MSE)"); len(rows) != 1 || v.Undecided == "" || v.FreeRider != btchoke.Unknown {
			t.Errorf("%+v", v)
		}
	})
	t.Run("midway", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Hash = ""
		c.Say(1, server, "unchoke")
		rows := foldtest.Rows(t, btchoke.Question, s.In()...)
		v := value(t, rows, "info hash not captured 10.0.0.2:6881")
		if v.Undecided == "" || len(v.Decisions) != 1 || v.Decisions[0].Slot != btchoke.Undecided {
			t.Errorf("%+v", v)
		}
	})
	t.Run("one direction", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Greet(0, client)
		c.Say(1, client, "unchoke")
		rows := foldtest.Rows(t, btchoke.Question, s.In()...)
		if v := value(t, rows, hash+" 10.0.0.2:6881"); v.Undecided != "one direction only: nothing that it sent was captured" {
			t.Errorf("%+v", v)
		}
	})
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &swarmtest.Swarm{}
	c := s.Dial("10.0.0.1", "10.0.0.2")
	c.Hello(0)
	c.Say(0.2, server, "unchoke")
	n := len(s.Events)
	for i := range uint32(64) {
		c.Block(1+float64(i), client, "request", i, 0, 16384)
		c.Block(1.5+float64(i), server, "piece", i, 0, 16384)
	}
	list := s.In()
	run := btchoke.Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	for _, e := range list[:n] {
		run.Step(e, emit)
	}
	b.ReportAllocs()
	rest := list[n:]
	for i := 0; b.Loop(); i++ {
		e := rest[i%len(rest)]
		e.Time = foldtest.Start.Add(events.Duration(100e9 + 1e6*int64(i)))
		run.Step(e, emit)
	}
}
