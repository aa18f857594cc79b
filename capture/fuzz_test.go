package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReader reads any bytes: as they are, and what they hold if they are
// gzip or zstd. It must not panic, and however the bytes arrive and whatever the
// size of the buffers, the packets and the fault must be the same.
func FuzzReader(f *testing.F) {
	le := binary.LittleEndian
	for _, x := range both {
		o := x.order
		for _, magic := range []uint32{0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34, 0x1c0001ac} {
			f.Add(fields(o, pcapHead(o, magic, 65535, 1), pcapPacket(o, 1, 2, "abcd"), pcapPacket(o, 1, 2, "efgh")))
		}
		f.Add(fields(o, section(o, opt(o, 1, []byte("why"))), iface(o, 1, 20, opt(o, 9, []byte{9}), opt(o, 14, fields(o, uint64(5)))),
			enhanced(o, 0, 5, "abc", opt(o, 1, []byte("look"))), block(o, 3, 60, "twenty bytes of it.."),
			block(o, 2, uint16(0), uint16(7), uint32(0), uint32(9), 2, 70, "ab\x00\x00"),
			block(o, 4, opt(o, 1, []byte("\x0a\x00\x00\x01one\x00"))), block(o, 5, 0, uint32(0), uint32(7), opt(o, 4, fields(o, uint64(10)))),
			block(o, 10, 0x544c534b, 5, "keys\n"), block(o, 0x7777, "unknown"), block(o, 0xbad, 1), enhanced(o, 0, 6, "end")))
	}
	f.Add(fields(binary.BigEndian, "snoop\x00\x00\x00", 2, 4, 60, 3, 28, 0, 1000, 5, "abc\x00"))
	f.Add(netmonFile(0, 128, fields(le, uint64(5), 60, 3, "abc"), fields(le, uint64(6), 2, 2, "de")))
	f.Add(netmonFile(3, 72, fields(le, uint64(5), 60, 3, "abc", uint16(1), 0, uint64(1e17), "z")))
	file := fields(le, pcapHead(le, 0xa1b2c3d4, 65535, 1), pcapPacket(le, 1, 2, "abcd"))
	f.Add(zipped(file))
	f.Add(zstandard(f, file))
	// Small buffers make every record cross an edge, and large ones grow.
	small, large := newPool(netmonPadded), newPool(64<<10)
	f.Fuzz(func(t *testing.T, file []byte) {
		want, wantFault := fuzzRead(bytes.NewReader(file), false, large)
		for _, live := range []bool{false, true} {
			for _, p := range []*pool{small, large} {
				got, gotFault := fuzzRead(oneByOne{bytes.NewReader(file)}, live, p)
				if d := cmp.Diff(want, got); d != "" || wantFault != gotFault {
					t.Fatal(live, d, wantFault, gotFault)
				}
			}
		}
	})
}

// fuzzMost is as many packets as are compared of one input.
const fuzzMost = 1000

func fuzzRead(raw io.Reader, live bool, p *pool) (all []got, fault string) {
	n := &notes{budget: 1 << 20}
	r, err := newReader("file", raw, live, p, n)
	if err != nil {
		return nil, err.Error()
	}
	defer r.close()
	var out [16]Packet
	for len(all) < fuzzMost {
		k, first, err := r.next(out[:])
		for i, p := range out[:k] {
			all = append(all, got{first + uint64(i), p.Time, string(p.Data), p.Wire, p.Link, p.Iface})
		}
		r.comments = r.comments[:0]
		if err != nil {
			fault = err.Error()
			break
		}
	}
	n.snapshot()
	return all[:min(len(all), fuzzMost)], fault
}

// oneByOne gives a byte at a time.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }
