package smtp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

var (
	client = decodertest.Client
	server = decodertest.Server
	lost   = decodertest.Lost
	closed = []decodertest.Chunk{decodertest.Over(events.FromClient, events.EndFIN), decodertest.Over(events.FromServer, events.EndFIN)}
)

// carrier reads a message that is handed on: it says how many bytes it had,
// how many were missing and how it ended.
var carrier = decoders.Proto{
	Name:   "mail",
	Stream: func(env decoders.Env) decoders.Stream { return &carried{hint: env.Hint.(decoders.HintMail)} },
}

type carried struct {
	hint decoders.HintMail
	m    events.MailMessage
	text []byte
}

func (c *carried) Data(w decoders.Window, _ decoders.Sink) (int, int, error) {
	c.text = append(c.text, w.Bytes...)
	return len(w.Bytes), 0, nil
}

func (c *carried) Gap(_ events.Dir, n int64, _ decoders.Sink) error {
	c.m.Missing += n
	c.text = append(c.text, "[lost]"...)
	return nil
}

func (c *carried) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if from != c.hint.From {
		return
	}
	e := &events.MailMessage{
		Via: c.hint.Via, EnvelopeFrom: c.hint.EnvelopeFrom, EnvelopeTo: c.hint.EnvelopeTo, Subject: string(c.text),
		Headers: []events.Header{}, Parts: []events.MailPart{}, Missing: c.m.Missing,
		Bytes: int64(len(c.text)), Complete: why == events.EndFIN && c.m.Missing == 0,
	}
	if c.hint.Torn || c.m.Missing > 0 {
		out.Truncated(from, e)
	} else {
		out.Emit(from, e)
	}
}

func talk(name string, chunks ...decodertest.Chunk) decodertest.Conversation {
	c := decodertest.Talk(name, chunks...)
	c.Inner = map[string]decoders.Proto{"mail": carrier}
	return c
}

// script is what was said, one line an event.
func script(tape *decodertest.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		switch e := r.Body.(type) {
		case *events.SMTPCommand:
			fmt.Fprintf(&b, "%d C %s\n", r.Frame, strings.TrimRight(e.Verb+" "+e.Args, " "))
		case *events.SMTPReply:
			fmt.Fprintf(&b, "%d S %d %s", r.Frame, e.Code, strings.Join(e.Lines, "|"))
			if e.Verb != "" || e.CommandFrame != 0 {
				fmt.Fprintf(&b, " to %s of %d", e.Verb, e.CommandFrame)
			}
			b.WriteByte('\n')
		case *events.MailMessage:
			fmt.Fprintf(&b, "%d mail from %s to %v complete %v missing %d %q\n", r.Frame, e.EnvelopeFrom, e.EnvelopeTo, e.Complete, e.Missing, e.Subject)
		case *events.FlowViolation:
			fmt.Fprintf(&b, "%d violation %s\n", r.Frame, e.Reason)
		case *events.FlowGap:
			fmt.Fprintf(&b, "%d gap %d\n", r.Frame, e.Bytes)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "%d limit %s\n", r.Frame, e.Limit)
		case nil:
			if r.Kind == "switch" {
				fmt.Fprintf(&b, "%d switch to %s\n", r.Frame, tape.Switched.Protocol)
			}
		}
	}
	return b.String()
}

// plain is RFC 5321 appendix D.1, shortened.
var plain = talk("plain",
	server("220 foo.com Simple Mail Transfer Service Ready\r\n"),
	client("EHLO bar.com\r\n"),
	server("250-foo.com greets bar.com\r\n250-8BITMIME\r\n250 HELP\r\n"),
	client("MAIL FROM:<Smith@bar.com>\r\n"),
	server("250 2.1.0 OK\r\n"),
	client("RCPT TO:<Jones@foo.com>\r\n"),
	server("250 OK\r\n"),
	client("RCPT TO:<Green@foo.com>\r\n"),
	server("550 5.1.1 No such user here\r\n"),
	client("DATA\r\n"),
	server("354 Start mail input; end with <CRLF>.<CRLF>\r\n"),
	client("Subject: a\r\n\r\nBlah\r\n..dot\r\n...\r\n.x\r\n"),
	client("etc.\r\n.\r\n"),
	server("250 OK\r\n"),
	client("QUIT\r\n"),
	server("221 foo.com Service closing transmission channel\r\n"),
	closed[0], closed[1],
)

