package capture

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// The first word of a pcap file, as its writer's byte order has it.
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html
const (
	magicMicro     = 0xa1b2c3d4
	magicNano      = 0xa1b23c4d
	magicKuznetzov = 0xa1b2cd34 // Linux 2.2's patched libpcap: longer record headers
	magicIxiaHW    = 0x1c0001ac // Ixia: nanoseconds, a longer file header
	magicIxiaSW    = 0x1c0001ab
)

const (
	pcapHeader      = 24
	pcapRecord      = 16
	kuznetzovRecord = 24 // + interface index, protocol, packet type
	ixiaHeader      = pcapHeader + 4
)

// lengthOrder says where a record has its captured length: writers of old
// versions did not agree.
type lengthOrder uint8

const (
	capturedFirst lengthOrder = iota
	capturedSecond
	capturedSmaller // version 2.3 was written both ways
)

// pcapInfo is what a file header says.
type pcapInfo struct {
	size    int // bytes of the header
	record  int // bytes of a record's header
	swapped bool
	nano    bool
	major   uint16
	minor   uint16
	snaplen uint32
	link    uint32 // all 32 bits
}

// parsePcapHeader reads a file header. It reports false when b does not start
// as one. When b is shorter than the header, only size is right.
func parsePcapHeader(b []byte) (pcapInfo, bool) {
	if len(b) < 4 {
		return pcapInfo{}, false
	}
	h := pcapInfo{size: pcapHeader, record: pcapRecord}
	magic := binary.LittleEndian.Uint32(b)
	var order binary.ByteOrder = binary.LittleEndian
	switch bits.ReverseBytes32(magic) {
	case magicMicro, magicNano, magicKuznetzov, magicIxiaHW, magicIxiaSW:
		h.swapped, order = true, binary.BigEndian
		magic = bits.ReverseBytes32(magic)
	}
	switch magic {
	case magicMicro:
	case magicNano:
		h.nano = true
	case magicKuznetzov:
		h.record = kuznetzovRecord
	case magicIxiaHW, magicIxiaSW:
		h.size, h.nano = ixiaHeader, true
	default:
		return pcapInfo{}, false
	}
	if len(b) < h.size {
		return h, true
	}
	h.major, h.minor = order.Uint16(b[4:]), order.Uint16(b[6:])
	h.snaplen = order.Uint32(b[16:])
	h.link = order.Uint32(b[20:])
	return h, true
}

// fcs is the length in bytes of the frame check sequence at the end of each
// packet, or -1 when the header does not say. The top bits of the link field
// hold it in units of 16 bits, where bit 26 says so.
func (h *pcapInfo) fcs() int {
	if h.link&0x04000000 == 0 {
		return -1
	}
	return int(h.link>>28) * 2
}

func (h *pcapInfo) lengths() lengthOrder {
	switch {
	case h.major == 543, h.major == 2 && h.minor < 3: // 543: DG/UX tcpdump
		return capturedSecond
	case h.major == 2 && h.minor == 3:
		return capturedSmaller
	}
	return capturedFirst
}

// pcap parses the records of a pcap file.
type pcap struct {
	record  int
	swapped bool
	unit    int64 // nanoseconds of one fraction unit
	max     uint32
	lengths lengthOrder
	link    LinkType
	iface   uint16
}

func newPcap(r *reader, h pcapInfo, compression string) *pcap {
	p := &pcap{
		record: h.record, swapped: h.swapped, unit: 1000,
		max: recordLimit(h.snaplen), lengths: h.lengths(), link: LinkType(h.link),
	}
	resolution := uint8(6)
	if h.nano {
		p.unit, resolution = 1, 9
	}
	if h.major < 2 {
		r.fail(4, "pcap version %d.%d is not known", h.major, h.minor)
		return p
	}
	r.notes.section(Section{
		File: r.name, Format: "pcap", Version: fmt.Sprintf("%d.%d", h.major, h.minor),
		BigEndian: h.swapped, Compression: compression,
	})
	p.iface = r.notes.iface(Interface{
		Link: p.link, Snaplen: h.snaplen, Resolution: resolution, FCS: h.fcs(), File: r.name,
	})
	return p
}

func (p *pcap) parse(r *reader, out []Packet) (n, want int) {
	b := r.buf.b[:r.end]
	pos := r.pos
	for n < len(out) {
		rest := b[pos:]
		if len(rest) < p.record {
			want = p.record
			if len(rest) == 0 {
				want = 1 // the file may end here
			}
			break
		}
		sec := binary.LittleEndian.Uint32(rest)
		frac := binary.LittleEndian.Uint32(rest[4:])
		captured := binary.LittleEndian.Uint32(rest[8:])
		wire := binary.LittleEndian.Uint32(rest[12:])
		if p.swapped {
			sec, frac = bits.ReverseBytes32(sec), bits.ReverseBytes32(frac)
			captured, wire = bits.ReverseBytes32(captured), bits.ReverseBytes32(wire)
		}
		if p.lengths != capturedFirst && (p.lengths == capturedSecond || captured > wire) {
			captured, wire = wire, captured
		}
		if captured > p.max {
			r.fail(pos, "a packet claims %d bytes, more than the %d that this file may have", captured, p.max)
			break
		}
		total := p.record + int(captured)
		if len(rest) < total {
			want = total
			break
		}
		out[n] = Packet{
			Data:  rest[p.record:total:total],
			Time:  events.Time(int64(sec)*1e9 + int64(frac)*p.unit),
			Wire:  wire,
			Link:  p.link,
			Iface: p.iface,
		}
		n++
		pos += total
	}
	r.pos = pos
	r.count += uint64(n)
	return n, want
}
