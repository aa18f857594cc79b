package p2pbound

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What string

// The rows.
const (
	ByServer What = "server" // one object that a server sent to several at the same time
	BySwarm  What = "swarm"  // one info hash
)

// Value is one row. docs/analyses/p2p.bound.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"server, swarm"`
	InfoHash  string `json:"info_hash,omitzero" doc:"hex"`
	Server    string `json:"server,omitzero" doc:"address and port"`
	Undecided string `json:"undecided,omitzero" doc:"why the bounds cannot be told"`
	Gaps      int    `json:"gaps,omitzero" doc:"holes in what was captured: rates may be too low"`
	Limited   string `json:"limited,omitzero" doc:"what a limit left out"`

	File     int64  `json:"file" doc:"F: bytes"`
	FileBy   string `json:"file_by,omitzero" doc:"what F rests on: tracker_left (what a peer that had nothing said to the tracker), blocks (the pieces and blocks asked for), body (of HTTP)"`
	FileMost bool   `json:"file_at_most,omitzero" doc:"the length of the last piece was not seen: F is less than a piece too long, at most"`
	N        int    `json:"n" doc:"peers that wanted it"`
	Complete int    `json:"complete" doc:"of these, those that had all of it in the end"`

	SeedUp  float64         `json:"u_s" doc:"bytes a second that those with the whole file at the start sent, at most, over the window; server: on the average"`
	SumUp   float64         `json:"sum_u_i" doc:"bytes a second that the others sent, at most, each over its best window, summed"`
	LeastDn float64         `json:"d_min" doc:"bytes a second that came to the slowest of those, at most"`
	Window  events.Duration `json:"window,omitzero" doc:"seconds over which rates are measured"`

	Took      *events.Duration `json:"took,omitzero" doc:"seconds from the start (server: the first byte) until the last one had all; left out where not all had"`
	First     *events.Duration `json:"first,omitzero" doc:"seconds until the first one had all"`
	BoundCS   *float64         `json:"d_cs,omitzero" doc:"seconds: no server that sends u_s is faster"`
	BoundP2P  *float64         `json:"d_p2p,omitzero" doc:"seconds: no swarm with these rates is faster"`
	CSLimit   string           `json:"d_cs_limit,omitzero" doc:"which term of the bound is the largest: N·F/u_s, F/d_min"`
	P2PLimit  string           `json:"d_p2p_limit,omitzero" doc:"F/u_s, F/d_min, N·F/(u_s+Σu_i)"`
	Stretch   *float64         `json:"stretch,omitzero" doc:"swarm: took / d_p2p"`
	Saved     *float64         `json:"saved,omitzero" doc:"swarm: d_cs - took: seconds that a server alone would have taken more, at least"`
	Curve     []Point          `json:"curve,omitempty" doc:"bounds over the number of peers, each with the mean u_i"`
	Peers     []Peer           `json:"peers,omitempty" doc:"64 at most, slowest first"`
	PeersLess int              `json:"peers_left_out,omitzero"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Point is one number of peers.
type Point struct {
	Peers  int     `json:"n"`
	Server float64 `json:"d_cs" doc:"seconds"`
	Swarm  float64 `json:"d_p2p" doc:"seconds"`
}

// Peer is one that sent or received.
type Peer struct {
	Peer string           `json:"peer"`
	Seed bool             `json:"seed,omitzero" doc:"it had the whole file at the start"`
	Up   float64          `json:"u" doc:"bytes a second, at most, over the window"`
	Down float64          `json:"d" doc:"bytes a second, at most, over the window"`
	Took *events.Duration `json:"took,omitzero" doc:"seconds from the start until it had all"`
}
