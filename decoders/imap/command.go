package imap

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// kind says what a command does to the conversation.
type kind uint8

const (
	plain          kind = iota
	authenticating      // lines of the client up to the answer are steps
	idling              // "DONE" ends it
	securing            // STARTTLS
	compressing         // COMPRESS DEFLATE
	appending           // its literals are messages
	loggingIn           // its second argument is a secret
)

// command is one that was not answered yet.
type command struct {
	tag, verb string
	kind      kind
	frame     uint64 // of its event; 0: it is not whole
}

// commands are those in progress: there may be several (RFC 3501 section
// 5.5), and their tags tell which is answered.
type commands struct {
	list []*command
	max  int
	told bool
}

// add notes a command; full: the oldest had to be forgotten.
func (o *commands) add(p *command) (full bool) {
	if len(o.list) >= o.max {
		o.list = o.list[:copy(o.list, o.list[1:])]
		full = !o.told
		o.told = true
	}
	o.list = append(o.list, p)
	return full
}

// take removes the command with this tag; nil: there is none.
func (o *commands) take(tag string) *command {
	for i, p := range o.list {
		if p.tag == tag {
			o.list = append(o.list[:i], o.list[i+1:]...)
			return p
		}
	}
	return nil
}

func (o *commands) has(tag []byte) bool {
	for _, p := range o.list {
		if p.tag == string(tag) {
			return true
		}
	}
	return false
}

// mode says how the next lines of the client are to be read.
type mode uint8

const (
	tagged    mode = iota // commands
	steps                 // AUTHENTICATE: base64, or "*"
	idle                  // IDLE: "DONE"
	hello                 // STARTTLS is not answered: a TLS record waits
	undecided             // the answer to STARTTLS was lost: the bytes must tell
)

type clientSide struct {
	mode mode
	now  *command // the one being read
	sync bool     // its literal waits for the server's leave
	// doubt: the server's answer to that was lost.
	doubt bool
	// unsure: and so its end may be elsewhere.
	unsure bool
	tags   int // length of the latest tag
}

// lostAnswers: what the server said may have been the answer to STARTTLS.
func (d *clientSide) lostAnswers() {
	if d.mode == hello {
		d.mode = undecided
	}
}

// tlsRecord is the type of a TLS record with a handshake message (RFC 8446
// section 5.1). No line begins so.
const tlsRecord = 0x16

// secured reports whether the next bytes are TLS: they wait for the answer to
// STARTTLS, or there is none to wait for.
func (c *call) secured() bool {
	s, d := c.s, c.d
	if d.z != nil || d.build.active || s.client.mode < hello || c.rest()[0] != tlsRecord {
		return false
	}
	if s.client.mode == undecided {
		c.change()
	}
	return true
}

// change hands the stream over to TLS.
func (c *call) change() {
	c.s.abandon()
	c.switched = true
	c.out.Switch(decoders.Next{Protocol: "tls"})
}

// beginCommand reads the first line of a command, or a line that is none; ok
// is false where nothing more is to be done with it.
func (c *call) beginCommand(line []byte) (ok bool) {
	s := c.s
	switch s.client.mode {
	case steps:
		if bytes.IndexByte(line, ' ') < 0 {
			e := &events.IMAPCommand{FirstFrame: c.d.build.first}
			switch {
			case s.env.ShowSecrets || string(line) == "*" || len(line) == 0:
				e.Args = string(line)
			default:
				e.Args = decoders.Redacted
			}
			s.tell(c.d, e, c.out)
			return false
		}
		s.client.mode = tagged
	case idle:
		s.client.mode = tagged
	}
	if isDone(line) { // of an IDLE that was perhaps not captured
		s.tell(c.d, &events.IMAPCommand{Verb: "DONE", FirstFrame: c.d.build.first}, c.out)
		return false
	}
	if len(line) == 0 {
		c.strange("an empty line")
		return false
	}
	tag, rest, _ := bytes.Cut(line, space)
	word, args := cutWord(rest)
	if !isTag(tag) || !isVerb(word) {
		c.strange(noLine[0])
		return false
	}
	p := &command{tag: string(tag)}
	p.verb, p.kind = verbOf(word)
	if p.verb == "UID" {
		if sub, more := cutWord(args); isVerb(sub) {
			p.verb, _ = verbOf(sub)
			p.verb, args = "UID "+p.verb, more
		}
	}
	if p.kind == compressing && !strings.EqualFold(string(bytes.TrimSpace(args)), "DEFLATE") {
		p.kind = plain
	}
	s.client.now, s.client.tags = p, len(p.tag)
	if s.open.add(p) {
		c.out.Limit("pending-requests", s.open.max, "the oldest command is forgotten", 0)
	}
	c.more(args)
	return true
}

