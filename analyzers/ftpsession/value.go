package ftpsession

import (
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Row is one file or listing, or one control connection.
// docs/analyses/ftp.session.md defines each field.
type Row struct {
	Kind    string `json:"kind" doc:"file (also a listing, and one that failed), session"`
	Client  string `json:"client" doc:"of the control connection"`
	Server  string `json:"server"`
	Control uint32 `json:"control_stream" doc:"tcp.stream of the control connection"`

	File    *File    `json:"file,omitzero"`
	Session *Session `json:"session,omitzero"`

	Undecided string   `json:"undecided,omitzero" doc:"what cannot be told, and why"`
	Frames    []uint64 `json:"frames"`
	Filter    string   `json:"filter"`
}

// Outcome is what became of a file.
type Outcome string

// The outcomes.
const (
	Complete  Outcome = "complete" // every byte, in order, and no refusal
	Refused   Outcome = "refused"  // 4xx or 5xx before a byte was sent
	Broken    Outcome = "broken off"
	Unseen    Outcome = "data not captured" // the server says that it went well
	Undecided Outcome = "undecided"
)

// File is one transfer.
type File struct {
	Command   string  `json:"command" doc:"RETR, STOR, APPE, STOU, LIST, NLST, MLSD; left out: it was not captured"`
	Path      string  `json:"path,omitzero" doc:"as in the command"`
	Directory string  `json:"directory,omitzero" doc:"in which the command was given; what does not begin with / is below the one after the log-in"`
	Outcome   Outcome `json:"outcome" doc:"complete, refused, broken off, data not captured, undecided"`
	Code      int     `json:"code,omitzero" doc:"of the last reply to the command"`

	Mode         string `json:"mode,omitzero" doc:"active, passive"`
	Data         string `json:"data_stream,omitzero" doc:"the data connection: tcp:N"`
	Announced    string `json:"announced,omitzero" doc:"where it was to be, as in PORT, EPRT or the answer to PASV, EPSV"`
	OtherAddress bool   `json:"other_address,omitzero" doc:"the address announced is not that of its side of the control connection: address translation, or a transfer between servers"`
	Type         string `json:"type,omitzero" doc:"of TYPE: A, E, I, L 8"`
	TransferMode string `json:"transfer_mode,omitzero" doc:"of MODE where it is not S"`
	Restart      int64  `json:"restart,omitzero" doc:"offset given by REST"`
	Protected    bool   `json:"protected,omitzero" doc:"the bytes are those of TLS"`

	Bytes   int64            `json:"bytes"`
	Missing int64            `json:"missing,omitzero" doc:"bytes of it that were not captured"`
	SHA256  string           `json:"sha256,omitzero"`
	Took    *events.Duration `json:"took,omitzero" doc:"seconds from its first byte to its last"`
	Rate    float64          `json:"rate,omitzero" doc:"bytes a second in that time; left out where it took less than half a round trip"`

	SetUp      *events.Duration `json:"set_up,omitzero" doc:"seconds from the first command that prepared it (PASV, PORT, …) to its first byte, or to the refusal"`
	SetUpRTTs  float64          `json:"set_up_rtts,omitzero" doc:"set_up / rtt"`
	SetUpTrips int              `json:"set_up_round_trips" doc:"round trips of the commands from the first that prepared it, and one for the handshake of the data connection"`

	Frame    uint64 `json:"frame,omitzero" doc:"of the command"`
	EndFrame uint64 `json:"end_frame,omitzero" doc:"of its last reply"`
}

// Session is one control connection.
type Session struct {
	User            string               `json:"user,omitzero" doc:"of the log-in that was accepted"`
	Cost            session.Cost         `json:"cost" doc:"of the control connection"`
	Closed          string               `json:"closed" doc:"quit, closed without QUIT, reset, idle, capture_over, evicted, undecided"`
	TLS             string               `json:"tls" doc:"not asked for, used, refused, unanswered, implicit"`
	Credentials     []session.Credential `json:"credentials,omitempty" doc:"log-ins that were not encrypted"`
	MoreCredentials int                  `json:"more_credentials,omitzero"`

	Directory string `json:"directory" doc:"at the end"`
	Type      string `json:"type,omitzero" doc:"at the end"`

	Files     int   `json:"files" doc:"transfers of files that were asked for"`
	Listings  int   `json:"listings,omitzero"`
	Failed    int   `json:"failed,omitzero" doc:"of both: refused, or broken off"`
	Active    int   `json:"active,omitzero" doc:"transfers over connections that the server opened"`
	Passive   int   `json:"passive,omitzero" doc:"over connections that the client opened"`
	DataBytes int64 `json:"data_bytes" doc:"on data connections"`
	Control   int64 `json:"control_bytes" doc:"payload of the control connection, both ways"`
	Limited   int   `json:"limited,omitzero" doc:"transfers not told: limit fold-pending"`
}
