package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// packet is one UDP packet of the client ("c") or the server.
func udpPacket(who, data string) capture.Packet {
	c, s := []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}
	sp, dp := uint16(40000), uint16(50000)
	if who != "c" {
		c, s, sp, dp = s, c, dp, sp
	}
	b := make([]byte, 28, 28+len(data))
	b[0], b[8], b[9] = 0x45, 64, events.ProtoUDP
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(data)))
	copy(b[12:], c)
	copy(b[16:], s)
	binary.BigEndian.PutUint16(b[20:], sp)
	binary.BigEndian.PutUint16(b[22:], dp)
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(data)))
	b = append(b, data...)
	return capture.Packet{Data: b, Wire: uint32(len(b)), Link: capture.LinkRaw}
}

// letters is a protocol of packets that begin with one letter. On trial it
// says nothing before the second of them.
type letters struct {
	letter byte
	trial  int // packets before it is certain
	open   bool
	feed   decoders.Feed
}

func (l *letters) Packet(w decoders.Window, out decoders.Sink) error {
	if len(w.Bytes) == 0 || w.Bytes[0] != l.letter {
		return errors.New("another letter")
	}
	if len(w.Bytes) > 1 && w.Bytes[1] == '!' {
		return errors.New("not after all")
	}
	if l.trial--; l.trial >= 0 {
		return nil
	}
	out.Emit(w.From, &events.DHTMessage{Query: string(w.Bytes)})
	if l.open {
		if l.feed == nil {
			l.feed = out.Open(decoders.Next{Protocol: "heard"})
		}
		l.feed.Data(w.From, w.Bytes)
	}
	return nil
}

func (l *letters) End(why events.Ending, out decoders.Sink) {
	out.Emit(events.FromClient, &events.DHTMessage{Query: "end of " + string(l.letter)})
	if l.feed != nil {
		l.feed.End(events.FromClient, why)
		l.feed.End(events.FromServer, why)
	}
}

// shared is letters without memory.
type sharedLetters struct{ letter byte }

func (s sharedLetters) Packet(w decoders.Window, out decoders.Sink) error {
	if len(w.Bytes) == 0 || w.Bytes[0] != s.letter {
		return errors.New("another letter")
	}
	return nil
}

func lettersProto(letter byte, trial int) decoders.Proto {
	return decoders.Proto{
		Name:  string(letter),
		Trial: trial > 0,
		Probe: func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
			switch {
			case len(head) == 0 || head[0] != letter:
				return decoders.No, from
			case trial > 0:
				return decoders.Maybe, from
			}
			return decoders.Yes, from
		},
		Datagram: func(decoders.Env) decoders.Datagram { return &letters{letter: letter, trial: trial, open: trial > 0} },
	}
}

// playUDP tells what was said of packets: "client's text" of one flow.
func playUDP(protos []decoders.Proto, pkts ...string) string {
	var inner heard
	protos = append(slices.Clone(protos), decoders.Proto{
		Name:  "heard",
		Probe: func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.No, from },
		Stream: func(decoders.Env) decoders.Stream {
			inner = heard{[2]*strings.Builder{{}, {}}}
			return inner
		},
	})
	d, ws := NewDispatcher(&Config{Limits: limits(), Protos: protos, Want: allKinds(), Workers: 1})
	defer d.Close()
	w := NewWork(1)
	var m Merger
	var b strings.Builder
	take := func() {
		ws[0].Run(w)
		for _, e := range m.Merge(w) {
			switch x := e.Body.(type) {
			case *events.DHTMessage:
				fmt.Fprintf(&b, " %s:%s", e.Layer, x.Query)
			case *events.FlowDetected:
				fmt.Fprintf(&b, " %s by %s,", e.Layer, x.By)
			case *events.FlowViolation:
				fmt.Fprintf(&b, " %s %s!", e.Layer, x.Reason)
			}
		}
	}
	for i, p := range pkts {
		who, data, _ := strings.Cut(p, " ")
		w.Batch.First = uint64(i + 1)
		w.Batch.Packets = []capture.Packet{udpPacket(who, data)}
		d.Dispatch(w)
		take()
	}
	for d.Finish(w) {
		take()
	}
	if inner.side[0] != nil {
		fmt.Fprintf(&b, " inside %s|%s", inner.side[0], inner.side[1])
	}
	return strings.TrimSpace(b.String())
}

