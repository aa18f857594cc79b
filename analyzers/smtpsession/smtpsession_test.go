package smtpsession_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/analyzers/smtpsession"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

// talk is one connection by hand: a frame every 10 ms.
type talk struct {
	foldtest.Talk
	evs   []*events.Event
	frame uint64
}

func open() *talk {
	t := &talk{Talk: foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:25").In("tcp/smtp"), frame: 1}
	t.server(&events.TCPRTT{Of: events.RTTSynAck, RTT: events.Duration(10 * ms), SegmentFrame: 1})
	t.client(&events.TCPRTT{Of: events.RTTAck, RTT: events.Duration(10 * ms), SegmentFrame: 2})
	t.reply("", 0, 220, "mx.example")
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
	return t.client(&events.SMTPCommand{Verb: verb, Args: args})
}

func (t *talk) reply(verb string, command uint64, code int, lines ...string) uint64 {
	return t.server(&events.SMTPReply{Code: code, Lines: lines, Verb: verb, CommandFrame: command})
}

// ask is a command and its reply.
func (t *talk) ask(line string, code int, lines ...string) {
	verb, _, _ := strings.Cut(line, " ")
	t.reply(verb, t.say(line), code, lines...)
}

func (t *talk) letter(m events.MailMessage, code int) {
	m.Via, m.Complete = "smtp", true
	t.reply(".", t.client(&m), code)
}

func (t *talk) end(why events.Ending) []*events.Event {
	t.client(&events.FlowEnd{Why: why, Protocol: "smtp", ClientPackets: 9, ServerPackets: 9, ClientBytes: 700, ServerBytes: 300,
		FirstFrame: 1, Duration: events.Duration(t.at()) /* of the frame before, less the 10 ms of the SYN */})
	return t.evs
}

func row(t *testing.T, evs ...*events.Event) *smtpsession.Session {
	t.Helper()
	return foldtest.Value[*smtpsession.Session](t, foldtest.Rows(t, smtpsession.Question, evs...), "tcp:5")
}

func headers(from, to string) events.MailMessage {
	return events.MailMessage{From: from, To: to, Headers: []events.Header{{"From", from}}, Bytes: 100}
}

// The dialogue of the text books: 8 round trips, in phases of 3, 4 and 1.
func TestOneLetter(t *testing.T) {
	c := open()
	c.ask("EHLO crepes.fr", 250, "mx.example", "PIPELINING", "8BITMIME")
	c.ask("MAIL FROM:<alice@crepes.fr> BODY=8BITMIME", 250)
	c.ask("RCPT TO:<bob@hamburger.edu>", 250)
	c.ask("DATA", 354)
	c.letter(headers("Alice <ALICE@crepes.fr>", "bob@hamburger.edu"), 250)
	c.ask("QUIT", 221)
	v := row(t, c.end(events.EndFIN)...)
	rtt := events.Duration(20 * ms)
	want := &smtpsession.Session{
		Client: "10.0.0.1:4000", Server: "10.0.0.2:25", Hello: "crepes.fr", Extensions: []string{"PIPELINING", "8BITMIME"},
		// Frame 17 is the end, at 170 ms; the SYN was at 10 ms.
		Cost: session.Cost{Duration: events.Duration(160 * ms), RTT: &rtt, RoundTrips: 8, RTTs: 8, Commands: 5, ClientBytes: 700, ServerBytes: 300},
		Phases: smtpsession.Phases{
			Handshake: &session.Phase{Duration: events.Duration(60 * ms), RoundTrips: 3},
			Transfer:  &session.Phase{Duration: events.Duration(80 * ms), RoundTrips: 4},
			Closure:   &session.Phase{Duration: events.Duration(20 * ms), RoundTrips: 1},
		},
		Closed: "quit", STARTTLS: smtpsession.NotOffered, Transactions: 1, Accepted: 1, MessageBytes: 100,
		Messages: []smtpsession.Message{{
			From: "alice@crepes.fr", Recipients: []string{"bob@hamburger.edu"}, Outcome: smtpsession.Taken, Code: 250, Bytes: 100,
			Duration: events.Duration(70 * ms), RoundTrips: 4, Headers: &smtpsession.Addresses{From: []string{"ALICE@crepes.fr"}}, Frame: 7, EndFrame: 14,
		}},
		Frames: []uint64{1, 4, 7, 14}, Filter: "tcp.stream eq 5",
	}
	if d := cmp.Diff(want, v); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// MAIL, RCPT, RCPT and DATA in one packet: one round trip for all.
func TestPipelining(t *testing.T) {
	c := open()
	c.ask("EHLO a", 250, "mx", "PIPELINING")
	m := c.say("MAIL FROM:<a@a>")
	for _, s := range []string{"RCPT TO:<b@b>", "RCPT TO:<c@b>", "DATA"} {
		c.frame--
		c.say(s)
	}
	c.reply("MAIL", m, 250)
	c.reply("RCPT", m, 550, "no")
	c.reply("RCPT", m, 250)
	c.reply("DATA", m, 354)
	c.letter(headers("a@a", "b@b, c@b"), 250)
	c.ask("QUIT", 221)
	v := row(t, c.end(events.EndFIN)...)
	if v.Cost.RoundTrips != 6 || v.Cost.Pipelined != 3 || v.Refused != 1 {
		t.Errorf("%+v", v)
	}
	x := v.Messages[0]
	if x.RoundTrips != 2 || !slices.Equal(x.Recipients, []string{"c@b"}) || len(x.Refused) != 1 || x.Refused[0].Address != "b@b" || x.Refused[0].Code != 550 {
		t.Errorf("%+v", x)
	}
	if d := cmp.Diff(&smtpsession.Addresses{From: []string{"a@a"}, OnlyInHeader: []string{"b@b"}}, x.Headers); d != "" {
		t.Error(d)
	}
}

func TestOutcomes(t *testing.T) {
	c := open()
	c.ask("EHLO a", 250, "mx", "STARTTLS")
	c.ask("MAIL FROM:<a@a>", 451)
	c.ask("MAIL FROM:<b@a>", 250)
	c.ask("RCPT TO:<x@b>", 450)
	c.ask("RSET", 250)
	c.ask("MAIL FROM:<c@a>", 250)
	c.ask("RSET", 250)
	c.ask("MAIL FROM:<d@a>", 250)
	c.ask("RCPT TO:<x@b>", 250)
	c.ask("DATA", 354)
	c.letter(headers("somebody@else.example", "list@else.example"), 554)
	c.ask("MAIL FROM:<e@a>", 250)
	c.ask("RCPT TO:<x@b>", 250)
	v := row(t, c.end(events.EndReset)...)
	var got []string
	for _, m := range v.Messages {
		got = append(got, m.From+" "+string(m.Outcome))
	}
	if d := cmp.Diff([]string{"a@a refused", "b@a refused", "c@a taken back", "d@a refused", "e@a broken off"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&smtpsession.Addresses{From: []string{"somebody@else.example"}, FromDiffers: true, NotInHeader: []string{"x@b"}, OnlyInHeader: []string{"list@else.example"}}, v.Messages[3].Headers); d != "" {
		t.Error(d)
	}
	if v.Messages[0].Code != 451 || v.Messages[1].Code != 450 || v.Messages[3].Code != 554 || v.Accepted != 0 || v.Closed != "reset" || v.STARTTLS != smtpsession.Offered {
		t.Errorf("%+v", v)
	}
}

// A client that goes away when nobody is wanted has broken nothing off.
func TestNobodyLeft(t *testing.T) {
	c := open()
	c.ask("EHLO a", 250, "mx")
	c.ask("MAIL FROM:<a@a>", 250)
	c.ask("RCPT TO:<x@b>", 553)
	c.ask("RCPT TO:<y@b>", 450)
	v := row(t, c.end(events.EndFIN)...)
	if x := v.Messages[0]; x.Outcome != smtpsession.Rejected || x.Code != 553 || v.Refused != 2 {
		t.Errorf("%+v", x)
	}
}

// RFC 2033 section 4.2: one reply a recipient that was accepted.
func TestLMTP(t *testing.T) {
	c := open()
	c.ask("LHLO a", 250, "mx")
	c.ask("MAIL FROM:<a@a>", 250)
	c.ask("RCPT TO:<x@b>", 250)
	c.ask("RCPT TO:<y@b>", 550)
	c.ask("RCPT TO:<z@b>", 250)
	c.ask("DATA", 354)
	m := c.client(&events.MailMessage{Via: "smtp", Bytes: 9, Complete: true})
	c.reply(".", m, 250)
	c.reply(".", m, 452)
	v := row(t, c.end(events.EndFIN)...)
	if x := v.Messages[0]; x.Outcome != smtpsession.Taken || !slices.Equal(x.Recipients, []string{"x@b"}) || len(x.Refused) != 2 || x.Refused[1].Address != "z@b" || v.Refused != 2 {
		t.Errorf("%+v", x)
	}
}

func TestChunks(t *testing.T) {
	c := open()
	c.ask("EHLO a", 250, "mx", "CHUNKING")
	c.ask("MAIL FROM:<a@a>", 250)
	c.ask("RCPT TO:<x@b>", 250)
	c.ask("BDAT 10", 250)
	last := c.say("BDAT 10 LAST")
	c.client(&events.MailMessage{Via: "smtp", Bytes: 20, Complete: true})
	c.reply("BDAT", last, 250)
	v := row(t, c.end(events.EndFIN)...)
	if x := v.Messages[0]; x.Outcome != smtpsession.Taken || x.Bytes != 20 || x.RoundTrips != 4 || v.Closed != "closed without QUIT" {
		t.Errorf("%+v", x)
	}
}

func TestSTARTTLS(t *testing.T) {
	for name, c := range map[string]struct {
		talk      func(*talk)
		want      smtpsession.STARTTLS
		stripping string
	}{
		"used":                {func(c *talk) { c.ask("EHLO a", 250, "mx", "STARTTLS"); c.ask("STARTTLS", 220) }, smtpsession.Used, ""},
		"offered":             {func(c *talk) { c.ask("EHLO a", 250, "mx", "STARTTLS") }, smtpsession.Offered, ""},
		"not offered":         {func(c *talk) { c.ask("EHLO a", 250, "mx", "SIZE 1") }, smtpsession.NotOffered, ""},
		"HELO":                {func(c *talk) { c.ask("HELO a", 250, "mx") }, smtpsession.NotOffered, ""},
		"refused":             {func(c *talk) { c.ask("EHLO a", 250, "mx", "STARTTLS"); c.ask("STARTTLS", 454) }, smtpsession.Refused, ""},
		"without an offer":    {func(c *talk) { c.ask("EHLO a", 250, "mx", "SIZE 1"); c.ask("STARTTLS", 502) }, smtpsession.Refused, "without an offer"},
		"written over":        {func(c *talk) { c.ask("EHLO a", 250, "mx", "XXXXXXXA", "SIZE 1") }, smtpsession.NotOffered, "line of X"},
		"gone":                {func(c *talk) { c.ask("EHLO a", 250, "mx", "STARTTLS"); c.ask("EHLO a", 250, "mx", "SIZE 1") }, smtpsession.Offered, "not again"},
		"unanswered":          {func(c *talk) { c.ask("EHLO a", 250, "mx", "STARTTLS"); c.say("STARTTLS") }, smtpsession.Unanswered, ""},
		"an extension of X":   {func(c *talk) { c.ask("EHLO a", 250, "mx", "XCLIENT", "XFORWARD NAME") }, smtpsession.NotOffered, ""},
		"no answer was heard": {func(c *talk) { c.say("EHLO a") }, smtpsession.NotSeen, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := open()
			c.talk(x)
			v := row(t, x.end(events.EndFIN)...)
			if v.STARTTLS != c.want || (len(v.Stripping) == 0) != (c.stripping == "") || c.stripping != "" && !strings.Contains(v.Stripping[0], c.stripping) {
				t.Errorf("%q %q, want %q %q", v.STARTTLS, v.Stripping, c.want, c.stripping)
			}
		})
	}
}

// A secret is never repeated, even where the events bear it.
func TestCredentials(t *testing.T) {
	c := open()
	c.ask("EHLO a", 250, "mx", "AUTH PLAIN LOGIN CRAM-MD5")
	c.ask("AUTH PLAIN AGFsaWNlAGh1bmdyeQ==", 535)
	c.reply("AUTH", c.say("AUTH LOGIN"), 334, "VXNlcm5hbWU6")
	c.reply("AUTH", c.client(&events.SMTPCommand{Args: "aHVuZ3J5"}), 235)
	c.ask("AUTH CRAM-MD5", 334)
	c.ask("AUTH aHVuZ3J5", 504)
	rows := foldtest.Rows(t, smtpsession.Question, c.end(events.EndFIN)...)
	v := foldtest.Value[*smtpsession.Session](t, rows, "tcp:5")
	want := []session.Credential{
		{Mechanism: "PLAIN", Exposes: session.Password, Outcome: session.Refused, Frame: 7},
		{Mechanism: "LOGIN", Exposes: session.Password, Outcome: session.Accepted, Frame: 9},
		{Mechanism: "CRAM-MD5", Exposes: session.Response, Outcome: session.Unanswered, Frame: 13},
		{Mechanism: "unknown mechanism", Exposes: session.Unknown, Outcome: session.Refused, Frame: 15},
	}
	if d := cmp.Diff(want, v.Credentials); d != "" {
		t.Error(d)
	}
	if text := string(events.AppendJSON(nil, v)); strings.Contains(text, "aHVuZ3J5") || strings.Contains(text, "AGFsaWNl") {
		t.Errorf("a secret is in %s", text)
	}
	s := smtpsession.Question.Summary()
	s.Add(&rows[0])
	if f := s.Section(false).Findings; len(f) == 0 || f[0].Severity != analyzers.Bad || !strings.Contains(f[0].Text, "password or token in clear; one: AUTH PLAIN, refused") {
		t.Errorf("%+v", f)
	}
}

func TestSevenBits(t *testing.T) {
	const body, header = events.EightBitBody, events.EightBitHeader
	for name, c := range map[string]struct {
		ehlo, mail string
		bits       events.EightBit
		want       []string
	}{
		"plain":               {"SIZE", "", 0, nil},
		"agreed":              {"8BITMIME", " BODY=8BITMIME", body, nil},
		"body not declared":   {"8BITMIME", "", body, []string{"a body has bytes above 127 without BODY=8BITMIME"}},
		"declared, no offer":  {"SIZE", " BODY=8BITMIME", body, []string{"BODY=8BITMIME was asked for and 8BITMIME not offered"}},
		"header":              {"8BITMIME", " BODY=8BITMIME", header, []string{"a header has bytes above 127 without SMTPUTF8"}},
		"SMTPUTF8":            {"SMTPUTF8", " SMTPUTF8", header, nil},
		"SMTPUTF8, not asked": {"SIZE", " SMTPUTF8", header, []string{"SMTPUTF8 was asked for and not offered"}},
	} {
		x := open()
		x.ask("EHLO a", 250, "mx", c.ehlo)
		x.ask("MAIL FROM:<a@a>"+c.mail, 250)
		x.ask("RCPT TO:<b@b>", 250)
		x.ask("DATA", 354)
		m := headers("a@a", "b@b")
		m.EightBit = c.bits
		x.letter(m, 250)
		v := row(t, x.end(events.EndFIN)...)
		if d := cmp.Diff(c.want, v.Messages[0].Violations); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if (v.Messages[0].EightBit != nil) != (c.bits != 0) {
			t.Errorf("%s: %+v", name, v.Messages[0].EightBit)
		}
	}
}

func TestUndecided(t *testing.T) {
	one := func(evs ...*events.Event) *smtpsession.Session { return row(t, evs...) }
	t.Run("only the client", func(t *testing.T) {
		c := &talk{Talk: foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:25").In("tcp/smtp")}
		for _, s := range []string{"EHLO a", "MAIL FROM:<a@a>", "RCPT TO:<b@b>", "DATA"} {
			c.say(s)
		}
		v := one(c.end(events.EndFIN)...)
		if v.Undecided != "nothing that the server said was captured" || v.Messages[0].Outcome != smtpsession.Undecided || v.Cost.Pipelined != 0 || v.Phases.Handshake != nil || v.STARTTLS != smtpsession.NotSeen {
			t.Errorf("%+v", v)
		}
	})
	t.Run("midway", func(t *testing.T) {
		c := &talk{Talk: foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:25").In("tcp/smtp")}
		c.ask("MAIL FROM:<a@a>", 250)
		c.ask("QUIT", 221)
		if v := one(c.end(events.EndFIN)...); v.Undecided != "the beginning of the session was not captured" || v.Cost.RTT != nil || v.STARTTLS != smtpsession.NotSeen {
			t.Errorf("%+v", v)
		}
	})
	t.Run("a gap", func(t *testing.T) {
		c := open()
		c.ask("EHLO a", 250, "mx")
		c.ask("MAIL FROM:<a@a>", 250)
		c.server(&events.FlowGap{Protocol: "smtp", Bytes: 100})
		v := one(c.end(events.EndFIN)...)
		if v.Undecided != "bytes of the session were not captured" || v.Messages[0].Outcome != smtpsession.Undecided {
			t.Errorf("%+v", v)
		}
	})
	t.Run("encrypted", func(t *testing.T) {
		f := foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:465").In("tcp/tls")
		v := one(f.Client(4, 40*ms, &events.FlowDetected{Protocol: "tls", By: "content", Encrypted: true}),
			f.Client(9, 90*ms, &events.FlowEnd{Why: events.EndFIN, Protocol: "tls", FirstFrame: 1, Duration: events.Duration(80 * ms)}))
		if v.Undecided != "the session is encrypted from its first byte" || v.STARTTLS != smtpsession.Implicit || v.Cost.Duration != events.Duration(80*ms) {
			t.Errorf("%+v", v)
		}
	})
}

// Other protocols on the port give no row, and other ports no state.
func TestNotSMTP(t *testing.T) {
	f := foldtest.TCP(5, "10.0.0.1:4000", "10.0.0.2:25")
	if rows := foldtest.Rows(t, smtpsession.Question, f.Client(1, 0, &events.FlowDetected{Protocol: "http1"}), f.Client(2, ms, &events.FlowEnd{Why: events.EndFIN, Protocol: "http1"})); len(rows) != 0 {
		t.Error(rows)
	}
	l := events.DefaultLimits()
	r := smtpsession.Question.New(analyzers.Options{Limits: &l})
	if _, ok := r.Hash(foldtest.TCP(1, "10.0.0.1:4000", "10.0.0.2:443").Client(1, 0, &events.FlowEnd{Protocol: "tls"})); ok {
		t.Error("the end of an HTTPS flow is looked at")
	}
}

// One server that offers STARTTLS to one client and not to another.
func TestServersAreCompared(t *testing.T) {
	s := smtpsession.Question.Summary()
	for i, ext := range []string{"STARTTLS", "SIZE 1"} {
		c := open()
		c.Talk = foldtest.TCP(uint32(i), "10.0.0.1:4000", "10.0.0.2:25").In("tcp/smtp")
		c.evs = nil
		c.reply("", 0, 220, "mx")
		c.ask("EHLO a", 250, "mx", ext)
		rows := foldtest.Rows(t, smtpsession.Question, c.end(events.EndFIN)...)
		s.Add(&rows[0])
	}
	f := s.Section(false).Findings
	if len(f) != 1 || !strings.Contains(f[0].Text, "10.0.0.2:25 offered STARTTLS in tcp:0 and not in tcp:1") || f[0].Filter != "tcp.stream eq 0 || tcp.stream eq 1" {
		t.Errorf("%+v", f)
	}
}

func BenchmarkSession(b *testing.B) {
	c := open()
	c.ask("EHLO crepes.fr", 250, "mx.example", "PIPELINING", "8BITMIME")
	for range 20 {
		c.ask("MAIL FROM:<alice@crepes.fr>", 250)
		c.ask("RCPT TO:<bob@hamburger.edu>", 250)
		c.ask("DATA", 354)
		c.letter(headers("alice@crepes.fr", "bob@hamburger.edu"), 250)
	}
	evs := c.end(events.EndFIN)
	l := events.DefaultLimits()
	r := smtpsession.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, func(analyzers.Row) {})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(evs)), "ns/event")
}
