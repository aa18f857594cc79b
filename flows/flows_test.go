package flows

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// seg is one hand-made TCP segment. Sequence numbers are relative: 0 is the
// SYN of its sender, so the first payload byte is 1.
type seg struct {
	at    int    // ms
	who   string // "c" or "s"
	flags string // S A F R, "" = A
	seq   uint32
	ack   uint32
	data  string
	win   int // 0: 1000; -1: really 0
	cut   int // bytes of data that the snaplen cut off
	port  uint16
	sack  []uint32
}

const (
	clientISN = 0xfffffff0 // wraps after 16 bytes
	serverISN = 0x10000000
)

func (s seg) packet() capture.Packet {
	c, sv := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	port := s.port
	if port == 0 {
		port = 40000
	}
	src, dst, sp, dp, isn, pisn := c, sv, port, uint16(7777), uint32(clientISN), uint32(serverISN)
	if s.who == "s" {
		src, dst, sp, dp, isn, pisn = sv, c, 7777, port, serverISN, clientISN
	}
	var fl byte
	for _, f := range s.flags {
		fl |= map[rune]byte{'F': flagFIN, 'S': flagSYN, 'R': flagRST, 'A': flagACK}[f]
	}
	if s.flags == "" {
		fl = flagACK
	}
	var opts []byte
	if len(s.sack) > 0 {
		opts = []byte{1, 1, 5, byte(2 + 4*len(s.sack))}
		for _, v := range s.sack {
			opts = binary.BigEndian.AppendUint32(opts, v+pisn)
		}
	}
	hl := 20 + len(opts)
	tcp := make([]byte, 20, hl+len(s.data))
	binary.BigEndian.PutUint16(tcp, sp)
	binary.BigEndian.PutUint16(tcp[2:], dp)
	binary.BigEndian.PutUint32(tcp[4:], s.seq+isn)
	if fl&flagACK != 0 {
		binary.BigEndian.PutUint32(tcp[8:], s.ack+pisn)
	}
	tcp[12] = byte(hl/4) << 4
	tcp[13] = fl
	win := uint16(1000)
	if s.win > 0 {
		win = uint16(s.win)
	} else if s.win < 0 {
		win = 0
	}
	binary.BigEndian.PutUint16(tcp[14:], win)
	tcp = append(append(tcp, opts...), s.data...)
	ip := make([]byte, 20, 20+len(tcp))
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(tcp)))
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	ip = append(ip, tcp...)
	return capture.Packet{Data: ip[:len(ip)-s.cut], Wire: uint32(len(ip)), Time: events.Time(s.at) * 1e6, Link: capture.LinkRaw}
}

// heard is a decoder that writes down what it is told: bytes, "‹n›" for a gap
// of n, "." for the end.
type heard struct{ side [2]*strings.Builder }

func (h heard) Data(w decoders.Window, out decoders.Sink) (int, int, error) {
	h.side[w.From].Write(w.Bytes)
	return len(w.Bytes), 0, nil
}
func (h heard) Gap(from events.Dir, n int64, _ decoders.Sink) error {
	fmt.Fprintf(h.side[from], "‹%d›", n)
	return nil
}
func (h heard) End(from events.Dir, why events.Ending, _ decoders.Sink) {
	h.side[from].WriteString(".")
}

func allKinds() (s events.KindSet) { return events.SetOf(events.Kinds()...) }

