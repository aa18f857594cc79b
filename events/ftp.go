package events

// FTPCommand is one command line of FTP (RFC 959).
type FTPCommand struct {
	Verb       string `json:"verb"` // upper case
	Args       string `json:"args,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// FTPReply is one reply, all its lines.
type FTPReply struct {
	Code         int      `json:"code"`
	Lines        []string `json:"lines"`         // text after the code
	Verb         string   `json:"verb,omitzero"` // of the command it answers
	CommandFrame uint64   `json:"command_frame,omitzero"`
	FirstFrame   uint64   `json:"first_frame"`
}

// FTPData is the end of a data connection, or the place where it broke off.
type FTPData struct {
	Mode          string `json:"mode"`           // active, passive
	Verb          string `json:"verb,omitzero"`  // RETR, STOR, LIST, …; empty: the command was not captured
	Path          string `json:"path,omitzero"`  // as in the command
	ControlStream uint32 `json:"control_stream"` // tcp stream of the control connection
	Bytes         int64  `json:"bytes"`
	SHA256        string `json:"sha256,omitzero"` // with --hash, hex
	Complete      bool   `json:"complete"`
	Missing       int64  `json:"missing,omitzero"`
	Restart       int64  `json:"restart,omitzero"` // offset given by REST
	FirstFrame    uint64 `json:"first_frame"`
}

// Kind is the stable name.
func (*FTPCommand) Kind() Kind { return KindFTPCommand }

// Kind is the stable name.
func (*FTPReply) Kind() Kind { return KindFTPReply }

// Kind is the stable name.
func (*FTPData) Kind() Kind { return KindFTPData }
