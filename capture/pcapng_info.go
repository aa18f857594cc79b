package capture

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// Option codes. Those from 2 on mean another thing in each block.
const (
	optEnd     = 0
	optComment = 1

	optPacketDropped = 4

	optSectionHardware = 2
	optSectionOS       = 3
	optSectionApp      = 4

	optIfName        = 2
	optIfDescription = 3
	optIfSpeed       = 8
	optIfResolution  = 9
	optIfFilter      = 11
	optIfOS          = 12
	optIfFCS         = 13
	optIfOffset      = 14
	optIfHardware    = 15

	optStatStart     = 2
	optStatEnd       = 3
	optStatReceived  = 4
	optStatDropped   = 5
	optStatAccepted  = 6
	optStatOSDropped = 7
	optStatDelivered = 8
)

// Record types of a Name Resolution Block.
const (
	nameEnd  = 0
	nameIPv4 = 1
	nameIPv6 = 2
)

// pendingComment is a packet's comment whose frame number is known only when
// the packet is delivered.
type pendingComment struct {
	frame uint64 // within the file
	text  string
}

// option takes one option (section 3.5) off the front of b. It reports false
// at the end of the list, and where the rest makes no sense: options are
// extras, so wrong ones cost no packets.
func (g *pcapng) option(b []byte) (code uint16, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	code = g.u16(b)
	n := int(g.u16(b[2:]))
	b = b[4:]
	if code == optEnd || n > len(b) {
		return 0, nil, nil, false
	}
	return code, b[:n], b[min((n+3)&^3, len(b)):], true
}

// text is an option's value as a string. Some writers count a final zero.
func text(b []byte) string {
	return strings.ToValidUTF8(string(bytes.TrimRight(b, "\x00")), "\ufffd")
}

// packetOptions reads the options of p.
func (g *pcapng) packetOptions(r *reader, b []byte, p *Packet) {
	for code, v, rest, ok := g.option(b); ok; code, v, rest, ok = g.option(rest) {
		switch {
		case code == optComment && r.notes != nil:
			r.comments = append(r.comments, pendingComment{r.count + 1, text(v)})
		case code == optPacketDropped && len(v) == 8:
			p.Dropped = uint32(min(g.u64(v), math.MaxUint32))
		}
	}
}

// info reads a block that holds no packet. body is what lies between the two
// lengths; it has what minBlock promises.
func (g *pcapng) info(r *reader, kind uint32, body []byte) {
	switch kind {
	case blockSection:
		g.section(r, body)
	case blockInterface:
		g.describe(r, body)
	case blockNames:
		g.names(r, body)
	case blockStatistics:
		g.statistics(r, body)
	case blockSecrets:
		n := min(uint64(g.u32(body[4:])), uint64(len(body)-8))
		r.notes.secrets(g.u32(body), body[8:8+n], r.count)
		g.comments(r, body[8+min((n+3)&^3, uint64(len(body)-8)):], -1)
	}
}

// comments keeps the comments in a list of options.
func (g *pcapng) comments(r *reader, b []byte, iface int) {
	if r.notes == nil {
		return
	}
	for code, v, rest, ok := g.option(b); ok; code, v, rest, ok = g.option(rest) {
		if code == optComment {
			r.notes.comment(Comment{Iface: iface, Section: r.notes.lastSection(), Text: text(v)})
		}
	}
}

// section reads a Section Header Block (section 4.1): all interfaces are
// numbered anew. Its length field is not used; many writers leave it open.
func (g *pcapng) section(r *reader, b []byte) {
	major, minor := g.u16(b[4:]), g.u16(b[6:])
	if major != 1 || minor != 0 && minor != 2 { // 1.2 was written by mistake and is the same
		r.fail(r.pos, "pcapng version %d.%d is not known", major, minor)
		return
	}
	g.ifaces = g.ifaces[:0]
	if r.notes == nil {
		return
	}
	s := Section{
		File: r.name, Format: "pcapng", Version: fmt.Sprintf("%d.%d", major, minor),
		BigEndian: g.swapped, Compression: g.compression,
	}
	for code, v, rest, ok := g.option(b[16:]); ok; code, v, rest, ok = g.option(rest) {
		switch code {
		case optSectionHardware:
			s.Hardware = text(v)
		case optSectionOS:
			s.OS = text(v)
		case optSectionApp:
			s.Application = text(v)
		}
	}
	r.notes.section(s)
	g.comments(r, b[16:], -1)
}