const plainScript = `1 S 220 foo.com Simple Mail Transfer Service Ready
2 C EHLO bar.com
3 S 250 foo.com greets bar.com|8BITMIME|HELP to EHLO of 2
4 C MAIL FROM:<Smith@bar.com>
5 S 250 2.1.0 OK to MAIL of 4
6 C RCPT TO:<Jones@foo.com>
7 S 250 OK to RCPT of 6
8 C RCPT TO:<Green@foo.com>
9 S 550 5.1.1 No such user here to RCPT of 8
10 C DATA
11 S 354 Start mail input; end with <CRLF>.<CRLF> to DATA of 10
13 mail from Smith@bar.com to [Jones@foo.com] complete true missing 0 "Subject: a\r\n\r\nBlah\r\n.dot\r\n..\r\nx\r\netc.\r\n"
14 S 250 OK to . of 13
15 C QUIT
16 S 221 foo.com Service closing transmission channel to QUIT of 15
`

// pipelined is a group of commands in one packet and their replies in one
// (RFC 2920), and the QUIT behind the message.
var pipelined = talk("pipelined",
	server("220 ready ESMTP\r\n"),
	client("EHLO c\r\n"), server("250-s\r\n250 PIPELINING\r\n"),
	client("MAIL FROM:<a@c> SIZE=9\r\nRCPT TO:<b@s>\r\nRCPT TO:<no@s>\r\nDATA\r\n"),
	server("250 sender\r\n250 first\r\n550 second\r\n"), server("354 go\r\n"),
	client("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<d@s>\r\nDATA\r\n"),
	server("250 taken\r\n250 sender\r\n550 refused\r\n554 no recipient\r\n"),
	client("QUIT\r\n"), server("221 bye\r\n"),
)

const pipelinedScript = `1 S 220 ready ESMTP
2 C EHLO c
3 S 250 s|PIPELINING to EHLO of 2
4 C MAIL FROM:<a@c> SIZE=9
4 C RCPT TO:<b@s>
4 C RCPT TO:<no@s>
4 C DATA
5 S 250 sender to MAIL of 4
5 S 250 first to RCPT of 4
5 S 550 second to RCPT of 4
6 S 354 go to DATA of 4
7 mail from a@c to [b@s] complete true missing 0 "x\r\n"
7 C MAIL FROM:<>
7 C RCPT TO:<d@s>
7 C DATA
8 S 250 taken to . of 7
8 S 250 sender to MAIL of 7
8 S 550 refused to RCPT of 7
8 S 554 no recipient to DATA of 7
9 C QUIT
10 S 221 bye to QUIT of 9
`

// chunked is RFC 3030 section 4.2, with a dot that is no end.
var chunked = talk("chunked",
	server("220 cnri SMTP\r\n"), client("EHLO ymir\r\n"), server("250-hi\r\n250 CHUNKING\r\n"),
	client("MAIL FROM:<s@y>\r\nRCPT TO:<g@c>\r\nBDAT 10\r\na\r\n.\r\n..\r\nBDAT 4\r\n\nb\r\nBDAT 0 LAST\r\nQUIT\r\n"),
	server("250 ok\r\n250 ok\r\n250 10\r\n250 4\r\n250 taken\r\n221 bye\r\n"),
)

const chunkedScript = `1 S 220 cnri SMTP
2 C EHLO ymir
3 S 250 hi|CHUNKING to EHLO of 2
4 C MAIL FROM:<s@y>
4 C RCPT TO:<g@c>
4 C BDAT 10
4 C BDAT 4
4 C BDAT 0 LAST
4 mail from s@y to [g@c] complete true missing 0 "a\r\n.\r\n..\r\n\nb\r\n"
4 C QUIT
5 S 250 ok to MAIL of 4
5 S 250 ok to RCPT of 4
5 S 250 10 to BDAT of 4
5 S 250 4 to BDAT of 4
5 S 250 taken to BDAT of 4
5 S 221 bye to QUIT of 4
`

// withTLS: STARTTLS is accepted (RFC 3207); both sides switch at the byte.
var withTLS = talk("starttls accepted",
	server("220 s ESMTP\r\n"), client("EHLO c\r\n"), server("250-s\r\n250 STARTTLS\r\n"),
	client("STARTTLS\r\n"), server("220 2.0.0 go ahead\r\n"),
	client("\x16\x03\x01\x00\x05hello"), server("\x16\x03\x03\x00\x02hi"),
)

