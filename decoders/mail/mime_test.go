package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// cases are messages, and the parts that RFC 2046 says they have.
var cases = []struct{ name, text, parts, violations string }{
	{"simple multipart of RFC 2046", `From: Nathaniel Borenstein <nsb@bellcore.com>
Subject: Sample message
MIME-Version: 1.0
Content-type: multipart/mixed; boundary="simple boundary"

This is the preamble.
--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":80,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":78,"complete":true}
`, ""},
	{"nested, with attachments", `Subject: x
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: multipart/alternative;
 boundary="out-in"

--out-in
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

a=3Db=
c
--out-in
Content-Type: text/html

<p>
--out-in--
--out
Content-Type: application/pdf; name="a b.pdf"
Content-Transfer-Encoding: BASE64
Content-Disposition: attachment; filename="a b.pdf"

aGVsbG8s
IHdvcmxk
IQ==
--out--
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"multipart/alternative","depth":1,"bytes":0,"complete":true}
{"content_type":"text/plain","encoding":"quoted-printable","depth":2,"bytes":4,"complete":true}
{"content_type":"text/html","depth":2,"bytes":3,"complete":true}
{"content_type":"application/pdf","filename":"a b.pdf","encoding":"base64","disposition":"attachment","depth":1,"bytes":13,"complete":true}
`, ""},
	{"a message inside", `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=i

--i

one
--i--
rest
--b
Content-Type: message/rfc822

Subject: second

two

--b--
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"message/rfc822","depth":1,"bytes":84,"complete":true}
{"content_type":"multipart/mixed","depth":2,"bytes":0,"complete":true}
{"content_type":"text/plain","depth":3,"bytes":3,"complete":true}
{"content_type":"message/rfc822","depth":1,"bytes":24,"complete":true}
{"content_type":"text/plain","depth":2,"bytes":5,"complete":true}
`, ""},
	{"digest", `Content-Type: multipart/digest; boundary=b

--b

Subject: one

1
--b
Content-Type: text/plain

2
--b--
`, `{"content_type":"multipart/digest","bytes":0,"complete":true}
{"content_type":"message/rfc822","depth":1,"bytes":17,"complete":true}
{"content_type":"text/plain","depth":2,"bytes":1,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":1,"complete":true}
`, ""},
	{"no end boundary", `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

text
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":6,"complete":true}
`, "multipart without its end boundary (RFC 2046 section 5.1.1)"},
	{"inner end boundary missing", `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c

x
--b

y
--b--
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"multipart/alternative","depth":1,"bytes":0,"complete":true}
{"content_type":"text/plain","depth":2,"bytes":1,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":1,"complete":true}
`, ""},
	{"no empty line before the boundary, none before the text", `Subject: x
Content-Type: multipart/mixed; boundary="b"
--b
Content-Type: text/plain
--b
just text
--b--
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":0,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":9,"complete":true}
`, "no empty line between the header and the boundary (RFC 2046 section 5.1)|a header line without a colon ends the header (RFC 5322 section 2.2)"},
	{"a header line without a colon", `Subject: x
this is text
more: text
`, `{"content_type":"text/plain","bytes":26,"complete":true}
`, "a header line without a colon ends the header (RFC 5322 section 2.2)"},
	{"no boundary", `Content-Type: multipart/mixed

--b
x
`, `{"content_type":"multipart/mixed","bytes":8,"complete":true}
`, "multipart without a usable boundary (RFC 2046 section 5.1.1)"},
	{"what looks like a boundary", `Content-Type: multipart/mixed; boundary=b

--b

--bb
-
--
--b-
-- 
--b  
--c--
--b--	 
--b
late
`, `{"content_type":"multipart/mixed","bytes":0,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":22,"complete":true}
{"content_type":"text/plain","depth":1,"bytes":5,"complete":true}
`, "a header line without a colon ends the header (RFC 5322 section 2.2)"},
	{"only a header", "Subject: x\n", `{"content_type":"text/plain","bytes":0,"complete":true}
`, ""},
	{"a mailbox line, odd types", `From a@b Thu Jan  1 00:00:00 1970
Content-Type: text
Content-Transfer-Encoding: x-uuencode
SUBJECT  : odd

begin 644 x
`, `{"content_type":"text/plain","encoding":"x-uuencode","bytes":13,"complete":true}
`, "unknown transfer encoding (RFC 2045 section 6.1)"},
	{"base64 in pieces, and dirty", `Content-Transfer-Encoding: base64

YQ==YmM=
ZGVm*
Z
`, `{"content_type":"text/plain","encoding":"base64","bytes":6,"complete":true}
`, "bytes outside of the alphabet in base64 (RFC 2045 section 6.8)"},
	{"broken quoted-printable", `Content-Transfer-Encoding: quoted-printable

a=zzb=4
c=  
d=41=`, `{"content_type":"text/plain","encoding":"quoted-printable","bytes":12,"complete":true}
`, ""},
}

