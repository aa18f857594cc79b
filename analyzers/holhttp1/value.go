package holhttp1

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What uint8

// The rows.
const (
	Response   What = iota + 1 // one that waited behind others
	Blocker                    // one that others waited behind
	Connection                 // Undecided says why nothing is known of it
)

var whatNames = [...]string{Response: "response", Blocker: "blocker", Connection: "connection"}

func (w What) String() string { return whatNames[w] }

// MarshalText makes a What its name in JSON.
func (w What) MarshalText() ([]byte, error) { return []byte(whatNames[w]), nil }

// Value is one row. docs/analyses/hol.http1.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"response, blocker, connection"`
	Undecided string `json:"undecided,omitzero" doc:"connection: why its responses cannot be judged"`

	Client string `json:"client" doc:"address and port"`
	Server string `json:"server" doc:"address and port"`
	Stream uint32 `json:"stream" doc:"Wireshark's tcp.stream"`

	Number uint32 `json:"number,omitzero" doc:"which request of its connection, from 1"`
	Method string `json:"method,omitzero"`
	Target string `json:"target,omitzero" doc:"as in the request line"`
	Status int    `json:"status,omitzero"`
	Bytes  int64  `json:"bytes,omitzero" doc:"head and body on the wire"`

	Waited  events.Duration `json:"waited" doc:"seconds; response: when it could have begun and earlier ones were not over; blocker: when at least one waited behind it"`
	Making  events.Duration `json:"making" doc:"seconds of waited in which the earlier one had not begun"`
	Sending events.Duration `json:"sending" doc:"seconds of waited in which the earlier one was being sent"`
	Turn    events.Duration `json:"turn" doc:"response: seconds from its turn to its first byte"`
	// RoundTrip is left out, and AtMost set, where the handshake was not
	// captured.
	RoundTrip events.Duration `json:"round_trip,omitzero" doc:"seconds from the capture point to the server and back: a response could have begun this long after its request"`
	AtMost    bool            `json:"at_most,omitzero" doc:"the round trip is not known: waited is too long by it, at most"`

	Behind    []Behind `json:"behind,omitzero" doc:"response: those it waited behind, longest first, 8 at most"`
	Responses uint32   `json:"responses,omitzero" doc:"blocker: how many waited behind it; connection: responses without a request, or without an end"`
	Numbers   []uint32 `json:"numbers,omitzero" doc:"blocker: which requests they were, the first 32"`

	Saved *events.Duration `json:"saved,omitzero" doc:"seconds earlier that it (blocker: the last of those behind it most of all) would have been whole, had all streams shared the line evenly"`
	Rate  float64          `json:"rate,omitzero" doc:"bytes a second while the connection was not at rest: what saved is computed with"`

	Limited bool `json:"limited,omitzero" doc:"limit fold-pending: some responses before or behind it are not looked at"`

	RequestFrame uint64   `json:"request_frame,omitzero"`
	FirstFrame   uint64   `json:"first_frame,omitzero" doc:"first byte of the response"`
	LastFrame    uint64   `json:"last_frame,omitzero" doc:"last byte of the response"`
	Frames       []uint64 `json:"frames"`
	Filter       string   `json:"filter"`
}

// Behind is one earlier response that was in the way.
type Behind struct {
	Number       uint32          `json:"number"`
	Target       string          `json:"target"`
	Waited       events.Duration `json:"waited" doc:"seconds"`
	Making       events.Duration `json:"making" doc:"seconds"`
	Sending      events.Duration `json:"sending" doc:"seconds"`
	RequestFrame uint64          `json:"request_frame"`
	FirstFrame   uint64          `json:"first_frame"`
	LastFrame    uint64          `json:"last_frame"`
}
