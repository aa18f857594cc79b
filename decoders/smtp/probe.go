package smtp

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: a greeting that names SMTP, a client that greets or names a sender,
// and replies that only SMTP has, are certain. A reply code alone may be FTP.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	if len(head) == 0 {
		return decoders.Maybe, from
	}
	if c := head[0]; c >= '2' && c <= '5' {
		return probeReply(from, head), events.FromServer
	}
	return probeCommand(from, head)
}

func probeReply(from events.Dir, head []byte) decoders.Verdict {
	for i, c := range head[:min(len(head), 4)] {
		if i == 3 && c != ' ' && c != '-' && c != '\r' || i < 3 && !digit(c) {
			return decoders.No
		}
	}
	line, whole := firstLine(head)
	if len(line) < 4 {
		return decoders.Maybe
	}
	code, _ := replyCode(line)
	if code == 0 {
		return decoders.No
	}
	text := strings.ToUpper(string(line[4:min(len(line), 512)]))
	switch code {
	case 220, 554, 421:
		if hasWord(text, "SMTP") || hasWord(text, "ESMTP") || hasWord(text, "LMTP") {
			return decoders.Yes
		}
		if whole && strings.Contains(text, "FTP") {
			return decoders.No
		}
	case 250:
		for _, l := range strings.Split(strings.ToUpper(string(head[:min(len(head), 2048)])), "\n") {
			l = strings.TrimRight(l, "\r")
			if len(l) > 4 && strings.HasPrefix(l, "250") && keyword(l[4:]) {
				return decoders.Yes
			}
		}
	}
	if e := enhanced(code, []string{string(line[4:])}); whole && e != "" && (code != 220 || e == "2.0.0") && code != 200 {
		return decoders.Yes
	}
	return decoders.Maybe
}

// keyword: a line of the reply to EHLO that no other protocol has.
func keyword(l string) bool {
	word, _, _ := strings.Cut(l, " ")
	switch word {
	case "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8", "BINARYMIME", "DSN", "STARTTLS", "ETRN":
		return true
	}
	return false
}

// hasWord: text has word, with no letter or digit beside it.
func hasWord(text, word string) bool {
	for off := 0; ; {
		i := strings.Index(text[off:], word)
		if i < 0 {
			return false
		}
		i += off
		off = i + len(word)
		if (i == 0 || !alphanumeric(text[i-1])) && (off == len(text) || !alphanumeric(text[off])) {
			return true
		}
	}
}

func alphanumeric(c byte) bool { return digit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// firstLine is the first line of b without its end, and whether it is whole.
func firstLine(b []byte) (line []byte, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, false
	}
	return trimCR(b[:i]), true
}

func probeCommand(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	// Most that is not text ends here.
	if c := head[0]; c != ' ' && c != '\t' && (c|0x20 < 'a' || c|0x20 > 'z') || len(head) > 1 && (head[1] >= 0x7f || head[1] < '\t') {
		return decoders.No, from
	}
	line, whole := firstLine(head)
	if len(line) > 2048 {
		return decoders.No, from
	}
	if !whole {
		if !plausible(line) {
			return decoders.No, from
		}
		return decoders.Maybe, events.FromClient
	}
	cmd, ok := parseCommand(line)
	if !ok || !cmd.known {
		return decoders.No, from
	}
	switch cmd.verb {
	case "EHLO", "HELO", "LHLO", "MAIL", "RCPT":
		if cmd.sure() {
			return decoders.Yes, events.FromClient
		}
	}
	return decoders.Maybe, events.FromClient
}
