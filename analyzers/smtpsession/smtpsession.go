// Package smtpsession answers how each SMTP connection went: its phases and
// round trips, what became of encryption and of each envelope, and what went
// over the wire that should not have. It must not look into messages, and it
// never repeats a secret.
package smtpsession

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Question is smtp.session.
var Question = analyzers.Question{
	Name: "smtp.session",
	Area: analyzers.Mail,
	Doc:  "each SMTP connection: phases, round trips, encryption, envelopes, refusals",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("smtp.session", o, &fold{pending: max(o.Limits.FoldPending, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Session{},
}

var protocol = session.Protocol{Name: "smtp", Ports: []uint16{25, 587, 24, 2525}, TLSPorts: []uint16{465}}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return session.FlowKinds(events.KindSMTPCommand, events.KindSMTPReply, events.KindMailMessage)
}

func (*fold) Key(e *events.Event) (events.StreamKey, bool) { return protocol.Key(e) }

// Idle: a server waits for ten minutes at most (RFC 5321 section 4.5.3.2.6).
func (*fold) Idle() time.Duration { return 15 * time.Minute }

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
	hello      string
	extensions []string
	offers     offer
	lmtp       bool

	starttls  STARTTLS
	offered   uint64 // frame
	stripping []string

	creds session.Credentials

	open     []*transaction // the last is being written
	messages []Message
	limited  int

	transactions, accepted, refused int
	bytes                           int64

	mail, quit session.Mark // first MAIL; QUIT
}

// offer is what a server offered, of what matters here.
type offer uint8

const (
	offersTLS offer = 1 << iota
	offersEightBit
	offersUTF8
	offersPipelining
)

var offers = map[string]offer{"STARTTLS": offersTLS, "8BITMIME": offersEightBit, "SMTPUTF8": offersUTF8, "PIPELINING": offersPipelining}

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if s.conn.Step(e) {
		return
	}
	t := s.talk
	if t == nil {
		t = &talk{starttls: NotSeen}
		s.talk = t
	}
	switch b := e.Body.(type) {
	case *events.SMTPCommand:
		f.command(s, t, e, b)
	case *events.SMTPReply:
		f.reply(s, t, e, b)
	case *events.MailMessage:
		t.message(b)
	}
}

func (f *fold) command(s *state, t *talk, e *events.Event, b *events.SMTPCommand) {
	s.conn.Trips.Ask(e.Pos.Frame)
	switch b.Verb {
	case "EHLO", "HELO", "LHLO":
		t.hello = strings.Clone(clip(b.Args))
		t.lmtp = b.Verb == "LHLO"
		f.end(t, e, TakenBack, 0, s)
	case "RSET":
		f.end(t, e, TakenBack, 0, s)
	case "MAIL":
		f.end(t, e, TakenBack, 0, s)
		if !t.mail.Set {
			t.mail = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
		}
		t.transactions++
		if len(t.open) >= f.pending {
			f.finish(s, t, t.open[0], e, Undecided, 0)
		}
		t.open = append(t.open, begin(e, b.Args, s.conn.Trips.Done))
	case "RCPT":
		if x := t.writing(); x != nil {
			if len(x.recipients) >= f.pending {
				t.limited++
				break
			}
			x.recipients = append(x.recipients, recipient{address: address(b.Args), frame: e.Pos.Frame})
		}
	case "BDAT":
		if x := t.writing(); x != nil {
			x.chunks++
		}
	case "STARTTLS", "X-ANONYMOUSTLS":
		t.starttls = Unanswered
	case "AUTH":
		if session.InClear(e) {
			t.creds.Add(session.SASL(b.Args, e.Pos.Frame))
		}
	case "QUIT":
		if !t.quit.Set {
			t.quit = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
		}
	}
}

func (f *fold) reply(s *state, t *talk, e *events.Event, b *events.SMTPReply) {
	if b.Verb == "" && b.CommandFrame == 0 && !s.conn.Heard[events.FromClient] && s.conn.Greeting == 0 {
		s.conn.Greeting = e.Pos.Frame
	}
	// A frame may hold the end of a message and commands behind it, so that
	// its number does not tell which is answered.
	if b.Verb == "." {
		s.conn.Trips.Turn()
	} else {
		s.conn.Trips.Answer(b.CommandFrame)
	}
	refused := b.Code >= 400
	switch b.Verb {
	case "EHLO", "LHLO":
		if !refused {
			t.hear(e, b)
		}
	case "HELO":
		if !refused && t.starttls == NotSeen {
			t.starttls = NotOffered // HELO knows no extensions
		}
	case "STARTTLS", "X-ANONYMOUSTLS":
		switch {
		case !refused:
			t.starttls = Used
		case t.offers&offersTLS == 0:
			t.starttls = Refused
			t.tell("asked for STARTTLS without an offer, and refused: the client expected it")
		default:
			t.starttls = Refused
		}
	case "AUTH":
		switch {
		case b.Code/100 == 2:
			t.creds.Settle(session.Accepted)
		case refused:
			t.creds.Settle(session.Refused)
		}
	case "MAIL":
		if x := t.find(func(x *transaction) bool { return x.mail == b.CommandFrame }); x != nil && refused {
			f.finish(s, t, x, e, Rejected, b.Code)
		}
	case "RCPT":
		t.recipient(e, b)
	case "DATA":
		if x := t.find(func(x *transaction) bool { return !x.ended }); x != nil && refused {
			f.finish(s, t, x, e, Rejected, b.Code)
		}
	case "BDAT":
		x := t.find(func(x *transaction) bool { return x.chunks > 0 })
		if x == nil {
			return
		}
		if x.chunks--; refused {
			f.finish(s, t, x, e, Rejected, b.Code)
		} else if x.ended && x.chunks == 0 {
			f.finish(s, t, x, e, Taken, b.Code)
		}
	case ".":
		f.answered(s, t, e, b)
	}
}

// answered: a message got its reply; with LMTP one for each recipient (RFC
// 2033 section 4.2).
func (f *fold) answered(s *state, t *talk, e *events.Event, b *events.SMTPReply) {
	x := t.find(func(x *transaction) bool { return x.ended })
	if x == nil {
		if x = t.writing(); x == nil { // the message itself was not read
			return
		}
	}
	outcome := Taken
	if b.Code >= 400 {
		outcome = Rejected
	}
	if t.lmtp {
		if outcome == Rejected {
			t.refused++
			x.refuse(e, b, x.nextAccepted())
		} else {
			x.taken = true
			x.nextAccepted()
		}
		if x.waiting() > 0 {
			return
		}
		if x.taken {
			outcome = Taken
		}
	}
	f.finish(s, t, x, e, outcome, b.Code)
}

// Close makes the row.
func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	c := &s.conn
	t := s.talk
	if t == nil {
		if c.TLS != session.Implicit {
			return // not SMTP
		}
		t = &talk{starttls: Implicit}
	}
	last := Broken
	if c.Lost[events.FromServer] || !c.Heard[events.FromServer] || c.Ending() == 0 || c.Ending() == events.EndCaptureOver || c.Ending() == events.EndEvicted {
		last = Undecided
	}
	for len(t.open) > 0 {
		f.finish(s, t, t.open[0], nil, last, 0)
	}
	emit(k.String(), row(k, c, t))
}
