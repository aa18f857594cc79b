// Package pop3session answers how each POP3 connection went: its states and
// round trips, which messages were fetched, kept and deleted, and what a
// message cost. It must not look into messages, and it never repeats a secret.
package pop3session

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Question is pop3.session.
var Question = analyzers.Question{
	Name: "pop3.session",
	Area: analyzers.Mail,
	Doc:  "each POP3 connection: states, messages fetched, kept and deleted, cost of a message",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("pop3.session", o, &fold{pending: max(o.Limits.FoldPending, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Session{},
}

var protocol = session.Protocol{Name: "pop3", Ports: []uint16{110}, TLSPorts: []uint16{995}}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return session.FlowKinds(events.KindPOP3Command, events.KindPOP3Reply, events.KindMailMessage)
}

func (*fold) Key(e *events.Event) (events.StreamKey, bool) { return protocol.Key(e) }

// Idle: a server waits for ten minutes at least (RFC 1939 section 3).
func (*fold) Idle() time.Duration { return 30 * time.Minute }

func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// state of one connection.
type state struct {
	conn session.Conn
	talk *talk // nil: nothing was said in clear
}

// talk is what was said in clear.
type talk struct {
	user     string // of the last USER
	accepted string // of the log-in that was accepted
	creds    session.Credentials
	stls     STLS
	offered  bool

	before *int
	octets *int64
	marked map[int]bool
	asked  []asked // DELE, and LIST and UIDL of all messages, without an answer

	messages []Message
	started  []events.Time // of messages: when they were asked for
	filling  int           // the message whose bytes come, +1
	limited  int
	errors   int
	trips    int // of RETR

	login, quit session.Mark
	committed   bool
}

// everything stands for the number of a LIST or UIDL without one.
const everything = -1

// asked is a command that waits for its answer.
type asked struct {
	frame  uint64
	number int
}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if s.conn.Step(e) {
		return
	}
	t := s.talk
	if t == nil {
		t = &talk{stls: NotAsked}
		s.talk = t
	}
	switch b := e.Body.(type) {
	case *events.POP3Command:
		f.command(s, t, e, b)
	case *events.POP3Reply:
		f.reply(s, t, e, b)
	case *events.MailMessage:
		t.message(e, b)
	}
}

// longestUser is as much as is kept of a name.
const longestUser = 255

func clip(s string) string { return strings.Clone(s[:min(len(s), longestUser)]) }

func (f *fold) command(s *state, t *talk, e *events.Event, b *events.POP3Command) {
	s.conn.Trips.Ask(e.Pos.Frame)
	clear := session.InClear(e)
	switch b.Verb {
	case "USER":
		t.user = clip(b.Args)
	case "PASS":
		if clear {
			t.creds.Add(session.Credential{Mechanism: "USER/PASS", Exposes: session.Password, User: t.user, Outcome: session.Unanswered, Frame: e.Pos.Frame})
		}
	case "APOP":
		name, _, _ := strings.Cut(b.Args, " ")
		t.user = clip(name)
		if clear {
			t.creds.Add(session.Credential{Mechanism: "APOP", Exposes: session.Response, User: t.user, Outcome: session.Unanswered, Frame: e.Pos.Frame})
		}
	case "AUTH":
		t.user = ""
		if clear && b.Args != "" {
			t.creds.Add(session.SASL(b.Args, e.Pos.Frame))
		}
	case "STLS":
		t.stls = Unanswered
	case "RETR", "TOP":
		if len(t.messages) >= f.pending {
			t.limited++
			return
		}
		t.messages = append(t.messages, Message{Number: number(b.Args), Command: b.Verb, Frame: e.Pos.Frame})
		t.started = append(t.started, e.Time)
	case "DELE":
		t.ask(f.pending, asked{e.Pos.Frame, number(b.Args)})
	case "LIST", "UIDL":
		if b.Args == "" {
			t.ask(f.pending, asked{e.Pos.Frame, everything})
		}
	case "QUIT":
		if !t.quit.Set {
			t.quit = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
		}
	}
}

// number is the message that an argument begins with; 0: none.
func number(args string) int {
	word, _, _ := strings.Cut(args, " ")
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (f *fold) reply(s *state, t *talk, e *events.Event, b *events.POP3Reply) {
	if b.Verb == "" && b.CommandFrame == 0 && !s.conn.Heard[events.FromClient] && s.conn.Greeting == 0 {
		s.conn.Greeting = e.Pos.Frame
	}
	before := s.conn.Trips.Done
	s.conn.Trips.Answer(b.CommandFrame)
	trips := s.conn.Trips.Done - before
	if !b.OK && !b.Continue && b.Verb != "" {
		t.errors++
	}
	switch b.Verb {
	case "PASS", "APOP", "AUTH":
		f.loggedIn(s, t, e, b)
	case "STLS":
		t.stls = Refused
		if b.OK {
			t.stls = Used
		}
	case "CAPA":
		t.offered = t.offered || slices.ContainsFunc(b.Lines, func(l string) bool { return strings.EqualFold(l, "STLS") })
	case "STAT":
		if b.OK {
			t.stat(b.Text)
		}
	case "LIST", "UIDL":
		if t.answered(b.CommandFrame) == everything && b.OK && !e.Truncated {
			t.listing(b)
		}
	case "RETR", "TOP":
		t.given(e, b, trips)
	case "DELE":
		t.deleted(b)
	case "RSET":
		if b.OK {
			t.marked = nil
		}
	case "QUIT":
		t.committed = b.OK && t.login.Set
	}
}

func (f *fold) loggedIn(s *state, t *talk, e *events.Event, b *events.POP3Reply) {
	switch {
	case b.Continue:
	case b.OK:
		t.creds.Settle(session.Accepted)
		if !t.login.Set {
			t.login = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
			t.accepted = t.user
		}
	default:
		t.creds.Settle(session.Refused)
	}
}

// stat reads "2 1296" (RFC 1939 section 5); what comes first counts.
func (t *talk) stat(text string) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return
	}
	n, err := strconv.Atoi(f[0])
	octets, err2 := strconv.ParseInt(f[1], 10, 64)
	if err != nil || err2 != nil || n < 0 || octets < 0 {
		return
	}
	if t.before == nil && len(t.marked) == 0 {
		t.before = &n
	}
	if t.octets == nil && len(t.marked) == 0 {
		t.octets = &octets
	}
}

