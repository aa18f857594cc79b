// Package ftpsession answers what each FTP connection carried: a row for each
// file with its set-up and its data connection, and one for the control
// connection with its state. It must not look into files, and it never
// repeats a secret.
package ftpsession

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// Question is ftp.session.
var Question = analyzers.Question{
	Name: "ftp.session",
	Area: analyzers.Mail,
	Doc:  "each file and control connection of FTP: set-up, rate, mode, outcome, state",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("ftp.session", o, &fold{pending: max(o.Limits.FoldPending, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Row{},
}

var protocol = session.Protocol{Name: "ftp", Ports: []uint16{21, 2121}, TLSPorts: []uint16{990}}

type fold struct{ pending int }

func (*fold) Kinds() []events.Kind {
	return session.FlowKinds(events.KindFTPCommand, events.KindFTPReply, events.KindFTPData)
}

// Key is the control connection, also of what went over data connections.
func (*fold) Key(e *events.Event) (events.StreamKey, bool) {
	if d, ok := e.Body.(*events.FTPData); ok {
		return events.StreamKey{Stream: d.ControlStream, Proto: events.ProtoTCP}, true
	}
	return protocol.Key(e)
}

// Idle: files may be long, and the control connection says nothing meanwhile.
func (*fold) Idle() time.Duration { return 2 * time.Hour }

func (*fold) Over(e *events.Event) bool {
	_, ok := e.Body.(*events.FlowEnd)
	return ok
}

// state of one control connection.
type state struct {
	conn session.Conn
	talk *talk // nil: nothing was said in clear
}

// talk is what was said, and carried.
type talk struct {
	row     Session
	user    string
	open    []*transfer
	prepare preparation // for the next transfer
	where   address     // announced last; it stands until another is
	asked   []asked     // commands that change the state, without an answer
	restart int64
	mode    string // of MODE
	quit    bool
}

// asked is a command that waits for its answer.
type asked struct {
	verb, args string
	frame      uint64
}

// preparation is what was done for the next transfer so far.
type preparation struct {
	set   bool
	time  events.Time
	trips int
	frame uint64
}

// address is where a data connection was announced.
type address struct {
	mode, text string
	other      bool
}

// transfer is one that is not told yet.
type transfer struct {
	file     File
	prepare  preparation
	replied  bool // for good
	data     *events.FTPData
	refusal  events.Time
	flow     events.StreamKey // of the data
	opened   bool             // 1xx was said
	trips    int              // of the commands
	dataEnds uint64
}

// maxAsked commands are remembered without an answer.
const maxAsked = 256

func (f *fold) Step(k events.StreamKey, s *state, e *events.Event, emit analyzers.Emit) {
	if d, ok := e.Body.(*events.FTPData); ok {
		f.data(k, s, e, d, emit)
		return
	}
	if s.conn.Step(e) {
		if _, ok := e.Body.(*events.FlowGap); ok && s.talk != nil {
			s.talk.asked = nil
		}
		return
	}
	t := s.talked()
	switch b := e.Body.(type) {
	case *events.FTPCommand:
		f.command(k, s, t, e, b, emit)
	case *events.FTPReply:
		f.reply(k, s, t, e, b, emit)
	}
}

func (s *state) talked() *talk {
	if s.talk == nil {
		s.talk = &talk{row: Session{Directory: ".", TLS: "not asked for"}}
	}
	return s.talk
}

// transfers are the commands that use a data connection.
func transfers(verb string) bool {
	switch verb {
	case "RETR", "STOR", "APPE", "STOU":
		return true
	}
	return listing(verb)
}

func listing(verb string) bool {
	switch verb {
	case "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

const longestText = 1024

func clip(s string) string { return strings.Clone(s[:min(len(s), longestText)]) }

func (f *fold) command(k events.StreamKey, s *state, t *talk, e *events.Event, b *events.FTPCommand, emit analyzers.Emit) {
	before := s.conn.Trips.Done
	s.conn.Trips.Ask(e.Pos.Frame)
	ask := func() {
		if len(t.asked) == maxAsked {
			t.asked = slices.Delete(t.asked, 0, 1)
		}
		t.asked = append(t.asked, asked{b.Verb, clip(b.Args), e.Pos.Frame})
	}
	clear := session.InClear(e)
	switch b.Verb {
	case "USER":
		t.user = clip(b.Args)
	case "PASS":
		if clear {
			exposes := session.Password
			if strings.EqualFold(t.user, "anonymous") || strings.EqualFold(t.user, "ftp") {
				exposes = session.Nothing // RFC 1635: anything will do
			}
			c := session.Credentials{List: t.row.Credentials, More: t.row.MoreCredentials}
			c.Add(session.Credential{Mechanism: "USER/PASS", Exposes: exposes, User: t.user, Outcome: session.Unanswered, Frame: e.Pos.Frame})
			t.row.Credentials, t.row.MoreCredentials = c.List, c.More
		}
	case "AUTH":
		t.row.TLS = "unanswered"
	case "PASV", "EPSV", "LPSV", "PORT", "EPRT", "LPRT":
		if !t.prepare.set {
			t.prepare = preparation{true, e.Time, before, e.Pos.Frame}
		}
		if b.DataPort != 0 {
			t.where = announced("active", b.DataHost, b.DataPort, s.conn.Flow.Client)
		}
	case "CWD", "XCWD", "CDUP", "XCUP", "TYPE", "MODE", "REST":
		ask()
	case "QUIT":
		t.quit = true
	}
	if !transfers(b.Verb) {
		return
	}
	if len(t.open) >= f.pending {
		t.row.Limited++
		return
	}
	x := &transfer{prepare: t.prepare, file: File{
		Command: b.Verb, Path: clip(b.Args), Directory: t.row.Directory, Type: t.row.Type, Restart: t.restart, TransferMode: t.mode,
		Mode: t.where.mode, Announced: t.where.text, OtherAddress: t.where.other, Frame: e.Pos.Frame,
	}}
	if !x.prepare.set {
		x.prepare = preparation{true, e.Time, before, e.Pos.Frame}
	}
	t.prepare, t.restart = preparation{}, 0
	t.open = append(t.open, x)
}

// announced is an address as it was written, which may not be its side's own.
func announced(mode, host string, port uint16, own events.Addr) address {
	a := address{mode: mode, text: strconv.Itoa(int(port))}
	if host != "" {
		a.text = host + ":" + a.text
		if strings.Contains(host, ":") {
			a.text = "[" + host + "]:" + strconv.Itoa(int(port))
		}
		a.other = !sameHost(host, own)
	}
	return a
}

func (f *fold) reply(k events.StreamKey, s *state, t *talk, e *events.Event, b *events.FTPReply, emit analyzers.Emit) {
	if b.Verb == "" && b.CommandFrame == 0 && !s.conn.Heard[events.FromClient] && s.conn.Greeting == 0 && b.Code/100 == 2 {
		s.conn.Greeting = e.Pos.Frame
	}
	if b.Code < 200 {
		s.conn.Trips.Heard(b.CommandFrame)
	} else {
		s.conn.Trips.Answer(b.CommandFrame)
	}
	ok := b.Code/100 == 2
	creds := session.Credentials{List: t.row.Credentials}
	switch b.Verb {
	case "USER", "PASS":
		switch {
		case b.Code == 230 || b.Code == 232 || b.Code == 202:
			t.row.User = t.user
			if b.Verb == "PASS" {
				creds.Settle(session.Accepted)
			}
		case b.Code >= 400 && b.Verb == "PASS":
			creds.Settle(session.Refused)
		}
	case "AUTH":
		if t.row.TLS = "refused"; b.Code == 234 || b.Code == 334 {
			t.row.TLS = "used"
		}
	case "PASV", "EPSV", "LPSV":
		if ok && b.DataPort != 0 {
			t.where = announced("passive", b.DataHost, b.DataPort, s.conn.Flow.Server)
		}
	case "PWD", "XPWD":
		if b.Code == 257 && len(b.Lines) > 0 {
			t.pwd(b.Lines[0])
		}
	}
	if i := slices.IndexFunc(t.asked, func(a asked) bool { return a.frame == b.CommandFrame && a.verb == b.Verb }); i >= 0 && b.Code >= 200 {
		a := t.asked[i]
		t.asked = slices.Delete(t.asked, i, i+1)
		if ok || b.Code == 350 {
			t.changed(&a)
		}
	}
	if !transfers(b.Verb) {
		return
	}
	x := t.find(func(x *transfer) bool { return x.file.Frame == b.CommandFrame && !x.replied })
	if x == nil {
		return
	}
	x.file.Code, x.file.EndFrame = b.Code, e.Pos.Frame
	if !x.opened {
		x.trips = s.conn.Trips.Done - x.prepare.trips
	}
	if b.Code < 200 {
		x.opened = true
		return
	}
	x.replied = true
	if b.Code >= 400 && !x.opened {
		x.refusal = e.Time
	}
	if x.data != nil || x.refusal != 0 && x.file.Mode != "passive" {
		f.tell(k, s, x, emit)
	}
}

func (t *talk) find(ok func(*transfer) bool) *transfer {
	if i := slices.IndexFunc(t.open, ok); i >= 0 {
		return t.open[i]
	}
	return nil
}

// changed takes a command that was answered with yes.
func (t *talk) changed(a *asked) {
	switch a.verb {
	case "CWD", "XCWD":
		t.row.Directory = join(t.row.Directory, a.args)
	case "CDUP", "XCUP":
		t.row.Directory = join(t.row.Directory, "..")
	case "TYPE":
		t.row.Type = strings.ToUpper(a.args)
	case "MODE":
		if t.mode = strings.ToUpper(a.args); t.mode == "S" {
			t.mode = ""
		}
	case "REST":
		t.restart, _ = strconv.ParseInt(a.args, 10, 64)
	}
}

// data: a data connection is over.
func (f *fold) data(k events.StreamKey, s *state, e *events.Event, d *events.FTPData, emit analyzers.Emit) {
	t := s.talked()
	x := t.find(func(x *transfer) bool { return x.file.Frame == d.CommandFrame && x.data == nil })
	if x == nil || d.CommandFrame == 0 {
		if len(t.open) >= f.pending {
			t.row.Limited++
			return
		}
		x = &transfer{file: File{Command: d.Verb, Path: d.Path, Frame: d.CommandFrame, Restart: d.Restart}, replied: true}
		if x.file.Command == "" && d.Bytes == 0 {
			return // announced, opened, and never used
		}
		t.open = append(t.open, x)
		if s.conn.First == 0 { // the control connection is over, or was never seen
			s.conn.Flow, s.conn.First = e.Flow, max(d.CommandFrame, 1)
			if d.Mode == "active" {
				s.conn.Flow.Client, s.conn.Flow.Server = e.Flow.Server, e.Flow.Client
			}
		}
	}
	c := *d
	x.data, x.flow, x.dataEnds = &c, e.Key(), e.Pos.Frame
	if x.replied {
		f.tell(k, s, x, emit)
	}
}

// Close tells what is open, and the session.
func (f *fold) Close(k events.StreamKey, s *state, emit analyzers.Emit) {
	t := s.talk
	if t == nil {
		if s.conn.TLS != session.Implicit {
			return // not FTP
		}
		t = s.talked()
		t.row.TLS = "implicit"
	}
	for len(t.open) > 0 {
		f.tell(k, s, t.open[0], emit)
	}
	if s.conn.Spoken || s.conn.TLS == session.Implicit {
		emit(k.String(), t.session(k, &s.conn))
	}
}
