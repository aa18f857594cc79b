package dnsthreat

import "github.com/wiretale/wiretale/events"

// What a row tells of.
const (
	Poisoning     = "poisoning"     // answers to one question that do not fit together
	Amplification = "amplification" // long answers to short queries
	Flood         = "flood"         // many names of one zone that are not there
	InvalidTLD    = "invalid_tld"   // names that no public server knows
)

// Threat is one suspicion. docs/analyses/dns.threat.md defines each field; those that do
// not belong to What are left out.
type Threat struct {
	What   string `json:"what" doc:"poisoning, amplification, flood, invalid_tld"`
	Client string `json:"client,omitzero" doc:"address that asked, or in whose name somebody asked"`
	Server string `json:"server,omitzero" doc:"address that answers bear as their source"`
	Name   string `json:"name,omitzero" doc:"the question's; of a flood its zone; of invalid_tld the last label"`
	Type   string `json:"type,omitzero"`

	// Poisoning.
	WrongID   uint64 `json:"wrong_id,omitzero" doc:"answers to the question with another id or port than any query"`
	Differing uint64 `json:"differing,omitzero" doc:"answers to one query that say other things than the first"`
	Foreign   uint64 `json:"foreign,omitzero" doc:"records that the answering authority was not asked for and does not answer for"`
	Taken     bool   `json:"taken,omitzero" doc:"the first answer to fit the query came after wrong ones, or before a differing one: the asker may have believed a forged one"`

	// Amplification.
	Queries       uint64   `json:"queries,omitzero"`
	Responses     uint64   `json:"responses,omitzero"`
	QueryBytes    uint64   `json:"query_bytes,omitzero" doc:"of DNS messages"`
	ResponseBytes uint64   `json:"response_bytes,omitzero"`
	Factor        *float64 `json:"factor,omitzero" doc:"response_bytes / query_bytes; left out where no query was captured"`

	// Flood.
	Names        uint64           `json:"names,omitzero" doc:"different names that are not there"`
	NamesAtLeast bool             `json:"names_at_least,omitzero" doc:"there were more than limit fold-samples"`
	Clients      int              `json:"clients,omitzero" doc:"addresses that asked, up to 64"`
	Span         *events.Duration `json:"span,omitzero" doc:"seconds, first to last"`

	// Invalid TLD.
	Special string `json:"special,omitzero" doc:"the document that sets the name aside"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}
