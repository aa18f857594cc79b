package dnsresolution

import "github.com/wiretale/wiretale/events"

// Mode is how the answer was found.
type Mode string

// The modes, from what the hops of a tree did.
const (
	Iterative Mode = "iterative" // the resolver went from server to server itself
	Recursive Mode = "recursive" // servers asked on for it
	Hybrid    Mode = "hybrid"    // some referred it, some asked on
	Undecided Mode = "undecided" // Reason says why
)

// Role is what a server is to the name that was asked.
type Role string

// The roles of servers, by the zone that a referral sent the asker to.
const (
	Root          Role = "root"
	TLD           Role = "tld"
	Authoritative Role = "authoritative"
	Resolver      Role = "resolver" // finds whole answers; no referral tells of a zone
	RoleUndecided Role = "undecided"
)

// Resolution is one question to a resolver, and what the resolver asked to
// answer it. docs/analyses/dns.resolution.md defines each field.
type Resolution struct {
	Mode     Mode   `json:"mode"`
	Reason   string `json:"reason,omitzero" doc:"why undecided"`
	Resolver string `json:"resolver" doc:"address that was asked"`

	// One resolution.
	Client     string           `json:"client,omitzero" doc:"address that asked"`
	Name       string           `json:"name,omitzero"`
	Type       string           `json:"type,omitzero"`
	Result     string           `json:"result,omitzero" doc:"answer, nxdomain, nodata, truncated, another rcode in lower case, unanswered, limited"`
	Total      *events.Duration `json:"total,omitzero" doc:"seconds from the question to its answer"`
	Upstream   *events.Duration `json:"upstream,omitzero" doc:"seconds of total in which the resolver waited for a server"`
	Own        *events.Duration `json:"own,omitzero" doc:"seconds: total - upstream"`
	RoundTrips int              `json:"round_trips,omitzero" doc:"of all hops"`
	Hops       []Hop            `json:"hops,omitzero" doc:"in order; what a server asked follows the hop to it"`
	LeftOff    int              `json:"left_off,omitzero" doc:"hops beyond limit fold-samples"`

	QueryFrame    uint64 `json:"query_frame,omitzero"`
	ResponseFrame uint64 `json:"response_frame,omitzero"`

	// A resolver none of whose own queries is in the capture.
	Questions uint64 `json:"questions,omitzero" doc:"that it answered"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Hop is one query that a resolver sent to find an answer.
type Hop struct {
	For    int    `json:"for" doc:"0: the question; else the hop, counted from 1, whose server sent this one"`
	Client string `json:"client" doc:"address that sent it"`
	Server string `json:"server"`
	Role   Role   `json:"role"`
	Zone   string `json:"zone,omitzero" doc:"that the server was asked for"`
	// ZoneBy says how the zone is known.
	ZoneBy  string `json:"zone_by,omitzero" doc:"referral, hints (the addresses of the root's servers), answer (what the server said itself)"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Result  string `json:"result" doc:"referral, answer, alias, nxdomain, nodata, truncated, another rcode in lower case, unanswered, pending (the question was answered first)"`
	To      string `json:"to,omitzero" doc:"of a referral: the zone"`
	AA      bool   `json:"aa,omitzero"`
	Why     string `json:"why" doc:"why it belongs here: same question, led there by an answer, above (a zone of the name), only question open"`
	Asked   bool   `json:"recursive,omitzero" doc:"the server asked on, or gave an answer that is not its own"`
	Queries int    `json:"queries,omitzero" doc:"where it was sent more than once"`

	Transport  string           `json:"transport"`
	Stream     uint32           `json:"stream"`
	At         events.Duration  `json:"at" doc:"seconds since the question"`
	RTT        *events.Duration `json:"rtt,omitzero" doc:"seconds from the first query to the answer"`
	RoundTrips int              `json:"round_trips,omitzero" doc:"1; over TCP 2"`

	QueryFrame    uint64 `json:"query_frame"`
	ResponseFrame uint64 `json:"response_frame,omitzero"`
}
