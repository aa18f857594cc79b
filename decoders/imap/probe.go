package imap

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: a greeting, a response with data that only IMAP has, or a tag with a
// command that only IMAP has. ACAP (RFC 2244) has the same forms and says so.
// A stream that is joined midway may begin with lines that prove nothing.
func probe(from events.Dir, head []byte) (v decoders.Verdict, speaker events.Dir) {
	v, speaker = probeLine(from, head)
	for range 16 {
		i := bytes.IndexByte(head, '\n')
		if v != decoders.Maybe || i < 0 || i+1 == len(head) {
			break
		}
		head = head[i+1:]
		next, who := probeLine(from, head)
		if next == decoders.No {
			break
		}
		if next == decoders.Yes {
			v, speaker = next, who
		}
	}
	return v, speaker
}

func probeLine(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	line, whole := head, false
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		line, whole = trim(head[:i+1]), true
	}
	for i, b := range line {
		if b < ' ' && b != '\t' && !(b == '\r' && i == len(line)-1) {
			return decoders.No, from
		}
	}
	switch {
	case len(line) == 0:
		return decoders.No, from
	case line[0] == '*':
		return probeResponse(from, line, whole)
	case bytes.HasPrefix(line, []byte("+ ")) && whole:
		return decoders.Maybe, events.FromServer
	case whole && isDone(line):
		return decoders.Maybe, events.FromClient
	case !whole:
		tag, rest, more := bytes.Cut(line, space)
		if !isTag(tag) || more && len(rest) > 0 && !startsVerb(rest) {
			return decoders.No, from
		}
		return decoders.Maybe, from
	}
	tag, rest, _ := bytes.Cut(line, space)
	word, args := cutWord(rest)
	if !isTag(tag) || len(tag) > 32 {
		return decoders.No, from
	}
	if s := statusOf(word); s == "OK" || s == "NO" || s == "BAD" {
		return decoders.Maybe, events.FromServer
	}
	v, ok := verbs[string(bytes.ToUpper(word[:min(len(word), 16)]))]
	switch {
	case !ok || bytes.Contains(args, []byte("HTTP/")):
		return decoders.No, from
	case v.args == oneWord:
		return commandWithWord(v.name, args), events.FromClient
	case v.args.fits(args) && (bytes.ContainsAny(tag, "0123456789") || oneOfAKind(v.name)):
		return decoders.Yes, events.FromClient
	case v.args.fits(args):
		return decoders.Maybe, events.FromClient // "USER noop", "NICK check"
	case v.name == "LOGIN" || v.name == "SEARCH" || v.name == "ID" || v.args == quoted || v.args == uid:
		return decoders.Maybe, events.FromClient
	}
	return decoders.No, from
}

// oneOfAKind reports whether nobody but an IMAP client says this behind any
// other word.
func oneOfAKind(verb string) bool {
	switch verb {
	case "CAPABILITY", "STARTTLS", "NAMESPACE", "UNSELECT", "FETCH", "UID", "APPEND":
		return true
	}
	return false
}

func commandWithWord(verb string, args []byte) decoders.Verdict {
	w, rest := cutWord(args)
	switch {
	case verb == "COMPRESS" && bytes.EqualFold(args, []byte("DEFLATE")):
		return decoders.Yes
	case verb == "AUTHENTICATE" && isVerb(w) && bytes.IndexByte(rest, ' ') < 0:
		return decoders.Yes
	}
	return decoders.Maybe
}

// startsVerb reports whether b may be the beginning of a command's name, or a
// known name with more behind it.
func startsVerb(b []byte) bool {
	w, _, more := bytes.Cut(b, space)
	up := bytes.ToUpper(w[:min(len(w), 16)])
	if more {
		_, ok := verbs[string(up)]
		return ok || statusOf(w) != ""
	}
	up = bytes.TrimSuffix(up, []byte("\r"))
	if statusOf(up) != "" {
		return true
	}
	for v := range verbs { // the order does not matter: any will do
		if len(up) <= len(v) && v[:len(up)] == string(up) {
			return true
		}
	}
	return false
}

func probeResponse(from events.Dir, line []byte, whole bool) (decoders.Verdict, events.Dir) {
	if len(line) > 1 && line[1] != ' ' {
		return decoders.No, from
	}
	if !whole {
		return decoders.Maybe, from
	}
	h, ok := parseHead(line)
	if !ok {
		return decoders.No, from
	}
	up := bytes.ToUpper(h.text)
	switch {
	case bytes.HasPrefix(up, []byte("(IMPLEMENTATION")) || h.name == "ACAP":
		return decoders.No, from
	case h.status == "OK" || h.status == "PREAUTH" || h.status == "BYE":
		if len(h.text) > 0 && bytes.HasPrefix(line[len("* "):], []byte(h.status)) { // not "* ok, and then"
			return decoders.Yes, events.FromServer
		}
		return decoders.Maybe, events.FromServer
	case h.status != "":
		return decoders.Maybe, events.FromServer
	}
	torn := call{s: new(stream), d: &side{torn: true}}
	if torn.sureResponse(line) {
		return decoders.Yes, events.FromServer
	}
	return decoders.Maybe, events.FromServer
}
