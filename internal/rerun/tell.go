package rerun

import (
	"errors"
	"slices"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// tell makes the truth of what the roles noted.
func (st *stage) tell(roles []*role, t *truth.Truth) error {
	var connected []*truth.Connection
	for _, x := range roles {
		if x.Proto == "tcp" {
			connected = append(connected, &x.connection)
		}
	}
	if st.web != nil {
		for _, c := range st.web.Connections() {
			connected = append(connected, &c)
		}
	}
	slices.SortStableFunc(connected, func(a, b *truth.Connection) int { return a.ConnectStart.Compare(b.ConnectStart) })
	for i, c := range connected {
		c.ID = i
		t.Connections = append(t.Connections, *c)
	}
	for _, x := range roles {
		last := [2]int{-1, -1} // the head that a body belongs to
		part := [2]time.Time{} // when the message began that is being said
		for i, m := range x.Messages {
			if x.sent[i].End.IsZero() {
				return errors.New("rerun: a message was never sent")
			}
			if m.Part {
				if part[m.From].IsZero() {
					part[m.From] = x.sent[i].Start
				}
				continue
			}
			if m.Body && last[m.From] >= 0 {
				h := &t.Messages[last[m.From]]
				h.Sender.End, h.Receiver.End = x.sent[i].End, x.got[i].End
				http := *h.HTTP
				http.BodyBytes, http.SHA256 = m.fill.HTTP.BodyBytes, m.fill.HTTP.SHA256
				if http.BodyBytes == 0 {
					http.SHA256 = ""
				}
				h.HTTP = &http
				continue
			}
			told := m.fill
			told.Kind, told.Transport, told.Client, told.Server = m.Kind, x.Proto, x.from, x.Server
			told.Sender, told.Receiver = x.sent[i], x.got[i]
			if p := part[m.From]; !p.IsZero() {
				told.Sender.Start, part[m.From] = p, time.Time{}
			}
			told.Lost = x.got[i].End.IsZero()
			if x.Proto == "tcp" {
				id := x.connection.ID
				told.Connection = &id
			}
			if told.HTTP != nil && told.HTTP.Status/100 == 1 {
				continue // interim responses are no messages of their own in the truth
			}
			last[m.From] = len(t.Messages)
			t.Messages = append(t.Messages, told)
		}
	}
	if st.web != nil {
		st.web.Tell(t)
	}
	t.SortMessages()
	return nil
}
