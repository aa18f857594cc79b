package capture

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// RFC 1761: big-endian; each record tells its length with padding.
func TestSnoop(t *testing.T) {
	be := binary.BigEndian
	head := fields(be, "snoop\x00\x00\x00", 2, 4)
	one := fields(be, 60, 3, 28, 0, 1000, 5, "abc\x00")
	_, all, err := readBytes(t, head, one, fields(be, 2, 2, 26, 7, 1001, 999999, "de"))
	want := []got{
		{1, 1000_000005000, "abc", 60, LinkEthernet, 0},
		{2, 1001_999999000, "de", 2, LinkEthernet, 0},
	}
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Error(err, d)
	}
	_, _, err = readBytes(t, head[:15])
	wantFault(t, err, 15, "within its header")
	_, _, err = readBytes(t, fields(be, "snoop\x00\x00\x00", 2, 77))
	wantFault(t, err, 8, "data link type 77")
	_, _, err = readBytes(t, head, one, one[:30-3])
	wantFault(t, err, 44, "27 bytes are there and at least 1 are missing")
	_, _, err = readBytes(t, head, one, fields(be, 60, 300, 28, 0, 1000, 5))
	wantFault(t, err, 44, "claims 28 bytes with a packet of 300")
	_, _, err = readBytes(t, head, one, fields(be, 60, 1<<30, 28, 0, 1000, 5))
	wantFault(t, err, 44, "claims 1073741824 bytes")
}

// netmonFile is a Network Monitor file: header, records, and a table of
// which only the place matters.
func netmonFile(minor byte, first int, records ...[]byte) []byte {
	le := binary.LittleEndian
	body := fields(le)
	for _, r := range records {
		body = append(body, r...)
	}
	b := fields(le, "GMBU", []byte{minor, 2}, uint16(1),
		uint16(2005), uint16(7), uint16(6), uint16(16), uint16(10), uint16(29), uint16(29), uint16(800),
		first+len(body), 4*len(records))
	b = append(b, make([]byte, first-len(b))...)
	return append(append(b, body...), make([]byte, 4*len(records)+40)...)
}

func TestNetmon(t *testing.T) {
	le := binary.LittleEndian
	// 2005-07-16 10:29:29.800 UTC; records count microseconds from there.
	const start = 1121509769_800000000
	file := netmonFile(0, 128, fields(le, uint64(5), 60, 3, "abc"), fields(le, uint64(1_000_000), 2, 2, "de"))
	_, all, err := readBytes(t, file)
	want := []got{
		{1, start + 5000, "abc", 60, LinkEthernet, 0},
		{2, start + 1e9, "de", 2, LinkEthernet, 0},
	}
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Error(err, d)
	}
	_, all, err = readBytes(t, file[:140])
	wantFault(t, err, 128, "12 bytes are there and at least 4 are missing")
	if len(all) != 0 {
		t.Error(all)
	}

	// Version 2.3 has medium, process, time (100 ns since 1601) and zone behind
	// each packet. Special records have a frame number.
	filetime := func(ns uint64) uint64 { return ns/100 + 116444736000000000 }
	tail := func(medium uint16, ns uint64) []byte {
		return fields(le, medium, 0, filetime(ns), []byte{0})
	}
	_, all, err = readBytes(t, netmonFile(3, 72,
		fields(le, uint64(5), 60, 3, "abc", tail(1, 1e18)),
		fields(le, uint64(5), 1, 1, "x", tail(0xffff, 0)),
		fields(le, uint64(5), 2, 2, "de", tail(0xe000|276, 1e18+700)),
		fields(le, uint64(5), 2, 2, "fg", tail(99, 1e18+800))))
	want = []got{
		{1, 1e18, "abc", 60, LinkEthernet, 0},
		{3, 1e18 + 700, "de", 2, LinkSLL2, 1},
		{4, 1e18 + 800, "fg", 2, LinkUnknown, 2},
	}
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Error(err, d)
	}
}
