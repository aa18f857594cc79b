package ftpsession_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/ftpsession"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

// talk is one control connection by hand, at a time in milliseconds: each
// event a frame. RTT 40 ms, as seen at the client.
type talk struct {
	foldtest.Talk
	evs   []*events.Event
	frame uint64
	now   float64
	data  uint32 // stream of the last data connection
}

func midway() *talk {
	return &talk{Talk: foldtest.TCP(0, "10.0.0.1:4000", "10.0.0.2:21").In("tcp/ftp"), frame: 1}
}

func open() *talk {
	t := midway()
	t.now = 40
	t.server(&events.TCPRTT{Of: events.RTTSynAck, RTT: events.Duration(40 * ms), SegmentFrame: 1})
	t.client(&events.TCPRTT{Of: events.RTTAck, SegmentFrame: 2})
	t.now = 80
	t.server(&events.FTPReply{Code: 220, Lines: []string{"FTP ready"}})
	return t
}

func (t *talk) at() time.Duration { return time.Duration(t.now * 1e6) }

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
	c := &events.FTPCommand{Verb: verb, Args: args}
	if verb == "PORT" { // "PORT 10.0.0.1 5000", for short
		c.DataHost, _, _ = strings.Cut(args, " ")
		c.DataPort = 5000
	}
	return t.client(c)
}

func (t *talk) reply(command uint64, verb string, code int, lines ...string) uint64 {
	r := &events.FTPReply{Code: code, Lines: lines, Verb: verb, CommandFrame: command}
	if code == 227 {
		r.DataHost, r.DataPort = lines[0], 6000
	}
	return t.server(r)
}

// ask is a command, and its reply a round trip later.
func (t *talk) ask(line string, code int, lines ...string) uint64 {
	verb, _, _ := strings.Cut(line, " ")
	f := t.say(line)
	t.now += 40
	t.reply(f, verb, code, lines...)
	return f
}

// carry is the end of a data connection for the command of that frame; its
// bytes went from now to now+took.
func (t *talk) carry(command uint64, d events.FTPData, took float64) {
	t.data++
	d.ControlStream, d.CommandFrame = 0, command
	if d.Bytes > 0 {
		d.FirstFrame = t.frame + 1
		d.FirstTime = foldtest.Start.Add(events.Duration(t.at()))
		t.frame++
		t.now += took
		d.LastTime = foldtest.Start.Add(events.Duration(t.at()))
	}
	t.frame++
	f := foldtest.TCP(t.data, "10.0.0.1:4001", "10.0.0.2:6000").In("tcp/ftp-data")
	t.evs = append(t.evs, f.Server(t.frame, t.at(), &d))
}

func (t *talk) end(why events.Ending) []*events.Event {
	t.client(&events.FlowEnd{Why: why, Protocol: "ftp", FirstFrame: 1, Duration: events.Duration(t.at()), ClientBytes: 100, ServerBytes: 200})
	return t.evs
}

func rows(t *testing.T, evs ...*events.Event) []analyzers.Row {
	t.Helper()
	return foldtest.Rows(t, ftpsession.Question, evs...)
}

func file(t *testing.T, rs []analyzers.Row, key string) *ftpsession.Row {
	t.Helper()
	return foldtest.Value[*ftpsession.Row](t, rs, key)
}

