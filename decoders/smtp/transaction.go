package smtp

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
)

// transaction is the envelope of the next message (RFC 5321 section 3.3).
type transaction struct {
	id       uint32
	begun    bool // MAIL was read
	torn     bool // a part of it may be missing
	from     string
	to       []recipient
	full     bool // mail-recipients was told
	accepted int  // RCPTs that were answered with 2xx, for LMTP
}

type recipient struct {
	address string
	refused bool
}

// start begins a transaction with the argument of MAIL.
func (t *transaction) start(args string) {
	*t = transaction{id: t.id + 1, begun: true, to: t.to[:0], accepted: t.accepted}
	t.from = address(args, "FROM:")
}

// end: the message was sent, or nothing will come of it. The accepted ones
// stay until the next MAIL is answered: LMTP answers once for each of them.
func (t *transaction) end() {
	*t = transaction{id: t.id, to: t.to[:0], accepted: t.accepted}
}

// add adds the argument of RCPT; -1: there is no room.
func (t *transaction) add(args string, max int, out decoders.Sink) (index int) {
	if len(t.to) >= max {
		if !t.full {
			t.full = true
			out.Limit("mail-recipients", max, "recipients beyond are not listed", 0)
		}
		return -1
	}
	t.to = append(t.to, recipient{address: address(args, "TO:")})
	return len(t.to) - 1
}

// answered takes the reply to MAIL or RCPT.
func (t *transaction) answered(e *entry, code int) {
	ok := code/100 == 2
	switch {
	case e.kind == toMail && ok:
		t.accepted = 0
	case e.kind == toRecipient && ok:
		t.accepted++
	case e.kind == toRecipient && e.tx == t.id && e.index >= 0 && e.index < len(t.to):
		t.to[e.index].refused = true
	}
}

// recipients are those that were not refused so far.
func (t *transaction) recipients() []string {
	var list []string
	for _, r := range t.to {
		if !r.refused {
			list = append(list, r.address)
		}
	}
	return list
}

// address is the mailbox in the argument of MAIL or RCPT (RFC 5321 section
// 4.1.2), without its brackets and without a source route; blanks before it,
// and no brackets, are seen in the wild.
func address(args, keyword string) string {
	if len(args) >= len(keyword) && strings.EqualFold(args[:len(keyword)], keyword) {
		args = args[len(keyword):]
	}
	args = strings.TrimLeft(args, " \t")
	if !strings.HasPrefix(args, "<") {
		a, _, _ := strings.Cut(args, " ")
		return a
	}
	args = args[1:]
	quoted := false
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '>':
			if !quoted {
				args = args[:i]
			}
		}
	}
	if strings.HasPrefix(args, "@") {
		if _, a, ok := strings.Cut(args, ":"); ok {
			return a
		}
	}
	return args
}
