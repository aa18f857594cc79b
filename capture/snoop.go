package capture

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/events"
)

const (
	snoopMagic  = "snoop\x00\x00\x00"
	snoopHeader = 16
	snoopRecord = 24
)

// snoopLinks are the data link types of RFC 1761 that have a number in pcap.
var snoopLinks = map[uint32]LinkType{
	0: LinkEthernet, // IEEE 802.3
	2: LinkTokenRing,
	4: LinkEthernet,
	8: LinkFDDI,
}

// snoop parses a Solaris snoop file, RFC 1761.
type snoop struct {
	link  LinkType
	iface uint16
}

// newSnoop reads the file header, which is all there.
func newSnoop(r *reader, compression string) *snoop {
	b := r.window()
	version, kind := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	link, known := snoopLinks[kind]
	if version != 2 || !known {
		r.fail(8, "snoop version %d, data link type %d: not known", version, kind)
		return nil
	}
	r.pos = snoopHeader
	r.notes.section(Section{File: r.name, Format: "snoop", Version: "2", BigEndian: true, Compression: compression})
	return &snoop{link, r.notes.iface(Interface{Link: link, Resolution: 6, FCS: -1, File: r.name})}
}

func (s *snoop) parse(r *reader, out []Packet) (n, want int) {
	for n < len(out) {
		b := r.window()
		if len(b) < snoopRecord {
			if want = snoopRecord; len(b) == 0 {
				want = 1
			}
			return n, want
		}
		wire, captured := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		record := binary.BigEndian.Uint32(b[8:])
		switch {
		case captured > maxRecord:
			r.fail(r.pos, "a packet claims %d bytes, more than the %d that this file may have", captured, maxRecord)
			return n, 0
		case record < snoopRecord+captured || record > snoopRecord+maxRecord+256:
			r.fail(r.pos, "a record claims %d bytes with a packet of %d", record, captured)
			return n, 0
		case len(b) < int(record):
			return n, int(record)
		}
		sec, micro := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
		end := snoopRecord + captured
		out[n] = Packet{
			Data: b[snoopRecord:end:end], Time: events.Time(int64(sec)*1e9 + int64(micro)*1e3),
			Wire: wire, Link: s.link, Iface: s.iface,
		}
		n++
		r.count++
		r.pos += int(record)
	}
	return n, 0
}
