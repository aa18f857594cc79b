package ftp

import "github.com/wiretale/wiretale/decoders"

// exchange is a command that waits for its final reply.
type exchange struct {
	verb     string
	frame    uint64 // of its ftp.command
	transfer *decoders.HintFTPData
	was      settings // before the command (TYPE, MODE, PROT, REST)
	tls      bool     // AUTH TLS
}

// queue are the exchanges in the order of the commands, at most max. A server
// answers each in its turn (RFC 959 section 5.4).
type queue struct {
	max     int
	list    []exchange
	few     [4]exchange
	pairing pairing
	// pipelines: more than one command waited when one was answered.
	pipelines bool
	greeted   bool // a reply was seen
	full      bool // told
}

// pairing says whether replies can be paired with commands.
type pairing uint8

const (
	paired pairing = iota
	// unsure: commands or replies were lost, how many cannot be known. The next
	// command of a client that waits for each answer makes it sure again.
	unsure
)

// ask appends a command; false: there is no room, which is told once.
func (q *queue) ask(x exchange) (ok bool) {
	if q.pairing == unsure {
		switch x.verb {
		case "ABOR", "STAT", "NOOP": // sent while another waits
			return true
		}
		if q.pipelines {
			return true
		}
		q.pairing = paired
	}
	if len(q.list) >= q.max {
		told := q.full
		q.full = true
		q.lose()
		q.pipelines = true
		return told
	}
	if q.list == nil {
		q.list = q.few[:0]
	}
	q.list = append(q.list, x)
	return true
}

// lose forgets what waits: which reply answers which command is not known.
func (q *queue) lose() {
	q.list, q.pairing, q.greeted = nil, unsure, true
}

// answer is the exchange that a reply belongs to; its verb is "" where that
// is not known, or it answers nothing.
func (q *queue) answer(code int) exchange {
	if !q.greeted {
		q.greeted = code >= 200
		if code == 120 || code == 220 || code == 421 {
			return exchange{}
		}
	}
	if len(q.list) == 0 {
		return exchange{}
	}
	if code < 200 {
		return q.list[0]
	}
	i := 0
	switch first := q.list[0].verb; {
	case code >= 211 && code <= 213 && first != "STAT":
		// STAT is answered while a transfer goes on (RFC 959 section 4.1.3).
		for j := range q.list {
			if q.list[j].verb == "STAT" && transfers(first) {
				i = j
				break
			}
		}
	case first == "ABOR" && len(q.list) > 1 && code != 225 && code != 226 && code != 426 && code < 500:
		// The transfer and ABOR were answered with one reply.
		q.remove(0)
	}
	x := q.list[i]
	q.remove(i)
	if len(q.list) > 0 {
		q.pipelines = true
	}
	return x
}

func (q *queue) remove(i int) {
	n := i + copy(q.list[i:], q.list[i+1:])
	q.list[n] = exchange{}
	q.list = q.list[:n]
	if n == 0 {
		q.list = q.few[:0]
	}
}
