package events

// QUICPacket is one QUIC packet (RFC 9000 section 17); a datagram may carry
// several.
type QUICPacket struct {
	Type         string   `json:"type"`                    // initial, 0rtt, handshake, retry, version_negotiation, 1rtt
	Version      string   `json:"version,omitzero"`        // "1", "2", "draft-29", "0x…"; of long headers
	DCID         string   `json:"dcid"`                    // hex
	SCID         string   `json:"scid,omitzero"`           // hex; of long headers
	PacketNumber *uint64  `json:"packet_number,omitempty"` // where it could be unprotected
	Length       int      `json:"length"`                  // bytes of the whole packet
	Versions     []string `json:"versions,omitempty"`      // of a version negotiation
	Token        int      `json:"token_length,omitzero"`
	Frames       []string `json:"frames,omitempty"` // types in order, where it could be unprotected
	Spin         *bool    `json:"spin,omitempty"`   // of 1rtt: the spin bit as it is
}

// Kind is the stable name.
func (*QUICPacket) Kind() Kind { return KindQUICPacket }
