package link

import (
	"testing"
	"unsafe"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// FuzzDecode: no panic, the payload is a part of the packet unless it was put
// together from fragments, and limits hold. The packet is decoded three times
// by one decoder, so that fragments meet.
func FuzzDecode(f *testing.F) {
	for _, e := range encapsulations {
		f.Add(uint16(e.link), e.data)
	}
	f.Add(uint16(101), frag{0, "aaaaaaaa", true}.v4(1))
	f.Add(uint16(101), frag{8, "aaaaaaaa", false}.v6(1))
	f.Fuzz(func(t *testing.T, link uint16, b []byte) {
		l := events.DefaultLimits()
		l.Fragments, l.FragmentBytes = 2, 4096
		d := NewDecoder(&l)
		check := func(p *Packet) {
			if len(p.Payload) > p.Wire {
				t.Errorf("%d bytes captured of %d", len(p.Payload), p.Wire)
			}
			if n := len(p.Payload); n > 0 && !within(b, p.Payload) && n > 4096 {
				t.Errorf("payload of %d bytes is from elsewhere", n)
			}
		}
		d.Outer, d.Also = check, check
		d.Limit = func(string, int, string, int64) {}
		var p Packet
		for range 3 {
			v := d.Decode(&capture.Packet{Link: capture.LinkType(link), Data: b, Wire: uint32(len(b))}, &p)
			if v == IP {
				check(&p)
			}
			if d.frags.cost > l.FragmentBytes || len(d.frags.open) > l.Fragments {
				t.Errorf("%d datagrams, %d bytes are kept", len(d.frags.open), d.frags.cost)
			}
		}
	})
}

func within(b, part []byte) bool {
	if len(b) == 0 {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	p := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return p >= start && p+uintptr(len(part)) <= start+uintptr(len(b))
}
