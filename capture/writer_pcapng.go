package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Info is what the head of a pcapng file says about its making.
type Info struct {
	Hardware    string
	OS          string
	Application string
	Comment     string
}

type pcapngWriter struct {
	out
	ifaces []writtenIface
	b      []byte // the block being made
}

// writtenIface is what WritePacket needs of an interface.
type writtenIface struct {
	snaplen    uint32
	resolution uint8
}

// NewPcapngWriter writes one little-endian pcapng section. Interfaces must be
// added before their packets.
func NewPcapngWriter(w io.Writer, i Info) Writer {
	p := &pcapngWriter{out: newOut(w)}
	p.begin(blockSection)
	p.u32(byteOrderMagic)
	p.u16(1)
	p.u16(0)
	p.u32(math.MaxUint32) // length of the section: not told
	p.u32(math.MaxUint32)
	p.textOption(optComment, i.Comment)
	p.textOption(optSectionHardware, i.Hardware)
	p.textOption(optSectionOS, i.OS)
	p.textOption(optSectionApp, i.Application)
	p.endOptions()
	p.end()
	return p
}

// AddInterface writes an Interface Description Block. Time stamps have the
// unit i.Resolution, where that is 6 or 9; it is nanoseconds otherwise. Offset
// is not written: the times of packets are absolute.
func (p *pcapngWriter) AddInterface(i Interface) (int, error) {
	if i.Resolution != 6 {
		i.Resolution = 9
	}
	p.begin(blockInterface)
	p.u16(uint16(i.Link))
	p.u16(0)
	p.u32(i.Snaplen)
	p.textOption(optIfName, i.Name)
	p.textOption(optIfDescription, i.Description)
	if i.Speed > 0 {
		p.option(optIfSpeed, binary.LittleEndian.AppendUint64(nil, i.Speed))
	}
	p.option(optIfResolution, []byte{i.Resolution})
	if i.Filter != "" {
		p.option(optIfFilter, append([]byte{0}, i.Filter...))
	}
	p.textOption(optIfOS, i.OS)
	if i.FCS > 0 {
		p.option(optIfFCS, []byte{byte(i.FCS)})
	}
	p.textOption(optIfHardware, i.Hardware)
	p.endOptions()
	p.end()
	p.ifaces = append(p.ifaces, writtenIface{i.Snaplen, i.Resolution})
	return len(p.ifaces) - 1, p.err
}

func (p *pcapngWriter) WritePacket(iface int, k Packet, comments ...string) error {
	if iface < 0 || iface >= len(p.ifaces) {
		return fmt.Errorf("pcapng: interface %d of %d", iface, len(p.ifaces))
	}
	if k.Time < 0 {
		return fmt.Errorf("pcapng: %w", errTime)
	}
	i := p.ifaces[iface]
	ts := uint64(k.Time)
	if i.resolution == 6 {
		ts /= 1000
	}
	data := k.Data
	if i.snaplen > 0 {
		data = data[:min(uint32(len(data)), i.snaplen)]
	}
	p.begin(blockEnhanced)
	p.u32(uint32(iface))
	p.u32(uint32(ts >> 32))
	p.u32(uint32(ts))
	p.u32(uint32(len(data)))
	p.u32(wireLen(&k))
	p.bytes(data)
	if k.Dropped > 0 {
		p.option(optPacketDropped, binary.LittleEndian.AppendUint64(nil, uint64(k.Dropped)))
	}
	for _, c := range comments {
		p.textOption(optComment, c)
	}
	if k.Dropped > 0 || len(comments) > 0 {
		p.endOptions()
	}
	p.end()
	return p.err
}

// WriteSecrets writes a Decryption Secrets Block.
func (p *pcapngWriter) WriteSecrets(kind uint32, data []byte) error {
	p.begin(blockSecrets)
	p.u32(kind)
	p.u32(uint32(len(data)))
	p.bytes(data)
	p.end()
	return p.err
}

// WriteNames writes a Name Resolution Block. Names longer than 64 KiB
// together are left out.
func (p *pcapngWriter) WriteNames(names []Name) error {
	p.begin(blockNames)
	for _, n := range names {
		v := n.Addr.Unmap().AsSlice()
		kind := uint16(nameIPv6)
		if len(v) == 4 {
			kind = nameIPv4
		}
		for _, s := range n.Names {
			v = append(append(v, s...), 0)
		}
		if len(v) <= math.MaxUint16 && n.Addr.IsValid() {
			p.option(kind, v)
		}
	}
	p.u32(0) // nrb_record_end
	p.end()
	return p.err
}

func (p *pcapngWriter) begin(kind uint32) {
	p.b = p.b[:0]
	p.u32(kind)
	p.u32(0) // length, known at the end
}

// end closes the block with its length and writes it.
func (p *pcapngWriter) end() {
	n := uint32(len(p.b) + 4)
	binary.LittleEndian.PutUint32(p.b[4:], n)
	p.u32(n)
	p.write(p.b)
}

func (p *pcapngWriter) u16(v uint16) { p.b = binary.LittleEndian.AppendUint16(p.b, v) }
func (p *pcapngWriter) u32(v uint32) { p.b = binary.LittleEndian.AppendUint32(p.b, v) }

// bytes adds v and pads it to 32 bits.
func (p *pcapngWriter) bytes(v []byte) {
	p.b = append(p.b, v...)
	for len(p.b)%4 != 0 {
		p.b = append(p.b, 0)
	}
}

func (p *pcapngWriter) option(code uint16, v []byte) {
	p.u16(code)
	p.u16(uint16(len(v)))
	p.bytes(v)
}

// textOption writes s, cut to what an option can hold; an empty one is left
// out.
func (p *pcapngWriter) textOption(code uint16, s string) {
	if s != "" {
		p.option(code, []byte(s[:min(len(s), math.MaxUint16)]))
	}
}

func (p *pcapngWriter) endOptions() { p.u32(optEnd) }
