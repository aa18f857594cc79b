package link

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// The builders write headers as the RFCs draw them.

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func u16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func u32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

func l16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }

func l32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

var macs = []byte{0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1}

func eth(t int, b []byte) []byte { return cat(macs, u16(t), b) }

func a4(s string) []byte { x := netip.MustParseAddr(s).As4(); return x[:] }

func a6(s string) []byte { x := netip.MustParseAddr(s).As16(); return x[:] }

func v4(src, dst string, proto int, b []byte) []byte {
	return v4frag(src, dst, proto, 7, 0, b)
}

func v4frag(src, dst string, proto, id, flagsOffset int, b []byte) []byte {
	return cat([]byte{0x45, 0}, u16(20+len(b)), u16(id), u16(flagsOffset), []byte{64, byte(proto), 0xba, 0xad}, a4(src), a4(dst), b)
}

func v6(src, dst string, next int, b []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, u16(len(b)), []byte{byte(next), 64}, a6(src), a6(dst), b)
}

func udp(src, dst int, b []byte) []byte {
	return cat(u16(src), u16(dst), u16(8+len(b)), u16(0), b)
}

// segment is a TCP header with two bytes of data.
var segment = cat(u16(1025), u16(80), u32(1), u32(2), []byte{0x50, 0x10, 0, 0, 0, 0, 0, 0}, []byte("hi"))

// in4 and in6 are the packets that the tests wrap up.
var (
	in4 = v4("10.0.0.1", "10.0.0.2", 6, segment)
	in6 = v6("2001:db8::1", "2001:db8::2", 6, segment)
)

func snap(t int, b []byte) []byte { return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(t), b) }

func frame(t capture.LinkType, b []byte) *capture.Packet {
	return &capture.Packet{Link: t, Data: b, Wire: uint32(len(b))}
}

func newDecoder(t testing.TB, change func(*events.Limits)) *Decoder {
	t.Helper()
	l := events.DefaultLimits()
	if change != nil {
		change(&l)
	}
	return NewDecoder(&l)
}
