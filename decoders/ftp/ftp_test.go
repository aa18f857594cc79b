package ftp

import (
	"fmt"
	"net/netip"
	"slices"
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

func addr(s string) events.Addr { return events.AddrOf(netip.MustParseAddr(s)) }

// flow4 and flow6 are who talks in these tests.
var (
	flow4 = events.Flow{Client: addr("10.0.0.1"), Server: addr("10.0.0.2"), ClientPort: 40000, ServerPort: 21, Proto: events.ProtoTCP}
	flow6 = events.Flow{Client: addr("2001:db8::1"), Server: addr("2001:db8::2"), ClientPort: 40000, ServerPort: 21, Proto: events.ProtoTCP}
)

// lines are the events of a tape, one short line each: what a reader of the
// RFC would say happened.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d ", r.Frame)
		if r.Truncated {
			b.WriteString("(torn) ")
		}
		switch e := r.Body.(type) {
		case *events.FTPCommand:
			fmt.Fprintf(&b, "> %s", e.Verb)
			if e.Args != "" {
				b.WriteString(" " + e.Args)
			}
			if e.DataPort != 0 {
				fmt.Fprintf(&b, " to %s %d", e.DataHost, e.DataPort)
			}
		case *events.FTPReply:
			fmt.Fprintf(&b, "< %d %s", e.Code, strings.Join(e.Lines, "|"))
			if e.Verb != "" {
				fmt.Fprintf(&b, " to %s %d", e.Verb, e.CommandFrame)
			}
			if e.DataPort != 0 {
				fmt.Fprintf(&b, " at %s %d", e.DataHost, e.DataPort)
			}
		case *events.FTPData:
			fmt.Fprintf(&b, "= %s %s %s %d", e.Mode, e.Verb, e.Path, e.Bytes)
			if !e.Complete {
				b.WriteString(" incomplete")
			}
			if e.Missing > 0 {
				fmt.Fprintf(&b, " missing %d", e.Missing)
			}
			if e.Restart > 0 {
				fmt.Fprintf(&b, " from %d", e.Restart)
			}
			if e.Reply > 0 {
				fmt.Fprintf(&b, " reply %d", e.Reply)
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		default:
			b.WriteString(r.Kind)
			switch x := r.What.(type) {
			case decoders.Next:
				b.WriteString(" " + x.Protocol)
			case decoders.Expectation:
				fmt.Fprintf(&b, " %s %d", x.Protocol, x.Port)
				if x.ToServer {
					b.WriteString(" at the server")
				}
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type talk struct {
	name   string
	flow   events.Flow
	chunks []dt.Chunk
	want   string
	strict bool // one command after the other: see TestStrictLoss
}

// talks: what must come out follows from the section named.
var talks = []talk{
	{"greeting and login 5.4", flow4, []dt.Chunk{
		server("220 service ready\r\n"), client("USER anna\r\n"), server("331 need password\r\n"),
		client("pass secret\r\n"), server("230 in\r\n"), client("NOOP\r\n"), server("200\r\n"),
		client("QUIT\r\n"), server("221 bye\r\n"), dt.Over(fromServer, events.EndFIN)}, `
1 < 220 service ready
2 > USER anna
3 < 331 need password to USER 2
4 > PASS <redacted>
5 < 230 in to PASS 4
6 > NOOP
7 < 200  to NOOP 6
8 > QUIT
9 < 221 bye to QUIT 8`, true},
	{"multi-line replies 4.2", flow4, []dt.Chunk{
		server("220-one\r\n220-two\r\n  234 in the text\r\n220x\r\n"), server("220 end\r\n"),
		client("FEAT\r\n"), server("211-Extensions\r\n MDTM\r\n SIZE\r\n211 End\r\n")}, `
2 < 220 one|two|  234 in the text|220x|end
3 > FEAT
4 < 211 Extensions| MDTM| SIZE|End to FEAT 3`, true},
	{"delayed greeting 5.4", flow4, []dt.Chunk{server("120 in 5 minutes\r\n"), server("220 ready\r\n"), client("SYST\r\n"), server("215 UNIX Type: L8\r\n")}, `
1 < 120 in 5 minutes
2 < 220 ready
3 > SYST
4 < 215 UNIX Type: L8 to SYST 3`, true},
	{"preliminary and final reply", flow4, []dt.Chunk{
		server("220 hi\r\n"), client("PORT 10,0,0,1,200,13\r\n"), server("200 ok\r\n"),
		client("RETR /a b.txt\r\n"), server("150 opening\r\n"), server("226 done\r\n")}, `
1 < 220 hi
2 > PORT 10,0,0,1,200,13 to 10.0.0.1 51213
2 expect ftp-data 51213
3 < 200 ok to PORT 2
4 > RETR /a b.txt
5 < 150 opening to RETR 4
6 < 226 done to RETR 4`, true},
	{"passive, every form RFC 1123 4.1.2.6", flow4, []dt.Chunk{
		client("PASV\r\n"), server("227 Entering Passive Mode (10,0,0,2,4,1)\r\n"),
		client("PASV\r\n"), server("227 Entering Passive Mode. 10,0,0,2,4,2\r\n"),
		client("PASV\r\n"), server("227 =10,0,0,2,4,3\r\n"),
		client("PASV\r\n"), server("227 10, 0, 0, 2, 4, 4 is where 1,2 I wait\r\n"),
		client("PASV\r\n"), server("227-hello\r\n227 (10,0,0,2,4,5)\r\n"),
		client("PASV\r\n"), server("227 nowhere (10,0,0,256,4,5)\r\n")}, `
1 > PASV
2 < 227 Entering Passive Mode (10,0,0,2,4,1) to PASV 1 at 10.0.0.2 1025
2 expect ftp-data 1025 at the server
3 > PASV
4 < 227 Entering Passive Mode. 10,0,0,2,4,2 to PASV 3 at 10.0.0.2 1026
4 expect ftp-data 1026 at the server
5 > PASV
6 < 227 =10,0,0,2,4,3 to PASV 5 at 10.0.0.2 1027
6 expect ftp-data 1027 at the server
7 > PASV
8 < 227 10, 0, 0, 2, 4, 4 is where 1,2 I wait to PASV 7 at 10.0.0.2 1028
8 expect ftp-data 1028 at the server
9 > PASV
10 < 227 hello|(10,0,0,2,4,5) to PASV 9 at 10.0.0.2 1029
10 expect ftp-data 1029 at the server
11 > PASV
12 < 227 nowhere (10,0,0,256,4,5) to PASV 11
12 ! 227 without an address`, true},
	{"lies: addresses behind translation", flow4, []dt.Chunk{
		client("PASV\r\n"), server("227 Entering Passive Mode (192,168,1,5,4,1)\r\n"),
		client("PORT 127,0,0,1,4,2\r\n"), server("200 ok\r\n"),
		client("PORT 10,0,0,1,0,0\r\n"), server("501 no\r\n"), client("PORT ten\r\n"), server("501 no\r\n")}, `
1 > PASV
2 < 227 Entering Passive Mode (192,168,1,5,4,1) to PASV 1 at 192.168.1.5 1025
2 ! 227 names another host than the one that sent it: 192.168.1.5
2 expect ftp-data 1025 at the server
3 > PORT 127,0,0,1,4,2 to 127.0.0.1 1026
3 ! PORT names another host than the one that sent it: 127.0.0.1
3 expect ftp-data 1026
4 < 200 ok to PORT 3
5 > PORT 10,0,0,1,0,0
5 ! PORT names port 0
6 < 501 no to PORT 5
7 > PORT ten
7 ! PORT without an address
8 < 501 no to PORT 7`, true},
	{"extended, RFC 2428", flow6, []dt.Chunk{
		client("EPRT |2|2001:db8::1|5282|\r\n"), server("200 ok\r\n"),
		client("EPRT !2!2001:0DB8:0::1!5283!\r\n"), server("200 ok\r\n"),
		client("EPSV\r\n"), server("229 Entering Extended Passive Mode (|||6446|)\r\n"),
		client("EPSV 2\r\n"), server("229 Entering Extended Passive Mode (!!!6447!)\r\n"),
		client("EPSV\r\n"), server("229 Entering Extended Passive Mode 6448\r\n"),
		client("EPSV\r\n"), server("229 Extended Passive (|||6449)\r\n"),
		client("EPSV\r\n"), server("229 (|2|2001:db8::2|6450|)\r\n"),
		client("EPSV\r\n"), server("229 (6451)\r\n"),
		client("EPSV ALL\r\n"), server("200 ok\r\n"),
		client("EPSV\r\n"), server("229 (|||70000|)\r\n")}, `
1 > EPRT |2|2001:db8::1|5282| to 2001:db8::1 5282
1 expect ftp-data 5282
2 < 200 ok to EPRT 1
3 > EPRT !2!2001:0DB8:0::1!5283! to 2001:db8::1 5283
3 expect ftp-data 5283
4 < 200 ok to EPRT 3
5 > EPSV
6 < 229 Entering Extended Passive Mode (|||6446|) to EPSV 5 at  6446
6 expect ftp-data 6446 at the server
7 > EPSV 2
8 < 229 Entering Extended Passive Mode (!!!6447!) to EPSV 7 at  6447
8 expect ftp-data 6447 at the server
9 > EPSV
10 < 229 Entering Extended Passive Mode 6448 to EPSV 9 at  6448
10 expect ftp-data 6448 at the server
11 > EPSV
12 < 229 Extended Passive (|||6449) to EPSV 11 at  6449
12 expect ftp-data 6449 at the server
13 > EPSV
14 < 229 (|2|2001:db8::2|6450|) to EPSV 13 at 2001:db8::2 6450
14 expect ftp-data 6450 at the server
15 > EPSV
16 < 229 (6451) to EPSV 15 at  6451
16 expect ftp-data 6451 at the server
17 > EPSV ALL
18 < 200 ok to EPSV 17
19 > EPSV
20 < 229 (|||70000|) to EPSV 19
20 ! 229 without an address`, true},
	{"long addresses, RFC 1639", flow6, []dt.Chunk{
		client("LPRT 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,20,162\r\n"), server("200 ok\r\n"),
		client("LPSV\r\n"), server("228 Entering Long Passive Mode (6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,2,2,20,163)\r\n")}, `
1 > LPRT 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,20,162 to 2001:db8::1 5282
1 expect ftp-data 5282
2 < 200 ok to LPRT 1
3 > LPSV
4 < 228 Entering Long Passive Mode (6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,2,2,20,163) to LPSV 3 at 2001:db8::2 5283
4 expect ftp-data 5283 at the server`, true},
	{"one PORT for two transfers 3.2", flow4, []dt.Chunk{
		client("PORT 10,0,0,1,200,13\r\n"), server("200 ok\r\n"), client("LIST\r\n"), server("150 a\r\n226 b\r\n"), client("RETR x\r\n"), server("150 a\r\n226 b\r\n"),
		client("PASV\r\n"), server("502 no\r\n"), client("RETR y\r\n")}, `
1 > PORT 10,0,0,1,200,13 to 10.0.0.1 51213
1 expect ftp-data 51213
2 < 200 ok to PORT 1
3 > LIST
4 < 150 a to LIST 3
4 < 226 b to LIST 3
5 > RETR x
5 expect ftp-data 51213
6 < 150 a to RETR 5
6 < 226 b to RETR 5
7 > PASV
8 < 502 no to PASV 7
9 > RETR y`, true},
	{"pipelined", flow4, []dt.Chunk{
		server("220 hi\r\n"), client("USER a\r\nPASS b\r\nPASV\r\nRETR x\r\nPWD\r\n"),
		server("331 p\r\n230 in\r\n227 (10,0,0,2,4,1)\r\n150 go\r\n"), server("226 done\r\n257 \"/\"\r\n")}, `
1 < 220 hi
2 > USER a
2 > PASS <redacted>
2 > PASV
2 > RETR x
2 > PWD
3 < 331 p to USER 2
3 < 230 in to PASS 2
3 < 227 (10,0,0,2,4,1) to PASV 2 at 10.0.0.2 1025
3 expect ftp-data 1025 at the server
3 < 150 go to RETR 2
4 < 226 done to RETR 2
4 < 257 "/" to PWD 2`, false},
	{"ABOR with Telnet's Synch 4.1.3", flow4, []dt.Chunk{
		client("RETR x\r\n"), server("150 go\r\n"), client("\xff\xf4\xff\xf2ABOR\r\n"), server("426 aborted\r\n"), server("226 ABOR done\r\n"), client("NOOP\r\n"), server("200 ok\r\n")}, `
1 > RETR x
2 < 150 go to RETR 1
3 > ABOR
4 < 426 aborted to RETR 1
5 < 226 ABOR done to ABOR 3
6 > NOOP
7 < 200 ok to NOOP 6`, false},
	{"ABOR and transfer answered with one reply", flow4, []dt.Chunk{
		client("RETR x\r\n"), server("150 go\r\n"), client("\xf2ABOR\r\n"), server("226 aborted\r\n"), client("PWD\r\n"), server("257 \"/\"\r\n")}, `
1 > RETR x
2 < 150 go to RETR 1
3 > ABOR
4 < 226 aborted to RETR 1
5 > PWD
6 < 257 "/" to PWD 5`, false},
	{"STAT during a transfer 4.1.3", flow4, []dt.Chunk{
		client("RETR x\r\n"), server("150 go\r\n"), client("STAT\r\n"), server("213 half\r\n"), server("226 done\r\n")}, `
1 > RETR x
2 < 150 go to RETR 1
3 > STAT
4 < 213 half to STAT 3
5 < 226 done to RETR 1`, false},
	{"Telnet in names RFC 854", flow4, []dt.Chunk{client("STOR a\xff\xffb\r\n"), client("STOR \xff\r\n"), client("\xff\xfd\x18CWD x\r\n"), client("MKD \xff\xe9\r\n")}, `
1 > STOR a` + "\xff" + `b
2 > STOR ` + "\xff" + `
3 > CWD x
4 > MKD ` + "\xff\xe9", true},
	{"AUTH TLS accepted RFC 4217 4", flow4, []dt.Chunk{
		server("220 hi\r\n"), client("AUTH TLS\r\n"), server("234 go\r\n"), client("\x16\x03\x01\x00"), server("\x16\x03\x03")}, `
1 < 220 hi
2 > AUTH TLS
3 < 234 go to AUTH 2
3 switch tls`, true},
	{"AUTH SSL refused", flow4, []dt.Chunk{
		server("220 hi\r\n"), client("AUTH SSL\r\n"), server("502 no\r\n"), client("USER a\r\n"), server("331 p\r\n")}, `
1 < 220 hi
2 > AUTH SSL
3 < 502 no to AUTH 2
4 > USER a
5 < 331 p to USER 4`, true},
	{"AUTH GSSAPI stays RFC 2228", flow4, []dt.Chunk{
		client("AUTH GSSAPI\r\n"), server("334 go\r\n"), client("ADAT c2VjcmV0\r\n"), server("235 ok\r\n"), client("USER a\r\n"), server("232 in\r\n")}, `
1 > AUTH GSSAPI
2 < 334 go to AUTH 1
3 > ADAT <redacted>
4 < 235 ok to ADAT 3
5 > USER a
6 < 232 in to USER 5`, true},
	{"the answer to AUTH is lost", flow4, []dt.Chunk{
		client("AUTH TLS\r\n"), dt.Lost(fromServer, 8), client("\x16\x03\x01\x00")}, `
1 > AUTH TLS
2 gap 8
3 switch tls`, true},
	{"the refusal of AUTH is lost", flow4, []dt.Chunk{
		client("AUTH TLS\r\n"), dt.Lost(fromServer, 8), client("USER a\r\n"), server("torn\r\n"), server("331 p\r\n")}, `
1 > AUTH TLS
2 gap 8
3 > USER a
5 (torn) < 331 p`, true},
	{"gap in a command", flow4, []dt.Chunk{
		client("CWD a\r\nRE"), dt.Lost(fromClient, 7), client("x\r\nNOOP\r\nPWD\r\n"), server("257 \"/\"\r\n")}, `
1 > CWD a
2 gap 7
3 > NOOP
3 > PWD
4 < 257 "/" to PWD 3`, false},
	{"gap in a reply", flow4, []dt.Chunk{
		client("FEAT\r\n"), server("211-Ext\r\n A\r\n"), dt.Lost(fromServer, 3), server("B\r\n C\r\n211 End\r\n"), client("PWD\r\n"), server("257 \"/\"\r\n")}, `
1 > FEAT
3 gap 3
4 (torn) < 211 End
5 > PWD
6 < 257 "/" to PWD 5`, true},
	{"no FTP between", flow4, []dt.Chunk{client("PWD\r\n"), server("hello?\r\n257 \"/\"\r\n"), client("what is this\r\n;\r\n\r\nCWD a\r\n")}, `
1 > PWD
2 ! a line that is no reply
2 < 257 "/" to PWD 1
3 > WHAT is this
3 ! a line that is no command
3 > CWD a`, false},
	{"closed inside a line and a reply", flow4, []dt.Chunk{server("220-hi\r\n"), client("PWD"), dt.Over(fromClient, events.EndReset), dt.Over(fromServer, events.EndReset)}, `
3 ! connection closed inside a line
4 (torn) < 220 hi`, false},
	{"STOU tells the name RFC 1123 4.1.2.9", flow4, []dt.Chunk{client("PASV\r\n"), server("227 (10,0,0,2,4,1)\r\n"), client("STOU\r\n"), server("150 FILE: a.1\r\n")}, `
1 > PASV
2 < 227 (10,0,0,2,4,1) to PASV 1 at 10.0.0.2 1025
2 expect ftp-data 1025 at the server
3 > STOU
4 < 150 FILE: a.1 to STOU 3`, true},
}

func (x talk) conversation() dt.Conversation {
	return dt.Conversation{Name: x.name, Chunks: x.chunks, Env: decoders.Env{Flow: x.flow, Stream: 7}}
}

func TestTalks(t *testing.T) {
	for _, x := range talks {
		t.Run(x.name, func(t *testing.T) {
			got := strings.TrimSpace(lines(dt.Run(t, Proto, x.conversation())))
			if want := strings.TrimSpace(x.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestLaws(t *testing.T) {
	for _, x := range talks {
		dt.Laws(t, Proto, x.conversation())
	}
}

// TestStrictLoss: even after a gap, a reply that is not torn is one that was
// sent, and if it names a command, then the right one. (It is not
// decodertest.StrictLoss: a reply need not name its command.)
func TestStrictLoss(t *testing.T) {
	texts := func(c dt.Conversation) (out []string) {
		for _, r := range dt.Run(t, Proto, c).Records {
			if r.Truncated || strings.HasPrefix(r.Kind, "flow.") {
				continue
			}
			switch e := r.Body.(type) {
			case *events.FTPReply:
				out = append(out, fmt.Sprintf("%d %q %d", e.Code, e.Lines, e.DataPort))
				if e.Verb != "" {
					out = append(out, out[len(out)-1]+" "+e.Verb)
				}
			case *events.FTPCommand:
				out = append(out, e.Verb+" "+e.Args)
			}
		}
		return out
	}
	for _, x := range talks {
		if !x.strict {
			continue
		}
		c := x.conversation()
		full := texts(c)
		whole := c.Chunks
		// Each chunk, each two of them, and a part of each was lost.
		for i := range whole {
			for j := range whole {
				for _, part := range []int{0, 3} {
					c.Chunks = slices.Clone(whole)
					for _, k := range []int{i, j} {
						if n := len(whole[k].Bytes); n > part {
							c.Chunks[k].Bytes, c.Chunks[k].Lost = nil, int64(n)
						}
					}
					if part > 0 && len(whole[i].Bytes) > part && i < j {
						c.Chunks = slices.Insert(c.Chunks, i, dt.Chunk{From: whole[i].From, Bytes: whole[i].Bytes[:part]})
					}
					for _, s := range texts(c) {
						if !slices.Contains(full, s) {
							t.Fatalf("%s: chunks %d and %d lost: invented %s", x.name, i, j, s)
						}
					}
				}
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for _, i := range []int{0, 3, 9, 14} {
		dt.Golden(t, strings.ReplaceAll(strings.ReplaceAll(talks[i].name, " ", "_"), ".", ""), dt.Run(t, Proto, talks[i].conversation()))
	}
}

func TestShowSecrets(t *testing.T) {
	tape := dt.Run(t, Proto, dt.Conversation{Chunks: []dt.Chunk{client("PASS secret\r\nACCT x\r\n")}, Env: decoders.Env{ShowSecrets: true}})
	if got := lines(tape); got != "1 > PASS secret\n1 > ACCT x\n" {
		t.Error(got)
	}
	tape = dt.Run(t, Proto, dt.Conversation{Chunks: []dt.Chunk{client("PASS secret\r\nACCT x\r\nPASS\r\n")}})
	if got := lines(tape); got != "1 > PASS <redacted>\n1 > ACCT <redacted>\n1 > PASS\n" {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.FTPLine, l.FTPReply, l.PendingRequests = 32, 100, 2
	long := strings.Repeat("x", 100)
	for _, x := range []talk{
		{"a long line", flow4, []dt.Chunk{client("CWD " + long + "\r\nPWD\r\n")}, "1 limit ftp-line\n1 > PWD", false},
		{"a long reply", flow4, []dt.Chunk{client("FEAT\r\n"), server("211-a\r\n 01234567890123456789\r\n 01234567890123456789\r\n 01234567890123456789\r\n211 z\r\n200 next\r\n")},
			"1 > FEAT\n2 limit ftp-reply\n2 < 211 a| 01234567890123456789| 01234567890123456789 to FEAT 1\n2 < 200 next", false},
		{"many commands", flow4, []dt.Chunk{client("PWD\r\nPWD\r\nPWD\r\nPWD\r\n"), server("257 a\r\n")},
			"1 > PWD\n1 > PWD\n1 > PWD\n1 limit pending-requests\n1 > PWD\n2 < 257 a", false},
	} {
		c := x.conversation()
		c.Env.Limits = &l
		if got := strings.TrimSpace(lines(dt.Run(t, Proto, c))); got != x.want {
			t.Errorf("%s: got\n%s\nwant\n%s", x.name, got, x.want)
		}
		dt.Laws(t, Proto, c)
	}
}

// Chosen by port, what is no FTP is given up.
func TestNotFTP(t *testing.T) {
	tape := dt.Play(Proto, dt.Talk("", client(strings.Repeat("<x>\n", strangeLines))))
	if tape.Err != errNotFTP || len(tape.Records) != 1 {
		t.Error(tape.Err, tape.Records)
	}
}

// What is announced is tied to the command that follows, whatever the reply
// to one before.
func TestTies(t *testing.T) {
	hints := func(chunks ...dt.Chunk) (out []decoders.HintFTPData) {
		tape := dt.Run(t, Proto, dt.Conversation{Chunks: chunks, Env: decoders.Env{Flow: flow4, Stream: 7}})
		for _, r := range tape.Records {
			if x, ok := r.What.(decoders.Expectation); ok {
				out = append(out, *x.Hint.(*decoders.HintFTPData))
			}
		}
		return out
	}
	const pasv, pasv2 = "227 (10,0,0,2,4,1)\r\n", "227 (10,0,0,2,4,2)\r\n"
	for _, x := range []struct {
		name   string
		chunks []dt.Chunk
		want   string
	}{
		{"in turn", []dt.Chunk{client("TYPE I\r\n"), server("200 ok\r\n"), client("PASV\r\n"), server(pasv), client("REST 100\r\n"), server("350 ok\r\n"), client("RETR a\r\n"), server("150 go\r\n226 ok\r\n")},
			"RETR a from 100 type I 150 226"},
		{"refused, then another", []dt.Chunk{client("PASV\r\n"), server(pasv), client("RETR a\r\n"), server("550 no\r\n"), client("RETR b\r\n"), server("150 go\r\n")},
			"RETR b 150 0"},
		{"REST refused", []dt.Chunk{client("PASV\r\n"), server(pasv), client("REST 9\r\n"), server("502 no\r\n"), client("RETR a\r\n")}, "RETR a 0 0"},
		{"TYPE refused", []dt.Chunk{client("TYPE A\r\n"), server("200 ok\r\n"), client("TYPE E\r\n"), server("504 no\r\n"), client("PASV\r\n"), server(pasv), client("LIST\r\n")}, "LIST  type A 0 0"},
		{"REST is for one command", []dt.Chunk{client("REST 9\r\n"), server("350 ok\r\n"), client("PASV\r\n"), server(pasv), client("RETR a\r\n"), server("150 x\r\n226 y\r\n"), client("PASV\r\n"), server(pasv2), client("RETR b\r\n")},
			"RETR a from 9 150 226; RETR b 0 0"},
		{"REST for a command without data", []dt.Chunk{client("REST 9\r\n"), server("350 ok\r\n"), client("RETR a\r\n"), server("425 no\r\n"), client("PASV\r\n"), server(pasv), client("RETR b\r\n")}, "RETR b 0 0"},
		{"pipelined", []dt.Chunk{client("PASV\r\nRETR a\r\nPASV\r\nRETR b\r\n"), server(pasv + "150 x\r\n226 y\r\n" + pasv2 + "150 x\r\n"), server("426 y\r\n")}, "RETR a 150 226; RETR b 150 426"},
		{"aborted", []dt.Chunk{client("PASV\r\n"), server(pasv), client("RETR a\r\n"), server("150 go\r\n"), client("ABOR\r\n"), server("426 x\r\n226 y\r\n")}, "RETR a 150 426 aborted"},
		{"PROT P", []dt.Chunk{client("PROT P\r\n"), server("200 ok\r\n"), client("PASV\r\n"), server(pasv), client("NLST d\r\n")}, "NLST d 0 0 protected"},
		{"PROT P refused", []dt.Chunk{client("PROT P\r\n"), server("536 no\r\n"), client("PASV\r\n"), server(pasv), client("NLST d\r\n")}, "NLST d 0 0"},
		{"the command is lost", []dt.Chunk{client("PASV\r\n"), server(pasv), dt.Lost(fromClient, 8), server("150 go\r\n226 ok\r\n"), client("X\r\nRETR b\r\n")}, "  0 0"},
		{"PASV is lost", []dt.Chunk{dt.Lost(fromClient, 8), server(pasv), client("X\r\nRETR b\r\n"), server("150 go\r\n")}, "  0 0"}, // the torn line may have taken it
	} {
		var got []string
		for _, h := range hints(x.chunks...) {
			s := h.Verb + " " + h.Path
			if h.Restart > 0 {
				s += fmt.Sprintf(" from %d", h.Restart)
			}
			if h.Type != "" {
				s += " type " + h.Type
			}
			s += fmt.Sprintf(" %d %d", h.Preliminary, h.Final)
			if h.Aborted {
				s += " aborted"
			}
			if h.Protected {
				s += " protected"
			}
			if h.ControlStream != 7 || h.Mode != "passive" || h.User != flow4.Client {
				t.Errorf("%s: %+v", x.name, h)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, "; "); s != x.want {
			t.Errorf("%s: got %q, want %q", x.name, s, x.want)
		}
	}
}

func FuzzFTP(f *testing.F) {
	var seeds []dt.Conversation
	for _, x := range talks {
		seeds = append(seeds, x.conversation())
	}
	dt.Fuzz(f, Proto, seeds...)
}
