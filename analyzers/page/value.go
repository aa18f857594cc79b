package page

import "github.com/wiretale/wiretale/events"

// What says what a row is about.
type What uint8

// The rows.
const (
	APage  What = iota + 1 // one visit of a page
	Rest                   // requests of a client that belong to no page
	Sealed                 // connections of a client that cannot be read
)

var whatNames = [...]string{APage: "page", Rest: "rest", Sealed: "encrypted"}

func (w What) String() string { return whatNames[w] }

// MarshalText makes a What its name in JSON.
func (w What) MarshalText() ([]byte, error) { return []byte(whatNames[w]), nil }

// How says why an object belongs to a page.
type How uint8

// The reasons, the best first.
const (
	ByUser     How = iota + 1 // it is the document, or was asked for in its place
	ByRedirect                // an object of the page moved here
	ByReferer                 // the request names an object of the page as Referer
	ByHTML                    // the document's HTML names it
	ByCSS                     // a style sheet of the page names it
)

var howNames = [...]string{ByUser: "user", ByRedirect: "redirect", ByReferer: "referer", ByHTML: "html", ByCSS: "css"}

func (h How) String() string { return howNames[h] }

// MarshalText makes a How its name in JSON.
func (h How) MarshalText() ([]byte, error) { return []byte(howNames[h]), nil }

// Because says what an object on the critical path waited for.
type Because uint8

// The reasons.
const (
	First      Because = iota + 1 // nothing: it is the first
	Named                         // the object before it named it
	Connection                    // the object before it was on the same connection
	Order                         // the object before it was the last to end before this one began
)

var becauseNames = [...]string{First: "first", Named: "named", Connection: "connection", Order: "order"}

func (b Because) String() string { return becauseNames[b] }

// MarshalText makes a Because its name in JSON.
func (b Because) MarshalText() ([]byte, error) { return []byte(becauseNames[b]), nil }

// Value is one row. docs/analyses/page.md defines each field.
type Value struct {
	What      What   `json:"what" doc:"page, rest, encrypted"`
	Undecided string `json:"undecided,omitzero" doc:"why the load time, or all of it, is not known"`

	Client  string      `json:"client" doc:"address"`
	URL     string      `json:"url,omitzero" doc:"page: of its document"`
	Version string      `json:"version,omitzero" doc:"page: HTTP version of its document"`
	Start   events.Time `json:"start,omitzero" doc:"page: capture time of its first packet: look-up, connection or request"`

	Load      *events.Duration `json:"load,omitzero" doc:"seconds from start to the last byte of the last object of the load: page load time"`
	FirstByte *events.Duration `json:"first_byte,omitzero" doc:"seconds from start to the first byte of the document"`
	Document  *events.Duration `json:"document,omitzero" doc:"seconds from start to the last byte of the document"`

	Objects     int   `json:"objects" doc:"requests; page: of the load, with the document and redirections"`
	Failed      int   `json:"failed,omitzero" doc:"objects with a status from 400 on"`
	Unfinished  int   `json:"unfinished,omitzero" doc:"objects whose response is not whole"`
	Later       int   `json:"later,omitzero" doc:"objects that began when the load was over"`
	Connections int   `json:"connections,omitzero"`
	Bytes       int64 `json:"bytes" doc:"heads and bodies of responses on the wire"`

	Critical     []Step   `json:"critical_path,omitempty"`
	CriticalTime *Phases  `json:"critical_time,omitempty" doc:"seconds of the critical path by phase; their sum is the load time"`
	Hosts        []Host   `json:"hosts,omitempty" doc:"page: what each host took, in the order of their first objects"`
	Waterfall    []Object `json:"waterfall,omitempty" doc:"objects in the order in which they began"`
	Names        []string `json:"names,omitempty" doc:"rest, encrypted: hosts (SNI), 32 at most"`

	Limited int      `json:"limited,omitzero" doc:"objects, links or connections left out: limits fold-samples, fold-pending"`
	Frames  []uint64 `json:"frames"`
	Filter  string   `json:"filter"`
}

// Object is one line of a waterfall. Times are seconds since the page's start.
type Object struct {
	Number  int    `json:"number" doc:"from 1"`
	URL     string `json:"url"`
	How     How    `json:"how" doc:"user, redirect, referer, html, css"`
	By      int    `json:"by,omitzero" doc:"number of the object that named it"`
	Version string `json:"version"`
	Status  int    `json:"status,omitzero"`
	Type    string `json:"type,omitzero"`
	Bytes   int64  `json:"bytes"`
	Stream  string `json:"stream" doc:"tcp:N or udp:N"`
	Opened  bool   `json:"opened,omitzero" doc:"it opened its connection"`

	Start  events.Duration  `json:"start"`
	End    *events.Duration `json:"end,omitzero" doc:"left out where the response is not whole"`
	Phases Phases           `json:"phases"`

	RequestFrame uint64 `json:"request_frame"`
	EndFrame     uint64 `json:"end_frame,omitzero"`
}

// Phases are parts of a stretch of time, in seconds. Client is what is left.
type Phases struct {
	DNS     events.Duration `json:"dns,omitzero" doc:"look-up of the host: first question to last answer"`
	Connect events.Duration `json:"connect,omitzero" doc:"SYN to the end of the handshake"`
	TLS     events.Duration `json:"tls,omitzero" doc:"handshake of TLS or QUIC"`
	Send    events.Duration `json:"send,omitzero" doc:"first to last byte of the request's head"`
	Blocked events.Duration `json:"blocked,omitzero" doc:"behind the response before it on the connection"`
	Wait    events.Duration `json:"wait,omitzero" doc:"to the first byte of the response"`
	Receive events.Duration `json:"receive,omitzero" doc:"first to last byte of the response"`
	Client  events.Duration `json:"client,omitzero" doc:"none of these: the client's own time"`
}

// Step is one object on the critical path, as long as the load waited for it.
type Step struct {
	Object  int             `json:"object" doc:"number"`
	URL     string          `json:"url"`
	Because Because         `json:"because" doc:"first, named, connection, order"`
	From    events.Duration `json:"from" doc:"seconds since start"`
	To      events.Duration `json:"to"`
	Phases  Phases          `json:"phases" doc:"client: also the time since the step before"`
}

// Host is what one host took of a page.
type Host struct {
	Host        string          `json:"host"`
	Objects     int             `json:"objects"`
	Bytes       int64           `json:"bytes"`
	Connections int             `json:"connections"`
	Busy        events.Duration `json:"busy" doc:"seconds in which an object of it was under way"`
	DNS         events.Duration `json:"dns,omitzero" doc:"seconds of look-ups, summed"`
	Connect     events.Duration `json:"connect,omitzero" doc:"seconds of TCP and TLS handshakes, summed"`
	Critical    events.Duration `json:"critical,omitzero" doc:"seconds of the critical path"`
}