const withTLSScript = `1 S 220 s ESMTP
2 C EHLO c
3 S 250 s|STARTTLS to EHLO of 2
4 C STARTTLS
5 S 220 2.0.0 go ahead to STARTTLS of 4
6 switch to tls
`

// decrypted is what a tool that decrypts writes: all in clear.
var decrypted = talk("starttls decrypted",
	server("220 s ESMTP\r\n"), client("EHLO c\r\n"), server("250-s\r\n250 STARTTLS\r\n"),
	client("STARTTLS\r\n"), server("220 2.0.0 go ahead\r\n"),
	client("EHLO c\r\n"), server("250 s\r\n"),
)

const decryptedScript = `1 S 220 s ESMTP
2 C EHLO c
3 S 250 s|STARTTLS to EHLO of 2
4 C STARTTLS
5 S 220 2.0.0 go ahead to STARTTLS of 4
6 violation text after STARTTLS was accepted (RFC 3207 section 4)
6 C EHLO c
7 S 250 s to EHLO of 6
`

// withoutTLS: STARTTLS is refused, and the session goes on.
var withoutTLS = talk("starttls refused",
	server("220 s ESMTP\r\n"), client("EHLO c\r\n"), server("250-s\r\n250 STARTTLS\r\n"),
	client("STARTTLS\r\n"), server("454 4.7.0 TLS not available\r\n"),
	client("MAIL FROM:<a@c>\r\n"), server("530 5.7.0 Must issue a STARTTLS command first\r\n"),
	client("QUIT\r\n"), server("221 bye\r\n"),
)

const withoutTLSScript = `1 S 220 s ESMTP
2 C EHLO c
3 S 250 s|STARTTLS to EHLO of 2
4 C STARTTLS
5 S 454 4.7.0 TLS not available to STARTTLS of 4
6 C MAIL FROM:<a@c>
7 S 530 5.7.0 Must issue a STARTTLS command first to MAIL of 6
8 C QUIT
9 S 221 bye to QUIT of 8
`

// holed: bytes of a message are lost, its end is not.
var holed = talk("gap in DATA",
	server("220 s ESMTP\r\n"), client("HELO c\r\n"), server("250 s\r\n"),
	client("MAIL FROM:<a@c>\r\n"), server("250 ok\r\n"), client("RCPT TO:<b@s>\r\n"), server("250 ok\r\n"),
	client("DATA\r\n"), server("354 go\r\n"),
	client("Subject: x\r\n\r\none\r\ntw"), lost(events.FromClient, 10), client("ree\r\n.\r\n"),
	server("250 taken\r\n"),
	client("MAIL FROM:<e@c>\r\n"), server("250 ok\r\n"),
)

const holedScript = `1 S 220 s ESMTP
2 C HELO c
3 S 250 s to HELO of 2
4 C MAIL FROM:<a@c>
5 S 250 ok to MAIL of 4
6 C RCPT TO:<b@s>
7 S 250 ok to RCPT of 6
8 C DATA
9 S 354 go to DATA of 8
11 gap 10
12 mail from a@c to [b@s] complete false missing 10 "Subject: x\r\n\r\none\r\ntw[lost]ree\r\n"
13 S 250 taken to . of 12
14 C MAIL FROM:<e@c>
15 S 250 ok to MAIL of 14
`

// endless: the lost bytes held the end of the message; the answer shows it.
var endless = talk("end of DATA lost",
	server("220 s ESMTP\r\n"), client("HELO c\r\n"), server("250 s\r\n"),
	client("MAIL FROM:<a@c>\r\n"), server("250 ok\r\n"), client("RCPT TO:<b@s>\r\n"), server("250 ok\r\n"),
	client("DATA\r\n"), server("354 go\r\n"),
	client("one\r\n"), lost(events.FromClient, 8),
	server("250 taken\r\n"),
	client("QUIT\r\n"), server("221 bye\r\n"),
)

