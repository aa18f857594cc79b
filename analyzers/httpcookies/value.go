package httpcookies

import "github.com/wiretale/wiretale/events"

// Party says whose page a request was for: a cookie's own site, or another's.
type Party string

// The parties.
const (
	First     Party = "first"
	Third     Party = "third"
	Both      Party = "both" // first on its own pages, third on others
	Undecided Party = "undecided"
)

// Scope says to which hosts a cookie goes (RFC 6265 section 5.3, step 6).
type Scope string

// The scopes.
const (
	HostOnly Scope = "host"   // to the one that set it
	Domain   Scope = "domain" // and to all below a domain
	Unknown  Scope = "unknown"
)

// Cookie is one cookie that one client was given, or sent.
// docs/analyses/http.cookies.md defines each field.
type Cookie struct {
	Client string `json:"client"`
	Name   string `json:"name,omitzero"`
	Domain string `json:"domain" doc:"host, or domain for all hosts below, that it goes to"`
	Scope  Scope  `json:"scope" doc:"host, domain, unknown (it was set before the capture)"`
	Site   string `json:"site" doc:"registrable domain of that: who gets it"`

	Party     Party  `json:"party" doc:"of the pages for which it was set or sent: first, third, both, undecided"`
	Undecided string `json:"undecided,omitzero" doc:"why the party of some, or all, of the requests cannot be told"`

	SetBy     string           `json:"set_by,omitzero" doc:"host that set it first"`
	SetOn     string           `json:"set_on,omitzero" doc:"site of the page for which that was"`
	Sets      uint64           `json:"sets" doc:"times that it was set"`
	Deletes   uint64           `json:"deletes,omitzero" doc:"times that it was set with a lifetime that is over"`
	Refused   string           `json:"refused,omitzero" doc:"why a client refuses it (RFC 6265 section 5.3)"`
	Path      string           `json:"path,omitzero"`
	Lifetime  *events.Duration `json:"lifetime,omitzero" doc:"seconds; left out: until the client is closed"`
	Secure    bool             `json:"secure,omitzero"`
	HTTPOnly  bool             `json:"http_only,omitzero"`
	SameSite  string           `json:"same_site,omitzero"`
	SetFrame  uint64           `json:"set_frame,omitzero"`
	Sent      uint64           `json:"sent" doc:"requests that bore it"`
	InClear   uint64           `json:"in_clear,omitzero" doc:"of the requests and responses that bore it, those without TLS"`
	Values    int              `json:"values" doc:"different values seen"`
	MoreThan  bool             `json:"more_values,omitzero" doc:"there were more than are followed"`
	LeftSites bool             `json:"more_sites,omitzero" doc:"there were more sites than limit fold-samples"`

	// Tracking: whoever gets it knew the client again on pages of several
	// sites.
	Tracking     bool     `json:"tracking" doc:"one value was sent for pages of at least two sites, as a third party"`
	Identifier   string   `json:"identifier,omitzero" doc:"that value, as its hash"`
	TrackedSites []string `json:"tracked_sites,omitzero"`
	Seen         []Seen   `json:"sites,omitzero" doc:"sites for whose pages it was set or sent, in order of coming: the edges of the graph site → who gets it"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Seen is one value of a cookie on the pages of one site.
type Seen struct {
	Site       string `json:"site"`
	Party      Party  `json:"party"`
	Value      string `json:"value" doc:"first 8 hex digits of its SHA-256"`
	Requests   uint64 `json:"requests" doc:"that bore it"`
	Sets       uint64 `json:"sets,omitzero" doc:"responses that set it"`
	FirstFrame uint64 `json:"first_frame"`
	LastFrame  uint64 `json:"last_frame"`
}
