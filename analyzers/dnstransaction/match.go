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
			if en := t.at(i); !t.answered(en, t.attemptOn(en, at.key)) {
				f.again(t, i, e, at)
				return
			}
			repeatOf = t.at(i).frame
			f.finish(t, i, emit) // what is answered from here on answers the new one
		}
		var retryOf int32
		if retryOf, fallbackOf = t.elsewhere(&q, op, m.ID, e, from); retryOf != none && fallbackOf == 0 {
			f.again(t, retryOf, e, at)
			return
		}
	}

	f.room(t, emit)
	i := t.ask(q.hash, q.name, &at, from, m)
	en := t.at(i)
	en.typ, en.class = q.typ, q.class
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
		if t.asks(en, q) && en.op == op && t.client(en) == from.addr {
			switch {
			case en.phase != open && en.truncated && (en.rare == none || t.rares[en.rare].fallback == 0) && e.Flow.Proto == events.ProtoTCP && en.proto != events.ProtoTCP:
				t.also(en).fallback, fallbackOf = e.Pos.Frame, en.frame
			case en.phase == open && en.id == id:
				retryOf = i
			case en.phase == open && retryOf == none && e.Time.Sub(t.lastTime(en)) >= soonest:
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
	known := t.attemptOn(en, at.key)
	if known >= 0 {
		same := &x.attempts[known]
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
		if known < 0 {
			t.attach(i, at)
		}
	} else {
		x.retriesLeftOff++
	}
	x.lastTime, x.lastFrame = e.Time, e.Pos.Frame
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
		if t.asks(en, q) && t.onStream(en, e) >= 0 {
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

// onStream is the number of the attempt on the flow of e, under any id, or -1.
func (s *store) onStream(en *entry, e *events.Event) int {
	if en.stream == e.Stream && en.proto == e.Flow.Proto {
		return 0
	}
	if en.rare != none {
		for n, a := range s.rares[en.rare].attempts {
			if a.stream == e.Stream && a.proto == e.Flow.Proto {
				return n
			}
		}
	}
	return -1
}

// idOf is the id of that attempt.
func (s *store) idOf(en *entry, n int) uint16 {
	if n == 0 {
		return en.id
	}
	return s.rares[en.rare].attempts[n].id
}

// findOn is the newest entry asked on the flow of e under id, whatever its
// question (but not not): the open ones first.
func (t *table) findOn(e *events.Event, id uint16, not *asked) (int32, int) {
	for _, l := range [3]list{t.open, t.trailing, t.done} {
		i := l.tail
		for n := 0; i != none && n < walkOpen; n++ {
			en := t.at(i)
			if a := t.onStream(en, e); a >= 0 && t.idOf(en, a) == id && (not == nil || !t.asks(en, not)) {
				return i, a
			}
			i = en.prev
		}
	}
	return none, -1
}

func (f *fold) mismatch(t *table, en *entry, m Mismatch) {
	x := t.also(en)
	if len(x.mismatched) == f.samples {
		x.leftOff++
		return
	}
	x.mismatched = append(x.mismatched, m)
}

// answer takes an answer to attempt n of entry i.
func (f *fold) answer(t *table, i int32, n int, e *events.Event, m *events.DNSMessage, from end) {
	en := t.at(i)
	if en.rare == none && en.phase == open && from.addr == en.server {
		f.firstAnswer(t, en, e, m)
		t.settle(i, e.Time)
		return
	}
	x := t.also(en)
	a := &x.attempts[n]
	a.answers++
	switch {
	case en.phase == open:
		f.firstAnswer(t, en, e, m)
		x.latency, x.fromFrame = e.Time.Sub(a.base), a.baseFrame
		x.answeredBy, x.responses = from.addr, 1
		t.settle(i, e.Time)
	case en.kind == llmnr && from.addr != x.answeredBy:
		x.responses++ // each host that owns the name may answer (RFC 4795 section 4)
	case en.proto == events.ProtoTCP && t.transfers(en):
		// A zone comes in many messages (RFC 5936 section 2.2).
		x.responses++
		en.answers += int32(len(m.Answer))
		en.responseBytes += int32(m.Size)
		x.settled = e.Time
		t.refresh(i)
	default:
		t.settle(i, e.Time)
		s := SecondAnswer{Frame: e.Pos.Frame, After: e.Time.Sub(en.responseTime), Differs: digest(m) != en.digest, Retry: a.answers <= a.queries, Rcode: m.Rcode}
		if a.answers == 1 {
			s.Latency = e.Time.Sub(a.base)
		}
		if len(x.seconds) == f.samples {
			x.leftOff++
			return
		}
		x.seconds = append(x.seconds, s)
	}
}

func (f *fold) firstAnswer(t *table, en *entry, e *events.Event, m *events.DNSMessage) {
	en.responseTime, en.responseFrame = e.Time, e.Pos.Frame
	en.rcode, en.answers, en.responseBytes = t.words.of(m.Rcode), int32(len(m.Answer)), int32(m.Size)
	en.truncated, en.digest = m.TC, digest(m)
}

// transfers reports whether en asks for a zone.
func (s *store) transfers(en *entry) bool {
	typ := s.words.text(en.typ)
	return typ == "AXFR" || typ == "IXFR"
}
