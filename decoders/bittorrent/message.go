package bittorrent

import (
	"encoding/binary"
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// The messages: BEP 3 (0 to 8), BEP 5 (9), BEP 6 (13 to 17), BEP 10 (20),
// BEP 52 (21 to 23).
const (
	choke         = 0
	unchoke       = 1
	interested    = 2
	notInterested = 3
	have          = 4
	bitfield      = 5
	request       = 6
	piece         = 7
	cancel        = 8
	port          = 9
	suggest       = 13
	haveAll       = 14
	haveNone      = 15
	reject        = 16
	allowedFast   = 17
	extended      = 20
	hashRequest   = 21
	hashes        = 22
	hashReject    = 23

	// Not on the wire: the rest of a torn handshake, and a message of which
	// not even the type is known.
	handshakeRest = 0xff
	unknown       = 0xfe
	azureus       = 0xfd
)

var names = [...]string{
	choke: "choke", unchoke: "unchoke", interested: "interested", notInterested: "not_interested",
	have: "have", bitfield: "bitfield", request: "request", piece: "piece", cancel: "cancel", port: "port",
	suggest: "suggest", haveAll: "have_all", haveNone: "have_none", reject: "reject", allowedFast: "allowed_fast",
	extended: "extended", hashRequest: "hash_request", hashes: "hashes", hashReject: "hash_reject",
}

// longest bounds the length of a message that is believed: clients end a
// connection at 1 MiB or less; bitfields of large torrents stay below it.
const longest = 4 << 20

// fits says whether a message of this type may have this length. A type that
// is not known may have any.
func fits(kind byte, length uint32) bool {
	switch kind {
	case choke, unchoke, interested, notInterested, haveAll, haveNone:
		return length == 1
	case have, suggest, allowedFast:
		return length == 5
	case request, cancel, reject:
		return length == 13
	case piece:
		return length >= 9 && length <= longest
	case port:
		return length == 3
	case bitfield, extended:
		return length >= 2 && length <= longest
	case hashRequest, hashReject:
		return length == 49
	case hashes:
		return length >= 49 && length <= longest && (length-49)%32 == 0
	}
	return length <= longest
}

// message reads the next one as far as it must: pieces up to their block, all
// others to their end.
func (c *call) message() {
	d := c.d
	b := c.unit(4)
	if b == nil {
		return
	}
	length := binary.BigEndian.Uint32(b)
	if length == 0 {
		d.current = header{}
		c.done(4)
		c.s.tell(d, c.out, c.s.new(d, "keep_alive", 0), true)
		d.next()
		return
	}
	if b = c.unit(5); b == nil {
		return
	}
	kind := b[4]
	d.current = header{length: length, kind: kind}
	looked := 5
	if kind == choke && length > 8 {
		if looked = c.azureus(length); looked == 0 {
			return
		}
	}
	if !fits(kind, length) {
		c.s.violation(d.from, c.out, "a message of type "+strconv.Itoa(int(kind))+" has "+strconv.FormatUint(uint64(length), 10)+" bytes")
		c.done(looked)
		c.s.lose(d)
		d.fresh = false
		return
	}
	limit := max(c.s.env.Limits.TorrentMessage, 64)
	switch {
	case kind == piece:
		if b = c.unit(13); b == nil {
			return
		}
		h := &d.current
		h.index, h.begin, h.whole = binary.BigEndian.Uint32(b[5:]), binary.BigEndian.Uint32(b[9:]), true
		c.done(13)
		c.s.expect(d, inBlock, int64(length)-9, c.out)
	case kind >= byte(len(names)) || names[kind] == "":
		c.done(5)
		c.s.expect(d, inRest, int64(length)-1, c.out)
	case int(length) > limit:
		c.out.Limit("torrent-message", limit, "a message is longer; its content is not read", int64(length))
		c.done(5)
		c.s.expect(d, inRest, int64(length)-1, c.out)
	default:
		if b = c.unit(4 + int(length)); b == nil {
			return
		}
		m := c.s.read(d, kind, b[5:], c.out)
		c.done(len(b))
		c.s.tell(d, c.out, m, true)
		d.next()
	}
}

// azureus reads the front of a message of Azureus' own: a length and a name
// stand for the type. Where it is none, the result is how many bytes showed it;
// otherwise 0.
func (c *call) azureus(length uint32) (looked int) {
	d := c.d
	b := c.unit(8)
	if b == nil {
		return 0
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n < 4 || n > 32 || n+4 > length || length > longest {
		return 8
	}
	if b = c.unit(8 + int(n)); b == nil {
		return 0
	}
	text := b[8:]
	for _, ch := range text {
		if (ch < 'A' || ch > 'Z') && ch != '_' && ch != '-' && (ch < '0' || ch > '9') {
			return 8 + int(n)
		}
	}
	d.current.kind, d.current.azureus = azureus, string(text)
	c.done(8 + int(n))
	c.s.expect(d, inRest, int64(length)-4-int64(n), c.out)
	return 0
}

// told is a message with the numbers that it points to.
type told struct {
	events.BitTorrentMessage
	piece, begin, length uint32
	extension            uint8
}

func (t *told) setPiece(v uint32) {
	t.piece = v
	t.Piece = &t.piece
}

func (t *told) setBlock(index, begin, length uint32) {
	t.setPiece(index)
	t.begin, t.length = begin, length
	t.Begin, t.Length = &t.begin, &t.length
}

// new is a message of d of which only the type is known yet; nil: nobody
// listens.
func (s *stream) new(d *side, kind string, length uint32) *told {
	if s.said && !s.env.Want.Has(events.KindBitTorrentMessage) {
		return nil
	}
	t := new(told)
	t.Type, t.Bytes, t.InfoHash = kind, length, s.hash(d)
	t.FirstFrame, t.FirstTime = d.first.Frame, d.first.Time
	return t
}

// tell says m, with what is missing of it left out.
func (s *stream) tell(d *side, out decoders.Sink, m *told, complete bool) {
	s.sure = true
	if m == nil {
		return
	}
	s.said = true
	m.Complete = complete
	if m.InfoHash == "" || m.Type == names[extended] && m.Extension == "" || m.ExtensionID != nil && m.unnamed() {
		out.Truncated(d.from, &m.BitTorrentMessage)
		return
	}
	out.Emit(d.from, &m.BitTorrentMessage)
}

// unnamed: the name of the extension was not captured, its number stands there.
func (t *told) unnamed() bool { return t.Extension != "" && t.Extension[0] <= '9' }

// read reads the content b of a message that is whole.
func (s *stream) read(d *side, kind byte, b []byte, out decoders.Sink) *told {
	m := s.new(d, names[kind], uint32(len(b))+1)
	switch kind {
	case have, suggest, allowedFast:
		index := binary.BigEndian.Uint32(b)
		s.check(d, index, out)
		if kind == have && s.runs != nil {
			s.runs.have(d.from.Other(), index, out)
		}
		if m != nil {
			m.setPiece(index)
		}
	case request, cancel, reject:
		index := binary.BigEndian.Uint32(b)
		s.check(d, index, out)
		if m != nil {
			m.setBlock(index, binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]))
		}
	case bitfield:
		n := uint32(len(b)) * 8
		if s.pieces != 0 && s.pieces != n {
			s.violation(d.from, out, "bitfields of different lengths (BEP 3)")
		}
		s.pieces = max(s.pieces, n)
		if m != nil {
			m.Pieces = hexOf(b)
		}
	case port:
		if m != nil {
			m.Port = binary.BigEndian.Uint16(b)
		}
	case extended:
		s.readExtended(d, m, b, out)
	case hashRequest, hashes, hashReject:
		if m != nil {
			m.Hashes = readHashes(b)
		}
	}
	return m
}

