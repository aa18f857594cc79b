package imapsession

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// finish makes the row of a connection.
func (t *talk) finish(k events.StreamKey, c *session.Conn) *Session {
	v := &t.row
	v.Cost, v.Closed, v.Undecided, v.Filter = c.Cost(), closed(c, t), c.Undecided(), k.Filter()
	v.Client, v.Server = c.Ends()
	if c.TLS == session.Upgraded {
		v.STARTTLS = Used
	}
	whole, bytes := 0, int64(0)
	for i := range v.Bodies {
		if b := &v.Bodies[i]; b.Section == "" && b.Whole {
			whole++
			bytes += b.Bytes
		}
	}
	v.PerMessage = v.Cost.PerMessage(whole, bytes, t.trips)
	t.phases(c)
	fs := []uint64{c.First, c.Greeting}
	for i := range v.Credentials {
		fs = append(fs, v.Credentials[i].Frame)
	}
	for i := range v.Folders[:min(len(v.Folders), analyzers.MaxFrames)] {
		fs = append(fs, v.Folders[i].Frame)
	}
	for i := range v.Bodies[:min(len(v.Bodies), analyzers.MaxFrames)] {
		fs = append(fs, v.Bodies[i].Frame)
	}
	v.Frames = analyzers.ArrangeFrames(fs)
	return v
}

// phases cuts the session at the log-in and at LOGOUT.
func (t *talk) phases(c *session.Conn) {
	v := &t.row
	if v.Undecided != "" {
		return
	}
	cut, end := c.Cut(), c.End()
	out := end
	if t.logout.Set {
		out = t.logout
	}
	if !t.login.Set {
		v.Phases.NotAuthenticated = cut.To(out)
	} else {
		v.Phases.NotAuthenticated = cut.To(t.login)
		v.Phases.Authenticated = cut.To(out)
	}
	if t.logout.Set {
		v.Phases.Logout = cut.To(end)
	}
}

// closed says how the session ended.
func closed(c *session.Conn, t *talk) string {
	switch why := c.Ending(); {
	case t.logout.Set:
		return "logout"
	case why == 0, why == events.EndFIN && c.TLS != session.Clear:
		return "undecided"
	case why != events.EndFIN:
		return why.String()
	}
	return "closed without LOGOUT"
}
