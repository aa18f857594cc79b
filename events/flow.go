package events

// FlowStart opens a conversation at its first packet.
type FlowStart struct {
	Midway bool `json:"midway,omitzero"` // TCP whose handshake was not captured
}

// FlowEnd closes a conversation, after its last packet. Bytes are the payload
// of the transport as the IP header tells it (a snaplen does not make them
// fewer). Pooled.
type FlowEnd struct {
	Why           Ending `json:"why"`
	ClientPackets uint64 `json:"client_packets"`
	ClientBytes   uint64 `json:"client_bytes"`
	ServerPackets uint64 `json:"server_packets"`
	ServerBytes   uint64 `json:"server_bytes"`
	// Protocol is the last name detected, empty when it stayed unknown.
	Protocol   string   `json:"protocol,omitzero"`
	Encrypted  bool     `json:"encrypted,omitzero"` // recognised, and not readable
	FirstFrame uint64   `json:"first_frame"`
	LastFrame  uint64   `json:"last_frame"`
	Duration   Duration `json:"duration"` // first packet to last
}

// FlowDetected says which protocol speaks on a flow.
type FlowDetected struct {
	Protocol  string `json:"protocol"`
	By        string `json:"by"`                 // expected, named, content, port
	Roles     string `json:"roles,omitzero"`     // "guessed" when no SYN told who is the client
	Encrypted bool   `json:"encrypted,omitzero"` // what follows cannot be read
}

// FlowViolation says that what was sent breaks its protocol's rules.
type FlowViolation struct {
	Protocol string `json:"protocol"`
	Reason   string `json:"reason"`
	Bytes    int64  `json:"bytes,omitzero"`
}

// FlowGap says that bytes of a stream were never captured.
type FlowGap struct {
	Protocol string `json:"protocol,omitzero"`
	Reason   string `json:"reason"` // acked, full, end, snaplen
	Bytes    int64  `json:"bytes"`
	Offset   int64  `json:"offset"` // stream offset of the first lost byte
	// Packets were lost, where their bytes cannot be known (uTP): Bytes and
	// Offset are 0.
	Packets int64 `json:"packets,omitzero"`
}

// FlowDropped says how many packets the capture itself lost before this frame.
// Of which flows they were nobody knows.
type FlowDropped struct {
	Packets uint32 `json:"packets"`
}

// FlowLimit says that a limit was reached and what was given up for it.
type FlowLimit struct {
	Protocol string `json:"protocol,omitzero"`
	Reason   string `json:"reason"`
	Limit    string `json:"limit"` // its name in --limits
	Value    int64  `json:"value"` // the limit in force
	Bytes    int64  `json:"bytes,omitzero"`
}

// FlowBytes counts what one flow carried since its last FlowBytes (or its
// start): one is made when the first packet of a new second of capture time
// arrives, and one before FlowEnd. Second is the second that the counts
// belong to. Pooled.
type FlowBytes struct {
	Second        int64  `json:"second"` // seconds since 1970, capture time
	Protocol      string `json:"protocol,omitzero"`
	ClientPackets uint32 `json:"client_packets"`
	ServerPackets uint32 `json:"server_packets"`
	ClientBytes   uint64 `json:"client_bytes"`
	ServerBytes   uint64 `json:"server_bytes"`
	// WireBytes are whole frames with all headers, both ways.
	WireBytes uint64 `json:"wire_bytes"`
}

// Kind is the stable name of each.
func (*FlowStart) Kind() Kind { return KindFlowStart }

// Kind is the stable name.
func (*FlowEnd) Kind() Kind { return KindFlowEnd }

// Kind is the stable name.
func (*FlowDetected) Kind() Kind { return KindFlowDetected }

// Kind is the stable name.
func (*FlowViolation) Kind() Kind { return KindFlowViolation }

// Kind is the stable name.
func (*FlowGap) Kind() Kind { return KindFlowGap }

// Kind is that of Body.
func (*FlowDropped) Kind() Kind { return KindFlowDropped }

// Kind is the stable name.
func (*FlowLimit) Kind() Kind { return KindFlowLimit }

// Kind is the stable name.
func (*FlowBytes) Kind() Kind { return KindFlowBytes }
