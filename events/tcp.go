package events

// TCPSegment marks one segment: retransmission, out_of_order, lost,
// duplicate_ack, zero_window, keep_alive. From is who sent the segment (for
// lost: who sent the bytes that are missing before it).
type TCPSegment struct {
	Mark   Kind   `json:"-"`
	Seq    uint32 `json:"seq"`     // relative to the first sequence number of its side, as Wireshark shows it
	SeqRaw uint32 `json:"seq_raw"` // as on the wire
	Bytes  int64  `json:"bytes"`   // payload (lost: the hole; duplicate_ack: 0)
	// Why refines a retransmission: fast, timeout, spurious; a keep-alive:
	// probe, ack; a zero window: window, probe, probe_ack; a duplicate_ack
	// counts in Number.
	Why    string `json:"why,omitzero"`
	Number uint32 `json:"number,omitzero"` // duplicate_ack: the how-manieth
	Ack    uint32 `json:"ack,omitzero"`    // duplicate_ack: relative acknowledgement number
	// After is how long its side had sent nothing new before a
	// retransmission; left out where that is not known.
	After Duration `json:"after,omitzero"`
	// Offset is the stream offset of the segment's first payload byte, -1
	// where the segment carries none.
	Offset int64 `json:"-"`
}

// Kind is the mark.
func (s *TCPSegment) Kind() Kind { return s.Mark }

// RTTOf says what an RTT sample was taken from.
type RTTOf uint8

// The three pairs that give a sample.
const (
	RTTSynAck RTTOf = iota // SYN → SYN-ACK: the server's side
	RTTAck                 // SYN-ACK → ACK: the client's side
	RTTData                // data segment → first ACK that covers it
)

var rttOfs = [...]string{"syn_ack", "ack", "data"}

func (o RTTOf) String() string { return rttOfs[o] }

// MarshalText makes an RTTOf its name in JSON.
func (o RTTOf) MarshalText() ([]byte, error) { return []byte(rttOfs[o]), nil }

// TCPRTT is one round-trip sample between the capture point and the side
// that answered (Event.From). Never from a range that was retransmitted
// (Karn, RFC 6298 section 3). Pooled.
type TCPRTT struct {
	Of           RTTOf    `json:"of"`
	RTT          Duration `json:"rtt"`
	SegmentFrame uint64   `json:"segment_frame"` // the segment that was answered
	// Exact: the ACK ends exactly where the segment does (Wireshark's
	// tcp.analysis.ack_rtt is defined for these only).
	Exact bool `json:"exact"`
	// SACK: only a SACK block covers it (RFC 2018); bytes before it were missing.
	SACK bool `json:"sack,omitzero"`
}

// Kind is the stable name.
func (*TCPRTT) Kind() Kind { return KindTCPRTT }

// TCPHOL is one range of bytes that arrived behind a hole and waited for it
// (head-of-line blocking). From is who sent the bytes. Made when the hole is
// filled (or given up: Filled is false). Offsets are stream offsets of that
// side, 0 being the first payload byte.
type TCPHOL struct {
	Offset       int64    `json:"offset"` // the range that waited
	Bytes        int64    `json:"bytes"`
	Wait         Duration `json:"wait"`
	ArrivedFrame uint64   `json:"arrived_frame"`
	HoleOffset   int64    `json:"hole_offset"` // the first hole in front of it when it arrived
	HoleBytes    int64    `json:"hole_bytes"`
	Filled       bool     `json:"filled"`
}

// Kind is the stable name.
func (*TCPHOL) Kind() Kind { return KindTCPHOL }
