package ftp

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

func TestProbe(t *testing.T) {
	const yes, maybe, no = decoders.Yes, decoders.Maybe, decoders.No
	for _, x := range []struct {
		from events.Dir
		head string
		want decoders.Verdict
	}{
		{fromServer, "220 Chris Sanders FTP Server\r\n", yes},
		{fromServer, "220 (vsFTPd 3.0.3)\r\n", yes},
		{fromServer, "220-FileZilla Server version 0.9.41 beta\r\n", yes},
		{fromServer, "220-Welcome\r\n220 This is ftp\r\n", yes},
		{fromServer, "220 ready\r\n331 who?\r\n", yes},
		{fromServer, "220-a\r\n b\r\n220 ready\r\n230 in\r\n", yes},
		{fromServer, "331 Password required for anna.\r\n", yes},
		{fromServer, "227 Entering Passive Mode (10,0,0,1,4,5)\r\n", yes},
		{fromServer, "229 Entering Extended Passive Mode (|||6446|)\r\n", yes},
		{fromServer, "150 Opening BINARY mode data connection for x\r\n", yes},
		{fromServer, "226 Transfer complete.\r\n", yes},
		{fromServer, "220 hello\r\n", maybe},
		{fromServer, "220 ftp.example.com ready\r\n", maybe},
		{fromServer, "220 hello\r\n530 no\r\n", maybe},
		{fromServer, "22", maybe},
		{fromServer, "220 mail.example.com ESMTP Postfix\r\n", no},
		{fromServer, "220 ftp.example.com ESMTP (no FTP here)\r\n", no},
		{fromServer, "220-mail\r\n220 SMTP service\r\n", no},
		{fromServer, "220 mail ready\r\n250 hello\r\n", no},
		{fromServer, "200 news.example.com InterNetNews NNRP server\r\n", maybe},
		{fromServer, "+OK POP3\r\n", no},
		{fromServer, "* OK IMAP4\r\n", no},
		{fromServer, "HTTP/1.1 200 OK\r\n", no},
		{fromServer, "22\x00\x01", no},
		{fromServer, "123456 is a number\r\n", no},
		{fromClient, "USER anna\r\n", maybe},
		{fromClient, "USER anna\r\nPASS x\r\n", maybe},
		{fromClient, "USER anna\r\nPASS x\r\nSYST\r\n", yes},
		{fromClient, "USER anna\r\nPASS x\r\nSTAT\r\n", maybe},
		{fromClient, "USER anna\r\nPASS x\r\nUIDL\r\n", no},
		{fromClient, "RETR 1\r\n", maybe},
		{fromClient, "RETR a.txt\r\n", yes},
		{fromClient, "PASV\r\n", yes}, {fromClient, "EPSV\r\n", yes}, {fromClient, "syst\r\n", yes},
		{fromClient, "TYPE I\r\n", yes}, {fromClient, "TYPE text\r\n", no},
		{fromClient, "PORT 10,0,0,1,4,5\r\n", yes}, {fromClient, "PORT 80\r\n", no},
		{fromClient, "EPRT |2|::1|5282|\r\n", yes},
		{fromClient, "AUTH TLS\r\n", yes}, {fromClient, "AUTH PLAIN\r\n", maybe},
		{fromClient, "\xff\xf4\xff\xf2ABOR\r\n", yes},
		{fromClient, "EHLO x\r\n", no}, {fromClient, "CAPA\r\n", no}, {fromClient, "APOP a b\r\n", no},
		{fromClient, "GET / HTTP/1.1\r\n", no}, {fromClient, "a1 LOGIN x y\r\n", no},
		{fromClient, "\x16\x03\x01\x02\x00\x01", no}, {fromClient, "SSH-2.0-x\r\n", no},
		{fromClient, "\x13BitTorrent protocol", no}, {fromClient, "", maybe},
	} {
		v, who := probe(x.from, []byte(x.head))
		if v != x.want {
			t.Errorf("%q: %v, want %v", x.head, v, x.want)
		}
		// The same bytes the other way round: the content tells who spoke.
		w, other := probe(x.from.Other(), []byte(x.head))
		if w != v || v == yes && (who != x.from || other != x.from) {
			t.Errorf("%q: speaker %v or %v", x.head, who, other)
		}
		// No prefix is surer of the opposite.
		for i := range len(x.head) {
			p, _ := probe(x.from, []byte(x.head[:i]))
			if v == yes && p == no || v == no && p == yes {
				t.Errorf("%q: %v, but %v of %q", x.head, v, p, x.head[:i])
			}
		}
	}
}
