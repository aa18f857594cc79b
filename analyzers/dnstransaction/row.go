package dnstransaction

import (
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Why a question is undecided, or may have no answer.
const (
	reasonNoQuery   = "no query with this id and question was open on this flow: it was not captured, or was given up before"
	reasonPushedOut = "limit fold-pending reached before an answer came"
	reasonUnheard   = "no answer to this client was captured at all: its servers are silent, or only one direction was captured"
	reasonDropped   = "the capture lost packets while it waited for an answer"
	reasonProbe     = "a probe: nobody has the name"
	reasonKnown     = "the asker listed the answers that it knew; those are not repeated (RFC 6762 section 7.1)"
)

// finish gives out the row of entry i and frees it.
func (f *fold) finish(t *table, i int32, emit analyzers.Emit) {
	en := t.at(i)
	var c course
	if en.rare != none {
		c = t.rares[en.rare].course
	} else {
		c = en.plain()
	}
	v := t.transaction()
	// Field by field: it is zero, and is not to be copied.
	v.Protocol, v.Transport, v.Stream, v.ID = kindNames[en.kind], events.TransportName(en.proto), en.stream, en.id
	v.Type, v.Class = t.words.text(en.typ), t.words.text(en.class)
	v.QueryFrame, v.QueryBytes, v.Truncated = en.frame, int(en.queryBytes), en.truncated
	v.Store.Retried, v.Store.Last = c.lastTime.Sub(en.sent), c.lastTime
	if op := t.words.text(en.op); op != "QUERY" {
		v.Opcode = op
	}
	other := false
	if en.rare != none {
		x := t.rares[en.rare]
		v.Copies, v.TCPFallback, v.FallbackOf, v.RepeatOf = x.copies, x.fallback, x.fallbackOf, x.repeatOf
		v.Probe, v.KnownAnswers = x.probe, x.knownAnswers
		v.SecondAnswers, v.Mismatched, v.LeftOff = x.seconds, x.mismatched, x.leftOff+x.retriesLeftOff
		other = v.addRetries(en, x.retries)
	}
	switch {
	case en.phase != open:
		v.Status, v.Rcode = Answered, t.words.text(en.rcode)
		v.ResponseFrame, v.ResponseBytes = en.responseFrame, int(en.responseBytes)
		v.Store.Latency, v.Store.Answers = c.latency, int(en.answers)
		v.Latency, v.Answers = &v.Store.Latency, &v.Store.Answers
		if c.fromFrame != en.frame {
			v.LatencyFrame = c.fromFrame
			v.Waited = en.responseTime.Sub(en.sent) // from the first query
		}
		if c.responses > 1 || en.kind != unicast {
			v.Responses = c.responses
		}
	case en.pushedOut:
		v.Status, v.Reason = Undecided, reasonPushedOut
	case f.lost.Between(en.sent, c.lastTime.Add(tooYoung)):
		v.Status, v.Reason = Undecided, reasonDropped
	default:
		v.Status = Unanswered
		switch {
		case v.Probe:
			v.Reason = reasonProbe
		case v.KnownAnswers > 0:
			v.Reason = reasonKnown
		case en.kind == unicast && !t.heard:
			v.Reason = reasonUnheard
		}
	}
	v.addFrames()
	v.write(t.store, t.name(en), parties{t.client(en), en.server, c.answeredBy}, other || en.kind != unicast, emit)
	t.drop(i)
}

// addRetries fills the list of retries; true: not all were on the first flow
// under the first id.
func (v *Transaction) addRetries(en *entry, retries []retry) (other bool) {
	if len(retries) == 0 {
		return false
	}
	v.Retries = make([]Retry, len(retries))
	before := en.sent
	for i, r := range retries {
		v.Retries[i] = Retry{Frame: r.frame, After: r.time.Sub(before), ID: r.id, Stream: r.stream}
		before = r.time
		if r.server != en.server {
			v.Retries[i].Server = r.server.String()
		}
		if r.proto != en.proto {
			v.Retries[i].Transport = events.TransportName(r.proto)
		}
		other = other || r.stream != en.stream || r.proto != en.proto || r.id != en.id
	}
	v.Backoff = backoff(v.Retries)
	return other
}

// addFrames names the frames that the row rests on, the first few: query and
// answer before the others.
func (v *Transaction) addFrames() {
	fs := v.Store.Frames[:0]
	add := func(f uint64) {
		if f != 0 && len(fs) < analyzers.MaxFrames && !slices.Contains(fs, f) {
			fs = append(fs, f)
		}
	}
	add(v.QueryFrame)
	add(v.ResponseFrame)
	if len(v.Retries) > 0 || len(v.SecondAnswers) > 0 || len(v.Mismatched) > 0 || v.TCPFallback != 0 || v.FallbackOf != 0 || v.RepeatOf != 0 {
		add(v.LatencyFrame)
		add(v.TCPFallback)
		add(v.FallbackOf)
		add(v.RepeatOf)
		for i := range v.SecondAnswers {
			add(v.SecondAnswers[i].Frame)
		}
		for i := range v.Mismatched {
			add(v.Mismatched[i].Frame)
		}
		for i := range v.Retries {
			add(v.Retries[i].Frame)
		}
		slices.Sort(fs)
	}
	v.Frames = fs
}

// parties are who asked, who was asked, and who answered.
type parties struct{ client, server, by events.Addr }

// write sets the texts of the row, all in one string, and emits it.
func (v *Transaction) write(s *store, name []byte, p parties, byFrames bool, emit analyzers.Emit) {
	var room [256]byte
	b := room[:0]
	b = s.texts.append(b, &p.client)
	client := len(b)
	b = append(b, " → "...)
	server := len(b)
	b = s.texts.append(b, &p.server)
	serverEnd := len(b)
	b = append(b, ' ')
	b = append(b, name...)
	nameEnd := len(b)
	b = append(b, ' ')
	b = append(b, v.Type...)
	key := len(b)
	// mDNS answers come on a flow of their own, LLMNR's too.
	if byFrames || v.TCPFallback != 0 || v.FallbackOf != 0 || v.mismatchedID() {
		b = append(b, "frame.number in {"...)
		for i, f := range v.Frames {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = strconv.AppendUint(b, f, 10)
		}
		b = append(b, '}')
	} else {
		b = append(b, v.Transport...)
		b = append(b, ".stream eq "...)
		b = strconv.AppendUint(b, uint64(v.Stream), 10)
		b = append(b, " && dns.id == 0x"...)
		const hex = "0123456789abcdef"
		b = append(b, hex[v.ID>>12], hex[v.ID>>8&15], hex[v.ID>>4&15], hex[v.ID&15])
	}
	filter := len(b)
	if p.by != p.server {
		b = s.texts.append(b, &p.by)
	}
	text := s.text(b)
	v.Client, v.Server, v.Name = text[:client], text[server:serverEnd], text[serverEnd+1:nameEnd]
	v.Filter, v.AnsweredBy = text[key:filter], text[filter:]
	emit(text[:key], v)
}

func (v *Transaction) mismatchedID() bool {
	for i := range v.Mismatched {
		if v.Mismatched[i].Why == "id" {
			return true
		}
	}
	return false
}

// unasked gives out the row of an answer without a query: the query was not
// captured, or was never sent.
func (f *fold) unasked(t *table, e *events.Event, m *events.DNSMessage, q *asked, from, to end, emit analyzers.Emit) {
	v := t.transaction()
	*v = Transaction{
		Status: Undecided, Reason: reasonNoQuery,
		Protocol: kindNames[t.key.kind], Transport: events.TransportName(e.Flow.Proto), Stream: e.Stream, ID: m.ID,
		Type: t.words.text(q.typ), Class: t.words.text(q.class), Rcode: t.words.text(t.words.of(m.Rcode)),
		ResponseFrame: e.Pos.Frame, ResponseBytes: m.Size, Truncated: m.TC, Store: Store{Answers: len(m.Answer), Last: e.Time},
	}
	v.Answers = &v.Store.Answers
	if m.Opcode != "QUERY" {
		v.Opcode = t.words.text(t.words.of(m.Opcode))
	}
	v.addFrames()
	v.write(t.store, []byte(q.name), parties{to.addr, from.addr, from.addr}, t.key.kind != unicast, emit)
}
