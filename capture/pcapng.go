package capture

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// Block types, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
// section 4. All others are skipped.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockNames      = 4
	blockStatistics = 5
	blockEnhanced   = 6
	blockJournal    = 9 // systemd journal export
	blockSecrets    = 0x0a
	blockSysdig     = 0x204
	blockCustom     = 0x0bad
	blockCustomKeep = 0x40000bad
)

const (
	byteOrderMagic = 0x1a2b3c4d
	blockOverhead  = 12 // type, length, body, length
	blockTrailer   = 4  // the second length
	// Bounds of a block that is read whole: a packet with its options, or one
	// whose content is kept.
	maxBlock = maxRecordHard + 128<<10
)

// minBlock is the least total length of the blocks that are looked into.
func minBlock(kind uint32) uint32 {
	switch kind {
	case blockSection:
		return 28
	case blockInterface:
		return 20
	case blockOldPacket, blockEnhanced:
		return 32
	case blockSimple:
		return 16
	case blockStatistics:
		return 24
	case blockSecrets:
		return 20
	}
	return blockOverhead
}

// sectionIface is one interface of the current section.
type sectionIface struct {
	clock  clock
	max    uint32 // bytes of a packet
	snap   uint32
	link   LinkType
	global uint16 // index into Source.Interfaces
}

// pcapng parses the blocks of a pcapng file.
type pcapng struct {
	swapped     bool
	trailer     uint32 // length to be found at the end of a block being skipped; 0: none
	ifaces      []sectionIface
	last        events.Time // of the packet before
	compression string
}

func newPcapng(compression string) *pcapng { return &pcapng{compression: compression} }

// isPcapng reports whether a file starts with a section header.
func isPcapng(b []byte) bool {
	if len(b) < 4 || binary.LittleEndian.Uint32(b) != blockSection {
		return false
	}
	if len(b) < 12 {
		return true
	}
	m := binary.LittleEndian.Uint32(b[8:])
	return m == byteOrderMagic || bits.ReverseBytes32(m) == byteOrderMagic
}

