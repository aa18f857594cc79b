package compare

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// mail are messages (RFC 5322) inside SMTP, POP3 and IMAP.
var mail = protocol{
	name:    "mail",
	kinds:   []events.Kind{events.KindMailMessage},
	reader:  func() reader { return &mailReader{} },
	decoded: true,
	outside: quoted,
	fields:  mailFields(mailHeaders...),
}

// mailHeaders are pairs of Wireshark's name and the header's.
var mailHeaders = []string{
	"imf.from", "From", "imf.to", "To", "imf.cc", "Cc", "imf.subject", "Subject", "imf.date", "Date", "imf.message_id", "Message-ID",
	"imf.sender", "Sender", "imf.reply_to", "Reply-To", "imf.in_reply_to", "In-Reply-To", "imf.references", "References",
	"imf.received", "Received", "imf.delivered_to", "Delivered-To",
	"imf.mime_version", "MIME-Version", "imf.content.type", "Content-Type", "imf.content.transfer_encoding", "Content-Transfer-Encoding",
	"imf.user_agent", "User-Agent", "imf.ext.mailer", "X-Mailer", "imf.importance", "Importance",
}

// mailReader tells a message at its last byte, where Wireshark shows the
// messages of SMTP. Those of POP3 and IMAP it shows in the segment of their
// header, of their end, or of the end of the response that bears them.
type mailReader struct {
	plain
	told []toldMail
}

// toldMail is a message that was told.
type toldMail struct {
	stream      events.StreamKey
	first, last uint64 // its frames
}

// Segments is why values are counted apart of a message of POP3 or IMAP that
// tshark shows at other frames than that of its last byte: it takes segments
// for messages, cuts fields where they end, and takes headers of parts for
// those of the message.
const Segments = "of a message of POP3 or IMAP that tshark shows by segments"

func (r *mailReader) event(e *events.Event, tell func(message)) {
	if b, ok := e.Body.(*events.MailMessage); ok {
		if b.Via != "smtp" {
			r.told = append(r.told, toldMail{stream: e.Key(), first: b.FirstFrame, last: e.Pos.Frame})
		}
		tell(message{frame: e.Pos.Frame, event: e, partial: b.Missing > 0 || !b.Complete && b.Section == ""})
	}
}

func (r *mailReader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	for i := range r.told {
		m := &r.told[i]
		if f.ok && m.stream == f.stream && d.Frame >= m.first && d.Frame <= m.last+responseEnd && its.inSegments(m) {
			return Segments
		}
	}
	return ""
}

// responseEnd is how many frames after its last byte the response that bears
// a message may end.
const responseEnd = 4

// inSegments: tshark shows a message at another frame than the last of m.
func (its *theirs) inSegments(m *toldMail) bool {
	for n := m.first; n <= m.last+responseEnd; n++ {
		if f := its.frames[n]; n != m.last && f.ok && f.stream == m.stream && slices.Contains(strings.Split(f.path, ":"), "imf") {
			return true
		}
	}
	return false
}

// mailFields are fields with the value of one header field: pairs of
// Wireshark's name and the header's.
func mailFields(names ...string) []field {
	var fs []field
	for p := range slices.Chunk(names, 2) {
		fs = append(fs, field{name: p[0], wire: unfolded, of: func(m *message, add func(string)) {
			if b, ok := m.event.Body.(*events.MailMessage); ok {
				for _, h := range b.Headers {
					if strings.EqualFold(h[0], p[1]) {
						add(unfolded(shownASCII(h[1])))
					}
				}
			}
		}})
	}
	return fs
}

// unfolded is a value of tshark's with each run of blanks and line ends as one
// space: how folded lines are joined is a matter of taste.
func unfolded(s string) string {
	s = strings.NewReplacer(`\r`, " ", `\n`, " ", `\t`, " ").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}
