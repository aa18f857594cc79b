package dnscache

import "github.com/wiretale/wiretale/events"

// Outcome is what a resolver's cache did with a question.
type Outcome string

// The outcomes.
const (
	Hit       Outcome = "hit"
	Miss      Outcome = "miss"
	Joined    Outcome = "joined" // it waited for what the resolver was asking already
	Undecided Outcome = "undecided"
)

// Evidence names what an outcome rests on.
type Evidence string

// The kinds of evidence, the best first.
const (
	UpstreamSeen Evidence = "upstream_seen" // the resolver's own queries are in the capture
	TTLAge       Evidence = "ttl_age"       // the TTL told how long the record had been in a cache
	Latency      Evidence = "latency"       // as fast as the hits, or as slow as the misses, that are known
)

// Cache is one resolver. docs/analyses/dns.cache.md defines each field.
type Cache struct {
	Resolver string `json:"resolver"`
	Upstream bool   `json:"upstream_captured" doc:"some of the resolver's own queries are in the capture"`
	Reason   string `json:"reason,omitzero" doc:"why no outcome could be told of some"`

	Questions     uint64   `json:"questions" doc:"answered, that a cache could have answered"`
	Hits          uint64   `json:"hits"`
	Misses        uint64   `json:"misses"`
	Joined        uint64   `json:"joined,omitzero"`
	Undecided     uint64   `json:"undecided,omitzero"`
	HitRate       *float64 `json:"hit_rate,omitzero" doc:"hits / (hits + misses)"`
	Authoritative uint64   `json:"authoritative,omitzero" doc:"answered from a zone of its own; in no other figure"`
	Failures      uint64   `json:"failures,omitzero" doc:"answered SERVFAIL, REFUSED, …; in no other figure"`

	ByUpstream uint64 `json:"by_upstream_seen,omitzero" doc:"outcomes by that evidence"`
	ByTTL      uint64 `json:"by_ttl_age,omitzero"`
	ByLatency  uint64 `json:"by_latency,omitzero"`

	HitTime  *events.Duration `json:"hit_time,omitzero" doc:"seconds; median of the hits"`
	MissTime *events.Duration `json:"miss_time,omitzero" doc:"seconds; median of the misses"`
	Saved    *events.Duration `json:"saved,omitzero" doc:"seconds; what the hits would have taken more, at the mean of the misses"`

	TTLChecked uint64 `json:"ttl_checked,omitzero" doc:"records told from the cache whose fetching is in the capture"`
	TTLHigh    uint64 `json:"ttl_high,omitzero" doc:"of these, told with more than was left"`
	TTLLow     uint64 `json:"ttl_low,omitzero" doc:"of these, told with less: the resolver keeps them for a shorter time"`
	Stale      uint64 `json:"stale,omitzero" doc:"answers told from the cache after their time was over"`

	Decisions []Decision `json:"decisions"`
	LeftOff   uint64     `json:"left_off,omitzero" doc:"decisions beyond limit fold-samples"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Decision is the outcome of one question.
type Decision struct {
	Name          string           `json:"name"`
	Type          string           `json:"type"`
	Outcome       Outcome          `json:"outcome"`
	Evidence      Evidence         `json:"evidence,omitzero"`
	Latency       events.Duration  `json:"latency" doc:"seconds"`
	TTL           *uint32          `json:"ttl,omitzero" doc:"seconds, as told; of several sets of records, that with the least"`
	Age           *events.Duration `json:"age,omitzero" doc:"seconds in the cache: since the resolver's query was answered, or largest TTL - ttl"`
	Stale         bool             `json:"stale,omitzero"`
	TTLHigh       bool             `json:"ttl_high,omitzero" doc:"told with more time than was left"`
	QueryFrame    uint64           `json:"query_frame"`
	ResponseFrame uint64           `json:"response_frame"`
	UpstreamFrame uint64           `json:"upstream_frame,omitzero" doc:"the resolver's own query, of a miss"`
}
