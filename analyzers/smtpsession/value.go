package smtpsession

import (
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Session is one SMTP connection. docs/analyses/smtp.session.md defines each
// field.
type Session struct {
	Client     string   `json:"client"`
	Server     string   `json:"server"`
	Hello      string   `json:"hello,omitzero" doc:"what the client called itself"`
	Extensions []string `json:"extensions,omitempty" doc:"keywords of the last answer to EHLO in clear"`

	Cost   session.Cost `json:"cost"`
	Phases Phases       `json:"phases"`
	Closed string       `json:"closed" doc:"quit, closed without QUIT, reset, idle, capture_over, evicted, undecided"`

	STARTTLS     STARTTLS `json:"starttls" doc:"not seen, not offered, offered, used, refused, unanswered, implicit"`
	OfferedFrame uint64   `json:"starttls_frame,omitzero" doc:"the answer to EHLO that offered STARTTLS"`
	Stripping    []string `json:"stripping,omitempty" doc:"what in this session tells that somebody on the way took STARTTLS out"`

	Credentials     []session.Credential `json:"credentials,omitempty" doc:"log-ins that were not encrypted"`
	MoreCredentials int                  `json:"more_credentials,omitzero" doc:"beyond those listed"`

	Transactions int       `json:"transactions" doc:"MAIL commands"`
	Accepted     int       `json:"accepted" doc:"messages that the server took"`
	MessageBytes int64     `json:"message_bytes,omitzero" doc:"of messages, as far as they were captured"`
	Refused      int       `json:"recipients_refused,omitzero" doc:"RCPT answered with 4xx or 5xx"`
	Messages     []Message `json:"messages,omitempty" doc:"in the order of MAIL"`
	Limited      int       `json:"limited,omitzero" doc:"transactions and recipients not listed: limit fold-pending"`

	Undecided string   `json:"undecided,omitzero" doc:"why round trips, pipelining and what is left out cannot be told"`
	Frames    []uint64 `json:"frames"`
	Filter    string   `json:"filter"`
}

// Phases are the parts of a session, one after another.
type Phases struct {
	Handshake *session.Phase `json:"handshake,omitzero" doc:"up to the first MAIL (or QUIT)"`
	Transfer  *session.Phase `json:"transfer,omitzero" doc:"from the first MAIL to QUIT"`
	Closure   *session.Phase `json:"closure,omitzero" doc:"from QUIT on"`
}

// STARTTLS is what became of encryption (RFC 3207).
type STARTTLS string

// What it may be.
const (
	NotSeen    STARTTLS = "not seen"    // no answer to EHLO was captured
	NotOffered STARTTLS = "not offered" // in no answer to EHLO, and not asked for
	Offered    STARTTLS = "offered"     // and not asked for
	Used       STARTTLS = "used"
	Refused    STARTTLS = "refused"    // asked for, and answered with 4xx or 5xx
	Unanswered STARTTLS = "unanswered" // asked for, and no answer was captured
	Implicit   STARTTLS = "implicit"   // TLS from the first byte
)

// Outcome is what became of a transaction.
type Outcome string

// The outcomes.
const (
	Taken     Outcome = "accepted"
	Rejected  Outcome = "refused"    // Code is the first refusal that ended it
	TakenBack Outcome = "taken back" // RSET, EHLO or another MAIL came before a message
	Broken    Outcome = "broken off" // the connection ended before
	Undecided Outcome = "undecided"  // its answer was not captured
)

// Message is one transaction: an envelope, and the message sent in it.
type Message struct {
	From       string     `json:"envelope_from"`
	Recipients []string   `json:"recipients,omitempty" doc:"RCPT that were not refused"`
	Refused    []Refusal  `json:"refused,omitempty"`
	Outcome    Outcome    `json:"outcome" doc:"accepted, refused, taken back, broken off, undecided"`
	Code       int        `json:"code,omitzero" doc:"the reply that decided it"`
	Bytes      int64      `json:"bytes,omitzero"`
	Missing    int64      `json:"missing,omitzero" doc:"bytes of it that were not captured"`
	Duration   Span       `json:"duration,omitzero" doc:"seconds from MAIL to what ended the transaction"`
	RoundTrips int        `json:"round_trips,omitzero" doc:"from MAIL to what ended it"`
	ID         string     `json:"message_id,omitzero"`
	Headers    *Addresses `json:"headers,omitzero" doc:"envelope against header, where the header was captured"`
	EightBit   *EightBit  `json:"eight_bit,omitzero" doc:"where bytes above 127 were sent"`
	Violations []string   `json:"violations,omitempty" doc:"of the seven-bit rule"`
	Frame      uint64     `json:"frame" doc:"of MAIL"`
	EndFrame   uint64     `json:"end_frame,omitzero" doc:"of what ended it: an answer, or the command that took it back"`
}

// Span is a duration in seconds.
type Span = events.Duration

// Refusal is a recipient that the server did not want.
type Refusal struct {
	Address  string `json:"address"`
	Code     int    `json:"code" doc:"4xx: for now; 5xx: for good"`
	Enhanced string `json:"enhanced,omitzero" doc:"RFC 3463"`
	Frame    uint64 `json:"frame" doc:"of the reply"`
}

// Addresses sets the header beside the envelope.
type Addresses struct {
	From         []string `json:"from,omitempty" doc:"addresses of From"`
	FromDiffers  bool     `json:"from_differs,omitzero" doc:"the envelope's sender is none of them, and not empty"`
	NotInHeader  []string `json:"not_in_header,omitempty" doc:"recipients of the envelope that neither To nor Cc names (Bcc, lists)"`
	OnlyInHeader []string `json:"only_in_header,omitempty" doc:"addresses of To and Cc that are not in the envelope (sent another way, or refused)"`
}

// EightBit says where bytes above 127 were, and what was agreed.
type EightBit struct {
	Envelope bool   `json:"envelope,omitzero"`
	Header   bool   `json:"header,omitzero"`
	Body     bool   `json:"body,omitzero"`
	Declared string `json:"declared,omitzero" doc:"BODY= of MAIL"`
	SMTPUTF8 bool   `json:"smtputf8,omitzero" doc:"MAIL asked for it"`
}
