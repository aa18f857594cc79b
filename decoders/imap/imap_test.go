package imap

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

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

// lines are the events of a tape, one short line each, what the client said
// first; and what the mail decoder was given.
func lines(tape *dt.Tape) string {
	var sides [2]strings.Builder
	for _, r := range tape.Records {
		from := r.From
		if n, ok := r.What.(decoders.Next); ok {
			if h, ok := n.Hint.(decoders.HintMail); ok {
				from = h.From
			}
		}
		b := &sides[from]
		fmt.Fprintf(b, "%d ", r.Frame)
		switch e := r.Body.(type) {
		case *events.IMAPCommand:
			fmt.Fprintf(b, "> %s %s %q", e.Tag, e.Verb, e.Args)
			if e.Literals != nil {
				fmt.Fprintf(b, " %v", e.Literals)
			}
			if e.FirstFrame != r.Frame {
				fmt.Fprintf(b, " from %d", e.FirstFrame)
			}
		case *events.IMAPResponse:
			fmt.Fprintf(b, "< %s ", e.Tag)
			if e.Number != nil {
				fmt.Fprintf(b, "%d ", *e.Number)
			}
			if e.Tag != "+" {
				fmt.Fprintf(b, "%s%s ", e.Status, e.Name)
			}
			fmt.Fprintf(b, "%q", e.Text)
			if e.Literals != nil {
				fmt.Fprintf(b, " %v", e.Literals)
			}
			if e.Verb != "" {
				fmt.Fprintf(b, " to %s of %d", e.Verb, e.CommandFrame)
			}
			if e.FirstFrame != r.Frame {
				fmt.Fprintf(b, " from %d", e.FirstFrame)
			}
		case *events.FlowViolation:
			fmt.Fprintf(b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(b, "gap %d", e.Bytes)
		default:
			fmt.Fprintf(b, "%s", r.Kind)
			if n, ok := r.What.(decoders.Next); ok {
				fmt.Fprintf(b, " %s", n.Protocol)
				if h, ok := n.Hint.(decoders.HintMail); ok {
					if h.Section != "" {
						b.WriteString(" " + h.Section)
					}
					if h.NoHeader {
						b.WriteString(" body")
					}
				}
			}
		}
		if r.Truncated {
			b.WriteString(" truncated")
		}
		b.WriteByte('\n')
	}
	s := sides[0].String() + sides[1].String()
	for _, f := range tape.Feeds {
		from := f.Next.Hint.(decoders.HintMail).From
		s += fmt.Sprintf("mail %q", f.Bytes[from])
		if f.Lost[from] > 0 {
			s += fmt.Sprintf(" lost %d", f.Lost[from])
		}
		if f.Ended[0] == 0 || f.Ended[1] == 0 {
			s += " OPEN\n"
		} else {
			s += fmt.Sprintf(" %s\n", f.Ended[from])
		}
	}
	return strings.TrimSpace(s)
}

type talk struct {
	name   string
	chunks []dt.Chunk
	want   string
	loose  bool // a line in it may be taken for another after a loss
}

const greeting = "* OK IMAP4rev1 ready\r\n"

// letter is a message of 31 bytes.
const letter = "Subject: x\r\n\r\n* 3 of 4\r\nbye OK\r\n"

var talks = []talk{
	{name: "RFC 3501 section 8", chunks: []dt.Chunk{
		server("* OK IMAP4rev1 Service Ready\r\n"),
		client("a001 login mrc secret\r\n"), server("a001 OK LOGIN completed\r\n"),
		client("a002 select inbox\r\n"),
		server("* 18 EXISTS\r\n* FLAGS (\\Answered \\Flagged)\r\n* 2 RECENT\r\n* OK [UNSEEN 17] Message 17 is the first unseen message\r\n"),
		server("* OK [UIDVALIDITY 3857529045] UIDs valid\r\na002 OK [READ-WRITE] SELECT completed\r\n"),
		client("a003 fetch 12 full\r\n"),
		server("* 12 FETCH (FLAGS (\\Seen) RFC822.SIZE 4286 ENVELOPE (\"Wed\" NIL))\r\na003 OK FETCH completed\r\n"),
		client("a004 fetch 12 body[header]\r\n"),
		server("* 12 FETCH (BODY[HEADER] {14}\r\nSubject: x\r\n\r\n)\r\na004 OK FETCH completed\r\n"),
		client("a005 store 12 +flags \\deleted\r\n"),
		server("* 12 FETCH (FLAGS (\\Seen \\Deleted))\r\na005 OK +FLAGS completed\r\n"),
		client("a006 logout\r\n"), server("* BYE IMAP4rev1 server terminating connection\r\na006 OK LOGOUT completed\r\n"),
	}, want: `
2 > a001 LOGIN "mrc <redacted>"
4 > a002 SELECT "inbox"
7 > a003 FETCH "12 full"
9 > a004 FETCH "12 body[header]"
11 > a005 STORE "12 +flags \\deleted"
13 > a006 LOGOUT ""
1 < * OK "IMAP4rev1 Service Ready"
3 < a001 OK "LOGIN completed" to LOGIN of 2
5 < * 18 EXISTS ""
5 < * FLAGS "(\\Answered \\Flagged)"
5 < * 2 RECENT ""
5 < * OK "[UNSEEN 17] Message 17 is the first unseen message"
6 < * OK "[UIDVALIDITY 3857529045] UIDs valid"
6 < a002 OK "[READ-WRITE] SELECT completed" to SELECT of 4
8 < * 12 FETCH "(FLAGS (\\Seen) RFC822.SIZE 4286 ENVELOPE (\"Wed\" NIL))"
8 < a003 OK "FETCH completed" to FETCH of 7
10 open mail BODY[HEADER]
10 < * 12 FETCH "(BODY[HEADER] {14})" [14]
10 < a004 OK "FETCH completed" to FETCH of 9
12 < * 12 FETCH "(FLAGS (\\Seen \\Deleted))"
12 < a005 OK "+FLAGS completed" to STORE of 11
14 < * BYE "IMAP4rev1 server terminating connection"
14 < a006 OK "LOGOUT completed" to LOGOUT of 13
mail "Subject: x\r\n\r\n" fin`},
	{name: "bodies and parts", chunks: []dt.Chunk{
		server(greeting), client("1 UID FETCH 1:9 (UID BODY.PEEK[])\r\n"),
		server("* 1 FETCH (UID 7 BODY[] {32}\r\n" + letter + " FLAGS () BODY[TEXT] {8}\r\nbye OK\r\n)\r\n"),
		server("* 2 FETCH (RFC822 \"A: \\\"b\\\"\" BODY[1] \"text\" BODY[2.MIME] \"\" BODY[HEADER.FIELDS (\"TO\" CC)] {4}\r\n\r\n\r\n BODY[]<0> {2}\r\nSu BODY[]<512> \"x\" BINARY[1] ~{3}\r\n\x00\x01\x02 ENVELOPE (\"a\" {1}\r\nb))\r\n1 OK done\r\n"),
	}, want: `
2 > 1 UID FETCH "1:9 (UID BODY.PEEK[])"
1 < * OK "IMAP4rev1 ready"
3 open mail
3 open mail BODY[TEXT] body
3 < * 1 FETCH "(UID 7 BODY[] {32} FLAGS () BODY[TEXT] {8})" [32 8]
4 open mail
4 open mail BODY[1] body
4 open mail BODY[2.MIME]
4 open mail BODY[HEADER.FIELDS ("TO" CC)]
4 open mail BODY[]<0>
4 open mail BODY[]<512> body
4 open mail BINARY[1] body
4 < * 2 FETCH "(RFC822 \"A: \\\"b\\\"\" BODY[1] \"text\" BODY[2.MIME] \"\" BODY[HEADER.FIELDS (\"TO\" CC)] {4} BODY[]<0> {2} BODY[]<512> \"x\" BINARY[1] ~{3} ENVELOPE (\"a\" {1}))" [4 2 3 1]
4 < 1 OK "done" to UID FETCH of 2
mail "Subject: x\r\n\r\n* 3 of 4\r\nbye OK\r\n" fin
mail "bye OK\r\n" fin
mail "A: \"b\"" fin
mail "text" fin
mail "" fin
mail "\r\n\r\n" fin
mail "Su" fin
mail "x" fin
mail "\x00\x01\x02" fin`},
	{name: "literals of commands RFC 7888", chunks: []dt.Chunk{
		server(greeting),
		client("A1 LOGIN {4}\r\n"), server("+ go\r\n"), client("fred {6}\r\n"), server("+ go on\r\n"), client("secret\r\n"), server("A1 OK\r\n"),
		client("A2 APPEND {5}\r\n"), server("+\r\n"), client("Draft (\\Seen) {32+}\r\n" + letter + " () ~{0+}\r\n\r\n"), server("A2 OK [APPENDUID 1 2] ok\r\n"),
		client("A3 APPEND nowhere {9}\r\n"), server("A3 NO [TRYCREATE] none\r\n"), client("A4 NOOP\r\n"), server("A4 OK\r\n"),
		client("A5 APPEND x CATENATE (TEXT {2+}\r\nab)\r\n"), server("A5 BAD\r\n"),
	}, want: `
6 > A1 LOGIN "{4} <redacted>" [4 6] from 2
10 open mail
10 open mail
10 > A2 APPEND "{5} (\\Seen) {32+} () ~{0+}" [5 32 0] from 8
13 > A3 APPEND "nowhere {9}" [9] from 12
14 > A4 NOOP ""
16 > A5 APPEND "x CATENATE (TEXT {2+})" [2]
1 < * OK "IMAP4rev1 ready"
3 < + "go"
5 < + "go on"
7 < A1 OK "" to LOGIN of 6
9 < + ""
11 < A2 OK "[APPENDUID 1 2] ok" to APPEND of 10
13 < A3 NO "[TRYCREATE] none" to APPEND of 13
15 < A4 OK "" to NOOP of 14
17 < A5 BAD "" to APPEND of 16
mail "Subject: x\r\n\r\n* 3 of 4\r\nbye OK\r\n" fin
mail "" fin`},
	{name: "several commands in progress RFC 3501 section 5.5", chunks: []dt.Chunk{
		server(greeting), client("x1 FETCH 1 FLAGS\r\nx2 NOOP\r\nx3 ID NIL\r\nx4 XYZZY a b\r\n"),
		server("x2 OK\r\n* 1 FETCH (FLAGS ())\r\nx4 BAD what\r\nx1 OK\r\n* ID (\"name\" \"y\")\r\nx3 ok {5}\r\nx9 OK\r\n"),
	}, want: `
2 > x1 FETCH "1 FLAGS"
2 > x2 NOOP ""
2 > x3 ID "NIL"
2 > x4 XYZZY "a b"
1 < * OK "IMAP4rev1 ready"
3 < x2 OK "" to NOOP of 2
3 < * 1 FETCH "(FLAGS ())"
3 < x4 BAD "what" to XYZZY of 2
3 < x1 OK "" to FETCH of 2
3 < * ID "(\"name\" \"y\")"
3 < x3 OK "{5}" to ID of 2
3 < x9 OK ""`},
	{name: "AUTHENTICATE and IDLE", chunks: []dt.Chunk{
		server(greeting),
		client("1 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n"), server("1 NO\r\n"),
		client("2 authenticate login\r\n"), server("+ VXNlcm5hbWU6\r\n"), client("ZnJlZA==\r\n"), server("+ \r\n"), client("\r\n"), server("+ \r\n"), client("*\r\n"), server("2 BAD cancelled\r\n"),
		client("3 IDLE\r\n"), server("+ idling\r\n"), server("* 4 EXISTS\r\n"), client("Done\r\n"), server("3 OK\r\n"), client("4 IDLE\r\n"), client("5 NOOP\r\n"),
	}, want: `
2 > 1 AUTHENTICATE "PLAIN <redacted>"
4 > 2 AUTHENTICATE "login"
6 >   "<redacted>"
8 >   ""
10 >   "*"
12 > 3 IDLE ""
15 >  DONE ""
17 > 4 IDLE ""
18 > 5 NOOP ""
1 < * OK "IMAP4rev1 ready"
3 < 1 NO "" to AUTHENTICATE of 2
5 < + "VXNlcm5hbWU6"
7 < + ""
9 < + ""
11 < 2 BAD "cancelled" to AUTHENTICATE of 4
13 < + "idling"
14 < * 4 EXISTS ""
16 < 3 OK "" to IDLE of 12`},
	{name: "STARTTLS accepted", chunks: []dt.Chunk{
		server(greeting), client("a STARTTLS\r\n"), server("a OK Begin TLS negotiation now\r\n"), client("\x16\x03\x01\x00\x05hello"), server("\x16\x03\x03"),
	}, want: `
2 > a STARTTLS ""
3 switch tls
1 < * OK "IMAP4rev1 ready"
3 < a OK "Begin TLS negotiation now" to STARTTLS of 2`},
	{name: "STARTTLS after the hello", chunks: []dt.Chunk{
		server(greeting), client("a STARTTLS\r\n\x16\x03\x01\x00\x05hello"), server("a OK Begin\r\n\x16\x03\x03"),
	}, want: `
2 > a STARTTLS ""
3 switch tls
1 < * OK "IMAP4rev1 ready"
3 < a OK "Begin" to STARTTLS of 2`},
	{name: "STARTTLS refused", chunks: []dt.Chunk{
		server(greeting), client("a1 STARTTLS\r\n"), server("a1 BAD no TLS\r\n"), client("a2 CAPABILITY\r\n"), server("* CAPABILITY IMAP4rev1\r\na2 OK\r\n"),
	}, want: `
2 > a1 STARTTLS ""
4 > a2 CAPABILITY ""
1 < * OK "IMAP4rev1 ready"
3 < a1 BAD "no TLS" to STARTTLS of 2
5 < * CAPABILITY "IMAP4rev1"
5 < a2 OK "" to CAPABILITY of 4`},
	{name: "STARTTLS of which the answer is lost", loose: true, chunks: []dt.Chunk{
		server(greeting), client("a STARTTLS\r\n"), dt.Lost(fromServer, 20), client("\x16\x03\x01\x00\x05hello"),
	}, want: `
2 > a STARTTLS ""
4 switch tls
1 < * OK "IMAP4rev1 ready"
3 gap 20`},
	{name: "a hole in a literal", chunks: []dt.Chunk{
		server(greeting), client("a1 FETCH 1 BODY[]\r\n"), server("* 1 FETCH (BODY[] {32}\r\nSubj"), dt.Lost(fromServer, 20), server("e OK\r\n"), dt.Lost(fromServer, 2), server(")\r\na1 OK\r\n"),
	}, want: `
2 > a1 FETCH "1 BODY[]"
1 < * OK "IMAP4rev1 ready"
3 open mail
4 gap 20
6 gap 2
7 < * 1 FETCH "(BODY[] {32})" [32] from 3
7 < a1 OK "" to FETCH of 2
mail "Subje OK\r\n" lost 22 fin`},
	{name: "a hole beyond a literal", chunks: []dt.Chunk{
		server(greeting), client("a1 FETCH 1:2 BODY[]\r\n"), server("* 1 FETCH (BODY[] {32}\r\nSubj"), dt.Lost(fromServer, 60), server("* 3 of 4\r\n* OK so\r\na1 OK\r\n* 9 EXISTS\r\n"),
	}, want: `
2 > a1 FETCH "1:2 BODY[]"
1 < * OK "IMAP4rev1 ready"
3 open mail
4 gap 60
4 < * 1 FETCH "(BODY[] {32}" [32] from 3 truncated
5 < a1 OK "" to FETCH of 2
5 < * 9 EXISTS ""
mail "Subj" lost 28 reset`},
	{name: "lost commands", chunks: []dt.Chunk{
		server(greeting), client("a1 NOOP\r\na2 APPEND x {32+"), dt.Lost(fromClient, 9), client("ect: x\r\n\r\nthe list of\r\nA copy to\r\n\r\na3 NOOP\r\na4 XFOO\r\n"), server("a1 OK\r\na2 OK\r\na3 OK\r\n"),
	}, want: `
2 > a1 NOOP ""
3 gap 9
4 > a3 NOOP ""
4 > a4 XFOO ""
1 < * OK "IMAP4rev1 ready"
5 < a1 OK "" to NOOP of 2
5 < a2 OK "" truncated
5 < a3 OK "" to NOOP of 4`},
	{name: "the answer to a literal is lost", chunks: []dt.Chunk{
		server(greeting), client("a1 APPEND \"x\" {32}\r\n"), dt.Lost(fromServer, 20), client("a2 NOOP\r\n"), server("a2 OK\r\n"),
		client("a3 APPEND \"x\" {32}\r\n"), dt.Lost(fromServer, 20), client(letter + "\r\n"), server("a3 OK\r\n"),
	}, want: `
4 > a1 APPEND "\"x\" {32}" [32] from 2 truncated
4 > a2 NOOP ""
8 open mail
8 > a3 APPEND "\"x\" {32}" [32] from 6 truncated
1 < * OK "IMAP4rev1 ready"
3 gap 20
5 < a2 OK "" to NOOP of 4
7 gap 20
9 < a3 OK "" to APPEND of 8
mail "Subject: x\r\n\r\n* 3 of 4\r\nbye OK\r\n" fin`},
	{name: "joined within IDLE", chunks: []dt.Chunk{
		client("DONE\r\n"), server("16 OK IDLE completed\r\n"), client("17 NOOP\r\n"), server("17 OK\r\n"),
	}, want: `
1 >  DONE ""
3 > 17 NOOP ""
2 < 16 OK "IDLE completed"
4 < 17 OK "" to NOOP of 3`},
	{name: "what is none", chunks: []dt.Chunk{
		server(greeting), client("\r\nfoo\r\nbar\r\na1 NOOP\r\n"), server("what\r\nis this\r\na1 OK\r\n"),
	}, want: `
2 ! a line that is no command
2 > a1 NOOP ""
1 < * OK "IMAP4rev1 ready"
3 ! a line that is no response
3 < a1 OK "" to NOOP of 2`},
	compressed(),
	{name: "COMPRESS refused", chunks: []dt.Chunk{
		server(greeting), client("a1 COMPRESS DEFLATE\r\n"), server("a1 NO [COMPRESSIONACTIVE] TLS does\r\n"), client("a2 NOOP\r\n"), server("a2 OK\r\n"),
	}, want: `
2 > a1 COMPRESS "DEFLATE"
4 > a2 NOOP ""
1 < * OK "IMAP4rev1 ready"
3 < a1 NO "[COMPRESSIONACTIVE] TLS does" to COMPRESS of 2
5 < a2 OK "" to NOOP of 4`},
	{name: "not compressed after all", loose: true, chunks: []dt.Chunk{
		server(greeting), client("a1 COMPRESS DEFLATE\r\n"), server("a1 OK\r\n* what 9 EXISTS\r\n"), client("a2 NOOP\r\n"),
	}, want: `
2 > a1 COMPRESS "DEFLATE"
4 ! not compressed as agreed: what follows cannot be read
1 < * OK "IMAP4rev1 ready"
3 < a1 OK "" to COMPRESS of 2
3 ! not compressed as agreed: what follows cannot be read`},
}

// deflater compresses one side as RFC 4978 section 4 has it: each write ends
// with a sync flush.
type deflater struct {
	b bytes.Buffer
	w *flate.Writer
}

func (d *deflater) write(s string) string {
	if d.w == nil {
		d.w, _ = flate.NewWriter(&d.b, 9)
	}
	d.b.Reset()
	d.w.Write([]byte(s))
	d.w.Flush()
	return d.b.String()
}

func compressed() talk {
	var c, s deflater
	return talk{name: "COMPRESS RFC 4978", chunks: []dt.Chunk{
		server(greeting), client("a1 COMPRESS DEFLATE\r\n"), server("a1 OK active\r\n" + s.write("* 9 EXISTS\r\n")),
		client(c.write("a2 FETCH 1 BODY[]\r\na3 NO")), client(c.write("OP\r\n")),
		server(s.write("* 1 FETCH (BODY[] {32}\r\n" + letter[:10])), server(s.write(letter[10:] + ")\r\na2 OK\r\n")), server(s.write("a3 OK\r\n")),
	}, want: `
2 > a1 COMPRESS "DEFLATE"
4 > a2 FETCH "1 BODY[]"
5 > a3 NOOP "" from 4
1 < * OK "IMAP4rev1 ready"
3 < a1 OK "active" to COMPRESS of 2
3 < * 9 EXISTS ""
6 open mail
7 < * 1 FETCH "(BODY[] {32})" [32] from 6
7 < a2 OK "" to FETCH of 4
8 < a3 OK "" to NOOP of 5
mail "Subject: x\r\n\r\n* 3 of 4\r\nbye OK\r\n" fin`}
}

func TestTalks(t *testing.T) {
	for _, c := range talks {
		got := lines(dt.Run(t, Proto, dt.Talk(c.name, c.chunks...)))
		want := strings.TrimSpace(c.want)
		if got != want {
			t.Errorf("%s:\n got\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func conversations() []dt.Conversation {
	var cs []dt.Conversation
	for _, c := range talks {
		cs = append(cs, dt.Talk(c.name, c.chunks...))
	}
	return cs
}

func TestLaws(t *testing.T) { dt.Laws(t, Proto, conversations()...) }

func TestStrictLoss(t *testing.T) {
	for _, c := range talks {
		if !c.loose {
			dt.StrictLoss(t, Proto, dt.Talk(c.name, c.chunks...))
		}
	}
}

// TestSplitAnywhere cuts a literal, its announcement and what follows at
// every byte: the result is always the same.
func TestSplitAnywhere(t *testing.T) {
	const said = "* 1 FETCH (UID 7 BODY[] {32}\r\n" + letter + " FLAGS ())\r\na1 OK done\r\n"
	run := func(parts ...string) string {
		chunks := []dt.Chunk{server(greeting), client("a1 FETCH 1 (BODY[])\r\n")}
		for _, p := range parts {
			chunks = append(chunks, server(p))
		}
		tape := dt.Run(t, Proto, dt.Talk("split", chunks...))
		for i := range tape.Records {
			tape.Records[i].Frame = 0
		}
		for _, e := range dt.Of[*events.IMAPResponse](tape) {
			e.FirstFrame = 0
		}
		return lines(tape)
	}
	want := run(said)
	if !strings.Contains(want, "mail") || !strings.Contains(want, "a1 OK") {
		t.Fatal(want)
	}
	for i := 1; i < len(said); i++ {
		if got := run(said[:i], said[i:]); got != want {
			t.Fatalf("cut at %d:\n%s\nwant\n%s", i, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.IMAPLine, l.IMAPLiterals, l.PendingRequests = 30, 1, 2
	x := strings.Repeat("x", 40)
	c := dt.Talk("limits",
		server("* OK ready\r\n"),
		client("a1 NOOP\r\na2 NOOP\r\na3 NOOP\r\n"), server("a1 OK\r\na3 OK\r\n"),
		client("a4 CREATE "+x+"\r\n"), server("* LIST () \"/\" "+x+" {3}\r\nabc {2}\r\nde\r\n* 3 EXISTS\r\n"))
	c.Env.Limits = &l
	got := lines(dt.Run(t, Proto, c))
	want := `2 > a1 NOOP ""
2 > a2 NOOP ""
2 limit pending-requests
2 > a3 NOOP ""
4 limit imap-line
4 > a4 CREATE "xxxxxxxxxxxxxxxxxxxx" truncated
5 limit imap-line
5 limit imap-literals
1 < * OK "ready"
3 < a1 OK ""
3 < a3 OK "" to NOOP of 2
5 < * LIST "() \"/\" xxxxxxxxxxxxxxxx {2}" [3] truncated
5 < * 3 EXISTS ""`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	dt.Laws(t, Proto, c)
}

func TestShowSecrets(t *testing.T) {
	c := dt.Talk("", client("1 LOGIN a b\r\n2 AUTHENTICATE X y\r\n"), server("+ \r\n"), client("AAAA\r\n"))
	c.Env.ShowSecrets = true
	var got []string
	for _, e := range dt.Of[*events.IMAPCommand](dt.Run(t, Proto, c)) {
		got = append(got, e.Args)
	}
	if s := strings.Join(got, "|"); s != "a b|X y|AAAA" {
		t.Error(s)
	}
}

func TestNotIMAP(t *testing.T) {
	for _, c := range []dt.Conversation{
		dt.Talk("http", client("GET / HTTP/1.1\r\n\r\n")),
		dt.Talk("smtp", server("220 hello\r\n")),
		dt.Talk("binary", client(strings.Repeat("\x00", 100000))),
	} {
		if tape := dt.Run(t, Proto, c); tape.Err == nil || len(tape.Records) != 1 {
			t.Errorf("%s: %v", c.Name, tape.Records)
		}
	}
}

func TestProbe(t *testing.T) {
	for head, want := range map[string]decoders.Verdict{
		"* OK IMAP4rev1 ready\r\n":          decoders.Yes,
		"* PREAUTH hello\r\n":               decoders.Yes,
		"* BYE busy\r\n":                    decoders.Yes,
		"* OK ":                             decoders.Maybe,
		"* 3 EXISTS\r\n":                    decoders.Yes,
		"* 3 FETCH (FLAGS ())\r\n":          decoders.Yes,
		"* ok, a bullet\r\n":                decoders.No,
		"* Ok a bullet\r\n":                 decoders.Maybe,
		"* a bullet\r\n":                    decoders.Maybe,
		"* ACAP (IMPLEMENTATION \"x\")\r\n": decoders.No,
		"*1\r\n$4\r\nPING\r\n":              decoders.No, // Redis
		"a1 CAPABILITY\r\n":                 decoders.Yes,
		"r97t LOGIN \"a\" \"b\"\r\n":        decoders.Yes,
		"qmub IDLE\r\n":                     decoders.Maybe,
		"DONE\r\n":                          decoders.Maybe,
		"DONE\r\n17 list \"\" \"Sent\"\r\n": decoders.Yes,
		"USER noop\r\n":                     decoders.Maybe,
		"1 UID FETCH 1:* (FLAGS)\r\n":       decoders.Yes,
		"2 AUTHENTICATE XYMPKI\r\n":         decoders.Yes,
		"A1 OK done\r\n":                    decoders.Maybe,
		"EHLO x\r\n":                        decoders.No,
		"USER fred\r\n":                     decoders.No,
		"GET / HTTP/1.1\r\n\r\n":            decoders.No,
		"SEARCH * HTTP/1.1\r\n":             decoders.No,
		"+OK ready\r\n":                     decoders.No,
		"220 ready\r\n":                     decoders.No,
		"\x16\x03\x01":                      decoders.No,
		"\"IMPLEMENTATION\" \"x\"\r\n":      decoders.No, // ManageSieve
	} {
		if v, _ := Proto.Probe(fromClient, []byte(head)); v != want {
			t.Errorf("%q: %v, want %v", head, v, want)
		}
	}
}

func TestGolden(t *testing.T) {
	for file, talk := range map[string]string{
		"session": "RFC 3501 section 8", "literals": "literals of commands RFC 7888", "idle": "AUTHENTICATE and IDLE",
		"starttls_accepted": "STARTTLS accepted", "starttls_refused": "STARTTLS refused", "compress": "COMPRESS RFC 4978",
	} {
		for _, c := range talks {
			if c.name == talk {
				dt.Golden(t, file, dt.Run(t, Proto, dt.Talk(talk, c.chunks...)))
			}
		}
	}
}

func FuzzIMAP(f *testing.F) { dt.Fuzz(f, Proto, conversations()...) }
