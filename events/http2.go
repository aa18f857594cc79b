package events

// HTTP2Frame is one frame of HTTP/2 (RFC 9113 section 4). What a frame type
// does not have is left out.
type HTTP2Frame struct {
	Type       string   `json:"type"`            // DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, ALTSVC, ORIGIN, PRIORITY_UPDATE, or 0xNN
	Flags      []string `json:"flags,omitempty"` // END_STREAM, END_HEADERS, PADDED, PRIORITY, ACK, in bit order
	HTTPStream uint64   `json:"http_stream"`
	Length     uint32   `json:"length"` // of the payload, with padding

	Settings          []HTTP2Setting `json:"settings,omitempty"`
	WindowIncrement   uint32         `json:"window_increment,omitzero"`
	ErrorCode         string         `json:"error_code,omitzero"` // NO_ERROR, …, or 0xN
	PromisedStream    uint64         `json:"promised_stream,omitzero"`
	Weight            int            `json:"weight,omitzero"` // 1 to 256
	DependsOn         uint64         `json:"depends_on,omitzero"`
	Exclusive         bool           `json:"exclusive,omitzero"`
	LastStream        *uint64        `json:"last_stream,omitempty"`
	Padding           int            `json:"padding,omitzero"`            // bytes of padding, without the Pad Length itself
	Opaque            string         `json:"opaque,omitzero"`             // PING: its 8 bytes, hex
	Debug             string         `json:"debug,omitzero"`              // GOAWAY: Additional Debug Data
	Origins           []string       `json:"origins,omitempty"`           // ALTSVC (at most one), ORIGIN
	Value             string         `json:"value,omitzero"`              // ALTSVC: Alt-Svc-Field-Value; PRIORITY_UPDATE: Priority Field Value
	PrioritizedStream uint64         `json:"prioritized_stream,omitzero"` // PRIORITY_UPDATE
	// Undecodable: this frame ends a header block that could not be read,
	// mostly because it needs HPACK state that was lost.
	Undecodable bool `json:"undecodable,omitzero"`

	FirstFrame uint64 `json:"first_frame"`
	FirstTime  Time   `json:"-"`
	Offset     int64  `json:"-"` // stream offset of the frame's first byte

	// What the sender of DATA, or for WINDOW_UPDATE the other side, may send
	// from here on, in bytes (RFC 9113 section 6.9). WindowsKnown: nothing
	// that changes them was lost. StreamWindow is 0 where HTTPStream is 0.
	ConnectionWindow int64 `json:"-"`
	StreamWindow     int64 `json:"-"`
	WindowsKnown     bool  `json:"-"`

	// HPACK is how the header block that this frame ends was written; nil
	// where none ends, or where not all of it could be read.
	HPACK *HPACKBlock `json:"-"`
}

// HPACKBlock counts what stands in one header block (RFC 7541).
type HPACKBlock struct {
	Encoded int // bytes of the block
	Decoded int // bytes of names and values, as sent

	Fields int
	// Each field is one of these. A name alone is found in a table, or stands
	// there as a literal.
	Static, Dynamic         int // whole fields found in a table (section 6.1)
	StaticName, DynamicName int // names alone (section 6.2)
	Literal                 int

	Inserted int // fields that went into the dynamic table (section 6.2.1)
	Never    int // that no one may put into a table (section 6.2.3)
	Evicted  int // entries that left the table (section 4.4)
	Table    int // bytes of the dynamic table after the block (section 4.1)
	TableMax int // that it may have (section 4.3)
}

// HTTP2Setting is one parameter of a SETTINGS frame: its name (or 0xN) and
// value.
type HTTP2Setting struct {
	Name  string `json:"name"`
	Value uint32 `json:"value"`
}

// GRPCMessage is one length-prefixed message of gRPC inside an HTTP/2 stream.
type GRPCMessage struct {
	HTTPStream uint64 `json:"http_stream"`
	Of         string `json:"of"` // request, response
	Length     uint32 `json:"length"`
	Compressed bool   `json:"compressed"`
	Complete   bool   `json:"complete"`
	FirstFrame uint64 `json:"first_frame"`
}

// Kind is the stable name.
func (*HTTP2Frame) Kind() Kind { return KindHTTP2Frame }

// Kind is the stable name.
func (*GRPCMessage) Kind() Kind { return KindGRPCMessage }
