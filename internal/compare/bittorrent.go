package compare

import (
	"fmt"
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// bittorrent is the peer wire, over TCP or inside uTP.
var bittorrent = protocol{
	name:    "bittorrent",
	kinds:   []events.Kind{events.KindBitTorrentHandshake, events.KindBitTorrentMessage},
	reader:  func() reader { return peerReader{} },
	args:    []string{"--enable-heuristic", "bt_utp_udp"},
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "bittorrent.protocol.name", of: handshakeField(func(h *events.BitTorrentHandshake) string { return "BitTorrent protocol" })},
		{name: "bittorrent.reserved", of: handshakeField(func(h *events.BitTorrentHandshake) string { return h.Reserved })},
		{name: "bittorrent.info_hash", of: handshakeField(func(h *events.BitTorrentHandshake) string { return h.InfoHash })},
		{name: "bittorrent.peer_id", of: handshakeField(func(h *events.BitTorrentHandshake) string { return h.PeerID })},
		{name: "bittorrent.msg.length", of: peerField(func(m *events.BitTorrentMessage) string {
			if m.Bytes == 0 {
				return "" // tshark shows no field of a keep-alive
			}
			return strconv.FormatUint(uint64(m.Bytes), 10)
		})},
		{name: "bittorrent.msg.type", of: peerField(messageNumber)},
		{name: "bittorrent.msg.aztype", of: peerField(func(m *events.BitTorrentMessage) string {
			if _, ok := messageNumbers[m.Type]; !ok && m.Type != "keep_alive" {
				return m.Type
			}
			return ""
		})},
		{name: "bittorrent.msg.bitfield", of: peerField(func(m *events.BitTorrentMessage) string { return m.Pieces })},
		{name: "bittorrent.piece.index", of: peerField(func(m *events.BitTorrentMessage) string {
			if m.Type == "extended" {
				return ""
			}
			return hex32(m.Piece)
		})},
		{name: "bittorrent.piece.begin", of: peerField(func(m *events.BitTorrentMessage) string { return hex32(m.Begin) })},
		{name: "bittorrent.piece.length", of: peerField(func(m *events.BitTorrentMessage) string {
			if m.Type == "piece" {
				return "" // it follows from the length of the message
			}
			return hex32(m.Length)
		})},
		{name: "bittorrent.port", of: peerField(func(m *events.BitTorrentMessage) string {
			if m.Type != "port" {
				return ""
			}
			return strconv.Itoa(int(m.Port))
		})},
		{name: "bittorrent.extended.id", of: peerField(func(m *events.BitTorrentMessage) string {
			if m.ExtensionID == nil {
				return ""
			}
			return strconv.Itoa(int(*m.ExtensionID))
		})},
	},
}

// messageNumbers are the types of messages by our names.
var messageNumbers = map[string]int{
	"choke": 0, "unchoke": 1, "interested": 2, "not_interested": 3, "have": 4, "bitfield": 5, "request": 6, "piece": 7, "cancel": 8, "port": 9,
	"suggest": 13, "have_all": 14, "have_none": 15, "reject": 16, "allowed_fast": 17, "extended": 20, "hash_request": 21, "hashes": 22, "hash_reject": 23,
}

func messageNumber(m *events.BitTorrentMessage) string {
	n, ok := messageNumbers[m.Type]
	if !ok {
		return ""
	}
	return strconv.Itoa(n)
}

// peerReader leaves aside what the encryption hides, and marks messages of
// which bytes were lost.
type peerReader struct{ plain }

func (peerReader) event(e *events.Event, tell func(message)) {
	m := message{frame: e.Pos.Frame, event: e}
	inUTP := e.Flow.Proto == events.ProtoUDP
	switch b := e.Body.(type) {
	case *events.BitTorrentHandshake:
		if b.Encryption != "" {
			return
		}
		m.partial = e.Truncated
	case *events.BitTorrentMessage:
		m.partial = !b.Complete
		if inUTP {
			// Inside uTP tshark puts nothing together: it shows a message
			// where it begins.
			m.frame = b.FirstFrame
		}
	}
	tell(m)
}

func handshakeField(f func(*events.BitTorrentHandshake) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if b, ok := m.event.Body.(*events.BitTorrentHandshake); ok {
			add(f(b))
		}
	}
}

func peerField(f func(*events.BitTorrentMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if b, ok := m.event.Body.(*events.BitTorrentMessage); ok {
			add(f(b))
		}
	}
}

// hex32 is how tshark prints the numbers of pieces.
func hex32(n *uint32) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf("0x%08x", *n)
}
