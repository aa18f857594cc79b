package events

// FTPCommand is one command line of FTP (RFC 959).
type FTPCommand struct {
	Verb string `json:"verb"` // upper case
	Args string `json:"args,omitzero"`
	// DataHost and DataPort are where PORT, EPRT or LPRT asks the server to
	// connect to, as written; a port of 0 could not be read.
	DataHost   string `json:"data_host,omitzero"`
	DataPort   uint16 `json:"data_port,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// FTPReply is one reply, all its lines.
type FTPReply struct {
	Code         int      `json:"code"`
	Lines        []string `json:"lines"`         // text after the code
	Verb         string   `json:"verb,omitzero"` // of the command it answers
	CommandFrame uint64   `json:"command_frame,omitzero"`
	// DataHost and DataPort are where the server waits for a data connection
	// (227, 228, 229), as written; 229 names no host, as a rule.
	DataHost   string `json:"data_host,omitzero"`
	DataPort   uint16 `json:"data_port,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
	// Frames are where each line began; nil: all in FirstFrame.
	Frames []uint64 `json:"-"`
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
	// Type and TransferMode are what TYPE (A, E, I, L 8) and MODE (B, C, Z;
	// left out: S) asked for last.
	Type         string `json:"type,omitzero"`
	TransferMode string `json:"transfer_mode,omitzero"`
	// Reply is the code of the final reply to the command, if it came before
	// the data were over.
	Reply int `json:"reply,omitzero"`
	// Protected: the bytes are those of TLS.
	Protected    bool   `json:"protected,omitzero"`
	CommandFrame uint64 `json:"command_frame,omitzero"`
	FirstFrame   uint64 `json:"first_frame,omitzero"` // left out: no byte was captured
	// FirstTime and LastTime are the capture times of the sender's first and
	// last bytes; 0: no byte was captured.
	FirstTime Time `json:"-"`
	LastTime  Time `json:"-"`
}

// Kind is the stable name.
func (*FTPCommand) Kind() Kind { return KindFTPCommand }

// Kind is the stable name.
func (*FTPReply) Kind() Kind { return KindFTPReply }

// Kind is the stable name.
func (*FTPData) Kind() Kind { return KindFTPData }
