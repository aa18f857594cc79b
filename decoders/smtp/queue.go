package smtp

import "github.com/wiretale/wiretale/decoders"

// entry is something of the client's that waits for its reply.
type entry struct {
	verb  string
	frame uint64
	kind  kind
	tx    uint32 // toMail, toRecipient: the transaction
	torn  bool   // toMessage: how many recipients it has is not known
	index int    // toRecipient: in transaction.to; -1: not listed
}

// kind is what the reply to it means.
type kind uint8

const (
	toOther     kind = iota
	toMail           // MAIL
	toRecipient      // RCPT
	toData           // DATA
	toMessage        // a message, and BDAT with LAST
	toAuth           // AUTH and its steps
	toTLS            // STARTTLS
)

// queue are the entries in the order of the commands (RFC 2920), at most max.
type queue struct {
	max   int
	list  []entry
	first int
	full  bool // told
	// certain: the next reply answers the first entry. Otherwise commands or
	// replies are missing, how many cannot be known, and no reply is paired
	// before something shows the place again.
	certain bool
	// answered: a reply was heard since commands were lost.
	answered bool
	lossy    bool // bytes were lost, ever
	// pipelined: the client does not always wait for replies.
	pipelined bool
}

func (q *queue) len() int { return len(q.list) - q.first }

func (q *queue) front() *entry {
	if q.len() == 0 {
		return nil
	}
	return &q.list[q.first]
}

func (q *queue) clear() { q.list, q.first = q.list[:0], 0 }

func (q *queue) pop() {
	if q.first++; q.first == len(q.list) {
		q.clear()
	}
}

// push queues what the client has just said.
func (q *queue) push(e entry, out decoders.Sink) {
	switch {
	case !q.certain && !q.pipelined && q.answered:
		// A client that waits for each reply has got all before it speaks.
		q.clear()
		q.certain = true
	case q.len() > 0 && q.certain:
		q.pipelined = true
	}
	if q.len() >= q.max {
		if !q.full {
			q.full = true
			out.Limit("pending-requests", q.max, "commands beyond are not paired with their replies", 0)
		}
		q.clear()
		q.certain = false
		q.pipelined = true
	}
	if q.first > 0 && len(q.list) == cap(q.list) {
		q.list = q.list[:copy(q.list, q.list[q.first:])]
		q.first = 0
	}
	q.list = append(q.list, e)
}

// lostCommands: commands may be missing behind the last one.
func (q *queue) lostCommands() { q.certain, q.answered, q.lossy = false, false, true }

// lostReplies: which entry the next reply answers is not known.
func (q *queue) lostReplies() { q.certain, q.answered, q.lossy = false, true, true }

// answer takes the entry that a reply belongs to off the queue; the zero entry
// where it is not known. state is the client's.
func (q *queue) answer(code int, state clientState) (e entry) {
	q.answered = true
	if q.certain {
		if f := q.front(); f != nil {
			e = *f
			q.pop()
		}
		return e
	}
	// Some replies show which command they answer, and that it is the last of
	// all that were sent (RFC 2920 section 3.1).
	switch {
	case code == 354:
		e = entry{verb: "DATA", kind: toData}
	case code == 334:
		e = entry{verb: "AUTH", kind: toAuth}
	case code == 220 && state == afterTLS:
		e = entry{verb: "STARTTLS", kind: toTLS}
	default:
		return e
	}
	if n := q.len(); n > 0 && q.list[len(q.list)-1].kind == e.kind {
		e = q.list[len(q.list)-1]
	}
	q.clear()
	q.certain = true
	return e
}
