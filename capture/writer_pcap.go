package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

type pcapWriter struct {
	out
	nano    bool
	snaplen uint32
	link    LinkType
	added   int
	head    [pcapRecord]byte
}

// NewPcapWriter writes a little-endian pcap file of one link type, with time
// stamps of micro- or nanoseconds. Packets longer than snaplen are cut to it;
// 0 stands for the largest there is (262,144 bytes). It has one interface
// without being told; AddInterface may name it once.
func NewPcapWriter(w io.Writer, link LinkType, snaplen uint32, nano bool) Writer {
	if snaplen == 0 {
		snaplen = maxRecord
	}
	p := &pcapWriter{out: newOut(w), nano: nano, snaplen: snaplen, link: link}
	magic := uint32(magicMicro)
	if nano {
		magic = magicNano
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // zone and accuracy: always 0
	b = le.AppendUint32(b, snaplen)
	b = le.AppendUint32(b, uint32(link))
	p.write(b)
	return p
}

func (p *pcapWriter) AddInterface(i Interface) (int, error) {
	if p.added > 0 || i.Link != p.link {
		return 0, fmt.Errorf("pcap: a second interface, or one of another link type: %w", ErrUnsupported)
	}
	p.added++
	return 0, p.err
}

func (p *pcapWriter) WritePacket(iface int, k Packet, comments ...string) error {
	if iface != 0 {
		return fmt.Errorf("pcap: interface %d: %w", iface, ErrUnsupported)
	}
	if len(comments) > 0 {
		return fmt.Errorf("pcap: comments: %w", ErrUnsupported)
	}
	sec, frac := k.Time/1e9, k.Time%1e9
	if k.Time < 0 || sec > math.MaxUint32 {
		return fmt.Errorf("pcap: %w", errTime)
	}
	if !p.nano {
		frac /= 1000
	}
	wire := wireLen(&k)
	data := k.Data[:min(uint32(len(k.Data)), p.snaplen)]
	h := p.head[:]
	binary.LittleEndian.PutUint32(h, uint32(sec))
	binary.LittleEndian.PutUint32(h[4:], uint32(frac))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(data)))
	binary.LittleEndian.PutUint32(h[12:], wire)
	p.write(h)
	p.write(data)
	return p.err
}

func (p *pcapWriter) WriteSecrets(uint32, []byte) error {
	return fmt.Errorf("pcap: secrets: %w", ErrUnsupported)
}

func (p *pcapWriter) WriteNames([]Name) error {
	return fmt.Errorf("pcap: names: %w", ErrUnsupported)
}
