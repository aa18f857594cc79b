package events

// IMAPCommand is one command of IMAP (RFC 3501, RFC 9051) with its literals.
type IMAPCommand struct {
	Tag        string  `json:"tag"`
	Verb       string  `json:"verb"` // upper case; with UID: "UID FETCH"
	Args       string  `json:"args,omitzero"`
	Literals   []int64 `json:"literals,omitempty"` // sizes
	FirstFrame uint64  `json:"first_frame"`
}

// IMAPResponse is one response.
type IMAPResponse struct {
	Tag          string  `json:"tag"`              // "*", "+" or the tag of a command
	Status       string  `json:"status,omitzero"`  // OK, NO, BAD, PREAUTH, BYE
	Name         string  `json:"name,omitzero"`    // of a data response: CAPABILITY, LIST, FETCH, EXISTS, …
	Number       *uint32 `json:"number,omitempty"` // "* 23 EXISTS"
	Text         string  `json:"text,omitzero"`
	Literals     []int64 `json:"literals,omitempty"` // sizes
	Verb         string  `json:"verb,omitzero"`      // of the command that a tagged response ends
	CommandFrame uint64  `json:"command_frame,omitzero"`
	FirstFrame   uint64  `json:"first_frame"`
}

// Kind is the stable name.
func (*IMAPCommand) Kind() Kind { return KindIMAPCommand }

// Kind is the stable name.
func (*IMAPResponse) Kind() Kind { return KindIMAPResponse }
