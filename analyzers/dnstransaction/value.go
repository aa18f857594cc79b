package dnstransaction

import (
	"github.com/wiretale/wiretale/events"
)

// Status is the fate of a question.
type Status uint8

// The fates of a question.
const (
	Answered   Status = iota + 1
	Unanswered        // no answer in the capture up to the time of the row
	Undecided         // Reason says why
)

var statusNames = [...]string{Answered: "answered", Unanswered: "unanswered", Undecided: "undecided"}

func (s Status) String() string { return statusNames[s] }

// MarshalText makes a Status its name in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(statusNames[s]), nil }

// Backoff says how the spacing of retries went on.
type Backoff string

// The kinds of back-off, from the spacings d1, d2, … between queries.
const (
	BackoffUndecided   Backoff = "undecided"   // one spacing shows nothing
	BackoffFixed       Backoff = "fixed"       // the longest is at most 1.25 times the shortest
	BackoffExponential Backoff = "exponential" // each is 1.5 to 3 times the one before
	BackoffGrowing     Backoff = "growing"     // none is below 0.8 times the one before, the last at least 1.5 times the first
	BackoffIrregular   Backoff = "irregular"   // none of these
)

// Transaction is one query and its fate. docs/analyses/dns.transaction.md defines each field.
type Transaction struct {
	Status     Status           `json:"status"`
	Reason     string           `json:"reason,omitzero" doc:"why undecided, or what may explain no answer"`
	Protocol   string           `json:"protocol" doc:"dns, mdns, llmnr"`
	Transport  string           `json:"transport" doc:"udp, tcp: of the first query"`
	Stream     uint32           `json:"stream" doc:"Wireshark's stream number, of the first query"`
	Client     string           `json:"client" doc:"address that asked"`
	Server     string           `json:"server" doc:"address that was asked first"`
	AnsweredBy string           `json:"answered_by,omitzero" doc:"address that answered, where it is not server"`
	ID         uint16           `json:"id"`
	Name       string           `json:"name"`
	Type       string           `json:"type"`
	Class      string           `json:"class"`
	Opcode     string           `json:"opcode,omitzero" doc:"left out for QUERY"`
	Rcode      string           `json:"rcode,omitzero" doc:"of the first answer"`
	Latency    *events.Duration `json:"latency,omitzero" doc:"seconds from the query to its first answer; Wireshark's dns.time"`
	Waited     events.Duration  `json:"waited,omitzero" doc:"seconds from the first query to the first answer, where that is not latency"`

	QueryFrame    uint64 `json:"query_frame,omitzero" doc:"the first query"`
	LatencyFrame  uint64 `json:"latency_frame,omitzero" doc:"the query that latency is measured from, where it is not query_frame"`
	ResponseFrame uint64 `json:"response_frame,omitzero" doc:"the first answer"`
	QueryBytes    int    `json:"query_bytes,omitzero"`
	ResponseBytes int    `json:"response_bytes,omitzero"`
	Answers       *int   `json:"answers,omitzero" doc:"records in the answer section"`
	Responses     int    `json:"responses,omitzero" doc:"answers that are normal here: messages of a zone transfer, responders to a multicast query"`

	Retries      []Retry `json:"retries,omitzero"`
	Backoff      Backoff `json:"backoff,omitzero"`
	Copies       int     `json:"copies,omitzero" doc:"equal queries within 1 ms: the same packet captured again"`
	Truncated    bool    `json:"truncated,omitzero" doc:"the answer bears TC"`
	TCPFallback  uint64  `json:"tcp_fallback,omitzero" doc:"frame of the query over TCP that followed truncation"`
	FallbackOf   uint64  `json:"fallback_of,omitzero" doc:"frame of the query whose truncated answer led to this one"`
	RepeatOf     uint64  `json:"repeat_of,omitzero" doc:"frame of the query, already answered, that this one repeats on the same flow with the same id"`
	Probe        bool    `json:"probe,omitzero" doc:"mDNS probe: no answer is what it hopes for"`
	KnownAnswers int     `json:"known_answers,omitzero" doc:"mDNS: answers that the asker already knew"`

	SecondAnswers []SecondAnswer `json:"second_answers,omitzero"`
	Mismatched    []Mismatch     `json:"mismatched,omitzero" doc:"answers on the flow with the wrong id or question while this query was open"`
	LeftOff       int            `json:"left_off,omitzero" doc:"entries of the lists beyond limit fold-samples"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`

	Store Store `json:"-"`
}

// Store is the memory that a Transaction points into, and what its Summary
// needs besides. It is no part of the row.
type Store struct {
	Latency events.Duration
	Answers int
	Frames  [2]uint64
	Retried events.Duration // first query to the last
	Last    events.Time     // of the last query
}

// Retry is one more sending of a question.
type Retry struct {
	Frame     uint64          `json:"frame"`
	After     events.Duration `json:"after" doc:"seconds since the query before"`
	ID        uint16          `json:"id"`
	Server    string          `json:"server,omitzero" doc:"where it is another"`
	Transport string          `json:"transport,omitzero" doc:"where it is another"`
	Stream    uint32          `json:"stream"`
}

// SecondAnswer is an answer to a question that has one.
type SecondAnswer struct {
	Frame   uint64          `json:"frame"`
	After   events.Duration `json:"after" doc:"seconds since the first answer"`
	Latency events.Duration `json:"latency,omitzero" doc:"first answer to a retry of its own (another id, port or server): seconds since that query; Wireshark's dns.time"`
	Differs bool            `json:"differs" doc:"another rcode, or other types and data in its answer section"`
	Retry   bool            `json:"retry" doc:"the query was sent often enough to account for it"`
	Rcode   string          `json:"rcode"`
}

// Mismatch is an answer that fits an open query in part.
type Mismatch struct {
	Frame uint64 `json:"frame"`
	Why   string `json:"why" doc:"id, question"`
	ID    uint16 `json:"id"`
	Name  string `json:"name"`
}

// backoff judges the spacings of retries.
func backoff(rs []Retry) Backoff {
	switch len(rs) {
	case 0:
		return ""
	case 1:
		return BackoffUndecided
	}
	shortest, longest := rs[0].After, rs[0].After
	doubling, growing := true, true
	for i := 1; i < len(rs); i++ {
		before, d := float64(rs[i-1].After), float64(rs[i].After)
		shortest, longest = min(shortest, rs[i].After), max(longest, rs[i].After)
		doubling = doubling && d >= 1.5*before && d <= 3*before
		growing = growing && d >= 0.8*before
	}
	switch {
	case float64(longest) <= 1.25*float64(shortest):
		return BackoffFixed
	case doubling:
		return BackoffExponential
	case growing && float64(rs[len(rs)-1].After) >= 1.5*float64(rs[0].After):
		return BackoffGrowing
	}
	return BackoffIrregular
}
