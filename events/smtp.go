package events

// SMTPCommand is one command line of SMTP (RFC 5321), or one step of an AUTH
// exchange (verb "").
type SMTPCommand struct {
	Verb       string `json:"verb"` // upper case
	Args       string `json:"args,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// SMTPReply is one reply, all its lines.
type SMTPReply struct {
	Code     int      `json:"code"`
	Enhanced string   `json:"enhanced,omitzero"` // RFC 3463: "2.1.0"
	Lines    []string `json:"lines"`             // text after the code, the enhanced code too
	// Verb is that of the command it answers; "." for a message after DATA,
	// with the frame where the message ended as CommandFrame.
	Verb         string `json:"verb,omitzero"`
	CommandFrame uint64 `json:"command_frame,omitzero"`
	FirstFrame   uint64 `json:"first_frame"`
	// Frames are where each line ended; nil: all in the frame of the event.
	Frames []uint64 `json:"-"`
}

// Kind is the stable name.
func (*SMTPCommand) Kind() Kind { return KindSMTPCommand }

// Kind is the stable name.
func (*SMTPReply) Kind() Kind { return KindSMTPReply }