// check observes a number of a piece that is not there.
func (s *stream) check(d *side, index uint32, out decoders.Sink) {
	if s.pieces != 0 && index >= s.pieces {
		s.violation(d.from, out, "piece "+strconv.FormatUint(uint64(index), 10)+" is beyond the bitfield (BEP 3)")
	}
}

// readHashes reads the fixed front that the three messages of BEP 52 share.
func readHashes(b []byte) *events.BitTorrentHashes {
	return &events.BitTorrentHashes{
		Root: hexOf(b[:32]), Base: binary.BigEndian.Uint32(b[32:]), Index: binary.BigEndian.Uint32(b[36:]),
		Length: binary.BigEndian.Uint32(b[40:]), Proof: binary.BigEndian.Uint32(b[44:]),
	}
}

// tellCurrent tells a message whose content passed by, or was lost.
func (s *stream) tellCurrent(d *side, out decoders.Sink) {
	h := &d.current
	kind := ""
	switch {
	case h.kind == handshakeRest, h.kind == unknown:
		return
	case h.kind == azureus:
		kind = h.azureus
	case int(h.kind) < len(names) && names[h.kind] != "":
		kind = names[h.kind]
	default:
		kind = "type_" + strconv.Itoa(int(h.kind))
	}
	m := s.new(d, kind, h.length)
	if m != nil && h.kind == piece && h.whole {
		m.setBlock(h.index, h.begin, h.length-9)
	}
	if h.whole {
		s.check(d, h.index, out)
	}
	s.tell(d, out, m, h.missing == 0)
}

// tear makes a rest of a message of which some bytes are held, so that what
// is lost of it can be subtracted; it is what is left of it, -1 where its
// length is not known or cannot be true.
func (s *stream) tear(d *side) int64 {
	if len(d.held) < 4 {
		return -1
	}
	length := binary.BigEndian.Uint32(d.held)
	h := header{length: length, kind: unknown}
	if length > longest {
		return -1
	}
	if len(d.held) > 4 {
		h.kind = d.held[4]
		if h.kind == 0 && length > 1 {
			h.kind = unknown // Azureus
		} else if !fits(h.kind, length) {
			return -1
		}
	}
	left := 4 + int64(length) - int64(len(d.held))
	h.missing = 1 // its front is not read any more
	d.empty()
	d.current, d.left, d.state, d.counting = h, left, inRest, true
	return left
}
