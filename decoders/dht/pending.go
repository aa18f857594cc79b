package dht

import "github.com/wiretale/wiretale/events"

// patience is how long a query waits for its response. Nodes give up after
// seconds; more is of no use and would tie a later response to it.
const patience = events.Duration(120e9)

// pending are queries without a response, the oldest first.
type pending struct{ list []query }

type query struct {
	transaction string // hex, as in the event
	from        events.Dir
	frame       uint64
	time        events.Time
}

// add keeps a query; the same transaction asked again takes the place of the
// first. full: the oldest had to go.
func (p *pending) add(transaction string, from events.Dir, frame uint64, now events.Time, limit int) (full bool) {
	old := 0
	for old < len(p.list) && now.Sub(p.list[old].time) > patience {
		old++
	}
	p.list = p.list[:copy(p.list, p.list[old:])]
	p.take(transaction, from)
	if len(p.list) >= limit {
		p.list = p.list[:copy(p.list, p.list[1:])]
		full = true
	}
	p.list = append(p.list, query{transaction, from, frame, now})
	return full
}

// take is the frame of the query that asker sent, 0 where none waits.
func (p *pending) take(transaction string, asker events.Dir) (frame uint64) {
	for i := range p.list {
		if q := &p.list[i]; q.from == asker && q.transaction == transaction {
			frame = q.frame
			p.list = p.list[:i+copy(p.list[i:], p.list[i+1:])]
			return frame
		}
	}
	return 0
}
