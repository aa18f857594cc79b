package link

import (
	"bytes"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"pgregory.net/rapid"
)

type frag struct {
	off  int
	data string
	more bool
}

func (f frag) v4(id int) []byte {
	o := f.off / 8
	if f.more {
		o |= 0x2000
	}
	return v4frag("10.0.0.1", "10.0.0.2", 17, id, o, []byte(f.data))
}

func (f frag) v6(id int) []byte {
	o := f.off
	if f.more {
		o |= 1
	}
	return v6("2001:db8::1", "2001:db8::2", 44, cat([]byte{17, 0}, u16(o), u32(id), []byte(f.data)))
}

func TestFragments(t *testing.T) {
	const a, b, c = "aaaaaaaa", "bbbbbbbb", "cccc"
	for _, x := range []struct {
		name  string
		frags []frag // the last one makes it whole
		want  string
	}{
		{"in order", []frag{{0, a, true}, {8, b, true}, {16, c, false}}, a + b + c},
		{"backwards", []frag{{16, c, false}, {8, b, true}, {0, a, true}}, a + b + c},
		{"twice", []frag{{0, a, true}, {0, a, true}, {8, b, true}, {8, b, true}, {16, c, false}}, a + b + c},
		{"overlap at the front: first seen wins", []frag{{0, a + a, true}, {8, b + b, true}, {24, c, false}}, a + a + b + c},
		{"overlap at the back: first seen wins", []frag{{8, b, true}, {0, a + a, true}, {16, c, false}}, a + b + c},
		{"overlap in the middle", []frag{{8, b, true}, {0, a + a + a, true}, {24, c, false}}, a + b + a + c},
		{"overlap of two", []frag{{0, a, true}, {16, b, true}, {0, "xxxxxxxxyyyyyyyyzzzzzzzz", true}, {24, c, false}}, a + "yyyyyyyy" + b + c},
		{"inside another", []frag{{0, a + a + a, true}, {8, b, true}, {24, c, false}}, a + a + a + c},
		{"first end wins", []frag{{8, "bbbb", false}, {16, c, false}, {0, a, true}}, a + "bbbb"},
		{"bytes behind the end", []frag{{8, b + b, true}, {8, "bbbb", false}, {0, a, true}}, a + "bbbb"},
	} {
		for _, is6 := range []bool{false, true} {
			d := newDecoder(t, nil)
			var p Packet
			for i, f := range x.frags {
				pkt := f.v4(9)
				if is6 {
					pkt = f.v6(9)
				}
				in := frame(101, bytes.Clone(pkt))
				v := d.Decode(in, &p)
				for j := range in.Data { // what is kept must be a copy
					in.Data[j] = 0xee
				}
				want := Fragment
				if i == len(x.frags)-1 {
					want = IP
				}
				if v != want {
					t.Fatalf("%s, IPv6 %v: fragment %d: %v", x.name, is6, i, v)
				}
			}
			if string(p.Payload) != x.want || p.Wire != len(x.want) || p.Proto != 17 || p.V6 != is6 {
				t.Errorf("%s, IPv6 %v: %q, %+v", x.name, is6, p.Payload, p)
			}
			if n, size := d.Incomplete(); n != 0 || size != 0 || d.frags.cost != 0 {
				t.Errorf("%s: %d datagrams, %d bytes, cost %d remain", x.name, n, size, d.frags.cost)
			}
		}
	}
}

// TestFragmentsModel compares with a map of bytes: whatever comes in whatever
// order, the first seen stays.
func TestFragmentsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := events.DefaultLimits()
		d := NewDecoder(&l)
		model, total := map[int]byte{}, -1
		for i := range rapid.IntRange(1, 20).Draw(t, "n") {
			f := frag{
				off:  8 * rapid.IntRange(0, 8).Draw(t, "off"),
				data: string(bytes.Repeat([]byte{byte(i)}, rapid.IntRange(1, 40).Draw(t, "len"))),
				more: rapid.IntRange(0, 3).Draw(t, "more") > 0,
			}
			if f.off == 0 && !f.more {
				continue // no fragment
			}
			end := f.off + len(f.data)
			if !f.more && total < 0 {
				total = end
			}
			for j := range f.data {
				if _, ok := model[f.off+j]; !ok {
					model[f.off+j] = byte(i)
				}
			}
			whole := total >= 0
			for j := range max(total, 0) {
				_, ok := model[j]
				whole = whole && ok
			}
			var p Packet
			v := d.Decode(frame(101, f.v4(1)), &p)
			if whole != (v == IP) {
				t.Fatalf("whole is %v, verdict %v", whole, v)
			}
			if whole {
				for j, b := range p.Payload {
					if b != model[j] {
						t.Fatalf("byte %d is from fragment %d, want %d", j, b, model[j])
					}
				}
				if len(p.Payload) != total {
					t.Fatalf("length %d, want %d", len(p.Payload), total)
				}
				model, total = map[int]byte{}, -1
			}
		}
	})
}