// play runs packets through flows in batches, and gives the events and what
// the decoder of each stream heard ("client|server").
func play(t interface{ Errorf(string, ...any) }, pkts []capture.Packet, workers, batch int, limits *events.Limits) (evs []events.Event, said []string) {
	var streams []heard
	proto := decoders.Proto{
		Name:  "heard",
		Probe: func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.Yes, from },
		Stream: func(decoders.Env) decoders.Stream {
			h := heard{[2]*strings.Builder{{}, {}}}
			streams = append(streams, h)
			return h
		},
	}
	d, ws := NewDispatcher(&Config{Limits: limits, Protos: []decoders.Proto{proto}, Want: allKinds(), Workers: workers})
	defer d.Close()
	w := NewWork(workers)
	var m Merger
	take := func() {
		for _, x := range ws {
			x.Run(w)
		}
		for _, e := range m.Merge(w) {
			evs = append(evs, *e.Keep())
		}
	}
	for i := 0; i < len(pkts); i += batch {
		w.Batch.First = uint64(i + 1)
		w.Batch.Packets = pkts[i:min(i+batch, len(pkts))]
		d.Dispatch(w)
		take()
	}
	for d.Finish(w) {
		take()
	}
	for i := 1; i < len(evs); i++ {
		if !evs[i-1].Pos.Less(evs[i].Pos) {
			t.Errorf("events out of order: %v then %v", evs[i-1].Pos, evs[i].Pos)
		}
	}
	for _, h := range streams {
		said = append(said, h.side[0].String()+"|"+h.side[1].String())
	}
	return evs, said
}

func limits() *events.Limits {
	l := events.DefaultLimits()
	return &l
}

