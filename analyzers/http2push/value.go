package http2push

import "github.com/wiretale/wiretale/events"

// Outcome is what became of a push.
type Outcome string

// What became of it.
const (
	Used   Outcome = "used"
	Unused Outcome = "unused"
	Cached Outcome = "cached" // the client had it already
)

// Evidence is what an outcome rests on.
type Evidence string

// The evidence, best first.
const (
	HadIt      Evidence = "had_it"
	Refused    Evidence = "refused"
	AskedAgain Evidence = "asked_again"
	Referer    Evidence = "referer"
	Named      Evidence = "named"
)

// Value is one row: a promised stream. docs/analyses/http2.push.md defines
// each field.
type Value struct {
	Outcome   Outcome  `json:"outcome,omitzero" doc:"used, unused, cached: the client had it already"`
	Evidence  Evidence `json:"evidence,omitzero" doc:"had_it, refused, asked_again, referer, named"`
	Undecided string   `json:"undecided,omitzero" doc:"why there is no outcome"`

	Client     string `json:"client" doc:"address and port"`
	Server     string `json:"server" doc:"address and port"`
	Stream     uint32 `json:"stream" doc:"Wireshark's tcp.stream"`
	HTTPStream uint64 `json:"http_stream" doc:"the promised one"`
	ForStream  uint64 `json:"for_stream" doc:"the stream that the promise came on"`
	ForTarget  string `json:"for_target,omitzero" doc:"what that one had asked for"`

	Method   string          `json:"method,omitzero"`
	URL      string          `json:"url,omitzero"`
	Status   int             `json:"status,omitzero"`
	Bytes    int64           `json:"bytes" doc:"of its DATA frames, with padding"`
	Wasted   int64           `json:"wasted" doc:"bytes of what is unused or cached"`
	Complete bool            `json:"complete" doc:"its END_STREAM came"`
	Refused  string          `json:"refused,omitzero" doc:"the error code with which the client reset it"`
	Duration events.Duration `json:"duration" doc:"seconds from the promise to the last frame of it"`
	Limited  bool            `json:"limited,omitzero" doc:"a limit kept URLs or streams of the connection out"`

	PromiseFrame uint64   `json:"promise_frame"`
	LastFrame    uint64   `json:"last_frame"`
	Frames       []uint64 `json:"frames"`
	Filter       string   `json:"filter"`
}
