package ftpsession

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// tell gives out one transfer.
func (f *fold) tell(k events.StreamKey, s *state, x *transfer, emit analyzers.Emit) {
	t, c := s.talk, &s.conn
	for i := range t.open {
		if t.open[i] == x {
			t.open = append(t.open[:i], t.open[i+1:]...)
			break
		}
	}
	v := &x.file
	r := &Row{Kind: "file", Control: k.Stream, File: v, Filter: k.Filter()}
	r.Client, r.Server = c.Ends()
	fs := []uint64{x.prepare.frame, v.Frame, v.EndFrame}
	v.SetUpTrips = x.trips
	end := x.refusal
	if d := x.data; d != nil {
		rtt, _ := c.RTT()
		v.data(d, rtt)
		v.Data = x.flow.String()
		r.Filter += " || " + x.flow.Filter()
		fs = append(fs, d.FirstFrame, x.dataEnds)
		if v.SetUpTrips > 0 {
			v.SetUpTrips++ // the data connection was made, used or not
		}
		if d.FirstTime != 0 {
			end = d.FirstTime
		}
	}
	if end != 0 && x.prepare.set {
		took := max(end.Sub(x.prepare.time), 0)
		v.SetUp = &took
		if rtt, ok := c.RTT(); ok && rtt > 0 {
			v.SetUpRTTs = session.Round(float64(took) / float64(rtt))
		}
	}
	v.Outcome, r.Undecided = x.outcome(c)
	t.row.count(v)
	r.Frames = analyzers.ArrangeFrames(fs)
	name := v.Command
	if name == "" {
		name = "unknown command"
	}
	if v.Path != "" {
		name += " " + v.Path
	}
	emit(k.String()+" "+name, r)
}

// data takes what the data connection tells.
func (v *File) data(d *events.FTPData, rtt events.Duration) {
	v.Bytes, v.Missing, v.SHA256, v.Protected, v.Mode = d.Bytes, d.Missing, d.SHA256, d.Protected, d.Mode
	if d.Type != "" {
		v.Type = d.Type
	}
	v.TransferMode = d.TransferMode
	if v.Code == 0 {
		v.Code = d.Reply
	}
	if d.FirstTime != 0 {
		took := max(d.LastTime.Sub(d.FirstTime), 0)
		v.Took = &took
		if took > 0 && took >= rtt/2 { // else it came in one burst
			v.Rate = session.Round(float64(d.Bytes) / took.Std().Seconds())
		}
	}
}

// outcome is what became of the transfer, and why that is not known.
func (x *transfer) outcome(c *session.Conn) (Outcome, string) {
	v, d := &x.file, x.data
	switch {
	case v.Code >= 400 && (d == nil || d.Bytes == 0):
		return Refused, ""
	case d == nil && v.Code/100 == 2:
		return Unseen, "no data connection was captured"
	case d == nil && c.TLS == session.Upgraded:
		return Undecided, "the rest of the session is encrypted"
	case d == nil:
		return Undecided, "neither its data nor the answer to it were captured"
	case v.Code >= 400:
		return Broken, ""
	case d.Missing > 0:
		return Undecided, "bytes of it were not captured"
	case !d.Complete:
		return Broken, ""
	case v.Command == "":
		return Complete, "its command was not captured"
	case v.Code/100 != 2:
		return Complete, "the server's last word on it was not captured"
	}
	return Complete, ""
}

// count adds a transfer to its session.
func (v *Session) count(x *File) {
	if listing(x.Command) {
		v.Listings++
	} else {
		v.Files++
	}
	switch x.Outcome {
	case Refused, Broken:
		v.Failed++
	}
	switch x.Mode {
	case "active":
		v.Active++
	case "passive":
		v.Passive++
	}
	v.DataBytes += x.Bytes
}

// session is the row of the control connection.
func (t *talk) session(k events.StreamKey, c *session.Conn) *Row {
	v := &t.row
	v.Cost, v.Closed = c.Cost(), closed(c, t)
	v.Control = v.Cost.ClientBytes + v.Cost.ServerBytes
	if c.TLS == session.Upgraded {
		v.TLS = "used"
	}
	r := &Row{Kind: "session", Control: k.Stream, Session: v, Undecided: c.Undecided(), Filter: k.Filter()}
	r.Client, r.Server = c.Ends()
	fs := []uint64{c.First, c.Greeting}
	for i := range v.Credentials {
		fs = append(fs, v.Credentials[i].Frame)
	}
	r.Frames = analyzers.ArrangeFrames(fs)
	return r
}

// closed says how the session ended.
func closed(c *session.Conn, t *talk) string {
	switch why := c.Ending(); {
	case t.quit:
		return "quit"
	case why == 0, why == events.EndFIN && c.TLS != session.Clear:
		return "undecided"
	case why != events.EndFIN:
		return why.String()
	}
	return "closed without QUIT"
}
