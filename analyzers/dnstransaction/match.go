package dnstransaction

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// noQuestion stands for the question of a message without one.
var noQuestion events.DNSQuestion

func firstQuestion(m *events.DNSMessage) *events.DNSQuestion {
	if len(m.Question) == 0 {
		return &noQuestion
	}
	return &m.Question[0]
}

// asks reports whether en is about q.
func (en *entry) asks(q *events.DNSQuestion) bool {
	return en.typ == q.Type && en.class == q.Class && sameName(en.name, q.Name)
}

// stream is what stands for the flow in matching.
func stream(k key, e *events.Event, asker end) uint32 {
	if k.kind == llmnr {
		return uint32(asker.port)
	}
	return e.Stream
}

// query takes a query that was sent to one server (or, LLMNR, to its group).
func (f fold) query(k key, t *table, e *events.Event, m *events.DNSMessage, from, to end, emit analyzers.Emit) {
	q := firstQuestion(m)
	hash := hashQuestion(q)
	at := attempt{
		key:   flowKey(hash, e.Flow.Proto, stream(k, e, from), m.ID),
		frame: e.Pos.Frame, base: e.Time, last: e.Time, baseFrame: e.Pos.Frame,
		server: to.addr, stream: e.Stream, id: m.ID, proto: e.Flow.Proto, queries: 1,
	}
	var repeatOf uint64
	if i := t.onFlow(at.key); i != none && t.entries[i].asks(q) && t.entries[i].op == m.Opcode {
		if t.entries[i].attemptOn(at.key).answers == 0 {
			f.again(t, i, e, at)
			return
		}
		repeatOf = t.entries[i].first.frame
		f.finish(k, t, i, emit) // what is answered from here on answers the new one
	}

	// The same question, on another flow or under another id.
	var fallbackOf uint64
	retryOf := int32(none)
	i := t.sameQuestion(hash, none)
	for n := 0; i != none && n < walkQuestion; n++ {
		en := &t.entries[i]
		if en.asks(q) && en.op == m.Opcode && (!k.kind.multicast() || en.client.addr == from.addr) {
			switch {
			case en.phase != open && en.truncated && en.rest().fallback == 0 && e.Flow.Proto == events.ProtoTCP && en.first.proto != events.ProtoTCP:
				en.also().fallback, fallbackOf = e.Pos.Frame, en.first.frame
			case en.phase == open && en.first.id == m.ID:
				retryOf = i
			case en.phase == open && retryOf == none && e.Time.Sub(en.lastTime) >= soonest:
				retryOf = i
			}
		}
		i = en.nextSame
	}
	if retryOf != none && fallbackOf == 0 {
		f.again(t, retryOf, e, at)
		return
	}

	f.room(k, t, emit)
	en, _ := t.add(hash, at)
	en.kind, en.client, en.tcp = k.kind, from, e.Flow.Proto == events.ProtoTCP
	en.name, en.typ, en.class, en.op = q.Name, q.Type, q.Class, m.Opcode
	en.firstTime, en.lastTime, en.lastFrame = e.Time, e.Time, e.Pos.Frame
	en.queryBytes = int32(m.Size)
	if repeatOf != 0 || fallbackOf != 0 {
		x := en.also()
		x.repeatOf, x.fallbackOf = repeatOf, fallbackOf
	}
}

// again takes one more query of entry i: it is open, or that query's flow and
// id have no answer yet.
func (f fold) again(t *table, i int32, e *events.Event, at attempt) {
	en := &t.entries[i]
	x := en.also()
	same := en.attemptOn(at.key)
	if same != nil {
		same.queries++
		spacing := e.Time.Sub(same.last)
		same.last = e.Time
		if spacing < copied {
			x.copies++
			return
		}
		if e.Time.Sub(same.base) >= tsharkRetry {
			same.base, same.baseFrame = e.Time, e.Pos.Frame
		}
	}
	if len(x.retries) < f.samples {
		x.retries = append(x.retries, retry{time: e.Time, frame: e.Pos.Frame, server: at.server, stream: at.stream, id: at.id, proto: at.proto})
		if same == nil {
			t.attach(i, at)
		}
	} else {
		x.retriesLeftOff++
	}
	en.lastTime, en.lastFrame = e.Time, e.Pos.Frame
	if en.phase == open {
		t.refresh(i)
	}
}

