package imapsession

import (
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Session is one IMAP connection. docs/analyses/imap.session.md defines each
// field.
type Session struct {
	Client string `json:"client"`
	Server string `json:"server"`
	User   string `json:"user,omitzero" doc:"of a LOGIN that was accepted"`

	Cost       session.Cost        `json:"cost"`
	PerMessage *session.PerMessage `json:"per_message,omitzero" doc:"of messages fetched whole; the same fields as in pop3.session"`
	Phases     Phases              `json:"phases"`
	Closed     string              `json:"closed" doc:"logout, closed without LOGOUT, reset, idle, capture_over, evicted, undecided"`

	STARTTLS        STARTTLS             `json:"starttls" doc:"not seen, not offered, offered, used, refused, unanswered, implicit"`
	Credentials     []session.Credential `json:"credentials,omitempty" doc:"log-ins that were not encrypted"`
	MoreCredentials int                  `json:"more_credentials,omitzero"`

	Listed   int      `json:"folders_listed,omitzero" doc:"LIST and LSUB responses"`
	Folders  []Folder `json:"folders,omitempty" doc:"that were selected, examined or changed, in the order of their first command"`
	Searches []Search `json:"searches,omitempty"`
	Flags    []Flag   `json:"flags,omitempty" doc:"what STORE changed, by flag"`
	Fetches  Fetches  `json:"fetches"`
	Bodies   []Body   `json:"bodies,omitempty" doc:"messages and pieces of them that FETCH gave"`
	Appended int      `json:"appended,omitzero" doc:"APPEND that was answered with OK"`
	Copied   int      `json:"copied,omitzero" doc:"COPY and MOVE that were answered with OK"`
	Expunged int      `json:"expunged,omitzero" doc:"EXPUNGE responses: messages that went away"`
	Idle     *Idle    `json:"idle,omitzero" doc:"IDLE (RFC 2177)"`
	Errors   int      `json:"errors,omitzero" doc:"commands answered with NO or BAD"`
	Limited  int      `json:"limited,omitzero" doc:"folders, searches, flags and bodies not listed: limit fold-pending"`

	Undecided string   `json:"undecided,omitzero" doc:"why round trips and phases cannot be told"`
	Frames    []uint64 `json:"frames"`
	Filter    string   `json:"filter"`
}

// STARTTLS is what became of encryption (RFC 9051 section 6.2.1).
type STARTTLS string

// What it may be.
const (
	NotSeen    STARTTLS = "not seen" // no capabilities before the log-in were captured
	NotOffered STARTTLS = "not offered"
	Offered    STARTTLS = "offered"
	Used       STARTTLS = "used"
	Refused    STARTTLS = "refused"
	Unanswered STARTTLS = "unanswered"
	Implicit   STARTTLS = "implicit"
)

// Phases are the states of RFC 9051 section 3, one after another.
type Phases struct {
	NotAuthenticated *session.Phase `json:"not_authenticated,omitzero" doc:"from the SYN to the accepted log-in"`
	Authenticated    *session.Phase `json:"authenticated,omitzero" doc:"from there to LOGOUT, folders selected or not"`
	Logout           *session.Phase `json:"logout,omitzero" doc:"from LOGOUT on"`
}

// Folder is what was done to one folder.
type Folder struct {
	Name     string  `json:"name"`
	Selected int     `json:"selected,omitzero" doc:"SELECT and EXAMINE that were answered with OK"`
	ReadOnly bool    `json:"read_only,omitzero" doc:"the last time"`
	Messages *uint32 `json:"messages,omitzero" doc:"the last EXISTS, less what was expunged since"`
	Bodies   int     `json:"bodies,omitzero" doc:"fetched from it"`
	Appended int     `json:"appended,omitzero"`
	Changed  string  `json:"changed,omitzero" doc:"the last of CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE that was answered with OK"`
	Frame    uint64  `json:"frame"`
}

// Search is one SEARCH, SORT or THREAD.
type Search struct {
	Command  string          `json:"command"`
	Criteria string          `json:"criteria,omitzero" doc:"cut off at 200 letters"`
	Found    int             `json:"found"`
	Status   string          `json:"status,omitzero" doc:"OK, NO, BAD; left out: its answer was not captured"`
	Duration events.Duration `json:"duration,omitzero" doc:"seconds to the tagged answer"`
	Frame    uint64          `json:"frame"`
}

// Flag is one flag or keyword.
type Flag struct {
	Name    string `json:"name"`
	Added   int    `json:"added,omitzero" doc:"STORE +FLAGS with it that were answered with OK"`
	Removed int    `json:"removed,omitzero"`
	Set     int    `json:"set,omitzero" doc:"STORE FLAGS, which replaces all"`
}

// Fetches sums up what FETCH gave.
type Fetches struct {
	Commands  int   `json:"commands"`
	Whole     int   `json:"whole,omitzero" doc:"messages, whole"`
	Headers   int   `json:"headers,omitzero" doc:"headers, or fields of them"`
	Parts     int   `json:"parts,omitzero" doc:"MIME parts, and texts without the header"`
	Ranges    int   `json:"ranges,omitzero" doc:"ranges of bytes"`
	Bytes     int64 `json:"bytes,omitzero" doc:"of all these"`
	Summaries int   `json:"summaries,omitzero" doc:"FETCH commands answered without any of these: flags, sizes, envelopes, structures"`
}

// Body is one message, or a piece of it.
type Body struct {
	Number   uint32          `json:"number,omitzero" doc:"sequence number"`
	Section  string          `json:"section,omitzero" doc:"left out: the whole message"`
	Bytes    int64           `json:"bytes"`
	Missing  int64           `json:"missing,omitzero"`
	Whole    bool            `json:"whole,omitzero" doc:"all that the server gave was captured"`
	ID       string          `json:"message_id,omitzero"`
	Duration events.Duration `json:"duration,omitzero" doc:"seconds from the command to its last byte"`
	Frame    uint64          `json:"frame" doc:"of the command; 0: not known"`
	EndFrame uint64          `json:"end_frame"`
}

// Idle is the time in which the server had the word.
type Idle struct {
	Times    int             `json:"times"`
	Duration events.Duration `json:"duration" doc:"seconds from the server's consent to DONE (or the end), in all"`
	Notices  int             `json:"notices" doc:"untagged data responses in it: EXISTS, EXPUNGE, FETCH"`
}
