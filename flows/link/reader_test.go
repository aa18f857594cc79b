package link

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"

	"github.com/wiretale/wiretale/capture"
)

func readAll(path string) []capture.Packet {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	if len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil
		}
		b, _ = io.ReadAll(z)
	}
	if len(b) < 24 {
		return nil
	}
	var o binary.ByteOrder = binary.LittleEndian
	var out []capture.Packet
	switch binary.LittleEndian.Uint32(b) {
	case 0xa1b2c3d4, 0xa1b23c4d:
	case 0xd4c3b2a1, 0x4d3cb2a1:
		o = binary.BigEndian
	case 0x0a0d0d0a:
		var links []uint16
		for len(b) >= 12 {
			if binary.LittleEndian.Uint32(b) == 0x0a0d0d0a {
				o = binary.LittleEndian
				if binary.LittleEndian.Uint32(b[8:]) != 0x1a2b3c4d {
					o = binary.BigEndian
				}
				links = nil
			}
			t, n := o.Uint32(b), int(o.Uint32(b[4:]))
			if n < 12 || n > len(b) {
				break
			}
			d := b[8 : n-4]
			switch t {
			case 1:
				links = append(links, o.Uint16(d))
			case 2, 6:
				if len(d) < 20 {
					return out
				}
				i := int(o.Uint32(d))
				if t == 2 {
					i = int(o.Uint16(d))
				}
				c, w := int(o.Uint32(d[12:])), o.Uint32(d[16:])
				if i >= len(links) || c > len(d)-20 {
					return out
				}
				ts := uint64(o.Uint32(d[4:]))<<32 | uint64(o.Uint32(d[8:]))
				_ = ts
				out = append(out, capture.Packet{Data: d[20 : 20+c], Wire: w, Link: capture.LinkType(links[i])})
			case 3:
				if len(links) == 0 {
					return out
				}
				w := o.Uint32(d)
				out = append(out, capture.Packet{Data: d[4:min(len(d), 4+int(w))], Wire: w, Link: capture.LinkType(links[0])})
			}
			b = b[n:]
		}
		return out
	default:
		return nil
	}
	link := capture.LinkType(o.Uint32(b[20:]) & 0xffff)
	b = b[24:]
	for len(b) >= 16 {
		n := int(o.Uint32(b[8:]))
		if n > len(b)-16 || n < 0 {
			break
		}
		out = append(out, capture.Packet{Data: b[16 : 16+n], Wire: o.Uint32(b[12:]), Link: link})
		b = b[16+n:]
	}
	return out
}
