package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/events"
)

// both are the two byte orders that a file may have.
var both = []struct {
	name  string
	order binary.AppendByteOrder
}{{"little-endian", binary.LittleEndian}, {"big-endian", binary.BigEndian}}

// fields puts numbers one after the other: a uint16 takes 2 bytes, a uint32 4,
// a []byte as many as it has.
func fields(o binary.AppendByteOrder, vs ...any) (b []byte) {
	for _, v := range vs {
		switch v := v.(type) {
		case uint16:
			b = o.AppendUint16(b, v)
		case uint32:
			b = o.AppendUint32(b, v)
		case int:
			b = o.AppendUint32(b, uint32(v))
		case uint64:
			b = o.AppendUint64(b, v)
		case []byte:
			b = append(b, v...)
		case string:
			b = append(b, v...)
		default:
			panic("fields: unknown type")
		}
	}
	return b
}

// block is one pcapng block: padded, with its length at both ends.
func block(o binary.AppendByteOrder, kind int, body ...any) []byte {
	b := pad(fields(o, body...))
	n := len(b) + 12
	return fields(o, kind, n, b, n)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func opt(o binary.AppendByteOrder, code int, v []byte) []byte {
	return append(fields(o, uint16(code), uint16(len(v))), pad(slices.Clone(v))...)
}

func section(o binary.AppendByteOrder, options ...any) []byte {
	return block(o, 0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(0), ^uint64(0), fields(o, options...))
}

func iface(o binary.AppendByteOrder, link, snaplen int, options ...any) []byte {
	return block(o, 1, uint16(link), uint16(0), snaplen, fields(o, options...))
}

// enhanced is an Enhanced Packet Block; its time stamp is given in units.
func enhanced(o binary.AppendByteOrder, i int, ts uint64, data string, options ...any) []byte {
	return block(o, 6, i, uint32(ts>>32), uint32(ts), len(data), len(data), pad([]byte(data)), fields(o, options...))
}

// pcapHead is a file header; magic decides about the rest of the file.
func pcapHead(o binary.AppendByteOrder, magic, snaplen, link uint32) []byte {
	return fields(o, magic, uint16(2), uint16(4), 0, 0, snaplen, link)
}

func pcapPacket(o binary.AppendByteOrder, sec, frac int, data string) []byte {
	return fields(o, sec, frac, len(data), len(data), data)
}

// got is a Packet that owns its bytes.
type got struct {
	Frame uint64
	Time  events.Time
	Data  string
	Wire  uint32
	Link  LinkType
	Iface uint16
}

// read drains a source; the error is nil for io.EOF.
func read(s *Source) (all []got, err error) {
	var b Batch
	for {
		if err = s.Next(&b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return all, err
		}
		for i, p := range b.Packets {
			all = append(all, got{b.First + uint64(i), p.Time, string(p.Data), p.Wire, p.Link, p.Iface})
		}
		b.Release()
	}
}

// readBytes reads one capture from memory.
func readBytes(t testing.TB, parts ...[]byte) (*Source, []got, error) {
	t.Helper()
	s, err := Open([]string{"-"}, Options{Stdin: bytes.NewReader(bytes.Join(parts, nil))})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { s.Close() })
	all, err := read(s)
	return s, all, err
}
