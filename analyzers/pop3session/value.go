package pop3session

import (
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Session is one POP3 connection. docs/analyses/pop3.session.md defines each
// field.
type Session struct {
	Client string `json:"client"`
	Server string `json:"server"`
	User   string `json:"user,omitzero" doc:"of the log-in that was accepted, where it was named"`

	Mode Mode `json:"mode" doc:"keep, delete, mixed, nothing fetched, no log-in, undecided"`
	// Before is a pointer: 0 is a number of messages, too.
	Before    *int   `json:"messages,omitzero" doc:"in the maildrop when it was opened, by STAT, LIST or UIDL"`
	Octets    *int64 `json:"octets,omitzero" doc:"of the maildrop, by STAT or LIST"`
	Fetched   int    `json:"fetched" doc:"messages that RETR gave whole"`
	Looked    int    `json:"looked,omitzero" doc:"messages that only TOP gave"`
	Marked    int    `json:"marked,omitzero" doc:"messages marked by DELE at the end, not taken back by RSET"`
	Committed bool   `json:"committed" doc:"QUIT was answered with +OK after the log-in: marked messages are gone"`
	Left      *int   `json:"left,omitzero" doc:"messages left in the maildrop by what was captured"`

	Cost       session.Cost        `json:"cost"`
	PerMessage *session.PerMessage `json:"per_message,omitzero" doc:"the same fields as in imap.session"`
	Phases     Phases              `json:"phases"`
	Closed     string              `json:"closed" doc:"quit, closed without QUIT, reset, idle, capture_over, evicted, undecided"`

	STLS            STLS                 `json:"stls" doc:"not asked for, used, refused, unanswered, implicit"`
	Offered         bool                 `json:"stls_offered,omitzero" doc:"CAPA named STLS"`
	Credentials     []session.Credential `json:"credentials,omitempty" doc:"log-ins that were not encrypted"`
	MoreCredentials int                  `json:"more_credentials,omitzero"`

	Errors   int       `json:"errors,omitzero" doc:"commands answered with -ERR"`
	Messages []Message `json:"list,omitempty" doc:"messages that were asked for, in that order"`
	Limited  int       `json:"limited,omitzero" doc:"messages not listed: limit fold-pending"`

	Undecided string   `json:"undecided,omitzero" doc:"why round trips, phases and what is left cannot be told"`
	Frames    []uint64 `json:"frames"`
	Filter    string   `json:"filter"`
}

// Mode is how the client uses the maildrop.
type Mode string

// The modes.
const (
	Keep      Mode = "keep"   // no message that was fetched was deleted
	Delete    Mode = "delete" // all were
	Mixed     Mode = "mixed"
	Nothing   Mode = "nothing fetched"
	NoLogin   Mode = "no log-in"
	Undecided Mode = "undecided"
)

// STLS is what became of encryption (RFC 2595).
type STLS string

// What it may be.
const (
	NotAsked   STLS = "not asked for"
	Used       STLS = "used"
	Refused    STLS = "refused"
	Unanswered STLS = "unanswered"
	Implicit   STLS = "implicit"
)

// Phases are the states of RFC 1939 section 3, one after another.
type Phases struct {
	Authorization *session.Phase `json:"authorization,omitzero" doc:"from the SYN to the accepted log-in"`
	Transaction   *session.Phase `json:"transaction,omitzero" doc:"from there to QUIT"`
	Update        *session.Phase `json:"update,omitzero" doc:"from QUIT on"`
}

// Message is one RETR or TOP.
type Message struct {
	Number     int             `json:"number"`
	Command    string          `json:"command" doc:"RETR, TOP"`
	OK         bool            `json:"ok" doc:"the server gave it"`
	Bytes      int64           `json:"bytes,omitzero"`
	Missing    int64           `json:"missing,omitzero" doc:"bytes that were not captured"`
	Whole      bool            `json:"whole,omitzero" doc:"all of what the server gave was captured"`
	ID         string          `json:"message_id,omitzero"`
	Deleted    bool            `json:"deleted,omitzero" doc:"marked by DELE at the end"`
	Duration   events.Duration `json:"duration,omitzero" doc:"seconds from the command to the last byte"`
	RoundTrips int             `json:"round_trips" doc:"0: it was asked for together with another"`
	Frame      uint64          `json:"frame" doc:"of the command"`
	EndFrame   uint64          `json:"end_frame,omitzero"`
}
