package imap

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/stage"
	"github.com/wiretale/wiretale/replay/truth"
)

// result is the truth of the visit.
func (v *visit) result(r *stage.Result) error {
	conversations, err := r.Conversations(stage.Talk{Client: v.agent, Server: v.host})
	if err != nil {
		return err
	}
	for _, c := range conversations {
		d := dialogue{c: c}
		for _, side := range []struct {
			from events.Dir
			has  []carried
		}{{events.FromClient, v.appended}, {events.FromServer, v.fetched}} {
			if err := d.read(side.from, side.has); err != nil {
				return fmt.Errorf("%s: %w", c.Client, err)
			}
		}
		r.Truth.Messages = append(r.Truth.Messages, d.messages...)
	}
	return nil
}

// dialogue is what both sides said, by their own accounts.
type dialogue struct {
	c        *stage.Conversation
	messages []truth.Message
}

// literal is the announcement of one at the end of a line (RFC 3501 section
// 4.3, RFC 7888).
var literal = regexp.MustCompile(`\{(\d+)\+?\}$`)

// letterIn says that the literal which a line announces is a letter, or a piece
// of one.
var letterIn = map[events.Dir]*regexp.Regexp{
	events.FromClient: regexp.MustCompile(`^\S+ APPEND `),
	events.FromServer: regexp.MustCompile(`BODY\[[^\]]*\](<\d+>)? \{\d+\}$`),
}

// read takes one side. has are the letters that its literals must hold.
func (d *dialogue) read(from events.Dir, has []carried) error {
	said := d.c.Said(from)
	for at := 0; at < len(said); {
		start, text := at, ""
		for {
			line, next, ok := stage.NextLine(said, at)
			if !ok {
				return errors.New("a line without an end")
			}
			text, at = text+line, next
			m := literal.FindStringSubmatch(line)
			if m == nil {
				break
			}
			n, err := strconv.Atoi(m[1])
			if err != nil || n > len(said)-at {
				return fmt.Errorf("a literal of %s bytes that is not there", m[1])
			}
			if letterIn[from].MatchString(text) {
				if len(has) == 0 || !bytes.Equal(has[0].raw, said[at:at+n]) {
					return fmt.Errorf("the literal behind %q is not what it should be", line)
				}
				if err := d.carried(from, at, at+n, &has[0]); err != nil {
					return err
				}
				has = has[1:]
			}
			at += n
		}
		kind, line := truth.IMAPResponse, responseLine(text)
		if from == events.FromClient {
			kind, line = truth.IMAPCommand, commandLine(text)
		}
		m, err := d.c.Message(kind, from, start, at)
		if err != nil {
			return err
		}
		m.Line = line
		d.messages = append(d.messages, m)
	}
	if len(has) > 0 {
		return fmt.Errorf("%d letters were not on the way", len(has))
	}
	return nil
}

func (d *dialogue) carried(from events.Dir, a, b int, l *carried) error {
	m, err := d.c.Message(truth.MailMessage, from, a, b)
	if err != nil {
		return err
	}
	m.Object = stage.Of(l.id, l.raw)
	if l.letter != nil {
		m.Object = l.letter.Object()
	}
	d.messages = append(d.messages, m)
	return nil
}

// commandLine: a tag, a verb, arguments. DONE has no tag.
func commandLine(text string) *truth.Line {
	if text == "DONE" {
		return &truth.Line{Verb: text}
	}
	l := &truth.Line{}
	l.Tag, text, _ = strings.Cut(text, " ")
	l.Verb, l.Args, _ = strings.Cut(text, " ")
	return l
}

// responseLine: a tag, a status or data.
func responseLine(text string) *truth.Line {
	l := &truth.Line{}
	l.Tag, text, _ = strings.Cut(text, " ")
	if status, rest, _ := strings.Cut(text, " "); slices.Contains([]string{"OK", "NO", "BAD", "BYE", "PREAUTH"}, status) {
		l.Status, text = status, rest
	}
	l.Lines = []string{text}
	return l
}
