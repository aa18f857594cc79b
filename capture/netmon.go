package capture

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/wiretale/wiretale/events"
)

const (
	netmonMagic  = "GMBU"
	netmonHeader = 72
	netmonPadded = 128 // where the first record is in files of version 2.0
	netmonRecord = 16
)

// Media types of Microsoft Network Monitor.
const (
	netmonEthernet  = 1
	netmonTokenRing = 2
	netmonFDDI      = 3
	netmonRawIP     = 8
	netmonPcap      = 0xe000 // and a pcap link type in the low 12 bits
	netmonSpecial   = 0xfff0 // from here on: about the capture, no packets
)

// netmonLink is the link type of a medium.
func netmonLink(medium uint16) (LinkType, bool) {
	switch medium {
	case netmonEthernet:
		return LinkEthernet, true
	case netmonTokenRing:
		return LinkTokenRing, true
	case netmonFDDI:
		return LinkFDDI, true
	case netmonRawIP:
		return LinkRaw, true
	}
	return LinkType(medium & 0xfff), medium&0xf000 == netmonPcap
}

// netmon parses a Microsoft Network Monitor 2 file. Its records lie one after
// the other and a table of their places follows them. Times of version 2.0 are
// local to the machine that captured, which the file does not tell; they are
// taken as UTC.
type netmon struct {
	trailer int // bytes behind each packet
	utc     bool
	link    LinkType // where records do not tell theirs
	ifaces  map[LinkType]uint16
	start   events.Time
	table   int64 // where the records end
}

// newNetmon reads the file header, which is all there.
func newNetmon(r *reader, compression string) *netmon {
	le := binary.LittleEndian
	b := r.window()
	minor, major := b[4], b[5]
	m := &netmon{table: int64(le.Uint32(b[24:])), ifaces: map[LinkType]uint16{}}
	link, known := netmonLink(le.Uint16(b[6:]))
	if major != 2 || minor == 0 && !known {
		r.fail(4, "Network Monitor version %d.%d, medium %d: not known", major, minor, le.Uint16(b[6:]))
		return nil
	}
	m.link = link
	switch minor {
	case 0:
	case 1:
		m.trailer = 2 // medium
	case 2:
		m.trailer = 6 // and process
	default:
		m.trailer, m.utc = 15, true // and time
	}
	at := func(i int) int { return int(le.Uint16(b[8+2*i:])) } // year, month, weekday, day, …
	m.start = events.TimeOf(time.Date(at(0), time.Month(at(1)), at(3), at(4), at(5), at(6), at(7)*1e6, time.UTC))
	r.pos = netmonHeader
	if len(b) >= netmonPadded && [netmonPadded - netmonHeader]byte(b[netmonHeader:netmonPadded]) == ([netmonPadded - netmonHeader]byte{}) {
		r.pos = netmonPadded
	}
	r.notes.section(Section{File: r.name, Format: "netmon", Version: fmt.Sprintf("%d.%d", major, minor), Compression: compression})
	return m
}

func (m *netmon) parse(r *reader, out []Packet) (n, want int) {
	le := binary.LittleEndian
	for n < len(out) {
		if r.off+int64(r.pos) >= m.table {
			r.pos, r.eof, r.srcErr = r.end, true, nil
			return n, 1
		}
		b := r.window()
		if len(b) < netmonRecord {
			return n, netmonRecord // never the end: the table is missing
		}
		wire, captured := le.Uint32(b[8:]), le.Uint32(b[12:])
		if captured > maxRecord {
			r.fail(r.pos, "a packet claims %d bytes, more than the %d that this file may have", captured, maxRecord)
			return n, 0
		}
		end := netmonRecord + int(captured)
		size := end + m.trailer
		if len(b) < size {
			return n, size
		}
		link, known := m.link, true
		if m.trailer > 0 {
			medium := le.Uint16(b[end:])
			if medium >= netmonSpecial {
				// Wireshark numbers it as a frame; see pcapng.
				if n > 0 {
					return n, 0
				}
				r.count++
				r.pos += size
				continue
			}
			if link, known = netmonLink(medium); !known {
				link = LinkUnknown
			}
		}
		t := m.start + events.Time(le.Uint64(b)*1e3)
		if m.utc {
			// 100 ns units since 1601-01-01.
			t = events.Time((le.Uint64(b[end+6:]) - 116444736000000000) * 100)
		}
		out[n] = Packet{Data: b[netmonRecord:end:end], Time: t, Wire: wire, Link: link, Iface: m.iface(r, link)}
		n++
		r.count++
		r.pos += size
	}
	return n, 0
}

// iface is the interface of a link type; the file does not tell them apart.
func (m *netmon) iface(r *reader, link LinkType) uint16 {
	i, ok := m.ifaces[link]
	if !ok {
		i = r.notes.iface(Interface{Link: link, Resolution: 6, FCS: -1, File: r.name})
		m.ifaces[link] = i
	}
	return i
}
