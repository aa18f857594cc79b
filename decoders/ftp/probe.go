package ftp

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// longestProbed is how much of a line without an end may still be FTP.
const longestProbed = 512

// probe: replies and commands that no other protocol has are certain. What
// SMTP, POP3 or NNTP may say too (220, USER, QUIT) is not; what only they say
// is certainly not FTP.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	if len(head) == 0 {
		return decoders.Maybe, from
	}
	if head[0] >= '1' && head[0] <= '6' {
		return probeReplies(head), events.FromServer
	}
	b := head
	for len(b) > 0 && b[0] >= telnetSE {
		b = b[1:]
	}
	if len(b) == 0 {
		return decoders.Maybe, from
	}
	return probeCommands(b), events.FromClient
}

// eachLine calls f with the lines of b until it is sure. What is without a
// line end must be short and text.
func eachLine(b []byte, f func(line []byte, whole bool) decoders.Verdict) decoders.Verdict {
	for len(b) > 0 {
		nl := bytes.IndexByte(b, '\n')
		if nl < 0 {
			if len(b) > longestProbed {
				return decoders.No
			}
			return f(b, false)
		}
		if nl > longestProbed {
			return decoders.No
		}
		line := b[:nl]
		b = b[nl+1:]
		if v := f(bytes.TrimSuffix(line, []byte{'\r'}), true); v != decoders.Maybe {
			return v
		}
	}
	return decoders.Maybe
}

// probeReplies looks at what may be replies.
func probeReplies(b []byte) decoders.Verdict {
	first, multi := 0, 0
	return eachLine(b, func(line []byte, whole bool) decoders.Verdict {
		code, text, more, ok := splitReply(line)
		if multi != 0 {
			if whole && ok && code == multi && !more {
				multi = 0
			}
			if first == 220 {
				return greeting(line)
			}
			return decoders.Maybe
		}
		if !ok {
			if whole || len(line) > 3 {
				return decoders.No
			}
			for _, c := range line {
				if !digit(c) {
					return decoders.No
				}
			}
			return decoders.Maybe
		}
		if !whole {
			return printable(text)
		}
		if more {
			multi = code
		}
		v := probeReply(first, code, string(text))
		if first == 0 {
			first = code
		}
		return v
	})
}

// greeting looks at a line of 220.
func greeting(line []byte) decoders.Verdict {
	s := strings.ToUpper(string(line))
	if strings.Contains(s, "SMTP") {
		return decoders.No
	}
	if strings.Contains(s, "FILEZILLA") || strings.Contains(s, "SERV-U") {
		return decoders.Yes
	}
	for rest := s; ; {
		i := strings.Index(rest, "FTP")
		if i < 0 {
			return printable(line)
		}
		rest = rest[i+3:]
		// In a host name it says nothing: ftp.example.com may have mail.
		if strings.HasPrefix(rest, "-") || len(rest) > 1 && rest[0] == '.' && rest[1] > ' ' {
			continue
		}
		return decoders.Yes
	}
}

// probeReply judges one reply line; first is the code of the first one.
func probeReply(first, code int, text string) decoders.Verdict {
	lower := strings.ToLower(text)
	has := func(words ...string) decoders.Verdict {
		for _, w := range words {
			if strings.Contains(lower, w) {
				return decoders.Yes
			}
		}
		return decoders.Maybe
	}
	if strings.Contains(lower, "smtp") {
		return decoders.No
	}
	if first == 220 {
		// The second answer of SMTP is 250, or a refusal.
		switch code {
		case 331, 332, 230, 232, 227, 229, 215, 257:
			return decoders.Yes
		case 250, 354, 334:
			return decoders.No
		}
	}
	switch code {
	case 220:
		if first == 0 {
			return greeting([]byte(text))
		}
	case 331, 332:
		return has("password", "user", "login", "account", "email", "e-mail")
	case 230:
		return has("logged in", "login", "logged on", "user", "anonymous", "welcome")
	case 227:
		if sixNumbers(text).ok && strings.Contains(lower, "passive") {
			return decoders.Yes
		}
	case 229:
		if strings.Contains(lower, "passive") && extendedPassive(text).ok {
			return decoders.Yes
		}
	case 150, 125:
		return has("data connection", "mode data", "transfer")
	case 226:
		return has("transfer", "data connection", "abort")
	case 200:
		return has("type set", "port command", "eprt command", "mode set", "prot command", "pbsz")
	case 215:
		return has("unix type", "windows_nt", "os/400", "vms", "mvs")
	case 211:
		return has("extensions supported", "features")
	case 250:
		return has("cwd command", "directory successfully changed", "directory changed")
	case 257:
		if strings.HasPrefix(text, `"/`) {
			return decoders.Yes
		}
	case 350:
		return has("restarting at", "rnto")
	case 425, 426:
		return has("data connection", "transfer")
	case 530:
		return has("login incorrect", "not logged in", "user and pass", "cannot log in")
	}
	return printable([]byte(text))
}