// The worked example of the page.
func TestPassive(t *testing.T) {
	c := open()
	c.ask("CWD /pub", 250)
	c.ask("TYPE I", 200)
	start := c.ask("PASV", 227, "10.0.0.2")
	c.now += 40 // the data connection is made
	f := c.say("RETR a.bin")
	c.now += 40
	c.reply(f, "RETR", 150)
	c.carry(f, events.FTPData{Mode: "passive", Verb: "RETR", Path: "a.bin", Bytes: 100_000, Complete: true, Type: "I"}, 100)
	last := c.reply(f, "RETR", 226)
	rs := rows(t, c.end(events.EndFIN)...)
	r := file(t, rs, "tcp:0 RETR a.bin")
	took, setUp := events.Duration(100*ms), events.Duration(120*ms)
	want := &ftpsession.Row{
		Kind: "file", Client: "10.0.0.1:4000", Server: "10.0.0.2:21",
		File: &ftpsession.File{
			Command: "RETR", Path: "a.bin", Directory: "/pub", Outcome: ftpsession.Complete, Code: 226, Mode: "passive", Data: "tcp:1",
			Announced: "10.0.0.2:6000", Type: "I", Bytes: 100_000, Took: &took, Rate: 1e6, SetUp: &setUp, SetUpRTTs: 3, SetUpTrips: 3, Frame: f, EndFrame: last,
		},
		Frames: []uint64{start, f, f + 2, f + 3, last}, Filter: "tcp.stream eq 0 || tcp.stream eq 1",
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	v := file(t, rs, "tcp:0").Session
	if v.Directory != "/pub" || v.Type != "I" || v.Files != 1 || v.Passive != 1 || v.DataBytes != 100_000 || v.Control != 300 || v.Failed != 0 || v.Cost.RoundTrips != 6 {
		t.Errorf("%+v", v)
	}
}

// In active mode, and where a file is not there.
func TestRefused(t *testing.T) {
	c := open()
	c.ask("PORT 10.0.0.1 5000", 200)
	c.ask("RETR none", 550)
	c.ask("PASV", 227, "10.0.0.2")
	c.now += 40
	f := c.ask("RETR none either", 550)
	c.carry(f, events.FTPData{Mode: "passive", Verb: "RETR", Path: "none either", Reply: 550}, 0)
	rs := rows(t, c.end(events.EndFIN)...)
	a, p := file(t, rs, "tcp:0 RETR none").File, file(t, rs, "tcp:0 RETR none either").File
	if a.Outcome != ftpsession.Refused || a.Mode != "active" || *a.SetUp != events.Duration(80*ms) || a.SetUpTrips != 2 || a.Data != "" || a.OtherAddress {
		t.Errorf("%+v", a)
	}
	if p.Outcome != ftpsession.Refused || p.Mode != "passive" || *p.SetUp != events.Duration(120*ms) || p.SetUpTrips != 3 || p.Data != "tcp:1" {
		t.Errorf("%+v", p)
	}
	if v := file(t, rs, "tcp:0").Session; v.Failed != 2 || v.Files != 2 || v.Closed != "closed without QUIT" {
		t.Errorf("%+v", v)
	}
}

// What was announced is not where its side is.
func TestOtherAddress(t *testing.T) {
	c := open()
	c.ask("PORT 192.168.1.5 5000", 200)
	f := c.ask("STOR x", 150)
	c.carry(f, events.FTPData{Mode: "active", Verb: "STOR", Path: "x", Bytes: 10, Complete: true}, 0)
	c.reply(f, "STOR", 226)
	c.ask("PASV", 227, "172.16.0.9")
	f = c.ask("RETR y", 150)
	c.reply(f, "RETR", 226)
	rs := rows(t, c.end(events.EndFIN)...)
	a := file(t, rs, "tcp:0 STOR x").File
	if !a.OtherAddress || a.Announced != "192.168.1.5:5000" || a.Outcome != ftpsession.Complete || a.Rate != 0 {
		t.Errorf("%+v", a)
	}
	b := file(t, rs, "tcp:0 RETR y")
	if !b.File.OtherAddress || b.File.Outcome != ftpsession.Unseen || b.Undecided != "no data connection was captured" || b.File.SetUp != nil {
		t.Errorf("%+v %+v", b, b.File)
	}
	s := ftpsession.Question.Summary()
	for i := range rs {
		s.Add(&rs[i])
	}
	fs := s.Section(false).Findings
	if len(fs) != 1 || fs[0].Severity != analyzers.Warn || !strings.Contains(fs[0].Text, "2 FTP data connections were announced at an address") {
		t.Errorf("%+v", fs)
	}
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		data      events.FTPData
		code      int // 0: none
		want      ftpsession.Outcome
		undecided string
	}{
		"aborted":     {events.FTPData{Bytes: 10, Complete: true}, 426, ftpsession.Broken, ""},
		"reset":       {events.FTPData{Bytes: 10}, 226, ftpsession.Broken, ""},
		"a gap":       {events.FTPData{Bytes: 10, Missing: 3}, 226, ftpsession.Undecided, "bytes of it were not captured"},
		"no answer":   {events.FTPData{Bytes: 10, Complete: true}, 0, ftpsession.Complete, "the server's last word on it was not captured"},
		"empty file":  {events.FTPData{Complete: true}, 226, ftpsession.Complete, ""},
		"only answer": {events.FTPData{Bytes: -1}, 0, ftpsession.Undecided, "neither its data nor the answer to it were captured"},
	} {
		t.Run(name, func(t *testing.T) {
			x := open()
			f := x.ask("RETR f", 150)
			if c.data.Bytes >= 0 {
				c.data.Verb, c.data.Path, c.data.Mode = "RETR", "f", "passive"
				x.carry(f, c.data, 0)
			}
			if c.code != 0 {
				x.reply(f, "RETR", c.code)
			}
			r := file(t, rows(t, x.end(events.EndFIN)...), "tcp:0 RETR f")
			if r.File.Outcome != c.want || r.Undecided != c.undecided {
				t.Errorf("%s %q, want %s %q", r.File.Outcome, r.Undecided, c.want, c.undecided)
			}
		})
	}
}

