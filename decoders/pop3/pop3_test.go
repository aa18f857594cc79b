package pop3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

var (
	client = dt.Client
	server = dt.Server
)

const (
	fromClient = events.FromClient
	fromServer = events.FromServer
)

// lines are the events of a tape, one short line each.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d ", r.Frame)
		switch e := r.Body.(type) {
		case *events.POP3Command:
			fmt.Fprintf(&b, "> %q %q @%d", e.Verb, e.Args, e.FirstFrame)
		case *events.POP3Reply:
			sign := "-"
			if e.OK {
				sign = "+"
			}
			if e.Continue {
				sign = "+..."
			}
			fmt.Fprintf(&b, "< %s %q %s for %d", sign, e.Text, e.Verb, e.CommandFrame)
			if len(e.Lines) > 0 {
				fmt.Fprintf(&b, " |%s", strings.Join(e.Lines, "|"))
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		default:
			fmt.Fprintf(&b, "%s", r.Kind)
			if n, ok := r.What.(decoders.Next); ok {
				fmt.Fprintf(&b, " %s", n.Protocol)
				if h, ok := n.Hint.(decoders.HintMail); ok {
					fmt.Fprintf(&b, " %s %s %s", h.Via, h.From, h.Section)
				}
			}
		}
		if r.Truncated {
			b.WriteString(" truncated")
		}
		b.WriteByte('\n')
	}
	for _, f := range tape.Feeds {
		fmt.Fprintf(&b, "mail %q", f.Bytes[fromServer])
		if f.Lost[fromServer] > 0 {
			fmt.Fprintf(&b, " lost %d", f.Lost[fromServer])
		}
		if f.Ended[0] == 0 || f.Ended[1] == 0 {
			b.WriteString(" OPEN")
		} else {
			fmt.Fprintf(&b, " %s", f.Ended[fromServer])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type talk struct {
	name   string
	chunks []dt.Chunk
	want   string
}

var talks = []talk{
	{"RFC 1939 section 10", []dt.Chunk{
		server("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n"),
		client("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"),
		server("+OK mrose's maildrop has 2 messages (320 octets)\r\n"),
		client("STAT\r\n"), server("+OK 2 320\r\n"),
		client("LIST\r\n"), server("+OK 2 messages (320 octets)\r\n1 120\r\n"), server("2 200\r\n.\r\n"),
		client("RETR 1\r\n"), server("+OK 120 octets\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"),
		client("DELE 1\r\n"), server("+OK message 1 deleted\r\n"),
		client("RETR 2\r\n"), server("-ERR no such message\r\n"),
		client("QUIT\r\n"), server("+OK dewey POP3 server signing off (maildrop empty)\r\n"),
	}, `
1 < + "POP3 server ready <1896.697170952@dbc.mtview.ca.us>"  for 0
2 > "APOP" "mrose <redacted>" @2
3 < + "mrose's maildrop has 2 messages (320 octets)" APOP for 2
4 > "STAT" "" @4
5 < + "2 320" STAT for 4
6 > "LIST" "" @6
8 < + "2 messages (320 octets)" LIST for 6 |1 120|2 200
9 > "RETR" "1" @9
10 < + "120 octets" RETR for 9
10 open mail pop3 server 
11 > "DELE" "1" @11
12 < + "message 1 deleted" DELE for 11
13 > "RETR" "2" @13
14 < - "no such message" RETR for 13
15 > "QUIT" "" @15
16 < + "dewey POP3 server signing off (maildrop empty)" QUIT for 15
mail "Subject: x\r\n\r\n.dot\r\n" fin`},
	{"USER PASS NOOP RSET UIDL TOP LIST n", []dt.Chunk{
		server("+OK ready\r\n"),
		client("user fred\r\n"), server("+OK\r\n"),
		client("PASS my secret\r\n"), server("-ERR [AUTH] no\r\n"),
		client("PASS\r\n"), server("-ERR\r\n"),
		client("NOOP\r\n"), server("+OK\r\n"), client("RSET\r\n"), server("+OK\r\n"),
		client("LIST 2\r\n"), server("+OK 2 200\r\n"),
		client("UIDL\r\n"), server("+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n..x\r\n.\r\n"),
		client("UIDL 1\r\n"), server("+OK 1 whq\r\n"),
		client("TOP 1 10\r\n"), server("+OK\r\nA: b\r\n\r\n.\r\n"),
		client("CAPA\r\n"), server("-ERR what?\r\n"),
	}, `
1 < + "ready"  for 0
2 > "USER" "fred" @2
3 < + "" USER for 2
4 > "PASS" "<redacted>" @4
5 < - "[AUTH] no" PASS for 4
6 > "PASS" "" @6
7 < - "" PASS for 6
8 > "NOOP" "" @8
9 < + "" NOOP for 8
10 > "RSET" "" @10
11 < + "" RSET for 10
12 > "LIST" "2" @12
13 < + "2 200" LIST for 12
14 > "UIDL" "" @14
15 < + "" UIDL for 14 |1 whqtswO00WBw418f9t5JxYwZ|.x
16 > "UIDL" "1" @16
17 < + "1 whq" UIDL for 16
18 > "TOP" "1 10" @18
19 < + "" TOP for 18
19 open mail pop3 server TOP 10
20 > "CAPA" "" @20
21 < - "what?" CAPA for 20
mail "A: b\r\n\r\n" fin`},
	{"AUTH RFC 5034 section 4", []dt.Chunk{
		server("+OK ready\r\n"),
		client("AUTH\r\n"), server("+OK\r\nPLAIN\r\nCRAM-MD5\r\n.\r\n"),
		client("AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n"), server("-ERR no\r\n"),
		client("AUTH CRAM-MD5\r\n"), server("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+\r\n"),
		client("ZnJlZA==\r\n"), server("-ERR not that\r\n"),
		client("AUTH LOGIN\r\n"), server("+ VXNlcm5hbWU6\r\n"), client("ZnJlZA==\r\n"), server("+\r\n"), client("*\r\n"), server("-ERR cancelled\r\n"),
		client("AUTH LOGIN =\r\n"), server("+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "AUTH" "" @2
3 < + "" AUTH for 2 |PLAIN|CRAM-MD5
4 > "AUTH" "PLAIN <redacted>" @4
5 < - "no" AUTH for 4
6 > "AUTH" "CRAM-MD5" @6
7 < +... "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+" AUTH for 6
8 > "" "<redacted>" @8
9 < - "not that" AUTH for 6
10 > "AUTH" "LOGIN" @10
11 < +... "VXNlcm5hbWU6" AUTH for 10
12 > "" "<redacted>" @12
13 < +... "" AUTH for 10
14 > "" "*" @14
15 < - "cancelled" AUTH for 10
16 > "AUTH" "LOGIN =" @16
17 < + "" AUTH for 16`},
	{"a step that reads as a command", []dt.Chunk{
		server("+OK ready\r\n"), client("AUTH CRAM-MD5\r\n"), server("+ PDE4\r\n"), client("QUIT\r\n"), server("-ERR not that\r\n"),
	}, `
1 < + "ready"  for 0
2 > "AUTH" "CRAM-MD5" @2
3 < +... "PDE4" AUTH for 2
4 > "" "<redacted>" @4
5 < - "not that" AUTH for 2`},
	{"STLS accepted RFC 2595 section 4", []dt.Chunk{
		server("+OK ready\r\n"), client("STLS\r\n"), server("+OK Begin TLS negotiation\r\n"), client("\x16\x03\x01\x00\x05hello"), server("\x16\x03\x03"),
	}, `
1 < + "ready"  for 0
2 > "STLS" "" @2
3 < + "Begin TLS negotiation" STLS for 2
3 switch tls`},
	{"STLS accepted after the hello", []dt.Chunk{
		server("+OK ready\r\n"), client("STLS\r\n\x16\x03\x01\x00\x05hello"), server("+OK Begin TLS negotiation\r\n\x16"),
	}, `
1 < + "ready"  for 0
2 > "STLS" "" @2
3 < + "Begin TLS negotiation" STLS for 2
3 switch tls`},
	{"STLS refused", []dt.Chunk{
		server("+OK ready\r\n"), client("STLS\r\n"), server("-ERR Command not permitted\r\n"), client("USER a\r\n"), server("+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "STLS" "" @2
3 < - "Command not permitted" STLS for 2
4 > "USER" "a" @4
5 < + "" USER for 4`},
	{"STLS of which the answer is lost", []dt.Chunk{
		server("+OK ready\r\n"), client("STLS\r\n"), dt.Lost(fromServer, 30), client("\x16\x03\x01\x00\x05hello"),
	}, `
1 < + "ready"  for 0
2 > "STLS" "" @2
3 gap 30
4 switch tls`},
	{"pipelining RFC 2449 section 6.6", []dt.Chunk{
		server("+OK ready\r\n"), client("UTF8\r\nLANG\r\nLANG en\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\nQU"), client("IT\r\n"),
		server("+OK\r\n+OK\r\nen English\r\n.\r\n+OK en\r\n+OK\r\none\r\n.\r\n-ERR\r\n+OK\r\nthree\r\n.\r"), server("\n+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "UTF8" "" @2
2 > "LANG" "" @2
2 > "LANG" "en" @2
2 > "RETR" "1" @2
2 > "RETR" "2" @2
2 > "RETR" "3" @2
3 > "QUIT" "" @2
4 < + "" UTF8 for 2
4 < + "" LANG for 2 |en English
4 < + "en" LANG for 2
4 < + "" RETR for 2
4 open mail pop3 server 
4 < - "" RETR for 2
4 < + "" RETR for 2
4 open mail pop3 server 
5 < + "" QUIT for 3
mail "one\r\n" fin
mail "three\r\n" fin`},
	{"dots", []dt.Chunk{
		server("+OK ready\r\n"), client("RETR 1\r\n"), server("+OK\r\n.\ra\r\n..\r\n.x\r\n...\r\n\r\n. \r\nbare\n..b\n\n.\r\n"),
		client("RETR 2\r\n"), server("+OK\r\n.\r\n"),
		client("RETR 3\n"), server("+OK\na\n.\n"),
		client("NOOP\r\n"), server("+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "RETR" "1" @2
3 < + "" RETR for 2
3 open mail pop3 server 
4 > "RETR" "2" @4
5 < + "" RETR for 4
5 open mail pop3 server 
6 > "RETR" "3" @6
7 < + "" RETR for 6
7 open mail pop3 server 
8 > "NOOP" "" @8
9 < + "" NOOP for 8
mail "\ra\r\n.\r\nx\r\n..\r\n\r\n \r\nbare\n.b\n\n" fin
mail "" fin
mail "a\n" fin`},
	{"a message that breaks off", []dt.Chunk{
		server("+OK ready\r\n"), client("RETR 1\r\n"), server("+OK\r\nabc"), dt.Over(fromServer, events.EndReset),
	}, `
1 < + "ready"  for 0
2 > "RETR" "1" @2
3 < + "" RETR for 2
3 open mail pop3 server 
mail "abc" reset`},
	{"a hole in a message", []dt.Chunk{
		server("+OK ready\r\n"), client("RETR 1\r\n"), server("+OK\r\nabc\r\nde"), dt.Lost(fromServer, 7), server("gh\r\n.\r\n"), client("NOOP\r\n"), server("+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "RETR" "1" @2
3 < + "" RETR for 2
3 open mail pop3 server 
4 gap 7
6 > "NOOP" "" @6
7 < + "" NOOP for 6
mail "abc\r\ndegh\r\n" lost 7 fin`},
	{"the end of a message is lost", []dt.Chunk{
		server("+OK ready\r\n"), client("RETR 1\r\n"), server("+OK\r\nabc\r\nde"), dt.Lost(fromServer, 7), client("NOOP\r\n"), server("+OK x\r\n"),
	}, `
1 < + "ready"  for 0
2 > "RETR" "1" @2
3 < + "" RETR for 2
3 open mail pop3 server 
4 gap 7
5 > "NOOP" "" @5
6 < + "x" NOOP for 5
mail "abc\r\nde" lost 7 reset`},
	{"the end of a listing is lost", []dt.Chunk{
		server("+OK ready\r\n"), client("LIST\r\n"), server("+OK\r\n1 1\r\n2"), dt.Lost(fromServer, 7), client("NOOP\r\n"), server("+OK x\r\n"),
	}, `
1 < + "ready"  for 0
2 > "LIST" "" @2
4 gap 7
6 < + "" LIST for 2 |1 1 truncated
5 > "NOOP" "" @5
6 < + "x" NOOP for 5`},
	{"lost replies", []dt.Chunk{
		server("+OK ready\r\n"), client("STAT\r\n"), server("+O"), dt.Lost(fromServer, 3), server("2 3\r\n+OK no\r\n"), client("NOOP\r\n"), server("+OK x\r\n"),
	}, `
1 < + "ready"  for 0
2 > "STAT" "" @2
4 gap 3
6 > "NOOP" "" @6
7 < + "x" NOOP for 6`},
	{"lost commands", []dt.Chunk{
		server("+OK ready\r\n"), client("STAT\r\nUS"), dt.Lost(fromClient, 3), client("ed\r\nLIST\r\n"), server("+OK 1\r\n+OK 2\r\n+OK 3\r\n1 1\r\n.\r\n"), client("NOOP\r\n"), server("+OK x\r\n"),
	}, `
1 < + "ready"  for 0
2 > "STAT" "" @2
3 gap 3
4 > "LIST" "" @4
5 < + "1" STAT for 2
5 < + "2"  for 0 truncated
6 > "NOOP" "" @6
7 < + "x" NOOP for 6`},
	{"what is none", []dt.Chunk{
		server("+OK ready\r\n"), client("FOO bar\r\n"), server("+OK\r\nline\r\nline\r\n.\r\n"), client("\x80\r\n"), server("-ERR\r\n"), client("NOOP\r\n"), server("+OK\r\n"),
	}, `
1 < + "ready"  for 0
2 > "FOO" "bar" @2
3 < + "" FOO for 2
3 ! a line that is no reply
4 ! a line that is no command
5 < - ""  for 0 truncated
6 > "NOOP" "" @6
7 < + "" NOOP for 6`},
}

func TestTalks(t *testing.T) {
	for _, c := range talks {
		got := lines(dt.Run(t, Proto, dt.Talk(c.name, c.chunks...)))
		want := strings.TrimPrefix(c.want, "\n")
		// The sides are compared one by one: their events may interleave.
		if g, w := sides(strings.TrimSpace(got)), sides(want); g != w {
			t.Errorf("%s:\n got\n%s\nwant\n%s", c.name, g, w)
		}
	}
}

// sides sorts what the client said before what the rest is.
func sides(s string) string {
	var a, b []string
	for _, l := range strings.Split(s, "\n") {
		if strings.Contains(l, " > ") {
			a = append(a, l)
		} else {
			b = append(b, l)
		}
	}
	return strings.Join(append(a, b...), "\n")
}

func conversations() []dt.Conversation {
	var cs []dt.Conversation
	for _, c := range talks {
		cs = append(cs, dt.Talk(c.name, c.chunks...))
	}
	return cs
}

func TestLaws(t *testing.T) { dt.Laws(t, Proto, conversations()...) }

// TestStrictLoss: of conversations in lock-step nothing is invented, even
// after a gap.
func TestStrictLoss(t *testing.T) {
	for _, c := range conversations() {
		switch c.Name {
		case "a step that reads as a command", "pipelining RFC 2449 section 6.6", "lost commands", "lost replies", "a hole in a message", "the end of a message is lost", "the end of a listing is lost", "STLS of which the answer is lost":
			continue
		}
		dt.StrictLoss(t, Proto, c)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.POP3Line, l.POP3Lines, l.PendingRequests = 20, 2, 2
	c := dt.Talk("limits",
		server("+OK ready\r\n"),
		client("UIDL\r\n"), server("+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n"),
		client("NOOP\r\nNOOP\r\nNOOP\r\n"), server("+OK\r\n+OK\r\n"),
		client("USER "+strings.Repeat("x", 40)+"\r\n"), server("-ERR "+strings.Repeat("x", 40)+"\r\n"),
		client("NOOP\r\n"), server("+OK\r\n"))
	c.Env.Limits = &l
	got := lines(dt.Run(t, Proto, c))
	want := `1 < + "ready"  for 0
2 > "UIDL" "" @2
3 limit pop3-lines
3 < + "" UIDL for 2 |1 a|2 b truncated
4 > "NOOP" "" @4
4 > "NOOP" "" @4
4 limit pending-requests
4 > "NOOP" "" @4
5 < + "" NOOP for 4
5 < + ""  for 0 truncated
6 limit pop3-line
7 limit pop3-line
8 > "NOOP" "" @8
9 < + "" NOOP for 8
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	dt.Laws(t, Proto, c)
}

func TestShowSecrets(t *testing.T) {
	c := dt.Talk("", client("PASS a b\r\nAPOP x y\r\nAUTH PLAIN z\r\n"), server("+ \r\n"), client("AAAA\r\n"))
	c.Env.ShowSecrets = true
	var got []string
	for _, e := range dt.Of[*events.POP3Command](dt.Run(t, Proto, c)) {
		got = append(got, e.Args)
	}
	if s := strings.Join(got, "|"); s != "a b|x y|PLAIN z|AAAA" {
		t.Error(s)
	}
}

func TestNotPOP3(t *testing.T) {
	for _, c := range []dt.Conversation{
		dt.Talk("http", client("GET / HTTP/1.1\r\n\r\n")),
		dt.Talk("smtp", server("220 hello\r\n")),
		dt.Talk("binary", client(strings.Repeat("\x00", 10000))),
	} {
		if tape := dt.Run(t, Proto, c); tape.Err == nil || len(tape.Records) != 1 {
			t.Errorf("%s: %v", c.Name, tape.Records)
		}
	}
}

func TestProbe(t *testing.T) {
	for head, want := range map[string]decoders.Verdict{
		"+OK Dovecot ready.\r\n":       decoders.Yes,
		"+OK 120 octets\r\nA: b\r\n":   decoders.Yes,
		"+OK\r\n":                      decoders.Maybe, // Redis, NATS
		"+O":                           decoders.Maybe,
		"+PONG\r\n":                    decoders.No,
		"-ERR unknown command 'x'\r\n": decoders.Maybe,
		"USER fred\r\n":                decoders.Maybe, // FTP
		"CAPA\r\n":                     decoders.Yes,
		"capa\r\n":                     decoders.Yes,
		"UIDL\r\n":                     decoders.Yes,
		"UIDL x\r\n":                   decoders.No,
		"TOP 1 0\r\n":                  decoders.Yes,
		"STLS\r\n":                     decoders.Yes,
		"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n": decoders.Yes,
		"QUIT\r\n":               decoders.Maybe,
		"EHLO x\r\n":             decoders.No,
		"GET / HTTP/1.1\r\n\r\n": decoders.No,
		"* OK IMAP4rev1\r\n":     decoders.No,
		"220 ready\r\n":          decoders.No,
		"\x16\x03\x01":           decoders.No,
		"+OK \x00\x01\r\n":       decoders.No,
	} {
		if v, _ := Proto.Probe(fromClient, []byte(head)); v != want {
			t.Errorf("%q: %v, want %v", head, v, want)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file string
		talk int
	}{{"session", 0}, {"stls_accepted", 4}, {"stls_refused", 6}, {"pipelining", 8}} {
		dt.Golden(t, c.file, dt.Run(t, Proto, dt.Talk(c.file, talks[c.talk].chunks...)))
	}
}

func FuzzPOP3(f *testing.F) { dt.Fuzz(f, Proto, conversations()...) }
