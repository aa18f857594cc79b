package dnstransaction

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// stream is what stands for the flow in matching.
func stream(k key, e *events.Event, asker end) uint32 {
	if k.kind == llmnr {
		return uint32(asker.port)
	}
	return e.Stream
}

// query takes a query that was sent to one server (or, LLMNR, to its group).
func (f *fold) query(t *table, e *events.Event, m *events.DNSMessage, from, to end, emit analyzers.Emit) {
	q, op := t.asked(m), t.words.of(m.Opcode)
	at := attempt{
		key:   flowKey(q.hash, e.Flow.Proto, stream(t.key, e, from), m.ID),
		frame: e.Pos.Frame, base: e.Time, last: e.Time, baseFrame: e.Pos.Frame,
		server: to.addr, stream: e.Stream, id: m.ID, proto: e.Flow.Proto, queries: 1,
	}
	var repeatOf, fallbackOf uint64
	if t.questions.find(tagOf(q.hash)) != nil {
		if i := t.onFlow(at.key); i != none && t.asks(t.at(i), &q) && t.at(i).op == op {
			if t.attemptOn(t.at(i), at.key).answers == 0 {
				f.again(t, i, e, at)
				return
			}
			repeatOf = t.at(i).first.frame
			f.finish(t, i, emit) // what is answered from here on answers the new one
		}
		var retryOf int32
		if retryOf, fallbackOf = t.elsewhere(&q, op, m.ID, e, from); retryOf != none && fallbackOf == 0 {
			f.again(t, retryOf, e, at)
			return
		}
	}

	f.room(t, emit)
	i := t.take()
	en := t.at(i)
	en.question, en.first = tagOf(q.hash), at
	en.kind, en.client = t.key.kind, from.addr
	en.typ, en.class, en.op = q.typ, q.class, op
	en.lastTime, en.lastFrame = e.Time, e.Pos.Frame
	en.queryBytes = int32(m.Size)
	t.setName(en, q.name)
	if repeatOf != 0 || fallbackOf != 0 {
		x := t.also(en)
		x.repeatOf, x.fallbackOf = repeatOf, fallbackOf
	}
	t.add(i)
}

// elsewhere looks for the same question on another flow or under another id:
// the entry that this query is a retry of, and the frame of the one whose
// truncated answer led to it.
func (t *table) elsewhere(q *asked, op word, id uint16, e *events.Event, from end) (retryOf int32, fallbackOf uint64) {
	sl := t.questions.find(tagOf(q.hash))
	if sl == nil {
		return none, 0
	}
	i := sl.pending
	for n := 0; i != none && n < walkQuestion; n++ {
		en := t.at(i)
		if t.asks(en, q) && en.op == op && en.client == from.addr {
			switch {
			case en.phase != open && en.truncated && t.rest(en).fallback == 0 && e.Flow.Proto == events.ProtoTCP && en.first.proto != events.ProtoTCP:
				t.also(en).fallback, fallbackOf = e.Pos.Frame, en.first.frame
			case en.phase == open && en.first.id == id:
				retryOf = i
			case en.phase == open && retryOf == none && e.Time.Sub(en.lastTime) >= soonest:
				retryOf = i
			}
		}
		i = en.nextPending
	}
	return retryOf, fallbackOf
}

