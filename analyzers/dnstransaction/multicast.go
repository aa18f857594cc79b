package dnstransaction

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// multicastQuery takes an mDNS query to the group: each of its questions is
// one of its own (RFC 6762 section 5.3), matched by name, for the id is 0.
func (f fold) multicastQuery(k key, t *table, e *events.Event, m *events.DNSMessage, emit analyzers.Emit) {
	from, to := ends(e)
	for j := range m.Question {
		q := &m.Question[j]
		class := mdnsClass(q.Class)
		hash := hashName(2, q.Name)
		at := attempt{frame: e.Pos.Frame, base: e.Time, last: e.Time, baseFrame: e.Pos.Frame, server: to.addr, stream: e.Stream, id: m.ID, proto: e.Flow.Proto, queries: 1}
		at.key = mix(flowKey(hash, at.proto, at.stream, at.id), uint64(e.Pos.Frame)<<16|uint64(j)) // of no use, but unique

		again := int32(none)
		i := t.sameQuestion(hash, none)
		for n := 0; i != none && n < walkMulticast && again == none; n++ {
			en := &t.entries[i]
			if en.phase == open && en.client.addr == from.addr && en.typ == q.Type && en.class == class && sameName(en.name, q.Name) {
				again = i
			}
			i = en.nextSame
		}
		if again != none {
			if en := &t.entries[again]; en.lastFrame == e.Pos.Frame {
				continue // asked twice in one message
			} else if e.Time.Sub(en.lastTime) < copied {
				en.also().copies++
				continue
			}
			f.again(t, again, e, at)
			continue
		}
		f.room(k, t, emit)
		en, _ := t.add(hash, at)
		en.kind, en.client, en.tcp = k.kind, from, e.Flow.Proto == events.ProtoTCP
		en.name, en.typ, en.class, en.op = q.Name, q.Type, class, m.Opcode
		en.firstTime, en.lastTime, en.lastFrame = e.Time, e.Time, e.Pos.Frame
		en.queryBytes = int32(m.Size)
		if len(m.Authority) > 0 { // RFC 6762 section 8.1
			en.also().probe = true
		}
		for r := range m.Answer {
			if fits(q.Type, class, &m.Answer[r]) && sameName(q.Name, m.Answer[r].Name) {
				en.also().knownAnswers++
			}
		}
	}
}

// multicastResponse takes an mDNS response: to every question that one of its
// records answers. One that answers none is an announcement.
func (f fold) multicastResponse(t *table, e *events.Event, m *events.DNSMessage) {
	from, to := ends(e)
	everybody := isMulticast(&to.addr)
	for j := range m.Answer {
		r := &m.Answer[j]
		i := t.sameQuestion(hashName(2, r.Name), none)
		for n := 0; i != none && n < walkMulticast; n++ {
			en := &t.entries[i]
			next := en.nextSame
			if en.kind.multicast() && sameName(en.name, r.Name) && fits(en.typ, en.class, r) &&
				from.addr != en.client.addr && (everybody || to.addr == en.client.addr) {
				switch {
				case en.phase == open && e.Time.Sub(en.lastTime) <= answerWindow:
					f.answer(t, i, &en.first, e, m, from)
					en.latency, en.fromFrame = e.Time.Sub(en.lastTime), en.lastFrame
				case en.phase != open && en.responseFrame != e.Pos.Frame && en.lastFrame != e.Pos.Frame:
					en.responses++
					en.lastFrame = e.Pos.Frame // counted once a message
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
