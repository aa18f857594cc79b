package bittorrent

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/bencode"
	"github.com/wiretale/wiretale/events"
)

// extension is a name of BEP 10 and the number that stands for it.
type extension struct {
	id   uint8
	name string
}

// handshakeName is what the extension handshake, number 0, is called.
const handshakeName = "handshake"

// readExtended reads a message of BEP 10: the number that the receiver gave to
// the extension, then its content. m may be nil.
func (s *stream) readExtended(d *side, m *told, b []byte, out decoders.Sink) {
	id, b := b[0], b[1:]
	ext := s.nameOf(d, id)
	if m != nil {
		m.extension = id
		m.ExtensionID, m.Extension = &m.extension, ext
	}
	switch ext {
	case handshakeName:
		s.extendedHandshake(d, m, b, out)
		return
	case "lt_donthave":
		if m != nil && len(b) == 4 {
			m.setPiece(binary.BigEndian.Uint32(b))
		}
	case "ut_metadata":
		s.metadata(d, m, b, out)
	case "ut_pex":
		s.pex(d, m, b, out)
	case "ut_holepunch":
		if m != nil {
			holepunch(m, b)
		}
	}
}

// nameOf is the name behind a number that d uses: the other side gave it.
// Where it is not known, it is the number.
func (s *stream) nameOf(d *side, id uint8) string {
	if id == 0 {
		return handshakeName
	}
	for _, e := range s.sides[d.from.Other()].wants {
		if e.id == id {
			return e.name
		}
	}
	return strconv.Itoa(int(id))
}

// bencoded is the value at the front of b, and what follows it.
func (s *stream) bencoded(d *side, b []byte, out decoders.Sink) (v bencode.Value, rest []byte, ok bool) {
	v, n, err := bencode.Read(b, s.env.Limits.BencodeDepth, s.env.Limits.BencodeItems)
	switch {
	case err == nil && v.Kind() == bencode.Dict:
		return v, b[n:], true
	case err == bencode.ErrDepth:
		out.Limit("bencode-depth", s.env.Limits.BencodeDepth, "an extension message is not read", int64(len(b)))
	case err == bencode.ErrItems:
		out.Limit("bencode-items", s.env.Limits.BencodeItems, "an extension message is not read", int64(len(b)))
	default:
		s.violation(d.from, out, "an extension message is no bencoded dictionary (BEP 10)")
	}
	return nil, nil, false
}

// extendedHandshake reads which extensions d wants, under which numbers. A
// second one changes the first (BEP 10).
func (s *stream) extendedHandshake(d *side, m *told, b []byte, out decoders.Sink) {
	v, _, ok := s.bencoded(d, b, out)
	if !ok {
		return
	}
	names := map[string]uint8{}
	list, _ := v.Get("m")
	for key, value := range list.Dict() {
		n, ok := value.Int()
		if !ok || n < 0 || n > 255 {
			continue
		}
		name := string(key)
		names[name] = uint8(n)
		d.wants = slices.DeleteFunc(d.wants, func(e extension) bool { return e.name == name || e.id == uint8(n) })
		if n > 0 { // 0 takes it back
			d.wants = append(d.wants, extension{uint8(n), name})
		}
	}
	if m == nil {
		return
	}
	m.Extensions = names
	if c, ok := v.GetBytes("v"); ok {
		m.Client = string(c)
	}
	if p, ok := v.GetInt("p"); ok && p > 0 && p <= 0xffff {
		m.Port = uint16(p)
	}
	if n, ok := v.GetInt("metadata_size"); ok && n > 0 {
		m.MetadataSize = n
	}
	if n, ok := v.GetInt("reqq"); ok && n > 0 {
		m.Queue = n
	}
}

// metadata reads ut_metadata (BEP 9): a dictionary, and behind it a piece of
// the info dictionary, which is not kept.
func (s *stream) metadata(d *side, m *told, b []byte, out decoders.Sink) {
	v, _, ok := s.bencoded(d, b, out)
	if m == nil || !ok {
		return
	}
	kind, _ := v.GetInt("msg_type")
	x := new(events.BitTorrentMeta)
	switch kind {
	case 0:
		x.Type = "request"
	case 1:
		x.Type = "data"
	case 2:
		x.Type = "reject"
	default:
		x.Type = strconv.FormatInt(kind, 10)
	}
	if n, ok := v.GetInt("piece"); ok && n >= 0 && n <= 1<<32-1 {
		x.Piece = uint32(n)
	}
	if n, ok := v.GetInt("total_size"); ok && n >= 0 && n <= 1<<32-1 {
		x.Size = uint32(n)
	}
	m.Metadata = x
}

// pex reads ut_pex (BEP 11): peers that came and went.
func (s *stream) pex(d *side, m *told, b []byte, out decoders.Sink) {
	v, _, ok := s.bencoded(d, b, out)
	if m == nil || !ok {
		return
	}
	m.Peers = compact(m.Peers, v, "added", 4)
	m.Peers = compact(m.Peers, v, "added6", 16)
	m.Dropped = compact(m.Dropped, v, "dropped", 4)
	m.Dropped = compact(m.Dropped, v, "dropped6", 16)
}

// compact reads addresses of size bytes, each with a port (BEP 23).
func compact(list []string, v bencode.Value, key string, size int) []string {
	b, _ := v.GetBytes(key)
	if len(b) < size+2 {
		return list
	}
	list = slices.Grow(list, len(b)/(size+2))
	for ; len(b) >= size+2; b = b[size+2:] {
		a, _ := netip.AddrFromSlice(b[:size])
		list = append(list, netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[size:])).String())
	}
	return list
}

// holepunch reads ut_holepunch (BEP 55): a type, a family, an address, a port.
func holepunch(m *told, b []byte) {
	if len(b) < 2 {
		return
	}
	size := 4
	if b[1] == 1 {
		size = 16
	}
	if len(b) < 2+size+2 {
		return
	}
	a, _ := netip.AddrFromSlice(b[2 : 2+size])
	m.Peers = []string{netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[2+size:])).String()}
}
