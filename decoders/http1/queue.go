package http1

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// exchange is a request that waits for its final response.
type exchange struct {
	kind  exchangeKind
	frame uint64 // of its http.request
	req   *events.HTTPRequest
	inner decoders.Feed // reads the body of the response too; nil: nobody
	name  string        // of the body, for --extract
	// manifest: its target ends like the manifest of a film.
	manifest bool
}

// exchangeKind is what the framing of the response needs to know.
type exchangeKind uint8

const (
	plain exchangeKind = iota
	toHead
	toConnect
	toUpgrade
	toSimple // HTTP/0.9
	// unknown stands for requests, or for responses, that were lost, how many
	// cannot be known: from here on no response is paired until the client
	// speaks again while the server is silent.
	unknown
)

// queue are the exchanges in the order of the requests (pipelining, RFC 9112
// section 9.3.2), at most max.
type queue struct {
	max   int
	list  []exchange
	first int
	few   [2]exchange // all that a client without pipelining needs
	full  bool        // told
}

func (q *queue) len() int { return len(q.list) - q.first }

func (q *queue) front() *exchange {
	if q.len() == 0 {
		return nil
	}
	return &q.list[q.first]
}

func (q *queue) last() *exchange {
	if q.len() == 0 {
		return nil
	}
	return &q.list[len(q.list)-1]
}

func (q *queue) clear() {
	q.unanswered()
	clear(q.list)
	q.list, q.first, q.full = q.few[:0], 0, false
}

// unanswered ends what waits for the bodies of responses.
func (q *queue) unanswered() {
	for i := q.first; i < len(q.list); i++ {
		q.list[i].unanswered()
	}
}

func (q *queue) pop() {
	q.list[q.first].unanswered()
	q.list[q.first] = exchange{}
	q.first++
	if q.len() == 0 {
		q.clear()
	}
}

// push appends e, or says that there is no room: then the end of the queue is
// unknown.
func (q *queue) push(e exchange) (ok bool) {
	if q.len() >= q.max {
		e.unanswered()
		q.last().unanswered()
		*q.last() = exchange{kind: unknown}
		return false
	}
	if q.list == nil {
		q.list = q.few[:0]
	}
	if q.first > 0 && len(q.list) == cap(q.list) {
		n := copy(q.list, q.list[q.first:])
		clear(q.list[n:])
		q.list, q.first = q.list[:n], 0
	}
	q.list = append(q.list, e)
	return true
}

// lostRequests: requests may be missing behind the last one.
func (q *queue) lostRequests() {
	if l := q.last(); l == nil || l.kind != unknown {
		q.push(exchange{kind: unknown})
	}
}

// lostResponses: which request the next response answers is not known.
func (q *queue) lostResponses() {
	q.clear()
	q.push(exchange{kind: unknown})
}

// ask queues the request that was just read.
func (c *call) ask(e exchange) {
	q, server := &c.s.queue, &c.s.sides[events.FromServer]
	if f := q.front(); f != nil && f.kind == unknown && (server.state == lost || server.state == inHead && server.scanned == 0) {
		// The server is silent and the client speaks: without pipelining
		// (nobody pipelines) all before is answered.
		q.clear()
	}
	if c.s.answeredEarly {
		c.s.answeredEarly = false
		e.unanswered()
		return
	}
	if !q.push(e) && !q.full {
		q.full = true
		c.out.Limit("pending-requests", q.max, "requests beyond are not paired with their responses", 0)
	}
	if server.state == untilClose && server.body.of != "" {
		// The client thinks that the response is over.
		server.peek = true
		server.body.counting = false
	}
}

// answer takes the exchange that a response belongs to off the queue; the
// zero exchange where it is not known.
func (c *call) answer(interim bool) exchange {
	q, client := &c.s.queue, &c.s.sides[events.FromClient]
	f := q.front()
	switch {
	case f == nil:
		if !interim && client.state == inHead && client.scanned > 0 {
			c.s.answeredEarly = true
		}
		return exchange{kind: unknown}
	case f.kind == unknown:
		if !interim && client.state == waiting {
			client.state = unanswered
		}
		return exchange{kind: unknown}
	}
	e := *f
	if !interim {
		f.inner = nil // it goes with the response
		q.pop()
	}
	return e
}

// release lets the client's bytes be read as HTTP again: its CONNECT or
// Upgrade was turned down.
func (s *stream) release() {
	client := &s.sides[events.FromClient]
	if client.state != waiting || s.queue.len() > 0 {
		return
	}
	client.state = inHead
	if client.torn {
		client.torn = false
		s.tear(client)
	}
}

// wait: the client asked for another protocol and has no answer yet. A
// client that goes on with HTTP shows it; all else waits for the answer.
func (c *call) wait() (want int) {
	if e := c.s.queue.last(); e != nil && e.kind == toUpgrade && !c.d.torn {
		switch requestLike(c.rest()) {
		case yes:
			c.d.state = inHead
		case partly:
			return len(c.rest()) + 1
		}
	}
	return 0
}

// leave: as wait, when the answer cannot be known any more.
func (c *call) leave() (want int) {
	if c.d.torn {
		c.d.torn = false
		c.d.state = inHead
		c.s.tear(c.d)
		return 0
	}
	switch requestLike(c.rest()) {
	case yes:
		c.d.state = inHead
	case partly:
		return len(c.rest()) + 1
	default:
		c.change(next(""))
	}
	return 0
}
