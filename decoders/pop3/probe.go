package pop3

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: a status line with text is certain ("+OK" alone is what Redis and
// NATS say, "-ERR" what Redis says too), and so are the commands that no
// other protocol has. USER, PASS, LIST, RETR and others are of FTP too.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	line, whole := head, false
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		line, whole = trim(head[:i+1]), true
	}
	if len(line) > 512 { // RFC 2449 section 4
		return decoders.No, from
	}
	for _, b := range line {
		if b < ' ' && b != '\t' && b != '\r' || b == 0x7f {
			return decoders.No, from
		}
	}
	if len(line) == 0 {
		return decoders.No, from
	}
	if line[0] == '+' || line[0] == '-' {
		return probeReply(from, line, whole)
	}
	return probeCommand(from, line, whole)
}

func probeReply(from events.Dir, line []byte, whole bool) (decoders.Verdict, events.Dir) {
	if !whole {
		if isStatus(line) || partStatus(line) {
			return decoders.Maybe, from
		}
		return decoders.No, from
	}
	if rest, ok := bytes.CutPrefix(line, []byte("+OK ")); ok && len(bytes.TrimSpace(rest)) > 0 {
		return decoders.Yes, events.FromServer
	}
	if string(line) == "+OK" || bytes.HasPrefix(line, []byte("+OK")) && line[3] == ' ' || bytes.HasPrefix(line, []byte("-ERR ")) || string(line) == "-ERR" {
		return decoders.Maybe, events.FromServer
	}
	return decoders.No, from
}

func probeCommand(from events.Dir, line []byte, whole bool) (decoders.Verdict, events.Dir) {
	word, args, _ := bytes.Cut(line, []byte(" "))
	if len(word) > maxVerb {
		return decoders.No, from
	}
	verb := string(bytes.ToUpper(word))
	if !whole {
		for _, v := range known {
			if len(verb) <= len(v) && v[:len(verb)] == verb {
				return decoders.Maybe, from
			}
		}
		return decoders.No, from
	}
	if _, ok := verbs[verb]; !ok {
		return decoders.No, from
	}
	args = bytes.TrimSpace(args)
	switch verb {
	case "CAPA", "STLS":
		if len(args) == 0 {
			return decoders.Yes, events.FromClient
		}
		return decoders.No, from
	case "UIDL":
		if number(args) || len(args) == 0 {
			return decoders.Yes, events.FromClient
		}
		return decoders.No, from
	case "TOP":
		a, b, _ := bytes.Cut(args, []byte(" "))
		if number(a) && number(bytes.TrimSpace(b)) {
			return decoders.Yes, events.FromClient
		}
		return decoders.No, from
	case "APOP":
		if i := bytes.LastIndexByte(args, ' '); i > 0 && hexDigest(args[i+1:]) {
			return decoders.Yes, events.FromClient
		}
		return decoders.No, from
	}
	return decoders.Maybe, from
}

// known are the keys of verbs, in an order.
var known = [...]string{"USER", "PASS", "APOP", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "TOP", "UIDL", "QUIT", "CAPA", "STLS", "AUTH", "UTF8", "LANG", "LAST", "RPOP"}

func number(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// hexDigest: MD5 in 32 hexadecimal digits (RFC 1939 section 7).
func hexDigest(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return len(b) == 32
}