func (g *pcapng) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if g.swapped {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (g *pcapng) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if g.swapped {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (g *pcapng) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if g.swapped {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// stamp is a time stamp: its upper half comes first in either byte order.
func (g *pcapng) stamp(b []byte) uint64 {
	return uint64(g.u32(b))<<32 | uint64(g.u32(b[4:]))
}

func (g *pcapng) parse(r *reader, out []Packet) (n, want int) {
	for n < len(out) && r.fault == nil {
		b := r.window()
		if g.trailer != 0 {
			if len(b) < 4 {
				return n, 4
			}
			if end := g.u32(b); end != g.trailer {
				g.mismatch(r, g.trailer, end)
				return n, 0
			}
			g.trailer = 0
			r.pos += 4
			continue
		}
		if len(b) < 12 {
			if len(b) == 0 {
				return n, 1
			}
			return n, 12
		}
		kind := g.u32(b)
		if kind == blockSection && !g.order(r, b) {
			return n, 0
		}
		total := g.u32(b[4:])
		if total < minBlock(kind) {
			r.fail(r.pos, "a block (type 0x%x) claims %d bytes, fewer than the %d that it must have", kind, total, minBlock(kind))
			return n, 0
		}
		switch kind {
		case blockEnhanced, blockOldPacket, blockSimple, blockSection, blockInterface:
			if total > maxBlock {
				r.fail(r.pos, "a block (type 0x%x) claims %d bytes, more than the %d that it may have", kind, total, maxBlock)
				return n, 0
			}
		case blockNames, blockStatistics, blockSecrets:
			if total > maxBlock {
				r.notes.dropped()
				g.skip(r, total)
				continue
			}
		case blockJournal, blockSysdig, blockCustom, blockCustomKeep:
			// No packets, but Wireshark gives them frame numbers. The packets
			// of a batch are numbered without holes, so the batch ends here.
			if n > 0 {
				return n, 0
			}
			r.count++
			g.skip(r, total)
			continue
		default:
			g.skip(r, total)
			continue
		}
		// Some writers leave the padding out of the length; it is there.
		size := int(total+3) &^ 3
		if len(b) < size {
			if len(b) >= 28 && !g.plausible(r, kind, b, size) {
				return n, 0
			}
			return n, size
		}
		body := b[8 : size-4 : size-4]
		if end := g.u32(b[size-4:]); end != total {
			// The fault told must not depend on how much was in the buffer.
			if g.plausible(r, kind, b, size) {
				g.mismatch(r, total, end)
			}
			return n, 0
		}
		switch kind {
		case blockEnhanced:
			if !g.enhanced(r, body, &out[n]) {
				return n, 0
			}
			n++
			r.count++
		case blockOldPacket, blockSimple:
			if !g.rarePacket(r, kind, body, &out[n]) {
				return n, 0
			}
			n++
			r.count++
		default:
			g.info(r, kind, body)
			if r.fault != nil {
				return n, 0
			}
		}
		r.pos += size
	}
	return n, 0
}

// order reads the byte order of the section that starts at b, which has at
// least 12 bytes.
func (g *pcapng) order(r *reader, b []byte) bool {
	m := binary.LittleEndian.Uint32(b[8:])
	switch {
	case m == byteOrderMagic:
		g.swapped = false
	case bits.ReverseBytes32(m) == byteOrderMagic:
		g.swapped = true
	default:
		r.fail(r.pos+8, "a section starts with an unknown byte order (% x)", b[8:12])
		return false
	}
	return true
}

func (g *pcapng) mismatch(r *reader, front, end uint32) {
	r.fail(r.pos, "a block says it has %d bytes at its start and %d at its end", front, end)
}

// skip passes over the block at r.pos, checking its end when it gets there.
func (g *pcapng) skip(r *reader, total uint32) {
	r.advance((int64(total)+3)&^3 - blockTrailer)
	g.trailer = total
}

// plausible checks what can be seen of a block that is not all there yet, so
// that a lying length is told at once. b has at least 28 bytes.
func (g *pcapng) plausible(r *reader, kind uint32, b []byte, size int) bool {
	if kind != blockEnhanced && kind != blockOldPacket {
		return true
	}
	iface := g.u32(b[8:])
	if kind == blockOldPacket {
		iface = uint32(g.u16(b[8:]))
	}
	i := g.iface(r, iface)
	return i != nil && g.fits(r, i, g.u32(b[20:]), uint32(size-32))
}

// iface finds an interface of the section, or sets the fault.
func (g *pcapng) iface(r *reader, n uint32) *sectionIface {
	if n >= uint32(len(g.ifaces)) {
		r.fail(r.pos, "a packet is of interface %d, and the section has described %d", n, len(g.ifaces))
		return nil
	}
	return &g.ifaces[n]
}

// fits checks a captured length against the room in the block.
func (g *pcapng) fits(r *reader, i *sectionIface, captured, room uint32) bool {
	switch {
	case captured > i.max:
		r.fail(r.pos, "a packet claims %d bytes, more than the %d that this interface may have", captured, i.max)
	case captured > room:
		r.fail(r.pos, "a packet claims %d bytes in a block that has room for %d", captured, room)
	default:
		return true
	}
	return false
}

// enhanced reads an Enhanced Packet Block (section 4.3).
func (g *pcapng) enhanced(r *reader, b []byte, p *Packet) bool {
	n := g.u32(b)
	if n >= uint32(len(g.ifaces)) {
		return g.iface(r, n) != nil
	}
	i := &g.ifaces[n]
	captured := g.u32(b[12:])
	if captured > i.max || captured > uint32(len(b)-20) {
		return g.fits(r, i, captured, uint32(len(b)-20))
	}
	g.last = i.clock.time(g.stamp(b[4:]))
	*p = Packet{
		Data: b[20 : 20+captured : 20+captured], Time: g.last,
		Wire: g.u32(b[16:]), Link: i.link, Iface: i.global,
	}
	if rest := b[20+(captured+3)&^3:]; len(rest) > 4 {
		g.packetOptions(r, rest, p)
	}
	return true
}

// rarePacket reads a Simple Packet Block (section 4.4) or an obsolete Packet
// Block (appendix A).
func (g *pcapng) rarePacket(r *reader, kind uint32, b []byte, p *Packet) bool {
	if kind == blockOldPacket {
		i := g.iface(r, uint32(g.u16(b)))
		captured := g.u32(b[12:])
		if i == nil || !g.fits(r, i, captured, uint32(len(b)-20)) {
			return false
		}
		g.last = i.clock.time(g.stamp(b[4:]))
		*p = Packet{
			Data: b[20 : 20+captured : 20+captured], Time: g.last,
			Wire: g.u32(b[16:]), Link: i.link, Iface: i.global,
		}
		if n := g.u16(b[2:]); n != math.MaxUint16 { // which says that nobody knows
			p.Dropped = uint32(n)
		}
		if rest := b[20+(captured+3)&^3:]; len(rest) > 4 {
			g.packetOptions(r, rest, p)
		}
		return true
	}
	i := g.iface(r, 0)
	if i == nil {
		return false
	}
	wire := g.u32(b)
	captured := wire
	if i.snap != 0 {
		captured = min(captured, i.snap)
	}
	if !g.fits(r, i, captured, uint32(len(b)-4)) {
		return false
	}
	// The block has no time stamp; the packet came no earlier than the one
	// before it.
	*p = Packet{Data: b[4 : 4+captured : 4+captured], Time: g.last, Wire: wire, Link: i.link, Iface: i.global}
	return true
}
