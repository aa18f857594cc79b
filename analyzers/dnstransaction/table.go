package dnstransaction

import (
	"github.com/wiretale/wiretale/events"
)

// none is the index of no entry.
const none = -1

// few is up to how many entries a table finds by looking at each; beyond it
// keeps maps. Most clients have one or two questions open.
const few = 8

// table holds the questions of one client that are open, or answered a moment
// ago.
type table struct {
	entries    []entry
	free       int32 // list of free entries, by next
	live       int
	heard      bool // some answer was sent to this client
	open       list // by time of the last query
	trailing   list // by time of the first answer
	done       list // by time settled
	byFlow     map[uint64]int32
	byQuestion map[uint64]int32 // head of the chain of that question
}

func newTable() *table {
	return &table{free: none, open: list{none, none}, trailing: list{none, none}, done: list{none, none}}
}

// list is a list of entries, oldest first.
type list struct{ head, tail int32 }

// phase is where an entry stands.
type phase uint8

const (
	vacant   phase = iota
	open           // no answer yet
	trailing       // answered, but other queries of it are not
	done           // all its queries are answered; waiting out linger
)

// attempt is one sending of the question on one flow under one id, and its
// repetitions there.
type attempt struct {
	key       uint64 // of (flow, id, question)
	frame     uint64 // its first query
	base      events.Time
	last      events.Time // of its last query
	baseFrame uint64      // the query that Wireshark measures from
	server    events.Addr
	stream    uint32
	queries   uint32 // sent
	answers   uint32 // received
	id        uint16
	proto     uint8
}

// entry is one question and what is known of its fate.
type entry struct {
	next, prev           int32 // in list, or free
	nextSame, prevSame   int32 // chain of one question, newest first
	question             uint64
	phase                phase
	kind                 kind
	tcp                  bool // how the first query went
	truncated            bool
	pushedOut            bool
	client               end
	name, typ, class, op string
	first                attempt
	firstTime, lastTime  events.Time // of the queries
	lastFrame            uint64
	queryBytes           int32

	responses     int32 // messages: AXFR, multicast
	responseTime  events.Time
	settled       events.Time // when it became done; AXFR: of the last message
	latency       events.Duration
	responseFrame uint64
	fromFrame     uint64 // query that latency is measured from
	rcode         string
	answers       int32
	responseBytes int32
	answeredBy    events.Addr
	digest        uint64

	*rare // what most entries do not have; nil: none of it
}

// rare is what makes a question more than a query and its answer.
type rare struct {
	more           []attempt
	retries        []retry
	retriesLeftOff int
	copies         int
	fallback       uint64 // frame of the TCP query
	fallbackOf     uint64
	repeatOf       uint64
	probe          bool
	knownAnswers   int
	seconds        []SecondAnswer
	mismatched     []Mismatch
	leftOff        int
}

// also is the rare part of en, to be written.
func (en *entry) also() *rare {
	if en.rare == nil {
		en.rare = &rare{}
	}
	return en.rare
}

// nothing is the rare part of an entry without one. Only read.
var nothing rare

// rest is the rare part of en, to be read.
func (en *entry) rest() *rare {
	if en.rare == nil {
		return &nothing
	}
	return en.rare
}

// retry is one more query of an entry.
type retry struct {
	time   events.Time
	frame  uint64
	server events.Addr
	stream uint32
	id     uint16
	proto  uint8
}

// attemptOn is the attempt of (proto, stream, id), or nil.
func (en *entry) attemptOn(key uint64) *attempt {
	if en.first.key == key {
		return &en.first
	}
	if en.rare == nil {
		return nil
	}
	for i := range en.more {
		if en.more[i].key == key {
			return &en.more[i]
		}
	}
	return nil
}

