package httptransaction

import "github.com/wiretale/wiretale/events"

// Outcome is how a request ended.
type Outcome uint8

// The ends of a request.
const (
	Complete   Outcome = iota + 1 // request and response are whole
	Incomplete                    // the response began and is not whole
	Unanswered                    // the connection ended, or fell silent, without a response
	Undecided                     // Reason says why
)

var outcomeNames = [...]string{Complete: "complete", Incomplete: "incomplete", Unanswered: "unanswered", Undecided: "undecided"}

func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText makes an Outcome its name in JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(outcomeNames[o]), nil }

// Connection says whether a request opened its connection.
type Connection uint8

// How a request came by its connection.
const (
	ConnectionUndecided Connection = iota + 1 // its beginning was not captured
	ConnectionNew
	ConnectionReused
)

var connectionNames = [...]string{ConnectionUndecided: "undecided", ConnectionNew: "new", ConnectionReused: "reused"}

func (c Connection) String() string { return connectionNames[c] }

// MarshalText makes a Connection its name in JSON.
func (c Connection) MarshalText() ([]byte, error) { return []byte(connectionNames[c]), nil }

// Transaction is one request and its response. docs/analyses/http.transaction.md defines each
// field.
type Transaction struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitzero" doc:"why it is not complete"`

	Client     string `json:"client" doc:"address and port"`
	Server     string `json:"server" doc:"address and port"`
	Stream     uint32 `json:"stream" doc:"Wireshark's tcp.stream or udp.stream"`
	HTTPStream uint64 `json:"http_stream" doc:"0 in HTTP/1"`

	Method       string `json:"method,omitzero"`
	URL          string `json:"url,omitzero"`
	Host         string `json:"host,omitzero"`
	Version      string `json:"version,omitzero"`
	Status       int    `json:"status,omitzero"`
	StatusReason string `json:"status_reason,omitzero" doc:"text after the status"`

	Connection Connection `json:"connection" doc:"new, reused, undecided"`
	Number     int        `json:"number,omitzero" doc:"which request of its connection, from 1"`
	Pipelined  bool       `json:"pipelined,omitzero" doc:"sent before the response before it was over"`
	Early      bool       `json:"early,omitzero" doc:"the response began before the request was over"`

	Phases       Phases           `json:"phases"`
	Total        *events.Duration `json:"total,omitzero" doc:"seconds from the SYN (new connection) or the first byte of the request to the last byte of the response"`
	ResponseTime *events.Duration `json:"response_time,omitzero" doc:"seconds from the request's last frame to the response's last frame; Wireshark's http.time"`

	RequestHeadBytes  int64  `json:"request_head_bytes,omitzero" doc:"on the wire"`
	RequestBodyBytes  int64  `json:"request_body_bytes,omitzero" doc:"on the wire, with chunk framing"`
	ResponseHeadBytes int64  `json:"response_head_bytes,omitzero" doc:"on the wire"`
	ResponseWireBytes int64  `json:"response_wire_bytes,omitzero" doc:"body on the wire, with chunk framing"`
	ResponseBodyBytes int64  `json:"response_body_bytes,omitzero" doc:"body after transfer-decoding"`
	DecodedBytes      int64  `json:"decoded_bytes,omitzero" doc:"body after content-decoding, where that was done"`
	MissingBytes      int64  `json:"missing_bytes,omitzero" doc:"bytes of the response body that were not captured"`
	ContentType       string `json:"content_type,omitzero"`
	ContentEncoding   string `json:"content_encoding,omitzero"`

	Interim []Interim `json:"interim,omitzero" doc:"1xx responses before the final one"`

	RequestFirstFrame  uint64 `json:"request_first_frame,omitzero"`
	RequestFrame       uint64 `json:"request_frame,omitzero" doc:"completed its head"`
	RequestEndFrame    uint64 `json:"request_end_frame,omitzero" doc:"completed its body, where it has one"`
	ResponseFirstFrame uint64 `json:"response_first_frame,omitzero"`
	ResponseFrame      uint64 `json:"response_frame,omitzero" doc:"completed its head"`
	ResponseEndFrame   uint64 `json:"response_end_frame,omitzero" doc:"completed its body, where it has one"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`

	Store Store `json:"-"`
}

// Store is the memory that a Transaction points into. It is no part of the
// row.
type Store struct {
	Times  [8]events.Duration
	Frames [6]uint64
}

// Phases are the parts of Total, in seconds. One that does not apply, or
// cannot be told, is left out.
type Phases struct {
	Blocked *events.Duration `json:"blocked,omitzero" doc:"behind earlier responses of the connection"`
	Connect *events.Duration `json:"connect,omitzero" doc:"SYN to the ACK that ends the handshake"`
	TLS     *events.Duration `json:"tls,omitzero" doc:"TLS handshake"`
	Idle    *events.Duration `json:"idle,omitzero" doc:"new connection: from its handshake to the first byte of the request"`
	Send    *events.Duration `json:"send,omitzero" doc:"first to last byte of the request"`
	Wait    *events.Duration `json:"wait,omitzero" doc:"to the first byte of the response"`
	Receive *events.Duration `json:"receive,omitzero" doc:"first to last byte of the response"`
}

// Interim is one 1xx response.
type Interim struct {
	Status int             `json:"status"`
	Frame  uint64          `json:"frame"`
	After  events.Duration `json:"after" doc:"seconds since the first byte of the request"`
}