// tell writes events in one line each: frame, kind, who, and what matters.
func tell(evs []events.Event, kinds ...events.Kind) string {
	want := events.SetOf(kinds...)
	var b strings.Builder
	for _, e := range evs {
		if !want.Has(e.Body.Kind()) {
			continue
		}
		fmt.Fprintf(&b, "%d %v %v", e.Pos.Frame, e.From, e.Body.Kind())
		switch x := e.Body.(type) {
		case *events.TCPSegment:
			fmt.Fprintf(&b, " seq=%d bytes=%d", x.Seq, x.Bytes)
			if x.Why != "" {
				fmt.Fprintf(&b, " %s", x.Why)
			}
			if x.Number > 0 {
				fmt.Fprintf(&b, " #%d", x.Number)
			}
		case *events.TCPRTT:
			fmt.Fprintf(&b, " %v %v of %d", x.Of, x.RTT.Std(), x.SegmentFrame)
			if x.SACK {
				b.WriteString(" by SACK")
			}
		case *events.TCPHOL:
			fmt.Fprintf(&b, " %d+%d waited %v from %d behind %d+%d filled=%v", x.Offset, x.Bytes, x.Wait.Std(), x.ArrivedFrame, x.HoleOffset, x.HoleBytes, x.Filled)
		case *events.FlowGap:
			fmt.Fprintf(&b, " %d at %d %s", x.Bytes, x.Offset, x.Reason)
		case *events.FlowViolation:
			fmt.Fprintf(&b, " %s", x.Reason)
		case *events.FlowEnd:
			fmt.Fprintf(&b, " %v %d/%d %d/%d", x.Why, x.ClientPackets, x.ClientBytes, x.ServerPackets, x.ServerBytes)
		case *events.FlowLimit:
			fmt.Fprintf(&b, " %s", x.Limit)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func packets(segs []seg) (p []capture.Packet) {
	for _, s := range segs {
		p = append(p, s.packet())
	}
	return p
}

// open is the handshake of all conversations below: frames 1 to 3.
func open(more ...seg) []seg {
	return append([]seg{
		{at: 0, who: "c", flags: "S"},
		{at: 20, who: "s", flags: "SA", ack: 1},
		{at: 30, who: "c", seq: 1, ack: 1},
	}, more...)
}

func TestConversations(t *testing.T) {
	order := []events.Kind{events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPLost, events.KindTCPDuplicateACK,
		events.KindTCPZeroWindow, events.KindTCPKeepAlive, events.KindTCPHOL, events.KindFlowGap, events.KindFlowViolation, events.KindFlowLimit}
	for _, c := range []struct {
		name string
		segs []seg
		said []string
		told string
	}{
		{"in order, over the wrap of sequence numbers", open(
			seg{who: "c", seq: 1, ack: 1, data: "hello over the wrap of 2^32"},
			seg{who: "s", seq: 1, ack: 28, data: "fine"},
			seg{who: "c", flags: "FA", seq: 28, ack: 5},
			seg{who: "s", flags: "FA", seq: 5, ack: 29},
			seg{who: "c", seq: 29, ack: 6}),
			[]string{"hello over the wrap of 2^32.|fine."}, ""},
		{"a segment overtaken by the next", open(
			seg{at: 40, who: "c", seq: 6, ack: 1, data: "world"},
			seg{at: 45, who: "c", seq: 1, ack: 1, data: "hello"}),
			[]string{"helloworld.|."},
			"4 client tcp.segment.lost seq=1 bytes=5\n" +
				"5 client tcp.segment.out_of_order seq=1 bytes=5\n" +
				"5 client tcp.hol 5+5 waited 5ms from 4 behind 0+5 filled=true\n"},
		{"sent again after a time-out", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "hello"},
			seg{at: 340, who: "c", seq: 1, ack: 1, data: "hello"},
			seg{at: 360, who: "s", seq: 1, ack: 6}),
			[]string{"hello.|."}, "5 client tcp.segment.retransmission seq=1 bytes=5 timeout\n"},
		{"sent again after it was acknowledged", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "hello"},
			seg{at: 60, who: "s", seq: 1, ack: 6},
			seg{at: 340, who: "c", seq: 1, ack: 1, data: "hello"}),
			[]string{"hello.|."}, "6 client tcp.segment.retransmission seq=1 bytes=5 spurious\n"},
		{"fast retransmission", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 41, who: "c", seq: 7, ack: 1, data: "3"},
			seg{at: 60, who: "s", seq: 1, ack: 4},
			seg{at: 61, who: "s", seq: 1, ack: 4},
			seg{at: 62, who: "s", seq: 1, ack: 4},
			seg{at: 63, who: "c", seq: 4, ack: 1, data: "two"}),
			[]string{"onetwo3.|."},
			"5 client tcp.segment.lost seq=4 bytes=3\n7 server tcp.segment.duplicate_ack seq=1 bytes=0 #1\n" +
				"8 server tcp.segment.duplicate_ack seq=1 bytes=0 #2\n9 client tcp.segment.retransmission seq=4 bytes=3 fast\n" +
				"9 client tcp.hol 6+1 waited 22ms from 5 behind 3+3 filled=true\n"},
		{"bytes that the capture does not hold", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", seq: 7, ack: 1, data: "three"},
			seg{at: 60, who: "s", seq: 1, ack: 12}),
			[]string{"one‹3›three.|."},
			"5 client tcp.segment.lost seq=4 bytes=3\n6 client flow.gap 3 at 3 acked\n6 client tcp.hol 6+5 waited 10ms from 5 behind 3+3 filled=false\n"},
		{"bytes lost at the end", open(
			seg{at: 40, who: "c", seq: 4, ack: 1, data: "last"}),
			[]string{"‹3›last.|."},
			"4 client tcp.segment.lost seq=1 bytes=3\n4 client flow.gap 3 at 0 end\n"},
		{"the first byte seen wins", open(
			seg{at: 40, who: "c", seq: 5, ack: 1, data: "EFGH"},
			seg{at: 41, who: "c", seq: 1, ack: 1, data: "abcdefghij"}),
			[]string{"abcdEFGHij.|."},
			"4 client tcp.segment.lost seq=1 bytes=4\n5 client tcp.segment.out_of_order seq=1 bytes=10\n" +
				"5 client flow.violation overlapping segments differ\n5 client tcp.hol 4+4 waited 1ms from 4 behind 0+4 filled=true\n"},
		{"pieces that overlap behind a hole", open(
			seg{at: 40, who: "c", seq: 9, ack: 1, data: "ij"},
			seg{at: 40, who: "c", seq: 3, ack: 1, data: "cd"},
			seg{at: 40, who: "c", seq: 2, ack: 1, data: "bcdefghijkl"},
			seg{at: 41, who: "c", seq: 1, ack: 1, data: "a"}),
			[]string{"abcdefghijkl.|."}, "*"},
		{"a segment over two pieces that touch, and beyond", open(
			seg{at: 40, who: "c", seq: 4, ack: 1, data: "d"},
			seg{at: 41, who: "c", seq: 2, ack: 1, data: "b"},
			seg{at: 42, who: "c", seq: 3, ack: 1, data: "c"},
			seg{at: 43, who: "c", seq: 3, ack: 1, data: "cde"},
			seg{at: 44, who: "c", seq: 1, ack: 1, data: "a"}),
			[]string{"abcde.|."}, "*"},
		{"half of all sequence numbers away, either way", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "a"},
			seg{at: 41, who: "c", seq: 2 + 1<<31, ack: 1, data: "far"},
			seg{at: 42, who: "c", seq: 1 + 1<<31, ack: 1, data: "away"},
			seg{at: 43, who: "c", seq: 2, ack: 1, data: "b"}),
			nil, "*"},
		{"zero window and its probe", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 60, who: "s", seq: 1, ack: 4, win: -1},
			seg{at: 300, who: "c", seq: 4, ack: 1, data: "t"},
			seg{at: 320, who: "s", seq: 1, ack: 4, win: -1}),
			[]string{"onet.|."},
			"5 server tcp.segment.zero_window seq=1 bytes=0 window\n6 client tcp.segment.zero_window seq=4 bytes=1 probe\n" +
				"7 server tcp.segment.zero_window seq=1 bytes=0 window\n7 server tcp.segment.zero_window seq=1 bytes=0 probe_ack\n"},
		{"keep-alive", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 60, who: "s", seq: 1, ack: 4},
			seg{at: 9000, who: "c", seq: 3, ack: 1},
			seg{at: 9020, who: "s", seq: 1, ack: 4}),
			[]string{"one.|."},
			"6 client tcp.segment.keep_alive seq=3 bytes=0 probe\n7 server tcp.segment.keep_alive seq=1 bytes=0 ack\n"},
		{"cut by the snaplen", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one and more", cut: 9},
			seg{at: 50, who: "c", seq: 13, ack: 1, data: "two"}),
			[]string{"one‹9›two.|."}, "4 client flow.gap 9 at 3 snaplen\n"},
		{"joined midway", []seg{
			{at: 40, who: "s", seq: 500, ack: 100, data: "later"},
			{at: 41, who: "c", seq: 100, ack: 505, data: "yes"}},
			[]string{"yes.|later."}, ""},
		{"reset", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "s", flags: "RA", seq: 1, ack: 4}),
			[]string{"one.|."}, ""},
		{"a reset that cannot be meant", open(
			seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "s", flags: "R", seq: 1 << 30},
			seg{at: 60, who: "c", seq: 4, ack: 1, data: "two"}),
			[]string{"onetwo.|."}, "5 client flow.violation RST outside of the window\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs, said := play(t, packets(c.segs), 1, 100, limits())
			if c.said != nil && !slices.Equal(said, c.said) {
				t.Errorf("heard %q, want %q", said, c.said)
			}
			if got := tell(evs, order...); got != c.told && c.told != "*" {
				t.Errorf("told\n%swant\n%s", got, c.told)
			}
		})
	}
}

