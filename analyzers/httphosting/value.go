package httphosting

import "github.com/wiretale/wiretale/events"

// Hosting is one address with the sites on it, or one name with the places that
// it is at. docs/analyses/http.hosting.md defines each field.
type Hosting struct {
	Of        Of     `json:"of" doc:"address: who is at it; name: where it is"`
	Address   string `json:"address,omitzero"`
	Name      string `json:"name,omitzero" doc:"host, with its port where that is not of its scheme"`
	Undecided string `json:"undecided,omitzero" doc:"why it cannot be told"`

	// Of an address.
	Names   []Member `json:"names,omitzero" doc:"what was asked for at the address, by Host (or :authority), or by SNI"`
	Virtual bool     `json:"virtual_hosts,omitzero" doc:"at least two names answered at one address and port"`
	Sites   int      `json:"sites,omitzero" doc:"registrable domains among the names"`

	// Of a name.
	Addresses []Member    `json:"addresses,omitzero" doc:"where it was asked, and where DNS says that it is"`
	Aliases   []string    `json:"aliases,omitzero" doc:"what the name stands for in DNS (CNAME), in order"`
	CDN       []Mechanism `json:"cdn,omitzero" doc:"how its clients come to other places"`
	EdgeOf    []string    `json:"edge_of,omitzero" doc:"names for which its servers fetched what they were asked for"`

	Requests uint64 `json:"requests"`
	LeftOff  uint64 `json:"left_off,omitzero" doc:"members or mechanisms beyond limit fold-samples"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Of says what a row is about.
type Of string

// The two kinds of rows.
const (
	Address Of = "address"
	Name    Of = "name"
)

// Member is one name at an address, or one address of a name.
type Member struct {
	Name       string `json:"name,omitzero"`
	Address    string `json:"address,omitzero"`
	Port       uint16 `json:"port,omitzero" doc:"where it was asked"`
	Requests   uint64 `json:"requests,omitzero"`
	Handshakes uint64 `json:"tls_handshakes,omitzero" doc:"TLS client hellos with the name"`
	DNS        bool   `json:"dns,omitzero" doc:"DNS told this address of this name"`
	Found      uint64 `json:"answered,omitzero" doc:"responses below 400, and others that tell of a site that is there"`
	Missing    uint64 `json:"not_there,omitzero" doc:"responses 404, 410 and 421"`
	FirstFrame uint64 `json:"first_frame,omitzero"`
}

// How is a mechanism of a content delivery network.
type How string

// The mechanisms.
const (
	ByDNS       How = "dns"           // the name stands for another site's (CNAME)
	ByRedirect  How = "redirect"      // a response sends the client to the same object at another site
	ByRewriting How = "rewritten_url" // a page names objects of its own at another site
	ByHeaders   How = "cache_headers" // responses tell of a cache before the server
)

// Mechanism is one way in which clients of a name come to another place.
type Mechanism struct {
	How        How              `json:"how" doc:"dns, redirect, rewritten_url, cache_headers"`
	To         string           `json:"to,omitzero" doc:"name of the other place; of cache_headers the cache's, as it tells"`
	Count      uint64           `json:"count" doc:"answers, responses or requests that show it"`
	Clients    int              `json:"clients,omitzero" doc:"addresses for which that was, at most 256"`
	Took       *events.Duration `json:"took,omitzero" doc:"seconds from request to end of these responses, of redirects"`
	FirstFrame uint64           `json:"first_frame"`
}
