package btrarity

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What string

// The rows.
const (
	Swarm What = "swarm" // one info hash
	Peer  What = "peer"  // one peer of it
)

// Verdict is the order in which a peer asks for pieces.
type Verdict string

// The verdicts.
const (
	RarestFirst Verdict = "rarest-first"
	Sequential  Verdict = "sequential"
	Random      Verdict = "random"
	Undecided   Verdict = "undecided"
)

// Value is one row. docs/analyses/bt.rarity.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"swarm, peer"`
	InfoHash  string `json:"info_hash,omitzero" doc:"hex; left out where it was not captured"`
	Undecided string `json:"undecided,omitzero" doc:"why copies (swarm) or the order of requests (peer) cannot be told"`
	Gaps      int    `json:"gaps,omitzero" doc:"holes in what was captured of its connections: a have may be missing"`
	Limited   string `json:"limited,omitzero" doc:"what a limit left out"`

	Connections int `json:"connections" doc:"swarm: all; peer: its own"`

	// Of a swarm.
	Viewpoint    string   `json:"viewpoint,omitzero" doc:"swarm: the peer whose connections are all that is seen"`
	Peers        int      `json:"peers,omitzero" doc:"swarm: seen"`
	Pieces       int      `json:"pieces,omitzero" doc:"pieces of the torrent: the highest one seen, and one"`
	PiecesAtMost int      `json:"pieces_at_most,omitzero" doc:"no peer that has all was seen: bitfields have room for so many"`
	Copies       []int    `json:"copies,omitempty" doc:"swarm: of each piece, the last time that most peers were there; the first 1024 pieces"`
	Series       []Sample `json:"series,omitempty" doc:"swarm: copies over time"`
	SeriesEvery  int      `json:"series_every,omitzero" doc:"the series has one of so many changes; left out: all"`

	// Of a peer.
	Peer   string `json:"peer,omitzero" doc:"address and port; only the address where the port at which it listens is not known"`
	PeerID string `json:"peer_id,omitzero" doc:"hex"`
	Client string `json:"client,omitzero" doc:"its program, by the peer id"`
	Start  string `json:"start,omitzero" doc:"peer: bitfield (hex) of what it had when it was first seen"`
	Had    int    `json:"had,omitzero" doc:"peer: how many these were"`
	Has    int    `json:"has,omitzero" doc:"peer: how many it has at the end"`
	Gained []Gain `json:"gained,omitempty" doc:"peer: pieces in the order in which it came to have them"`

	Verdict     Verdict   `json:"verdict,omitzero" doc:"peer: rarest-first, random, sequential, undecided"`
	Requests    []Request `json:"requests,omitempty" doc:"peer: the first request of each piece, in order"`
	Firsts      int       `json:"first_requests,omitzero" doc:"peer: how many"`
	Weighed     int       `json:"weighed,omitzero" doc:"of these, with pieces to choose from that were not equally rare"`
	Rarest      int       `json:"rarest,omitzero" doc:"of those weighed, none that could be chosen was rarer"`
	RarestThird *float64  `json:"rarest_third,omitzero" doc:"share of those weighed that lie in the rarest third"`
	ByChance    *float64  `json:"rarest_third_by_chance,omitzero" doc:"the share that drawing would give"`
	Z           *float64  `json:"z,omitzero" doc:"how many standard deviations the ranks lie above (rarer: below) those of drawing"`
	InOrder     *float64  `json:"in_order,omitzero" doc:"share of the first requests with a choice that took the lowest number"`

	Endgame *Endgame `json:"endgame,omitzero" doc:"peer: blocks that were asked for from several"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Sample is how rare pieces were at one moment.
type Sample struct {
	Time        events.Time `json:"time" doc:"RFC 3339"`
	Frame       uint64      `json:"frame"`
	Peers       int         `json:"peers" doc:"there"`
	Min         int         `json:"min" doc:"copies of the rarest piece"`
	Mean        float64     `json:"mean" doc:"copies of a piece"`
	Distributed float64     `json:"distributed" doc:"min, and the share of pieces that have more copies"`
}

// Gain is a piece that a peer came to have.
type Gain struct {
	Piece int         `json:"piece"`
	Time  events.Time `json:"time" doc:"RFC 3339; when it said so"`
	Frame uint64      `json:"frame"`
}

// Request is the first request of a piece.
type Request struct {
	Piece      int         `json:"piece"`
	Begin      uint32      `json:"begin" doc:"where in the piece, in bytes"`
	Of         string      `json:"of" doc:"who was asked"`
	Time       events.Time `json:"time" doc:"RFC 3339; when it left"`
	Frame      uint64      `json:"frame"`
	Candidates int         `json:"candidates,omitzero" doc:"pieces that could be chosen: had by the one asked, lacked, and not asked for yet"`
	Copies     int         `json:"copies,omitzero" doc:"of the piece, among its neighbours"`
	Rarer      int         `json:"rarer" doc:"candidates with fewer copies"`
	Equal      int         `json:"equal,omitzero" doc:"candidates with as many, itself included"`
	Lowest     bool        `json:"lowest,omitzero" doc:"no candidate has a lower number"`
	Unsure     bool        `json:"unsure,omitzero" doc:"a have came at that very moment, or may have been under way or lost: it may have been counted, or not"`
}

// Endgame is when blocks were asked for from several.
type Endgame struct {
	Time    events.Time `json:"time" doc:"RFC 3339; of the first one"`
	Frame   uint64      `json:"frame"`
	Missing int         `json:"missing" doc:"pieces that it lacked then"`
	Again   int         `json:"again" doc:"requests for a block that someone else owed already"`
	Cancels int         `json:"cancels"`
	Twice   int64       `json:"twice" doc:"bytes of blocks that came more than once"`
}