func conversation(name, text string) decodertest.Conversation { return message(name, wire(text)) }

func TestParts(t *testing.T) {
	for _, x := range cases {
		t.Run(strings.ReplaceAll(x.name, " ", "_"), func(t *testing.T) {
			c := conversation(x.name, x.text)
			for _, hash := range []bool{false, true} {
				c.Env.Hash = hash
				tape := decodertest.Run(t, Proto, c)
				m := decodertest.Of[*events.MailMessage](tape)[0]
				if got := parts(m); got != x.parts {
					t.Errorf("hash %v: got\n%swant\n%s", hash, got, x.parts)
				}
				var reasons []string
				for _, v := range decodertest.Of[*events.FlowViolation](tape) {
					reasons = append(reasons, v.Reason)
				}
				if got := strings.Join(reasons, "|"); got != x.violations {
					t.Errorf("hash %v: violations %q, want %q", hash, got, x.violations)
				}
			}
		})
	}
}

func TestLaws(t *testing.T) {
	for _, x := range cases {
		c := conversation(x.name, x.text)
		decodertest.Laws(t, Proto, c)
		decodertest.StrictLoss(t, Proto, c)
		c.Env.Hash = true
		decodertest.Laws(t, Proto, c)
		c = message(x.name+" with bare LF", x.text)
		decodertest.Laws(t, Proto, c)
	}
}

func TestGolden(t *testing.T) {
	decodertest.Golden(t, "nested", decodertest.Run(t, Proto, conversation("", cases[1].text)))
	decodertest.Golden(t, "message_inside", decodertest.Run(t, Proto, conversation("", cases[2].text)))
}

