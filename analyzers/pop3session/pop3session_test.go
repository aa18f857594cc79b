package pop3session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/pop3session"
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
	return &talk{Talk: foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:110").In("tcp/pop3"), frame: 1}
}

func open() *talk {
	t := midway()
	t.server(&events.TCPRTT{Of: events.RTTSynAck, RTT: events.Duration(10 * ms), SegmentFrame: 1})
	t.client(&events.TCPRTT{Of: events.RTTAck, RTT: events.Duration(10 * ms), SegmentFrame: 2})
	t.server(&events.POP3Reply{OK: true, Text: "ready"})
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

func (t *talk) say(line string) uint64 {
	verb, args, _ := strings.Cut(line, " ")
	return t.client(&events.POP3Command{Verb: verb, Args: args})
}

// ask is a command, answered with "+…" or "-…" and lines.
func (t *talk) ask(line, answer string, lines ...string) {
	verb, _, _ := strings.Cut(line, " ")
	f := t.say(line)
	t.server(&events.POP3Reply{OK: answer[0] == '+', Text: answer[1:], Lines: lines, Verb: verb, CommandFrame: f})
}

// fetch is RETR or TOP of a message, which comes with the reply.
func (t *talk) fetch(line string, n int64) {
	t.ask(line, "+")
	t.frame--
	t.server(&events.MailMessage{Via: "pop3", Bytes: n, Complete: true, MessageID: "<" + line + ">"})
}

func (t *talk) login() { t.ask("USER bob", "+"); t.ask("PASS hungry", "+") }

func (t *talk) end(why events.Ending) []*events.Event {
	took := events.Duration(t.at()) // the SYN was 10 ms after time 0, the end is 10 ms after this
	t.client(&events.FlowEnd{Why: why, Protocol: "pop3", FirstFrame: 1, Duration: took, ClientBytes: 100, ServerBytes: 900})
	return t.evs
}

func row(t *testing.T, evs ...*events.Event) *pop3session.Session {
	t.Helper()
	return foldtest.Value[*pop3session.Session](t, foldtest.Rows(t, pop3session.Question, evs...), "tcp:5")
}

func left(v *pop3session.Session) int {
	if v.Left == nil {
		return -1
	}
	return *v.Left
}

// The worked example of the page, RTT 20 ms.
func TestExample(t *testing.T) {
	c := open()
	c.login()
	c.ask("LIST", "+", "1 300", "2 200")
	c.fetch("RETR 1", 300)
	c.ask("DELE 1", "+")
	c.fetch("RETR 2", 200)
	c.ask("QUIT", "+")
	v := row(t, c.end(events.EndFIN)...)
	rtt, two, one, octets := events.Duration(20*ms), 2, 1, int64(500)
	// Frames: 4 greeting, 5-8 log-in, 9-10 LIST, 11-12, 13-14, 15-16, 17-18 QUIT, 19 the end.
	want := &pop3session.Session{
		Client: "10.0.0.1:4000", Server: "10.0.0.2:110", User: "bob", Mode: pop3session.Mixed, Before: &two, Octets: &octets,
		Fetched: 2, Marked: 1, Committed: true, Left: &one,
		Cost:       session.Cost{Duration: events.Duration(180 * ms), RTT: &rtt, RoundTrips: 9, RTTs: 9, Commands: 7, ClientBytes: 100, ServerBytes: 900},
		PerMessage: &session.PerMessage{Messages: 2, MessageBytes: 500, BytesEach: 500, Overhead: 1, TripsEach: 4.5, FetchTrips: 2, FetchTripEach: 1, RTTsEach: 4.5},
		Phases: pop3session.Phases{
			Authorization: &session.Phase{Duration: events.Duration(70 * ms), RoundTrips: 4},
			Transaction:   &session.Phase{Duration: events.Duration(90 * ms), RoundTrips: 4},
			Update:        &session.Phase{Duration: events.Duration(20 * ms), RoundTrips: 1},
		},
		Closed: "quit", STLS: pop3session.NotAsked,
		Credentials: []session.Credential{{Mechanism: "USER/PASS", Exposes: session.Password, User: "bob", Outcome: session.Accepted, Frame: 7}},
		Messages: []pop3session.Message{
			{Number: 1, Command: "RETR", OK: true, Bytes: 300, Whole: true, ID: "<RETR 1>", Deleted: true, Duration: events.Duration(10 * ms), RoundTrips: 1, Frame: 11, EndFrame: 12},
			{Number: 2, Command: "RETR", OK: true, Bytes: 200, Whole: true, ID: "<RETR 2>", Duration: events.Duration(10 * ms), RoundTrips: 1, Frame: 15, EndFrame: 16},
		},
		Frames: []uint64{1, 4, 7, 11, 12, 15, 16}, Filter: "tcp.stream eq 5",
	}
	if d := cmp.Diff(want, v); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestModes(t *testing.T) {
	for name, c := range map[string]struct {
		talk func(*talk)
		why  events.Ending
		mode pop3session.Mode
		left int // -1: not known
	}{
		"keep": {func(c *talk) { c.ask("STAT", "+2 500"); c.fetch("RETR 1", 300); c.ask("QUIT", "+") }, events.EndFIN, pop3session.Keep, 2},
		"delete": {func(c *talk) {
			c.ask("STAT", "+1 500")
			c.fetch("RETR 1", 300)
			c.ask("DELE 1", "+")
			c.ask("QUIT", "+")
		}, events.EndFIN, pop3session.Delete, 0},
		"refused DELE": {func(c *talk) {
			c.ask("STAT", "+1 500")
			c.fetch("RETR 1", 300)
			c.ask("DELE 1", "-")
			c.ask("QUIT", "+")
		}, events.EndFIN, pop3session.Keep, 1},
		"RSET": {func(c *talk) {
			c.ask("STAT", "+1 500")
			c.fetch("RETR 1", 300)
			c.ask("DELE 1", "+")
			c.ask("RSET", "+")
			c.ask("QUIT", "+")
		}, events.EndFIN, pop3session.Keep, 1},
		"no QUIT": {func(c *talk) { c.ask("STAT", "+1 500"); c.fetch("RETR 1", 300); c.ask("DELE 1", "+") }, events.EndReset, pop3session.Keep, 1},
		"QUIT refused": {func(c *talk) {
			c.ask("STAT", "+1 500")
			c.fetch("RETR 1", 300)
			c.ask("DELE 1", "+")
			c.ask("QUIT", "-")
		}, events.EndFIN, pop3session.Undecided, -1},
		"unseen end":   {func(c *talk) { c.ask("STAT", "+1 500"); c.fetch("RETR 1", 300); c.ask("DELE 1", "+") }, events.EndCaptureOver, pop3session.Undecided, -1},
		"empty":        {func(c *talk) { c.ask("LIST", "+"); c.ask("QUIT", "+") }, events.EndFIN, pop3session.Nothing, 0},
		"LIST of one":  {func(c *talk) { c.ask("LIST 1", "+1 300"); c.fetch("RETR 1", 300); c.ask("QUIT", "+") }, events.EndFIN, pop3session.Keep, -1},
		"UIDL, marked": {func(c *talk) { c.ask("DELE 1", "+"); c.ask("UIDL", "+", "2 b", "3 c"); c.ask("QUIT", "+") }, events.EndFIN, pop3session.Nothing, 2},
		"TOP":          {func(c *talk) { c.ask("STAT", "+2 500"); c.fetch("TOP 1 0", 30); c.ask("QUIT", "+") }, events.EndFIN, pop3session.Nothing, 2},
	} {
		t.Run(name, func(t *testing.T) {
			x := open()
			x.login()
			c.talk(x)
			v := row(t, x.end(c.why)...)
			if v.Mode != c.mode || left(v) != c.left {
				t.Errorf("%s, %d left; want %s, %d", v.Mode, left(v), c.mode, c.left)
			}
		})
	}
}

// RFC 2449 section 6.6: commands sent together cost one round trip.
func TestPipelining(t *testing.T) {
	c := open()
	c.login()
	a, b := c.say("RETR 1"), c.say("RETR 2")
	for _, f := range []uint64{a, b} {
		c.server(&events.POP3Reply{OK: true, Verb: "RETR", CommandFrame: f})
		c.frame--
		c.server(&events.MailMessage{Via: "pop3", Bytes: 100, Complete: true})
	}
	c.ask("QUIT", "+")
	v := row(t, c.end(events.EndFIN)...)
	if v.Cost.RoundTrips != 6 || v.Cost.Pipelined != 1 || v.PerMessage.FetchTrips != 1 || v.Fetched != 2 || v.Messages[1].Bytes != 100 {
		t.Errorf("%+v %+v", v.Cost, v.PerMessage)
	}
}

func TestLogins(t *testing.T) {
	c := open()
	c.ask("CAPA", "+", "USER", "STLS")
	c.ask("APOP bob c4c9334bac560ecc979e58001b3e22fb", "-")
	c.ask("AUTH PLAIN AGJvYgBodW5ncnk=", "-")
	c.login()
	rows := foldtest.Rows(t, pop3session.Question, c.end(events.EndFIN)...)
	v := foldtest.Value[*pop3session.Session](t, rows, "tcp:5")
	var got []string
	for _, x := range v.Credentials {
		got = append(got, x.Mechanism+" "+string(x.Exposes)+" "+x.User+" "+string(x.Outcome))
	}
	if d := cmp.Diff([]string{"APOP response bob refused", "PLAIN password  refused", "USER/PASS password bob accepted"}, got); d != "" {
		t.Error(d)
	}
	text := string(events.AppendJSON(nil, v))
	for _, secret := range []string{"hungry", "AGJvYgBodW5ncnk", "c4c9334b"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	s := pop3session.Question.Summary()
	s.Add(&rows[0])
	f := s.Section(false).Findings
	if len(f) != 3 || f[0].Severity != analyzers.Bad || !strings.Contains(f[0].Text, "one: PLAIN, refused") {
		t.Errorf("%+v", f)
	}
}

func TestUndecided(t *testing.T) {
	t.Run("midway", func(t *testing.T) {
		c := midway()
		c.fetch("RETR 3", 50)
		c.ask("DELE 3", "+")
		c.ask("QUIT", "+")
		v := row(t, c.end(events.EndFIN)...)
		// The log-in was not captured, so that QUIT may have ended anything.
		if v.Undecided != "the beginning of the session was not captured" || v.Left != nil || v.Fetched != 1 || v.Phases.Transaction != nil {
			t.Errorf("%+v", v)
		}
	})
	t.Run("only the client", func(t *testing.T) {
		c := midway()
		for _, s := range []string{"USER bob", "PASS x", "RETR 1", "DELE 1", "QUIT"} {
			c.say(s)
		}
		v := row(t, c.end(events.EndFIN)...)
		if v.Mode != pop3session.Undecided || v.Undecided != "nothing that the server said was captured" || v.Fetched != 0 || v.Cost.Pipelined != 0 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("a gap", func(t *testing.T) {
		c := open()
		c.login()
		c.ask("STAT", "+2 500")
		c.fetch("RETR 1", 300)
		c.client(&events.FlowGap{Protocol: "pop3", Bytes: 8})
		c.ask("QUIT", "+")
		if v := row(t, c.end(events.EndFIN)...); v.Mode != pop3session.Undecided || v.Left != nil || v.Undecided != "bytes of the session were not captured" {
			t.Errorf("%+v", v)
		}
	})
	t.Run("STLS", func(t *testing.T) {
		c := open()
		c.ask("STLS", "+")
		c.client(&events.FlowDetected{Protocol: "tls", Encrypted: true})
		c.client(&events.TLSHandshake{Done: true, RoundTrips: 1})
		v := row(t, c.end(events.EndFIN)...)
		if v.STLS != pop3session.Used || v.Mode != pop3session.Undecided || v.Undecided != "the rest of the session is encrypted" || v.Cost.RoundTrips != 4 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("implicit", func(t *testing.T) {
		f := foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:995").In("tcp/tls")
		v := row(t, f.Client(4, 40*ms, &events.FlowDetected{Protocol: "tls"}), f.Client(9, 90*ms, &events.FlowEnd{Why: events.EndFIN, Protocol: "tls", FirstFrame: 1}))
		if v.STLS != pop3session.Implicit || v.Mode != pop3session.Undecided {
			t.Errorf("%+v", v)
		}
	})
}

func BenchmarkSession(b *testing.B) {
	c := open()
	c.login()
	for range 20 {
		c.fetch("RETR 1", 300)
		c.ask("DELE 1", "+")
	}
	evs := c.end(events.EndFIN)
	l := events.DefaultLimits()
	r := pop3session.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, func(analyzers.Row) {})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(evs)), "ns/event")
}
