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
	reader:  func() reader { return plain{} },
	decoded: true,
	outside: quoted,
	fields: mailFields(
		"imf.from", "From", "imf.to", "To", "imf.cc", "Cc", "imf.subject", "Subject", "imf.date", "Date", "imf.message_id", "Message-ID",
		"imf.sender", "Sender", "imf.reply_to", "Reply-To", "imf.in_reply_to", "In-Reply-To", "imf.references", "References",
		"imf.received", "Received", "imf.return_path", "Return-Path", "imf.delivered_to", "Delivered-To",
		"imf.mime_version", "MIME-Version", "imf.content.type", "Content-Type", "imf.content.transfer_encoding", "Content-Transfer-Encoding",
		"imf.user_agent", "User-Agent", "imf.ext.mailer", "X-Mailer", "imf.importance", "Importance",
	),
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