// The state of the control connection: only what was answered with yes counts.
func TestState(t *testing.T) {
	c := open()
	c.ask("CWD pub", 250)
	c.ask("CWD nowhere", 550)
	c.ask("TYPE I", 200)
	c.ask("TYPE E", 504)
	c.ask("MODE Z", 200)
	c.ask("REST 500", 350)
	f := c.ask("LIST", 150)
	c.reply(f, "LIST", 226)
	c.ask("PWD", 257, `"/home/b""ob/pub" is current`)
	c.ask("CDUP", 250)
	f = c.ask("NLST", 150)
	c.reply(f, "NLST", 226)
	c.ask("QUIT", 221)
	rs := rows(t, c.end(events.EndFIN)...)
	a, b := file(t, rs, "tcp:0 LIST").File, file(t, rs, "tcp:0 NLST").File
	if a.Directory != "pub" || a.Type != "I" || a.TransferMode != "Z" || a.Restart != 500 {
		t.Errorf("%+v", a)
	}
	if b.Directory != `/home/b"ob` || b.Restart != 0 {
		t.Errorf("%+v", b)
	}
	if v := file(t, rs, "tcp:0").Session; v.Listings != 2 || v.Files != 0 || v.Closed != "quit" {
		t.Errorf("%+v", v)
	}
}

func TestLogins(t *testing.T) {
	c := open()
	c.ask("USER carol", 331)
	c.ask("PASS hungry", 530)
	c.ask("USER carol", 331)
	c.ask("PASS hungrier", 230)
	c.ask("USER anonymous", 331)
	c.ask("PASS me@here", 230)
	rs := rows(t, c.end(events.EndFIN)...)
	v := file(t, rs, "tcp:0").Session
	var got []string
	for _, x := range v.Credentials {
		got = append(got, x.User+" "+string(x.Exposes)+" "+string(x.Outcome))
	}
	if d := cmp.Diff([]string{"carol password refused", "carol password accepted", "anonymous nothing accepted"}, got); d != "" || v.User != "anonymous" {
		t.Error(d, v.User)
	}
	if text := string(events.AppendJSON(nil, v)); strings.Contains(text, "hungr") || strings.Contains(text, "me@here") {
		t.Errorf("a secret is in %s", text)
	}
}

func TestUndecided(t *testing.T) {
	t.Run("data alone", func(t *testing.T) {
		c := midway()
		c.carry(0, events.FTPData{Mode: "passive", Bytes: 10, Complete: true}, 0)
		r := file(t, rows(t, c.evs...), "tcp:0 unknown command")
		if r.Undecided != "its command was not captured" || r.File.Bytes != 10 || r.File.SetUp != nil {
			t.Errorf("%+v", r)
		}
	})
	t.Run("only the client", func(t *testing.T) {
		c := midway()
		c.say("USER a")
		c.say("RETR f")
		rs := rows(t, c.end(events.EndFIN)...)
		if r := file(t, rs, "tcp:0"); r.Undecided != "nothing that the server said was captured" || r.Session.Cost.Pipelined != 0 {
			t.Errorf("%+v", r)
		}
		if r := file(t, rs, "tcp:0 RETR f"); r.File.Outcome != ftpsession.Undecided {
			t.Errorf("%+v", r.File)
		}
	})
	t.Run("AUTH TLS", func(t *testing.T) {
		c := open()
		c.ask("AUTH TLS", 234)
		c.client(&events.FlowDetected{Protocol: "tls", Encrypted: true})
		r := file(t, rows(t, c.end(events.EndFIN)...), "tcp:0")
		if r.Undecided != "the rest of the session is encrypted" || r.Session.TLS != "used" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("midway", func(t *testing.T) {
		c := midway()
		c.ask("NOOP", 200)
		if r := file(t, rows(t, c.end(events.EndFIN)...), "tcp:0"); r.Undecided != "the beginning of the session was not captured" || r.Session.Cost.RTT != nil {
			t.Errorf("%+v", r)
		}
	})
}

func BenchmarkSession(b *testing.B) {
	c := open()
	for range 20 {
		c.ask("PASV", 227, "10.0.0.2")
		f := c.ask("RETR a", 150)
		c.carry(f, events.FTPData{Mode: "passive", Verb: "RETR", Path: "a", Bytes: 10, Complete: true}, 1)
		c.reply(f, "RETR", 226)
	}
	evs := c.end(events.EndFIN)
	l := events.DefaultLimits()
	r := ftpsession.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, func(analyzers.Row) {})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(evs)), "ns/event")
}