// A flow that several protocols use: each is told once, each packet goes to
// whom it is of, and one on trial is believed when it is certain.
func TestSharedFlow(t *testing.T) {
	a, b, x := lettersProto('A', 0), lettersProto('B', 0), lettersProto('X', 1)
	for _, c := range []struct {
		name   string
		protos []decoders.Proto
		pkts   []string
		want   string
	}{
		{"in turns", []decoders.Proto{a, b}, []string{"c A1", "s B1", "c A2", "s B2"},
			"udp/A by content, udp/A:A1 udp/B by content, udp/B:B1 udp/A:A2 udp/B:B2 udp/A:end of A udp/B:end of B"},
		{"what nobody reads", []decoders.Proto{a, b}, []string{"c A1", "s C1", "s B1", "c C2"},
			"udp/A by content, udp/A:A1 udp/A another letter! udp/B by content, udp/B:B1 udp/B another letter! udp/A:end of A udp/B:end of B"},
		{"on trial beside another", []decoders.Proto{a, x}, []string{"c A1", "s X1", "c A2", "s X2", "c X3", "c A3", "s X4"},
			"udp/A by content, udp/A:A1 udp/A:A2 udp/X by content, udp/X:X2 udp/X/heard by named, udp/X:X3 udp/A:A3 udp/X:X4 udp/A:end of A udp/X:end of X inside X3.|X2X4."},
		{"on trial from the start", []decoders.Proto{a, x}, []string{"c X1", "s X2", "c A1", "c X3"},
			"udp/X by content, udp/X:X2 udp/X/heard by named, udp/A by content, udp/A:A1 udp/X:X3 udp/X:end of X udp/A:end of A inside X3.|X2."},
		{"a trial that fails", []decoders.Proto{a, x}, []string{"c X1", "s X!", "c A1"},
			"udp/A by content, udp/A:A1 udp/A:end of A"},
	} {
		if got := playUDP(c.protos, c.pkts...); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// newUDPBench is a run over packets of one protocol that keeps nothing, among
// protocols on trial.
func newUDPBench(tb testing.TB) (run func(), packets int) {
	shared := lettersProto('A', 0)
	shared.Shared = true
	shared.Datagram = func(decoders.Env) decoders.Datagram { return sharedLetters{'A'} }
	d, ws := NewDispatcher(&Config{Limits: limits(), Protos: []decoders.Proto{shared, lettersProto('B', 0), lettersProto('A', 1)}, Want: allKinds(), Workers: 1})
	tb.Cleanup(d.Close)
	w := NewWork(1)
	var m Merger
	for range 1000 {
		w.Batch.Packets = append(w.Batch.Packets, udpPacket("c", "A question"), udpPacket("s", "An answer"))
	}
	w.Batch.First = 1
	return func() {
		d.Dispatch(w)
		ws[0].Run(w)
		m.Merge(w)
		w.Batch.First += uint64(len(w.Batch.Packets))
	}, len(w.Batch.Packets)
}

func TestUDPAllocatesNothing(t *testing.T) {
	run, packets := newUDPBench(t)
	for range 3 {
		run()
	}
	if n := testing.AllocsPerRun(10, run); n > 3 {
		t.Errorf("%v allocations for %d packets, want none", n, packets)
	}
}

func BenchmarkUDP(b *testing.B) {
	run, packets := newUDPBench(b)
	b.ReportAllocs()
	for n := 0; n < b.N; n += packets {
		run()
	}
}
