package smtpsession

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// row is the answer for one connection.
func row(k events.StreamKey, c *session.Conn, t *talk) *Session {
	v := &Session{
		Hello: t.hello, Extensions: t.extensions, Cost: c.Cost(), Closed: closed(c, t),
		STARTTLS: t.starttls, OfferedFrame: t.offered, Stripping: t.stripping,
		Credentials: t.creds.List, MoreCredentials: t.creds.More,
		Transactions: t.transactions, Accepted: t.accepted, MessageBytes: t.bytes, Refused: t.refused,
		Messages: t.messages, Limited: t.limited,
		Undecided: c.Undecided(), Filter: k.Filter(),
	}
	v.Client, v.Server = c.Ends()
	if c.TLS == session.Implicit {
		v.STARTTLS = Implicit
	} else if c.TLS == session.Upgraded {
		v.STARTTLS = Used
	}
	v.phases(c, t)
	fs := []uint64{c.First, c.Greeting, t.offered}
	for i := range t.creds.List {
		fs = append(fs, t.creds.List[i].Frame)
	}
	for i := range t.messages {
		fs = append(fs, t.messages[i].Frame, t.messages[i].EndFrame)
		if len(fs) > 4*analyzers.MaxFrames {
			break
		}
	}
	v.Frames = analyzers.ArrangeFrames(fs)
	return v
}

// phases cuts the session at the first MAIL and at QUIT.
func (v *Session) phases(c *session.Conn, t *talk) {
	if c.Undecided() != "" {
		return
	}
	cut, end := c.Cut(), c.End()
	switch {
	case t.mail.Set:
		v.Phases.Handshake = cut.To(t.mail)
		if t.quit.Set {
			v.Phases.Transfer = cut.To(t.quit)
		} else {
			v.Phases.Transfer = cut.To(end)
		}
	case t.quit.Set:
		v.Phases.Handshake = cut.To(t.quit)
	default:
		v.Phases.Handshake = cut.To(end)
	}
	if t.quit.Set {
		v.Phases.Closure = cut.To(end)
	}
}

// closed says how the session ended.
func closed(c *session.Conn, t *talk) string {
	switch why := c.Ending(); {
	case t.quit.Set:
		return "quit"
	case why == 0:
		return "undecided"
	case why != events.EndFIN:
		return why.String()
	case c.TLS != session.Clear:
		return "undecided" // QUIT was said under TLS, if it was
	}
	return "closed without QUIT"
}
