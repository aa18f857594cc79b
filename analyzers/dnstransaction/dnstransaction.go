// Package dnstransaction answers, for every DNS query of a capture, what
// became of it: answered (how fast), asked again (how often, with which
// spacing), never answered, truncated and asked again over TCP, answered
// twice, answered wrongly. It also covers mDNS (RFC 6762) and LLMNR
// (RFC 4795), whose rules differ. It must not judge what answers say.
package dnstransaction

import (
	"math"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Question is dns.transaction.
var Question = analyzers.Question{
	Name: "dns.transaction",
	Area: analyzers.DNS,
	Doc:  "what became of each DNS query: latency, retries, no answer, TCP after truncation, second and wrong answers",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dns.transaction", o, newFold(o))
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Transaction{},
}

// The times of the definitions in docs/analyses/dns.transaction.md.
const (
	// patience is how long a question stays open after its last query.
	patience = 60 * events.Duration(time.Second)
	// linger is how long after its answer a question still waits for second
	// answers and for the TCP query after truncation; lingerPlain is for one
	// query and one whole answer, as nearly all are.
	linger      = 2 * events.Duration(time.Second)
	lingerPlain = events.Duration(time.Second)
	// tsharkRetry: Wireshark measures dns.time from the first of the queries
	// with one id on one flow, and begins anew with a query that comes this
	// long after it (its preference dns.retransmission_timer, 5 s).
	tsharkRetry = 5 * events.Duration(time.Second)
	// soonest is the least spacing at which a query with another id is a
	// retry. One that comes sooner is a question of its own: no resolver's
	// timer is that short, and two programs (or two hosts behind one address)
	// may ask the same.
	soonest = 50 * events.Duration(time.Millisecond)
	// copied is the spacing below which an equal query is a copy of the same
	// packet (a mirror port shows it twice), not a retry.
	copied = events.Duration(time.Millisecond)
	// answerWindow is how long after its last query a multicast question may
	// be answered: responders wait 20 to 500 ms (RFC 6762 section 6), LLMNR
	// senders wait up to 1 s (RFC 4795 section 7). Later ones are
	// announcements.
	answerWindow = 3 * events.Duration(time.Second)
)

// Ports of the three protocols.
const (
	portDNS   = 53
	portMDNS  = 5353
	portLLMNR = 5355
	// portNBNS is NetBIOS's name service (RFC 1002 section 4.2): messages of
	// the same shape, but broadcast, with rules of their own. Not DNS.
	portNBNS = 137
)

// Bounds of searches among the open questions of one client, newest first.
const (
	walkQuestion  = 32  // entries with the same question
	walkMulticast = 256 // the same, mDNS: a whole network shares one key
	walkOpen      = 64  // entries of any question, for wrong answers only
)

// kind is the protocol whose matching rules hold.
type kind uint8

const (
	unicast kind = iota
	llmnr
	mdns4 // by IP version: an answer comes over the one that was asked on
	mdns6
)

var kindNames = [...]string{unicast: "dns", llmnr: "llmnr", mdns4: "mdns", mdns6: "mdns"}

func (k kind) multicast() bool { return k >= mdns4 }

// key is who asks: everything that one address asks is seen together, so that
// retries to another server, from another port or over TCP are seen. For mDNS
// it is the link, because answers go to everybody (the address is zero).
type key struct {
	client events.Addr
	kind   kind
}

type fold struct {
	pending int // open questions a key
	samples int // entries of one list of a row
	lost    analyzers.Drops
	*store  // memory for all keys
}

func newFold(o analyzers.Options) *fold {
	return &fold{pending: max(o.Limits.FoldPending, 1), samples: max(o.Limits.FoldSamples, 1), store: newStore()}
}

// Dropped is that of analyzers.Dropper.
func (f *fold) Dropped(from, to events.Time) { f.lost.Add(from, to) }

// state is small because the engine holds a block of them.
type state struct{ *table }

func (*fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

func (*fold) Key(e *events.Event) (key, bool) {
	if e.Flow.ServerPort == portNBNS || e.Flow.ClientPort == portNBNS {
		return key{}, false
	}
	m := e.Body.(*events.DNSMessage)
	from, to := ends(e)
	switch k := kindOf(&e.Flow); {
	case k.multicast():
		return key{kind: k}, true
	case m.Response:
		return key{to.addr, k}, true
	default:
		return key{from.addr, k}, true
	}
}

func (*fold) Idle() time.Duration { return patience.Std() }

// end is one end of a flow.
type end struct {
	addr events.Addr
	port uint16
}

// ends are sender and receiver of e.
func ends(e *events.Event) (from, to end) {
	c, s := end{e.Flow.Client, e.Flow.ClientPort}, end{e.Flow.Server, e.Flow.ServerPort}
	if e.From == events.FromServer {
		return s, c
	}
	return c, s
}

func kindOf(f *events.Flow) kind {
	switch {
	case f.ServerPort == portDNS || f.ClientPort == portDNS:
		return unicast
	case f.ServerPort == portMDNS || f.ClientPort == portMDNS:
		if isIPv4(f.Server) {
			return mdns4
		}
		return mdns6
	case f.ServerPort == portLLMNR || f.ClientPort == portLLMNR:
		return llmnr
	}
	return unicast
}

func isIPv4(a events.Addr) bool {
	return [12]byte(a[:12]) == [12]byte{10: 0xff, 11: 0xff}
}

// isMulticast: 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 section 2.7).
func isMulticast(a *events.Addr) bool {
	if a[0] == 0xff {
		return true
	}
	return a[12]&0xf0 == 0xe0 && isIPv4(*a)
}

func (f *fold) Step(k key, s *state, e *events.Event, emit analyzers.Emit) {
	if s.table == nil {
		s.table = newTable(f.store, k)
	}
	m := e.Body.(*events.DNSMessage)
	t := s.table
	if e.Time > t.due {
		f.expire(t, e.Time, emit)
	}
	from, to := ends(e)
	switch {
	case k.kind.multicast() && !m.Response && isMulticast(&to.addr):
		f.multicastQuery(t, e, m, emit)
	case k.kind.multicast() && m.Response && (isMulticast(&to.addr) || len(m.Question) == 0):
		f.multicastResponse(t, e, m)
	case !m.Response:
		f.query(t, e, m, from, to, emit)
	default:
		f.response(t, e, m, from, to, emit)
	}
}

func (f *fold) Close(_ key, s *state, emit analyzers.Emit) {
	if s.table == nil {
		return
	}
	t := s.table
	for _, l := range [...]*list{&t.done, &t.trailing, &t.open} {
		for l.head != none {
			f.finish(t, l.head, emit)
		}
	}
}

// expire finishes what has waited long enough at time now.
func (f *fold) expire(t *table, now events.Time, emit analyzers.Emit) {
	t.due = math.MaxInt64
	for _, l := range [...]*list{&t.done, &t.trailing, &t.open} {
		for l.head != none {
			at := t.deadline(t.at(l.head))
			if now <= at {
				t.due = min(t.due, at)
				break
			}
			f.finish(t, l.head, emit)
		}
	}
}

// room makes place for one more entry: an answered one goes before an open
// one, the oldest first.
func (f *fold) room(t *table, emit analyzers.Emit) {
	if t.live < f.pending {
		return
	}
	for _, l := range [...]*list{&t.done, &t.trailing} {
		if l.head != none {
			f.finish(t, l.head, emit)
			return
		}
	}
	t.at(t.open.head).pushedOut = true
	f.finish(t, t.open.head, emit)
}
