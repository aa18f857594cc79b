package btswarm_test

import (
	"math"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btpeers/swarmtest"
	"github.com/wiretale/wiretale/analyzers/btswarm"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	client = events.FromClient
	server = events.FromServer
	hash   = swarmtest.Hash
)

func value(t *testing.T, rows []analyzers.Row, key string) *btswarm.Value {
	t.Helper()
	return foldtest.Value[*btswarm.Value](t, rows, key)
}

// announce is a question to a tracker and its answer.
func announce(s *swarmtest.Swarm, at float64, host, event string, peers ...string) {
	c := s.Dial(host, "192.0.2.10")
	f := c.Emit(at, client, &events.TrackerRequest{Tracker: "http", Action: "announce", InfoHash: hash, Event: event})
	seeders := int64(1)
	c.Emit(at+0.1, server, &events.TrackerResponse{Tracker: "http", Action: "announce", RequestFrame: f, Peers: peers, Seeders: &seeders, Interval: 1800})
}

// The example of docs/analyses/bt.swarm.md.
func TestExample(t *testing.T) {
	s := &swarmtest.Swarm{}
	announce(s, 0, "10.0.0.2", "started", "10.0.0.1:6881")
	x := s.Dial("10.0.0.1", "10.0.0.9") // A is there from 0 s
	x.Emit(0.2, client, &events.BitTorrentHandshake{InfoHash: hash, PeerID: x.IDs[0]})
	c := s.Dial("10.0.0.2", "10.0.0.1")
	c.IDs = [2]string{c.IDs[0], x.IDs[0]}
	c.Hello(10)
	c.Bitfield(10.1, server, "c0")
	c.Say(11, client, "interested")
	for i := range uint32(31) {
		c.Block(12+float64(i), server, "piece", i/16, i%16*10000, 10000)
	}
	c.Close(60, client)
	c.Close(60, server)
	x.Over(60.2)
	rows := foldtest.Rows(t, btswarm.Question, s.Events...)
	v := value(t, rows, hash)
	// A's only other connection was never answered: there are two peers, and
	// one of which nothing was heard. A is there to the end.
	if v.Joins != 2 || v.Leaves != 1 || v.Most != 2 || v.Seeds != 1 || v.Finished != 0 || v.Connections != 2 || v.Gave != 310000 || v.Told != 1 {
		t.Errorf("%+v", v)
	}
	if v.Churn == nil || math.Abs(*v.Churn-3) > 0.02 {
		t.Errorf("churn %v, want 3", *v.Churn)
	}
	if tr := v.Tracker; tr == nil || tr.Announces != 1 || tr.Started != 1 || *tr.Seeders != 1 || tr.Interval != 1800 {
		t.Errorf("tracker %+v", v.Tracker)
	}
	b := value(t, rows, hash+" 10.0.0.2")
	if b.Role != btswarm.Leecher || b.Ratio == nil || *b.Ratio != 0 || math.Abs(b.DownRate-10000) > 1e-6 || b.DownPeak != 10000 || b.FoundBy != "" || b.Left == nil || b.Lasted.Std().Seconds() != 50 {
		t.Errorf("B: %+v", b)
	}
	a := value(t, rows, hash+" 10.0.0.1:6881")
	if a.Role != btswarm.Seed || a.Ratio != nil || a.FoundBy != btswarm.ByTracker || a.Left != nil || a.Gave != 310000 {
		t.Errorf("A: %+v", a)
	}
}