const endlessScript = `1 S 220 s ESMTP
2 C HELO c
3 S 250 s to HELO of 2
4 C MAIL FROM:<a@c>
5 S 250 ok to MAIL of 4
6 C RCPT TO:<b@s>
7 S 250 ok to RCPT of 6
8 C DATA
9 S 354 go to DATA of 8
11 gap 8
12 S 250 taken to . of 0
12 mail from a@c to [b@s] complete false missing 8 "one\r\n[lost]"
13 C QUIT
14 S 221 bye to QUIT of 13
`

// authLogin is an exchange in steps (RFC 4954), then one that fails at once,
// one that is cancelled, and one with an initial response.
var authLogin = talk("auth",
	server("220 s ESMTP\r\n"), client("EHLO c\r\n"), server("250-s\r\n250 AUTH LOGIN PLAIN CRAM-MD5\r\n"),
	client("AUTH LOGIN\r\n"), server("334 VXNlcm5hbWU6\r\n"), client("dXNlcg==\r\n"), server("334 UGFzc3dvcmQ6\r\n"),
	client("c2VjcmV0\r\n"), server("535 5.7.8 no\r\n"),
	client("AUTH GSSAPI\r\n"), server("504 5.5.4 unknown\r\n"),
	client("AUTH CRAM-MD5\r\n"), server("334 PDQxOTI5NDIzNDE+\r\n"), client("*\r\n"), server("501 cancelled\r\n"),
	client("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n"), server("235 2.7.0 yes\r\n"),
	client("RSET\r\n"), server("250 ok\r\n"),
)

const authLoginScript = `1 S 220 s ESMTP
2 C EHLO c
3 S 250 s|AUTH LOGIN PLAIN CRAM-MD5 to EHLO of 2
4 C AUTH LOGIN
5 S 334 VXNlcm5hbWU6 to AUTH of 4
6 C  <redacted>
7 S 334 UGFzc3dvcmQ6 to AUTH of 6
8 C  <redacted>
9 S 535 5.7.8 no to AUTH of 8
10 C AUTH GSSAPI
11 S 504 5.5.4 unknown to AUTH of 10
12 C AUTH CRAM-MD5
13 S 334 PDQxOTI5NDIzNDE+ to AUTH of 12
14 C  *
15 S 501 cancelled to AUTH of 14
16 C AUTH PLAIN <redacted>
17 S 235 2.7.0 yes to AUTH of 16
18 C RSET
19 S 250 ok to RSET of 18
`

// lmtp: one reply for each recipient that was accepted (RFC 2033 section 4.2).
var lmtp = talk("lmtp",
	server("220 s LMTP\r\n"), client("LHLO c\r\n"), server("250 s\r\n"),
	client("MAIL FROM:<a@c>\r\nRCPT TO:<b@s>\r\nRCPT TO:<no@s>\r\nRCPT TO:<d@s>\r\nDATA\r\n"),
	server("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n"),
	client("x\r\n.\r\nQUIT\r\n"), server("250 for b\r\n452 for d\r\n221 bye\r\n"),
)

const lmtpScript = `1 S 220 s LMTP
2 C LHLO c
3 S 250 s to LHLO of 2
4 C MAIL FROM:<a@c>
4 C RCPT TO:<b@s>
4 C RCPT TO:<no@s>
4 C RCPT TO:<d@s>
4 C DATA
5 S 250 ok to MAIL of 4
5 S 250 ok to RCPT of 4
5 S 550 no to RCPT of 4
5 S 250 ok to RCPT of 4
5 S 354 go to DATA of 4
6 mail from a@c to [b@s d@s] complete true missing 0 "x\r\n"
6 C QUIT
7 S 250 for b to . of 6
7 S 452 for d to . of 6
7 S 221 bye to QUIT of 6
`

// bare: a client that knows only LF, and a server that lets it.
var bare = talk("bare line ends",
	server("220 s ESMTP\n"), client("HELO c\n"), server("250 s\r\n"),
	client("MAIL FROM: a@c\r\n"), server("250 ok\r\n"), client("RCPT TO:<b@s>\r\n"), server("250 ok\r\n"),
	client("DATA\r\n"), server("354 go\r\n"),
	client("one\n.\ntwo\n..\n"), client("\n.\n"),
	server("250 taken\r\n"),
	client("QUIT\r\n"), server("221 bye\r\n"),
)

