package events

// QUICPacket is one QUIC packet (RFC 9000 section 17); a datagram may carry
// several.
type QUICPacket struct {
	// Type is initial, 0rtt, handshake, retry, version_negotiation or 1rtt;
	// unknown for versions whose types are not known; gquic and gquic_reset for
	// Google's versions before Q044, which have no types.
	Type         string   `json:"type"`
	Version      string   `json:"version,omitzero"`        // "1", "2", "draft-29", "0x…"; of long headers
	DCID         string   `json:"dcid"`                    // hex
	SCID         string   `json:"scid,omitzero"`           // hex; of long headers
	PacketNumber *uint64  `json:"packet_number,omitempty"` // where it could be unprotected
	Length       int      `json:"length"`                  // bytes of the whole packet
	Versions     []string `json:"versions,omitempty"`      // of a version negotiation
	Token        int      `json:"token_length,omitzero"`
	Frames       []string `json:"frames,omitempty"` // types in order, where it could be unprotected
	Spin         *bool    `json:"spin,omitempty"`   // of 1rtt: the spin bit as it is
	// ErrorCode and Reason are of a CONNECTION_CLOSE frame that could be
	// unprotected (RFC 9000 section 19.19).
	ErrorCode *uint64 `json:"error_code,omitempty"`
	Reason    string  `json:"reason,omitzero"`
}

// Kind is the stable name.
func (*QUICPacket) Kind() Kind { return KindQUICPacket }