// Who was told by what: each connection by the first word that its opener had.
func TestSources(t *testing.T) {
	s := &swarmtest.Swarm{}
	announce(s, 0, "10.0.0.1", "started", "10.0.0.2:6881")
	// The DHT tells 10.0.0.1 of 10.0.0.3.
	d := foldtest.UDP(90, "10.0.0.1:6881", "10.0.0.8:6881").In("udp/dht")
	s.Events = append(s.Events,
		d.Client(uint64(len(s.Events)+1), 1e9, &events.DHTMessage{Type: "query", Query: "get_peers", InfoHash: hash}),
		d.Server(uint64(len(s.Events)+2), 2e9, &events.DHTMessage{Type: "response", RequestFrame: uint64(len(s.Events) + 1), Values: []string{"10.0.0.3:6881"}}))
	b := s.Dial("10.0.0.1", "10.0.0.2")
	b.Hello(3)
	// 10.0.0.2 tells it of 10.0.0.4 and of 10.0.0.3, which it knew.
	b.Emit(4, server, &events.BitTorrentMessage{Type: "extended", Extension: "ut_pex", Peers: []string{"10.0.0.4:6881", "10.0.0.3:6881"}, InfoHash: hash, Complete: true})
	s.Dial("10.0.0.1", "10.0.0.3").Hello(5)
	s.Dial("10.0.0.1", "10.0.0.4").Hello(6)
	s.Dial("10.0.0.1", "10.0.0.5").Hello(7)
	s.Dial("10.0.0.7", "10.0.0.4").Hello(8) // it was told nothing
	rows := foldtest.Rows(t, btswarm.Question, s.Events...)
	v := value(t, rows, hash)
	want := []btswarm.Source{{By: btswarm.ByTracker, Connections: 1}, {By: btswarm.ByDHT, Connections: 1}, {By: btswarm.ByPEX, Connections: 1}, {By: btswarm.ByNothing, Connections: 2}}
	if len(v.ByHow) != len(want) {
		t.Fatalf("%+v", v.ByHow)
	}
	for i := range want {
		if v.ByHow[i] != want[i] {
			t.Errorf("%+v, want %+v", v.ByHow[i], want[i])
		}
	}
	for peer, how := range map[string]btswarm.How{"10.0.0.2:6881": btswarm.ByTracker, "10.0.0.3:6881": btswarm.ByDHT, "10.0.0.4:6881": btswarm.ByPEX, "10.0.0.5:6881": btswarm.ByNothing} {
		if v := value(t, rows, hash+" "+peer); v.FoundBy != how {
			t.Errorf("%s was found by %s, want %s", peer, v.FoundBy, how)
		}
	}
}

func TestUndecided(t *testing.T) {
	t.Run("encrypted", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		announce(s, 0, "10.0.0.1", "started", "10.0.0.2:6881")
		s.Dial("10.0.0.1", "10.0.0.2").Encrypted(1)
		rows := foldtest.Rows(t, btswarm.Question, s.Events...)
		if v := value(t, rows, "encrypted (MSE)"); v.Undecided == "" || v.Connections != 1 {
			t.Errorf("%+v", v)
		}
		// Its opener was told of that address for this torrent.
		if v := value(t, rows, hash); v.Sealed != 1 || v.Connections != 0 || v.Undecided == "" {
			t.Errorf("%+v", v)
		}
	})
	t.Run("midway", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Hash = ""
		c.Block(1, server, "piece", 0, 0, 16384)
		rows := foldtest.Rows(t, btswarm.Question, s.Events...)
		if v := value(t, rows, "info hash not captured"); v.Undecided == "" || v.Gave != 16384 {
			t.Errorf("%+v", v)
		}
		if v := value(t, rows, "info hash not captured 10.0.0.2:6881"); v.Undecided == "" || v.Role != btswarm.Unknown || v.Gave != 16384 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("one direction", func(t *testing.T) {
		s := &swarmtest.Swarm{}
		c := s.Dial("10.0.0.1", "10.0.0.2")
		c.Greet(0, server)
		c.Bitfield(1, server, "c0")
		c.Block(2, server, "piece", 0, 0, 16384)
		rows := foldtest.Rows(t, btswarm.Question, s.Events...)
		if v := value(t, rows, hash+" 10.0.0.1"); v.Undecided != "one direction only: nothing that it sent was captured" || v.Role != btswarm.Unknown || v.Took != 16384 {
			t.Errorf("%+v", v)
		}
	})
}

func BenchmarkStep(b *testing.B) {
	l := events.DefaultLimits()
	s := &swarmtest.Swarm{}
	c := s.Dial("10.0.0.1", "10.0.0.2")
	c.Hello(0)
	for i := range uint32(64) {
		c.Block(1.5+float64(i), server, "piece", i, 0, 16384)
	}
	run := btswarm.Question.New(analyzers.Options{Limits: &l})
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