const bareScript = `1 violation a reply ends with a bare LF (RFC 5321 section 2.3.8)
1 S 220 s ESMTP
2 violation a command ends with a bare LF (RFC 5321 section 2.3.8)
2 C HELO c
3 S 250 s to HELO of 2
4 C MAIL FROM: a@c
5 S 250 ok to MAIL of 4
6 C RCPT TO:<b@s>
7 S 250 ok to RCPT of 6
8 C DATA
9 S 354 go to DATA of 8
12 S 250 taken to . of 11
12 violation a message ends with a dot between bare line ends (RFC 5321 section 2.3.8)
12 mail from a@c to [b@s] complete true missing 0 "one\n.\ntwo\n..\n\n"
13 C QUIT
14 S 221 bye to QUIT of 13
`

// oneSided: the server's bytes were never captured.
var oneSided = talk("client only",
	client("EHLO c\r\n"), client("MAIL FROM:<a@c>\r\n"), client("RCPT TO:<b@s>\r\n"), client("DATA\r\n"),
	client("one\r\n.\r\n"), client("QUIT\r\n"),
)

const oneSidedScript = `1 C EHLO c
2 C MAIL FROM:<a@c>
3 C RCPT TO:<b@s>
4 C DATA
5 mail from a@c to [b@s] complete true missing 0 "one\r\n"
6 C QUIT
`

// midway: the capture begins inside a message; the first line may be torn.
var midway = talk("midway",
	server("250 2.0.0 queued\r\n"), client("MAIL FROM:<a@c>\r\n"), server("250 ok\r\n"), client("RSET\r\n"), server("250 ok\r\n"),
)

const midwayScript = `1 S 250 2.0.0 queued
2 C MAIL FROM:<a@c>
3 S 250 ok to MAIL of 2
4 C RSET
5 S 250 ok to RSET of 4
`

// refusedData: what follows a DATA that was refused is a command.
var refusedData = talk("data refused",
	server("220 s ESMTP\r\n"), client("EHLO c\r\n"), server("250 s\r\n"),
	client("DATA\r\n"), server("503 no\r\n"), client("RSET\r\n"), server("250 ok\r\n"),
	client("VRFY x\r\nFOO bar\r\n\r\n"), server("252 maybe\r\n500 what\r\n500 what\r\n"),
)

const refusedDataScript = `1 S 220 s ESMTP
2 C EHLO c
3 S 250 s to EHLO of 2
4 C DATA
5 S 503 no to DATA of 4
6 C RSET
7 S 250 ok to RSET of 6
8 C VRFY x
8 C FOO bar
9 S 252 maybe to VRFY of 8
9 S 500 what to FOO of 8
9 S 500 what to  of 8
`

var conversations = []struct {
	c    decodertest.Conversation
	want string
}{
	{plain, plainScript}, {pipelined, pipelinedScript}, {chunked, chunkedScript},
	{withTLS, withTLSScript}, {decrypted, decryptedScript}, {withoutTLS, withoutTLSScript}, {holed, holedScript}, {endless, endlessScript},
	{authLogin, authLoginScript}, {lmtp, lmtpScript}, {bare, bareScript}, {oneSided, oneSidedScript},
	{midway, midwayScript}, {refusedData, refusedDataScript},
}

