package httpconnections

import "github.com/wiretale/wiretale/events"

// Mode is how a client uses connections to a site.
type Mode string

// The modes. Whether several connections were used at once is told apart from
// them, by Parallel.
const (
	NonPersistent Mode = "non-persistent" // each object on a connection of its own
	Persistent    Mode = "persistent"     // some connection carried several, one after another
	Pipelined     Mode = "pipelined"      // some request was sent before the response before it was over
	Multiplexed   Mode = "multiplexed"    // HTTP/2, HTTP/3: streams in one connection
	ModeUndecided Mode = "undecided"      // one object, and nobody said what happens after it
)

// Usage is how one client fetched from one site. docs/analyses/http.connections.md defines each
// field.
type Usage struct {
	Client string `json:"client"`
	Server string `json:"server"`
	Site   string `json:"site" doc:"host of the requests; the server's address where there is none"`

	Mode     Mode   `json:"mode"`
	Reason   string `json:"reason,omitzero" doc:"why undecided"`
	Parallel int    `json:"parallel" doc:"most connections with an object under way at once"`

	Objects              int     `json:"objects" doc:"requests"`
	Complete             int     `json:"complete" doc:"requests whose response came whole"`
	Connections          int     `json:"connections"`
	ConnectionsReused    int     `json:"connections_reused" doc:"that carried two objects or more"`
	ObjectsPerConnection float64 `json:"objects_per_connection"`
	PipelinedRequests    int     `json:"pipelined_requests,omitzero" doc:"sent before the response before was over"`

	RTT     *events.Duration `json:"rtt,omitzero" doc:"seconds, client to server and back, mean over the objects"`
	RTTFrom string           `json:"rtt_from" doc:"handshake, data, handshake and data, undecided"`

	RTTsPerObject *PerObject      `json:"rtts_per_object,omitzero" doc:"(last byte - start) / rtt; start is the SYN where the object opened the connection, else its request"`
	Busy          events.Duration `json:"busy" doc:"seconds in which an object was under way"`
	BusyRTTs      float64         `json:"busy_rtts_per_object,omitzero" doc:"busy / (rtt * complete objects)"`

	MeanBytes float64 `json:"mean_bytes" doc:"L: head and body on the wire, mean"`
	Rate      float64 `json:"rate,omitzero" doc:"R: bytes a second while receiving; left out where objects came in one packet"`
	Model     []Model `json:"model,omitzero" doc:"what the same objects would take by the textbook"`

	Limited int      `json:"limited,omitzero" doc:"connections, requests or sites left out: limit fold-pending"`
	Frames  []uint64 `json:"frames" doc:"the first requests"`
	Filter  string   `json:"filter"`
}

// PerObject are round trips per object.
type PerObject struct {
	Mean   float64  `json:"mean"`
	Median float64  `json:"median"`
	Min    float64  `json:"min"`
	Max    float64  `json:"max"`
	Count  uint64   `json:"count" doc:"objects that came whole on a connection whose rtt is known"`
	Opened *float64 `json:"opened,omitzero" doc:"mean of those that opened their connection"`
	Reused *float64 `json:"reused,omitzero" doc:"mean of the others"`
}

// Model is one figure of the textbook, for N objects of L bytes at rate R:
// n = N-1 objects after the first, which always costs 2*RTT + L/R.
type Model struct {
	Mode          string          `json:"mode"`
	Formula       string          `json:"formula"`
	Total         events.Duration `json:"total" doc:"seconds for all objects"`
	RTTsPerObject float64         `json:"rtts_per_object" doc:"total / (rtt * objects)"`
}
