package smtp_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios/smtp"
	"github.com/wiretale/wiretale/replay/truth"
)

// counts are how many messages of a kind a scenario has, by its dialogue.
var counts = map[string]map[truth.Kind]int{
	// EHLO, MAIL, RCPT, DATA, QUIT; the greeting, one reply each and one for
	// the letter.
	"smtp":      {truth.SMTPCommand: 5, truth.SMTPReply: 7, truth.MailMessage: 1},
	"smtp-mime": {truth.SMTPCommand: 5, truth.SMTPReply: 7, truth.MailMessage: 1},
	// EHLO, 3, 5, 4, MAIL RCPT RSET, EHLO (this client says it again behind
	// RSET), NOOP, 3, QUIT.
	"smtp-many": {truth.SMTPCommand: 22, truth.SMTPReply: 27, truth.MailMessage: 4},
	// EHLO and STARTTLS in clear; the rest is in Protected.
	"smtp-starttls": {truth.SMTPCommand: 2, truth.SMTPReply: 3, truth.TLSHello: 2, truth.Encrypted: 2},
	// Handed in: EHLO, 2 × 3, QUIT. First round: EHLO, 2 × (MAIL, RCPT, RSET,
	// EHLO), QUIT. Second round: as handed in.
	"smtp-relay": {truth.SMTPCommand: 26, truth.SMTPReply: 26 + 3 + 4, truth.MailMessage: 4},
}

func TestScenarios(t *testing.T) {
	for i, s := range smtp.All {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i > 0 {
				t.Skip("one of the family is enough with -short")
			}
			r := replaytest.Run(t, s.Name, replay.Options{Seed: 3})
			r.Check(t)
			r.CheckRTT(t)
			got := map[truth.Kind]int{}
			for _, m := range r.Truth.Messages {
				got[m.Kind]++
			}
			for k, n := range counts[s.Name] {
				if got[k] != n {
					t.Errorf("%d of %s, want %d", got[k], k, n)
				}
			}
			checkParts(t, r)
		})
	}
}

// checkParts compares each letter's MIME parts with what the author put in.
func checkParts(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	byID := map[string][]truth.Part{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.MailMessage {
			byID[m.Object.Name] = m.Object.Parts
		}
	}
	for _, e := range r.Events {
		m, ok := e.Body.(*events.MailMessage)
		if !ok {
			continue
		}
		var got []truth.Part
		for _, p := range m.Parts {
			part := truth.Part{ContentType: p.ContentType, Filename: p.Filename, Encoding: p.Encoding, Bytes: p.Bytes, SHA256: p.SHA256}
			got = append(got, part)
		}
		if want := byID[m.MessageID]; !slices.Equal(got, want) {
			t.Errorf("frame %d: %s has the parts\n%+v\nits author put in\n%+v", e.Pos.Frame, m.MessageID, got, want)
		}
	}
}

// The capture point is elsewhere, the way is long, packets are lost: the
// messages are the same.
func TestParameters(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for name, o := range map[string]replay.Options{
		"server":  {Seed: 1, At: "server", RTT: 10 * time.Millisecond},
		"middle":  {Seed: 2, At: "middle", RTT: 20 * time.Millisecond},
		"another": {Seed: 3, RTT: 100 * time.Millisecond},
		"lossy":   {Seed: 4, RTT: 10 * time.Millisecond, Loss: 0.03, Jitter: 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Run(t, "smtp-many", o).Check(t)
		})
	}
}

// What is under TLS is told by the applications.
func TestProtected(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := replaytest.Run(t, "smtp-starttls", replay.Options{Seed: 4})
	got := map[truth.Kind]int{}
	var verbs []string
	for _, m := range r.Truth.Protected {
		got[m.Kind]++
		if m.Kind == truth.SMTPCommand {
			verbs = append(verbs, m.Line.Verb)
		}
	}
	if want := []string{"EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"}; !slices.Equal(verbs, want) {
		t.Errorf("commands under TLS: %v, want %v", verbs, want)
	}
	if got[truth.MailMessage] != 1 || got[truth.SMTPReply] != 7 {
		t.Errorf("under TLS: %v", got)
	}
}

// The relay defers each letter once and delivers it then.
func TestQueue(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := replaytest.Run(t, "smtp-relay", replay.Options{Seed: 5})
	var what []string
	for _, c := range r.Truth.Choices {
		what = append(what, c.What)
	}
	if want := []string{"next_exchanger", "deferred", "deferred", "next_exchanger", "delivered", "delivered"}; !slices.Equal(what, want) {
		t.Errorf("the queue: %v, want %v", what, want)
	}
	if len(r.Truth.Drops) < 2 {
		t.Errorf("%d packets to the dead exchanger, want one a round at least", len(r.Truth.Drops))
	}
}

// The kept captures say what their truth says.
func TestKept(t *testing.T) {
	for _, s := range smtp.All {
		name := s.Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json").Check(t)
		})
	}
}