// listing counts the lines of LIST and UIDL: marked messages are in neither.
func (t *talk) listing(b *events.POP3Reply) {
	if t.before == nil {
		n := len(b.Lines) + len(t.marked)
		t.before = &n
	}
	if b.Verb == "UIDL" || t.octets != nil || len(t.marked) > 0 {
		return
	}
	sum := int64(0)
	for _, l := range b.Lines {
		_, size, _ := strings.Cut(l, " ")
		size, _, _ = strings.Cut(size, " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 0 {
			return
		}
		sum += n
	}
	t.octets = &sum
}

// given takes the status of RETR or TOP; the message follows.
func (t *talk) given(e *events.Event, b *events.POP3Reply, trips int) {
	for i := range t.messages {
		m := &t.messages[i]
		if m.Frame != b.CommandFrame || m.EndFrame != 0 {
			continue
		}
		m.OK, m.EndFrame, m.RoundTrips, m.Duration = b.OK, e.Pos.Frame, trips, e.Time.Sub(t.started[i])
		if m.Command == "RETR" {
			t.trips += trips
		}
		if b.OK {
			t.filling = i + 1
		}
		return
	}
}

func (t *talk) message(e *events.Event, b *events.MailMessage) {
	if t.filling == 0 {
		return
	}
	i := t.filling - 1
	t.filling = 0
	m := &t.messages[i]
	m.Bytes, m.Missing, m.Whole, m.ID = b.Bytes, b.Missing, b.Complete, b.MessageID
	m.EndFrame, m.Duration = e.Pos.Frame, e.Time.Sub(t.started[i])
}

func (t *talk) deleted(b *events.POP3Reply) {
	n := t.answered(b.CommandFrame)
	if b.OK && n > 0 {
		if t.marked == nil {
			t.marked = map[int]bool{}
		}
		t.marked[n] = true
	}
}

func (t *talk) ask(most int, a asked) {
	if len(t.asked) < most {
		t.asked = append(t.asked, a)
	}
}

// answered is the number that the command of frame asked for; 0: not known.
func (t *talk) answered(frame uint64) int {
	i := slices.IndexFunc(t.asked, func(a asked) bool { return a.frame == frame })
	if i < 0 {
		return 0
	}
	n := t.asked[i].number
	t.asked = slices.Delete(t.asked, i, i+1)
	return n
}

// Close makes the row.
func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.talk == nil {
		if s.conn.TLS != session.Implicit {
			return // not POP3
		}
		s.talk = &talk{stls: Implicit}
	}
	emit(k.String(), row(k, &s.conn, s.talk))
}
