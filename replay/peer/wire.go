package peer

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/wiretale/wiretale/replay/truth"
)

// The messages of BEP 3, port (BEP 5) and extended (BEP 10).
type kind uint8

const (
	choke         kind = 0
	unchoke       kind = 1
	interested    kind = 2
	notInterested kind = 3
	have          kind = 4
	bitfield      kind = 5
	request       kind = 6
	pieceBlock    kind = 7
	cancel        kind = 8
	port          kind = 9
	extended      kind = 20
	keepAlive     kind = 0xff // not on the wire: a length of 0
	handshake     kind = 0xfe // not on the wire: what goes before all messages
)

var kindNames = map[kind]string{
	choke: "choke", unchoke: "unchoke", interested: "interested", notInterested: "not_interested",
	have: "have", bitfield: "bitfield", request: "request", pieceBlock: "piece", cancel: "cancel",
	port: "port", extended: "extended", keepAlive: "keep_alive", handshake: "handshake",
}

// message is one of them; which fields count depends on kind.
type message struct {
	kind          kind
	piece         int
	begin, length int
	bits          Bitfield
	data          []byte // of a block; of an extended message, behind its number
	port          uint16
	extension     uint8

	// Of a handshake.
	reserved [8]byte
	infoHash Hash
	peerID   Hash

	// What an extended message means, as the sender says; never read back.
	name           string
	added, dropped []netip.AddrPort
}

// protocol is what every handshake begins with (BEP 3).
const protocol = "\x13BitTorrent protocol"

// handshakeLen is protocol, 8 reserved bytes, info hash and peer id.
const handshakeLen = len(protocol) + 8 + 20 + 20

// Bits of the reserved bytes.
const (
	extendedByte, extendedBit = 5, 0x10 // BEP 10
	dhtByte, dhtBit           = 7, 0x01 // BEP 5
)

// longest is the longest message that a peer takes, in bytes.
const longest = 1 << 20

// append writes m as it goes over the wire.
func (m *message) append(b []byte) []byte {
	be := binary.BigEndian
	switch m.kind {
	case handshake:
		b = append(b, protocol...)
		b = append(b, m.reserved[:]...)
		b = append(b, m.infoHash[:]...)
		return append(b, m.peerID[:]...)
	case keepAlive:
		return append(b, 0, 0, 0, 0)
	}
	at := len(b)
	b = append(b, 0, 0, 0, 0, byte(m.kind))
	switch m.kind {
	case have:
		b = be.AppendUint32(b, uint32(m.piece))
	case bitfield:
		b = append(b, m.bits...)
	case request, cancel:
		b = be.AppendUint32(b, uint32(m.piece))
		b = be.AppendUint32(b, uint32(m.begin))
		b = be.AppendUint32(b, uint32(m.length))
	case pieceBlock:
		b = be.AppendUint32(b, uint32(m.piece))
		b = be.AppendUint32(b, uint32(m.begin))
		b = append(b, m.data...)
	case port:
		b = be.AppendUint16(b, m.port)
	case extended:
		b = append(b, m.extension)
		b = append(b, m.data...)
	}
	be.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

var errMessage = errors.New("peer: a message of a length that it cannot have")

// parse reads the bytes behind the length prefix; it keeps none of them.
func parse(b []byte) (message, error) {
	if len(b) == 0 {
		return message{kind: keepAlive}, nil
	}
	be := binary.BigEndian
	m := message{kind: kind(b[0])}
	b = b[1:]
	want := -1
	switch m.kind {
	case choke, unchoke, interested, notInterested:
		want = 0
	case have:
		want = 4
	case request, cancel:
		want = 12
	case port:
		want = 2
	}
	if want >= 0 && len(b) != want || m.kind == pieceBlock && len(b) < 8 || m.kind == extended && len(b) < 1 {
		return m, errMessage
	}
	switch m.kind {
	case choke, unchoke, interested, notInterested:
	case have:
		m.piece = int(be.Uint32(b))
	case bitfield:
		m.bits = append(Bitfield(nil), b...)
	case request, cancel:
		m.piece, m.begin, m.length = int(be.Uint32(b)), int(be.Uint32(b[4:])), int(be.Uint32(b[8:]))
	case pieceBlock:
		m.piece, m.begin, m.length = int(be.Uint32(b)), int(be.Uint32(b[4:])), len(b)-8
		m.data = append([]byte(nil), b[8:]...)
	case port:
		m.port = be.Uint16(b)
	case extended:
		m.extension, m.data = b[0], append([]byte(nil), b[1:]...)
	default:
		return m, fmt.Errorf("peer: a message of type %d", m.kind)
	}
	return m, nil
}

func parseHandshake(b []byte) (message, error) {
	m := message{kind: handshake}
	if string(b[:len(protocol)]) != protocol {
		return m, errors.New("peer: no handshake of BitTorrent")
	}
	b = b[len(protocol):]
	copy(m.reserved[:], b)
	copy(m.infoHash[:], b[8:])
	copy(m.peerID[:], b[28:])
	return m, nil
}

// truth is m as its sender means it.
func (m *message) truth(infoHash Hash) *truth.Wire {
	w := &truth.Wire{Type: kindNames[m.kind], InfoHash: infoHash.String()}
	switch m.kind {
	case handshake:
		w.PeerID, w.Reserved = m.peerID.String(), hex.EncodeToString(m.reserved[:])
	case have:
		w.Piece = &m.piece
	case bitfield:
		w.Pieces = m.bits.String()
	case request, cancel, pieceBlock:
		w.Piece, w.Begin, w.Length = &m.piece, &m.begin, &m.length
	case port:
		w.Port = m.port
	case extended:
		w.Extension, w.Port = m.name, m.port
		w.Peers, w.Dropped = Texts(m.added), Texts(m.dropped)
	}
	return w
}
