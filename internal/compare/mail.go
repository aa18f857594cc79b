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

var mailNames = func() map[string]string {
	m := map[string]string{}
	for p := range slices.Chunk(mailHeaders, 2) {
		m[p[0]] = p[1]
	}
	return m
}()

func mailFieldAt(i int) string { return mailHeaders[2*i] }

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
	headers     []events.Header
}

// Elsewhere is why values of a message are counted apart that tshark shows at
// another frame of the same message.
const Elsewhere = "at another frame of the same message of POP3 or IMAP"

func (r *mailReader) event(e *events.Event, tell func(message)) {
	if b, ok := e.Body.(*events.MailMessage); ok {
		if b.Via != "smtp" {
			r.told = append(r.told, toldMail{stream: e.Key(), first: b.FirstFrame, last: e.Pos.Frame, headers: b.Headers})
		}
		tell(message{frame: e.Pos.Frame, event: e, partial: b.Missing > 0 || !b.Complete && b.Section == ""})
	}
}

// aside: the same value stands in the same message, at another frame.
func (r *mailReader) aside(d *Difference, its *theirs) string {
	f := its.frames[d.Frame]
	if !f.ok {
		return ""
	}
	for i := range r.told {
		m := &r.told[i]
		if m.stream != f.stream || d.Frame < m.first || d.Frame > m.last+responseEnd {
			continue
		}
		if d.Side == OnlyTshark && m.says(d.Field, d.Value) {
			return Elsewhere
		}
		if d.Side == OnlyOurs && d.Frame == m.last && its.says(m, d.Field, d.Value) {
			return Elsewhere
		}
	}
	return ""
}

// responseEnd is how many frames after its last byte the response that bears
// a message may end.
const responseEnd = 4

func (m *toldMail) says(field, value string) bool {
	return slices.ContainsFunc(m.headers, func(h events.Header) bool {
		return mailNames[field] != "" && strings.EqualFold(h[0], mailNames[field]) && unfolded(shownASCII(h[1])) == value
	})
}

// says reports whether tshark shows value in another frame of m.
func (its *theirs) says(m *toldMail, name, value string) bool {
	for c, vs := range its.values {
		if c.frame >= m.first && c.frame <= m.last+responseEnd && c.frame != m.last && c.field < len(mail.fields) &&
			mailFieldAt(c.field) == name && slices.Contains(vs, value) && its.frames[c.frame].stream == m.stream {
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
