package dnstransaction

import (
	"math"

	"github.com/wiretale/wiretale/events"
)

// table holds the questions of one client that are open, or answered a moment
// ago. The entries themselves are in the store.
type table struct {
	*store
	key      key
	id       uint32
	seed     uint64 // of its hashes: clients share the indexes of the store
	live     int
	heard    bool        // some answer was sent to this client
	due      events.Time // before it nothing is to be finished
	open     list        // by time of the last query
	trailing list        // by time of the first answer
	done     list        // by time settled
}

func newTable(s *store, k key) *table {
	s.tables++
	return &table{store: s, key: k, id: s.tables, seed: hashClient(&k), due: math.MaxInt64}
}

// list is a list of entries, oldest first. The zero value is empty.
type list struct{ head, tail int32 }

// asked is a question in the words of the store.
type asked struct {
	name       string
	typ, class word
	hash       uint64
}

// asked gives the first question of m, or an empty one.
func (t *table) asked(m *events.DNSMessage) asked {
	if len(m.Question) == 0 {
		return asked{hash: hashQuestion(t.seed, "", 0, 0)}
	}
	q := &m.Question[0]
	typ, class := t.words.of(q.Type), t.words.of(q.Class)
	return asked{q.Name, typ, class, hashQuestion(t.seed, q.Name, typ, class)}
}

// owns reports whether en is of this table.
func (t *table) owns(en *entry) bool { return en.owner == t.id }

// client is who asked en.
func (t *table) client(en *entry) events.Addr {
	if en.kind.multicast() {
		return t.rares[en.rare].client
	}
	return t.key.client
}

// ask makes an entry of a query, to be added.
func (t *table) ask(hash uint64, name string, at *attempt, from end, m *events.DNSMessage) int32 {
	i := t.take()
	en := t.at(i)
	en.phase, en.owner, en.kind, en.question = open, t.id, t.key.kind, tagOf(hash)
	en.key, en.frame, en.sent, en.server = at.key, at.frame, at.base, at.server
	en.stream, en.id, en.proto = at.stream, at.id, at.proto
	en.op, en.queryBytes = t.words.of(m.Opcode), int32(m.Size)
	t.setName(en, name)
	if en.kind.multicast() {
		t.also(en).client = from.addr
	}
	return i
}

// asks reports whether en is about q.
func (t *table) asks(en *entry, q *asked) bool {
	return en.typ == q.typ && en.class == q.class && t.owns(en) && isName(t.name(en), q.name)
}

// add puts entry i in the open list and the indexes.
func (t *table) add(i int32) {
	en := t.at(i)
	t.live++
	t.push(&t.open, i)
	q := t.questions.put(en.question)
	if q.head != none {
		en.nextSame = q.head
		t.at(q.head).prevSame = i
	}
	if q.pending != none {
		en.nextPending = q.pending
		t.at(q.pending).prevPending = i
	}
	q.head, q.pending = i, i
	en.pending = true
	t.putFlow(en.key, i)
}

// attach gives entry i one more attempt.
func (t *table) attach(i int32, a attempt) {
	x := t.also(t.at(i))
	x.attempts = append(x.attempts, a)
	t.putFlow(a.key, i)
}

// sameQuestion is the newest entry of that hash, or none: the head of a chain
// that may hold those of other questions, and other clients, too.
func (t *table) sameQuestion(hash uint64) int32 {
	if q := t.questions.find(tagOf(hash)); q != nil {
		return q.head
	}
	return none
}

// drop frees entry i.
func (t *table) drop(i int32) {
	en := t.at(i)
	t.unlink(t.listOf(en.phase), i)
	t.settled(en)
	if en.nextSame != none {
		t.at(en.nextSame).prevSame = en.prevSame
	}
	switch {
	case en.prevSame != none:
		t.at(en.prevSame).nextSame = en.nextSame
	case en.nextSame != none:
		t.questions.find(en.question).head = en.nextSame
	default:
		t.questions.drop(en.question, i)
	}
	t.flows.drop(tagOf(en.key), i)
	if en.rare != none {
		for _, a := range t.rares[en.rare].attempts[1:] {
			t.flows.drop(tagOf(a.key), i)
		}
	}
	t.release(i)
	t.live--
}

// settled takes en from the chain of those that a query may belong to.
func (t *table) settled(en *entry) {
	if !en.pending {
		return
	}
	en.pending = false
	if en.nextPending != none {
		t.at(en.nextPending).prevPending = en.prevPending
	}
	if en.prevPending != none {
		t.at(en.prevPending).nextPending = en.nextPending
	} else {
		t.questions.find(en.question).pending = en.nextPending
	}
	en.nextPending, en.prevPending = none, none
}

// deadline is when en is to be finished if nothing more comes.
func (s *store) deadline(en *entry) events.Time {
	switch {
	case en.phase == open:
		return s.lastTime(en).Add(patience)
	case en.phase == trailing:
		return en.responseTime.Add(patience)
	case en.rare != none:
		return s.rares[en.rare].settled.Add(linger)
	case en.truncated:
		return en.responseTime.Add(linger)
	}
	return en.responseTime.Add(lingerPlain)
}

func (t *table) push(l *list, i int32) {
	en := t.at(i)
	en.next, en.prev = none, l.tail
	if l.tail != none {
		t.at(l.tail).next = i
	} else {
		l.head = i
	}
	l.tail = i
	t.due = min(t.due, t.deadline(en))
}

func (t *table) unlink(l *list, i int32) {
	en := t.at(i)
	if en.next != none {
		t.at(en.next).prev = en.prev
	} else {
		l.tail = en.prev
	}
	if en.prev != none {
		t.at(en.prev).next = en.next
	} else {
		l.head = en.next
	}
}

func (t *table) listOf(p phase) *list {
	switch p {
	case open:
		return &t.open
	case trailing:
		return &t.trailing
	}
	return &t.done
}

// settle moves entry i on after an answer at time now.
func (t *table) settle(i int32, now events.Time) {
	en := t.at(i)
	to := done
	if en.rare != none {
		for _, a := range t.rares[en.rare].attempts {
			if a.answers == 0 {
				to = trailing
			}
		}
	}
	if to == en.phase {
		return
	}
	t.unlink(t.listOf(en.phase), i)
	en.phase = to
	if en.rare != none {
		t.rares[en.rare].settled = now
	}
	t.push(t.listOf(to), i)
	if !en.truncated {
		t.settled(en)
	}
}

// refresh moves entry i to the young end of its list.
func (t *table) refresh(i int32) {
	l := t.listOf(t.at(i).phase)
	t.unlink(l, i)
	t.push(l, i)
}
