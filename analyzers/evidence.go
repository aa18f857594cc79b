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
	return ArrangeFrames(slices.Clone(fs))
}

// ArrangeFrames is Frames in the memory of fs.
func ArrangeFrames(fs []uint64) []uint64 {
	slices.Sort(fs)
	fs = slices.Compact(fs)
	if len(fs) > 0 && fs[0] == 0 {
		fs = fs[1:]
	}
	n := min(len(fs), MaxFrames)
	return fs[:n:n]
}

// SideFilter is the Wireshark display filter for what side d of a TCP or UDP
// flow sent.
func SideFilter(k events.StreamKey, f events.Flow, d events.Dir) string {
	var room [192]byte
	return string(AppendSideFilter(room[:0], k, &f, d))
}

// AppendSideFilter appends SideFilter: many rows put all their texts in one
// string.
func AppendSideFilter(b []byte, k events.StreamKey, f *events.Flow, d events.Dir) []byte {
	b = append(b, events.TransportName(k.Proto)...)
	b = append(b, ".stream eq "...)
	b = strconv.AppendUint(b, uint64(k.Stream), 10)
	if f.Client != f.Server {
		b = append(b, " && "...)
		b = appendAddrFilter(b, "src", f, d)
	}
	if f.ClientPort != f.ServerPort {
		b = append(b, " && "...)
		b = append(b, events.TransportName(k.Proto)...)
		b = append(b, ".srcport == "...)
		port := f.ClientPort
		if d == events.FromServer {
			port = f.ServerPort
		}
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	return b
}

// AddrFilter is the filter for one address of a flow as "src", "dst", "addr".
func AddrFilter(field string, f events.Flow, d events.Dir) string {
	var room [64]byte
	return string(appendAddrFilter(room[:0], field, &f, d))
}

func appendAddrFilter(b []byte, field string, f *events.Flow, d events.Dir) []byte {
	a := &f.Client
	if d == events.FromServer {
		a = &f.Server
	}
	ip := a.IP()
	if ip.Is4() {
		b = append(b, "ip."...)
	} else {
		b = append(b, "ipv6."...)
	}
	b = append(b, field...)
	b = append(b, " == "...)
	return ip.AppendTo(b)
}

// TransportField is a field of the transport in Wireshark: "tcp.srcport".
func TransportField(proto uint8, field string) string {
	return events.TransportName(proto) + "." + field
}

// SideKey is the key of a row about one side of a flow: "tcp:5 server".
func SideKey(k events.StreamKey, d events.Dir) string {
	var room [32]byte
	return string(AppendSideKey(room[:0], k, d))
}

// AppendSideKey appends SideKey.
func AppendSideKey(b []byte, k events.StreamKey, d events.Dir) []byte {
	b = append(b, events.TransportName(k.Proto)...)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(k.Stream), 10)
	b = append(b, ' ')
	return append(b, d.String()...)
}
