package peer

import (
	"encoding/binary"
	"net/netip"
)

// AppendCompact appends an address and port in 6 bytes, or 18 for IPv6
// (BEP 23, BEP 7).
func AppendCompact(b []byte, a netip.AddrPort) []byte {
	b = append(b, a.Addr().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// compactLen is an IPv4 address and a port.
const compactLen = 6

// ParseCompact reads IPv4 addresses and ports of 6 bytes each; what is left at
// the end is no address and not read.
func ParseCompact(s string) []netip.AddrPort {
	var out []netip.AddrPort
	for ; len(s) >= compactLen; s = s[compactLen:] {
		a := netip.AddrFrom4([4]byte([]byte(s[:4])))
		out = append(out, netip.AddrPortFrom(a, binary.BigEndian.Uint16([]byte(s[4:compactLen]))))
	}
	return out
}

// Texts are addresses as people write them.
func Texts(list []netip.AddrPort) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}
