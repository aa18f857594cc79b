package btrarity_test

import (
	"math"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers/swarmtest"
	"github.com/wiretale/wiretale/analyzers/btrarity"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	client = events.FromClient
	server = events.FromServer
	hash   = swarmtest.Hash
)

func value(t *testing.T, rows []analyzers.Row, key string) *btrarity.Value {
	t.Helper()
	return foldtest.Value[*btrarity.Value](t, rows, key)
}

func isNear(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1e-9 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// The example of docs/analyses/bt.rarity.md: A has pieces 0 to 3, B 0 to 2,
// C 0 and 1 of 4; D has none and asks A for 3, 2, 0.
func example() *swarmtest.Swarm {
	s := &swarmtest.Swarm{}
	a, b, c := s.Dial("10.0.0.4", "10.0.0.1"), s.Dial("10.0.0.4", "10.0.0.2"), s.Dial("10.0.0.4", "10.0.0.3")
	for i, x := range []*swarmtest.Conn{a, b, c} {
		x.Hello(0.1 * float64(i))
		x.Ack(1.05, client, x.Bitfield(1, server, []string{"f0", "e0", "c0"}[i]), 0.05)
		x.Say(1.1, client, "interested")
	}
	a.Say(2, server, "unchoke")
	a.Block(2.1, client, "request", 3, 0, 16384)
	a.Block(2.2, client, "request", 2, 0, 16384)
	a.Block(2.3, client, "request", 0, 0, 16384)
	return s
}

func TestExample(t *testing.T) {
	rows := foldtest.Rows(t, btrarity.Question, example().In()...)
	s := value(t, rows, hash)
	if s.Peers != 4 || s.Pieces != 4 || s.PiecesAtMost != 0 || !slices.Equal(s.Copies, []int{3, 3, 2, 1}) {
		t.Errorf("swarm: %+v", s)
	}
	last := s.Series[len(s.Series)-1]
	if last.Peers != 4 || last.Min != 1 || last.Mean != 2.25 || last.Distributed != 1.75 {
		t.Errorf("at the end %+v", last)
	}
	d := value(t, rows, hash+" 10.0.0.4")
	want := []btrarity.Request{
		{Piece: 3, Candidates: 4, Copies: 1, Rarer: 0, Equal: 1},
		{Piece: 2, Candidates: 3, Copies: 2, Rarer: 0, Equal: 1},
		{Piece: 0, Candidates: 2, Copies: 3, Rarer: 0, Equal: 2, Lowest: true},
	}
	for i, w := range want {
		g := d.Requests[i]
		w.Of, w.Time, w.Frame = "10.0.0.1:6881", g.Time, g.Frame
		if g != w {
			t.Errorf("request %d: %+v, want %+v", i, g, w)
		}
	}
	if d.Firsts != 3 || d.Weighed != 2 || d.Rarest != 2 || d.Verdict != btrarity.Undecided || d.Undecided != "too few requests with a choice" {
		t.Errorf("%+v", d)
	}
	isNear(t, "z", d.Z, -2)
}

// B asks A for all of 12 pieces in the order given, where C and more have the
// lower ones too: piece i has 2 copies below 6, 1 from there on.
func asks(order []uint32) *swarmtest.Swarm {
	s := &swarmtest.Swarm{}
	a, c := s.Dial("10.0.0.2", "10.0.0.1"), s.Dial("10.0.0.2", "10.0.0.3")
	a.Hello(0)
	a.Bitfield(0.1, server, "fff0")
	c.Hello(0.2)
	c.Bitfield(0.3, server, "fc00")
	a.Say(0.4, server, "unchoke")
	for i, p := range order {
		a.Block(1+float64(i), client, "request", p, 0, 16384)
		a.Block(1.5+float64(i), server, "piece", p, 0, 16384)
		a.Have(1.6+float64(i), client, p)
		c.Have(1.6+float64(i), client, p)
	}
	return s
}

func TestVerdicts(t *testing.T) {
	for _, x := range []struct {
		name  string
		order []uint32
		want  btrarity.Verdict
		why   string
	}{
		// Common ones first: the numbers rise.
		{"by number", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, btrarity.Sequential, ""},
		// The rare half in any order, then the common half: six of nine weighed
		// requests could not be rarer. Ranks of the first six: each (equal-1)/2
		// of (c-1), and then all are equal.
		{"rarest first", []uint32{9, 6, 11, 8, 10, 7, 3, 1, 5, 2, 4, 0}, btrarity.RarestFirst, ""},
		{"too few", []uint32{9, 6, 11, 8}, btrarity.Undecided, "too few requests with a choice"},
	} {
		t.Run(x.name, func(t *testing.T) {
			rows := foldtest.Rows(t, btrarity.Question, asks(x.order).In()...)
			v := value(t, rows, hash+" 10.0.0.2")
			if v.Verdict != x.want || v.Undecided != x.why {
				t.Errorf("%s (%s), want %s (%s); z %v, in order %v", v.Verdict, v.Undecided, x.want, x.why, *v.Z, *v.InOrder)
			}
			if v.Has != len(x.order) || v.Had != 0 || len(v.Gained) != len(x.order) {
				t.Errorf("has %d, had %d, gained %d", v.Has, v.Had, len(v.Gained))
			}
		})
	}
}

// A request that another owes already, a cancel, a block that came twice.
func TestEndgame(t *testing.T) {
	s := &swarmtest.Swarm{}
	a, b := s.Dial("10.0.0.3", "10.0.0.1"), s.Dial("10.0.0.3", "10.0.0.2")
	for _, c := range []*swarmtest.Conn{a, b} {
		c.Hello(0)
		c.Bitfield(0.1, server, "c0")
		c.Say(0.2, server, "unchoke")
	}
	a.Block(1, client, "request", 0, 0, 1000)
	b.Block(1.1, client, "request", 1, 0, 1000)
	a.Block(1.2, server, "piece", 0, 0, 1000)
	a.Have(1.3, client, 0)
	a.Block(1.4, client, "request", 1, 0, 1000) // again: b owes it
	a.Block(1.5, server, "piece", 1, 0, 1000)
	b.Block(1.6, client, "cancel", 1, 0, 1000)
	a.Have(1.6, client, 1)
	b.Block(1.7, server, "piece", 1, 0, 1000) // it was on its way
	rows := foldtest.Rows(t, btrarity.Question, s.In()...)
	v := value(t, rows, hash+" 10.0.0.3")
	if e := v.Endgame; e == nil || e.Missing != 1 || e.Again != 1 || e.Cancels != 1 || e.Twice != 1000 || e.Time != foldtest.Start.Add(1.4e9) {
		t.Errorf("%+v", v.Endgame)
	}
	// What a choke makes forgotten is no end game.
	s = &swarmtest.Swarm{}
	a, b = s.Dial("10.0.0.3", "10.0.0.1"), s.Dial("10.0.0.3", "10.0.0.2")
	for _, c := range []*swarmtest.Conn{a, b} {
		c.Hello(0)
		c.Bitfield(0.1, server, "c0")
		c.Say(0.2, server, "unchoke")
	}
	a.Block(1, client, "request", 0, 0, 1000)
	a.Say(1.1, server, "choke")
	b.Block(1.2, client, "request", 0, 0, 1000)
	if v := value(t, foldtest.Rows(t, btrarity.Question, s.In()...), hash+" 10.0.0.3"); v.Endgame != nil {
		t.Errorf("after a choke: %+v", v.Endgame)
	}
}

// The last copy of a piece leaves.
func TestLeaves(t *testing.T) {
	s := &swarmtest.Swarm{}
	a, b := s.Dial("10.0.0.2", "10.0.0.1"), s.Dial("10.0.0.2", "10.0.0.3")
	a.Hello(0)
	a.Bitfield(1, server, "c0")
	b.Hello(2)
	b.Bitfield(3, server, "80")
	a.Close(4, server)
	a.Close(4.1, client)
	rows := foldtest.Rows(t, btrarity.Question, s.In()...)
	v := value(t, rows, hash)
	var mins []int
	for _, x := range v.Series {
		mins = append(mins, x.Min)
	}
	// Nobody; A alone; A and C; without A piece 1 is gone.
	if n := len(mins); n < 2 || mins[n-1] != 0 || mins[n-2] != 1 || !slices.Equal(v.Copies, []int{2, 1}) {
		t.Errorf("min %v, copies %v", mins, v.Copies)
	}
	sum := btrarity.Question.Summary()
	for i := range rows {
		sum.Add(&rows[i])
	}
	if f := sum.Section(false).Findings; len(f) != 1 || f[0].Severity != analyzers.Bad {
		t.Errorf("findings: %+v", f)
	}
}

// A capture point far from the downloader sees a have before the downloader
// does: what it knew counts.
func TestMoments(t *testing.T) {
	play := func(asked float64) *btrarity.Value {
		s := &swarmtest.Swarm{}
		a, b := s.Dial("10.0.0.2", "10.0.0.1"), s.Dial("10.0.0.2", "10.0.0.3")
		for _, c := range []*swarmtest.Conn{a, b} {
			c.Trips(0, 0.0001, 0.2) // at the servers; the client is 100 ms away
			c.Hello(0.5)
			c.Say(0.6, server, "unchoke")
		}
		a.Bitfield(0.7, server, "c0")
		b.Bitfield(0.7, server, "00")
		b.Have(2, server, 0)                           // reaches the client at 2.1
		a.Block(asked, client, "request", 0, 0, 16384) // left 0.1 s before
		return value(t, foldtest.Rows(t, btrarity.Question, s.In()...), hash+" 10.0.0.2")
	}
	if v := play(2.1); v.Requests[0].Copies != 1 {
		t.Errorf("it left at 2.0 s, before the have came: %+v", v.Requests[0])
	}
	if v := play(2.3); v.Requests[0].Copies != 2 || v.Requests[0].Rarer != 1 {
		t.Errorf("it left at 2.2 s, after the have came: %+v", v.Requests[0])
	}
}

func TestUndecided(t *testing.T) {
	t.Run("encrypted", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		s.Dial("10.0.0.1", "10.0.0.2").Encrypted(0)
		rows := foldtest.Rows(t, btrarity.Question, s.In()...)
		if v := value(t, rows, "encrypted (MSE)"); len(rows) != 1 || v.Undecided == "" || v.Connections != 1 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("midway", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Hash = ""
		c.Have(1, server, 3)
		c.Block(2, client, "request", 3, 0, 16384)
		rows := foldtest.Rows(t, btrarity.Question, s.In()...)
		if v := value(t, rows, "info hash not captured"); len(rows) != 1 || v.Undecided == "" {
			t.Errorf("%+v", v)
		}
	})
	t.Run("one direction", func(t *testing.T) {
		// Only what the downloader says was captured: what its neighbours have
		// is not known.
		s := &swarmtest.Swarm{}
		a, b := s.Dial("10.0.0.1", "10.0.0.2"), s.Dial("10.0.0.1", "10.0.0.3")
		a.Greet(0, client)
		b.Greet(0, client)
		for i := range uint32(12) {
			a.Block(1+float64(i), client, "request", i, 0, 16384)
		}
		rows := foldtest.Rows(t, btrarity.Question, s.In()...)
		v := value(t, rows, hash+" 10.0.0.1")
		if v.Verdict != btrarity.Undecided || v.Undecided == "" || v.Weighed != 0 || v.Firsts != 12 {
			t.Errorf("%+v", v)
		}
		if v := value(t, rows, hash+" 10.0.0.2:6881"); v.Undecided != "one direction only: nothing that it sent was captured" {
			t.Errorf("%+v", v)
		}
	})
	t.Run("viewpoint", func(t *testing.T) {
		// Captured at 10.0.0.1: 10.0.0.2 asks it for everything, rarest last,
		// and whom else it knows is not seen.
		s := &swarmtest.Swarm{}
		a, b := s.Dial("10.0.0.2", "10.0.0.1"), s.Dial("10.0.0.3", "10.0.0.1")
		a.Hello(0)
		b.Hello(0)
		a.Bitfield(0.1, server, "ffff")
		a.Say(0.2, server, "unchoke")
		for i, p := range []uint32{3, 9, 1, 15, 7, 0, 12, 5, 2, 8, 4, 14} {
			a.Block(1+float64(i), client, "request", p, 0, 16384)
		}
		rows := foldtest.Rows(t, btrarity.Question, s.In()...)
		if v := value(t, rows, hash); v.Viewpoint != "10.0.0.1:6881" {
			t.Errorf("viewpoint %q", v.Viewpoint)
		}
		if v := value(t, rows, hash+" 10.0.0.2"); v.Verdict != btrarity.Undecided || v.Undecided != "captured at 10.0.0.1:6881: its other connections are not seen" || v.Z != nil {
			t.Errorf("%+v", v)
		}
	})
	t.Run("gap", func(t *testing.T) {
		s := example()
		c := s.Dial("10.0.0.4", "10.0.0.5")
		c.Hello(3)
		c.Emit(4, server, &events.FlowGap{Protocol: "bittorrent", Reason: "acked", Bytes: 100})
		if v := value(t, foldtest.Rows(t, btrarity.Question, s.In()...), hash); v.Gaps != 1 {
			t.Errorf("%d gaps", v.Gaps)
		}
	})
}

// Two connections of one flow over uTP, one after the other.
func TestUTP(t *testing.T) {
	s := &swarmtest.Swarm{}
	c := s.UTP("10.0.0.1", "10.0.0.2")
	c.Hello(0)
	c.Bitfield(1, server, "80")
	c.Close(2, client)
	c.Close(2, server)
	c.Hello(3)
	c.Bitfield(4, server, "c0")
	rows := foldtest.Rows(t, btrarity.Question, s.In()...)
	if v := value(t, rows, hash); v.Connections != 2 || v.Peers != 2 || v.Filter != "udp.stream eq 0" {
		t.Errorf("%+v", v)
	}
	if v := value(t, rows, hash+" 10.0.0.2:6881"); v.Had != 1 || v.Has != 2 {
		t.Errorf("%+v", v)
	}
}

// Limits are said, and hold.
func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldPending, l.FoldSamples = 1, 4
	s := example()
	for i := range 20 {
		c := s.Dial("10.0.1.1", "10.0.1."+string(rune('2'+i%8)))
		c.IDs[0] = c.IDs[0][1:] + string(rune('a'+i))
		c.Hello(5 + float64(i))
	}
	rows := foldtest.RowsWithin(t, btrarity.Question, l, s.In()...)
	if v := value(t, rows, hash); v.Limited == "" || v.Connections > 16 || len(v.Series) > 4 {
		t.Errorf("%d connections, %d samples, limited %q", v.Connections, len(v.Series), v.Limited)
	}
}

// What one event costs.
func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &swarmtest.Swarm{}
	c := s.Dial("10.0.0.1", "10.0.0.2")
	c.Hello(0)
	c.Bitfield(0.1, server, "ffffffffffffffff")
	c.Say(0.2, server, "unchoke")
	n := len(s.Events)
	for i := range uint32(64) {
		c.Block(1+float64(i), client, "request", i, 0, 16384)
		c.Block(1.5+float64(i), server, "piece", i, 0, 16384)
	}
	list := s.In()
	run := btrarity.Question.New(analyzers.Options{Limits: &l})
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