func TestRoundTrips(t *testing.T) {
	evs, _ := play(t, packets(open(
		seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"}, // 4
		seg{at: 41, who: "c", seq: 4, ack: 1, data: "two"}, // 5
		seg{at: 61, who: "s", seq: 1, ack: 7, data: "x"},   // 6: answers both
		seg{at: 71, who: "c", seq: 7, ack: 2},              // 7
		seg{at: 80, who: "c", seq: 7, ack: 2, data: "a"},   // 8
		seg{at: 400, who: "c", seq: 7, ack: 2, data: "a"},  // 9: sent again, no sample (Karn)
		seg{at: 420, who: "s", seq: 2, ack: 8},             // 10
		seg{at: 500, who: "c", seq: 8, ack: 2, data: "b"},  // 11
		seg{at: 501, who: "c", seq: 9, ack: 2, data: "c"},  // 12
		seg{at: 521, who: "s", seq: 2, ack: 8, sack: []uint32{9, 10}},
		seg{at: 530, who: "s", seq: 2, ack: 10},
	)), 1, 100, limits())
	want := "2 server tcp.rtt syn_ack 20ms of 1\n3 client tcp.rtt ack 10ms of 2\n" +
		"6 server tcp.rtt data 21ms of 4\n6 server tcp.rtt data 20ms of 5\n7 client tcp.rtt data 10ms of 6\n" +
		"13 server tcp.rtt data 20ms of 12 by SACK\n14 server tcp.rtt data 30ms of 11\n"
	if got := tell(evs, events.KindTCPRTT); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestStreamsAndEnds(t *testing.T) {
	segs := open(
		seg{at: 40, who: "c", flags: "FA", seq: 1, ack: 1},
		seg{at: 50, who: "s", flags: "FA", seq: 1, ack: 2},
		seg{at: 60, who: "c", seq: 2, ack: 2},
		seg{at: 70, who: "c", flags: "S", seq: 100},            // the same ports again
		seg{at: 80, who: "c", flags: "S", seq: 100},            // its SYN again
		seg{at: 90, who: "c", flags: "S", port: 40001},         // another, never answered
		seg{at: 400_000, who: "c", flags: "S", port: 40002},    // much later
		seg{at: 400_010, who: "c", flags: "", seq: 5, ack: 60}, // the first again, no SYN: keeps its number
	)
	evs, _ := play(t, packets(segs), 1, 1, limits())
	var got strings.Builder
	for _, e := range evs {
		switch b := e.Body.(type) {
		case *events.FlowStart:
			fmt.Fprintf(&got, "%d start %d\n", e.Pos.Frame, e.Stream)
		case *events.FlowEnd:
			fmt.Fprintf(&got, "%d end %d %v %d/%d\n", e.Pos.Frame, e.Stream, b.Why, b.ClientPackets, b.ServerPackets)
		}
	}
	want := "1 start 0\n7 end 0 fin 4/2\n7 start 1\n9 start 2\n10 end 1 idle 2/0\n10 end 2 idle 1/0\n10 start 3\n" +
		"11 start 1\n11 end 3 capture_over 1/0\n11 end 1 capture_over 1/0\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// A connection is over two seconds after the ACKs of both FINs. While one is
// not acknowledged, what comes is sent again and no new bytes.
func TestLastACK(t *testing.T) {
	closing := open(
		seg{at: 40, who: "c", seq: 1, ack: 1, data: "one"},
		seg{at: 50, who: "s", flags: "FA", seq: 1, ack: 1},
		seg{at: 60, who: "c", flags: "FA", seq: 4, ack: 2}, // frames 4 and 6 do not arrive
		seg{at: 5_340, who: "c", seq: 1, ack: 2, data: "one"},
		seg{at: 5_350, who: "s", seq: 2, ack: 4},
		seg{at: 60_000, who: "c", flags: "FA", seq: 4, ack: 2},
		seg{at: 60_010, who: "s", seq: 2, ack: 5},
		seg{at: 60_020, who: "c", flags: "S", port: 40001}, // brings the time
		seg{at: 63_020, who: "c", flags: "S", port: 40002},
	)
	evs, said := play(t, packets(closing), 1, 1, limits())
	if !slices.Equal(said, []string{"one.|."}) {
		t.Errorf("heard %q", said)
	}
	if got, want := tell(evs, events.KindTCPRetransmission, events.KindTCPLost), "7 client tcp.segment.retransmission seq=1 bytes=3 timeout\n"+
		"9 client tcp.segment.retransmission seq=4 bytes=0 timeout\n"; got != want {
		t.Errorf("told\n%swant\n%s", got, want)
	}
	for _, e := range evs {
		if b, ok := e.Body.(*events.FlowEnd); ok && e.Stream == 0 && (e.Pos.Frame != 12 || b.Why != events.EndFIN) {
			t.Errorf("over at frame %d: %v", e.Pos.Frame, b.Why)
		}
	}
}

// TestResumed: what is sent again long after a connection was over or silent
// is that, and not read twice; what is new is read.
func TestResumed(t *testing.T) {
	const hour = 3_600_000
	for _, c := range []struct {
		name  string
		segs  []seg
		marks string
		said  []string
	}{
		{"sent again after RST", open(
			seg{at: 40, who: "s", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", seq: 1, ack: 4},
			seg{at: 60, who: "s", seq: 4, ack: 1, data: "two"},
			seg{at: 70, who: "c", flags: "R", seq: 1},
			seg{at: 3_000, who: "c", flags: "S", port: 40001}, // brings the time
			seg{at: 9_000, who: "s", seq: 4, ack: 1, data: "two"},
			seg{at: 60_000, who: "s", seq: 1, ack: 1, data: "one"},
		), `9 server tcp.segment.retransmission seq=4 bytes=3 timeout
10 server tcp.segment.retransmission seq=1 bytes=3 spurious
`, []string{".|onetwo."}},
		{"acknowledged, sent again after both FINs", open(
			seg{at: 40, who: "s", flags: "FA", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", flags: "FA", seq: 1, ack: 5},
			seg{at: 60, who: "s", seq: 5, ack: 2},
			seg{at: 9_000, who: "c", flags: "S", port: 40001},
			seg{at: 60_000, who: "s", flags: "FA", seq: 1, ack: 1, data: "one"},
		), `8 server tcp.segment.retransmission seq=1 bytes=3 spurious
`, []string{".|one."}},
		{"goes on after silence", open(
			seg{at: 40, who: "s", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", seq: 1, ack: 4},
			seg{at: hour, who: "c", flags: "S", port: 40001},
			seg{at: 2 * hour, who: "s", seq: 1, ack: 1, data: "onetwo"},
			seg{at: 2*hour + 50, who: "c", seq: 1, ack: 7},
		), `7 server tcp.segment.retransmission seq=1 bytes=6 timeout
`, []string{".|one.", ".|two."}},
		{"a RST that nobody heeded", open(
			seg{at: 40, who: "s", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", flags: "R", seq: 1},
			seg{at: 9_000, who: "c", flags: "S", port: 40001}, // brings the time
			seg{at: 10_000, who: "s", seq: 4, ack: 1, data: "two"},
			seg{at: 20_000, who: "c", flags: "S", port: 40002},
			seg{at: 21_000, who: "s", seq: 7, ack: 1, data: "three"},
		), ``, []string{".|one.", ".|twothree."}},
		{"another connection without its SYN", open(
			seg{at: 40, who: "s", seq: 1, ack: 1, data: "one"},
			seg{at: 50, who: "c", flags: "R", seq: 1},
			seg{at: 9_000, who: "c", flags: "S", port: 40001},
			seg{at: 60_000, who: "s", seq: 0x6000_0000, ack: 0x7000_0000, data: "two"},
		), ``, []string{".|one.", ".|two."}},
		{"refused, and tried again with the same number", []seg{
			{at: 0, who: "c", flags: "S"},
			{at: 50, who: "s", flags: "RA", ack: 1},
			{at: 9_000, who: "c", flags: "S"},
			{at: 9_010, who: "s", flags: "SA", seq: 500, ack: 1},
			{at: 9_020, who: "c", seq: 1, ack: 501, data: "one"},
			{at: 15_000, who: "c", flags: "S", port: 40001},
			{at: 15_010, who: "s", seq: 501, ack: 4, data: "two"},
		}, `3 client tcp.segment.retransmission seq=0 bytes=0 timeout
`, []string{"one.|two."}},
	} {
		evs, said := play(t, packets(c.segs), 1, 1, limits())
		if got := tell(evs, events.KindTCPRetransmission, events.KindTCPLost, events.KindTCPOutOfOrder); got != c.marks {
			t.Errorf("%s: told\n%swant\n%s", c.name, got, c.marks)
		}
		if !slices.Equal(said, c.said) {
			t.Errorf("%s: heard %q, want %q", c.name, said, c.said)
		}
	}
}

func TestFlowLimit(t *testing.T) {
	l := limits()
	l.Flows = 3
	var segs []seg
	for i := range 10 {
		segs = append(segs, seg{at: i * 1000, who: "c", flags: "S", port: uint16(50000 + i)})
	}
	evs, _ := play(t, packets(segs), 2, 4, l)
	ends, told := 0, 0
	for _, e := range evs {
		switch b := e.Body.(type) {
		case *events.FlowEnd:
			if b.Why == events.EndEvicted {
				ends++
			}
		case *events.FlowLimit:
			told++
		}
	}
	if ends != 7 || told == 0 {
		t.Errorf("%d evicted, %d limit events; want 7 and some", ends, told)
	}
}

// TestNothingInvented plays a conversation cut, mixed up, doubled and robbed
// at random: what is heard is the truth, but for gaps; and nothing depends on
// workers or batches.
func TestNothingInvented(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := make([]byte, rapid.IntRange(1, 300).Draw(t, "bytes"))
		for i := range truth {
			truth[i] = byte('a' + i%26)
		}
		segs := open()
		var data []seg
		for at := 0; at < len(truth); {
			n := min(rapid.IntRange(1, 40).Draw(t, "n"), len(truth)-at)
			back := min(rapid.IntRange(0, 9).Draw(t, "back"), at) // overlap
			data = append(data, seg{who: "c", seq: uint32(1 + at - back), ack: 1, data: string(truth[at-back : at+n])})
			at += n
		}
		lossy := false
		for i := len(data) - 1; i >= 0; i-- {
			switch rapid.IntRange(0, 9).Draw(t, "fate") {
			case 0:
				data, lossy = slices.Delete(data, i, i+1), true
			case 1:
				data = append(data, data[i])
			case 2, 3:
				j := rapid.IntRange(0, len(data)-1).Draw(t, "j")
				data[i], data[j] = data[j], data[i]
			case 4:
				data[i].cut, lossy = rapid.IntRange(0, len(data[i].data)).Draw(t, "cut"), true
			}
		}
		for i := range data {
			data[i].at = 40 + i
		}
		segs = append(segs, data...)
		if !lossy || rapid.Bool().Draw(t, "ack") {
			segs = append(segs, seg{at: 1000, who: "s", seq: 1, ack: uint32(1 + len(truth))})
		}
		evs, said := play(tb{t}, packets(segs), 1, 1000, limits())
		if len(said) > 0 {
			heard, _, _ := strings.Cut(said[0], "|")
			if !lossy && heard != string(truth)+"." {
				t.Fatalf("heard %q of %q", heard, truth)
			}
			at := 0
			for i := 0; i < len(heard); {
				if n := 0; strings.HasPrefix(heard[i:], "‹") {
					if _, err := fmt.Sscanf(heard[i:], "‹%d›", &n); err != nil {
						t.Fatal(err)
					}
					at += n
					i += strings.Index(heard[i:], "›") + len("›")
					continue
				}
				if heard[i] != '.' {
					if at >= len(truth) || heard[i] != truth[at] {
						t.Fatalf("heard %q at %d, truth %q", heard, at, truth)
					}
					at++
				}
				i++
			}
		}
		again, _ := play(tb{t}, packets(segs), 3, rapid.IntRange(1, 9).Draw(t, "batch"), limits())
		kinds := events.Kinds()
		if a, b := tell(evs, kinds...), tell(again, kinds...); a != b {
			t.Fatalf("with other workers and batches\n%s\nwas\n%s", b, a)
		}
	})
}

// tb lets play report into rapid.
type tb struct{ *rapid.T }

func (t tb) Errorf(f string, a ...any) { t.T.Fatalf(f, a...) }
