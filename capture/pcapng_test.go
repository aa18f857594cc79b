package capture

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wiretale/wiretale/events"
)

// One file with each kind of block, in both byte orders.
func TestPcapngBlocks(t *testing.T) {
	for _, x := range both {
		t.Run(x.name, func(t *testing.T) {
			o := x.order
			s, all, err := readBytes(t,
				section(o, opt(o, 1, []byte("why")), opt(o, 2, []byte("a box")), opt(o, 3, []byte("an OS")), opt(o, 4, []byte("a program")), opt(o, 0, nil)),
				iface(o, 1, 20, opt(o, 2, []byte("eth0")), opt(o, 3, []byte("uplink")), opt(o, 8, fields(o, uint64(1e9))),
					opt(o, 11, []byte("\x00tcp port 80")), opt(o, 12, []byte("Linux")), opt(o, 13, []byte{4}), opt(o, 15, []byte("NIC\x00"))),
				iface(o, 276, 0, opt(o, 9, []byte{9}), opt(o, 14, fields(o, uint64(100))), opt(o, 1, []byte("any")), opt(o, 0, nil)),
				enhanced(o, 0, 5_000001, "abc", opt(o, 2, []byte{0, 0, 0, 1}), opt(o, 1, []byte("look")), opt(o, 1, []byte("here")), opt(o, 0, nil)),
				enhanced(o, 1, 5_000000001, "abcd"),
				block(o, 3, 60, "twenty bytes of it.."),
				block(o, 2, uint16(1), uint16(7), uint32(0), uint32(9), 2, 70, "ab\x00\x00", opt(o, 1, []byte("old"))),
				block(o, 4, opt(o, 1, []byte("\x0a\x00\x00\x01one\x00uno\x00")), opt(o, 2, append(netip.MustParseAddr("2001:db8::1").AsSlice(), "six\x00"...)), opt(o, 3, []byte("\x00\x00\x00\x00\x00\x00mac\x00")), opt(o, 0, nil)),
				block(o, 5, 0, uint32(0), uint32(7), opt(o, 2, fields(o, uint32(0), uint32(1))), opt(o, 3, fields(o, uint32(0), uint32(2))),
					opt(o, 4, fields(o, uint64(10))), opt(o, 5, fields(o, uint64(0))), opt(o, 6, fields(o, uint64(9))), opt(o, 7, fields(o, uint64(1))), opt(o, 8, fields(o, uint64(8))), opt(o, 0, nil)),
				block(o, 10, 0x544c534b, 5, "keys\n"),
				block(o, 0x7777, "something unknown"),
				enhanced(o, 0, 6_000000, "end"),
			)
			want := []got{
				{1, 5_000001000, "abc", 3, LinkEthernet, 0},
				{2, 105_000000001, "abcd", 4, LinkSLL2, 1},
				{3, 105_000000001, "twenty bytes of it..", 60, LinkEthernet, 0}, // cut at the snaplen, no time of its own
				{4, 100_000000009, "ab", 70, LinkSLL2, 1},
				{5, 6_000000000, "end", 3, LinkEthernet, 0},
			}
			if d := cmp.Diff(want, all); d != "" || err != nil {
				t.Error(err, d)
			}
			wantMeta := &Meta{
				Sections: []Section{{File: "stdin", Format: "pcapng", Version: "1.0", BigEndian: o == binary.BigEndian,
					Hardware: "a box", OS: "an OS", Application: "a program"}},
				Names: []Name{
					{netip.MustParseAddr("10.0.0.1"), []string{"one", "uno"}},
					{netip.MustParseAddr("2001:db8::1"), []string{"six"}},
				},
				Comments: []Comment{
					{0, -1, 0, "why"}, {0, 1, 0, "any"},
					{1, -1, 0, "look"}, {1, -1, 0, "here"}, {4, -1, 0, "old"},
				},
				Statistics: []Statistics{{Iface: 0, Time: 7000, Start: 1000, End: 2000,
					Received: Counter{10, true}, Dropped: Counter{0, true}, Accepted: Counter{9, true},
					DroppedByOS: Counter{1, true}, DeliveredUser: Counter{8, true}}},
				Secrets: []Secrets{{SecretsTLS, []byte("keys\n"), 4}},
			}
			if d := cmp.Diff(wantMeta, s.Meta(), cmpopts.EquateComparable(netip.Addr{})); d != "" {
				t.Error(d)
			}
			wantIfaces := []Interface{
				{Link: 1, Name: "eth0", Description: "uplink", Filter: "tcp port 80", OS: "Linux", Hardware: "NIC",
					Snaplen: 20, Resolution: 6, FCS: 4, Speed: 1e9, File: "stdin"},
				{Link: 276, Resolution: 9, Offset: 100, FCS: -1, File: "stdin"},
			}
			if d := cmp.Diff(wantIfaces, s.Interfaces()); d != "" {
				t.Error(d)
			}
		})
	}
}

