// Package imapsession answers how each IMAP connection went: its states and
// round trips, the folders, flags, searches, fetches and idle times in it, and
// what a message cost. It must not look into messages, and it never repeats a
// secret.
package imapsession

import (
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Question is imap.session.
var Question = analyzers.Question{
	Name: "imap.session",
	Area: analyzers.Mail,
	Doc:  "each IMAP connection: folders, flags, searches, fetches, idle, cost of a message",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("imap.session", o, &fold{pending: max(o.Limits.FoldPending, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Session{},
}

var protocol = session.Protocol{Name: "imap", Ports: []uint16{143}, TLSPorts: []uint16{993}}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return session.FlowKinds(events.KindIMAPCommand, events.KindIMAPResponse, events.KindMailMessage)
}

func (*fold) Key(e *events.Event) (events.StreamKey, bool) { return protocol.Key(e) }

// Idle: a server waits for 30 minutes at least (RFC 9051 section 5.4).
func (*fold) Idle() time.Duration { return time.Hour }

func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// state of one connection.
type state struct {
	conn session.Conn
	talk *talk // nil: nothing was said in clear
}

// talk is what was said in clear.
type talk struct {
	row  Session // as far as it is known
	open []*command
	// pieces came before the FETCH response that they belong to.
	pieces []Body
	// current is the folder that is selected, by its place +1.
	current       int
	idle          *command
	trips         int // of the commands that fetched whole messages
	login, logout session.Mark
}

// command is one that is not answered.
type command struct {
	tag, verb, name string // name: of a folder
	user            string
	flags           []string
	sign            byte // of STORE: '+', '-', '='
	frame           uint64
	time            events.Time
	idling          events.Time // IDLE: consent
	search          int         // place +1
	bodies, whole   int         // FETCH: given so far
}

// maxOpen commands are remembered without an answer.
const maxOpen = 256

func (f *fold) Step(_ events.StreamKey, s *state, e *events.Event, _ analyzers.Emit) {
	if s.conn.Step(e) {
		if _, ok := e.Body.(*events.FlowGap); ok && s.talk != nil {
			s.talk.open, s.talk.pieces = nil, nil
		}
		return
	}
	t := s.talk
	if t == nil {
		t = &talk{row: Session{STARTTLS: NotSeen}}
		s.talk = t
	}
	switch b := e.Body.(type) {
	case *events.IMAPCommand:
		f.command(s, t, e, b)
	case *events.IMAPResponse:
		f.response(s, t, e, b)
	case *events.MailMessage:
		if e.From == events.FromServer && len(t.pieces) < f.pending {
			t.pieces = append(t.pieces, Body{Section: b.Section, Bytes: b.Bytes, Missing: b.Missing, Whole: b.Complete, ID: b.MessageID})
		}
	}
}

func (f *fold) command(s *state, t *talk, e *events.Event, b *events.IMAPCommand) {
	if b.Tag == "" {
		if b.Verb == "DONE" {
			t.wake(e.Time)
		}
		return // a part of IDLE or AUTHENTICATE
	}
	s.conn.Trips.Ask(e.Pos.Frame)
	c := &command{tag: strings.Clone(b.Tag), verb: b.Verb, frame: e.Pos.Frame, time: e.Time}
	if len(t.open) == maxOpen {
		t.open = slices.Delete(t.open, 0, 1)
	}
	t.open = append(t.open, c)
	args := arguments{b.Args}
	switch b.Verb {
	case "LOGIN":
		c.user, _ = args.next()
		if session.InClear(e) {
			t.row.creds(session.Credential{Mechanism: "LOGIN", Exposes: session.Password, User: c.user, Outcome: session.Unanswered, Frame: e.Pos.Frame})
		}
	case "AUTHENTICATE":
		if session.InClear(e) {
			t.row.creds(session.SASL(b.Args, e.Pos.Frame))
		}
	case "STARTTLS":
		t.row.STARTTLS = Unanswered
	case "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "APPEND":
		c.name, _ = args.next()
	case "STORE", "UID STORE":
		c.store(args)
	case "SEARCH", "UID SEARCH", "SORT", "UID SORT", "THREAD", "UID THREAD":
		if len(t.row.Searches) >= f.pending {
			t.row.Limited++
			break
		}
		t.row.Searches = append(t.row.Searches, Search{Command: b.Verb, Criteria: clip(b.Args, longestCriteria), Frame: e.Pos.Frame})
		c.search = len(t.row.Searches)
	case "FETCH", "UID FETCH":
		t.row.Fetches.Commands++
	case "LOGOUT":
		if !t.logout.Set {
			t.logout = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
		}
	}
}

// creds notes a log-in.
func (v *Session) creds(x session.Credential) {
	l := session.Credentials{List: v.Credentials, More: v.MoreCredentials}
	l.Add(x)
	v.Credentials, v.MoreCredentials = l.List, l.More
}

func (f *fold) response(s *state, t *talk, e *events.Event, b *events.IMAPResponse) {
	if !s.conn.Heard[events.FromClient] && s.conn.Greeting == 0 && b.Tag == "*" && b.Status != "" {
		s.conn.Greeting = e.Pos.Frame
		if b.Status == "PREAUTH" {
			t.login = session.Mark{Time: e.Time, Set: true}
		}
	}
	t.capabilities(b)
	switch b.Tag {
	case "*":
		f.untagged(t, e, b)
	case "+":
		t.goOn(s, e)
	default:
		f.tagged(s, t, e, b)
	}
}

// goOn: the server wants the rest of a command. A command with a literal is
// told when it is whole, which is later.
func (t *talk) goOn(s *state, e *events.Event) {
	if n := len(t.open); n > 0 {
		switch c := t.open[n-1]; c.verb {
		case "IDLE":
			s.conn.Trips.Continue(c.frame)
			c.idling = e.Time
			t.idle = c
			return
		case "AUTHENTICATE":
			s.conn.Trips.Continue(c.frame)
			return
		}
	}
	s.conn.Trips.Turn()
}

// wake: the client takes the word again.
func (t *talk) wake(at events.Time) {
	if t.idle == nil {
		return
	}
	if t.row.Idle == nil {
		t.row.Idle = &Idle{}
	}
	t.row.Idle.Times++
	t.row.Idle.Duration += at.Sub(t.idle.idling)
	t.idle = nil
}

func (f *fold) untagged(t *talk, e *events.Event, b *events.IMAPResponse) {
	if t.idle != nil && b.Name != "" {
		if t.row.Idle == nil {
			t.row.Idle = &Idle{}
		}
		t.row.Idle.Notices++
	}
	folder := t.folder()
	switch b.Name {
	case "LIST", "LSUB":
		t.row.Listed++
	case "EXISTS":
		if c := t.first("SELECT", "EXAMINE"); c != nil {
			folder = f.named(t, c)
		}
		if folder != nil && b.Number != nil {
			n := *b.Number
			folder.Messages = &n
		}
	case "EXPUNGE", "VANISHED":
		t.row.Expunged++
		if folder != nil && folder.Messages != nil && *folder.Messages > 0 && b.Name == "EXPUNGE" {
			*folder.Messages--
		}
	case "SEARCH", "SORT", "THREAD", "ESEARCH":
		t.found(b)
	case "FETCH":
		f.fetched(t, e, b)
	}
}

// found counts what a search found: numbers, or the COUNT of ESEARCH (RFC
// 4731).
func (t *talk) found(b *events.IMAPResponse) {
	i := slices.IndexFunc(t.open, func(c *command) bool { return c.search > 0 })
	if i < 0 {
		return
	}
	x := &t.row.Searches[t.open[i].search-1]
	n, digits := 0, false
	for j := range len(b.Text) {
		d := b.Text[j] >= '0' && b.Text[j] <= '9'
		if d && !digits {
			n++
		}
		digits = d
	}
	if b.Name != "ESEARCH" {
		x.Found += n
		return
	}
	x.Found += all(b.Text)
}

// fetched takes a FETCH response: what came before it is its own.
func (f *fold) fetched(t *talk, e *events.Event, b *events.IMAPResponse) {
	c := t.first("FETCH", "UID FETCH")
	for _, p := range t.pieces {
		if b.Number != nil {
			p.Number = *b.Number
		}
		p.EndFrame = e.Pos.Frame
		if c != nil {
			p.Frame, p.Duration = c.frame, e.Time.Sub(c.time)
			c.bodies++
		}
		whole := t.row.Fetches.add(&p)
		if whole && c != nil {
			c.whole++
		}
		if folder := t.folder(); folder != nil {
			folder.Bodies++
		}
		if len(t.row.Bodies) >= f.pending {
			t.row.Limited++
			continue
		}
		t.row.Bodies = append(t.row.Bodies, p)
	}
	t.pieces = t.pieces[:0]
}

// add counts a piece and says whether it is a whole message.
func (v *Fetches) add(p *Body) (whole bool) {
	v.Bytes += p.Bytes
	switch {
	case p.Section == "":
		v.Whole++
		return p.Whole
	case strings.HasSuffix(p.Section, ">"):
		v.Ranges++
	case strings.Contains(p.Section, "HEADER"), strings.HasSuffix(p.Section, "MIME]"):
		v.Headers++
	default:
		v.Parts++
	}
	return false
}

// first is the first open command with one of the verbs.
func (t *talk) first(verbs ...string) *command {
	for _, c := range t.open {
		if slices.Contains(verbs, c.verb) {
			return c
		}
	}
	return nil
}

// folder is the one that is selected; nil: none.
func (t *talk) folder() *Folder {
	if t.current == 0 {
		return nil
	}
	return &t.row.Folders[t.current-1]
}

// named is the folder that a command names, listed now if it was not; nil: it
// has no name that was read, or there is no room.
func (f *fold) named(t *talk, c *command) *Folder {
	if c.name == "" {
		return nil
	}
	name := c.name
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX" // in any case (RFC 9051 section 5.1)
	}
	for i := range t.row.Folders {
		if t.row.Folders[i].Name == name {
			return &t.row.Folders[i]
		}
	}
	if len(t.row.Folders) >= f.pending {
		t.row.Limited++
		return nil
	}
	t.row.Folders = append(t.row.Folders, Folder{Name: name, Frame: c.frame})
	return &t.row.Folders[len(t.row.Folders)-1]
}

func (f *fold) tagged(s *state, t *talk, e *events.Event, b *events.IMAPResponse) {
	before := s.conn.Trips.Done
	s.conn.Trips.Answer(b.CommandFrame)
	i := slices.IndexFunc(t.open, func(c *command) bool { return c.tag == b.Tag })
	ok := b.Status == "OK"
	if !ok {
		t.row.Errors++
	}
	if i < 0 {
		return
	}
	c := t.open[i]
	t.open = slices.Delete(t.open, i, i+1)
	switch c.verb {
	case "LOGIN", "AUTHENTICATE":
		l := session.Credentials{List: t.row.Credentials}
		if !ok {
			l.Settle(session.Refused)
			break
		}
		l.Settle(session.Accepted)
		if !t.login.Set {
			t.login = session.Mark{Time: e.Time, Trips: s.conn.Trips.Done, Set: true}
			t.row.User = c.user
		}
	case "STARTTLS":
		t.row.STARTTLS = Refused
		if ok {
			t.row.STARTTLS = Used
		}
	case "IDLE":
		t.wake(e.Time) // DONE was not captured, or the server ended it
	case "SELECT", "EXAMINE":
		t.current = 0
		if folder := f.named(t, c); folder != nil && ok {
			folder.Selected++
			folder.ReadOnly = c.verb == "EXAMINE" || strings.HasPrefix(strings.ToUpper(b.Text), "[READ-ONLY]")
			t.current = slices.IndexFunc(t.row.Folders, func(x Folder) bool { return x.Name == folder.Name }) + 1
		}
	case "CLOSE", "UNSELECT":
		t.current = 0
	case "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE":
		if folder := f.named(t, c); folder != nil && ok {
			folder.Changed = c.verb
		}
	case "APPEND":
		if folder := f.named(t, c); ok {
			t.row.Appended++
			if folder != nil {
				folder.Appended++
			}
		}
	case "COPY", "MOVE", "UID COPY", "UID MOVE":
		if ok {
			t.row.Copied++
		}
	case "STORE", "UID STORE":
		if ok {
			f.stored(t, c)
		}
	case "FETCH", "UID FETCH":
		if c.bodies == 0 && ok {
			t.row.Fetches.Summaries++
		}
		if c.whole > 0 {
			t.trips += s.conn.Trips.Done - before
		}
	}
	if c.search > 0 {
		x := &t.row.Searches[c.search-1]
		x.Status, x.Duration = b.Status, e.Time.Sub(c.time)
	}
}

// stored counts flags that were changed.
func (f *fold) stored(t *talk, c *command) {
	for _, name := range c.flags {
		i := slices.IndexFunc(t.row.Flags, func(x Flag) bool { return strings.EqualFold(x.Name, name) })
		if i < 0 {
			if len(t.row.Flags) >= f.pending {
				t.row.Limited++
				continue
			}
			t.row.Flags = append(t.row.Flags, Flag{Name: name})
			i = len(t.row.Flags) - 1
		}
		switch x := &t.row.Flags[i]; c.sign {
		case '+':
			x.Added++
		case '-':
			x.Removed++
		default:
			x.Set++
		}
	}
}

// Close makes the row.
func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	if s.talk == nil {
		if s.conn.TLS != session.Implicit {
			return // not IMAP
		}
		s.talk = &talk{row: Session{STARTTLS: Implicit}}
	}
	s.talk.wake(s.conn.Last)
	emit(k.String(), s.talk.finish(k, &s.conn))
}
