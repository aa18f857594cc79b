package smtp

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

// tell adds one conversation to the truth: each line that an end wrote, and
// each letter as its author and its reader know it.
func (m *mail) tell(r *stage.Result, c *stage.Conversation) error {
	d := dialogue{c: c}
	if err := d.read(); err != nil {
		return err
	}
	r.Truth.Messages = append(r.Truth.Messages, d.messages...)
	if d.tls {
		return m.tellTLS(r, &d)
	}
	found, err := m.letters(&d)
	r.Truth.Messages = append(r.Truth.Messages, found...)
	return err
}

// letters are those of a dialogue. Author, wire and reader must agree.
func (m *mail) letters(d *dialogue) ([]truth.Message, error) {
	sent, arrived := m.sent[d.c.Client], m.arrived[d.c.Client]
	if len(sent) != len(d.letters) || len(arrived) != len(d.letters) {
		return nil, fmt.Errorf("%d letters were sent, %d arrived, and %d were on the way", len(sent), len(arrived), len(d.letters))
	}
	var out []truth.Message
	for i, span := range d.letters {
		l := sent[i]
		if !bytes.Equal(l.Raw, arrived[i]) || !bytes.Equal(l.Raw, unstuff(d.c.Said(events.FromClient)[span.From:span.To])) {
			return nil, fmt.Errorf("letter %s is not what was sent", l.ID)
		}
		// The line with the dot is part of the transfer, not of the letter.
		msg, err := d.c.Message(truth.MailMessage, events.FromClient, span.From, span.To)
		if err != nil {
			return nil, err
		}
		msg.Object = l.Object()
		out = append(out, msg)
	}
	return out, nil
}

// dialogue is what both sides said in turns (RFC 5321 section 3), by their own
// accounts.
type dialogue struct {
	c        *stage.Conversation
	messages []truth.Message
	letters  []stage.Span // of what the client said
	tls      bool         // STARTTLS was agreed
	greeted  bool         // it goes on behind STARTTLS: no greeting comes

	at [2]int // how far each side was read
}

// expect says what a side does next.
type expect uint8

const (
	commands expect = iota
	text            // behind 354
	steps           // of an AUTH exchange
)

func (d *dialogue) read() error {
	if !d.greeted {
		if _, err := d.reply(); err != nil {
			return err
		}
	}
	next := commands
	for {
		if next == text {
			if err := d.letter(); err != nil {
				return err
			}
			if _, err := d.reply(); err != nil {
				return err
			}
			next = commands
			continue
		}
		verb, ok, err := d.command(next == steps)
		if err != nil || !ok {
			return err
		}
		code, err := d.reply()
		if err != nil {
			return err
		}
		switch {
		case verb == "DATA" && code == 354:
			next = text
		case code == 334:
			next = steps
		case verb == "STARTTLS" && code == 220:
			d.tls = true
			return nil
		default:
			next = commands
		}
	}
}

// command reads a line of the client; false: there is none any more.
func (d *dialogue) command(step bool) (verb string, ok bool, err error) {
	from := d.at[events.FromClient]
	line, next, ok := stage.NextLine(d.c.Said(events.FromClient), from)
	if !ok {
		return "", false, nil
	}
	said := &truth.Line{Args: line}
	if !step {
		said.Verb, said.Args, _ = strings.Cut(line, " ")
	}
	d.at[events.FromClient] = next
	return said.Verb, true, d.add(truth.SMTPCommand, events.FromClient, from, next, said)
}

// reply reads a reply with all its lines (RFC 5321 section 4.2.1).
func (d *dialogue) reply() (code int, err error) {
	from := d.at[events.FromServer]
	said := &truth.Line{}
	for at := from; ; {
		line, next, ok := stage.NextLine(d.c.Said(events.FromServer), at)
		if !ok || len(line) < 3 {
			return 0, errors.New("a reply is missing")
		}
		if said.Code, err = strconv.Atoi(line[:3]); err != nil {
			return 0, err
		}
		at = next
		if len(line) > 4 {
			said.Lines = append(said.Lines, line[4:])
		} else {
			said.Lines = append(said.Lines, "")
		}
		if len(line) == 3 || line[3] != '-' {
			d.at[events.FromServer] = at
			return said.Code, d.add(truth.SMTPReply, events.FromServer, from, at, said)
		}
	}
}

func (d *dialogue) add(kind truth.Kind, from events.Dir, a, b int, said *truth.Line) error {
	m, err := d.c.Message(kind, from, a, b)
	if err != nil {
		return err
	}
	m.Line = said
	d.messages = append(d.messages, m)
	return nil
}

// letter passes over a letter up to the line with the dot.
func (d *dialogue) letter() error {
	from := d.at[events.FromClient]
	rest := d.c.Said(events.FromClient)[from:]
	n := bytes.Index(rest, []byte("\r\n.\r\n"))
	if n < 0 {
		return errors.New("a letter without an end")
	}
	d.letters = append(d.letters, stage.Span{From: from, To: from + n + 2})
	d.at[events.FromClient] = from + n + 5
	return nil
}

// unstuff takes the dots away that were put before dots (section 4.5.2).
func unstuff(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n."), []byte("\r\n"))
	return bytes.TrimPrefix(b, []byte("."))
}
