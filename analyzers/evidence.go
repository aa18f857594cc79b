package analyzers

import (
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// MaxFrames is how many frames a row names at most.
const MaxFrames = 8

// Frames sorts fs, drops zeros and repetitions, and keeps the first MaxFrames.
func Frames(fs ...uint64) []uint64 {
	fs = slices.Clone(fs)
	slices.Sort(fs)
	fs = slices.Compact(fs)
	if len(fs) > 0 && fs[0] == 0 {
		fs = fs[1:]
	}
	return fs[:min(len(fs), MaxFrames)]
}

// SideFilter is the Wireshark display filter for what side d of a TCP or UDP
// flow sent.
func SideFilter(k events.StreamKey, f events.Flow, d events.Dir) string {
	client, server := f.Ends()
	from := client
	if d == events.FromServer {
		from = server
	}
	s := k.Filter()
	if client.Addr() != server.Addr() {
		s += " && " + AddrFilter("src", f, d)
	}
	if client.Port() != server.Port() {
		s += " && " + TransportField(k.Proto, "srcport") + " == " + strconv.Itoa(int(from.Port()))
	}
	return s
}

// AddrFilter is the filter for one address of a flow as "src", "dst", "addr".
func AddrFilter(field string, f events.Flow, d events.Dir) string {
	a := f.Client
	if d == events.FromServer {
		a = f.Server
	}
	ip := a.IP()
	if ip.Is4() {
		return "ip." + field + " == " + ip.String()
	}
	return "ipv6." + field + " == " + ip.String()
}

// TransportField is a field of the transport in Wireshark: "tcp.srcport".
func TransportField(proto uint8, field string) string {
	return events.TransportName(proto) + "." + field
}

// SideKey is the key of a row about one side of a flow: "tcp:5 server".
func SideKey(k events.StreamKey, d events.Dir) string { return k.String() + " " + d.String() }
