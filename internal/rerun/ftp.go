package rerun

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// ftpData is what a data connection carried, made up in the same size.
func (c *Conversation) ftpData(e *events.Event, x *events.FTPData) (*Message, Reason) {
	switch {
	case x.Protected:
		return nil, Encrypted
	case (!x.Complete || x.Missing > 0) && (x.Bytes > 0 || x.Reply < 400): // refused, it carries nothing
		return nil, CutOff
	case x.TransferMode != "" || x.Bytes > maxBytes || len(c.Messages) > 0:
		return nil, Unbuilt
	}
	c.data = x
	text := madeUp(int(x.Bytes))
	return &Message{Kind: truth.FTPData, Bytes: text, key: fmt.Sprint("ftp.data ", x.Mode, x.Verb, x.Path, x.Bytes),
		fill: truth.Message{Object: &truth.Object{Name: x.Path, Bytes: x.Bytes, SHA256: sum(text)}}}, ""
}

// dataConnections ties the data connections of FTP to their control
// connections: they are opened behind what announced them, their bytes go
// behind the command, and the final reply behind the bytes (RFC 959 section
// 5.1). One whose command is not played is not played.
func (s *Script) dataConnections(b *builder) {
	played := map[*Conversation]bool{}
	for _, c := range s.Conversations {
		played[c] = true
	}
	s.Conversations = slices.DeleteFunc(s.Conversations, func(d *Conversation) bool {
		if d.data == nil {
			return false
		}
		c := b.of[events.StreamKey{Stream: d.data.ControlStream, Proto: events.ProtoTCP}]
		asked := func(m *Message) bool { return m.Kind == truth.FTPCommand && m.frame == d.data.CommandFrame }
		if c == nil || !played[c] || !slices.ContainsFunc(c.Messages, asked) {
			s.Left[Apart]++
			return true
		}
		d.tie(c)
		return false
	})
}

// tie makes d the data connection of c.
func (d *Conversation) tie(c *Conversation) {
	// Messages are in order of time and of frames.
	if i, _ := slices.BinarySearchFunc(c.Messages, d.Start+1, func(m *Message, t events.Time) int { return cmp.Compare(m.at, t) }); i > 0 {
		m := c.Messages[i-1]
		d.opens, d.lead = &mark{c, i - 1}, d.Start.Sub(m.at).Std()
		if c.side(m.From) != d.Client.Addr() {
			d.lead = max(0, d.lead-d.gaps[events.FromClient])
		}
	}
	m := d.Messages[0]
	final := -1
	for i, o := range c.Messages {
		if o.answers == d.data.CommandFrame && o.answers != 0 && o.fill.Line.Code >= 200 {
			final = i
			break
		}
	}
	if final >= 0 && (d.opens == nil || d.opens.message < final) {
		c.Messages[final].needs = &mark{d, 0}
	}
	first := d.data.FirstFrame
	if first == 0 {
		first = m.frame
	}
	for i, o := range c.Messages {
		if i == final || o.frame > first {
			break
		}
		m.needs = &mark{c, i}
	}
}

// side is the address of one side.
func (c *Conversation) side(dir events.Dir) (a netip.Addr) {
	if dir == events.FromServer {
		return c.Server.Addr()
	}
	return c.Client.Addr()
}
