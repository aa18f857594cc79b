package events

// MailMessage is one message (RFC 5322) at its last byte, or where it broke
// off. Header texts are decoded (RFC 2047); Headers are as on the wire.
type MailMessage struct {
	Via          string   `json:"via"` // smtp, pop3, imap
	EnvelopeFrom string   `json:"envelope_from,omitzero"`
	EnvelopeTo   []string `json:"envelope_to,omitempty"`
	From         string   `json:"from,omitzero"`
	To           string   `json:"to,omitzero"`
	Cc           string   `json:"cc,omitzero"`
	Subject      string   `json:"subject,omitzero"`
	Date         string   `json:"date,omitzero"`
	MessageID    string   `json:"message_id,omitzero"`
	// Section is what was asked for where it is not the whole message ("TOP 10",
	// "BODY[1.2]").
	Section    string     `json:"section,omitzero"`
	Headers    []Header   `json:"headers"`
	Parts      []MailPart `json:"parts"` // depth first
	Bytes      int64      `json:"bytes"` // without dot-stuffing
	Complete   bool       `json:"complete"`
	Missing    int64      `json:"missing,omitzero"`
	FirstFrame uint64     `json:"first_frame"` // of its first byte; 0: it is empty
	// EightBit says where bytes above 127 were.
	EightBit EightBit `json:"-"`
}

// EightBit says in which parts of a message bytes above 127 were.
type EightBit uint8

// The parts: headers (the message's, and those of its MIME parts), and bodies.
const (
	EightBitHeader EightBit = 1 << iota
	EightBitBody
)

// MailPart is one MIME part (RFC 2046). A message that is not MIME has one.
type MailPart struct {
	ContentType string `json:"content_type"` // lower case, without parameters
	Filename    string `json:"filename,omitzero"`
	Encoding    string `json:"encoding,omitzero"` // Content-Transfer-Encoding, lower case
	Disposition string `json:"disposition,omitzero"`
	Depth       int    `json:"depth,omitzero"` // 0: the message itself
	// Bytes is the size after transfer-decoding: of a message/rfc822 all of it,
	// of a multipart 0. Bytes that were not captured are not in it.
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256,omitzero"`
	Complete bool   `json:"complete"`
}

// Kind is the stable name.
func (*MailMessage) Kind() Kind { return KindMailMessage }
