package holhttp2

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What uint8

// The rows.
const (
	Stream     What = iota + 1 // one response that was under way with others
	Period                     // all that were under way together
	Connection                 // Undecided says why nothing is known of it
)

var whatNames = [...]string{Stream: "stream", Period: "period", Connection: "connection"}

func (w What) String() string { return whatNames[w] }

// MarshalText makes a What its name in JSON.
func (w What) MarshalText() ([]byte, error) { return []byte(whatNames[w]), nil }

// Value is one row. docs/analyses/hol.http2.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"stream, period, connection"`
	Undecided string `json:"undecided,omitzero" doc:"connection: why its streams cannot be judged"`
	// Unknown are the parts that are left out or too small, and why.
	Unknown []string `json:"unknown,omitzero" doc:"what cannot be told, and why"`

	Client     string `json:"client" doc:"address and port"`
	Server     string `json:"server" doc:"address and port"`
	Stream     uint32 `json:"stream" doc:"Wireshark's tcp.stream"`
	HTTPStream uint64 `json:"http_stream,omitzero"`

	Method   string `json:"method,omitzero"`
	Target   string `json:"target,omitzero"`
	Status   int    `json:"status,omitzero"`
	Bytes    int64  `json:"bytes,omitzero" doc:"of its frames with their headers"`
	Complete bool   `json:"complete,omitzero" doc:"its END_STREAM was seen"`

	Duration events.Duration  `json:"duration" doc:"seconds from first to last byte"`
	Before   *events.Duration `json:"before,omitzero" doc:"seconds in which others were sent while its request was at the server and it had not begun"`

	Waited      events.Duration  `json:"waited" doc:"seconds: server_order + flow_control + tcp_loss + hpack"`
	ServerOrder events.Duration  `json:"server_order" doc:"seconds in which others were sent between its frames, windows being open"`
	FlowControl events.Duration  `json:"flow_control" doc:"seconds between its frames in which its window, or the connection's, was closed"`
	TCPLoss     *events.Duration `json:"tcp_loss,omitzero" doc:"seconds in which bytes of it waited behind a hole in others' bytes"`
	HPACK       *events.Duration `json:"hpack,omitzero" doc:"seconds of such waits in which its header block waited for another's"`
	OwnLoss     *events.Duration `json:"own_loss,omitzero" doc:"seconds in which bytes of it waited behind a hole in its own; not in waited"`
	Behind      []Behind         `json:"behind,omitzero" doc:"what was sent between its frames, longest first, 8 at most"`

	Interleaving float64          `json:"interleaving,omitzero" doc:"bytes of all streams from its first byte to its last, by its own: 1 is undivided"`
	FCFSWait     *events.Duration `json:"fcfs_wait,omitzero" doc:"seconds that it would have waited for its first byte, first come first served"`
	Saved        *events.Duration `json:"saved,omitzero" doc:"seconds earlier that it was whole than first come first served; period: the sum"`

	Streams []uint64 `json:"streams,omitzero" doc:"period: http_stream of those under way together, the first 32"`
	Count   uint32   `json:"count,omitzero" doc:"how many were under way together"`
	Early   uint32   `json:"early,omitzero" doc:"period: how many were whole earlier than first come first served"`
	Rate    float64  `json:"rate,omitzero" doc:"period: bytes a second, from its first byte to its last"`

	Limited bool `json:"limited,omitzero" doc:"a limit kept some streams or times out"`

	RequestFrame uint64   `json:"request_frame,omitzero"`
	FirstFrame   uint64   `json:"first_frame,omitzero"`
	LastFrame    uint64   `json:"last_frame,omitzero"`
	Frames       []uint64 `json:"frames"`
	Filter       string   `json:"filter"`
}

// Behind is one stream that was sent meanwhile.
type Behind struct {
	HTTPStream uint64          `json:"http_stream"`
	Target     string          `json:"target,omitzero"`
	Time       events.Duration `json:"time" doc:"seconds"`
}
