package events

// WebSocketFrame is one frame after an Upgrade to WebSocket (RFC 6455
// section 5.2), made at its last byte.
type WebSocketFrame struct {
	Opcode     string `json:"opcode"` // continuation, text, binary, close, ping, pong, or 0xN
	Fin        bool   `json:"fin"`
	Masked     bool   `json:"masked"`
	Compressed bool   `json:"compressed,omitzero"` // RSV1 under permessage-deflate (RFC 7692)
	Length     uint64 `json:"length"`              // of the payload
	CloseCode  uint16 `json:"close_code,omitzero"`
	Reason     string `json:"reason,omitzero"`
	Complete   bool   `json:"complete"`
	FirstFrame uint64 `json:"first_frame"`
}

// Kind is the stable name.
func (*WebSocketFrame) Kind() Kind { return KindWebSocketFrame }