// describe reads an Interface Description Block (section 4.2).
func (g *pcapng) describe(r *reader, b []byte) {
	if len(g.ifaces) == maxInterfaces {
		r.fail(r.pos, "a section describes more than %d interfaces", maxInterfaces)
		return
	}
	i := Interface{
		Link: LinkType(g.u16(b)), Snaplen: g.u32(b[4:]),
		Resolution: 6, FCS: -1, File: r.name,
	}
	for code, v, rest, ok := g.option(b[8:]); ok; code, v, rest, ok = g.option(rest) {
		switch {
		case code == optIfName:
			i.Name = text(v)
		case code == optIfDescription:
			i.Description = text(v)
		case code == optIfSpeed && len(v) == 8:
			i.Speed = g.u64(v)
		case code == optIfResolution && len(v) >= 1:
			i.Resolution = v[0]
		case code == optIfFilter && len(v) > 1 && v[0] == 0: // 0: text, 1: BPF code
			i.Filter = text(v[1:])
		case code == optIfOS:
			i.OS = text(v)
		case code == optIfFCS && len(v) >= 1:
			i.FCS = int(v[0])
		case code == optIfOffset && len(v) == 8:
			i.Offset = int64(g.u64(v))
		case code == optIfHardware:
			i.Hardware = text(v)
		}
	}
	global := r.notes.iface(i)
	g.ifaces = append(g.ifaces, sectionIface{
		clock: newClock(i.Resolution, i.Offset), max: recordLimit(i.Snaplen),
		snap: i.Snaplen, link: i.Link, global: global,
	})
	g.comments(r, b[8:], int(global))
}

// names reads a Name Resolution Block (section 4.5).
func (g *pcapng) names(r *reader, b []byte) {
	if r.notes == nil {
		return
	}
	for len(b) >= 4 {
		kind, n := g.u16(b), int(g.u16(b[2:]))
		b = b[4:]
		if kind == nameEnd || n > len(b) {
			break
		}
		v := b[:n]
		b = b[min((n+3)&^3, len(b)):]
		size := 0
		switch kind {
		case nameIPv4:
			size = 4
		case nameIPv6:
			size = 16
		}
		if size == 0 || len(v) < size {
			continue
		}
		addr, _ := netip.AddrFromSlice(v[:size])
		var names []string
		for part := range bytes.SplitSeq(v[size:], []byte{0}) {
			if len(part) > 0 {
				names = append(names, text(part))
			}
		}
		if len(names) > 0 {
			r.notes.name(Name{Addr: addr, Names: names})
		}
	}
	g.comments(r, b, -1)
}

// statistics reads an Interface Statistics Block (section 4.6).
func (g *pcapng) statistics(r *reader, b []byte) {
	n := g.u32(b)
	if r.notes == nil || n >= uint32(len(g.ifaces)) {
		return
	}
	i := &g.ifaces[n]
	s := Statistics{Iface: int(i.global), Time: i.clock.time(g.stamp(b[4:]))}
	for code, v, rest, ok := g.option(b[12:]); ok; code, v, rest, ok = g.option(rest) {
		if len(v) != 8 {
			continue
		}
		count := Counter{g.u64(v), true}
		switch code {
		case optStatStart:
			s.Start = i.clock.time(g.stamp(v))
		case optStatEnd:
			s.End = i.clock.time(g.stamp(v))
		case optStatReceived:
			s.Received = count
		case optStatDropped:
			s.Dropped = count
		case optStatAccepted:
			s.Accepted = count
		case optStatOSDropped:
			s.DroppedByOS = count
		case optStatDelivered:
			s.DeliveredUser = count
		}
	}
	r.notes.statistics(s)
	g.comments(r, b[12:], int(i.global))
}
