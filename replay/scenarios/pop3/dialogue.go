package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/stage"
	"github.com/wiretale/wiretale/replay/truth"
)

// result is the truth of all visits.
func (v *visits) result(r *stage.Result) error {
	conversations, err := r.Conversations(stage.Talk{Client: v.agent, Server: v.host})
	if err != nil {
		return err
	}
	for _, c := range conversations {
		d := dialogue{v: v, c: c}
		if err := d.read(); err != nil {
			return fmt.Errorf("%s: %w", c.Client, err)
		}
		r.Truth.Messages = append(r.Truth.Messages, d.messages...)
	}
	return nil
}

// dialogue is what both sides said in turns, by their own accounts.
type dialogue struct {
	v        *visits
	c        *stage.Conversation
	messages []truth.Message
	at       [2]int
	letters  int // so many were fetched
}

func (d *dialogue) read() error {
	if err := d.reply("", ""); err != nil { // the greeting
		return err
	}
	for {
		from := d.at[events.FromClient]
		line, next, ok := stage.NextLine(d.c.Said(events.FromClient), from)
		if !ok {
			return nil
		}
		d.at[events.FromClient] = next
		verb, args, _ := strings.Cut(line, " ")
		if err := d.add(truth.POP3Command, events.FromClient, from, next, &truth.Line{Verb: verb, Args: args}); err != nil {
			return err
		}
		if err := d.reply(verb, args); err != nil {
			return err
		}
	}
}

// form is what follows the first line of a reply.
type form uint8

const (
	oneLine form = iota
	listing
	message
)

func formOf(verb, args, status string) form {
	switch {
	case status != "+OK":
		return oneLine
	case verb == "CAPA", (verb == "LIST" || verb == "UIDL") && args == "":
		return listing
	case verb == "RETR", verb == "TOP":
		return message
	}
	return oneLine
}

func (d *dialogue) reply(verb, args string) error {
	said, from := d.c.Said(events.FromServer), d.at[events.FromServer]
	line, at, ok := stage.NextLine(said, from)
	if !ok {
		return errors.New("a reply is missing")
	}
	status, text, _ := strings.Cut(line, " ")
	l := &truth.Line{Status: status, Lines: []string{text}}
	f := formOf(verb, args, status)
	if f == oneLine || f == message {
		if err := d.add(truth.POP3Reply, events.FromServer, from, at, l); err != nil {
			return err
		}
		d.at[events.FromServer] = at
		if f == message {
			return d.letter(at)
		}
		return nil
	}
	for {
		if line, at, ok = stage.NextLine(said, at); !ok {
			return errors.New("a listing without an end")
		}
		if line == "." {
			d.at[events.FromServer] = at
			return d.add(truth.POP3Reply, events.FromServer, from, at, l)
		}
		l.Lines = append(l.Lines, strings.TrimPrefix(line, "."))
	}
}

// letter is what RETR or TOP gave. The server's copy, the wire and the
// client's copy must agree.
func (d *dialogue) letter(at int) error {
	got := d.v.fetched[d.c.Client]
	if d.letters >= len(got) {
		return errors.New("a letter that the client does not know of")
	}
	f := got[d.letters]
	d.letters++
	var l *letters.Letter
	for _, k := range d.v.drop.all {
		if uniqueID(k) == f.id {
			l = k
		}
	}
	if l == nil {
		return errors.New("a letter that the server does not know of")
	}
	rest := d.c.Said(events.FromServer)[at:]
	n := bytes.Index(rest, []byte("\r\n.\r\n"))
	if n < 0 {
		return errors.New("a letter without an end")
	}
	wire := bytes.ReplaceAll(rest[:n+2], []byte("\r\n."), []byte("\r\n"))
	o := l.Object()
	if f.lines != all {
		o = stage.Of(l.ID, top(l.Raw, f.lines))
	}
	if o.SHA256 != stage.Of("", wire).SHA256 || o.SHA256 != stage.Of("", f.raw).SHA256 {
		return fmt.Errorf("letter %s is not what the server has", l.ID)
	}
	m, err := d.c.Message(truth.MailMessage, events.FromServer, at, at+n+2)
	if err != nil {
		return err
	}
	m.Object = o
	d.messages = append(d.messages, m)
	d.at[events.FromServer] = at + n + 5
	return nil
}

func (d *dialogue) add(kind truth.Kind, from events.Dir, a, b int, said *truth.Line) error {
	m, err := d.c.Message(kind, from, a, b)
	if err == nil {
		m.Line = said
		d.messages = append(d.messages, m)
	}
	return err
}