func TestConversations(t *testing.T) {
	for _, x := range conversations {
		t.Run(strings.ReplaceAll(x.c.Name, " ", "_"), func(t *testing.T) {
			if got := script(decodertest.Run(t, Proto, x.c)); got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

func TestLaws(t *testing.T) {
	for _, x := range conversations {
		decodertest.Laws(t, Proto, x.c)
	}
}

func TestStrictLoss(t *testing.T) {
	for _, x := range conversations {
		decodertest.StrictLoss(t, Proto, x.c)
	}
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]decodertest.Conversation{
		"starttls_accepted": withTLS, "starttls_refused": withoutTLS, "pipelining": pipelined, "bdat": chunked, "gap_in_data": holed, "auth": authLogin,
	} {
		decodertest.Golden(t, name, decodertest.Run(t, Proto, c))
	}
}

// The bytes behind STARTTLS and its reply go to TLS, on both sides, however
// they were cut.
func TestSwitchAtTheByte(t *testing.T) {
	tape := decodertest.Run(t, Proto, withTLS)
	if string(tape.Rest[0]) != "\x16\x03\x01\x00\x05hello" || string(tape.Rest[1]) != "\x16\x03\x03\x00\x02hi" {
		t.Errorf("rest %q", tape.Rest)
	}
	// The client may have pipelined its hello.
	early := talk("", server("220 s SMTP\r\n"), client("EHLO c\r\n"), server("250 s\r\n"), client("STARTTLS\r\n\x16\x03\x01"), server("220 go\r\n\x16\x03\x03"))
	tape = decodertest.Run(t, Proto, early)
	if tape.Switched == nil || string(tape.Rest[0]) != "\x16\x03\x01" || string(tape.Rest[1]) != "\x16\x03\x03" {
		t.Errorf("switched %v, rest %q", tape.Switched, tape.Rest)
	}
}

// The end of a message is found wherever it is cut.
func TestTerminatorCut(t *testing.T) {
	text := "a\r\n.\r.\r\n..\r\n.\n\r\n.b\r\n\r\n.\r\n"
	const want = "a\r\n\r.\r\n.\r\n\n\r\nb\r\n\r\n"
	for i := range text {
		for j := i; j <= len(text); j++ {
			c := talk("", server("220 s SMTP\r\n"), client("HELO c\r\n"), server("250 s\r\n"), client("MAIL FROM:<a@c>\r\n"), server("250 ok\r\n"),
				client("DATA\r\n"), server("354 go\r\n"), client(text[:i]), client(text[i:j]), client(text[j:]+"QUIT\r\n"))
			tape := decodertest.Run(t, Proto, c)
			ms := decodertest.Of[*events.MailMessage](tape)
			if len(ms) != 1 || ms[0].Subject != want || !ms[0].Complete {
				t.Fatalf("cut at %d and %d: %+v", i, j, ms)
			}
			if cs := decodertest.Of[*events.SMTPCommand](tape); cs[len(cs)-1].Verb != "QUIT" {
				t.Fatalf("cut at %d and %d: no QUIT", i, j)
			}
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"FROM:<a@b>": "a@b", "from: <a@b> SIZE=3": "a@b", "FROM:<>": "", "FROM:a@b SIZE=3": "a@b",
		`FROM:<"a>b"@c>`: `"a>b"@c`, "FROM:<@x,@y:a@b>": "a@b", "FROM:<a@b": "a@b",
	} {
		if got := address(in, "FROM:"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, x := range []struct {
		from events.Dir
		head string
		want decoders.Verdict
	}{
		{events.FromServer, "220 mx.example ESMTP Postfix\r\n", decoders.Yes},
		{events.FromServer, "220-mx smtp server\r\n220 hi\r\n", decoders.Yes},
		{events.FromServer, "220 ready\r\n", decoders.Maybe},
		{events.FromServer, "220 ", decoders.Maybe},
		{events.FromServer, "220 ftp.example FTP server\r\n", decoders.No},
		{events.FromServer, "250-mx\r\n250-PIPELINING\r\n250 HELP\r\n", decoders.Yes},
		{events.FromServer, "250 2.1.0 Ok\r\n", decoders.Yes},
		{events.FromServer, "226 done\r\n", decoders.Maybe},
		{events.FromServer, "+OK POP3\r\n", decoders.No},
		{events.FromServer, "* OK IMAP4\r\n", decoders.No},
		{events.FromServer, "HTTP/1.1 200 OK\r\n", decoders.No},
		{events.FromServer, "3rd line", decoders.No},
		{events.FromClient, "EHLO me\r\n", decoders.Yes},
		{events.FromClient, "helo me\r\n", decoders.Yes},
		{events.FromClient, "EHL", decoders.Maybe},
		{events.FromClient, "MAIL FROM:<a@b>\r\n", decoders.Yes},
		{events.FromClient, "QUIT\r\n", decoders.Maybe},
		{events.FromClient, "AUTH TLS\r\n", decoders.Maybe},
		{events.FromClient, "USER me\r\n", decoders.No},
		{events.FromClient, "GET / HTTP/1.1\r\n", decoders.No},
		{events.FromClient, "\x16\x03\x01", decoders.No},
	} {
		if v, who := probe(x.from, []byte(x.head)); v != x.want || v == decoders.Yes && who != x.from {
			t.Errorf("%q: %d by %s, want %d", x.head, v, who, x.want)
		}
	}
}

func FuzzSMTP(f *testing.F) {
	var cs []decodertest.Conversation
	for _, x := range conversations {
		cs = append(cs, x.c)
	}
	decodertest.Fuzz(f, Proto, cs...)
}