// finishCommand tells the command. frame 0: it broke off.
func (s *stream) finishCommand(out decoders.Sink, frame uint64) {
	d := &s.sides[events.FromClient]
	p := s.client.now
	s.client.now, s.client.sync, s.client.doubt = nil, false, false
	d.build.active = false
	if s.client.unsure {
		s.client.unsure = false
		d.torn, d.state = true, seeking
	}
	if p == nil {
		return
	}
	p.frame = frame
	s.tell(d, &events.IMAPCommand{Tag: p.tag, Verb: p.verb, Args: s.redact(p, string(d.build.text)), Literals: d.build.literals, FirstFrame: d.build.first}, out)
	d.build.literals = nil
	if frame == 0 || !s.open.has([]byte(p.tag)) {
		return // it was answered before it was whole, or will not be understood
	}
	if s.client.mode == undecided {
		s.client.mode = tagged
	}
	switch p.kind {
	case authenticating:
		s.client.mode = steps
	case idling:
		s.client.mode = idle
	case securing:
		if d.z == nil {
			s.client.mode = hello
		}
	case compressing:
		if d.z == nil {
			d.state = waiting
		}
	}
}

// redact replaces what is secret in the arguments of a command.
func (s *stream) redact(p *command, args string) string {
	if s.env.ShowSecrets {
		return args
	}
	switch p.kind {
	case loggingIn: // userid SP password (RFC 3501 section 6.2.3)
		end := strings.IndexByte(args, ' ')
		if strings.HasPrefix(args, `"`) {
			end = endOfQuoted([]byte(args), 0)
		}
		if end >= 0 && end < len(args) && strings.TrimSpace(args[end:]) != "" {
			return args[:end] + " " + decoders.Redacted
		}
	case authenticating: // mechanism SP initial response (RFC 4959)
		if mechanism, initial, ok := strings.Cut(args, " "); ok && initial != "=" && initial != "" {
			return mechanism + " " + decoders.Redacted
		}
	}
	return args
}

var space = []byte(" ")

// cutWord is b up to the first space, and what is behind it.
func cutWord(b []byte) (word, rest []byte) {
	word, rest, _ = bytes.Cut(b, space)
	return word, rest
}

func isDone(line []byte) bool { return len(line) == 4 && bytes.EqualFold(line, []byte("DONE")) }

// isTag: any characters of an astring but "+" (RFC 3501 section 9).
func isTag(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\+`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 256
}

// isVerb: letters, and what extensions have in their names.
func isVerb(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 64
}

// verbOf is the name of a command in upper case.
func verbOf(word []byte) (verb string, k kind) {
	v, ok := verbs[string(word)]
	if !ok {
		up := bytes.ToUpper(word)
		if v, ok = verbs[string(up)]; !ok {
			return string(up), plain
		}
	}
	return v.name, v.kind
}

type verb struct {
	name string
	kind kind
	args shape
}

// shape is what the arguments of a command must look like where it is not
// sure that a line is a command.
type shape uint8

const (
	nothing shape = iota
	quoted        // begin with a quoted string or a literal, or are INBOX
	set           // begin with a sequence set
	listed        // begin with "("
	oneWord       // are one word, or two
	uid           // another command and its arguments
	never         // are no proof of anything
)

var verbs = func() map[string]verb {
	m := map[string]verb{}
	add := func(k kind, args shape, names ...string) {
		for _, n := range names {
			m[n] = verb{n, k, args}
		}
	}
	// RFC 3501 section 6, RFC 9051 section 6
	add(plain, nothing, "CAPABILITY", "NOOP", "LOGOUT", "CHECK", "CLOSE", "EXPUNGE", "UNSELECT", "NAMESPACE")
	add(securing, nothing, "STARTTLS")
	add(idling, nothing, "IDLE") // RFC 2177
	add(authenticating, oneWord, "AUTHENTICATE")
	add(loggingIn, quoted, "LOGIN")
	add(plain, oneWord, "ENABLE")
	add(plain, quoted, "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB", "STATUS")
	add(appending, quoted, "APPEND")
	add(plain, never, "SEARCH")
	add(plain, set, "FETCH", "STORE", "COPY", "MOVE")
	add(plain, uid, "UID")
	// Extensions
	add(compressing, oneWord, "COMPRESS")          // RFC 4978
	add(plain, listed, "ID", "SORT", "NOTIFY")     // RFC 2971, RFC 5256, RFC 5465
	add(plain, quoted, "XLIST", "RLIST", "RLSUB")  // once of Gmail; RFC 2193
	add(plain, quoted, "GETQUOTAROOT", "GETQUOTA") // RFC 9208
	add(plain, quoted, "SETQUOTA", "GETACL", "SETACL", "DELETEACL", "MYRIGHTS", "LISTRIGHTS", "GETMETADATA", "SETMETADATA", "GETANNOTATION")
	add(plain, never, "THREAD", "ESEARCH", "REPLACE", "UNAUTHENTICATE", "CONVERT", "RESETKEY", "GENURLAUTH", "URLFETCH", "LANGUAGE", "COMPARATOR", "CANCELUPDATE", "PROXYAUTH", "UNDELETE")
	return m
}()
