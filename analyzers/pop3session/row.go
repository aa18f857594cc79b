package pop3session

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// row is the answer for one connection.
func row(k events.StreamKey, c *session.Conn, t *talk) *Session {
	v := &Session{
		User: t.accepted, Before: t.before, Octets: t.octets, Marked: len(t.marked), Committed: t.committed,
		Cost: c.Cost(), Closed: closed(c, t), STLS: t.stls, Offered: t.offered,
		Credentials: t.creds.List, MoreCredentials: t.creds.More, Errors: t.errors, Messages: t.messages, Limited: t.limited,
		Undecided: c.Undecided(), Filter: k.Filter(),
	}
	v.Client, v.Server = c.Ends()
	if c.TLS == session.Upgraded {
		v.STLS = Used
	}
	bytes := v.count(t)
	v.PerMessage = v.Cost.PerMessage(v.Fetched, bytes, t.trips)
	v.mode(c, t)
	v.left(c, t)
	v.phases(c, t)
	fs := []uint64{c.First, c.Greeting}
	for i := range t.creds.List {
		fs = append(fs, t.creds.List[i].Frame)
	}
	for i := range t.messages[:min(len(t.messages), analyzers.MaxFrames)] {
		fs = append(fs, t.messages[i].Frame, t.messages[i].EndFrame)
	}
	v.Frames = analyzers.ArrangeFrames(fs)
	return v
}

// count counts messages, each once, and the bytes of those that came whole.
func (v *Session) count(t *talk) (bytes int64) {
	whole, seen := map[int]bool{}, map[int]bool{}
	for i := range t.messages {
		m := &t.messages[i]
		m.Deleted = t.marked[m.Number]
		if m.Command == "RETR" && m.Whole && !whole[m.Number] {
			whole[m.Number] = true
			v.Fetched++
			bytes += m.Bytes
		}
	}
	for i := range t.messages {
		m := &t.messages[i]
		if m.Command == "TOP" && m.OK && !whole[m.Number] && !seen[m.Number] {
			seen[m.Number] = true
			v.Looked++
		}
	}
	return bytes
}

func (v *Session) mode(c *session.Conn, t *talk) {
	gone, kept := 0, 0
	for i := range t.messages {
		switch m := &t.messages[i]; {
		case m.Command != "RETR" || !m.OK:
		case m.Deleted && v.Committed:
			gone++
		default:
			kept++
		}
	}
	switch {
	case v.Undecided != "" && gone+kept == 0, c.Lost[events.FromClient], c.Lost[events.FromServer], v.open(t):
		v.Mode = Undecided
	case gone+kept > 0 && kept == 0:
		v.Mode = Delete
	case gone > 0:
		v.Mode = Mixed
	case kept > 0:
		v.Mode = Keep
	case !t.login.Set:
		v.Mode = NoLogin
	default:
		v.Mode = Nothing
	}
}

// open: whether marked messages were deleted is not known: QUIT was refused,
// or its answer or the end of the connection was not captured.
func (v *Session) open(t *talk) bool {
	return v.Marked > 0 && !t.committed && v.Closed != "closed without QUIT" && v.Closed != "reset"
}

// left: nothing is deleted but by QUIT (RFC 1939 section 6).
func (v *Session) left(c *session.Conn, t *talk) {
	if v.Before == nil || c.Lost[events.FromServer] || c.Lost[events.FromClient] || v.open(t) {
		return
	}
	n := *v.Before
	if t.committed {
		n -= v.Marked
	}
	if n >= 0 {
		v.Left = &n
	}
}

// phases cuts the session at the log-in and at QUIT.
func (v *Session) phases(c *session.Conn, t *talk) {
	if v.Undecided != "" {
		return
	}
	cut, end := c.Cut(), c.End()
	quit := end
	if t.quit.Set {
		quit = t.quit
	}
	if !t.login.Set {
		v.Phases.Authorization = cut.To(quit)
	} else {
		v.Phases.Authorization = cut.To(t.login)
		v.Phases.Transaction = cut.To(quit)
	}
	if t.quit.Set && t.login.Set {
		v.Phases.Update = cut.To(end)
	}
}

// closed says how the session ended.
func closed(c *session.Conn, t *talk) string {
	switch why := c.Ending(); {
	case t.quit.Set:
		return "quit"
	case why == 0, why == events.EndFIN && c.TLS != session.Clear:
		return "undecided"
	case why != events.EndFIN:
		return why.String()
	}
	return "closed without QUIT"
}
