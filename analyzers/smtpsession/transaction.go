package smtpsession

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// transaction is an envelope that is open (RFC 5321 section 3.3).
type transaction struct {
	row        Message
	recipients []recipient
	mail       uint64 // frame of MAIL
	start      events.Time
	trips      int  // done when MAIL was sent
	chunks     int  // BDATs without an answer
	ended      bool // the end of its message was seen
	taken      bool // LMTP: by a recipient
	next       int  // LMTP: the recipient whose reply comes next
	body       string
	utf8       bool
	eight      bool // the envelope has bytes above 127
	eightBit   events.EightBit
	header     *events.MailMessage
}

type recipient struct {
	address string
	frame   uint64 // of RCPT
	code    int    // 0: no reply yet
}

// begin reads the argument of MAIL.
func begin(e *events.Event, args string, trips int) *transaction {
	x := &transaction{mail: e.Pos.Frame, start: e.Time, trips: trips}
	x.row.From, x.row.Frame = address(args), e.Pos.Frame
	for _, p := range parameters(args) {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToUpper(name) {
		case "BODY":
			x.body = strings.ToUpper(clip(strings.Clone(value)))
		case "SMTPUTF8":
			x.utf8 = true
		}
	}
	x.eight = !ascii(x.row.From)
	return x
}

// address is the mailbox in the argument of MAIL or RCPT (section 4.1.2).
func address(args string) string {
	if _, rest, ok := strings.Cut(args, ":"); ok {
		args = rest
	}
	args = strings.TrimLeft(args, " \t")
	if !strings.HasPrefix(args, "<") {
		args, _, _ = strings.Cut(args, " ")
		return strings.Clone(clip(args))
	}
	args = args[1:]
	if i := strings.LastIndexByte(beforeParameters(args), '>'); i >= 0 {
		args = args[:i]
	}
	if strings.HasPrefix(args, "@") { // a source route (appendix C)
		if _, a, ok := strings.Cut(args, ":"); ok {
			args = a
		}
	}
	return strings.Clone(clip(args))
}

// beforeParameters is a path up to its bracket: the last one that a blank or
// the end follows first.
func beforeParameters(s string) string {
	if i := strings.Index(s, "> "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// parameters are the words behind the path.
func parameters(args string) []string {
	if i := strings.Index(args, "> "); i >= 0 {
		return strings.Fields(args[i+1:])
	}
	f := strings.Fields(args)
	return f[min(1, len(f)):]
}

// writing is the transaction that commands belong to.
func (t *talk) writing() *transaction {
	if n := len(t.open); n > 0 && !t.open[n-1].ended {
		return t.open[n-1]
	}
	return nil
}

// find is the first transaction for which ok is true.
func (t *talk) find(ok func(*transaction) bool) *transaction {
	for _, x := range t.open {
		if ok(x) {
			return x
		}
	}
	return nil
}

// message: a message was sent to its end, or broke off.
func (t *talk) message(b *events.MailMessage) {
	x := t.writing()
	if x == nil {
		return
	}
	x.ended = true
	x.row.Bytes, x.row.Missing, x.row.ID = b.Bytes, b.Missing, b.MessageID
	x.header = b
	x.eightBit = b.EightBit
	t.bytes += b.Bytes
}

// recipient takes the reply to RCPT.
func (t *talk) recipient(e *events.Event, b *events.SMTPReply) {
	for _, x := range t.open {
		for i := range x.recipients {
			r := &x.recipients[i]
			if r.frame != b.CommandFrame || r.code != 0 {
				continue
			}
			r.code = b.Code
			if b.Code >= 400 {
				t.refused++
				x.refuse(e, b, i)
			}
			return
		}
	}
}

// refuse: recipient i was not wanted.
func (x *transaction) refuse(e *events.Event, b *events.SMTPReply, i int) {
	if i < 0 {
		return
	}
	x.recipients[i].code = b.Code
	x.row.Refused = append(x.row.Refused, Refusal{Address: x.recipients[i].address, Code: b.Code, Enhanced: b.Enhanced, Frame: e.Pos.Frame})
}

// nextAccepted is the accepted recipient that the next reply of LMTP is about.
func (x *transaction) nextAccepted() int {
	for ; x.next < len(x.recipients); x.next++ {
		if x.recipients[x.next].code/100 == 2 {
			x.next++
			return x.next - 1
		}
	}
	return -1
}

// waiting are the recipients whose replies of LMTP are to come.
func (x *transaction) waiting() int {
	n := 0
	for _, r := range x.recipients[min(x.next, len(x.recipients)):] {
		if r.code/100 == 2 {
			n++
		}
	}
	return n
}

// end: a command ends the transaction that is being written, if there is one.
func (f *fold) end(t *talk, e *events.Event, o Outcome, code int, s *state) {
	if x := t.writing(); x != nil {
		f.finish(s, t, x, e, o, code)
	}
}

// finish lists a transaction; e is what ended it, nil the end of the session.
func (f *fold) finish(s *state, t *talk, x *transaction, e *events.Event, o Outcome, code int) {
	for i := range t.open {
		if t.open[i] == x {
			t.open = append(t.open[:i], t.open[i+1:]...)
			break
		}
	}
	if o == Taken {
		t.accepted++
	}
	if (o == TakenBack || o == Broken || o == Undecided) && len(x.recipients) > 0 && len(x.row.Refused) == len(x.recipients) {
		o, code = Rejected, x.row.Refused[0].Code // nobody was left to send it to
	}
	if len(t.messages) >= f.pending {
		t.limited++
		return
	}
	m := &x.row
	m.Outcome, m.Code = o, code
	if e != nil {
		m.Duration, m.RoundTrips, m.EndFrame = e.Time.Sub(x.start), s.conn.Trips.Done-x.trips, e.Pos.Frame
	}
	for _, r := range x.recipients {
		x.eight = x.eight || !ascii(r.address)
		if r.code < 400 {
			m.Recipients = append(m.Recipients, r.address)
		}
	}
	x.compare()
	x.sevenBit(t.offers)
	t.messages = append(t.messages, *m)
}
