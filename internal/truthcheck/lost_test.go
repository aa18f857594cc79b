package truthcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

var (
	lostFrom = netip.MustParseAddrPort("10.0.0.1:40000")
	lostTo   = netip.MustParseAddrPort("10.0.0.2:80")
)

// data is a segment of the client; its numbers begin at 1000 with the SYN.
func data(seq, payload uint32) Segment {
	return Segment{Src: lostFrom, Dst: lostTo, Seq: seq, Payload: payload}
}

func dropped(captured bool, seq uint32, payload int, flags ...string) truth.Drop {
	return truth.Drop{Proto: "tcp", Src: lostFrom.Addr(), SrcPort: lostFrom.Port(), Dst: lostTo.Addr(), DstPort: lostTo.Port(),
		Seq: &seq, Payload: payload, Flags: append(flags, "ack"), Captured: captured}
}

func told(kind events.Kind, seq uint32, bytes int64) *events.Event {
	return &events.Event{
		Flow: events.Flow{Client: events.AddrOf(lostFrom.Addr()), Server: events.AddrOf(lostTo.Addr()),
			ClientPort: lostFrom.Port(), ServerPort: lostTo.Port(), Proto: events.ProtoTCP},
		From: events.FromClient, Body: &events.TCPSegment{Mark: kind, SeqRaw: seq, Bytes: bytes},
	}
}

func TestLost(t *testing.T) {
	syn := Segment{Src: lostFrom, Dst: lostTo, Seq: 1000, SYN: true}
	fin := Segment{Src: lostFrom, Dst: lostTo, Seq: 1301, FIN: true}
	for _, c := range []struct {
		name     string
		segments []Segment
		drops    []truth.Drop
		events   []*events.Event
		want     Losses // Wrong: parts of the words
	}{
		{"a hole that is told",
			[]Segment{syn, data(1001, 100), data(1201, 100), data(1101, 100)}, []truth.Drop{dropped(false, 1101, 100)},
			[]*events.Event{told(events.KindTCPLost, 1101, 100), told(events.KindTCPRetransmission, 1101, 100)},
			Losses{True: 1, Told: 1}},
		{"a hole that is not told",
			[]Segment{syn, data(1001, 100), data(1201, 100)}, []truth.Drop{dropped(false, 1101, 100)}, nil,
			Losses{True: 1, Wrong: []string{"1101 to 1201", "100 numbers, of which wiretale tells 0"}}},
		{"half of a hole is told",
			[]Segment{syn, data(1001, 100), data(1201, 100)}, []truth.Drop{dropped(false, 1101, 100)},
			[]*events.Event{told(events.KindTCPLost, 1101, 50)},
			Losses{True: 1, Wrong: []string{"wiretale tells 50"}}},
		{"a hole that is none",
			[]Segment{syn, data(1001, 100), data(1201, 100)}, nil,
			[]*events.Event{told(events.KindTCPLost, 1101, 100)},
			Losses{Wrong: []string{"number 1101 is told to be lost, and was not dropped"}}},
		{"the last one: nobody can know",
			[]Segment{syn, data(1001, 100), data(1101, 100)}, []truth.Drop{dropped(false, 1101, 100)}, nil,
			Losses{Hidden: 1}},
		{"the last one, told as if one could know",
			[]Segment{syn, data(1001, 100)}, []truth.Drop{dropped(true, 1101, 100)},
			[]*events.Event{told(events.KindTCPLost, 1101, 100)},
			Losses{Hidden: 1, Wrong: []string{"was not dropped"}}}, // not before the capture
		{"a FIN, overtaken by an ACK behind it",
			[]Segment{syn, data(1001, 300), data(1302, 0), fin}, []truth.Drop{dropped(false, 1301, 0, "fin")},
			[]*events.Event{told(events.KindTCPLost, 1301, 1)},
			Losses{True: 1, Told: 1}},
		{"an ACK without payload, a SYN, a datagram",
			[]Segment{syn, data(1001, 0), data(1001, 100)},
			[]truth.Drop{dropped(false, 1001, 0), dropped(false, 1000, 0, "syn"), {Proto: "udp", Payload: 100}}, nil,
			Losses{Hidden: 3}},
		{"behind the capture, and sent again",
			[]Segment{syn, data(1001, 100), data(1001, 100)}, []truth.Drop{dropped(true, 1001, 100)},
			[]*events.Event{told(events.KindTCPRetransmission, 1001, 100)},
			Losses{True: 1, Told: 1}},
		{"behind the capture, sent again, not told",
			[]Segment{syn, data(1001, 100), data(1001, 100)}, []truth.Drop{dropped(true, 1001, 100)}, nil,
			Losses{True: 1, Wrong: []string{"tells 0"}}},
		{"behind the capture, and given up",
			[]Segment{syn, data(1001, 100)}, []truth.Drop{dropped(true, 1001, 100)}, nil,
			Losses{Hidden: 1}},
		{"over the end of the numbers",
			[]Segment{data(0xffffff00, 0x80), data(0x80, 1)}, []truth.Drop{dropped(false, 0xffffff80, 0x100)},
			[]*events.Event{told(events.KindTCPLost, 0xffffff80, 0x100)},
			Losses{True: 1, Told: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Lost(c.segments, c.drops, c.events)
			if got.True != c.want.True || got.Told != c.want.Told || got.Hidden != c.want.Hidden || (len(got.Wrong) == 0) != (len(c.want.Wrong) == 0) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			for _, want := range c.want.Wrong {
				if !strings.Contains(strings.Join(got.Wrong, "\n"), want) {
					t.Errorf("no %q in %q", want, got.Wrong)
				}
			}
		})
	}
}