// response takes an answer that was sent to one client.
func (f fold) response(k key, t *table, e *events.Event, m *events.DNSMessage, from, to end, emit analyzers.Emit) {
	t.heard = true
	q := firstQuestion(m)
	hash := hashQuestion(q)
	fk := flowKey(hash, e.Flow.Proto, stream(k, e, to), m.ID)
	if i := t.onFlow(fk); i != none && t.entries[i].asks(q) {
		f.answer(t, i, t.entries[i].attemptOn(fk), e, m, from)
		return
	}
	if k.kind.multicast() {
		f.multicastResponse(t, e, m)
		return
	}
	if k.kind != llmnr && f.partial(t, hash, q, e, m, from) {
		return
	}
	f.unasked(k, e, m, q, from, to, emit)
}

// partial takes an answer that fits a query of its flow in all but one thing;
// false: there is none.
func (f fold) partial(t *table, hash uint64, q *events.DNSQuestion, e *events.Event, m *events.DNSMessage, from end) bool {
	if len(m.Question) == 0 {
		// Such answers exist (FORMERR, the later messages of a zone
		// transfer): the id alone must do.
		i, a := t.findOn(e, m.ID, nil)
		if i == none {
			return false
		}
		f.answer(t, i, a, e, m, from)
		return true
	}
	i := t.sameQuestion(hash, none)
	for n := 0; i != none && n < walkQuestion; n++ {
		if en := &t.entries[i]; en.asks(q) && en.onStream(e) != nil {
			f.mismatch(en, Mismatch{Frame: e.Pos.Frame, Why: "id", ID: m.ID, Name: q.Name})
			return true
		}
		i = t.entries[i].nextSame
	}
	if i, _ := t.findOn(e, m.ID, q); i != none {
		f.mismatch(&t.entries[i], Mismatch{Frame: e.Pos.Frame, Why: "question", ID: m.ID, Name: q.Name})
		return true
	}
	return false
}

// onStream is the attempt on the flow of e, under any id, or nil.
func (en *entry) onStream(e *events.Event) *attempt {
	if en.first.stream == e.Stream && en.first.proto == e.Flow.Proto {
		return &en.first
	}
	if en.rare == nil {
		return nil
	}
	for i := range en.more {
		if en.more[i].stream == e.Stream && en.more[i].proto == e.Flow.Proto {
			return &en.more[i]
		}
	}
	return nil
}

// findOn is the newest entry asked on the flow of e under id, whatever its
// question (but not not): the open ones first.
func (t *table) findOn(e *events.Event, id uint16, not *events.DNSQuestion) (int32, *attempt) {
	for _, l := range [3]list{t.open, t.trailing, t.done} {
		i := l.tail
		for n := 0; i != none && n < walkOpen; n++ {
			en := &t.entries[i]
			if a := en.onStream(e); a != nil && a.id == id && (not == nil || !en.asks(not)) {
				return i, a
			}
			i = en.prev
		}
	}
	return none, nil
}

func (f fold) mismatch(en *entry, m Mismatch) {
	x := en.also()
	if len(x.mismatched) == f.samples {
		x.leftOff++
		return
	}
	x.mismatched = append(x.mismatched, m)
}

// answer takes an answer to attempt a of entry i.
func (f fold) answer(t *table, i int32, a *attempt, e *events.Event, m *events.DNSMessage, from end) {
	en := &t.entries[i]
	a.answers++
	switch {
	case en.phase == open:
		en.latency, en.fromFrame = e.Time.Sub(a.base), a.baseFrame
		en.responseTime, en.responseFrame = e.Time, e.Pos.Frame
		en.rcode, en.answers, en.responseBytes = m.Rcode, int32(len(m.Answer)), int32(m.Size)
		en.truncated, en.answeredBy, en.responses = m.TC, from.addr, 1
		en.digest = digest(m)
		t.settle(i, e.Time)
	case en.kind == llmnr && from.addr != en.answeredBy:
		en.responses++ // each host that owns the name may answer (RFC 4795 section 4)
	case en.tcp && (en.typ == "AXFR" || en.typ == "IXFR"):
		// A zone comes in many messages (RFC 5936 section 2.2).
		en.responses++
		en.answers += int32(len(m.Answer))
		en.responseBytes += int32(m.Size)
		en.settled = e.Time
		t.refresh(i)
	default:
		t.settle(i, e.Time)
		s := SecondAnswer{Frame: e.Pos.Frame, After: e.Time.Sub(en.responseTime), Differs: digest(m) != en.digest, Retry: a.answers <= a.queries, Rcode: m.Rcode}
		if a.answers == 1 {
			s.Latency = e.Time.Sub(a.base)
		}
		x := en.also()
		if len(x.seconds) == f.samples {
			x.leftOff++
			return
		}
		x.seconds = append(x.seconds, s)
	}
}
