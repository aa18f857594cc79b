package replaytest

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/truthcheck"
)

// Losses compares what wiretale says was lost with what the network says that
// it dropped, as truthcheck.Lost has it.
func (r *Recording) Losses(t testing.TB) truthcheck.Losses {
	t.Helper()
	return truthcheck.Lost(r.segments(t), r.Truth.Drops, r.Events)
}

// CheckLost fails where Losses finds a difference.
func (r *Recording) CheckLost(t testing.TB) {
	t.Helper()
	l := r.Losses(t)
	for _, s := range l.Wrong {
		t.Error(s)
	}
	t.Logf("%s: %d of %d dropped segments that the capture shows are told; %d drops it does not show", r.Name, l.Told, l.True, l.Hidden)
}

// segments are those of the capture, read with nothing but offsets: Ethernet,
// IP without extension headers, TCP.
func (r *Recording) segments(t testing.TB) []truthcheck.Segment {
	t.Helper()
	src, err := capture.Open([]string{r.File}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out []truthcheck.Segment
	var b capture.Batch
	for src.Next(&b) == nil {
		for _, k := range b.Packets {
			ip := k.Data[14:]
			var l4, from, to []byte
			var proto byte
			if ip[0]>>4 == 4 {
				ip = ip[:binary.BigEndian.Uint16(ip[2:])]
				proto, from, to, l4 = ip[9], ip[12:16], ip[16:20], ip[int(ip[0]&15)*4:]
				if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
					continue // a fragment: nothing here sends TCP in them
				}
			} else {
				proto, from, to, l4 = ip[6], ip[8:24], ip[24:40], ip[40:]
			}
			if proto != events.ProtoTCP {
				continue
			}
			a, _ := netip.AddrFromSlice(from)
			c, _ := netip.AddrFromSlice(to)
			out = append(out, truthcheck.Segment{
				Time: k.Time.Std(),
				Src:  netip.AddrPortFrom(a, binary.BigEndian.Uint16(l4)), Dst: netip.AddrPortFrom(c, binary.BigEndian.Uint16(l4[2:])),
				Seq: binary.BigEndian.Uint32(l4[4:]), Payload: uint32(len(l4) - int(l4[12]>>4)*4),
				FIN: l4[13]&1 != 0, SYN: l4[13]&2 != 0, RST: l4[13]&4 != 0,
			})
		}
		b.Release()
	}
	return out
}
