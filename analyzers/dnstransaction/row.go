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
	reasonProbe     = "a probe: nobody has the name"
	reasonKnown     = "the asker listed the answers that it knew; those are not repeated (RFC 6762 section 7.1)"
)

// finish gives out the row of entry i and frees it.
func (f fold) finish(k key, t *table, i int32, emit analyzers.Emit) {
	en := &t.entries[i]
	v := &Transaction{
		Protocol: kindNames[k.kind], Transport: events.TransportName(en.first.proto), Stream: en.first.stream, ID: en.first.id,
		Name: en.name, Type: en.typ, Class: en.class,
		QueryFrame: en.first.frame, QueryBytes: int(en.queryBytes), Truncated: en.truncated,
		Store: Store{Retried: en.lastTime.Sub(en.firstTime), Last: en.lastTime},
	}
	if en.op != "QUERY" {
		v.Opcode = en.op
	}
	other := false
	if x := en.rare; x != nil {
		v.Copies, v.TCPFallback, v.FallbackOf, v.RepeatOf = x.copies, x.fallback, x.fallbackOf, x.repeatOf
		v.Probe, v.KnownAnswers = x.probe, x.knownAnswers
		v.SecondAnswers, v.Mismatched, v.LeftOff = x.seconds, x.mismatched, x.leftOff+x.retriesLeftOff
		other = v.addRetries(en)
	}
	switch {
	case en.phase != open:
		v.Status, v.Rcode = Answered, en.rcode
		v.ResponseFrame, v.ResponseBytes = en.responseFrame, int(en.responseBytes)
		v.Store.Latency, v.Store.Answers = en.latency, int(en.answers)
		v.Latency, v.Answers = &v.Store.Latency, &v.Store.Answers
		if en.fromFrame != en.first.frame {
			v.LatencyFrame = en.fromFrame
			v.Waited = en.waited()
		}
		if en.responses > 1 || k.kind != unicast {
			v.Responses = int(en.responses)
		}
	case en.pushedOut:
		v.Status, v.Reason = Undecided, reasonPushedOut
	default:
		v.Status = Unanswered
		switch {
		case v.Probe:
			v.Reason = reasonProbe
		case v.KnownAnswers > 0:
			v.Reason = reasonKnown
		case k.kind == unicast && !t.heard:
			v.Reason = reasonUnheard
		}
	}
	v.addFrames()
	v.write(en, other, emit)
	t.drop(i)
}

// waited is from the first query to the first answer.
func (en *entry) waited() events.Duration { return en.responseTime.Sub(en.firstTime) }

// addRetries fills the list of retries; true: not all were on the first flow
// under the first id.
func (v *Transaction) addRetries(en *entry) (other bool) {
	if len(en.retries) == 0 {
		return false
	}
	v.Retries = make([]Retry, len(en.retries))
	before := en.firstTime
	for i, r := range en.retries {
		v.Retries[i] = Retry{Frame: r.frame, After: r.time.Sub(before), ID: r.id, Stream: r.stream}
		before = r.time
		if r.server != en.first.server {
			v.Retries[i].Server = r.server.String()
		}
		if r.proto != en.first.proto {
			v.Retries[i].Transport = events.TransportName(r.proto)
		}
		other = other || r.stream != en.first.stream || r.proto != en.first.proto || r.id != en.first.id
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

// write sets the texts of the row, all in one string, and emits it.
func (v *Transaction) write(en *entry, other bool, emit analyzers.Emit) {
	var room [256]byte
	b := room[:0]
	b = appendAddr(b, en.client.addr)
	client := len(b)
	b = append(b, " → "...)
	server := len(b)
	b = appendAddr(b, en.first.server)
	serverEnd := len(b)
	b = append(b, ' ')
	b = append(b, en.name...)
	b = append(b, ' ')
	b = append(b, en.typ...)
	key := len(b)
	// mDNS answers come on a flow of their own, LLMNR's too.
	if other || en.kind != unicast || v.TCPFallback != 0 || v.FallbackOf != 0 || v.mismatchedID() {
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
	if en.answeredBy != en.first.server && en.answeredBy != (events.Addr{}) {
		b = appendAddr(b, en.answeredBy)
	}
	s := string(b)
	v.Client, v.Server, v.Filter, v.AnsweredBy = s[:client], s[server:serverEnd], s[key:filter], s[filter:]
	emit(s[:key], v)
}

func (v *Transaction) mismatchedID() bool {
	for i := range v.Mismatched {
		if v.Mismatched[i].Why == "id" {
			return true
		}
	}
	return false
}

func appendAddr(b []byte, a events.Addr) []byte { return a.IP().AppendTo(b) }

// unasked gives out the row of an answer without a query: the query was not
// captured, or was never sent.
func (f fold) unasked(k key, e *events.Event, m *events.DNSMessage, q *events.DNSQuestion, from, to end, emit analyzers.Emit) {
	en := entry{kind: k.kind, client: to, name: q.Name, typ: q.Type, answeredBy: from.addr, first: attempt{server: from.addr}}
	v := &Transaction{
		Status: Undecided, Reason: reasonNoQuery,
		Protocol: kindNames[k.kind], Transport: events.TransportName(e.Flow.Proto), Stream: e.Stream, ID: m.ID,
		Name: q.Name, Type: q.Type, Class: q.Class, Rcode: m.Rcode,
		ResponseFrame: e.Pos.Frame, ResponseBytes: m.Size, Truncated: m.TC, Store: Store{Answers: len(m.Answer), Last: e.Time},
	}
	v.Answers = &v.Store.Answers
	if m.Opcode != "QUERY" {
		v.Opcode = m.Opcode
	}
	v.addFrames()
	v.write(&en, false, emit)
}
