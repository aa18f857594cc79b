package replaytest

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// segment is the little of a TCP segment with payload that CheckLost looks at.
type segment struct {
	way   way
	seq   uint32
	bytes uint32
}

// way is one direction of a connection.
type way struct{ src, dst netip.AddrPort }

// holds reports whether s has byte seq.
func (s *segment) holds(seq uint32) bool { return seq-s.seq < s.bytes }

// CheckLost compares what wiretale says was lost with what the network says
// that it dropped, byte for byte: every hole (tcp.segment.lost) is made of
// drops that the capture did not see, every such drop that something overtook
// is in a hole, and every drop that the capture saw is sent again there. It
// needs a capture with one point on each link and no reordering, and one
// connection for each pair of address and port.
func (r *Recording) CheckLost(t testing.TB) {
	t.Helper()
	segments := r.segments(t)
	unseen := map[way][]truth.Drop{}
	var seen []truth.Drop
	for _, d := range r.Truth.Drops {
		if d.Proto != "tcp" || d.Payload == 0 || d.Seq == nil {
			continue
		}
		w := wayOf(&d)
		if d.Captured {
			seen = append(seen, d)
		} else {
			unseen[w] = append(unseen[w], d)
		}
	}

	// What wiretale says.
	type hole struct {
		seq, bytes uint32
	}
	holes := map[way][]hole{}
	again := map[way][]hole{}
	for _, e := range r.Events {
		s, ok := e.Body.(*events.TCPSegment)
		if !ok {
			continue
		}
		client, server := e.Flow.Ends()
		w := way{client, server}
		if e.From == events.FromServer {
			w = way{server, client}
		}
		switch s.Mark {
		case events.KindTCPLost:
			holes[w] = append(holes[w], hole{s.SeqRaw, uint32(s.Bytes)})
		case events.KindTCPRetransmission, events.KindTCPOutOfOrder:
			again[w] = append(again[w], hole{s.SeqRaw, uint32(s.Bytes)})
		}
	}
	in := func(hs []hole, seq uint32) bool {
		for _, h := range hs {
			if seq-h.seq < h.bytes {
				return true
			}
		}
		return false
	}

	total := 0
	for w, hs := range holes {
		for _, h := range hs {
			for seq := h.seq; seq != h.seq+h.bytes; seq++ {
				total++
				found := false
				for _, d := range unseen[w] {
					found = found || seq-*d.Seq < uint32(d.Payload)
				}
				if !found {
					t.Errorf("%s > %s: wiretale misses byte %d, which the network did not drop", w.src, w.dst, seq)
					break
				}
			}
		}
	}
	missed := 0
	for w, ds := range unseen {
		for _, d := range ds {
			first, overtaken := firstSight(segments, w, *d.Seq)
			if !overtaken {
				continue // the last of what was sent: nothing shows that it lacks
			}
			missed++
			if !in(holes[w], *d.Seq) {
				t.Errorf("%s > %s: the network dropped byte %d (seen in segment %d), wiretale misses nothing there", w.src, w.dst, *d.Seq, first)
			}
		}
	}
	for _, d := range seen {
		w := wayOf(&d)
		count := 0
		for i := range segments {
			if segments[i].way == w && segments[i].holds(*d.Seq) {
				count++
			}
		}
		if count > 1 && !in(again[w], *d.Seq) {
			t.Errorf("%s > %s: byte %d was dropped behind the capture and sent again, which wiretale does not say", w.src, w.dst, *d.Seq)
		}
	}
	t.Logf("%s: %d segments with payload; %d dropped before the capture and overtaken, %d bytes in holes; %d dropped behind it",
		r.Name, len(segments), missed, total, len(seen))
}

func wayOf(d *truth.Drop) way {
	return way{netip.AddrPortFrom(d.Src, d.SrcPort), netip.AddrPortFrom(d.Dst, d.DstPort)}
}

// firstSight is the first captured segment with a byte, and whether one with a
// later byte came before it.
func firstSight(segments []segment, w way, seq uint32) (at int, overtaken bool) {
	for i := range segments {
		s := &segments[i]
		switch {
		case s.way != w:
		case s.holds(seq):
			return i, overtaken
		case int32(s.seq-seq) > 0:
			overtaken = true
		}
	}
	return -1, overtaken
}

// segments are those of the capture with payload, read with nothing but
// offsets: Ethernet, IP without options or fragments, TCP.
func (r *Recording) segments(t testing.TB) []segment {
	t.Helper()
	src, err := capture.Open([]string{r.File}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out []segment
	var b capture.Batch
	for src.Next(&b) == nil {
		for _, k := range b.Packets {
			ip := k.Data[14:]
			var l4, from, to []byte
			var proto byte
			if ip[0]>>4 == 4 {
				ip = ip[:binary.BigEndian.Uint16(ip[2:])]
				proto, from, to, l4 = ip[9], ip[12:16], ip[16:20], ip[int(ip[0]&15)*4:]
			} else {
				proto, from, to, l4 = ip[6], ip[8:24], ip[24:40], ip[40:]
			}
			if proto != events.ProtoTCP {
				continue
			}
			if n := len(l4) - int(l4[12]>>4)*4; n > 0 {
				a, _ := netip.AddrFromSlice(from)
				c, _ := netip.AddrFromSlice(to)
				out = append(out, segment{
					way{netip.AddrPortFrom(a, binary.BigEndian.Uint16(l4)), netip.AddrPortFrom(c, binary.BigEndian.Uint16(l4[2:]))},
					binary.BigEndian.Uint32(l4[4:]), uint32(n),
				})
			}
		}
		b.Release()
	}
	return out
}