// again takes one more query of entry i: it is open, or that query's flow and
// id have no answer yet.
func (f *fold) again(t *table, i int32, e *events.Event, at attempt) {
	en := t.at(i)
	x := t.also(en)
	same := t.attemptOn(en, at.key)
	if same != nil {
		same.queries++
		spacing := e.Time.Sub(same.last)
		same.last = e.Time
		if spacing < copied {
			x.copies++
			return
		}
		if e.Time.Sub(same.base) >= tsharkRetry {
			if same == &en.first && !x.moved {
				x.began, x.moved = same.base, true
			}
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
func (f *fold) response(t *table, e *events.Event, m *events.DNSMessage, from, to end, emit analyzers.Emit) {
	t.heard = true
	q := t.asked(m)
	fk := flowKey(q.hash, e.Flow.Proto, stream(t.key, e, to), m.ID)
	if i := t.onFlow(fk); i != none && t.asks(t.at(i), &q) {
		f.answer(t, i, t.attemptOn(t.at(i), fk), e, m, from)
		return
	}
	if t.key.kind.multicast() {
		f.multicastResponse(t, e, m)
		return
	}
	if t.key.kind != llmnr && f.partial(t, &q, e, m, from) {
		return
	}
	f.unasked(t, e, m, &q, from, to, emit)
}

// partial takes an answer that fits a query of its flow in all but one thing;
// false: there is none.
func (f *fold) partial(t *table, q *asked, e *events.Event, m *events.DNSMessage, from end) bool {
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
	i := t.sameQuestion(q.hash)
	for n := 0; i != none && n < walkQuestion; n++ {
		en := t.at(i)
		if t.asks(en, q) && t.onStream(en, e) != nil {
			f.mismatch(t, en, Mismatch{Frame: e.Pos.Frame, Why: "id", ID: m.ID, Name: q.name})
			return true
		}
		i = en.nextSame
	}
	if i, _ := t.findOn(e, m.ID, q); i != none {
		f.mismatch(t, t.at(i), Mismatch{Frame: e.Pos.Frame, Why: "question", ID: m.ID, Name: q.name})
		return true
	}
	return false
}

// onStream is the attempt on the flow of e, under any id, or nil.
func (s *store) onStream(en *entry, e *events.Event) *attempt {
	if en.first.stream == e.Stream && en.first.proto == e.Flow.Proto {
		return &en.first
	}
	more := s.rest(en).more
	for i := range more {
		if more[i].stream == e.Stream && more[i].proto == e.Flow.Proto {
			return &more[i]
		}
	}
	return nil
}

// findOn is the newest entry asked on the flow of e under id, whatever its
// question (but not not): the open ones first.
func (t *table) findOn(e *events.Event, id uint16, not *asked) (int32, *attempt) {
	for _, l := range [3]list{t.open, t.trailing, t.done} {
		i := l.tail
		for n := 0; i != none && n < walkOpen; n++ {
			en := t.at(i)
			if a := t.onStream(en, e); a != nil && a.id == id && (not == nil || !t.asks(en, not)) {
				return i, a
			}
			i = en.prev
		}
	}
	return none, nil
}

func (f *fold) mismatch(t *table, en *entry, m Mismatch) {
	x := t.also(en)
	if len(x.mismatched) == f.samples {
		x.leftOff++
		return
	}
	x.mismatched = append(x.mismatched, m)
}

// answer takes an answer to attempt a of entry i.
func (f *fold) answer(t *table, i int32, a *attempt, e *events.Event, m *events.DNSMessage, from end) {
	en := t.at(i)
	a.answers++
	switch {
	case en.phase == open:
		en.latency, en.fromFrame = e.Time.Sub(a.base), a.baseFrame
		en.responseTime, en.responseFrame = e.Time, e.Pos.Frame
		en.rcode, en.answers, en.responseBytes = t.words.of(m.Rcode), int32(len(m.Answer)), int32(m.Size)
		en.truncated, en.responses = m.TC, 1
		if from.addr != en.first.server {
			t.also(en).answeredBy = from.addr
		}
		en.digest = digest(m)
		t.settle(i, e.Time)
	case en.kind == llmnr && from.addr != t.answeredBy(en):
		en.responses++ // each host that owns the name may answer (RFC 4795 section 4)
	case en.first.proto == events.ProtoTCP && t.transfers(en):
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
		x := t.also(en)
		if len(x.seconds) == f.samples {
			x.leftOff++
			return
		}
		x.seconds = append(x.seconds, s)
	}
}

// transfers reports whether en asks for a zone.
func (s *store) transfers(en *entry) bool {
	typ := s.words.text(en.typ)
	return typ == "AXFR" || typ == "IXFR"
}
