package mail

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// null is a sink that keeps nothing.
type null struct{ n int }

func (s *null) Emit(events.Dir, events.Body)                { s.n++ }
func (s *null) Truncated(events.Dir, events.Body)           { s.n++ }
func (s *null) Switch(decoders.Next)                        {}
func (s *null) Open(decoders.Next) decoders.Feed            { return nil }
func (s *null) Expect(decoders.Expectation)                 {}
func (s *null) Limit(name string, v int, r string, n int64) {}

func env(hash bool) decoders.Env {
	l := events.DefaultLimits()
	all := events.SetOf(events.Kinds()...)
	return decoders.Env{Limits: &l, Want: &all, Hash: hash, Hint: decoders.HintMail{Via: "smtp"}}
}

// BenchmarkMessage is a message of two parts as mail programs write them.
func BenchmarkMessage(b *testing.B) {
	text := []byte(wire(`Received: from mail.example.com (mail.example.com [192.0.2.1])
 by mx.example.net with ESMTPS id 4ABC; Sat, 21 Nov 2026 10:00:00 +0000
From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>
To: Anna <anna@example.net>
Subject: Minutes of the meeting
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <1234@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="0000000000001234"

--0000000000001234
Content-Type: text/plain; charset="UTF-8"

Hello,
see you on Monday.

--0000000000001234
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<p>Hello,<br>see you on Monday.</p>

--0000000000001234--
`))
	e, out := env(false), new(null)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := Proto.Stream(e)
		if used, _, err := s.Data(decoders.Window{Bytes: text, Frame: 1}, out); used != len(text) || err != nil {
			b.Fatal(used, err)
		}
		s.End(events.FromClient, events.EndFIN, out)
	}
	if out.n < b.N {
		b.Fatal(out.n, b.N)
	}
}

// BenchmarkAttachment are packets inside a part.
func BenchmarkAttachment(b *testing.B) {
	line := bytes.Repeat([]byte("QUJD"), 19)
	for encoding, text := range map[string][]byte{
		"base64":           bytes.Repeat(append(line, "\r\n"...), 20)[:1448],
		"quoted-printable": bytes.Repeat([]byte("Some text that is written in Latin letters, with =E4 few =FCmlauts here. =\r\n"), 20)[:1448],
		"8bit":             bytes.Repeat([]byte("Some text that is written in Latin letters, with all lines like this one.\r\n"), 20)[:1448],
	} {
		for _, hash := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/hash=%v", encoding, hash), func(b *testing.B) {
				s, out := Proto.Stream(env(hash)), new(null)
				head := "Content-Type: multipart/mixed; boundary=\"0000000000001234\"\r\n\r\n--0000000000001234\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n"
				if _, _, err := s.Data(decoders.Window{Bytes: []byte(head), Frame: 1}, out); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if used, _, err := s.Data(decoders.Window{Bytes: text, Frame: 2}, out); used != len(text) || err != nil {
						b.Fatal(used, err)
					}
				}
			})
		}
	}
}

// Without a hash the bytes of a part take no memory.
func TestBulkAllocatesNothing(t *testing.T) {
	s, out := Proto.Stream(env(false)), new(null)
	_, _, _ = s.Data(decoders.Window{Bytes: []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"), Frame: 1}, out)
	text := bytes.Repeat([]byte("QUJDREVG\r\n"), 145)[:1448]
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Data(decoders.Window{Bytes: text, Frame: 2}, out) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
