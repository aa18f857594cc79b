package events

// POP3Command is one command line of POP3 (RFC 1939), or one step of an AUTH
// exchange (verb "").
type POP3Command struct {
	Verb       string `json:"verb"` // upper case
	Args       string `json:"args,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// POP3Reply is one reply. A message that follows it is a mail.message.
type POP3Reply struct {
	OK           bool     `json:"ok"`
	Continue     bool     `json:"continue,omitzero"` // "+ …", a step of AUTH (RFC 5034)
	Text         string   `json:"text,omitzero"`
	Lines        []string `json:"lines,omitempty"` // of a multi-line reply that is no message
	Verb         string   `json:"verb,omitzero"`   // of the command it answers
	CommandFrame uint64   `json:"command_frame,omitzero"`
	FirstFrame   uint64   `json:"first_frame"`
}

// Kind is the stable name.
func (*POP3Command) Kind() Kind { return KindPOP3Command }

// Kind is the stable name.
func (*POP3Reply) Kind() Kind { return KindPOP3Reply }
