package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReader reads any bytes: as they are, and what they hold if they are
// gzip or zstd. It must not panic, and however the bytes arrive, the packets
// and the fault must be the same; so must they be when two copies are merged.
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
	file := fields(le, pcapHead(le, 0xa1b2c3d4, 65535, 1), pcapPacket(le, 1, 2, "abcd"))
	f.Add(zipped(file))
	f.Add(zstandard(f, file))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		want, wantErr := fuzzRead(bytes.NewReader(file))
		got, gotErr := fuzzRead(oneByOne{bytes.NewReader(file)})
		if d := cmp.Diff(want, got); d != "" || wantErr != gotErr {
			t.Fatal(d, wantErr, gotErr)
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open([]string{path, path}, Options{})
		if err != nil {
			if len(want) > 0 {
				t.Fatal(err)
			}
			return
		}
		defer s.Close()
		if merged, _ := read(s); len(merged) != 2*len(want) {
			t.Fatalf("%d packets merged, twice %d apart", len(merged), len(want))
		}
	})
}

func fuzzRead(r io.Reader) (all []got, fault string) {
	s, err := Open([]string{"-"}, Options{Stdin: r})
	if err == nil {
		all, err = read(s)
		s.Interfaces()
		s.Meta()
		s.Close()
	}
	if err != nil {
		fault = err.Error()
	}
	return all, fault
}

// oneByOne gives a byte at a time.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }
