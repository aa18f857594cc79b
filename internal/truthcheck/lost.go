package truthcheck

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// Segment is what a capture has of one TCP segment, in order of frames.
type Segment struct {
	Time     time.Time // of its capture
	Src, Dst netip.AddrPort
	Seq      uint32 // as on the wire
	Payload  uint32 // bytes
	SYN, FIN bool
	RST      bool
}

// numbers is how many sequence numbers a segment takes: a SYN and a FIN have
// one each (RFC 9293 section 3.4).
func numbers(payload uint32, syn, fin bool) uint32 {
	if syn {
		payload++
	}
	if fin {
		payload++
	}
	return payload
}

func (s *Segment) numbers() uint32 { return numbers(s.Payload, s.SYN, s.FIN) }

// Losses is what an analysis says of the segments that the network dropped,
// beside what the capture can show of them.
//
// Of a dropped segment that takes no sequence number (an ACK without payload, a
// RST), and of anything but TCP, a capture shows nothing. One that was dropped
// before it came to the capture point (truth.Drop.Captured is false) leaves a
// hole, of all its numbers that another segment of its side overtook before
// they were captured; nothing is overtaken where the dropped segment was the
// last that its side had to send. One that was dropped behind the capture point
// is shown by being sent again, if its side did so.
type Losses struct {
	True   int // dropped segments that the capture shows
	Told   int // of these, those of which wiretale says so, to the byte
	Hidden int // dropped packets of which the capture shows nothing
	// Wrong says in words what differs: a loss that is not told, or one that is
	// told and never was.
	Wrong []string
}

// wayTCP is one direction of a connection.
type wayTCP struct{ src, dst netip.AddrPort }

func (w wayTCP) String() string { return w.src.String() + " > " + w.dst.String() }

// span are sequence numbers from one up to, but not with, another.
type span struct{ from, upTo uint32 }

// has reports whether s holds number n; spans are shorter than half of all.
func (s span) has(n uint32) bool { return n-s.from < s.upTo-s.from }

func inSpans(ss []span, n uint32) bool {
	for _, s := range ss {
		if s.has(n) {
			return true
		}
	}
	return false
}

// sideTCP is what both accounts have of one direction.
type sideTCP struct {
	segments []Segment
	unseen   []span // dropped before the capture point
	holes    []span // as wiretale tells them
	again    []span // segments that wiretale says to be sent again or out of order
}

// MaxWrong is how many differences Losses tells of in words.
const MaxWrong = 20

// Lost compares the losses that the network made with those that wiretale
// tells of (tcp.segment.*), number by number. The capture must have one point
// on each link, the network must not change the order of packets, and no pair
// of ports may be used twice within one capture.
func Lost(segments []Segment, drops []truth.Drop, evs []*events.Event) Losses {
	sides := map[wayTCP]*sideTCP{}
	side := func(w wayTCP) *sideTCP {
		if sides[w] == nil {
			sides[w] = new(sideTCP)
		}
		return sides[w]
	}
	for _, s := range segments {
		x := side(wayTCP{s.Src, s.Dst})
		x.segments = append(x.segments, s)
	}
	for i := range drops {
		d := &drops[i]
		if n := spanOf(d); n.from != n.upTo && !d.Captured {
			x := side(wayOf(d))
			x.unseen = append(x.unseen, n)
		}
	}
	var l Losses
	wrong := func(format string, args ...any) {
		if len(l.Wrong) < MaxWrong {
			l.Wrong = append(l.Wrong, fmt.Sprintf(format, args...))
		}
	}
	for _, e := range evs {
		s, ok := e.Body.(*events.TCPSegment)
		if !ok {
			continue
		}
		w := wayTCP{}
		if w.src, w.dst = e.Flow.Ends(); e.From == events.FromServer {
			w.src, w.dst = w.dst, w.src
		}
		x := side(w)
		n := span{s.SeqRaw, s.SeqRaw + uint32(s.Bytes)}
		switch s.Mark {
		case events.KindTCPLost:
			x.holes = append(x.holes, n)
			for k := n.from; k != n.upTo; k++ {
				if !inSpans(x.unseen, k) {
					wrong("frame %d, %s: number %d is told to be lost, and was not dropped", e.Pos.Frame, w, k)
					break
				}
			}
		case events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPKeepAlive, events.KindTCPZeroWindow:
			n.upTo++ // its SYN or FIN
			x.again = append(x.again, n)
		}
	}
	for i := range drops {
		d := &drops[i]
		n := spanOf(d)
		x := side(wayOf(d))
		shown, told := 0, 0
		for k := n.from; k != n.upTo; k++ {
			switch {
			case d.Captured && x.seen(k) > 1:
				shown++
				if inSpans(x.again, k) {
					told++
				}
			case !d.Captured && x.overtaken(k):
				shown++
				if inSpans(x.holes, k) {
					told++
				}
			}
		}
		switch {
		case shown == 0:
			l.Hidden++
		case told == shown:
			l.True++
			l.Told++
		default:
			l.True++
			wrong("%s: of the segment with numbers %d to %d (%s), dropped at %s, the capture shows %d numbers, of which wiretale tells %d",
				wayOf(d), n.from, n.upTo, strings.Join(d.Flags, " "), d.Time.Format("15:04:05.000000"), shown, told)
		}
	}
	return l
}

func wayOf(d *truth.Drop) wayTCP {
	return wayTCP{netip.AddrPortFrom(d.Src, d.SrcPort), netip.AddrPortFrom(d.Dst, d.DstPort)}
}

// spanOf are the numbers of a dropped segment; none of other packets.
func spanOf(d *truth.Drop) span {
	if d.Proto != "tcp" || d.Seq == nil {
		return span{}
	}
	has := func(flag string) bool {
		for _, f := range d.Flags {
			if f == flag {
				return true
			}
		}
		return false
	}
	return span{*d.Seq, *d.Seq + numbers(uint32(d.Payload), has("syn"), has("fin"))}
}

// seen counts the segments that hold a number.
func (x *sideTCP) seen(n uint32) (count int) {
	for i := range x.segments {
		s := &x.segments[i]
		if (span{s.Seq, s.Seq + s.numbers()}).has(n) {
			count++
		}
	}
	return count
}

// overtaken reports whether a segment that begins behind a number came before
// any that holds it, and one before it came first: without that, nobody can
// know where the side's numbers began.
func (x *sideTCP) overtaken(n uint32) bool {
	began := false
	for i := range x.segments {
		s := &x.segments[i]
		switch {
		case (span{s.Seq, s.Seq + s.numbers()}).has(n):
			return false
		case int32(s.Seq-n) > 0:
			if began && !s.RST {
				return true
			}
		default:
			began = true
		}
	}
	return false
}