// A second section has a byte order and interfaces of its own.
func TestPcapngSections(t *testing.T) {
	a, b := both[0].order, both[1].order
	s, all, err := readBytes(t,
		section(a), iface(a, 1, 0), enhanced(a, 0, 1e6, "one"),
		section(b), iface(b, 101, 0, opt(b, 9, []byte{0})), enhanced(b, 0, 2, "two"),
		section(a), enhanced(a, 0, 3e6, "three"))
	want := []got{{1, 1e9, "one", 3, LinkEthernet, 0}, {2, 2e9, "two", 3, LinkRaw, 1}}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	e, _ := err.(*Error)
	if e == nil || e.Err.Error() != "a packet is of interface 0, and the section has described 0" {
		t.Error(err)
	}
	if m := s.Meta(); len(m.Sections) != 3 || !m.Sections[1].BigEndian || s.Interfaces()[1].Section != 1 {
		t.Error(m.Sections, s.Interfaces())
	}
}

func TestResolutions(t *testing.T) {
	const ts = 1_234_567_890_123
	for _, c := range []struct {
		resolution uint8
		offset     int64
		ts         uint64
		want       events.Time
	}{
		{0, 0, 1_234_567_890, 1_234_567_890_000_000_000},
		{3, 0, ts, 1_234_567_890_123_000_000},
		{6, 0, ts, 1_234_567_890_123_000},
		{9, 0, ts, ts},
		{10, 0, ts, ts / 10},
		{12, 0, ts, 1_234_567_890},
		{19, 0, math.MaxUint64, 1_844_674_407},
		{27, 0, math.MaxUint64, 18},
		{28, 0, math.MaxUint64, 1},
		{29, 0, math.MaxUint64, 0},
		{127, 0, math.MaxUint64, 0},
		{0x80, 0, 7, 7e9},
		{0x80 | 1, 0, 7, 3_500_000_000},
		{0x80 | 10, 0, 1536, 1_500_000_000},
		{0x80 | 32, 0, 5<<32 | 1<<31, 5_500_000_000},
		{0x80 | 63, 0, 1 << 62, 500_000_000},
		{0x80 | 64, 0, 1 << 63, 500_000_000},
		{0x80 | 65, 0, 1 << 63, 250_000_000},
		{0xff, 0, math.MaxUint64, 0},
		// Beyond what nanoseconds in 64 bits can say.
		{0, 0, math.MaxUint64, math.MaxInt64},
		{9, 0, 1 << 63, math.MaxInt64},
		{0x80, 0, 1 << 63, math.MaxInt64},
		// Offsets are whole seconds.
		{6, 100, 1, 100_000_001_000},
		{6, -100, 1, -99_999_999_000},
		{9, -5, 5e9, 0},
		{9, math.MaxInt64, 1, math.MaxInt64},
		{9, math.MinInt64, 1, math.MinInt64},
		{9, -9_223_372_036, 1 << 63, 854_775_808},
	} {
		clock := newClock(c.resolution, c.offset)
		if got := clock.time(c.ts); got != c.want {
			t.Errorf("resolution %#x, offset %d, %d units: %d ns, want %d", c.resolution, c.offset, c.ts, got, c.want)
		}
	}
}

// Wireshark numbers journal entries, custom and Sysdig blocks as frames.
func TestPcapngFrameNumbers(t *testing.T) {
	o := both[0].order
	_, all, err := readBytes(t, section(o), iface(o, 1, 0),
		enhanced(o, 0, 1, "1"), enhanced(o, 0, 1, "2"),
		block(o, 0xbad, 32473, "custom"), block(o, 9, "__REALTIME_TIMESTAMP=1\n"),
		enhanced(o, 0, 2, "5"), block(o, 0x40000bad, 32473), enhanced(o, 0, 3, "7"),
		block(o, 0x7777), enhanced(o, 0, 3, "8"))
	if err != nil || len(all) != 5 {
		t.Fatal(all, err)
	}
	for _, g := range all {
		if g.Frame != uint64(g.Data[0]-'0') {
			t.Errorf("frame %d should be %s", g.Frame, g.Data)
		}
	}
}