func TestFragmentKeys(t *testing.T) {
	d := newDecoder(t, nil)
	var p Packet
	first, last := frag{0, "aaaaaaaa", true}, frag{8, "b", false}
	d.Decode(frame(101, first.v4(1)), &p)
	for name, b := range map[string][]byte{
		"other identification": last.v4(2),
		"other protocol":       v4frag("10.0.0.1", "10.0.0.2", 6, 1, 1, []byte("b")),
		"other way":            v4frag("10.0.0.2", "10.0.0.1", 17, 1, 1, []byte("b")),
	} {
		if v := d.Decode(frame(101, b), &p); v != Fragment {
			t.Errorf("%s: %v", name, v)
		}
	}
	if v := d.Decode(frame(1, eth(0x8100, cat(u16(5), u16(0x0800), last.v4(1)))), &p); v != Fragment {
		t.Errorf("other VLAN: %v", v)
	}
	if v := d.Decode(frame(101, last.v4(1)), &p); v != IP {
		t.Errorf("the right one: %v", v)
	}
}

func TestFragmentBounds(t *testing.T) {
	var p Packet
	if v := newDecoder(t, nil).Decode(frame(101, v4frag("10.0.0.1", "10.0.0.2", 17, 1, 0x1fff, make([]byte, 8))), &p); v != Malformed {
		t.Errorf("beyond 65535 bytes: %v", v)
	}
	// The snaplen: ports of the first fragment count, the rest does not.
	d := newDecoder(t, nil)
	for off, want := range map[int]Verdict{0: IP, 8: Fragment} {
		b := frag{off, "0123456789abcdef", true}.v4(1)
		in := &capture.Packet{Link: 101, Data: b[:30], Wire: uint32(len(b))}
		if v := d.Decode(in, &p); v != want {
			t.Errorf("cut fragment at %d: %v", off, v)
		}
	}
	if n, _ := d.Incomplete(); n != 0 {
		t.Errorf("%d datagrams wait for what cannot come", n)
	}
}

func TestFragmentLimits(t *testing.T) {
	type told struct {
		name         string
		value, bytes int
	}
	run := func(change func(*events.Limits), times []events.Time) (out []told, d *Decoder) {
		d = newDecoder(t, change)
		d.Limit = func(name string, value int, _ string, bytes int64) {
			out = append(out, told{name, value, int(bytes)})
		}
		var p Packet
		for i, now := range times {
			in := frame(101, frag{0, "aaaaaaaa", true}.v4(i))
			in.Time = now
			if v := d.Decode(in, &p); v != Fragment {
				t.Errorf("verdict %v", v)
			}
		}
		return out, d
	}
	const second = events.Time(1e9)
	out, d := run(func(l *events.Limits) { l.Fragments = 2 }, make([]events.Time, 3))
	if n, _ := d.Incomplete(); n != 2 || len(out) != 1 || out[0] != (told{"fragments", 2, 8}) {
		t.Errorf("fragments: %d open, %v", n, out)
	}
	out, d = run(func(l *events.Limits) { l.FragmentBytes = 2 * (8 + pieceCost) }, make([]events.Time, 3))
	if n, _ := d.Incomplete(); n != 2 || len(out) != 1 || out[0] != (told{"fragment-bytes", 2 * (8 + pieceCost), 8}) {
		t.Errorf("fragment-bytes: %d open, %v", n, out)
	}
	out, d = run(func(l *events.Limits) { l.FragmentBytes = 1 }, make([]events.Time, 3))
	if n, _ := d.Incomplete(); n != 0 || len(out) != 3 {
		t.Errorf("fragment-bytes of 1: %d open, %v", n, out)
	}
	out, d = run(nil, []events.Time{0, 60 * second, 60*second + 1})
	if n, _ := d.Incomplete(); n != 2 || len(out) != 1 || out[0] != (told{"fragment-seconds", 60, 8}) {
		t.Errorf("fragment-seconds: %d open, %v", n, out)
	}
}

// TestFragmentedTunnel: the UDP packet of a tunnel is fragmented, and the
// packet inside of it is too.
func TestFragmentedTunnel(t *testing.T) {
	inner := v4("10.0.0.1", "10.0.0.2", 6, segment)
	carrier := udp(50000, 4789, cat(u32(0x08000000), u32(0), eth(0x0800, inner)))
	d := newDecoder(t, nil)
	outers := 0
	d.Outer = func(o *Packet) {
		if outers++; !bytes.Equal(o.Payload, carrier) {
			t.Errorf("outer payload %x", o.Payload)
		}
	}
	var p Packet
	if v := d.Decode(frame(101, v4frag("192.0.2.1", "192.0.2.2", 17, 1, 0x2000, carrier[:40])), &p); v != Fragment {
		t.Errorf("first: %v", v)
	}
	if v := d.Decode(frame(101, v4frag("192.0.2.1", "192.0.2.2", 17, 1, 5, carrier[40:])), &p); v != IP || !bytes.Equal(p.Payload, segment) || outers != 1 {
		t.Errorf("last: %v %+v, %d outer", v, p, outers)
	}
	// A fragment inside of a tunnel: the carrier is told, the inside waits.
	carrier = udp(50000, 4789, cat(u32(0x08000000), u32(0), eth(0x0800, frag{0, "aaaaaaaa", true}.v4(3))))
	if v := d.Decode(frame(101, v4("192.0.2.1", "192.0.2.2", 17, carrier)), &p); v != Fragment || outers != 2 {
		t.Errorf("fragment inside: %v, %d outer", v, outers)
	}
}
