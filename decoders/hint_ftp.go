package decoders

import "github.com/wiretale/wiretale/events"

// HintFTPData is handed over with Expect of "ftp-data". It is a pointer that
// the control connection and its data connection share: a command may follow
// or precede the first byte of the data it is about. Both are between the same
// two hosts, so the same worker reads them, in the order of their packets.
// The control connection writes, the data connection reads.
type HintFTPData struct {
	ControlStream uint32      // tcp stream of the control connection
	Mode          string      // active, passive
	User          events.Addr // the host of the FTP client
	// Of the command that the data belong to (RFC 959 section 4.1.3); Verb is
	// "" as long as none was seen.
	Verb, Path   string
	CommandFrame uint64
	Restart      int64  // offset given by REST
	Type         string // representation type (RFC 959 section 3.1.1): A, I, …
	TransferMode string // RFC 959 section 3.4: S, B, C; Z
	// Protected: PROT asked for TLS on data connections (RFC 4217 section 9).
	Protected bool
	// Preliminary and Final are the codes of the replies to the command; 0: not
	// seen.
	Preliminary, Final int
	// Aborted: ABOR was sent before the final reply.
	Aborted bool
	// Begun: the data connection was opened.
	Begun bool
}