func TestPcapngOdd(t *testing.T) {
	o := both[0].order
	ok := enhanced(o, 0, 1, "abcd")
	head := fields(o, section(o), iface(o, 1, 0), ok)
	n := int64(len(head))
	big := block(o, 0x7777, make([]byte, 3<<20))
	for _, c := range []struct {
		name    string
		rest    []byte
		packets int
		offset  int64 // -1: no fault
		words   string
	}{
		{"length without its padding", fields(o, 6, 33, 0, 0, 9, 1, 1, "x\x00\x00\x00", 33, ok), 3, -1, ""},
		{"options that make no sense", fields(o, enhanced(o, 0, 1, "x", fields(o, uint16(1), uint16(400), 0)), ok), 3, -1, ""},
		{"unknown block larger than a buffer", fields(o, big, ok), 2, -1, ""},
		{"unknown block cut off", big[:2<<20], 1, n + 2<<20, "1048588 bytes of the last block are missing"},
		{"unknown block cut off before its end", big[:len(big)-4], 1, n + int64(len(big)) - 4, "cut off"},
		{"unknown block with two lengths", fields(o, big[:len(big)-4], 8, ok), 1, n + int64(len(big)) - 4, "says it has 3145740 bytes at its start and 8 at its end"},
		{"packet with two lengths", fields(o, ok[:len(ok)-4], 8, ok), 1, n, "says it has 36 bytes at its start and 8 at its end"},
		{"cut in a block's head", ok[:7], 1, n, "7 bytes are there and at least 5 are missing"},
		{"cut in a packet", ok[:len(ok)-1], 1, n, "35 bytes are there and at least 1 are missing"},
		{"zeros at the end", make([]byte, 64), 1, n, "claims 0 bytes, fewer than the 12"},
		{"lying block", fields(o, 6, 1<<30, 0, 0, 9, 4, 4, "abcd"), 1, n, "claims 1073741824 bytes"},
		{"lying packet in a block not all there", fields(o, 6, 1<<20, 0, 0, 9, 1<<19, 4, "abcd"), 1, n, "claims 524288 bytes, more than the 262144"},
		{"lying packet", block(o, 6, 0, 0, 9, 100, 4, "abcd"), 1, n, "claims 100 bytes in a block that has room for 4"},
		{"lying old packet", block(o, 2, uint16(0), uint16(0), 0, 9, 100, 4, "abcd"), 1, n, "claims 100 bytes in a block that has room for 4"},
		{"lying simple packet", block(o, 3, 100, "abcd"), 1, n, "claims 100 bytes in a block that has room for 4"},
		{"no such interface", block(o, 6, 1, 0, 9, 4, 4, "abcd"), 1, n, "is of interface 1, and the section has described 1"},
		{"version", block(o, 0x0a0d0d0a, 0x1a2b3c4d, uint16(2), uint16(0), ^uint64(0)), 1, n, "version 2.0"},
		{"version 1.2 is 1.0", block(o, 0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(2), ^uint64(0)), 1, -1, ""},
		{"byte order", block(o, 0x0a0d0d0a, 0x1a2b3c4e, uint16(1), uint16(0), ^uint64(0)), 1, n + 8, "byte order"},
		{"short section", fields(o, 0x0a0d0d0a, 16, 0x1a2b3c4d, 16), 1, n, "claims 16 bytes, fewer than the 28"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, all, err := readBytes(t, head, c.rest)
			if len(all) != c.packets {
				t.Errorf("%d packets, want %d (%v)", len(all), c.packets, err)
			}
			if c.offset >= 0 {
				wantFault(t, err, c.offset, c.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// What is kept besides packets has a bound, and says when it was reached.
func TestMetaLimit(t *testing.T) {
	o := both[0].order
	var file []byte
	file = append(section(o), iface(o, 1, 0)...)
	for range 100 {
		file = append(file, enhanced(o, 0, 1, "x", opt(o, 1, make([]byte, 1000)))...)
	}
	s := openBytes(t, file, &events.Limits{CaptureMeta: 12000, MergeFiles: 1})
	all, err := read(s)
	if m := s.Meta(); len(all) != 100 || err != nil || len(m.Comments) == 0 || len(m.Comments)+m.Dropped != 100 {
		t.Errorf("%d packets, %v, %d comments, %d dropped", len(all), err, len(m.Comments), m.Dropped)
	}
}
