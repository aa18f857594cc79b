package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPcap(t *testing.T) {
	for _, o := range both {
		t.Run(o.name, func(t *testing.T) {
			micro := bytes.Join([][]byte{
				pcapHead(o.order, 0xa1b2c3d4, 65535, 1),
				pcapPacket(o.order, 1700000000, 999999, "first"),
				fields(o.order, 1700000001, 0, 3, 1500, "cut"),
				pcapPacket(o.order, 1700000002, 1, ""),
			}, nil)
			_, all, err := readBytes(t, micro)
			want := []got{
				{1, 1700000000_999999000, "first", 5, LinkEthernet, 0},
				{2, 1700000001_000000000, "cut", 1500, LinkEthernet, 0},
				{3, 1700000002_000001000, "", 0, LinkEthernet, 0},
			}
			if d := cmp.Diff(want, all); d != "" || err != nil {
				t.Error(err, d)
			}

			_, all, err = readBytes(t, pcapHead(o.order, 0xa1b23c4d, 0, 101), pcapPacket(o.order, 4294967295, 999999999, "x"))
			want = []got{{1, 4294967295_999999999, "x", 1, LinkRaw, 0}}
			if d := cmp.Diff(want, all); d != "" || err != nil {
				t.Error("nanoseconds:", err, d)
			}

			// Record headers of 24 bytes: interface index, protocol, type, padding.
			_, all, err = readBytes(t, pcapHead(o.order, 0xa1b2cd34, 65535, 113),
				fields(o.order, 5, 6, 2, 2, 3, uint16(0x800), []byte{4, 0}, "ab"),
				fields(o.order, 7, 8, 1, 1, 3, uint16(0x800), []byte{4, 0}, "c"))
			want = []got{{1, 5_000006000, "ab", 2, LinkSLL, 0}, {2, 7_000008000, "c", 1, LinkSLL, 0}}
			if d := cmp.Diff(want, all); d != "" || err != nil {
				t.Error("long record headers:", err, d)
			}

			// A file header of 28 bytes, nanoseconds.
			_, all, err = readBytes(t, pcapHead(o.order, 0x1c0001ac, 65535, 1), fields(o.order, 17), pcapPacket(o.order, 5, 6, "x"))
			want = []got{{1, 5_000000006, "x", 1, LinkEthernet, 0}}
			if d := cmp.Diff(want, all); d != "" || err != nil {
				t.Error("long file header:", err, d)
			}
		})
	}
}

// The upper half of the link field has the length of the FCS, in 16-bit units,
// and a class; both are no part of the type.
func TestPcapLinkField(t *testing.T) {
	le := binary.LittleEndian
	for link, want := range map[uint32]Interface{
		0x00000001: {Link: LinkEthernet, FCS: -1},
		0x24000001: {Link: LinkEthernet, FCS: 4},
		0x04000069: {Link: Link80211, FCS: 0},
		0x20000001: {Link: LinkEthernet, FCS: -1},
		0x02240001: {Link: LinkEthernet, FCS: -1},
	} {
		s, all, err := readBytes(t, pcapHead(le, 0xa1b2c3d4, 65535, link), pcapPacket(le, 1, 2, "x"))
		if err != nil || len(all) != 1 || all[0].Link != want.Link {
			t.Errorf("%#x: %v %v", link, all, err)
		}
		if i := s.Interfaces()[0]; i.Link != want.Link || i.FCS != want.FCS {
			t.Errorf("%#x: %+v", link, i)
		}
	}
}

// Before version 2.3 the length on the wire came first; 2.3 was written both
// ways, and the captured one is the smaller.
func TestPcapOldVersions(t *testing.T) {
	le := binary.LittleEndian
	for minor, record := range map[uint16][]byte{
		2: fields(le, 1, 0, 60, 4, "abcd"),
		3: fields(le, 1, 0, 60, 4, "abcd"),
		4: fields(le, 1, 0, 4, 60, "abcd"),
	} {
		_, all, err := readBytes(t, fields(le, uint32(0xa1b2c3d4), uint16(2), minor, 0, 0, 65535, 1), record)
		want := []got{{1, 1e9, "abcd", 60, LinkEthernet, 0}}
		if d := cmp.Diff(want, all); d != "" || err != nil {
			t.Errorf("2.%d: %v %s", minor, err, d)
		}
	}
	_, _, err := readBytes(t, fields(le, uint32(0xa1b2c3d4), uint16(1), uint16(0), 0, 0, 65535, 1))
	wantFault(t, err, 4, "version 1.0")
}

func wantFault(t *testing.T, err error, offset int64, words string) {
	t.Helper()
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Offset != offset || e.File != "stdin" || !strings.Contains(e.Err.Error(), words) {
		t.Errorf("got %v, want a fault at byte %d with %q", err, offset, words)
	}
}

func TestPcapFaults(t *testing.T) {
	le := binary.LittleEndian
	head := pcapHead(le, 0xa1b2c3d4, 65535, 1)
	ok := pcapPacket(le, 1, 2, "abcd")
	for _, c := range []struct {
		name    string
		file    []byte
		packets int
		offset  int64
		words   string
	}{
		{"in the file header", head[:20], 0, 20, "within its header"},
		{"in a record header", fields(le, head, ok, ok[:7]), 1, 44, "cut off: of the last record 7 bytes are there and at least 9 are missing"},
		{"in a packet", fields(le, head, ok, ok[:18]), 1, 44, "18 bytes are there and at least 2 are missing"},
		{"too long", fields(le, head, ok, fields(le, 1, 2, 262145, 262145), ok), 1, 44, "claims 262145 bytes, more than the 262144"},
		{"as long as may be", fields(le, head, ok, fields(le, 1, 2, 262144, 262144), make([]byte, 262144), ok), 3, -1, ""},
		{"1 GiB of 40 bytes", fields(le, head, fields(le, 1, 2, 1<<30, 1<<30)), 0, 24, "claims 1073741824 bytes"},
		{"snaplen allows it", fields(le, pcapHead(le, 0xa1b2c3d4, 1<<20, 1), ok, fields(le, 1, 2, 1<<20, 1<<20), make([]byte, 1<<20), ok), 3, -1, ""},
		{"hard cap", fields(le, pcapHead(le, 0xa1b2c3d4, 1<<30, 1), ok, fields(le, 1, 2, 1<<24+1, 1<<24)), 1, 44, "more than the 16777216"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, all, err := readBytes(t, c.file)
			if len(all) != c.packets {
				t.Errorf("%d packets, want %d", len(all), c.packets)
			}
			if c.offset >= 0 {
				wantFault(t, err, c.offset, c.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNotACapture(t *testing.T) {
	for content, words := range map[string]string{
		"":              "the file is empty",
		"ab":            "not a pcap, pcapng, snoop or Network Monitor file: it starts with 61 62",
		"hello, world":  "it starts with 68 65 6c 6c",
		"TRSNIFF data ": "Sniffer",
		"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x00\x00\x00\x00": "it starts with 0a 0d 0d 0a",
	} {
		_, _, err := readBytes(t, []byte(content))
		wantFault(t, err, 0, words)
		if (content != "") != errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", content, err)
		}
	}
}