// printable: text of a reply is text.
func printable(b []byte) decoders.Verdict {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != 0x1b || c == 0x7f {
			return decoders.No
		}
	}
	return decoders.Maybe
}

// probeCommands looks at what may be commands.
func probeCommands(b []byte) decoders.Verdict {
	return eachLine(b, func(line []byte, whole bool) decoders.Verdict {
		line = plainText(line)
		if !whole {
			if n := min(len(line), 4); n > 0 {
				for i, c := range line[:n] {
					if (c|0x20 < 'a' || c|0x20 > 'z') && !(i == 3 && (c == ' ' || c == '\r')) {
						return decoders.No
					}
				}
			}
			return printable(line)
		}
		if len(line) == 0 {
			return decoders.Maybe
		}
		n, ok := verbLen(line)
		if !ok || printable(line) == decoders.No {
			return decoders.No
		}
		var verb [longestVerb]byte
		for i := range n {
			verb[i] = line[i] &^ 0x20
		}
		return probeCommand(verb[:n], line[min(n+1, len(line)):])
	})
}

// probeCommand judges one command.
func probeCommand(verb, text []byte) decoders.Verdict {
	is := func(ok bool) decoders.Verdict {
		if ok {
			return decoders.Yes
		}
		return decoders.No
	}
	switch string(verb) {
	case "USER", "PASS", "QUIT", "NOOP", "HELP", "STAT", "LIST", "HOST", "REST", "SITE":
		return decoders.Maybe
	case "PASV", "SYST", "CDUP", "XCUP", "XPWD", "ABOR", "REIN", "LPSV":
		return is(len(text) == 0)
	case "PWD", "MLSD", "MLST", "NLST", "EPSV", "FEAT", "CWD", "STOU":
		return decoders.Yes
	case "XCWD", "SIZE", "MDTM", "STOR", "APPE", "RNFR", "RNTO", "MKD", "XMKD", "RMD", "XRMD":
		return is(len(text) > 0)
	case "AUTH", "OPTS", "DELE", "CLNT", "MODE", "RETR", "PORT", "EPRT", "LPRT", "TYPE", "PROT", "PBSZ":
	default:
		return decoders.No
	}
	args := string(text)
	sure := false
	switch string(verb) {
	case "PORT":
		return is(sixNumbers(args).ok)
	case "EPRT":
		return is(delimited(args).ok)
	case "LPRT":
		return is(longAddress(args).ok)
	case "TYPE":
		return is(len(args) > 0 && strings.ContainsAny(args[:1], "AIELaiel") && (len(args) == 1 || args[1] == ' '))
	case "PROT":
		return is(len(args) == 1)
	case "PBSZ":
		return is(allDigits(args))
	case "AUTH": // SMTP and POP3 have other mechanisms
		sure = wantsTLS(args)
	case "OPTS":
		sure = strings.HasPrefix(strings.ToUpper(args), "UTF")
	case "DELE", "RETR": // POP3 has numbers here
		sure = args != "" && !allDigits(args)
	case "CLNT":
		sure = args != ""
	case "MODE":
		sure = args == "S" || args == "B" || args == "C" || args == "Z"
	}
	if sure {
		return decoders.Yes
	}
	return decoders.Maybe
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return s != ""
}
