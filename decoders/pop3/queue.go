package pop3

// kind says what a positive reply to a command is followed by.
type kind uint8

const (
	single  kind = iota // nothing
	list                // lines, then a line "."
	message             // a message, then a line "."
	auth                // an AUTH exchange, whose steps are answered with "+"
	stls                // TLS
	unknown             // a command that is in no RFC
	lost                // not captured: commands that nobody knows
)

// pending is a command without its reply.
type pending struct {
	verb    string
	section string // RETR: "", TOP: "TOP n"
	kind    kind
	frame   uint64
}

// queue pairs replies with commands: POP3 answers them in order, pipelined or
// not (RFC 2449 section 6.6). After loss it is not known which is answered,
// until the client speaks while nothing is open: nearly nobody pipelines.
type queue struct {
	list []pending
	max  int
	told bool
	// adrift: replies were lost, or answer commands that were. What the
	// server says is passed over until the client speaks.
	adrift bool
	// authLost: and there was an AUTH among them.
	authLost bool
}

// push notes a command; full: there are more than may be kept.
func (q *queue) push(p pending) (full bool) {
	if q.adrift {
		q.adrift, q.authLost = false, false
		q.list = q.list[:0]
	}
	if n := len(q.list); n > 0 && q.list[n-1].kind == lost {
		return false // nobody knows how many replies come before its own
	}
	if len(q.list) >= q.max {
		q.list[len(q.list)-1].kind = lost
		full = !q.told
		q.told = true
		return full
	}
	q.list = append(q.list, p)
	return false
}

// front is the command that the next reply answers; nil: none is open.
func (q *queue) front() *pending {
	if len(q.list) == 0 {
		return nil
	}
	return &q.list[0]
}

// last is the latest command that was not answered.
func (q *queue) last() *pending {
	if len(q.list) == 0 {
		return nil
	}
	return &q.list[len(q.list)-1]
}

// torn reports whether what is open is not known.
func (q *queue) torn() bool {
	p := q.last()
	return q.adrift || p != nil && p.kind == lost
}

// pop takes the front away.
func (q *queue) pop() {
	if q.list[0].kind == lost {
		q.adrift = true
		q.list = q.list[:0]
		return
	}
	q.list = q.list[:copy(q.list, q.list[1:])]
}

// hole says that commands may have been lost.
func (q *queue) hole() {
	if q.torn() {
		return
	}
	if len(q.list) >= q.max {
		q.list = q.list[:q.max-1]
	}
	q.list = append(q.list, pending{kind: lost})
}

// lostReplies says that replies may have been lost. inside: a multi-line
// reply goes on.
func (q *queue) lostReplies(inside bool) {
	if !inside || len(q.list) > 0 {
		q.adrift = true
	}
	for i := range q.list {
		q.authLost = q.authLost || q.list[i].kind == auth
	}
	q.list = q.list[:0]
}