// add makes an entry, open, with its first attempt. The pointer is good until
// the next add.
func (t *table) add(question uint64, a attempt) (*entry, int32) {
	i := t.free
	if i != none {
		t.free = t.entries[i].next
	} else {
		i = int32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	if t.live++; t.live > few && t.byFlow == nil {
		t.index()
	}
	en := &t.entries[i]
	en.phase, en.question, en.first = open, question, a
	en.nextSame, en.prevSame = none, none
	t.push(&t.open, i)
	if head := t.sameQuestion(question, i); head != none {
		en.nextSame = head
		t.entries[head].prevSame = i
	}
	if t.byFlow != nil {
		t.byFlow[a.key] = i
		t.byQuestion[question] = i
	}
	return en, i
}

// index makes the maps, of all entries but the one being added.
func (t *table) index() {
	t.byFlow, t.byQuestion = make(map[uint64]int32, 4*few), make(map[uint64]int32, 4*few)
	for i := range t.entries {
		en := &t.entries[i]
		if en.phase == vacant {
			continue
		}
		t.byFlow[en.first.key] = int32(i)
		for _, a := range en.rest().more {
			t.byFlow[a.key] = int32(i)
		}
		if en.prevSame == none {
			t.byQuestion[en.question] = int32(i)
		}
	}
}

// attach gives entry i one more attempt.
func (t *table) attach(i int32, a attempt) {
	x := t.entries[i].also()
	x.more = append(x.more, a)
	if t.byFlow != nil {
		t.byFlow[a.key] = i
	}
}

// onFlow is the entry with an attempt of that key, or none.
func (t *table) onFlow(key uint64) int32 {
	if t.byFlow != nil {
		if i, ok := t.byFlow[key]; ok {
			return i
		}
		return none
	}
	for i := range t.entries {
		if t.entries[i].phase != vacant && t.entries[i].attemptOn(key) != nil {
			return int32(i)
		}
	}
	return none
}

// sameQuestion is the newest entry of that question, other than but, or none.
func (t *table) sameQuestion(question uint64, but int32) int32 {
	if t.byQuestion != nil {
		if i, ok := t.byQuestion[question]; ok {
			return i
		}
		return none
	}
	for i := range t.entries {
		en := &t.entries[i]
		if en.question == question && en.phase != vacant && en.prevSame == none && int32(i) != but {
			return int32(i)
		}
	}
	return none
}

// drop frees entry i.
func (t *table) drop(i int32) {
	en := &t.entries[i]
	t.unlink(t.listOf(en.phase), i)
	if en.nextSame != none {
		t.entries[en.nextSame].prevSame = en.prevSame
	}
	if en.prevSame != none {
		t.entries[en.prevSame].nextSame = en.nextSame
	}
	if t.byFlow != nil {
		t.forget(en.first.key, i)
		for _, a := range en.rest().more {
			t.forget(a.key, i)
		}
		if en.prevSame == none {
			if en.nextSame != none {
				t.byQuestion[en.question] = en.nextSame
			} else {
				delete(t.byQuestion, en.question)
			}
		}
	}
	*en = entry{next: t.free}
	t.free = i
	t.live--
}

func (t *table) forget(key uint64, i int32) {
	if t.byFlow[key] == i {
		delete(t.byFlow, key)
	}
}

func (t *table) push(l *list, i int32) {
	en := &t.entries[i]
	en.next, en.prev = none, l.tail
	if l.tail != none {
		t.entries[l.tail].next = i
	} else {
		l.head = i
	}
	l.tail = i
}

func (t *table) unlink(l *list, i int32) {
	en := &t.entries[i]
	if en.next != none {
		t.entries[en.next].prev = en.prev
	} else {
		l.tail = en.prev
	}
	if en.prev != none {
		t.entries[en.prev].next = en.next
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
	en := &t.entries[i]
	to := done
	if en.first.answers == 0 {
		to = trailing
	}
	if en.rare != nil {
		for j := range en.more {
			if en.more[j].answers == 0 {
				to = trailing
			}
		}
	}
	if to == en.phase {
		return
	}
	t.unlink(t.listOf(en.phase), i)
	en.phase, en.settled = to, now
	t.push(t.listOf(to), i)
}

// refresh moves entry i to the young end of its list.
func (t *table) refresh(i int32) {
	l := t.listOf(t.entries[i].phase)
	t.unlink(l, i)
	t.push(l, i)
}
