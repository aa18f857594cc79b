package mail

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// crlf writes the line ends of a message as the wire has them.
func wire(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// message is a conversation that carries one message, whole.
func message(name, text string) decodertest.Conversation {
	c := decodertest.Talk(name, decodertest.Client(text), decodertest.Over(events.FromClient, events.EndFIN))
	c.Env.Hint = decoders.HintMail{Via: "smtp", From: events.FromClient}
	return c
}

// read is the one mail.message of a conversation.
func read(t *testing.T, c decodertest.Conversation) *events.MailMessage {
	t.Helper()
	ms := decodertest.Of[*events.MailMessage](decodertest.Run(t, Proto, c))
	if len(ms) != 1 {
		t.Fatalf("%s: %d messages", c.Name, len(ms))
	}
	return ms[0]
}

// parts writes the parts of a message, one a line.
func parts(m *events.MailMessage) string {
	var b strings.Builder
	for _, p := range m.Parts {
		p.SHA256 = ""
		text, _ := json.Marshal(p)
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

func TestSimple(t *testing.T) {
	m := read(t, message("simple", wire("From: a@b\nTo: c@d\nSubject: hi\n  there\nDate: now\nMessage-ID: <1@b>\n\nbody\n")))
	if m.From != "a@b" || m.Subject != "hi there" || m.Bytes != 80 || !m.Complete || len(m.Headers) != 5 {
		t.Errorf("%+v", m)
	}
	if got, want := parts(m), `{"content_type":"text/plain","bytes":6,"complete":true}`+"\n"; got != want {
		t.Errorf("got %swant %s", got, want)
	}
}
