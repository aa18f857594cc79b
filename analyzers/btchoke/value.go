package btchoke

import "github.com/wiretale/wiretale/events"

// Slot is why a neighbour may ask for blocks.
type Slot string

// The slots.
const (
	Regular    Slot = "regular"    // one of the four that send most
	Optimistic Slot = "optimistic" // someone else, so that better ones can be found
	Seeding    Slot = "seeding"    // the chooser lacks nothing: there are no rates to go by
	Undecided  Slot = "undecided"
)

// Verdict is yes, no or undecided.
type Verdict string

// The verdicts.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "undecided"
)

// Value is one row: a peer that chooses whom it lets ask. docs/analyses/bt.choke.md
// defines each field.
type Value struct {
	InfoHash  string `json:"info_hash,omitzero" doc:"hex; left out where it was not captured"`
	Peer      string `json:"peer,omitzero" doc:"address and port; only the address where the port at which it listens is not known"`
	PeerID    string `json:"peer_id,omitzero" doc:"hex"`
	Client    string `json:"client,omitzero" doc:"its program, by the peer id"`
	Undecided string `json:"undecided,omitzero" doc:"why ranks and slots cannot be told"`
	Gaps      int    `json:"gaps,omitzero" doc:"holes in what was captured of its connections"`
	Limited   string `json:"limited,omitzero" doc:"what a limit left out"`

	Connections int              `json:"connections"`
	Period      *events.Duration `json:"period,omitzero" doc:"seconds between its rounds, by when chokes come; left out where they do not show it, and 10 s are taken"`
	SeedSince   *events.Time     `json:"seed_since,omitzero" doc:"RFC 3339; since when it lacks nothing"`

	Decisions []Decision `json:"decisions,omitempty" doc:"each choke and unchoke that it sent, in order"`
	Unchokes  int        `json:"unchokes"`
	Chokes    int        `json:"chokes"`
	ByRate    int        `json:"regular,omitzero" doc:"unchokes that gave one of the four slots"`
	ByLuck    int        `json:"optimistic,omitzero" doc:"unchokes of someone outside of the four"`

	OptimisticEvery *events.Duration `json:"optimistic_every,omitzero" doc:"seconds; median between optimistic unchokes"`

	Rounds   []Round  `json:"rounds,omitempty" doc:"each period, the interested neighbours ranked by what came from them; while it lacks something"`
	Ranked   int      `json:"rounds_ranked,omitzero" doc:"rounds in which more than four were interested and one of them had sent something"`
	TopShare *float64 `json:"top_unchoked,omitzero" doc:"of the four best of those rounds, the share that is unchoked"`
	Outside  *float64 `json:"outside,omitzero" doc:"mean number unchoked that are not among the four best, in those rounds"`

	Gave        int64    `json:"gave" doc:"bytes of blocks that it sent"`
	Took        int64    `json:"took" doc:"bytes of blocks that came to it"`
	Torn        int64    `json:"torn,omitzero" doc:"blocks of which bytes were lost, either way; in no figure"`
	Returned    *float64 `json:"returned,omitzero" doc:"share of what it gave, while it lacked something, that went to those that gave it something"`
	Correlation *float64 `json:"correlation,omitzero" doc:"of bytes given and taken, over its neighbours, while it lacked something"`

	FreeRider   Verdict          `json:"free_rider" doc:"yes, no, undecided"`
	Opportunity *events.Duration `json:"opportunity,omitzero" doc:"seconds in which neighbours wanted what it has, summed over neighbours"`
	Snubbed     []Snub           `json:"snubbed,omitempty" doc:"who let it wait for blocks for six rounds or more"`
	Given       []Partner        `json:"neighbours,omitempty" doc:"what went each way, most taken first, 64 at most"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Decision is a choke or an unchoke.
type Decision struct {
	Time   events.Time `json:"time" doc:"RFC 3339; when it left"`
	Frame  uint64      `json:"frame"`
	What   string      `json:"what" doc:"choke, unchoke"`
	Of     string      `json:"of"`
	Slot   Slot        `json:"slot,omitzero" doc:"of an unchoke: regular, optimistic, seeding, undecided"`
	Why    string      `json:"why,omitzero" doc:"what the slot rests on"`
	Rank   int         `json:"rank,omitzero" doc:"by rate among those interested, from 1; of equals the best"`
	Rivals int         `json:"interested,omitzero" doc:"neighbours interested then, itself included"`
	Rate   float64     `json:"rate" doc:"bytes a second that came from it, over two rounds"`
}

// Round is one moment at which slots are given anew.
type Round struct {
	Time   events.Time `json:"time" doc:"RFC 3339"`
	Ranked []Rank      `json:"ranked" doc:"interested neighbours, best first, 16 at most"`
}

// Rank is one neighbour in a round.
type Rank struct {
	Peer     string  `json:"peer"`
	Rate     float64 `json:"rate" doc:"bytes a second that came from it, over two rounds"`
	Unchoked bool    `json:"unchoked" doc:"right after the round"`
}

// Snub is a neighbour that owed blocks.
type Snub struct {
	By    string          `json:"by"`
	For   events.Duration `json:"for" doc:"seconds; the longest"`
	Frame uint64          `json:"frame" doc:"where the wait began"`
}

// Partner is what went each way.
type Partner struct {
	Peer string `json:"peer"`
	Gave int64  `json:"gave" doc:"bytes of blocks"`
	Took int64  `json:"took" doc:"bytes of blocks"`
}
