// Package analyzers turns events into answers. Each question is a sub-folder
// with one exported variable, Question. A fold sees no sockets, no clocks, no
// goroutines and no other keys, so that one goroutine, all cores, or an engine
// on many machines can run it with the same rows.
package analyzers

import (
	"time"

	"github.com/wiretale/wiretale/events"
)

// Row is one answer. Value is a plain struct whose JSON is defined in
// docs/analyses/NAME.md; it owns its memory.
type Row struct {
	Analysis string
	Key      string
	Frame    uint64 // the frame at which the answer was known
	Time     events.Time
	Value    any
}

// Emit gives out one answer under a key that a reader understands
// ("tcp:5 server", "10.0.0.1 → 10.0.0.2 example.com. A"). The engine stamps
// frame and time with the event being stepped over, or with the last packet
// when the key is closed.
type Emit func(key string, value any)

// Fold is one question over the events of each key.
type Fold[K comparable, S any] interface {
	// Kinds are the events that the fold looks at.
	Kinds() []events.Kind
	// Key says to which key an event belongs; false: to none.
	Key(e *events.Event) (K, bool)
	// Step takes the next event of key k, in Pos order. *s starts at its zero
	// value. e and pooled bodies are borrowed until return.
	Step(k K, s *S, e *events.Event, emit Emit)
	// Close is called once when the key has been silent for Idle, was pushed
	// out by a limit, or the capture is over. The state may be used again for
	// another key after it (the engine zeroes it).
	Close(k K, s *S, emit Emit)
	// Idle is how long a key may be silent, in capture time, before it closes.
	// 0: never.
	Idle() time.Duration
}

// Ender may be implemented by a Fold whose keys end with a known event (a
// flow with its flow.end): the key is closed right after that event's Step,
// and its memory is used again, instead of waiting for Idle.
type Ender interface {
	Over(e *events.Event) bool
}

// Rester may be implemented by a Fold that has answers ready before a key is
// silent for Idle.
type Rester[K comparable, S any] interface {
	// Rest is how long a key may be silent, in capture time, before Rested;
	// less than Idle.
	Rest() time.Duration
	// Rested is called at time now when k has been silent for Rest, and after
	// each Rest more.
	Rested(k K, s *S, now events.Time, emit Emit)
}

// Dropper may be implemented by a Fold that takes the silence of somebody for
// an answer.
type Dropper interface {
	// Dropped says that the capture lost packets between from and to, the times
	// of the packets around them. It is called for each loss, in their order,
	// before the event that comes next.
	Dropped(from, to events.Time)
}

// Reuser may be implemented by a Fold that makes many rows.
type Reuser interface {
	// Reuse gives back the value of a row that nobody looks at any more. No
	// other call of the fold is under way.
	Reuse(value any)
}

// Options are what a user may set for questions.
type Options struct {
	Limits *events.Limits
	// AccessLink is for http.cache.whatif.
	AccessLink AccessLink
	// TrustAnchors are for dnssec: zone-file lines of DS and DNSKEY records,
	// read by dnssec.ParseAnchors; none: those of the root.
	TrustAnchors []string
}

// Question is one analysis: the value that analyzers/all lists.
type Question struct {
	Name string
	Area Area
	Doc  string // one line: what is answered
	// New makes the fold, wrapped by Runs.
	New func(Options) Runner
	// Summary makes the part that a person reads, from the rows.
	Summary func() Summary
	// Value is a zero value of the row's struct, for the schema.
	Value any
}

// Summary gathers rows, in bounded memory, into what a person reads. It does
// not depend on the order of rows.
type Summary interface {
	Add(*Row)
	Section(full bool) Section
}

// Section is a part of the report: plain data, set in type by report.
type Section struct {
	Area     Area // of its question
	Title    string
	Brief    string // what the area's line says of it: a few words, "" nothing
	Lead     string // one sentence with the main figures
	Columns  []Column
	Rows     [][]string // already in sensible units, worst first
	More     int        // rows left out
	Findings []Finding  // worst first
}

// Column heads one column of a Section.
type Column struct {
	Name  string
	Right bool // numbers are set to the right
}

// Severity orders findings.
type Severity uint8

// From a remark to something that breaks the application.
const (
	Note Severity = iota
	Warn
	Bad
)

// Finding is one statement that a reader can check.
type Finding struct {
	Severity Severity
	// Weight orders findings of one severity: seconds lost, about.
	Weight float64
	Text   string   // "3 queries for example.com. were never answered"
	Frames []uint64 // the frames that it rests on (the first few)
	Filter string   // a Wireshark display filter that shows them
}
