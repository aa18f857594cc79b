package httpcache

import (
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/events"
)

// Cache is what caches did for one client, of one site at one address.
// docs/analyses/http.cache.md defines each field.
type Cache struct {
	Client string `json:"client" doc:"address of who asked"`
	Server string `json:"server" doc:"address that answered"`
	Origin string `json:"origin,omitzero" doc:"authority that was asked for"`
	Cache  string `json:"cache,omitzero" doc:"name of the shared cache, as it tells in Cache-Status or Via"`
	Proxy  bool   `json:"proxy,omitzero" doc:"the client knows that the server is a proxy: it asks for whole URLs"`

	Upstream  bool   `json:"upstream_captured" doc:"the other side of the shared cache is in the capture, too"`
	Undecided string `json:"undecided,omitzero" doc:"why nothing, or not all, could be told of a shared cache"`

	Requests   uint64 `json:"requests"`
	Bytes      int64  `json:"bytes" doc:"bodies of responses, on the wire"`
	Unanswered uint64 `json:"unanswered,omitzero" doc:"requests without a captured response; in no other figure"`

	Hits        uint64   `json:"hits" doc:"by the shared cache nearest to the client, without asking anybody"`
	Revalidated uint64   `json:"revalidated" doc:"it asked, and 304 was the answer"`
	Misses      uint64   `json:"misses" doc:"it fetched"`
	NotDecided  uint64   `json:"not_decided,omitzero"`
	Collapsed   uint64   `json:"collapsed,omitzero" doc:"of the hits: waited for what was being fetched for another request"`
	HitRate     *float64 `json:"hit_rate,omitzero" doc:"hits / (hits + revalidated + misses)"`
	ByteHitRate *float64 `json:"byte_hit_rate,omitzero" doc:"the same by bytes of bodies; revalidated count as hits, for no body crossed the other side"`

	HitTime  *events.Duration `json:"hit_time,omitzero" doc:"seconds to the first byte; median of the hits"`
	MissTime *events.Duration `json:"miss_time,omitzero" doc:"seconds to the first byte; median of misses and revalidated"`

	By []Count `json:"by,omitzero" doc:"decisions by evidence"`
	// Contradicted: the cache said that it was a hit, and asked upstream first.
	Contradicted uint64 `json:"contradicted,omitzero" doc:"told to be hits, and fetched upstream before"`
	Stale        uint64 `json:"stale,omitzero" doc:"hits older than their lifetime"`

	Own Own `json:"own" doc:"the client's own cache"`

	Lifetimes []Count `json:"lifetimes,omitzero" doc:"responses to GET that may be stored, by what gives their lifetime"`
	Refusals  []Count `json:"refusals,omitzero" doc:"responses that may not, or need not, be stored by a shared cache, by reason"`

	Decisions []Decision `json:"decisions"`
	LeftOff   uint64     `json:"left_off,omitzero" doc:"decisions beyond limit fold-samples"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Own is what the client's own cache did. What it answers sends no packet:
// its hits can only be inferred.
type Own struct {
	Misses      uint64 `json:"misses" doc:"requests answered with a response"`
	Revalidated uint64 `json:"revalidated" doc:"conditional requests answered with 304"`
	Conditional uint64 `json:"conditional" doc:"requests under a condition on what the client has"`
	Changed     uint64 `json:"changed,omitzero" doc:"conditional requests answered with another response"`
	Inferred    uint64 `json:"inferred_hits,omitzero" doc:"objects of a page, still fresh, that the client did not ask for when it asked for the page again"`

	// What a cache of RFC 9111 would not have asked for.
	Needless       uint64          `json:"needless,omitzero" doc:"requests without a condition for what the client had been given and was still fresh"`
	NeedlessBytes  int64           `json:"needless_bytes,omitzero"`
	NeedlessTime   events.Duration `json:"needless_time,omitzero" doc:"seconds, from request to last byte, one after another"`
	NeedlessFrames []uint64        `json:"needless_frames,omitzero" doc:"the first of these requests"`
	Unkept         uint64          `json:"unkept,omitzero" doc:"responses equal to the one before, fetched again because they may not be kept"`
	UnkeptBytes    int64           `json:"unkept_bytes,omitzero"`
	UnkeptTime     events.Duration `json:"unkept_time,omitzero" doc:"seconds"`
	UnkeptFrames   []uint64        `json:"unkept_frames,omitzero" doc:"the first of these requests"`
}

// Count is how often something was so.
type Count struct {
	Name      string `json:"name"`
	Responses uint64 `json:"responses"`
	Bytes     int64  `json:"bytes" doc:"of bodies, on the wire"`
}

// Level says whose decision it is.
type Level string

// The two levels of caches.
const (
	Shared Level = "shared" // between client and origin
	Client Level = "own"    // the client's
)

// Decision is what a cache did with one request.
type Decision struct {
	URL      string             `json:"url,omitzero"`
	Level    Level              `json:"cache" doc:"shared or own (the client's)"`
	Outcome  httpfresh.Outcome  `json:"outcome" doc:"hit, revalidated, miss, undecided"`
	Evidence httpfresh.Evidence `json:"evidence"`
	Own      httpfresh.Outcome  `json:"own,omitzero" doc:"what became of it at the client's own cache"`

	Status    int    `json:"status,omitzero"`
	Bytes     int64  `json:"bytes,omitzero" doc:"body on the wire"`
	Collapsed bool   `json:"collapsed,omitzero"`
	Cache     string `json:"by,omitzero" doc:"name of the cache, as told"`

	Age      *int64            `json:"age,omitzero" doc:"seconds, as told"`
	Lifetime *events.Duration  `json:"lifetime,omitzero" doc:"seconds for which the response is fresh"`
	Source   httpfresh.Source  `json:"lifetime_from,omitzero"`
	Refusal  httpfresh.Refusal `json:"refusal,omitzero" doc:"why a cache of this level may not keep it"`

	RequestFrame  uint64 `json:"request_frame,omitzero"`
	ResponseFrame uint64 `json:"response_frame,omitzero"`
	UpstreamFrame uint64 `json:"upstream_frame,omitzero" doc:"of the request that the cache sent on"`
}
