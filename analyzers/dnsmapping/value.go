package dnsmapping

// What a name shows.
const (
	KindAlias  = "alias"  // it is another name of a host
	KindSpread = "spread" // load is spread over its addresses
	KindMail   = "mail"   // it names mail servers
	KindCDN    = "cdn"    // it leads into a content network
)

// Mapping is what one name stands for. docs/analyses/dns.mapping.md defines each field.
type Mapping struct {
	Name    string   `json:"name"`
	Kinds   []string `json:"kinds" doc:"alias, spread, mail, cdn"`
	Replies uint64   `json:"replies" doc:"with records"`

	Aliases []string `json:"aliases,omitzero" doc:"the names that the aliases lead over, the last one is the canonical name"`
	Chains  int      `json:"chains,omitzero" doc:"how often the aliases were others than in the reply before"`

	Addresses []Address `json:"addresses,omitzero" doc:"in the order in which they were first told"`
	LeftOff   uint64    `json:"left_off,omitzero" doc:"addresses told beyond the 32 named"`
	Spread    string    `json:"spread,omitzero" doc:"rotating: one set, another address first; changing: other sets from one server"`
	// Turned is counted between replies to one asker group: see docs.
	Turned   uint64 `json:"turned,omitzero" doc:"replies whose first address is another than in the reply before, from the same server"`
	Changed  uint64 `json:"changed,omitzero" doc:"replies whose set of addresses is another than in the reply before, from the same server"`
	Compared uint64 `json:"compared,omitzero" doc:"replies that had one before them to compare with"`

	Mail       []Exchange `json:"mail,omitzero" doc:"by preference"`
	WebAndMail bool       `json:"web_and_mail,omitzero" doc:"the name has addresses (or an alias) as well as mail servers"`

	CDN *CDN `json:"cdn,omitzero"`

	TTL    *uint32  `json:"ttl,omitzero" doc:"seconds; the least that was told of an address"`
	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Address is one address of a name.
type Address struct {
	Address string `json:"address"`
	Replies uint64 `json:"replies" doc:"that have it"`
	First   uint64 `json:"first" doc:"that have it first"`
}

// Exchange is one mail server (RFC 5321 section 5).
type Exchange struct {
	Preference uint32 `json:"preference"`
	Host       string `json:"host"`
	Elsewhere  bool   `json:"elsewhere,omitzero" doc:"in another registrable domain"`
}

// CDN is how a name leads into a content network.
type CDN struct {
	By     []string `json:"by" doc:"cname: an alias in another registrable domain; resolver, subnet: other addresses by who asks"`
	Domain string   `json:"domain,omitzero" doc:"registrable domain of the alias"`
	Views  []View   `json:"views,omitzero" doc:"what each was told, where it differs"`
}

// View is what a resolver, or a network behind it, was told.
type View struct {
	Resolver  string   `json:"resolver"`
	Subnet    string   `json:"subnet,omitzero" doc:"client subnet (RFC 7871) that the resolver told of"`
	Addresses []string `json:"addresses"`
	Frame     uint64   `json:"frame" doc:"the first such reply"`
}

// limits of what is kept of one name.
const (
	maxAddresses = 32
	maxViews     = 16
	maxExchanges = 16
	maxAliases   = 16
)
