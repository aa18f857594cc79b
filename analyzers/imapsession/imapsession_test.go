package imapsession_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/imapsession"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

// talk is one connection by hand: a frame every 10 ms, the SYN at 10 ms.
type talk struct {
	foldtest.Talk
	evs   []*events.Event
	frame uint64
}

func midway() *talk {
	return &talk{Talk: foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:143").In("tcp/imap"), frame: 1}
}

func open() *talk {
	t := midway()
	t.server(&events.TCPRTT{Of: events.RTTSynAck, RTT: events.Duration(10 * ms), SegmentFrame: 1})
	t.client(&events.TCPRTT{Of: events.RTTAck, RTT: events.Duration(10 * ms), SegmentFrame: 2})
	t.server(&events.IMAPResponse{Tag: "*", Status: "OK", Text: "[CAPABILITY IMAP4rev1 STARTTLS] ready"})
	return t
}

func (t *talk) at() time.Duration { return time.Duration(t.frame) * 10 * ms }

func (t *talk) client(b events.Body) uint64 {
	t.frame++
	t.evs = append(t.evs, t.Client(t.frame, t.at(), b))
	return t.frame
}

func (t *talk) server(b events.Body) uint64 {
	t.frame++
	t.evs = append(t.evs, t.Server(t.frame, t.at(), b))
	return t.frame
}

// say is "tag VERB args"; a verb may be "UID SEARCH".
func (t *talk) say(line string) uint64 {
	tag, rest, _ := strings.Cut(line, " ")
	verb, args, _ := strings.Cut(rest, " ")
	if verb == "UID" {
		var second string
		second, args, _ = strings.Cut(args, " ")
		verb += " " + second
	}
	return t.client(&events.IMAPCommand{Tag: tag, Verb: verb, Args: args})
}

// data is an untagged response in the frame of the next event.
func (t *talk) data(name string, number uint32, text string) {
	n := number
	r := &events.IMAPResponse{Tag: "*", Name: name, Text: text}
	if number > 0 || name == "EXISTS" {
		r.Number = &n
	}
	t.server(r)
	t.frame--
}

func (t *talk) done(tag, status string, command uint64) {
	t.server(&events.IMAPResponse{Tag: tag, Status: status, CommandFrame: command})
}

func (t *talk) ask(line, status string) {
	f := t.say(line)
	tag, _, _ := strings.Cut(line, " ")
	t.done(tag, status, f)
}

// body is what comes before its FETCH response.
func (t *talk) body(number uint32, section string, n int64) {
	t.server(&events.MailMessage{Via: "imap", Section: section, Bytes: n, Complete: true})
	t.frame--
	t.data("FETCH", number, "")
}

func (t *talk) end(why events.Ending) []*events.Event {
	took := events.Duration(t.at())
	t.client(&events.FlowEnd{Why: why, Protocol: "imap", FirstFrame: 1, Duration: took, ClientBytes: 500, ServerBytes: 1500})
	return t.evs
}

func row(t *testing.T, evs ...*events.Event) *imapsession.Session {
	t.Helper()
	return foldtest.Value[*imapsession.Session](t, foldtest.Rows(t, imapsession.Question, evs...), "tcp:5")
}

// The worked example of the page, RTT 20 ms.
func TestExample(t *testing.T) {
	c := open()
	c.ask(`a1 LOGIN "bo\"b" {6}`, "OK")
	sel := c.say("a2 SELECT inbox")
	c.data("EXISTS", 3, "")
	c.done("a2", "OK", sel)
	c.ask("a3 FETCH 1:3 (FLAGS)", "OK")
	f := c.say("a4 FETCH 2 (BODY[])")
	c.body(2, "", 1000)
	c.done("a4", "OK", f)
	c.ask("a5 LOGOUT", "OK")
	v := row(t, c.end(events.EndFIN)...)
	rtt, three := events.Duration(20*ms), uint32(3)
	// Frames: 4 greeting, 5-6 log-in, 7-8, 9-10, 11-12, 13-14 LOGOUT, 15 the end.
	want := &imapsession.Session{
		Client: "10.0.0.1:4000", Server: "10.0.0.2:143", User: `bo"b`,
		Cost:       session.Cost{Duration: events.Duration(140 * ms), RTT: &rtt, RoundTrips: 7, RTTs: 7, Commands: 5, ClientBytes: 500, ServerBytes: 1500},
		PerMessage: &session.PerMessage{Messages: 1, MessageBytes: 1000, BytesEach: 2000, Overhead: 1, TripsEach: 7, FetchTrips: 1, FetchTripEach: 1, RTTsEach: 7},
		Phases: imapsession.Phases{
			NotAuthenticated: &session.Phase{Duration: events.Duration(50 * ms), RoundTrips: 3},
			Authenticated:    &session.Phase{Duration: events.Duration(70 * ms), RoundTrips: 3},
			Logout:           &session.Phase{Duration: events.Duration(20 * ms), RoundTrips: 1},
		},
		Closed: "logout", STARTTLS: imapsession.Offered,
		Credentials: []session.Credential{{Mechanism: "LOGIN", Exposes: session.Password, User: `bo"b`, Outcome: session.Accepted, Frame: 5}},
		Folders:     []imapsession.Folder{{Name: "INBOX", Selected: 1, Messages: &three, Bodies: 1, Frame: 7}},
		Fetches:     imapsession.Fetches{Commands: 2, Whole: 1, Bytes: 1000, Summaries: 1},
		Bodies:      []imapsession.Body{{Number: 2, Bytes: 1000, Whole: true, Duration: events.Duration(10 * ms), Frame: 11, EndFrame: 12}},
		Frames:      []uint64{1, 4, 5, 7, 11}, Filter: "tcp.stream eq 5",
	}
	if d := cmp.Diff(want, v); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestPieces(t *testing.T) {
	c := open()
	f := c.say("a1 UID FETCH 7 (BODY.PEEK[HEADER] BODY.PEEK[2] BODY.PEEK[]<0.10> BODY.PEEK[TEXT])")
	for _, s := range []string{"BODY[HEADER]", "BODY[2]", "BODY[]<0>", "BODY[1.MIME]"} {
		c.server(&events.MailMessage{Via: "imap", Section: s, Bytes: 10, Complete: true})
		c.frame--
	}
	c.body(4, "BODY[TEXT]", 10)
	c.done("a1", "OK", f)
	v := row(t, c.end(events.EndFIN)...)
	if d := cmp.Diff(imapsession.Fetches{Commands: 1, Headers: 2, Parts: 2, Ranges: 1, Bytes: 50}, v.Fetches); d != "" {
		t.Error(d)
	}
	if len(v.Bodies) != 5 || v.Bodies[4].Number != 4 || v.Bodies[0].Number != 4 || v.PerMessage != nil || v.Closed != "closed without LOGOUT" {
		t.Errorf("%+v", v)
	}
}

func TestFlagsAndSearches(t *testing.T) {
	c := open()
	c.ask(`a1 STORE 2 +FLAGS.SILENT (\Seen \Flagged)`, "OK")
	c.ask(`a2 UID STORE 2:4 -FLAGS \SEEN`, "OK")
	c.ask(`a3 STORE 2 (UNCHANGEDSINCE 5) FLAGS (work)`, "OK")
	c.ask(`a4 STORE 9 +FLAGS (\Deleted)`, "NO")
	f := c.say("a5 UID SEARCH UNSEEN")
	c.data("SEARCH", 0, "1 2 17")
	c.done("a5", "OK", f)
	f = c.say("a6 SEARCH RETURN (ALL) FROM x")
	c.data("ESEARCH", 0, `(TAG "a6") ALL 2,4:6`)
	c.done("a6", "OK", f)
	c.ask("a7 SEARCH BAD", "BAD")
	v := row(t, c.end(events.EndFIN)...)
	if d := cmp.Diff([]imapsession.Flag{{Name: `\Seen`, Added: 1, Removed: 1}, {Name: `\Flagged`, Added: 1}, {Name: "work", Set: 1}}, v.Flags); d != "" {
		t.Error(d)
	}
	want := []imapsession.Search{
		{Command: "UID SEARCH", Criteria: "UNSEEN", Found: 3, Status: "OK", Duration: events.Duration(10 * ms), Frame: 13},
		{Command: "SEARCH", Criteria: "RETURN (ALL) FROM x", Found: 4, Status: "OK", Duration: events.Duration(10 * ms), Frame: 15},
		{Command: "SEARCH", Criteria: "BAD", Status: "BAD", Duration: events.Duration(10 * ms), Frame: 17},
	}
	if d := cmp.Diff(want, v.Searches); d != "" {
		t.Error(d)
	}
	if v.Errors != 2 {
		t.Errorf("%d errors", v.Errors)
	}
}

func TestFoldersAndIdle(t *testing.T) {
	c := open()
	c.ask(`a1 CREATE "Old stuff"`, "OK")
	f := c.say("a2 SELECT INBOX")
	c.data("EXISTS", 3, "")
	c.done("a2", "OK", f)
	f = c.say("a3 EXPUNGE")
	c.data("EXPUNGE", 1, "")
	c.data("EXPUNGE", 1, "")
	c.done("a3", "OK", f)
	// A literal that waits: the command is told when it is whole.
	c.server(&events.IMAPResponse{Tag: "+"})
	c.ask(`a4 APPEND "Old stuff" {10}`, "OK")
	f = c.say("a5 IDLE")
	consent := c.server(&events.IMAPResponse{Tag: "+", Text: "idling"})
	c.data("EXISTS", 2, "")
	c.frame++
	done := c.client(&events.IMAPCommand{Verb: "DONE"})
	c.done("a5", "OK", f)
	c.ask("a6 SELECT nowhere", "NO")
	v := row(t, c.end(events.EndReset)...)
	two := uint32(2)
	want := []imapsession.Folder{
		{Name: "Old stuff", Changed: "CREATE", Appended: 1, Frame: 5},
		{Name: "INBOX", Selected: 1, Messages: &two, Frame: 7},
		{Name: "nowhere", Frame: done + 2},
	}
	if d := cmp.Diff(want, v.Folders); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&imapsession.Idle{Times: 1, Duration: events.Duration(done-consent) * events.Duration(10*ms), Notices: 1}, v.Idle); d != "" {
		t.Error(d)
	}
	// TCP, greeting, six commands, consent to the literal and to IDLE.
	if v.Cost.RoundTrips != 10 || v.Expunged != 2 || v.Appended != 1 || v.Closed != "reset" {
		t.Errorf("%+v", v)
	}
}

// Several commands at once cost one round trip, in whatever order they are answered.
func TestPipelining(t *testing.T) {
	c := open()
	a, b := c.say("a1 FETCH 1 (BODY[])"), c.say("a2 NOOP")
	c.done("a2", "OK", b)
	c.body(1, "", 10)
	c.done("a1", "OK", a)
	v := row(t, c.end(events.EndFIN)...)
	if v.Cost.RoundTrips != 3 || v.Cost.Pipelined != 1 || v.Bodies[0].Frame != a {
		t.Errorf("%+v", v)
	}
}

func TestLogins(t *testing.T) {
	c := open()
	c.ask("a1 AUTHENTICATE PLAIN AGJvYgBodW5ncnk=", "NO")
	f := c.say("a2 AUTHENTICATE XOAUTH2")
	c.server(&events.IMAPResponse{Tag: "+"})
	c.client(&events.IMAPCommand{Args: "dXNlcj1ib2I="})
	c.done("a2", "OK", f)
	rows := foldtest.Rows(t, imapsession.Question, c.end(events.EndFIN)...)
	v := foldtest.Value[*imapsession.Session](t, rows, "tcp:5")
	want := []session.Credential{{Mechanism: "PLAIN", Exposes: session.Password, Outcome: session.Refused, Frame: 5}, {Mechanism: "XOAUTH2", Exposes: session.Token, Outcome: session.Accepted, Frame: 7}}
	if d := cmp.Diff(want, v.Credentials); d != "" {
		t.Error(d)
	}
	if v.Cost.RoundTrips != 5 { // TCP, greeting, a1, a2 and its step
		t.Errorf("%+v", v.Cost)
	}
	if text := string(events.AppendJSON(nil, v)); strings.Contains(text, "AGJv") || strings.Contains(text, "dXNl") {
		t.Errorf("a secret is in %s", text)
	}
	s := imapsession.Question.Summary()
	s.Add(&rows[0])
	f3 := s.Section(false).Findings
	if len(f3) != 3 || f3[0].Severity != analyzers.Bad {
		t.Errorf("%+v", f3)
	}
}

func TestUndecided(t *testing.T) {
	for name, c := range map[string]struct {
		talk *talk
		say  func(*talk)
		want string
		tls  imapsession.STARTTLS
	}{
		"midway":   {midway(), func(c *talk) { c.ask("a8 NOOP", "OK") }, "the beginning of the session was not captured", imapsession.NotSeen},
		"client":   {midway(), func(c *talk) { c.say("a1 NOOP"); c.say("a2 NOOP") }, "nothing that the server said was captured", imapsession.NotSeen},
		"gap":      {open(), func(c *talk) { c.ask("a1 NOOP", "OK"); c.server(&events.FlowGap{Protocol: "imap", Bytes: 3}) }, "bytes of the session were not captured", imapsession.Offered},
		"STARTTLS": {open(), func(c *talk) { c.ask("a1 STARTTLS", "OK"); c.client(&events.FlowDetected{Protocol: "tls"}) }, "the rest of the session is encrypted", imapsession.Used},
	} {
		t.Run(name, func(t *testing.T) {
			c.say(c.talk)
			v := row(t, c.talk.end(events.EndFIN)...)
			if v.Undecided != c.want || v.STARTTLS != c.tls || v.Phases.Authenticated != nil || v.Phases.NotAuthenticated != nil || v.Cost.Pipelined != 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func BenchmarkSession(b *testing.B) {
	c := open()
	c.ask("a1 LOGIN bob x", "OK")
	for range 20 {
		f := c.say("a2 FETCH 1 (BODY[])")
		c.body(1, "", 10)
		c.done("a2", "OK", f)
	}
	evs := c.end(events.EndFIN)
	l := events.DefaultLimits()
	r := imapsession.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, func(analyzers.Row) {})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(evs)), "ns/event")
}
