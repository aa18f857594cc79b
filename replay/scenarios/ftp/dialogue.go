package ftp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/stage"
	"github.com/wiretale/wiretale/replay/truth"
)

// dataOpenedByServer marks the conversations of active mode.
const dataOpenedByServer = "active"

// result is the truth of control and data connections.
func (t *transfer) result(r *stage.Result) error {
	conversations, err := r.Conversations(
		stage.Talk{Client: t.client, Server: t.server},
		stage.Talk{Client: t.serverData, Server: t.clientData, About: dataOpenedByServer})
	if err != nil {
		return err
	}
	for _, c := range conversations {
		tell := t.data
		if c.About == "" && c.Server.Port() == port {
			tell = t.control
		}
		out, err := tell(c)
		if err != nil {
			return fmt.Errorf("%s to %s: %w", c.Client, c.Server, err)
		}
		r.Truth.Messages = append(r.Truth.Messages, out...)
	}
	return nil
}

// data is what one data connection carried. Server and wire must agree; that
// the client's copy does was checked when it had it.
func (t *transfer) data(c *stage.Conversation) ([]truth.Message, error) {
	client, server := c.Client, c.Server
	if c.About == dataOpenedByServer {
		client, server = server, client
	}
	m, ok := t.done.take(client, server)
	if !ok {
		return nil, errors.New("a data connection that the server does not know of")
	}
	// Who opened the connection is its client, whoever sends.
	from := events.FromServer
	if (m.kind == fromClient) == (c.About != dataOpenedByServer) {
		from = events.FromClient
	}
	if !bytes.Equal(c.Said(from), m.content) {
		return nil, fmt.Errorf("%s %s is not what the server has", m.verb, m.path)
	}
	msg := c.Empty(truth.FTPData, from)
	if len(m.content) > 0 {
		var err error
		if msg, err = c.Message(truth.FTPData, from, 0, len(m.content)); err != nil {
			return nil, err
		}
	}
	msg.Object = stage.Of(m.path, m.content)
	return []truth.Message{msg}, nil
}

// control is what was said on a control connection, by both ends' accounts.
func (t *transfer) control(c *stage.Conversation) ([]truth.Message, error) {
	var out []truth.Message
	add := func(kind truth.Kind, from events.Dir, a, b int, l *truth.Line) error {
		m, err := c.Message(kind, from, a, b)
		m.Line = l
		out = append(out, m)
		return err
	}
	said := c.Said(events.FromClient)
	for at := 0; at < len(said); {
		line, next, ok := stage.NextLine(said, at)
		if !ok {
			return nil, errors.New("a command without an end")
		}
		l := &truth.Line{}
		l.Verb, l.Args, _ = strings.Cut(line, " ")
		if err := add(truth.FTPCommand, events.FromClient, at, next, l); err != nil {
			return nil, err
		}
		at = next
	}
	said = c.Said(events.FromServer)
	for at := 0; at < len(said); {
		l, next, err := reply(said, at)
		if err != nil {
			return nil, err
		}
		if err := add(truth.FTPReply, events.FromServer, at, next, l); err != nil {
			return nil, err
		}
		at = next
	}
	return out, nil
}

// reply reads one with all its lines (RFC 959 section 4.2).
func reply(said []byte, at int) (*truth.Line, int, error) {
	l, end := &truth.Line{}, ""
	for {
		line, next, ok := stage.NextLine(said, at)
		if !ok {
			return nil, at, errors.New("a reply without an end")
		}
		at = next
		switch {
		case end == "": // the first line
			if len(line) < 4 {
				return nil, at, fmt.Errorf("no reply: %q", line)
			}
			code, err := strconv.Atoi(line[:3])
			if err != nil {
				return nil, at, err
			}
			l.Code, l.Lines, end = code, []string{line[4:]}, line[:3]+" "
			if line[3] == ' ' {
				return l, at, nil
			}
		case strings.HasPrefix(line, end):
			l.Lines = append(l.Lines, line[4:])
			return l, at, nil
		default:
			l.Lines = append(l.Lines, line)
		}
	}
}
