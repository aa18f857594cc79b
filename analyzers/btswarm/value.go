package btswarm

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What string

// The rows.
const (
	Swarm What = "swarm" // one info hash
	Peer  What = "peer"  // one peer of it
)

// Role is what a peer had.
type Role string

// The roles.
const (
	Seed     Role = "seed"     // all, from the start
	Finished Role = "finished" // all, in the end
	Leecher  Role = "leecher"  // not all
	Unknown  Role = "undecided"
)

// Value is one row. docs/analyses/bt.swarm.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"swarm, peer"`
	InfoHash  string `json:"info_hash,omitzero" doc:"hex; left out where it was not captured"`
	Undecided string `json:"undecided,omitzero" doc:"why peers and what they have cannot be told"`
	Viewpoint string `json:"viewpoint,omitzero" doc:"the peer whose connections are all that is seen: what others give each other is not in any figure"`
	Gaps      int    `json:"gaps,omitzero" doc:"holes in what was captured of its connections"`
	Limited   string `json:"limited,omitzero" doc:"what a limit left out"`

	Connections int `json:"connections"`
	UTP         int `json:"utp,omitzero" doc:"of these, over uTP"`
	Sealed      int `json:"encrypted,omitzero" doc:"swarm: encrypted connections to peers that it was told of; in no other figure"`

	// Of a swarm.
	Peers    int             `json:"peers,omitzero" doc:"that were connected"`
	Seeds    int             `json:"seeds,omitzero" doc:"of these, with all pieces from the start"`
	Finished int             `json:"finished,omitzero" doc:"of these, with all pieces in the end only"`
	Most     int             `json:"most,omitzero" doc:"peers connected at one time, at most"`
	Joins    int             `json:"joins,omitzero" doc:"times that a peer came"`
	Leaves   int             `json:"leaves,omitzero" doc:"times that a peer ended its last connection before the capture did"`
	Churn    *float64        `json:"churn,omitzero" doc:"joins and leaves a minute"`
	Told     int             `json:"told,omitzero" doc:"addresses of peers that were told in the capture"`
	ByHow    []Source        `json:"sources,omitempty" doc:"how connections came about"`
	Tracker  *Tracker        `json:"tracker,omitzero" doc:"what was said to trackers and by them"`
	Lasted   events.Duration `json:"lasted" doc:"seconds; swarm: first to last seen; peer: from joining to leaving"`

	// Of a peer.
	Peer     string           `json:"peer,omitzero" doc:"address and port; only the address where the port at which it listens is not known"`
	PeerID   string           `json:"peer_id,omitzero" doc:"hex"`
	Client   string           `json:"client,omitzero" doc:"its program, by the peer id"`
	Joined   *events.Time     `json:"joined,omitzero" doc:"RFC 3339"`
	Left     *events.Time     `json:"left,omitzero" doc:"RFC 3339; left out where it was there to the end"`
	Role     Role             `json:"role,omitzero" doc:"seed, finished, leecher, undecided"`
	Had      int              `json:"had,omitzero" doc:"pieces when it was first seen"`
	Has      int              `json:"has,omitzero" doc:"pieces in the end"`
	Pieces   int              `json:"pieces,omitzero" doc:"of the torrent: the highest one seen, and one"`
	Finishes *events.Duration `json:"finished_after,omitzero" doc:"seconds from joining to the last piece"`
	FoundBy  How              `json:"found_by,omitzero" doc:"how those that connected to it knew it first: tracker, dht, pex, lsd, undecided"`

	Gave     int64    `json:"gave" doc:"bytes of blocks sent; swarm: of all"`
	Took     int64    `json:"took" doc:"bytes of blocks received; swarm: of all"`
	Ratio    *float64 `json:"ratio,omitzero" doc:"gave / took"`
	Torn     int64    `json:"torn,omitzero" doc:"blocks of which bytes were lost; in no figure"`
	UpRate   float64  `json:"up_rate,omitzero" doc:"bytes a second given, from its first block to its last"`
	DownRate float64  `json:"down_rate,omitzero" doc:"bytes a second taken, from the first block to the last"`
	UpPeak   float64  `json:"up_peak,omitzero" doc:"bytes a second given in its best second"`
	DownPeak float64  `json:"down_peak,omitzero" doc:"bytes a second taken in its best second"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// How is how a peer was known to who connected to it.
type How string

// The ways.
const (
	ByTracker How = "tracker"
	ByDHT     How = "dht"
	ByPEX     How = "pex"
	ByLSD     How = "lsd"
	ByNothing How = "undecided" // nothing in the capture told of it
)

// Source counts connections.
type Source struct {
	By          How `json:"by"`
	Connections int `json:"connections"`
}

// Tracker is what went to and from trackers.
type Tracker struct {
	Announces int    `json:"announces"`
	Started   int    `json:"started,omitzero"`
	Completed int    `json:"completed,omitzero"`
	Stopped   int    `json:"stopped,omitzero"`
	Failures  int    `json:"failures,omitzero"`
	Failure   string `json:"failure,omitzero" doc:"the first one"`
	Seeders   *int64 `json:"seeders,omitempty" doc:"as last told"`
	Leechers  *int64 `json:"leechers,omitempty" doc:"as last told"`
	Interval  int64  `json:"interval,omitzero" doc:"seconds, as last told"`
}
