package tracker

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/wiretale/wiretale/decoders/bencode"
)

// readPeers are the peers of an answer: compact (BEP 23, IPv6: BEP 7), or a
// list of dictionaries (BEP 3).
func readPeers(v bencode.Value) (list []string) {
	peers, _ := v.Get("peers")
	switch peers.Kind() {
	case bencode.String:
		b, _ := peers.Bytes()
		list = compact(list, b, 4)
	case bencode.List:
		for p := range peers.List() {
			host, _ := p.GetBytes("ip")
			port, ok := p.GetInt("port")
			if len(host) > 0 && ok {
				list = append(list, hostPort(string(host), port))
			}
		}
	}
	b, _ := v.GetBytes("peers6")
	return compact(list, b, 16)
}

// hostPort joins an address, or a name, with its port.
func hostPort(host string, port int64) string {
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	return host + ":" + itoa(port)
}

// compact reads addresses of size bytes, each with a port.
func compact(list []string, b []byte, size int) []string {
	for ; len(b) >= size+2; b = b[size+2:] {
		a, _ := netip.AddrFromSlice(b[:size])
		list = append(list, netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[size:])).String())
	}
	return list
}

// address is an address of 4 or 16 bytes (BEP 24).
func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return ""
	}
	return a.String()
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
