package dnstransaction

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// multicastQuery takes an mDNS query to the group: each of its questions is
// one of its own (RFC 6762 section 5.3), matched by name, for the id is 0.
func (f *fold) multicastQuery(t *table, e *events.Event, m *events.DNSMessage, emit analyzers.Emit) {
	from, to := ends(e)
	for j := range m.Question {
		q := &m.Question[j]
		class := mdnsClass(q.Class)
		typ, cls := t.words.of(q.Type), t.words.of(class)
		hash := hashMulticast(t.seed, q.Name)
		at := attempt{frame: e.Pos.Frame, base: e.Time, last: e.Time, baseFrame: e.Pos.Frame, server: to.addr, stream: e.Stream, id: m.ID, proto: e.Flow.Proto, queries: 1}
		at.key = mix(flowKey(hash, at.proto, at.stream, at.id), uint64(e.Pos.Frame)<<16|uint64(j)) // of no use, but unique

		again := int32(none)
		i := t.sameQuestion(hash)
		for n := 0; i != none && n < walkMulticast && again == none; n++ {
			en := t.at(i)
			if en.phase == open && t.owns(en) && t.client(en) == from.addr && en.typ == typ && en.class == cls && isName(t.name(en), q.Name) {
				again = i
			}
			i = en.nextSame
		}
		if again != none {
			if x := t.rares[t.at(again).rare]; x.lastFrame == e.Pos.Frame {
				continue // asked twice in one message
			} else if e.Time.Sub(x.lastTime) < copied {
				x.copies++
				continue
			}
			f.again(t, again, e, at)
			continue
		}
		f.room(t, emit)
		i = t.ask(hash, q.Name, &at, from, m)
		en := t.at(i)
		en.typ, en.class = typ, cls
		t.add(i)
		if len(m.Authority) > 0 { // RFC 6762 section 8.1
			t.also(en).probe = true
		}
		for r := range m.Answer {
			if fits(q.Type, class, &m.Answer[r]) && sameName(q.Name, m.Answer[r].Name) {
				t.also(en).knownAnswers++
			}
		}
	}
}

// multicastResponse takes an mDNS response: to every question that one of its
// records answers. One that answers none is an announcement.
func (f *fold) multicastResponse(t *table, e *events.Event, m *events.DNSMessage) {
	from, to := ends(e)
	everybody := isMulticast(&to.addr)
	for j := range m.Answer {
		r := &m.Answer[j]
		i := t.sameQuestion(hashMulticast(t.seed, r.Name))
		for n := 0; i != none && n < walkMulticast; n++ {
			en := t.at(i)
			next := en.nextSame
			if t.owns(en) && isName(t.name(en), r.Name) && fits(t.words.text(en.typ), t.words.text(en.class), r) &&
				from.addr != t.client(en) && (everybody || to.addr == t.client(en)) {
				x := t.rares[en.rare]
				switch {
				case en.phase == open && e.Time.Sub(x.lastTime) <= answerWindow:
					f.answer(t, i, 0, e, m, from)
					x.latency, x.fromFrame = e.Time.Sub(x.lastTime), x.lastFrame
				case en.phase != open && en.responseFrame != e.Pos.Frame && x.lastFrame != e.Pos.Frame:
					x.responses++
					x.lastFrame = e.Pos.Frame // counted once a message
				}
			}
			i = next
		}
	}
}

// fits reports whether a record of the name asked for answers a question of
// that type and class (RFC 6762 sections 6 and 6.1).
func fits(typ, class string, r *events.DNSRecord) bool {
	if c := mdnsClass(r.Class); c != class && class != "ANY" {
		return false
	}
	switch {
	case r.Type == typ, typ == "ANY", r.Type == "CNAME":
		return true
	case r.Type == "NSEC": // "there is no such record": types not in its list
		return !hasWord(r.Data, typ)
	}
	return false
}

func hasWord(s, word string) bool {
	for w := range strings.FieldsSeq(s) {
		if w == word {
			return true
		}
	}
	return false
}

// mdnsClass is a class without its top bit, which in mDNS asks for a unicast
// answer or flushes caches (RFC 6762 sections 5.4 and 10.2).
func mdnsClass(c string) string {
	d, ok := strings.CutPrefix(c, "CLASS")
	if !ok {
		return c
	}
	n, err := strconv.ParseUint(d, 10, 16)
	if err != nil || n&0x8000 == 0 {
		return c
	}
	switch n &= 0x7fff; n {
	case 1:
		return "IN"
	case 255:
		return "ANY"
	}
	return "CLASS" + strconv.FormatUint(n, 10)
}
