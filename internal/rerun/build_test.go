package rerun

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay"
)

// dialogue makes a script of events made by hand, in order, one a millisecond.
func dialogue(port uint16, bodies ...events.Body) *Script {
	b := builder{of: map[events.StreamKey]*Conversation{}}
	f := events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}), ClientPort: 4000, ServerPort: port, Proto: 6}
	protocol := map[uint16]string{25: "smtp", 143: "imap"}[port]
	for i, x := range append([]events.Body{&events.FlowStart{}}, bodies...) {
		e := &events.Event{Pos: events.Pos{Frame: uint64(i + 1)}, Time: events.Time(i) * events.Time(time.Millisecond), Flow: f, Layer: "tcp/" + protocol, Body: x}
		switch y := x.(type) {
		case *events.SMTPReply, *events.IMAPResponse:
			e.From = events.FromServer
		case *events.MailMessage:
			e.Layer += "/mail"
			if y.EnvelopeFrom == "server" {
				e.From = events.FromServer
			}
		}
		b.event(e)
	}
	return b.script()
}

// playAgain plays s and gives the bytes that the conversation in it has, and
// what is read of it.
func playAgain(t *testing.T, s *Script) *Script {
	t.Helper()
	if len(s.Conversations) != 1 {
		t.Fatalf("not played: %v", s.Left)
	}
	var out bytes.Buffer
	if err := s.Run(context.Background(), "by hand", replay.Options{Out: &out, RTT: 4 * time.Millisecond}, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "again.pcapng")
	if err := os.WriteFile(name, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	after, err := Read(t.Context(), "", name)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// said is all that one side says.
func said(c *Conversation, from events.Dir) string {
	var b strings.Builder
	for _, m := range c.Messages {
		if m.From == from {
			b.Write(m.Bytes)
		}
	}
	return b.String()
}

// A message in chunks of the same sizes (RFC 3030).
func TestBDAT(t *testing.T) {
	ok := &events.SMTPReply{Code: 250, Lines: []string{"ok"}}
	s := dialogue(25,
		&events.SMTPReply{Code: 220, Lines: []string{"mail.example ESMTP"}},
		&events.SMTPCommand{Verb: "EHLO", Args: "client.example"}, &events.SMTPReply{Code: 250, Lines: []string{"mail.example", "CHUNKING"}},
		&events.SMTPCommand{Verb: "MAIL", Args: "FROM:<a@example>"}, ok,
		&events.SMTPCommand{Verb: "RCPT", Args: "TO:<b@example>"}, ok,
		&events.SMTPCommand{Verb: "BDAT", Args: "100"}, ok,
		&events.SMTPCommand{Verb: "BDAT", Args: "50 LAST"},
		&events.MailMessage{Via: "smtp", EnvelopeFrom: "a@example", EnvelopeTo: []string{"b@example"}, Subject: "x", Headers: []events.Header{{"Subject", "x"}},
			Parts: []events.MailPart{{ContentType: "text/plain", Bytes: 136, Complete: true}}, Bytes: 150, Complete: true},
		ok, &events.SMTPCommand{Verb: "QUIT"}, &events.SMTPReply{Code: 221, Lines: []string{"bye"}})
	if len(s.Conversations) != 1 {
		t.Fatalf("not played: %v", s.Left)
	}
	text := said(s.Conversations[0], events.FromClient)
	_, first, ok1 := strings.Cut(text, "BDAT 100\r\n")
	_, second, ok2 := strings.Cut(text, "BDAT 50 LAST\r\n")
	if !ok1 || !ok2 || strings.Index(first, "BDAT 50") != 100 || strings.Index(second, "QUIT") != 50 || !strings.HasPrefix(first, "Subject: x\r\n") {
		t.Errorf("the client says %q", text)
	}
	after := playAgain(t, s)
	all := Compare(s, after)[0]
	if all.F1() != 1 || all.Agreed != 14 {
		t.Errorf("%+v\n%q", all, said(after.Conversations[0], 0))
	}
	// Chunks whose message never comes are no conversation to its end.
	s = dialogue(25, &events.SMTPReply{Code: 220, Lines: []string{"mail.example ESMTP"}}, &events.SMTPCommand{Verb: "BDAT", Args: "100"}, ok)
	if len(s.Conversations) != 1 || len(s.Conversations[0].Messages) != 1 || s.Stopped[CutOff] != 1 {
		t.Errorf("a chunk without its message: %v, %v", s.Conversations, s.Stopped)
	}
}

// A literal that waits for leave is said after it (RFC 9051 section 4.3); one
// that does not, at once.
func TestAppend(t *testing.T) {
	letter := func(n int64, from string) *events.MailMessage {
		return &events.MailMessage{Via: "imap", EnvelopeFrom: from, Subject: "x", Headers: []events.Header{{"Subject", "x"}},
			Parts: []events.MailPart{{ContentType: "text/plain", Bytes: n - 14, Complete: true}}, Bytes: n, Complete: true}
	}
	two := uint32(2)
	s := dialogue(143,
		&events.IMAPResponse{Tag: "*", Status: "OK", Text: "IMAP4rev1 ready"},
		&events.IMAPResponse{Tag: "+", Text: "go ahead"},
		&events.IMAPCommand{Tag: "a1", Verb: "LOGIN", Args: `{5} "secret"`, Literals: []int64{5}, FirstFrame: 3},
		&events.IMAPResponse{Tag: "a1", Status: "OK", Text: "done"},
		&events.IMAPResponse{Tag: "+", Text: "go ahead"},
		letter(40, ""), &events.IMAPCommand{Tag: "a2", Verb: "APPEND", Args: "box {40}", Literals: []int64{40}, FirstFrame: 6},
		&events.IMAPResponse{Tag: "a2", Status: "OK", Text: "done"},
		letter(60, ""), &events.IMAPCommand{Tag: "a3", Verb: "APPEND", Args: "box {60+}", Literals: []int64{60}, FirstFrame: 10},
		&events.IMAPResponse{Tag: "a3", Status: "OK", Text: "done"},
		&events.IMAPCommand{Tag: "a4", Verb: "FETCH", Args: "2 BODY[]"},
		letter(70, "server"), &events.IMAPResponse{Tag: "*", Name: "FETCH", Number: &two, Text: "(BODY[] {70} UID 5)", Literals: []int64{70}},
		&events.IMAPResponse{Tag: "a4", Status: "OK", Text: "done"})
	if len(s.Conversations) != 1 {
		t.Fatalf("not played: %v", s.Left)
	}
	c := s.Conversations[0]
	var turns []string
	for _, m := range c.Messages {
		line, _, _ := strings.Cut(string(m.Bytes), "\r\n")
		if len(m.Bytes) > 0 {
			turns = append(turns, fmt.Sprintf("%s %s", m.From, line))
		}
	}
	want := []string{"server * OK IMAP4rev1 ready",
		"client a1 LOGIN {5}", "server + go ahead", `client xxxxx "xxxxxx"`, "server a1 OK done",
		"client a2 APPEND box {40}", "server + go ahead", "client Subject: x", "server a2 OK done",
		"client a3 APPEND box {60+}", "server a3 OK done",
		"client a4 FETCH 2 BODY[]", "server * 2 FETCH (BODY[] {70}", "server a4 OK done"}
	if strings.Join(turns, "\n") != strings.Join(want, "\n") {
		t.Errorf("turns:\n%s", strings.Join(turns, "\n"))
	}
	after := playAgain(t, s)
	if all := Compare(s, after)[0]; all.Messages != [2]int{15, 15} {
		t.Errorf("%+v", all)
	}
	if got := said(after.Conversations[0], events.FromServer); got != said(c, events.FromServer) {
		t.Errorf("the server says %q", got)
	}
}

// Mails keep their size and their parts.
func TestMailText(t *testing.T) {
	base := events.MailMessage{Headers: []events.Header{{"Subject", "x"}, {"Content-Type", `multipart/mixed; boundary="b"`}}}
	for _, x := range []struct {
		name  string
		bytes int64
		parts []events.MailPart
	}{
		{"flat", 900, []events.MailPart{{ContentType: "multipart/mixed"}, {ContentType: "text/plain", Depth: 1, Bytes: 20}, {ContentType: "image/png", Depth: 1, Encoding: "base64", Filename: "é.png", Bytes: 100}}},
		{"a letter inside", 901, []events.MailPart{{ContentType: "multipart/mixed"}, {ContentType: "message/rfc822", Depth: 1, Bytes: 400},
			{ContentType: "multipart/alternative", Depth: 2}, {ContentType: "text/plain", Depth: 3, Bytes: 10}}},
		{"base64 alone", 300, []events.MailPart{{ContentType: "text/plain", Encoding: "base64", Bytes: 150}}},
		{"quoted-printable alone", 300, []events.MailPart{{ContentType: "text/plain", Encoding: "quoted-printable", Bytes: 150}}},
	} {
		m := base
		if len(x.parts) == 1 {
			m.Headers = m.Headers[:1]
		}
		m.Bytes, m.Parts = x.bytes, x.parts
		if text := mailText(&m); int64(len(text)) != x.bytes {
			t.Errorf("%s: %d bytes, want %d: %q", x.name, len(text), x.bytes, text)
		}
	}
	m := base
	m.Bytes, m.Parts = 100, []events.MailPart{{ContentType: "multipart/mixed"}, {ContentType: "text/plain", Depth: 1, Bytes: 90}}
	if text := mailText(&m); text != nil {
		t.Errorf("a mail that is too small for its parts: %q", text)
	}
}