// What is counted, hashed and extracted is what the standard library decodes.
func TestTransferDecoding(t *testing.T) {
	content := bytes.Repeat([]byte("\x00\x01\xfebinary =\r\n and text. "), 9999)
	sum := sha256.Sum256(content)
	var lines bytes.Buffer
	for s := base64.StdEncoding.EncodeToString(content); s != ""; {
		n := min(76, len(s))
		lines.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	var quoted bytes.Buffer
	w := quotedprintable.NewWriter(&quoted)
	w.Binary = true
	_, _ = w.Write(content)
	_ = w.Close()
	for encoding, text := range map[string]string{"base64": lines.String(), "quoted-printable": quoted.String() + "\r\n", "binary": string(content) + "\r\n"} {
		c := message(encoding, "Content-Type: multipart/mixed; boundary=b\r\nSubject: s\r\n\r\n--b\r\nContent-Type: image/png; name=x.png\r\nContent-Transfer-Encoding: "+encoding+"\r\n\r\n"+text+"--b--\r\n")
		p := read(t, c).Parts[1]
		if p.Bytes != int64(len(content)) && encoding == "base64" {
			t.Errorf("%s: counted %d bytes, want %d", encoding, p.Bytes, len(content))
		}
		c.Env.Hash = true
		tape := decodertest.Run(t, Proto, c)
		p = decodertest.Of[*events.MailMessage](tape)[0].Parts[1]
		if p.Bytes != int64(len(content)) || p.SHA256 != hex.EncodeToString(sum[:]) || !p.Complete {
			t.Errorf("%s: %d bytes, sha256 %s", encoding, p.Bytes, p.SHA256)
		}
		var got, whole []byte
		for _, part := range decodertest.Of[*events.ContentPart](tape) {
			t.Errorf("content of object %d without a wish", part.Object)
		}
		want := events.SetOf(append(events.Kinds(), events.KindContentPart, events.KindContentEnd)...)
		c.Env.Want = &want
		tape = decodertest.Run(t, Proto, c)
		for _, part := range decodertest.Of[*events.ContentPart](tape) {
			if part.Object == 1 {
				whole = append(whole, part.Bytes...)
			} else {
				got = append(got, part.Bytes...)
			}
			if len(part.Bytes) > 64<<10 {
				t.Errorf("a part of %d bytes", len(part.Bytes))
			}
		}
		if !bytes.Equal(got, content) || !bytes.Equal(whole, c.Chunks[0].Bytes) {
			t.Errorf("%s: extracted %d and %d bytes, want %d and %d", encoding, len(got), len(whole), len(content), len(c.Chunks[0].Bytes))
		}
		ends := decodertest.Of[*events.ContentEnd](tape)
		if len(ends) != 2 || ends[0].Name != "x.png" || ends[0].Type != "image/png" || ends[0].Object != 2 || ends[0].Bytes != int64(len(content)) || !ends[0].Complete ||
			ends[1].Name != "s.eml" || ends[1].Type != "message/rfc822" {
			t.Errorf("%s: %+v", encoding, ends)
		}
	}
}

// A hole in a part: the others are whole, the sums of what is not are left
// out.
func TestGap(t *testing.T) {
	c := decodertest.Talk("gap",
		decodertest.Client("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"),
		decodertest.Lost(events.FromClient, 10), decodertest.Client("AAAA\r\n--b\r\n\r\nthree\r\n--b--\r\n"),
		decodertest.Over(events.FromClient, events.EndFIN))
	c.Env = decoders.Env{Hash: true, Hint: decoders.HintMail{Via: "smtp"}}
	m := read(t, c)
	want := `{"content_type":"multipart/mixed","bytes":0,"complete":false}
{"content_type":"text/plain","depth":1,"bytes":3,"complete":true}
{"content_type":"text/plain","encoding":"base64","depth":1,"bytes":6,"complete":false}
{"content_type":"text/plain","depth":1,"bytes":5,"complete":true}
`
	if got := parts(m); got != want || m.Missing != 10 || m.Complete || m.Parts[2].SHA256 != "" || m.Parts[3].SHA256 == "" {
		t.Errorf("got\n%s%+v", got, m)
	}
	decodertest.StrictLoss(t, Proto, c)
}

func TestLimits(t *testing.T) {
	limits := events.DefaultLimits()
	limits.MailHeader, limits.MailParts, limits.MailNesting = 300, 4, 2
	c := conversation("limits", "Content-Type: multipart/mixed; boundary=b\nX: "+strings.Repeat("x", 400)+"\nY: y\n\n"+
		strings.Repeat("--b\n\nx\n", 3)+"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n--c--\n--b--\n")
	c.Env.Limits = &limits
	tape := decodertest.Run(t, Proto, c)
	var names []string
	for _, l := range decodertest.Of[*events.FlowLimit](tape) {
		names = append(names, l.Limit)
	}
	if got := strings.Join(names, " "); got != "mail-header mail-parts" {
		t.Errorf("limits %q", got)
	}
	if m := decodertest.Of[*events.MailMessage](tape)[0]; len(m.Parts) != 4 || len(m.Headers) != 2 {
		t.Errorf("%+v", m)
	}
	deep := "Content-Type: message/rfc822\n\n"
	c = conversation("deep", strings.Repeat(deep, 9))
	c.Env.Limits = &limits
	if m := read(t, c); len(m.Parts) != 3 || m.Parts[2].ContentType != "message/rfc822" || m.Parts[2].Bytes != int64(6*len(wire(deep))) {
		t.Errorf("%s", parts(m))
	}
}

func TestSection(t *testing.T) {
	c := conversation("top", "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n")
	c.Env.Hint = decoders.HintMail{Via: "pop3", Section: "TOP 1"}
	tape := decodertest.Run(t, Proto, c)
	if len(tape.Records) != 1 || decodertest.Of[*events.MailMessage](tape)[0].Section != "TOP 1" {
		t.Error(tape.Records)
	}
	// A partial fetch may end within a line: what is left of it says nothing.
	c = conversation("partial", "Subject: x\nContent-Transfer-Encoding: base6")
	c.Env.Hint = decoders.HintMail{Via: "imap", Section: "BODY[]<0>"}
	if tape = decodertest.Run(t, Proto, c); len(tape.Records) != 1 || len(decodertest.Of[*events.MailMessage](tape)[0].Headers) != 1 {
		t.Error(tape.Records)
	}
	c = conversation("body", "Subject: x\n\nx\n")
	c.Env.Hint = decoders.HintMail{Via: "imap", Section: "BODY[1]", NoHeader: true}
	if m := read(t, c); len(m.Headers) != 0 || m.Parts[0].Bytes != 17 {
		t.Errorf("%+v", m)
	}
}

func TestEncodedWords(t *testing.T) {
	for in, want := range map[string]string{
		// RFC 2047 section 8
		"=?ISO-8859-1?Q?a?=":                                    "a",
		"=?ISO-8859-1?Q?a?= b":                                  "a b",
		"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=":                 "ab",
		"=?ISO-8859-1?Q?a?=   =?ISO-8859-1?Q?b?=":               "ab",
		"=?ISO-8859-1?Q?a_b?=":                                  "a b",
		"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=":                "a b",
		"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>":         "Keith Moore <moore@cs.utk.edu>",
		"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>": "Keld Jørn Simonsen <keld@dkuug.dk>",
		"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=":     "If you can read this yo",
		"=?US-ASCII*EN?Q?Keith_Moore?=":                         "Keith Moore",
		"\"=?utf-8?q?J=C3=BCrgen?=\" <j@x>":                     "\"Jürgen\" <j@x>",
		"=?utf-8?B?4pyT?=":                                      "✓",
		"=?utf-8?Q?=E2=9C?= =?utf-8?Q?=93?=":                    "✓",
		"=?gb2312?B?1tDOxA==?=":                                 "中文",
		"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=":                    "日本",
		"=?koi8-r?Q?=F0=D2=C9?=":                                "При",
		"=?windows-1251?Q?=CF?=":                                "П",
		"=?x-unknown-charset?Q?a?=":                             "=?x-unknown-charset?Q?a?=",
		"=?utf-8?X?a?=":                                         "=?utf-8?X?a?=",
		"=?utf-8?Q?a":                                           "=?utf-8?Q?a",
		"=?":                                                    "=?",
		"a =? b":                                                "a =? b",
		"raw \xe9":                                              "raw é",
		"raw é":                                                 "raw é",
		"=?utf-8?Q??=":                                          "",
		"=?iso-8859-1?B?5SDpIO4g+CA=?= =?iso-8859-1?Q?=FC?= 5spaces": "å é î ø ü 5spaces",
	} {
		if got := decodeText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	for _, x := range []struct{ field, name, want string }{
		{`text/plain; charset=us-ascii (Plain text)`, "charset", "us-ascii"},
		{`text/plain; charset="us-ascii"`, "charset", "us-ascii"},
		{`multipart/mixed; boundary="gc0pJq0M:08jU534c0p"`, "boundary", "gc0pJq0M:08jU534c0p"},
		{`multipart/mixed; boundary="a;b\"c"`, "boundary", `a;b"c`},
		{`multipart/mixed; BOUNDARY = a`, "boundary", "a"},
		{`multipart/mixed;;boundary=a;`, "boundary", "a"},
		{`attachment; filename="C:\new\x.txt"`, "filename", `C:\new\x.txt`},
		{`attachment; filename=a b.txt`, "filename", "a b.txt"},
		{`attachment; filename="=?utf-8?B?4pyT?=.txt"`, "filename", "✓.txt"},
		// RFC 2231
		{`message/external-body; URL*0="ftp://";URL*1="cs.utk.edu/"`, "url", "ftp://cs.utk.edu/"},
		{`application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A`, "title", "This is ***fun***"},
		{`application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn't it!"`, "title", "This is even more ***fun*** isn't it!"},
		{`attachment; filename*1=b; filename*0=a; filename=old`, "filename", "ab"},
		{`attachment; filename*=iso-8859-1''%e9.txt; filename="e.txt"`, "filename", "é.txt"},
		{`attachment; filename*=broken%zz`, "filename", "broken%zz"},
		{`attachment; filename*99999=a`, "filename", ""},
	} {
		_, ps := parseParams(x.field)
		if got := ps.text(x.name); got != x.want {
			t.Errorf("%s: %q, want %q", x.field, got, x.want)
		}
	}
}

func FuzzMail(f *testing.F) {
	var cs []decodertest.Conversation
	for _, x := range cases {
		cs = append(cs, conversation(x.name, x.text))
	}
	decodertest.Fuzz(f, Proto, cs...)
}
